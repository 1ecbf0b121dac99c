package exchange55_test

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"ccdirsync/testenv/exchange55"
)

//go:embed testdata/contoso.ldif
var contoso []byte

const (
	site       = "ou=Leeds,o=Contoso"
	recipients = "cn=Recipients," + site
	imported   = "cn=ccMail Users," + recipients
	marta      = "cn=mquist," + recipients
	fuchs      = "cn=CC0001," + imported
	hidden     = "cn=CC0002," + imported
	staff      = "cn=staff," + recipients
)

// The bind names of the accounts that every directory here has.
const (
	asAdmin     = "cn=svc,cn=CONTOSO,cn=admin"
	asService   = "cn=svc,cn=CONTOSO"
	asReader    = "cn=reader,cn=CONTOSO,cn=admin" // has no right to the admin view
	asAnonymous = ""
	password    = "pw"
)

func start(t *testing.T, options exchange55.Options) *exchange55.Directory {
	t.Helper()
	if options.LDIF == nil {
		options.LDIF = contoso
	}
	options.Accounts = []exchange55.Account{
		{Domain: "CONTOSO", Name: "svc", Password: password, AdminView: true, Write: true},
		{Domain: "CONTOSO", Name: "reader", Password: password},
	}
	d, err := exchange55.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close the directory: %v", err)
		}
	})
	return d
}

// dial connects and binds; asAnonymous does not bind.
func dial(t *testing.T, d *exchange55.Directory, bindDN string) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(d.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // may be closed already, that is for some tests to see
	if bindDN != asAnonymous {
		if err := conn.Bind(bindDN, password); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// apply sends change records written as LDIF; it stops at the first error.
func apply(conn *ldap.Conn, ldif string) error {
	records, err := exchange55.ReadLDIF(strings.NewReader(ldif), "test")
	if err != nil {
		return err
	}
	for _, record := range records {
		if err := send(conn, record); err != nil {
			return err
		}
	}
	return nil
}

func send(conn *ldap.Conn, record exchange55.ChangeRecord) error {
	switch record.Type {
	case exchange55.Content, exchange55.Add:
		request := ldap.NewAddRequest(record.DN, nil)
		for _, a := range record.Attributes {
			request.Attribute(a.Name, a.Values)
		}
		return conn.Add(request)
	case exchange55.Modify:
		request := ldap.NewModifyRequest(record.DN, nil)
		for _, change := range record.Changes {
			request.Changes = append(request.Changes, ldap.Change{
				Operation:    uint(change.Op),
				Modification: ldap.PartialAttribute{Type: change.Name, Vals: change.Values},
			})
		}
		return conn.Modify(request)
	case exchange55.Delete:
		return conn.Del(ldap.NewDelRequest(record.DN, nil))
	default:
		return fmt.Errorf("change type %d", record.Type)
	}
}

func mustApply(t *testing.T, conn *ldap.Conn, ldif string) {
	t.Helper()
	if err := apply(conn, ldif); err != nil {
		t.Fatalf("%v\nfor\n%s", err, ldif)
	}
}

// code is the LDAP result code of an error; 0 for none.
func code(t *testing.T, err error) uint16 {
	t.Helper()
	if err == nil {
		return ldap.LDAPResultSuccess
	}
	var e *ldap.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an LDAP result: %v", err)
	}
	return e.ResultCode
}

func subtree(base, filter string, attributes ...string) *ldap.SearchRequest {
	return &ldap.SearchRequest{BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: filter, Attributes: attributes}
}

// found returns the first part of the names that a search of everything finds,
// sorted.
func found(t *testing.T, conn *ldap.Conn, filter string) []string {
	t.Helper()
	result, err := conn.Search(subtree("o=Contoso", filter, "1.1"))
	if err != nil {
		t.Fatalf("search %s: %v", filter, err)
	}
	var names []string
	for _, e := range result.Entries {
		_, value, _ := strings.Cut(e.DN, "=")
		value, _, _ = strings.Cut(value, ",")
		names = append(names, value)
	}
	slices.Sort(names)
	return names
}

// read returns one entry.
func read(t *testing.T, conn *ldap.Conn, dn string, attributes ...string) *ldap.Entry {
	t.Helper()
	result, err := conn.Search(&ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes,
	})
	if err != nil {
		t.Fatalf("read %s: %v", dn, err)
	}
	if len(result.Entries) != 1 {
		t.Fatalf("read %s: %d entries", dn, len(result.Entries))
	}
	return result.Entries[0]
}

// exists reports whether a base search finds the entry.
func exists(t *testing.T, conn *ldap.Conn, dn string) bool {
	t.Helper()
	result, err := conn.Search(&ldap.SearchRequest{BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)"})
	if c := code(t, err); c != ldap.LDAPResultSuccess && c != ldap.LDAPResultNoSuchObject {
		t.Fatalf("read %s: %v", dn, err)
	}
	return len(result.Entries) == 1
}

// many is an organization with so many custom recipients, c1, c2 and so on.
func many(count int) []byte {
	ldif := "dn: o=Contoso\nobjectClass: organization\n\n"
	for i := range count {
		ldif += fmt.Sprintf("dn: cn=c%d,o=Contoso\nobjectClass: Remote-Address\nTarget-Address: CCMAIL:c%d at PO\n\n", i+1, i+1)
	}
	return []byte(ldif)
}
