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

// foldRune returns the smallest rune of r's simple case folding orbit.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	// Lower case reads better in keys and reasons; it is the same for the
	// whole orbit because it starts from one fixed member of it.
	return unicode.ToLower(least)
}
