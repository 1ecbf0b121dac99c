package reconcile

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Fold returns a form of s that is equal for names which differ only in case,
// as cc:Mail (Q237588) and Exchange compare them. Blanks around it do not
// count.
func Fold(s string) string {
	s = strings.TrimSpace(s)
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(foldRune, s)
		}
	}
	return strings.ToLower(s) // which is s itself when it is in lower case
}

// same reports whether [Fold] gives the same for both names.
func same(a, b string) bool {
	return a == b || strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// foldRune returns one of the letters that differ from r only in case: the
// least, or its lower case, which reads better in keys and reasons, where that
// is one of them.
func foldRune(r rune) rune {
	if common := commonFolds(); int(r) < len(common) { // it is never negative
		return common[r]
	}
	return findFold(r)
}

// commonFolds are the folds of Latin, Greek and Cyrillic letters, which most
// names are made of, found once.
var commonFolds = sync.OnceValue(func() *[0x530]rune {
	var folds [0x530]rune
	for r := range folds {
		folds[r] = findFold(rune(r))
	}
	return &folds
})

func findFold(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if lower := unicode.ToLower(least); unicode.ToUpper(lower) == least {
		return lower
	}
	return least // such as the capital I with a dot, which is no i
}
