package mapping

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	only := func(formats ...string) Settings { return Settings{FilterMode: "only", FilterFormats: formats} }
	except := func(formats ...string) Settings { return Settings{FilterMode: "except", FilterFormats: formats} }
	for _, tc := range []struct {
		reason   string
		settings Settings
		address  string
		want     bool
	}{
		{"no filter", Settings{}, "Doe, John at PO1", true},
		{"all", Settings{FilterMode: "all"}, "Doe, John at PO1", true},
		{"Q153487: a post office", only("* at PO1"), "Doe, John at PO1", true},
		{"Q153487: another post office", only("* at PO1"), "Doe, John at PO12", false},
		{"case does not count", only("DOE, * AT po1"), "Doe, John at PO1", true},
		{"nor outside of ASCII", only("ÖST* at *"), "Östlund, Åsa at PO1", true},
		{"any of several formats", only("x*", "* at PO?"), "Doe, John at PO1", true},
		{"a question mark is one character", only("* at PO?"), "Doe, John at PO", false},
		{"a percent sign is one character", only("* at PO%"), "Doe, John at PO1", true},
		{"one character, not one byte", only("?sa at PO1"), "Åsa at PO1", true},
		{"an asterisk may stand for nothing", only("*Doe*, John* at PO1"), "Doe, John at PO1", true},
		{"the whole address counts", only("Doe, John"), "Doe, John at PO1", false},
		{"several asterisks", only("*o*o*n*1"), "Doe, John at PO1", true},
		{"several asterisks, wrong order", only("*J*D*"), "Doe, John at PO1", false},
		{"except", except("* at TEST*"), "Doe, John at TEST1", false},
		{"except, no match", except("* at TEST*"), "Doe, John at PO1", true},
	} {
		rules, err := Compile(tc.settings)
		if err != nil {
			t.Fatalf("%s: %v", tc.reason, err)
		}
		if cause := rules.filter.cause(tc.address); (cause == "") != tc.want {
			t.Errorf("%s: %v with %q: cause %q", tc.reason, tc.settings.FilterFormats, tc.address, cause)
		}
	}
}

// wildcards is the definition of a match, as plain as it can be.
func wildcards(pattern, s []rune) bool {
	if len(pattern) == 0 {
		return len(s) == 0
	}
	if pattern[0] == '*' {
		return wildcards(pattern[1:], s) || len(s) > 0 && wildcards(pattern, s[1:])
	}
	return len(s) > 0 && (pattern[0] == s[0] || pattern[0] == '?' || pattern[0] == '%') && wildcards(pattern[1:], s[1:])
}

func TestMatchWildcardsIsItsDefinition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SliceOfN(rapid.SampledFrom([]rune("abö*?%")), 0, 8).Draw(t, "pattern")
		s := rapid.SliceOfN(rapid.SampledFrom([]rune("abö")), 0, 8).Draw(t, "text")
		if got, want := matchWildcards(pattern, s), wildcards(pattern, s); got != want {
			t.Fatalf("%q with %q: %v, want %v", string(pattern), string(s), got, want)
		}
	})
}

// A pattern that makes backtracking matchers explode ends at once.
func TestMatchWildcardsIsBounded(t *testing.T) {
	t.Parallel()
	pattern := []rune(strings.Repeat("a*", 200) + "b")
	if matchWildcards(pattern, []rune(strings.Repeat("a", 4000))) {
		t.Error("matched a text without the last letter")
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("* at PO1", "Doe, John at PO1")
	f.Add("*?%*", "ab")
	f.Add("", "")
	f.Add("\xff*", "\xffx")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 12 || len(s) > 24 {
			return // the definition is exponential
		}
		got := matchWildcards(newFormat(pattern).folded, []rune(reconcile.Fold(s)))
		if want := wildcards([]rune(reconcile.Fold(pattern)), []rune(reconcile.Fold(s))); got != want {
			t.Fatalf("%q with %q: %v, want %v", pattern, s, got, want)
		}
	})
}
