package config

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"deletes", "delete_percent", "floor", "name", "url"}
	for _, test := range []struct{ key, want, reason string }{
		{"delete", "deletes", "a letter is missing"},
		{"florr", "floor", "a letter is another"},
		{"flooor", "floor", "a letter is there twice"},
		{"deletepercent", "delete_percent", "the words are written together"},
		{"Name", "name", "case"},
		{"ulr", "url", "two letters changed places"},
		{"path", "", "another word"},
		{"", "", "no key is near to nothing"},
	} {
		if got := nearest(test.key, known); got != test.want {
			t.Errorf("nearest(%q) = %q, want %q: %s", test.key, got, test.want, test.reason)
		}
	}
}

// The edit distance is a metric.
func TestEditDistance(t *testing.T) {
	t.Parallel()
	words := rapid.StringMatching(`[ab_]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := words.Draw(t, "a"), words.Draw(t, "b"), words.Draw(t, "c")
		ab, ba := editDistance(a, b), editDistance(b, a)
		if ab != ba {
			t.Errorf("from %q to %q it is %d, back %d", a, b, ab, ba)
		}
		if (ab == 0) != (a == b) {
			t.Errorf("between %q and %q it is %d", a, b, ab)
		}
		if longest := max(len(a), len(b)); ab > longest || ab < longest-min(len(a), len(b)) {
			t.Errorf("between %q and %q it is %d, outside what their lengths allow", a, b, ab)
		}
		if bc, ac := editDistance(b, c), editDistance(a, c); ac > ab+bc {
			t.Errorf("from %q to %q it is %d, by way of %q only %d", a, c, ac, b, ab+bc)
		}
	})
}

func TestEditDistanceCounts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 2}} {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
