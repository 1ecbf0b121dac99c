package ldapsrc_test

import (
	"strings"
	"testing"

	"ccdirsync/ldapsrc"
)

// sales is a distribution list as this project makes them.
func sales() ldapsrc.Recipient {
	return ldapsrc.Recipient{
		DN: "cn=CC0LIST," + container, Class: ldapsrc.DistributionList, DirectoryName: "CC0LIST",
		DisplayName: "Sales", Alias: "Sales", ImportedFrom: "hq", TrustLevel: ldapsrc.DefaultTrustLevel,
		Proxies: []ldapsrc.Proxy{
			{Type: "X400", Address: "c=GB;a= ;p=Contoso;o=HQ;s=Sales;", Primary: true},
			{Type: "CCMAIL", Address: "#Sales", Primary: true},
		},
		Attributes: map[string][]string{"extension-attribute-15": {"list:sales"}},
	}
}

func TestAddList(t *testing.T) {
	t.Parallel()
	list := sales()
	list.Members = []string{"cn=user001," + recipients}
	change, err := ldapsrc.Exchange55().Add(list)
	if err != nil {
		t.Fatal(err)
	}
	const entry = `
version: 1

dn: cn=CC0LIST,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso
changetype: add
objectClass: groupOfNames
rdn: CC0LIST
cn: Sales
uid: Sales
textEncodedORAddress: c=GB;a= ;p=Contoso;o=HQ;s=Sales;
Imported-From: hq
otherMailbox: CCMAIL$#Sales
Report-To-Originator: TRUE
`
	const key = "Extension-Attribute-15: list:sales\n"
	wantLDIF(t, entry+key, change)

	never := ldapsrc.Exchange55()
	never.EmptyLists = false
	if change, err = never.Add(list); err != nil {
		t.Fatal(err)
	}
	wantLDIF(t, entry+"member: cn=user001,"+recipients+"\n"+key, change)
	list.Members = nil
	if _, err = never.Add(list); err == nil || !strings.Contains(err.Error(), "it has no members") {
		t.Errorf("no members, where a list must have some: %v", err)
	}
}

func TestChangeMembers(t *testing.T) {
	t.Parallel()
	wantLDIF(t, `
version: 1

dn: cn=CC0LIST,o=x
changetype: modify
add: member
member: cn=a,o=x
member: cn=b,o=x
-

dn: cn=CC0LIST,o=x
changetype: modify
delete: member
member: cn=c,o=x
-
`, ldapsrc.Exchange55().ChangeMembers("cn=CC0LIST,o=x", []string{"cn=a,o=x", "cn=b,o=x"}, []string{"cn=c,o=x"})...)
	changes := ldapsrc.Exchange55().ChangeMembers("cn=CC0LIST,o=x", make([]string, 1001), nil)
	if len(changes) != 3 || len(changes[2].Mods[0].Values) != 1 {
		t.Errorf("1001 members come in %d requests", len(changes))
	}
}

// A list comes back without its members, which have requests of their own.
func TestRestoreList(t *testing.T) {
	t.Parallel()
	values := map[string][]string{
		"objectclass": {"top", "person", "groupOfNames"}, "rdn": {"CC0LIST"}, "cn": {"Sales"}, "uid": {"Sales"},
		"member": {"cn=a,o=x"}, "report-to-originator": {"FALSE"},
	}
	change, err := ldapsrc.Exchange55().Restore("cn=CC0LIST,o=x", values)
	if err != nil {
		t.Fatal(err)
	}
	wantLDIF(t, `
version: 1

dn: cn=CC0LIST,o=x
changetype: add
objectClass: groupOfNames
cn: Sales
rdn: CC0LIST
Report-To-Originator: FALSE
uid: Sales
`, change)
}
