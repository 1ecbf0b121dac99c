package mapping

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

func TestCleanAlias(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ reason, in, want string }{
		{"letters and digits stay", "JohnD2", "JohnD2"},
		{"blanks go", "Sales Team", "SalesTeam"},
		{"punctuation goes", `O'Neil (HQ) @ "x"#[y]/,;:`, "ONeilHQxy"},
		{"hyphens, underscores and single periods stay", "a-b_c.d", "a-b_c.d"},
		{"no period at either end, no two in a row", "..J..Q.", "J.Q"},
		{"letters of every script stay", "ÖstlundЖ", "ÖstlundЖ"},
		{"a decomposed letter is composed", "O\u0308st", "Öst"},
		{"64 characters", strings.Repeat("ö", 70), strings.Repeat("ö", 64)},
		{"no period at the end after the cut", strings.Repeat("x", 63) + ".y", strings.Repeat("x", 63)},
		{"nothing left", "(!)", ""},
	} {
		if got := cleanAlias(tc.in); got != tc.want {
			t.Errorf("%s: cleanAlias(%q) = %q, want %q", tc.reason, tc.in, got, tc.want)
		}
	}
}

func TestNumberedAlias(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ö", 64)
	for _, tc := range []struct {
		alias string
		n     int
		want  string
	}{
		{"JohnD", 1, "JohnD"},
		{"JohnD", 2, "JohnD2"},
		{"JohnD", 120, "JohnD120"},
		{long, 1, long},
		{long, 2, long[:63*2] + "2"},
		{long, 100, long[:61*2] + "100"},
	} {
		if got := numberedAlias(tc.alias, tc.n); got != tc.want {
			t.Errorf("numberedAlias(%q, %d) = %q, want %q", tc.alias, tc.n, got, tc.want)
		}
	}
}

func TestSMTPAddresses(t *testing.T) {
	t.Parallel()
	john := values{first: "John", last: "Doe", initials: "Q.", display: "John Doe", alias: "JohnD"}
	for _, tc := range []struct {
		reason, template string
		values           values
		want             string
	}{
		{"the alias", "%m@ccmail.contoso.example", john, "JohnD@ccmail.contoso.example"},
		{"the name", "%g.%s@contoso.example", john, "John.Doe@contoso.example"},
		{"initials lose their period at the end", "%g.%i@contoso.example", john, "John.Q@contoso.example"},
		{"no two periods in a row", "%g.%i.%s@contoso.example", john, "John.Q.Doe@contoso.example"},
		{"accents go (Q166572)", "%s@x.example", values{last: "Östlünd", alias: "a"}, "Ostlund@x.example"},
		{"letters that are spelled out", "%s@x.example", values{last: "Großæøåđłþ", alias: "a"}, "Grossaeoadlth@x.example"},
		{"the cut counts after that", "%1g%s@x.example", values{first: "Åsa", last: "Ek", alias: "a"}, "AEk@x.example"},
		{"blanks and quotes go", "%d@x.example", values{display: `Jo Ann "O'Neil"`, alias: "a"}, "JoAnnONeil@x.example"},
		{"other scripts go, with their separator", "%g.%s@x.example", values{first: "Иван", last: "Doe", alias: "a"}, "Doe@x.example"},
		{"without anything the alias stands in", "%g.%s@x.example", values{alias: "SalesTeam"}, "SalesTeam@x.example"},
		{"without a usable alias the directory name does", "%m@x.example", values{alias: "Иван"}, "CC01@x.example"},
		{"what is too long as well", "%m@x.example", values{alias: strings.Repeat("ß", 40)}, "CC01@x.example"},
		{"a template that does not vary", "ccmail@x.example", john, "ccmail@x.example"},
	} {
		template, problem := parseSMTP(tc.template)
		if problem != nil {
			t.Errorf("%s: %q: %v", tc.reason, tc.template, problem)
			continue
		}
		if got := template.expand(&tc.values, "CC01"); got != tc.want {
			t.Errorf("%s: %q of %v = %q, want %q", tc.reason, tc.template, tc.values, got, tc.want)
		}
	}
}

func TestX400Addresses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason, template string
		values           values
		want             string
	}{
		{"the alias", "c=US;a= ;p=Contoso;o=HQ;s=%m;", values{alias: "JohnD"}, "c=US;a= ;p=Contoso;o=HQ;s=JohnD;"},
		{"Q196255: the name with its initial", "c=US;a= ;s=%s;g=%g;i=%i;", values{first: "John", last: "de Groot", initials: "Q.", alias: "x"}, "c=US;a= ;s=de Groot;g=John;i=Q.;"},
		{"a part without a value is left out", "c=US;a= ;s=%s;g=%g;i=%i;", values{last: "Doe", alias: "x"}, "c=US;a= ;s=Doe;"},
		{"separators in a value go", "c=US;a= ;s=%s;", values{last: `D;o=e/"x"`, alias: "x"}, "c=US;a= ;s=Doex;"},
		{"accents go", "c=US;a= ;s=%s;", values{last: "Östlund", alias: "x"}, "c=US;a= ;s=Ostlund;"},
		{"without a surname the alias stands in", "c=US;a= ;s=%s;", values{alias: "SalesTeam"}, "c=US;a= ;s=SalesTeam;"},
		{"without a usable alias the directory name does", "c=US;a= ;s=%m;", values{alias: "Иван"}, "c=US;a= ;s=CC01;"},
		{"a surname of more than 40 characters", "c=US;a= ;s=%m;", values{alias: strings.Repeat("x", 41)}, "c=US;a= ;s=CC01;"},
		{"a first name of more than 16 characters", "c=US;a= ;s=%m;g=%g;", values{alias: "x", first: "Maximiliana-Sophie"}, "c=US;a= ;s=x;g=Maximiliana-Soph;"},
	} {
		template, problem := parseX400(tc.template)
		if problem != nil {
			t.Errorf("%s: %q: %v", tc.reason, tc.template, problem)
			continue
		}
		if got := template.expand(&tc.values, "CC01"); got != tc.want {
			t.Errorf("%s: %q of %v = %q, want %q", tc.reason, tc.template, tc.values, got, tc.want)
		}
	}
}

// Proposals for a name differ in their aliases, fit, and keep their form
// whatever characters the name has.
func TestNamesFit(t *testing.T) {
	t.Parallel()
	rules, err := Compile(Settings{SMTP: "%m@ccmail.example", X400: "c=US;a= ;s=%m;g=%g;"})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		im := newImporter(rules, ImportScope{Connector: "hq"})
		im.users([]reconcile.Row{{Name: rapid.String().Draw(t, "name"), Location: "L", PostOffice: "PO1"}})
		if len(im.result.Wanted) == 0 {
			return
		}
		n := rapid.IntRange(2, 5000).Draw(t, "n")
		w := &im.result.Wanted[0]
		first, nth := w.Names(&w.Recipient, 1), w.Names(&w.Recipient, n)
		if first.Alias == nth.Alias {
			t.Fatalf("proposals 1 and %d are both %q", n, first.Alias)
		}
		for _, names := range []reconcile.Names{first, nth} {
			if length := utf8.RuneCountInString(names.Alias); length < 1 || length > maxAlias || cleanAlias(names.Alias) != names.Alias {
				t.Fatalf("alias %q", names.Alias)
			}
			local := strings.TrimSuffix(names.Proxies[0].Address, "@ccmail.example")
			if local == "" || len(local) > maxLocalPart || localPart(local) != local {
				t.Fatalf("SMTP address %q", names.Proxies[0].Address)
			}
			x400 := names.Proxies[1].Address
			if !strings.HasPrefix(x400, "c=US;a= ;s=") || strings.Contains(x400, "=;") || strings.Count(x400, ";") > 4 {
				t.Fatalf("X.400 address %q", x400)
			}
		}
	})
}
