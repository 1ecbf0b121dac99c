package mapping

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNameRules(t *testing.T) {
	t.Parallel()
	john := Name{First: "John", Initials: "Q.", Last: "Doe"}
	for _, tc := range []struct {
		reason, rule string
		name         Name
		want         string
	}{
		{"Q183058: default display name", "%F %L", john, "John Doe"},
		{"Q183058: default alias", "%F%1L", john, "JohnD"},
		{"Q183058: first two characters of the first name", "%2F", Name{First: "Nick"}, "Ni"},
		{"Q197254: alias of the example", "%5L%1F", Name{First: "Grover", Last: "Smithson"}, "SmithG"},
		{"Q197254: display name of the example", "%L, %F - CCMail", john, "Doe, John - CCMail"},
		{"Q168077: a width larger than the name takes all of it", "%5L%9F", john, "DoeJohn"},
		{"widths count characters, not bytes", "%2F%1L", Name{First: "Jörg", Last: "Östlund"}, "JöÖ"},
		{"a width of two digits", "%10L", Name{Last: "Vandersteen-Groot"}, "Vandersteen"[:10]},
		{"Q241988: initials keep their period", "%F %I %L", john, "John Q. Doe"},
		{"a percent sign is doubled", "100%% %L%%", john, "100% Doe%"},
		{"literals in front", "CC: %L", john, "CC: Doe"},
		{"no initials: one separator goes", "%F %I %L", Name{First: "John", Last: "Doe"}, "John Doe"},
		{"no first name: the comma goes", "%L, %F", Name{Last: "Doe"}, "Doe"},
		{"no last name: the comma goes", "%L, %F", Name{First: "John"}, "John"},
		{"no first name: the text at the end stays", "%L, %F - CCMail", Name{Last: "Doe"}, "Doe - CCMail"},
		{"no last name: the text in front stays", "cc %L, %F", Name{First: "John"}, "cc John"},
		{"nothing at all: no text either", "cc %L, %F - CCMail", Name{}, ""},
		{"the comma outlives the blank, blank first", "%L %I, %F", Name{First: "John", Last: "Doe"}, "Doe, John"},
		{"the comma outlives the blank, comma first", "%L, %F %I", Name{Initials: "Q", Last: "Doe"}, "Doe, Q"},
		{"a blank outlives nothing", "%F%I %L", Name{First: "John", Last: "Doe"}, "John Doe"},
		{"of equals the first stays", "%F-%I/%L", Name{First: "John", Last: "Doe"}, "John-Doe"},
		{"brackets go with their token", "%F (%I) %L", Name{First: "John", Last: "Doe"}, "John Doe"},
		{"brackets at the end go too", "%L [%I]", Name{Last: "Doe"}, "Doe"},
		{"brackets stay with a value", "%F (%I) %L", john, "John (Q.) Doe"},
		{"brackets side by side", "(%F)(%L)", john, "(John)(Doe)"},
		{"a bracket around two tokens is plain text", "(%F %L)", Name{Last: "Doe"}, "(Doe)"},
		{"a cut leaves no blank at the end", "%3F %L", Name{First: "Jo Ann", Last: "Doe"}, "Jo Doe"},
		{"blanks around go", " %L ", john, "Doe"},
	} {
		r, problem := parseRule(tc.rule, nameTokens())
		if problem != nil {
			t.Errorf("%s: %q: %v", tc.reason, tc.rule, problem)
			continue
		}
		if got := r.expand(tc.name.values()); got != tc.want {
			t.Errorf("%s: %q of %+v = %q, want %q", tc.reason, tc.rule, tc.name, got, tc.want)
		}
	}
}

func TestAddressRules(t *testing.T) {
	t.Parallel()
	v := values{first: "Grover", initials: "T", last: "Smith", display: "Smith, Grover (HQ)", alias: "grovers"}
	for rule, want := range map[string]string{
		"%s, %g":    "Smith, Grover", // CP:09031, the default for mailboxes
		"%m":        "grovers",
		"%g.%s":     "Grover.Smith",
		"%1g%s":     "GSmith",
		"%g %1i %s": "Grover T Smith",
		"%5d":       "Smith",
	} {
		r, problem := parseRule(rule, addressTokens())
		if problem != nil {
			t.Errorf("%q: %v", rule, problem)
			continue
		}
		if got := r.expand(&v); got != want {
			t.Errorf("%q = %q, want %q", rule, got, want)
		}
	}
}

func TestParseRuleProblems(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule    string
		column  int
		message string
	}{
		{"%F %X", 5, `found 'X' after "%", expected a width or a letter`},
		{"%f", 2, `found 'f' after "%", expected a width or a letter`}, // the vocabularies differ in case
		{"%3g", 3, `found 'g' after "%3", expected a letter`},
		{"%5%", 3, `found '%' after "%5", expected a letter`},
		{"%<2>F", 2, `found '<' after "%", expected a width or a letter`},
		{"é %", 4, `the rule ends after "%", expected a width or a letter`},
		{"%F %12", 7, `the rule ends after "%12", expected a letter`},
		{"ü%0L", 3, "the width 0 is not between 1 and 256"},
		{"%257L", 2, "the width 257 is not between 1 and 256"},
		{"%99999999999999999999L", 2, "the width 99999999999999999999 is not between 1 and 256"},
	} {
		_, problem := parseRule(tc.rule, nameTokens())
		if problem == nil {
			t.Errorf("%q was accepted", tc.rule)
			continue
		}
		if problem.Column != tc.column || problem.Message != tc.message {
			t.Errorf("%q: column %d: %s; want column %d: %s", tc.rule, problem.Column, problem.Message, tc.column, tc.message)
		}
		if !strings.Contains(problem.Message, "width") && !strings.Contains(problem.Hint, "%F (first name), %L (last name), %I (initials)") {
			t.Errorf("%q: the hint %q does not tell the known letters", tc.rule, problem.Hint)
		}
	}
}

// Whatever is missing, a result looks as if somebody had typed it.
func TestRulesLeaveNoLooseBlanks(t *testing.T) {
	t.Parallel()
	literal := rapid.SampledFrom([]string{"", " ", ", ", " - ", "(", ")", " (", ") ", " [", "] ", "x", "%%"})
	letter := rapid.SampledFrom([]string{"%F", "%L", "%I", "%1F", "%3L"})
	value := rapid.SampledFrom([]string{"", "", "John", "Jo Ann", " de  Groot ", "Q."})
	rapid.Check(t, func(t *rapid.T) {
		text := literal.Draw(t, "prefix")
		for range rapid.IntRange(1, 4).Draw(t, "tokens") {
			text += letter.Draw(t, "token") + literal.Draw(t, "literal")
		}
		r, problem := parseRule(text, nameTokens())
		if problem != nil {
			t.Fatalf("%q: %v", text, problem)
		}
		name := Name{First: value.Draw(t, "first"), Initials: value.Draw(t, "initials"), Last: value.Draw(t, "last")}
		got := r.expand(name.values())
		if got != foldBlanks(got) {
			t.Fatalf("%q of %+v = %q has loose blanks", text, name, got)
		}
		if strings.Contains(got, "()") || strings.Contains(got, "[]") {
			t.Fatalf("%q of %+v = %q has empty brackets", text, name, got)
		}
		if got == "" != (r.expandValues(name.values()) == "") {
			t.Fatalf("%q of %+v = %q, but its values are %q", text, name, got, r.expandValues(name.values()))
		}
	})
}

// expandValues is the rule without its literals.
func (r rule) expandValues(v *values) string {
	var out strings.Builder
	for _, f := range r.fields {
		out.WriteString(f.value(v))
	}
	return out.String()
}

func FuzzParseRule(f *testing.F) {
	for _, seed := range []string{"%F %L", "%F%1L", "%L, %F - CCMail", "%5L%1F", "%%", "%", "%0F", "%12", "(%I)%X", "%\xffF", "%99999999999L"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, problem := parseRule(text, nameTokens())
		if problem != nil {
			if length := utf8.RuneCountInString(text); problem.Column < 1 || problem.Column > length+1 {
				t.Fatalf("%q: column %d is outside of the rule", text, problem.Column)
			}
			return
		}
		if got := r.expand(Name{}.values()); got != "" && len(r.fields) > 0 {
			t.Fatalf("%q of nothing = %q", text, got)
		}
		if got := r.expand(Name{"First", "I", "Last"}.values()); got != strings.TrimSpace(got) {
			t.Fatalf("%q = %q has blanks around it", text, got)
		}
	})
}
