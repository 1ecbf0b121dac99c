package exchange55

import (
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, backslash, quoted string }{
		{`cn=JamesW,cn=Recipients,ou=SITE,o=Org`, `cn=JamesW,cn=Recipients,ou=SITE,o=Org`, `cn=JamesW,cn=Recipients,ou=SITE,o=Org`},
		{` CN = Smith\, Ann ; O=Org `, `cn=Smith\, Ann,o=Org`, `cn="Smith, Ann",o=Org`},
		{`cn="Smith, Ann",o=Org`, `cn=Smith\, Ann,o=Org`, `cn="Smith, Ann",o=Org`},
		{`cn="say \"hi\" \\ bye",o=Org`, `cn=say \"hi\" \\ bye,o=Org`, `cn="say \"hi\" \\ bye",o=Org`},
		{`cn=\ lead,o=trail\ `, `cn=\ lead,o=trail\ `, `cn=" lead",o="trail "`},
		{`cn=\#1`, `cn=\#1`, `cn="#1"`},
		{`cn=Z\C3\B6e`, `cn=Zöe`, `cn=Zöe`},
		{`cn=a=b`, `cn=a=b`, `cn=a=b`},
		{`cn=nul\00`, `cn=nul\00`, `cn="nul\00"`},
		{`  `, ``, ``},
	}
	for _, test := range tests {
		n, err := parseName(test.in)
		if err != nil {
			t.Errorf("%q: %v", test.in, err)
			continue
		}
		if got := n.text(backslashStyle); got != test.backslash {
			t.Errorf("%q with backslashes: %q, want %q", test.in, got, test.backslash)
		}
		if got := n.text(quotedStyle); got != test.quoted {
			t.Errorf("%q with quotes: %q, want %q", test.in, got, test.quoted)
		}
	}
}

func TestNameErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"nonsense":     `read name "nonsense" at byte 0: no = after the attribute type`,
		"cn=a,=b":      `read name "cn=a,=b" at byte 5: "" is no attribute type`,
		"cn=a,cn=":     `read name "cn=a,cn=" at byte 8: the value of cn is empty`,
		"cn=a+ou=b":    `read name "cn=a+ou=b" at byte 4: '+' must be escaped`,
		`cn="a`:        `read name "cn=\"a" at byte 5: the closing quote is missing`,
		`cn="a"b`:      `read name "cn=\"a\"b" at byte 6: text after the closing quote`,
		`cn=a\`:        `read name "cn=a\\" at byte 5: nothing after the backslash`,
		`cn=\ff`:       `read name "cn=\\ff" at byte 6: the value of cn is not UTF-8`,
		"cn=a,":        `read name "cn=a," at byte 5: no = after the attribute type`,
		"cn=\xff,o=b,": `read name "cn=\xff,o=b,": not UTF-8`,
	} {
		if _, err := parseName(in); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", in, err, want)
		}
	}
}

// A name written in either style reads back as the same name.
func TestNamesReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var n name
		for range rapid.IntRange(1, maxLevels).Draw(t, "levels") {
			n = append(n, rdn{
				attribute: rapid.SampledFrom([]string{"cn", "ou", "o", "dc"}).Draw(t, "type"),
				value:     rapid.StringN(1, 12, -1).Draw(t, "value"),
			})
		}
		for _, style := range []nameStyle{backslashStyle, quotedStyle} {
			again, err := parseName(n.text(style))
			if err != nil {
				t.Fatalf("%q: %v", n.text(style), err)
			}
			if len(again) != len(n) {
				t.Fatalf("%q has %d levels, want %d", n.text(style), len(again), len(n))
			}
			for i := range n {
				if again[i] != n[i] {
					t.Fatalf("level %d of %q is %v, want %v", i, n.text(style), again[i], n[i])
				}
			}
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{`cn=a,o=b`, `cn="a, b" ; o=c`, `cn=\2c\,`, `cn=a+b=c`, ``, `=`, `cn="`, `cn=\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		n, err := parseName(in)
		if err != nil {
			return
		}
		again, err := parseName(n.text(quotedStyle))
		if err != nil || again.key() != n.key() {
			t.Fatalf("%q reads back as %q: %v", in, again.text(quotedStyle), err)
		}
		if !utf8.ValidString(n.key()) {
			t.Fatalf("%q has a key that is not UTF-8: %q", in, n.key())
		}
	})
}
