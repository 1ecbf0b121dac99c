package exchange55_test

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"ccdirsync/testenv/exchange55"
)

func TestResultCodes(t *testing.T) {
	t.Parallel()
	newcomer := "dn: cn=new," + imported + "\nobjectClass: Remote-Address\nTarget-Address: CCMAIL:New at PO\n"
	change := func(dn, steps string) string { return "dn: " + dn + "\nchangetype: modify\n" + steps }
	tests := []struct {
		name string
		as   string
		ldif string
		want uint16
	}{
		{"a minimal custom recipient is enough (SMP-cr)", asService, newcomer, ldap.LDAPResultSuccess},
		{"both names of the primary address with one value (FIM27)", asService, newcomer + "mail: a@b\nrfc822Mailbox: a@b\n", ldap.LDAPResultSuccess},
		{"both names with two values", asService, newcomer + "mail: a@b\nrfc822Mailbox: c@d\n", ldap.LDAPResultConstraintViolation},
		{"rdn may be sent when it is the name", asService, newcomer + "rdn: NEW\n", ldap.LDAPResultSuccess},
		{"rdn differs from the name (K260031)", asService, newcomer + "rdn: other\n", ldap.LDAPResultInvalidAttributeSyntax},
		{"writing rdn (SELF)", asService, change(fuchs, "replace: rdn\nrdn: CC0001\n-\n"), ldap.LDAPResultNotAllowedOnRDN},
		{"writing the name of a site", asService, change(site, "replace: ou\nou: Hull\n-\n"), ldap.LDAPResultNotAllowedOnRDN},
		{"objectClass cannot change", asService, change(fuchs, "add: objectClass\nobjectClass: Container\n-\n"), ldap.LDAPResultObjectClassModsProhibited},
		{"name taken (K263520)", asService, strings.Replace(newcomer, "cn=new", "cn=cc0001", 1), ldap.LDAPResultEntryAlreadyExists},
		{"name taken by a hidden entry", asService, strings.Replace(newcomer, "cn=new", "cn=CC0002", 1), ldap.LDAPResultEntryAlreadyExists},
		{"no parent", asService, strings.Replace(newcomer, "cn=new", "cn=new,cn=nowhere", 1), ldap.LDAPResultNoSuchObject},
		{"the top of the tree", asService, "dn: o=Other\nobjectClass: organization\n", ldap.LDAPResultUnwillingToPerform},
		{"named by the wrong type", asService, strings.Replace(newcomer, "cn=new", "uid=new", 1), ldap.LDAPResultNamingViolation},
		{"directory name of 65 characters", asService, strings.Replace(newcomer, "cn=new", "cn="+strings.Repeat("ü", 65), 1), ldap.LDAPResultConstraintViolation},
		{"directory name of 64 characters", asService, strings.Replace(newcomer, "cn=new", "cn="+strings.Repeat("ü", 64), 1), ldap.LDAPResultSuccess},
		{"unknown attribute", asService, newcomer + "shoeSize: 43\n", ldap.LDAPResultUndefinedAttributeType},
		{"unknown class", asService, strings.Replace(newcomer, "Remote-Address", "inetOrgPerson", 1), ldap.LDAPResultObjectClassViolation},
		{"only an abstract class", asService, strings.Replace(newcomer, "Remote-Address", "person", 1), ldap.LDAPResultObjectClassViolation},
		{"two structural classes", asService, newcomer + "objectClass: groupOfNames\n", ldap.LDAPResultObjectClassViolation},
		{"no class at all", asService, strings.Replace(newcomer, "objectClass: Remote-Address\n", "", 1), ldap.LDAPResultObjectClassViolation},
		{"no Target-Address", asService, strings.Replace(newcomer, "Target-Address: CCMAIL:New at PO", "cn: New", 1), ldap.LDAPResultObjectClassViolation},
		{"Target-Address taken away", asService, change(fuchs, "delete: Target-Address\n-\n"), ldap.LDAPResultObjectClassViolation},
		{"a list has no first name", asService, change(staff, "add: givenName\ngivenName: All\n-\n"), ldap.LDAPResultObjectClassViolation},
		{"an attribute sent twice", asService, newcomer + "otherMailbox: MS$A/B/C\nothermailbox: ms$a/b/c\n", ldap.LDAPResultAttributeOrValueExists},
		{"other address without a type", asService, newcomer + "otherMailbox: a@b\n", ldap.LDAPResultInvalidAttributeSyntax},
		{"not a number", asService, newcomer + "Replication-Sensitivity: high\n", ldap.LDAPResultInvalidAttributeSyntax},
		{"not a boolean", asService, newcomer + "MAPI-Recipient: no\n", ldap.LDAPResultInvalidAttributeSyntax},
		{"not a name", asService, change(staff, "replace: owner\nowner: Marta\n-\n"), ldap.LDAPResultInvalidAttributeSyntax},
		{"initials of seven characters (K259060)", asService, newcomer + "initials: ABCDEFG\n", ldap.LDAPResultConstraintViolation},
		{"uid of 65 characters", asService, newcomer + "uid: " + strings.Repeat("u", 65) + "\n", ldap.LDAPResultConstraintViolation},
		{"cn of 65 characters", asService, change(fuchs, "replace: cn\ncn: "+strings.Repeat("c", 65)+"\n-\n"), ldap.LDAPResultConstraintViolation},
		{"telephoneNumber of 33 characters (K259060)", asService, newcomer + "telephoneNumber: " + strings.Repeat("1", 33) + "\n", ldap.LDAPResultConstraintViolation},
		{"Target-Address of 1124 characters", asService, change(fuchs, "replace: Target-Address\nTarget-Address: "+strings.Repeat("t", 1124)+"\n-\n"), ldap.LDAPResultConstraintViolation},
		{"info of 1025 characters", asService, newcomer + "info: " + strings.Repeat("i", 1025) + "\n", ldap.LDAPResultConstraintViolation},
		{"two values of a single one", asService, newcomer + "uid: a\nuid: b\n", ldap.LDAPResultConstraintViolation},
		{"a system attribute", asService, newcomer + "USN-Changed: 7\n", ldap.LDAPResultConstraintViolation},
		{"a derived attribute", asService, change(fuchs, "add: memberOf\nmemberOf: "+staff+"\n-\n"), ldap.LDAPResultConstraintViolation},
		{"delete of an absent attribute (K255291)", asService, change(fuchs, "delete: info\n-\n"), ldap.LDAPResultNoSuchAttribute},
		{"delete of an absent value", asService, change(staff, "delete: member\nmember: "+hidden+"\n-\n"), ldap.LDAPResultNoSuchAttribute},
		{"replace of an absent attribute by nothing", asService, change(fuchs, "replace: info\n-\n"), ldap.LDAPResultSuccess},
		{"a member twice, in another spelling (K263520)", asService, change(staff, "add: member\nmember: CN=MQUIST, "+recipients+"\n-\n"), ldap.LDAPResultAttributeOrValueExists},
		{"a second value of a single one", asService, change(fuchs, "add: uid\nuid: other\n-\n"), ldap.LDAPResultAttributeOrValueExists},
		{"modify of nothing", asService, change("cn=nobody,"+imported, "replace: cn\ncn: x\n-\n"), ldap.LDAPResultNoSuchObject},
		{"modify of a hidden entry without the admin view", asService, change(hidden, "replace: cn\ncn: x\n-\n"), ldap.LDAPResultNoSuchObject},
		{"modify of a hidden entry", asAdmin, change(hidden, "replace: cn\ncn: x\n-\n"), ldap.LDAPResultSuccess},
		{"delete of nothing", asService, "dn: cn=nobody," + imported + "\nchangetype: delete\n", ldap.LDAPResultNoSuchObject},
		{"delete above others", asService, "dn: " + recipients + "\nchangetype: delete\n", ldap.LDAPResultNotAllowedOnNonLeaf},
		{"write without a bind", asAnonymous, newcomer, ldap.LDAPResultInsufficientAccessRights},
		{"write by an account that may not", asReader, newcomer, ldap.LDAPResultInsufficientAccessRights},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := start(t, exchange55.Options{})
			before := string(d.Dump())
			err := apply(dial(t, d, test.as), test.ldif)
			if got := code(t, err); got != test.want {
				t.Fatalf("result %d, want %d: %v\nfor\n%s", got, test.want, err, test.ldif)
			}
			if test.want == ldap.LDAPResultSuccess {
				if d.Writes() != 1 {
					t.Errorf("%d writes counted, want 1", d.Writes())
				}
				return
			}
			if diff := cmp.Diff(before, string(d.Dump())); diff != "" {
				t.Errorf("a refused write left traces:\n%s", diff)
			}
			if d.Writes() != 0 {
				t.Errorf("%d writes counted, want none", d.Writes())
			}
		})
	}
}

// OAB: the values of a name have 256 characters in all.
func TestLengthOfNames(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	parent := imported // of 34 characters
	for range 3 {
		parent = "cn=" + strings.Repeat("n", 64) + "," + parent
		mustApply(t, conn, "dn: "+parent+"\nobjectClass: Container\n")
	}
	for length, want := range map[int]uint16{30: ldap.LDAPResultSuccess, 31: ldap.LDAPResultConstraintViolation} {
		err := apply(conn, "dn: cn="+strings.Repeat("n", length)+","+parent+"\nobjectClass: Container\n")
		if got := code(t, err); got != want {
			t.Errorf("%d characters: result %d, want %d", 226+length, got, want)
		}
	}
}

func TestUnreadableNames(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	for _, dn := range []string{"nonsense", "cn=", "cn=a,,o=b", `cn="a`, "cn=a+uid=b,o=c", `cn=a\`, "=x", strings.Repeat("cn=a,", 16) + "o=b"} {
		err := conn.Del(ldap.NewDelRequest(dn, nil))
		if got := code(t, err); got != ldap.LDAPResultInvalidDNSyntax {
			t.Errorf("%q: result %d, want %d", dn, got, ldap.LDAPResultInvalidDNSyntax)
		}
	}
}

// K303028: the primary address of before and the one of after the request
// must both stay out of the other addresses, so a swap takes two requests.
func TestPrimarySwap(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	at := "dn: " + marta + "\nchangetype: modify\n"
	tests := []struct {
		name, steps string
		want        uint16
	}{
		{"primary among the others", "add: otherMailbox\notherMailbox: smtp$Marta.Quist@leeds.contoso.example\n-\n", ldap.LDAPResultAttributeOrValueExists},
		{"swap in one request", `replace: mail
mail: mq@leeds.contoso.example
-
replace: rfc822Mailbox
rfc822Mailbox: mq@leeds.contoso.example
-
replace: otherMailbox
otherMailbox: CCMAIL$Quist, Marta at Leeds
otherMailbox: smtp$marta.quist@leeds.contoso.example
-
`, ldap.LDAPResultAttributeOrValueExists},
		{"new primary is still among the others", "replace: mail\nmail: mq@leeds.contoso.example\n-\n", ldap.LDAPResultAttributeOrValueExists},
		{"X.400 primary among the others", "add: otherMailbox\notherMailbox: X400$c=GB;a= ;p=Contoso;o=Leeds;s=Quist;g=Marta;\n-\n", ldap.LDAPResultAttributeOrValueExists},
		{"first request: new primary out of the others", `replace: mail
mail: mq@leeds.contoso.example
-
replace: rfc822Mailbox
rfc822Mailbox: mq@leeds.contoso.example
-
replace: otherMailbox
otherMailbox: CCMAIL$Quist, Marta at Leeds
-
`, ldap.LDAPResultSuccess},
		{"second request: old primary into the others", `replace: otherMailbox
otherMailbox: CCMAIL$Quist, Marta at Leeds
otherMailbox: smtp$marta.quist@leeds.contoso.example
-
`, ldap.LDAPResultSuccess},
	}
	for _, test := range tests {
		err := apply(conn, at+test.steps)
		if got := code(t, err); got != test.want {
			t.Fatalf("%s: result %d, want %d: %v", test.name, got, test.want, err)
		}
	}
	e := read(t, conn, marta)
	if got := e.GetAttributeValue("mail"); got != "mq@leeds.contoso.example" {
		t.Errorf("mail is %q after the swap", got)
	}
	want := []string{"CCMAIL$Quist, Marta at Leeds", "smtp$marta.quist@leeds.contoso.example"}
	if diff := cmp.Diff(want, e.GetAttributeValues("otherMailbox")); diff != "" {
		t.Errorf("otherMailbox after the swap:\n%s", diff)
	}
}

func TestModifyIsInOrderAndAtomic(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	at := "dn: " + fuchs + "\nchangetype: modify\n"
	mustApply(t, conn, at+"add: info\ninfo: first\n-\ndelete: info\ninfo: FIRST\n-\nadd: info\ninfo: second\n-\n")
	if got := read(t, conn, fuchs).GetAttributeValue("info"); got != "second" {
		t.Errorf("info is %q, want the value of the last step", got)
	}
	err := apply(conn, at+"replace: info\ninfo: third\n-\ndelete: sn\n-\n")
	if got := code(t, err); got != ldap.LDAPResultNoSuchAttribute {
		t.Fatalf("result %d, want %d", got, ldap.LDAPResultNoSuchAttribute)
	}
	if got := read(t, conn, fuchs).GetAttributeValue("info"); got != "second" {
		t.Errorf("info is %q after a refused request, want it unchanged", got)
	}
}

func TestRenameIsRefused(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	err := conn.ModifyDN(ldap.NewModifyDNRequest(fuchs, "cn=CC0009", true, recipients))
	if got := code(t, err); got != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("result %d, want %d", got, ldap.LDAPResultUnwillingToPerform)
	}
	if !exists(t, conn, fuchs) {
		t.Error("the entry is gone")
	}
}

func TestMembership(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	conn := dial(t, d, asService)
	if diff := cmp.Diff([]string{staff}, read(t, conn, fuchs).GetAttributeValues("memberOf")); diff != "" {
		t.Errorf("memberOf of a member:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CC0001", "mquist"}, found(t, conn, "(memberOf=CN=Staff, "+recipients+")")); diff != "" {
		t.Errorf("search by memberOf:\n%s", diff)
	}
	mustApply(t, conn, "dn: "+fuchs+"\nchangetype: delete\n")
	if diff := cmp.Diff([]string{marta}, read(t, conn, staff).GetAttributeValues("member")); diff != "" {
		t.Errorf("members after one was deleted:\n%s", diff)
	}
	mustApply(t, conn, "dn: "+staff+"\nchangetype: delete\n")
	if got := read(t, conn, marta).GetAttributeValues("memberOf"); len(got) != 0 {
		t.Errorf("memberOf %v after the list was deleted", got)
	}
}

func TestUpdateSequenceNumbers(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	usn := func(dn string) string { return read(t, conn, dn, "USN-Changed").GetAttributeValue("USN-Changed") }
	seed := usn(site)
	if seed != "11" {
		t.Fatalf("the site's USN is %s, want the highest of the 11 entries", seed)
	}
	mustApply(t, conn, "dn: cn=new,"+imported+"\nobjectClass: Remote-Address\nTarget-Address: CCMAIL:New at PO\n")
	mustApply(t, conn, "dn: "+fuchs+"\nchangetype: modify\nreplace: cn\ncn: Maxim Fuchs\n-\n")
	e := read(t, conn, fuchs, "USN-Changed", "USN-Created", "Object-Version")
	for name, want := range map[string]string{"USN-Changed": "13", "USN-Created": "8", "Object-Version": "2"} {
		if got := e.GetAttributeValue(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := usn(site); got != "13" {
		t.Errorf("the site's USN is %s, want 13", got)
	}
	if diff := cmp.Diff([]string{"CC0001", "Leeds", "new"}, found(t, conn, "(USN-Changed>=12)")); diff != "" {
		t.Errorf("changed since 12:\n%s", diff)
	}
}

// SDK directry_1okp, K239639.
func TestTombstones(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	service, admin := dial(t, d, asService), dial(t, d, asAdmin)
	mustApply(t, service, "dn: "+fuchs+"\nchangetype: delete\n")

	if exists(t, service, fuchs) || len(found(t, service, "(uid=mfuchs)")) > 0 {
		t.Error("the tombstone shows without the admin view")
	}
	if diff := cmp.Diff([]string{"CC0001"}, found(t, admin, "(Is-Deleted=TRUE)")); diff != "" {
		t.Errorf("tombstones in the admin view:\n%s", diff)
	}
	e := read(t, admin, fuchs, "*", "Is-Deleted", "USN-Changed", "Object-Version")
	want := map[string]string{
		"cn": "Max Fuchs", "rdn": "CC0001", "Target-Address": "CCMAIL:Max Fuchs at LEEDSPO",
		"Is-Deleted": "TRUE", "USN-Changed": "12", "Object-Version": "2", "uid": "", "mail": "", "otherMailbox": "",
	}
	for name, value := range want {
		if got := e.GetAttributeValue(name); got != value {
			t.Errorf("tombstone: %s is %q, want %q", name, got, value)
		}
	}
	err := apply(admin, "dn: "+fuchs+"\nchangetype: modify\nreplace: cn\ncn: x\n-\n")
	if got := code(t, err); got != ldap.LDAPResultNoSuchObject {
		t.Errorf("modify of a tombstone: result %d, want %d", got, ldap.LDAPResultNoSuchObject)
	}

	mustApply(t, service, "dn: "+fuchs+"\nobjectClass: Remote-Address\nTarget-Address: CCMAIL:Other at PO\n")
	e = read(t, service, fuchs, "*", "Is-Deleted", "USN-Created", "Object-Version")
	want = map[string]string{"cn": "", "Is-Deleted": "", "USN-Created": "14", "Object-Version": "3"}
	for name, value := range want {
		if got := e.GetAttributeValue(name); got != value {
			t.Errorf("made anew: %s is %q, want %q", name, got, value)
		}
	}
}

func TestTombstonesDoNotHoldTheirParent(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asAdmin)
	for _, dn := range []string{fuchs, hidden, imported} {
		mustApply(t, conn, "dn: "+dn+"\nchangetype: delete\n")
	}
	err := apply(conn, "dn: cn=new,"+imported+"\nobjectClass: Container\n")
	if got := code(t, err); got != ldap.LDAPResultNoSuchObject {
		t.Errorf("add below a tombstone: result %d, want %d", got, ldap.LDAPResultNoSuchObject)
	}
}

func TestPurgeAndFallBack(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	conn := dial(t, d, asAdmin)
	mustApply(t, conn, "dn: "+fuchs+"\nchangetype: delete\n")
	d.PurgeTombstones()
	if exists(t, conn, fuchs) {
		t.Error("the tombstone is still there")
	}
	e := read(t, conn, site, "USN-Last-Obj-Rem", "USN-Changed")
	if got := e.GetAttributeValue("USN-Last-Obj-Rem"); got != "12" {
		t.Errorf("USN-Last-Obj-Rem is %q, want the tombstone's 12", got)
	}
	d.FallBack(5)
	if got := read(t, conn, site, "USN-Changed").GetAttributeValue("USN-Changed"); got != "5" {
		t.Errorf("the site's USN is %s after the fall-back, want 5", got)
	}
}

func TestApplyIsExchangeItself(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	records, err := exchange55.ReadLDIF(strings.NewReader("dn: "+fuchs+"\nchangetype: modify\nreplace: cn\ncn: "+strings.Repeat("c", 65)+"\n-\nreplace: Instance-Type\nInstance-Type: 4\n-\n"), "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(records); err != nil {
		t.Fatal(err)
	}
	e := read(t, dial(t, d, asService), fuchs, "cn", "Instance-Type", "USN-Changed")
	if len(e.GetAttributeValue("cn")) != 65 || e.GetAttributeValue("Instance-Type") != "4" || e.GetAttributeValue("USN-Changed") != "12" {
		t.Errorf("after Apply: %v", e.Attributes)
	}
	if d.Writes() != 0 {
		t.Errorf("Apply was counted as %d writes of clients", d.Writes())
	}
	if err := d.Apply([]exchange55.ChangeRecord{{DN: "cn=nobody,o=Contoso", Type: exchange55.Delete}}); err == nil || !strings.Contains(err.Error(), "cn=nobody") {
		t.Errorf("error %v does not name the entry", err)
	}
}

func TestDumpStartsTheSameDirectory(t *testing.T) {
	t.Parallel()
	first := start(t, exchange55.Options{})
	conn := dial(t, first, asAdmin)
	mustApply(t, conn, "dn: "+hidden+"\nchangetype: delete\n")
	mustApply(t, conn, "dn: cn=Zoë\\, \\\"Zed\\\","+imported+"\nobjectClass: Remote-Address\nTarget-Address: CCMAIL:Zoë at PO\ninfo:: IGJsYW5rcyA=\n")
	dump := first.Dump()
	second := start(t, exchange55.Options{LDIF: dump})
	if diff := cmp.Diff(string(dump), string(second.Dump())); diff != "" {
		t.Errorf("dump of a dump:\n%s", diff)
	}
	content := string(second.DumpContent())
	for _, absent := range []string{"USN-Changed", "CC0002", "Is-Deleted"} {
		if strings.Contains(content, absent) {
			t.Errorf("the content has %s", absent)
		}
	}
	if !strings.Contains(content, "dn: "+fuchs+"\nobjectClass: Remote-Address\n") {
		t.Errorf("the content lacks an entry:\n%s", content)
	}
}
