package reconcile

import (
	"strings"
	"unicode"
)

// Fold returns a form of s that is equal for names which differ only in case,
// as cc:Mail (Q237588) and Exchange compare them. Blanks around it do not
// count.
func Fold(s string) string {
	return strings.Map(foldRune, strings.TrimSpace(s))
}

// foldRune returns one of the letters that differ from r only in case: the
// least, or its lower case, which reads better in keys and reasons, where that
// is one of them.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if lower := unicode.ToLower(least); unicode.ToUpper(lower) == least {
		return lower
	}
	return least // such as the capital I with a dot, which is no i
}
