package ccmail_test

import (
	"testing"

	"pgregory.net/rapid"

	"ccdirsync/ccmail"
)

func TestSplitAddress(t *testing.T) {
	t.Parallel()
	known := []string{"NORTH HUB", "NORTH", "EXSITE1", "", "MÜNCHEN", "MÜNCHEN OST"}
	for name, c := range map[string]struct{ addr, po, foreign string }{
		"empty, as a direct post office has":     {"", "", ""},
		"a post office alone":                    {"EXSITE1", "EXSITE1", ""},
		"the first word if it is not known":      {"SMTPGATE \"Jan Weber\" <j@example.org>", "SMTPGATE", "\"Jan Weber\" <j@example.org>"},
		"the rest is the foreign alias name":     {"EXSITE1 Quist, Marta", "EXSITE1", "Quist, Marta"},
		"the longest known name":                 {"NORTH HUB Quist, Marta", "NORTH HUB", "Quist, Marta"},
		"a shorter known name":                   {"NORTH Hubert, Jan", "NORTH", "Hubert, Jan"},
		"case does not matter, spelling is kept": {"north Hub Quist", "north Hub", "Quist"},
		"case of letters beyond ASCII":           {"München Ost Quist", "München Ost", "Quist"},
		"only whole words":                       {"EXSITE10 Quist", "EXSITE10", "Quist"},
		"blanks around":                          {"  EXSITE1 \t Quist ", "EXSITE1", "Quist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if po, foreign := ccmail.SplitAddress(c.addr, known); po != c.po || foreign != c.foreign {
				t.Errorf("%q is %q and %q, want %q and %q", c.addr, po, foreign, c.po, c.foreign)
			}
		})
	}
}

func TestJoinedAddressSplitsAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		po := rapid.StringMatching(`[A-Zß]{1,5}( [A-Z]{1,3})?`).Draw(t, "post office")
		foreign := rapid.StringMatching(`([a-zA-Z,."]+( [a-z]+)?)?`).Draw(t, "foreign")
		gotPO, gotForeign := ccmail.SplitAddress(ccmail.JoinAddress(po, foreign), []string{po})
		if gotPO != po || gotForeign != foreign {
			t.Fatalf("%q and %q became %q and %q", po, foreign, gotPO, gotForeign)
		}
	})
}
