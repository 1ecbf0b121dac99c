// Package conformance says what a directory must do to be taken for Exchange
// 5.5 by ccdirsync, as tests that anyone can run against a server:
//
//	func TestMyDirectory(t *testing.T) {
//		url := startMine(t, conformance.Seed())
//		conformance.Run(t, conformance.Directory{URL: url})
//	}
//
// The server has to hold the entries of [Seed] and to know the accounts of
// [Accounts]. The tests leave the directory as they found it, but for change
// numbers and what deletions leave behind.
//
// Most tests read and write with package ldapsrc, since that is what has to
// work. Those about limits, pages, rights and result codes ask without it, to
// see that there is something to overcome.
package conformance

import (
	"crypto/tls"
	_ "embed" // for the entries
	"fmt"
	"strings"
	"testing"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/slapd"
)

// The accounts that a directory under test has, all with Password.
const (
	AdminName  = "cn=dirsync,cn=CONTOSO,cn=admin" // may write, sees hidden and deleted entries
	PlainName  = "cn=dirsync,cn=CONTOSO"          // may write
	ReaderName = "cn=reader,cn=CONTOSO"
	Password   = "s3cret, with 'quotes'"
)

// What the entries of Seed are below.
const (
	Suffix     = "o=Contoso"
	Recipients = "cn=Recipients,ou=HQ,o=Contoso"           // mailboxes
	Container  = "cn=ccMail,cn=Recipients,ou=HQ,o=Contoso" // for custom recipients to come
	Kinds      = "cn=kinds,ou=HQ,o=Contoso"                // one recipient of each kind, and a leftover of a deletion
)

// Mailboxes is how many are below Recipients: more than two pages and more than
// a server gives at once.
const Mailboxes = 230

// SizeLimit is how many entries a directory under test gives at once
// (documented: K243786).
const SizeLimit = 100

//go:embed seed.ldif
var seed string

// Seed is the LDIF of the entries that a directory under test holds, parents
// first.
func Seed() string {
	var b strings.Builder
	b.WriteString(seed)
	for n := range Mailboxes {
		fmt.Fprintf(&b, "dn: cn=user%03d,%s\nobjectClass: organizationalPerson\ncn: User %03d\nrdn: user%03d\nuid: user%03d\n"+
			"mail: user%03d@contoso.example\nmailPreferenceOption: 0\n\n", n, Recipients, n, n, n, n)
	}
	return b.String()
}

// Exchange55 are the options of an exchange55 directory with Seed and the
// accounts.
func Exchange55() exchange55.Options {
	return exchange55.Options{
		LDIF: []byte(Seed()),
		Accounts: []exchange55.Account{
			{Domain: "CONTOSO", Name: "dirsync", Password: Password, AdminView: true, Write: true},
			{Domain: "CONTOSO", Name: "reader", Password: Password},
		},
	}
}

// Slapd are the options of a slapd with Seed and the accounts, for a folder of
// its own.
func Slapd(dir string) slapd.Options {
	return slapd.Options{
		Dir: dir, Suffix: Suffix, LDIF: Seed(),
		Users: []slapd.User{
			{Name: AdminName, Password: Password, Write: true},
			{Name: PlainName, Password: Password, Write: true},
			{Name: ReaderName, Password: Password},
		},
	}
}

// Directory is a server under test.
type Directory struct {
	URL      string      // ldap or ldaps
	TLS      *tls.Config // for ldaps and StartTLS
	StartTLS bool
	// Exchange55 is true for a server that also does what no other does: it
	// keeps change numbers itself, leaves a tombstone of what is deleted, keeps
	// primary addresses from the others, and names entries by rdn.
	Exchange55 bool
}

// Server is how to talk to the directory as the administrator, or in another
// way.
func (d Directory) Server(change ...func(*ldapsrc.Server)) ldapsrc.Server {
	s := ldapsrc.Server{URLs: []string{d.URL}, TLS: d.TLS, StartTLS: d.StartTLS, BindDN: AdminName, Password: Password}
	for _, c := range change {
		c(&s)
	}
	return s
}

// Dial connects to the directory until the test ends.
func (d Directory) Dial(t *testing.T, change ...func(*ldapsrc.Server)) *ldapsrc.Conn {
	t.Helper()
	c, err := ldapsrc.Dial(t.Context(), d.Server(change...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func withoutAdminView(s *ldapsrc.Server) { s.BindDN = PlainName }

// Run runs all tests against a directory.
func Run(t *testing.T, d Directory) {
	t.Helper()
	// What a server does, asked in plain LDAP.
	t.Run("the limit without pages", d.limitsUnpaged)
	t.Run("pages", d.pages)
	t.Run("pages and writes between them", d.pagesWhileWriting)
	t.Run("cookies that are none", d.refusesCookies)
	t.Run("what each account sees", d.views)
	t.Run("change numbers", d.changeNumbers)
	t.Run("result codes", d.resultCodes)
	t.Run("what deletions leave", d.tombstones)

	// What ldapsrc makes of it.
	t.Run("more entries than the server gives at once", d.readsAllPages)
	t.Run("larger pages than the server gives", d.readsTooLargePages)
	t.Run("the four kinds of recipients", d.readsKinds)
	t.Run("hidden only under the admin view", d.hiddenNeedsAdminView)
	t.Run("bases that are not there", d.refusesMissingBases)
	t.Run("a wrong password", d.refusesWrongPassword)
	t.Run("add, modify, delete", d.writes)
	t.Run("two entries with one name", d.refusesSecondEntry)
	t.Run("primary address swapped with another", d.swapsPrimary)
	t.Run("hidden, deleted and restored", d.restores)
	t.Run("members of a list", d.changesMembers)
	t.Run("values with awkward characters", d.writesHostileValues)
	t.Run("write access", d.testsWriteAccess)
	t.Run("LDIF does what Apply does", d.ldifEqualsApply)
}
