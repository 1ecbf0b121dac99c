package exchange55_test

import (
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ccdirsync/testenv/exchange55"
)

func TestDisplayNameIsNotTheDirectoryName(t *testing.T) {
	t.Parallel()
	e := read(t, dial(t, start(t, exchange55.Options{}), asService), marta)
	for name, want := range map[string][]string{
		"cn": {"Quist, Marta"}, "rdn": {"mquist"}, "objectClass": {"organizationalPerson", "person", "top"},
	} {
		if diff := cmp.Diff(want, e.GetAttributeValues(name)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	tests := []struct {
		filter string
		want   []string
		reason string
	}{
		{"(cn=M*x*s)", []string{"CC0001"}, "all parts of a substring count"},
		{"(cn=M*x*n)", nil, "the last part does not fit"},
		{"(cn=*ax*FU*)", []string{"CC0001"}, "parts in order, any case"},
		{"(cn=*fu*ax*)", nil, "parts out of order"},
		{"(uid=*s)", []string{"CC0001"}, "a final part alone"},
		{"(mail=ma*)", []string{"CC0001", "mquist"}, "an initial part alone"},
		{`(info=likes \28round\29 brackets \2a and stars)`, []string{"mquist"}, "values with brackets and stars"},
		{`(info=*\28round\29*)`, []string{"mquist"}, "brackets in a substring"},
		{"(CN=quist,   marta)", []string{"mquist"}, "case and rows of blanks do not count"},
		{"(rfc822Mailbox=MAX.fuchs@leeds.contoso.example)", []string{"CC0001"}, "the other name of mail"},
		{"(otherMailbox=CCMAIL$Max Fuchs at LEEDSPO)", []string{"CC0001"}, "uniqueness check of a client"},
		{"(objectClass=remote-address)", []string{"CC0001"}, "class names have no case; the hidden one does not show"},
		{"(cn~=max fuchs)", []string{"CC0001"}, "approx is equality"},
		{"(member=CN=mquist, CN=Recipients,OU=leeds,O=contoso)", []string{"staff"}, "names are compared as names"},
		{"(member=*quist*)", nil, "names have no substrings"},
		{"(Replication-Sensitivity>=21)", []string{"CC0001"}, "100 is more than 21: numbers, not texts"},
		{"(Replication-Sensitivity<=100)", []string{"CC0001", "mquist"}, "at most, inclusive"},
		{"(Replication-Sensitivity=020)", []string{"mquist"}, "equal numbers"},
		{"(&(uid>=m)(uid<=n))", []string{"CC0001", "mquist"}, "texts have an order, too"},
		{"(&(objectClass=person)(USN-Changed>=8)(!(uid=staff)))", []string{`Büro\`, "CC0001"}, "and, not, at least"},
		{"(|(uid=staff)(uid=mquist))", []string{"mquist", "staff"}, "or"},
		{"(|)", nil, "the or of nothing is false"},
		{"(Is-Deleted=TRUE)", nil, "no tombstone shows here"},
		{"(shoeSize=43)", nil, "an unknown attribute is undefined"},
		{"(!(shoeSize=43))", nil, "and so is its negation"},
		{"(|(shoeSize=43)(uid=staff))", []string{"staff"}, "an undefined part does not spoil an or"},
		{"(cn:caseExactMatch:=Max Fuchs)", nil, "matching rules are undefined"},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, found(t, conn, test.filter), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (%s):\n%s", test.filter, test.reason, diff)
		}
	}
	for filter, want := range map[string]int{
		"(&)": 10, "(!(info=*))": 9, "(modifyTimestamp>=19980601000000Z)": 10, "(When-Changed>=980601000001Z)": 0,
	} {
		if got := len(found(t, conn, filter)); got != want {
			t.Errorf("%s finds %d entries, want %d", filter, got, want)
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	tests := []struct {
		base string
		scope,
		want int
		code uint16
	}{
		{recipients, ldap.ScopeBaseObject, 1, 0},
		{recipients, ldap.ScopeSingleLevel, 4, 0},
		{recipients, ldap.ScopeWholeSubtree, 6, 0},
		{"CN=recipients, OU=leeds, O=CONTOSO", ldap.ScopeWholeSubtree, 6, 0},
		{"", ldap.ScopeSingleLevel, 1, 0},
		{"", ldap.ScopeWholeSubtree, 10, 0},
		{"cn=nowhere," + site, ldap.ScopeWholeSubtree, 0, ldap.LDAPResultNoSuchObject},
		{hidden, ldap.ScopeBaseObject, 0, ldap.LDAPResultNoSuchObject},
		{"nonsense", ldap.ScopeBaseObject, 0, ldap.LDAPResultInvalidDNSyntax},
	}
	for _, test := range tests {
		result, err := conn.Search(&ldap.SearchRequest{BaseDN: test.base, Scope: test.scope, Filter: "(objectClass=*)"})
		if got := code(t, err); got != test.code || len(result.Entries) != test.want {
			t.Errorf("%q scope %d: %d entries, result %d; want %d, %d", test.base, test.scope, len(result.Entries), got, test.want, test.code)
		}
		var e *ldap.Error
		if asLDAP(err, &e) && e.MatchedDN != "" {
			t.Errorf("%q: matched name %q, want none", test.base, e.MatchedDN)
		}
	}
}

// K243786: 100 entries without paging. The connection goes on.
func TestSizeLimit(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{LDIF: many(150)}), asService)
	tests := []struct {
		filter       string
		clientLimit  int
		entries      int
		code         uint16
		reasonItStop string
	}{
		{"(objectClass=Remote-Address)", 0, 100, ldap.LDAPResultSizeLimitExceeded, "the server's limit"},
		{"(objectClass=Remote-Address)", 7, 7, ldap.LDAPResultSizeLimitExceeded, "the client's limit"},
		{"(objectClass=Remote-Address)", 120, 100, ldap.LDAPResultSizeLimitExceeded, "the server's limit is below the client's"},
		{"(rdn=c1*)", 0, 62, ldap.LDAPResultSuccess, "all were sent"},
		{"(rdn=c1)", 1, 1, ldap.LDAPResultSuccess, "the limit is met, not exceeded"},
	}
	for _, test := range tests {
		request := subtree("o=Contoso", test.filter, "rdn")
		request.SizeLimit = test.clientLimit
		result, err := conn.Search(request)
		if got := code(t, err); got != test.code || len(result.Entries) != test.entries {
			t.Errorf("%s, limit %d: %d entries, result %d; want %d, %d: %s",
				test.filter, test.clientLimit, len(result.Entries), got, test.entries, test.code, test.reasonItStop)
		}
	}
}

func TestNoSizeLimit(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{LDIF: many(150), SizeLimit: -1}), asService)
	if got := len(found(t, conn, "(objectClass=*)")); got != 151 {
		t.Errorf("%d entries without a limit, want 151", got)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{LDIF: many(30), SizeLimit: 10})
	conn := dial(t, d, asService)
	for size, wantPages := range map[uint32]int{1: 31, 7: 5, 10: 4, 31: 4, 1000: 4} {
		seen := map[string]bool{}
		pages := 0
		control := ldap.NewControlPaging(size)
		for {
			request := subtree("o=Contoso", "(objectClass=*)", "1.1")
			request.Controls = []ldap.Control{control}
			result, err := conn.Search(request)
			if err != nil {
				t.Fatalf("page size %d: %v", size, err)
			}
			for _, e := range result.Entries {
				seen[e.DN] = true
			}
			pages++
			cookie := pagingCookie(t, result)
			if len(cookie) == 0 {
				break
			}
			control.SetCookie(cookie)
		}
		if len(seen) != 31 || pages != wantPages {
			t.Errorf("page size %d: %d entries in %d pages, want 31 in %d", size, len(seen), pages, wantPages)
		}
	}
}

func pagingCookie(t *testing.T, result *ldap.SearchResult) []byte {
	t.Helper()
	control, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if !ok {
		t.Fatal("the answer has no paging control")
	}
	return control.Cookie
}

func TestPagingSurvivesWrites(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{LDIF: many(9)}), asService)
	request := subtree("o=Contoso", "(objectClass=Remote-Address)", "1.1")
	control := ldap.NewControlPaging(3)
	request.Controls = []ldap.Control{control}
	first, err := conn.Search(request)
	if err != nil {
		t.Fatal(err)
	}
	for _, dn := range []string{"cn=c1,o=Contoso", "cn=c3,o=Contoso", "cn=c4,o=Contoso"} {
		mustApply(t, conn, "dn: "+dn+"\nchangetype: delete\n")
	}
	control.SetCookie(pagingCookie(t, first))
	second, err := conn.Search(request)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range second.Entries {
		names = append(names, e.DN)
	}
	if diff := cmp.Diff([]string{"cn=c5,o=Contoso", "cn=c6,o=Contoso", "cn=c7,o=Contoso"}, names); diff != "" {
		t.Errorf("second page:\n%s", diff)
	}
}

// A size limit counts over all pages; one that fits in a page makes the
// control void (RFC 2696).
func TestPagingWithSizeLimit(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{LDIF: many(9)}), asService)
	for _, limit := range []int{2, 3, 5} {
		request := subtree("o=Contoso", "(objectClass=Remote-Address)", "1.1")
		request.SizeLimit = limit
		result, err := conn.SearchWithPaging(request, 3)
		if got := code(t, err); got != ldap.LDAPResultSizeLimitExceeded || len(result.Entries) != limit {
			t.Errorf("size limit %d: %d entries, result %d", limit, len(result.Entries), got)
		}
	}
}

// The page is cut to the server's limit before it is compared.
func TestLargePageWithSizeLimit(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{LDIF: many(30), SizeLimit: 10}), asService)
	request := subtree("o=Contoso", "(objectClass=Remote-Address)", "1.1")
	request.SizeLimit = 40
	result, err := conn.SearchWithPaging(request, 100)
	if err != nil || len(result.Entries) != 30 {
		t.Errorf("%d entries, %v; want all 30", len(result.Entries), err)
	}
}

func TestPagingCookies(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{LDIF: many(9)}), asService)
	request := subtree("o=Contoso", "(objectClass=Remote-Address)", "1.1")
	control := ldap.NewControlPaging(3)
	request.Controls = []ldap.Control{control}
	first, err := conn.Search(request)
	if err != nil {
		t.Fatal(err)
	}
	cookie := pagingCookie(t, first)

	control.SetCookie([]byte("made up"))
	_, err = conn.Search(request)
	if got := code(t, err); got != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("made-up cookie: result %d", got)
	}
	control.SetCookie(cookie)
	other := subtree("o=Contoso", "(objectClass=*)", "1.1")
	other.Controls = request.Controls
	_, err = conn.Search(other)
	if got := code(t, err); got != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("cookie of another search: result %d", got)
	}
	control.PagingSize = 0
	end, err := conn.Search(request)
	if err != nil || len(end.Entries) > 0 || len(pagingCookie(t, end)) > 0 {
		t.Errorf("giving up: %d entries, %v", len(end.Entries), err)
	}
}

// SDK directry_36i1: operational attributes come by name only.
func TestAttributeSelection(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	tests := []struct {
		wanted           []string
		present, missing []string
	}{
		{nil, []string{"cn", "mail", "member", "memberOf"}, []string{"USN-Changed", "When-Changed", "distinguishedName", "rfc822Mailbox"}},
		{[]string{"*"}, []string{"cn", "uid"}, []string{"USN-Changed"}},
		{[]string{"+"}, []string{"USN-Changed", "Object-Version", "distinguishedName"}, []string{"cn"}},
		{[]string{"*", "usn-changed"}, []string{"cn", "USN-Changed"}, []string{"USN-Created"}},
		{[]string{"RFC822mailbox"}, []string{"rfc822Mailbox"}, []string{"mail", "cn"}},
		{[]string{"mail", "rfc822Mailbox"}, []string{"mail", "rfc822Mailbox"}, nil},
		{[]string{"modifyTimestamp"}, []string{"modifyTimestamp"}, []string{"When-Changed"}},
		{[]string{"cn;binary"}, []string{"cn"}, []string{"uid"}},
		{[]string{"1.1"}, nil, []string{"cn", "USN-Changed"}},
	}
	for _, test := range tests {
		e := read(t, conn, staff, test.wanted...)
		for _, name := range test.present {
			if name != "memberOf" && len(e.GetAttributeValues(name)) == 0 {
				t.Errorf("asked for %v: %s is missing", test.wanted, name)
			}
		}
		for _, name := range test.missing {
			if len(e.GetAttributeValues(name)) > 0 {
				t.Errorf("asked for %v: %s came too", test.wanted, name)
			}
		}
	}
}

func TestTypesOnly(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	request := subtree(marta, "(objectClass=*)", "cn")
	request.TypesOnly = true
	result, err := conn.Search(request)
	if err != nil || len(result.Entries) != 1 || len(result.Entries[0].Attributes) != 1 {
		t.Fatalf("%v, %v", result, err)
	}
	if a := result.Entries[0].Attributes[0]; a.Name != "cn" || len(a.Values) > 0 {
		t.Errorf("got %s with values %v", a.Name, a.Values)
	}
}

func TestRootDSE(t *testing.T) {
	t.Parallel()
	e := read(t, dial(t, start(t, exchange55.Options{}), asAnonymous), "")
	for name, want := range map[string]string{
		"o": "Contoso", "namingContexts": "o=Contoso", "supportedLDAPVersion": "3", "supportedControl": ldap.ControlTypePaging,
	} {
		if diff := cmp.Diff([]string{want}, e.GetAttributeValues(name)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	conn, anonymous := dial(t, d, asService), dial(t, d, asAnonymous)
	for _, value := range []string{"Quist, Marta", "quist,  MARTA"} {
		if same, err := conn.Compare(marta, "cn", value); err != nil || !same {
			t.Errorf("cn = %q: %t, %v", value, same, err)
		}
	}
	if same, err := conn.Compare(marta, "cn", "mquist"); err != nil || same {
		t.Errorf("cn = directory name: %t, %v", same, err)
	}
	tests := []struct {
		conn          *ldap.Conn
		dn, attribute string
		want          uint16
	}{
		{conn, marta, "pager", ldap.LDAPResultNoSuchAttribute},
		{conn, marta, "shoeSize", ldap.LDAPResultUndefinedAttributeType},
		{conn, hidden, "cn", ldap.LDAPResultNoSuchObject},
		{conn, "nonsense", "cn", ldap.LDAPResultInvalidDNSyntax},
		{anonymous, marta, "Replication-Sensitivity", ldap.LDAPResultNoSuchAttribute},
		{anonymous, site, "ou", ldap.LDAPResultNoSuchObject},
	}
	for _, test := range tests {
		_, err := test.conn.Compare(test.dn, test.attribute, "x")
		if got := code(t, err); got != test.want {
			t.Errorf("%s of %s: result %d, want %d", test.attribute, test.dn, got, test.want)
		}
	}
}

// Both forms of RFC 1779 and RFC 4514 name the same entry; which one comes
// back is an option.
func TestSpellingsOfNames(t *testing.T) {
	t.Parallel()
	spellings := []string{
		`cn=Büro\, Help Desk,` + recipients, `cn="Büro, Help Desk",` + recipients, `CN = "büro,  help desk" , ` + recipients,
		`cn=B\C3\BCro\2C Help Desk;cn=Recipients;ou=Leeds;o=Contoso`,
	}
	for want, options := range map[string]exchange55.Options{
		spellings[0]: {}, spellings[1]: {QuotedNames: true},
	} {
		d := start(t, options)
		conn := dial(t, d, asService)
		mustApply(t, conn, fmt.Sprintf("dn: %s\nchangetype: modify\nadd: member\nmember: %s\n-\n", staff, spellings[0]))
		for _, dn := range spellings {
			e := read(t, conn, dn, "distinguishedName", "memberOf")
			if e.DN != want || e.GetAttributeValue("distinguishedName") != want {
				t.Errorf("%s: got %s and %s, want %s", dn, e.DN, e.GetAttributeValue("distinguishedName"), want)
			}
			if len(e.GetAttributeValues("memberOf")) != 1 {
				t.Errorf("%s: memberOf is %v", dn, e.GetAttributeValues("memberOf"))
			}
		}
		members := read(t, conn, staff, "member").GetAttributeValues("member")
		if len(members) != 3 || members[2] != want {
			t.Errorf("members are %q, want the last to be %s", members, want)
		}
	}
}

// A value that ends like a base is not below that base.
func TestCommaInAValueIsNoLevel(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{LDIF: []byte("dn: o=Contoso\nobjectClass: organization\n\ndn: o=x\\,o=Contoso\nobjectClass: organization\n")}), asService)
	result, err := conn.Search(subtree("o=Contoso", "(objectClass=*)"))
	if err != nil || len(result.Entries) != 1 {
		t.Errorf("%d entries below o=Contoso, want only itself (%v)", len(result.Entries), err)
	}
}
