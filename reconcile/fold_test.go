package reconcile_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		a, b   string
		same   bool
	}{
		{"case does not count (Q237588)", "Quist, Marta", "QUIST, marta", true},
		{"nor do blanks around a name", "  Quist, Marta\t", "Quist, Marta", true},
		{"blanks inside do", "Quist,  Marta", "Quist, Marta", false},
		{"letters of the code pages have case too", "ÅSA ÖSTLUND-ÉCÜ", "åsa östlund-éCü", true},
		{"Greek sigma has three forms", "ΟΔΟΣ", "οδος", true},
		{"the final one among them", "οδοσ", "οδος", true},
		{"Cyrillic has case", "ИВАНОВ", "иванов", true},
		{"an accent counts", "Ek, Andre", "Ek, André", false},
		{"a sharp s is not two", "Weiß", "WEISS", false},
		{"a dotless i is not a dotted one", "ı", "i", false},
		{"a capital I with a dot is no i", "İ", "i", false},
		{"nor an I", "İ", "I", false},
	} {
		if same := reconcile.Fold(c.a) == reconcile.Fold(c.b); same != c.same {
			t.Errorf("%s: Fold(%q) == Fold(%q) is %v", c.reason, c.a, c.b, same)
		}
	}
}

func TestFoldIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		variant := strings.Map(func(r rune) rune {
			for range rapid.IntRange(0, 2).Draw(t, "turns") {
				r = unicode.SimpleFold(r)
			}
			return r
		}, strings.ToValidUTF8(name, ""))
		folded := reconcile.Fold(strings.ToValidUTF8(name, ""))
		if got := reconcile.Fold(variant); got != folded {
			t.Errorf("Fold(%q) = %q, but Fold(%q) = %q", variant, got, name, folded)
		}
		if again := reconcile.Fold(folded); again != folded {
			t.Errorf("Fold(%q) = %q, folded again %q", name, folded, again)
		}
	})
}

// What differs not only in case stays different.
func TestFoldStaysInTheOrbit(t *testing.T) {
	t.Parallel()
	for r := range rune(unicode.MaxRune + 1) {
		if unicode.IsSpace(r) || !utf8.ValidRune(r) {
			continue
		}
		folded := reconcile.Fold(string(r))
		if !strings.EqualFold(folded, string(r)) {
			t.Errorf("Fold(%q) = %q, which is another letter", r, folded)
		}
		if next := unicode.SimpleFold(r); reconcile.Fold(string(next)) != folded {
			t.Errorf("Fold(%q) = %q, but Fold(%q) = %q", r, folded, next, reconcile.Fold(string(next)))
		}
	}
}
