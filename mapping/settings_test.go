package mapping

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompileProblems(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason   string
		settings Settings
		want     string // field: column: message
	}{
		{
			"a rule with an unknown letter",
			Settings{DisplayName: "%F %s"},
			`mapping.exchange.display_name: column 5: found 's' after "%", expected a width or a letter`,
		},
		{
			"an address rule with a letter of the other vocabulary",
			Settings{CCMailName: "%L, %F"},
			`mapping.ccmail.name: column 2: found 'L' after "%", expected a width or a letter`,
		},
		{
			"a comment for cc:Mail",
			Settings{CCMailComment: "%q"},
			`mapping.ccmail.comment: column 2: found 'q' after "%", expected a width or a letter`,
		},
		{
			"one alias for everybody",
			Settings{Alias: "ccmail"},
			`mapping.exchange.alias: the rule "ccmail" has no token, it would name all entries the same`,
		},
		{
			"Q217040 is not there yet",
			Settings{Comment: "%a;%o;%p"},
			"mapping.exchange.comment: comment rules are not supported by this version",
		},
		{"an unknown choice", Settings{Prefer: "Proxy"}, `mapping.ccmail.prefer: "Proxy" is not a known value`},
		{"another", Settings{WithoutProxy: "skip"}, `mapping.ccmail.without_proxy: "skip" is not a known value`},
		{
			"only, but nothing",
			Settings{FilterMode: "only"},
			"exchange.import.filter.formats: the mode is only, but there are no formats",
		},
		{
			"except, but nothing",
			Settings{FilterMode: "except"},
			"exchange.import.filter.formats: the mode is except, but there are no formats",
		},
		{
			"formats without effect",
			Settings{FilterFormats: []string{"* at PO1"}},
			"exchange.import.filter.formats: there are formats, but the mode is all, which does not look at them",
		},
		{
			"an empty format",
			Settings{FilterMode: "only", FilterFormats: []string{"* at PO1", " "}},
			"exchange.import.filter.formats[1]: the format is empty",
		},
		{"an unknown mode", Settings{FilterMode: "some"}, `exchange.import.filter.mode: "some" is not a known value`},
		{"no @", Settings{SMTP: "%m"}, "exchange.import.addresses.smtp: there is no @ in it"},
		{"nothing before the @", Settings{SMTP: "@x.example"}, "exchange.import.addresses.smtp: column 1: nothing stands before the @"},
		{"periods before the @", Settings{SMTP: ".@x.example"}, "exchange.import.addresses.smtp: column 1: nothing stands before the @"},
		{"a blank before the @", Settings{SMTP: "%g %s@x.example"}, "exchange.import.addresses.smtp: column 3: ' ' cannot stand before the @"},
		{"a percent sign before the @", Settings{SMTP: "%m%%x@y.example"}, "exchange.import.addresses.smtp: column 3: '%' cannot stand before the @"},
		{"a bad token before the @", Settings{SMTP: "a%F@x.example"}, `exchange.import.addresses.smtp: column 3: found 'F' after "%", expected a width or a letter`},
		{"a token after the @", Settings{SMTP: "%m@%s.example"}, `exchange.import.addresses.smtp: column 4: "%s.example" is not the name of a domain`},
		{"no domain", Settings{SMTP: "%m@"}, `exchange.import.addresses.smtp: column 4: "" is not the name of a domain`},
		{"no semicolon at the end", Settings{X400: "c=US;a= ;s=%m"}, "exchange.import.addresses.x400: column 14: it does not end in a semicolon"},
		{"not key=value", Settings{X400: "c=US;a;s=%m;"}, `exchange.import.addresses.x400: column 6: "a" is not of the form key=value`},
		{"a token as key", Settings{X400: "c=US;%m=x;"}, `exchange.import.addresses.x400: column 6: "%m=x" is not of the form key=value`},
		{"a bad token", Settings{X400: "c=US;a= ;s=%L;"}, `exchange.import.addresses.x400: column 13: found 'L' after "%", expected a width or a letter`},
		{"a character of no X.400 address", Settings{X400: "c=US;a= ;o=Köln;s=%m;"}, `exchange.import.addresses.x400: column 10: "o=Köln" holds a character that an X.400 address cannot hold`},
		{"K263520: no country", Settings{X400: "a= ;s=%m;"}, "exchange.import.addresses.x400: the part c= is missing"},
		{"K263520: no administration domain", Settings{X400: "c=US;s=%m;"}, "exchange.import.addresses.x400: the part a= is missing"},
		{"K263520: no surname", Settings{X400: "c=US;a= ;g=%m;"}, "exchange.import.addresses.x400: the part s= is missing"},
	} {
		_, err := Compile(tc.settings)
		var bad *SettingsError
		if !errors.As(err, &bad) || len(bad.Problems) != 1 {
			t.Errorf("%s: error %v, want one problem", tc.reason, err)
			continue
		}
		if got := err.Error(); got != tc.want+": "+bad.Problems[0].Hint || bad.Problems[0].Hint == "" {
			t.Errorf("%s:\n got %s\nwant %s and a hint", tc.reason, got, tc.want)
		}
	}
}

func TestCompileTellsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Compile(Settings{
		DisplayName: "%", Alias: "%0F", Comment: "%a", CCMailName: "x", CCMailComment: "%", Prefer: "x", WithoutProxy: "x",
		FilterMode: "only", SMTP: "x", X400: "x",
	})
	var bad *SettingsError
	if !errors.As(err, &bad) {
		t.Fatalf("error %v", err)
	}
	var fields []string
	for _, p := range bad.Problems {
		fields = append(fields, p.Field)
	}
	want := strings.Fields(`mapping.exchange.display_name mapping.exchange.alias mapping.exchange.comment
		mapping.ccmail.prefer mapping.ccmail.without_proxy mapping.ccmail.name mapping.ccmail.comment
		exchange.import.filter.formats exchange.import.addresses.smtp exchange.import.addresses.x400`)
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}
