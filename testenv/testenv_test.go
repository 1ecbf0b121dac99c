package testenv_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ccdirsync/testenv"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/slapd"
)

// containersAsked is set by make test-container.
const containersAsked = "CCDIRSYNC_CONTAINERS"

// directories are all that can be started. An image may have to be made first.
var directories = []struct {
	kind  testenv.Kind
	where testenv.Where
}{
	{testenv.Exchange55, testenv.InProcess},
	{testenv.Exchange55, testenv.Process},
	{testenv.Exchange55, testenv.Container},
	{testenv.Slapd, testenv.Process},
	{testenv.Slapd, testenv.Container},
}

// need skips a test that needs what is not there.
func need(t *testing.T, kind testenv.Kind, where testenv.Where) {
	t.Helper()
	if where == testenv.Container {
		needContainers(t)
	} else if err := slapd.Available(); kind == testenv.Slapd && err != nil {
		t.Skipf("needs a real slapd: %v", err)
	}
}

func needContainers(t *testing.T) {
	t.Helper()
	if os.Getenv(containersAsked) == "" {
		t.Skipf("needs %s=1, which make test-container sets", containersAsked)
	}
	if err := testenv.ContainersAvailable(t.Context()); err != nil {
		t.Skip(err)
	}
}

// start starts a directory that conforms, until the test ends.
func start(t *testing.T, kind testenv.Kind, where testenv.Where, change ...func(*testenv.Options)) *testenv.Directory {
	t.Helper()
	need(t, kind, where)
	o := testenv.Options{
		Kind: kind, Where: where, LDIF: conformance.Seed(),
		Accounts: []testenv.Account{
			{Domain: "CONTOSO", Name: "dirsync", Password: conformance.Password, Write: true},
			{Domain: "CONTOSO", Name: "reader", Password: conformance.Password},
		},
	}
	for _, c := range change {
		c(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	d, err := testenv.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, %s: started in %s", kind, where, time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// Whatever a directory is and wherever it runs, it passes the same tests.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, test := range directories {
		t.Run(fmt.Sprintf("%s in a %s", test.kind, test.where), func(t *testing.T) {
			t.Parallel()
			d := start(t, test.kind, test.where)
			conformance.Run(t, conformance.Directory{URL: d.URL(), Exchange55: test.kind == testenv.Exchange55})
			if secure, authority := d.SecureURL(); secure != "" {
				conformance.Run(t, conformance.Directory{URL: secure, TLS: &tls.Config{RootCAs: authority, ServerName: "127.0.0.1"}})
			}
		})
	}
}

// Entries that are added later are there, and dumped with the others.
func TestAddAndDump(t *testing.T) {
	t.Parallel()
	for _, test := range directories {
		t.Run(fmt.Sprintf("%s in a %s", test.kind, test.where), func(t *testing.T) {
			t.Parallel()
			d := start(t, test.kind, test.where)
			const late = "dn: cn=late,ou=HQ,o=Contoso\nobjectClass: Container\ncn: late\n"
			if err := d.Add(t.Context(), late); err != nil {
				t.Fatal(err)
			}
			dump, err := d.Dump(t.Context())
			for _, dn := range []string{"dn: o=Contoso\n", "dn: cn=late,ou=HQ,o=Contoso\n", "dn: cn=user229,cn=Recipients,ou=HQ,o=Contoso\n"} {
				if err != nil || strings.Count(dump, dn) != 1 {
					t.Errorf("%q is %d times in the dump, %v", dn, strings.Count(dump, dn), err)
				}
			}
			if err := d.Add(t.Context(), late); err == nil {
				t.Error("the same entry was added twice")
			}
		})
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for reason, o := range map[string]testenv.Options{
		"slapd in process":      {Kind: testenv.Slapd, Where: testenv.InProcess, LDIF: "dn: o=x\nobjectClass: organization\no: x\n"},
		"a kind that no one is": {Kind: "domino"},
		"entries that are none": {LDIF: "nonsense"},
	} {
		if d, err := testenv.Start(t.Context(), o); err == nil {
			t.Errorf("%s: it started: %v", reason, d.Close())
		}
	}
}
