package glauth_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"ccdirsync/testenv/glauth"
)

// It answers as the program does: entries with the names that it makes, and 50
// to every write.
func TestServer(t *testing.T) {
	t.Parallel()
	s, err := glauth.Start(t.Context(), glauth.Options{
		BaseDN: "dc=contoso,dc=example",
		Groups: []glauth.Group{{Name: "staff", Number: 5501}, {Name: "svcaccts", Number: 5502}},
		Users: []glauth.User{
			{Name: "marta", GivenName: "Marta", Surname: "Quist", Group: 5501, Password: "m"},
			{Name: "dirsync", Group: 5502, Password: "d", MaySearch: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if failed := s.Close(); failed != nil {
			t.Error(failed)
		}
	})
	c, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err = c.Bind("cn=dirsync,ou=svcaccts,dc=contoso,dc=example", "wrong"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("a wrong password: %v", err)
	}
	if err = c.Bind("cn=dirsync,ou=svcaccts,dc=contoso,dc=example", "d"); err != nil {
		t.Fatal(err)
	}
	found, err := c.SearchWithPaging(ldap.NewSearchRequest("dc=contoso,dc=example", ldap.ScopeWholeSubtree, 0, 0, 0, false,
		"(objectClass=posixAccount)", []string{"sn"}, nil), 1)
	if err != nil || len(found.Entries) != 2 || !strings.HasPrefix(found.Entries[0].DN, "cn=marta,ou=staff,ou=users,") || found.Entries[0].GetAttributeValue("sn") != "Quist" {
		t.Errorf("found %+v, %v", found, err)
	}
	if err = c.Del(ldap.NewDelRequest("cn=marta,ou=staff,ou=users,dc=contoso,dc=example", nil)); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
		t.Errorf("a deletion: %v", err)
	}
}
