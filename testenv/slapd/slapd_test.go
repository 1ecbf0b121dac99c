package slapd_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
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
		{"a bad record to load at once", bulk(options(t, ""), "dn: o=Contoso\nobjectClass: nonsense\n"), "nonsense"},
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

// Entries that were loaded at once are as good as added ones: they are found,
// can be changed, and no limit stands in the way of an account without one.
func TestBulk(t *testing.T) {
	t.Parallel()
	const entries = 2000
	var bulk strings.Builder
	bulk.WriteString(seed + "\n")
	for n := range entries {
		fmt.Fprintf(&bulk, "dn: cn=c%04d,ou=HQ,o=Contoso\nobjectClass: Container\ncn: c%04d\n\n", n, n)
	}
	o := options(t, "dn: ou=Leeds,o=Contoso\nobjectClass: organizationalUnit\nou: Leeds\n")
	const everything, some = "cn=all,cn=CONTOSO", "cn=some,cn=CONTOSO"
	o.Users = []slapd.User{{Name: everything, Password: "x", Unlimited: true}, {Name: some, Password: "x"}}
	o.Bulk, o.Sync, o.MaxSize, o.Syncrepl, o.SessionLog = strings.NewReader(bulk.String()), true, 64<<20, true, 100
	ctx := context.WithoutCancel(t.Context())
	s, err := slapd.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err = s.Load(ctx, "dn: cn=c0001,ou=HQ,o=Contoso\nchangetype: modify\nreplace: Admin-Display-Name\nAdmin-Display-Name: changed\n"); err != nil {
		t.Error(err)
	}
	dump, err := s.Dump(ctx)
	if n := strings.Count(dump, "objectClass: Container"); err != nil || n != entries {
		t.Errorf("%d entries of %d, %v", n, entries, err)
	}
	for _, part := range []string{"Admin-Display-Name: changed", "dn: ou=Leeds,o=Contoso", "structuralObjectClass: Container", "entryUUID: "} {
		if !strings.Contains(dump, part) {
			t.Errorf("the dump does not hold %q", part)
		}
	}
	for name, want := range map[string]int{everything: entries, some: 100} {
		search := exec.CommandContext(ctx, "ldapsearch", "-x", "-LLL", "-H", s.URL, "-D", name, "-w", "x", "-b", "o=Contoso", "(objectClass=Container)", "1.1")
		out, _ := search.Output() // it fails when the limit is met
		if n := strings.Count(string(out), "dn: "); n != want {
			t.Errorf("%s got %d entries, want %d", name, n, want)
		}
	}
}

func bulk(o slapd.Options, ldif string) slapd.Options {
	o.Bulk = strings.NewReader(ldif)
	return o
}

// A plain server has the standard schema, knows nothing of Exchange's, and can
// be one that refuses every write.
func TestSchemas(t *testing.T) {
	t.Parallel()
	const person = "dn: cn=Ann Other,%s\nobjectClass: %s\ncn: Ann Other\nsn: Other\n"
	for _, test := range []struct {
		schema              slapd.Schema
		suffix, root, class string
		refused             string
	}{
		{slapd.Standard, "dc=contoso,dc=example", "objectClass: organization\nobjectClass: dcObject\no: Contoso\ndc: contoso\n", "inetOrgPerson", "Remote-Address"},
		{slapd.ActiveDirectory, "dc=contoso,dc=example", "objectClass: domainDNS\ndc: contoso\n", "contact", "inetOrgPerson"},
	} {
		o := options(t, "")
		o.Schema, o.Suffix, o.Bulk = test.schema, test.suffix, strings.NewReader("dn: "+test.suffix+"\n"+test.root)
		s := start(t, o)
		if err := s.Load(t.Context(), fmt.Sprintf(person, test.suffix, test.class)); err != nil {
			t.Errorf("%s: %v", test.schema, err)
		}
		if err := s.Load(t.Context(), fmt.Sprintf(person, test.suffix, test.refused)); err == nil {
			t.Errorf("%s takes the class %s", test.schema, test.refused)
		}
	}
	o := options(t, "")
	o.Bulk, o.ReadOnly = strings.NewReader(seed), true
	if err := start(t, o).Load(t.Context(), "dn: ou=Leeds,o=Contoso\nobjectClass: organizationalUnit\nou: Leeds\n"); err == nil || !strings.Contains(err.Error(), "(53)") {
		t.Errorf("a read-only server: %v", err)
	}
}

func start(t *testing.T, o slapd.Options) *slapd.Server {
	t.Helper()
	s, err := slapd.Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
