package mapping

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestSplitName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason, name string
		want         Name
	}{
		{"Q185593: Last, First", "Doe, John", Name{"John", "", "Doe"}},
		{"the initial after the first name", "Doe, John Q", Name{"John", "Q", "Doe"}},
		{"Q241988: its period stays", "Doe, John Q.", Name{"John", "Q.", "Doe"}},
		{"Q185593: without a comma the last word is the last name", "John Doe", Name{"John", "", "Doe"}},
		{"without a comma, with an initial", "John Q. Doe", Name{"John", "Q.", "Doe"}},
		{"one word is a last name", "Postmaster", Name{"", "", "Postmaster"}},
		{"blanks are folded", "  Doe ,   John   Q. ", Name{"John", "Q.", "Doe"}},
		{"no blank after the comma", "Doe,John", Name{"John", "", "Doe"}},
		{"a last name of two words", "de Groot, Anna Maria", Name{"Anna Maria", "", "de Groot"}},
		{"only the last of two initials", "Doe, John Q R.", Name{"John Q", "R.", "Doe"}},
		{"a letter alone is the first name", "Doe, J.", Name{"J.", "", "Doe"}},
		{"a letter alone without a comma", "J. Doe", Name{"J.", "", "Doe"}},
		{"a letter as the last name", "Malcolm X", Name{"Malcolm", "", "X"}},
		{"two letters are no initial", "Doe, John QR", Name{"John QR", "", "Doe"}},
		{"a digit is no initial", "Doe, John 2", Name{"John 2", "", "Doe"}},
		{"letters of every script", "Östlund, Åsa Ö.", Name{"Åsa", "Ö.", "Östlund"}},
		{"a decomposed letter is one letter", "Doe, John O\u0308.", Name{"John", "Ö.", "Doe"}},
		{"what follows a second comma joins the last name", "Doe, John, Jr.", Name{"John", "", "Doe Jr."}},
		{"more commas", "Doe, John Q., Jr., PhD", Name{"John", "Q.", "Doe Jr. PhD"}},
		{"nothing before the comma", ", John Doe", Name{"John", "", "Doe"}},
		{"nothing after the comma", "Doe,", Name{"", "", "Doe"}},
		{"commas only", " , ,", Name{}},
		{"nothing", "", Name{}},
	} {
		if got := SplitName(tc.name); got != tc.want {
			t.Errorf("%s: SplitName(%q) = %+v, want %+v", tc.reason, tc.name, got, tc.want)
		}
	}
}

// sortedWords tells texts apart by their words, not by the order of these.
func sortedWords(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ")
}

func FuzzSplitName(f *testing.F) {
	for _, seed := range []string{"Doe, John Q.", "John Doe", "Doe, John, Jr.", ",", "a b c", "\xff, x", "x\u0301 y z", "Doe,, J. "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := SplitName(name)
		if words := norm.NFC.String(strings.ReplaceAll(name, ",", " ")); sortedWords(got.String()) != sortedWords(words) {
			t.Fatalf("SplitName(%q) = %+v lost or made words", name, got)
		}
		if got.Last == "" && got != (Name{}) {
			t.Fatalf("SplitName(%q) = %+v has no last name", name, got)
		}
		for _, part := range []string{got.First, got.Initials, got.Last} {
			if part != foldBlanks(part) {
				t.Fatalf("SplitName(%q) = %+v has loose blanks", name, got)
			}
		}
	})
}
