package ldapsrc_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"

	"ccdirsync/ldapsrc"
)

func TestNormalizeDN(t *testing.T) {
	t.Parallel()
	const plain = `cn=smith\, ann,cn=recipients,ou=hq,o=contoso`
	for _, test := range []struct{ reason, dn, want string }{
		{"as Exchange writes it", `cn=Smith\, Ann,cn=Recipients,ou=HQ,o=Contoso`, plain},
		{"quoted (RFC 1779)", `cn="Smith, Ann",cn=Recipients,ou=HQ,o=Contoso`, plain},
		{"blanks and other separators", ` CN = "Smith, Ann" ; cn= Recipients,  ou =HQ ; O=Contoso `, plain},
		{"hexadecimal escape", `cn=Smith\2c Ann,cn=Recipients,ou=HQ,o=Contoso`, plain},
		{"UTF-8 in hexadecimal", `cn=Z\C3\AB`, "cn=zë"},
		{"upper case beyond ASCII", `cn=ÅNGSTRÖM`, "cn=ångström"},
		{"a long s and a Kelvin sign", "cn=ſ\u212A", "cn=sk"},
		{"a dotted capital I is no i", "cn=İ", "cn=İ"},
		{"blanks that belong to the value", `cn=\ a\ ,o=x`, `cn=\ a\ ,o=x`},
		{"blanks that belong to a quoted value", `cn=" a ",o=x`, `cn=\ a\ ,o=x`},
		{"an escaped quote in quotes", `cn="a \"b\"",o=x`, `cn=a \"b\",o=x`},
		{"two parts in either order", `uid=b + cn=a,o=x`, `cn=a+uid=b,o=x`},
		{"a control character", "cn=a\nb", `cn=a\0ab`},
		{"a byte that is not UTF-8", "cn=a\xe9", `cn=a\e9`},
		{"that byte in hexadecimal", `cn=a\E9`, `cn=a\e9`},
		{"a number sign", `cn=#12`, `cn=\#12`},
		{"an equals sign", `cn=a=b`, `cn=a=b`},
		{"an empty value", `cn=,o=x`, `cn=,o=x`},
		{"a number for a name", `2.5.4.3=a`, `2.5.4.3=a`},
		{"the empty name", ` `, ``},
	} {
		if got, err := ldapsrc.NormalizeDN(test.dn); err != nil || got != test.want {
			t.Errorf("%s: %q became %q, want %q, %v", test.reason, test.dn, got, test.want, err)
		}
	}
}

func TestNormalizeDNErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ reason, dn, tells string }{
		{"no equals sign", `o=x,nonsense`, "column 5: an attribute name and an equals sign are expected"},
		{"nothing after the comma", `o=x,`, "column 5"},
		{"no attribute name", `=x`, `"" is not an attribute name`},
		{"a blank in the attribute name", `c n=x`, `"c n" is not an attribute name`},
		{"no closing quote", `cn="a,o=x`, "the closing quote is missing"},
		{"text after the quote", `cn="a"b,o=x`, "column 7: a separator is expected"},
		{"a quote in the middle", `cn=a"b",o=x`, "column 5: a quote stands inside a value"},
		{"a backslash at the end", `cn=a\`, "nothing follows the backslash"},
		{"the same in quotes", `cn="a\`, "nothing follows the backslash"},
	} {
		_, err := ldapsrc.NormalizeDN(test.dn)
		if err == nil || !strings.Contains(err.Error(), test.tells) {
			t.Errorf("%s: %v, want it to tell %q", test.reason, err, test.tells)
		}
	}
}

// All letters that differ only in case have one form, and that is one of them.
func TestNormalizeDNFoldsEveryLetter(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		next := unicode.SimpleFold(r)
		if next == r {
			continue
		}
		a, errA := ldapsrc.NormalizeDN("cn=" + string(r))
		b, errB := ldapsrc.NormalizeDN("cn=" + string(next))
		if errA != nil || errB != nil || a != b || !strings.EqualFold(a, "cn="+string(r)) {
			t.Errorf("%q became %q and %q became %q", r, a, next, b)
		}
	}
}

func TestDNWithin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, dn, base string
		want             bool
	}{
		{"below it, in another case", "cn=a,cn=Recipients,o=Contoso", "CN=recipients, O=contoso", true},
		{"further below it", "cn=a,cn=b,cn=Recipients,o=Contoso", "cn=Recipients,o=Contoso", true},
		{"itself", "o=Contoso", "o=contoso", true},
		{"above it", "o=Contoso", "cn=a,o=Contoso", false},
		{"beside it", "cn=a,cn=b,o=Contoso", "cn=c,o=Contoso", false},
		{"a name that ends in the same letters", "cn=acn=b,o=x", "cn=b,o=x", false},
		{"a comma that is part of a value", `cn=a\,o=x`, "o=x", false},
		{"everything is below nothing", "o=x", "", true},
		{"no name", "nonsense", "o=x", false},
		{"no base", "o=x", "nonsense", false},
	} {
		if got := ldapsrc.DNWithin(test.dn, test.base); got != test.want {
			t.Errorf("%s: DNWithin(%q, %q) = %t", test.reason, test.dn, test.base, got)
		}
	}
}

func TestDirectoryName(t *testing.T) {
	t.Parallel()
	for dn, want := range map[string]string{
		`cn=CC00012A,cn=Recipients,o=x`: "CC00012A",
		`cn="Smith, Ann",o=x`:           "Smith, Ann",
		`cn=Smith\, Ann,o=x`:            "Smith, Ann",
	} {
		if got, err := ldapsrc.DirectoryName(dn); err != nil || got != want {
			t.Errorf("%q: %q, %v", dn, got, err)
		}
	}
	if _, err := ldapsrc.DirectoryName(""); err == nil {
		t.Error("the empty name has a directory name")
	}
}

// Whatever the directory name, it comes back from the name of the entry, and
// go-ldap agrees where the name is text.
func TestDNKeepsTheDirectoryName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		dn := ldapsrc.Exchange55().Write.DN(name, "cn=Recipients,o=Contoso")
		if got, err := ldapsrc.DirectoryName(dn); err != nil || got != name {
			t.Fatalf("%q became %q and came back as %q, %v", name, dn, got, err)
		}
		if !ldapsrc.DNWithin(dn, "o=contoso") {
			t.Fatalf("%q is not within its base", dn)
		}
		parsed, err := ldap.ParseDN(dn)
		if err != nil || len(parsed.RDNs) != 3 || parsed.RDNs[0].Attributes[0].Value != name {
			t.Fatalf("go-ldap reads %q as %v, %v", dn, parsed, err)
		}
	})
}

func FuzzNormalizeDN(f *testing.F) {
	for _, dn := range []string{
		"", "o=Contoso", `cn="Smith, Ann",cn=Recipients;O = x`, `cn=a\,b\2c\C3\AB+uid=\ x\ `, "cn=\xff\\\"", `cn="a\"`, "cn=#04", "cn=İſ\u212A",
	} {
		f.Add(dn)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		once, err := ldapsrc.NormalizeDN(dn)
		if err != nil {
			return
		}
		twice, err := ldapsrc.NormalizeDN(once)
		if err != nil || twice != once {
			t.Fatalf("%q became %q, and that became %q, %v", dn, once, twice, err)
		}
		if !ldapsrc.DNWithin(dn, once) || !ldapsrc.DNWithin(once, dn) {
			t.Fatalf("%q and its normal form %q are not within each other", dn, once)
		}
	})
}
