package slapd_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"ccdirsync/testenv/slapd"
)

const seed = `dn: o=Contoso
objectClass: organization
o: Contoso

dn: ou=HQ,o=Contoso
objectClass: organizationalUnit
ou: HQ
USN-Changed: 12
`

func options(t *testing.T, ldif string) slapd.Options {
	t.Helper()
	if err := slapd.Available(); err != nil {
		t.Skipf("needs a real slapd: %v", err)
	}
	return slapd.Options{Dir: t.TempDir(), Suffix: "o=Contoso", LDIF: ldif}
}

func TestStartLoadDumpClose(t *testing.T) {
	t.Parallel()
	ctx := context.WithoutCancel(t.Context())
	s, err := slapd.Start(ctx, options(t, seed))
	if err != nil {
		t.Fatal(err)
	}
	if err = s.Load(ctx, "dn: ou=Leeds,o=Contoso\nobjectClass: organizationalUnit\nou: Leeds\n"); err != nil {
		t.Error(err)
	}
	dump, err := s.Dump(ctx)
	for _, part := range []string{"dn: ou=HQ,o=Contoso\n", "USN-Changed: 12\n", "dn: ou=Leeds,o=Contoso\n", "entryCSN: "} {
		if err != nil || !strings.Contains(dump, part) {
			t.Errorf("the dump does not hold %q, %v:\n%s", part, err, dump)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	var dialer net.Dialer
	if conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "ldap://")); err == nil {
		t.Errorf("it still listens after Close: %v", conn.Close())
	}
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	badName := options(t, "")
	badName.Suffix = "nonsense"
	for _, test := range []struct {
		reason  string
		options slapd.Options
		tells   string
	}{
		{"an attribute that no class allows", options(t, seed+"initials: X\n"), "initials"},
		{"a suffix that is no name", badName, "invalid DN"},
		{"a folder that does not exist", slapd.Options{Dir: t.TempDir() + "/none", Suffix: "o=x"}, "no such file"},
	} {
		s, err := slapd.Start(t.Context(), test.options)
		if err == nil {
			t.Errorf("%s: it started", test.reason)
			_ = s.Close()
			continue
		}
		if !strings.Contains(err.Error(), test.tells) {
			t.Errorf("%s: %v, want it to tell %q", test.reason, err, test.tells)
		}
	}
}
