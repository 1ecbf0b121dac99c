package conformance

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// bind connects without ldapsrc until the test ends. No name is anonymous.
func (d Directory) bind(t *testing.T, name string) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(d.URL, ldap.DialWithTLSConfig(d.TLS))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if d.StartTLS {
		if err := c.StartTLS(d.TLS); err != nil {
			t.Fatal(err)
		}
	}
	if name == "" {
		return c
	}
	if err := c.Bind(name, Password); err != nil {
		t.Fatal(err)
	}
	return c
}

func below(base, filter string, attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
}

const mailboxFilter = "(objectClass=organizationalPerson)"

func (d Directory) limitsUnpaged(t *testing.T) {
	result, err := d.bind(t, AdminName).Search(below(Recipients, mailboxFilter, "cn"))
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || len(result.Entries) != SizeLimit {
		t.Errorf("%d entries and %v, want %d and code 4", len(result.Entries), err, SizeLimit)
	}
	limited := below(Recipients, mailboxFilter, "cn")
	limited.SizeLimit = 7
	result, err = d.bind(t, AdminName).Search(limited)
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || len(result.Entries) != 7 {
		t.Errorf("%d entries and %v, want 7 and code 4", len(result.Entries), err)
	}
}

// page asks for one page and returns the names in it and the next cookie.
func page(t *testing.T, c *ldap.Conn, size uint32, cookie []byte) (names []string, next []byte) {
	t.Helper()
	request := below(Recipients, mailboxFilter, "cn")
	paging := ldap.NewControlPaging(size)
	paging.SetCookie(cookie)
	request.Controls = []ldap.Control{paging}
	result, err := c.Search(request)
	if err != nil {
		t.Fatalf("a page of %d: %v", size, err)
	}
	answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if !ok {
		t.Fatalf("a page of %d without a word on pages", size)
	}
	for _, e := range result.Entries {
		names = append(names, strings.ToLower(e.DN))
	}
	return names, answer.Cookie
}

// pages asks for all pages of a size: they hold every entry once, and no more
// than asked for.
func (d Directory) pages(t *testing.T) {
	c := d.bind(t, AdminName)
	for _, size := range []int{1, 7, SizeLimit} {
		var all []string
		count := 0
		for cookie := []byte(nil); ; count++ {
			names, next := page(t, c, uint32(size), cookie)
			if len(names) > size {
				t.Errorf("a page of %d holds %d entries", size, len(names))
			}
			all = append(all, names...)
			if cookie = next; len(cookie) == 0 {
				break
			}
		}
		slices.Sort(all)
		if n := len(slices.Compact(all)); n != Mailboxes || len(all) != n {
			t.Errorf("pages of %d: %d entries, %d of them different, want %d", size, len(all), n, Mailboxes)
		}
	}
}

// pagesWhileWriting shows that a write of another connection between two pages
// costs no entry that was there all the time.
func (d Directory) pagesWhileWriting(t *testing.T) {
	c, writer := d.bind(t, AdminName), d.bind(t, AdminName)
	all, cookie := page(t, c, SizeLimit, nil)
	between := ldap.NewAddRequest("cn=between,"+Container, nil)
	for name, value := range map[string]string{"objectClass": "Remote-Address", "cn": "Between", "rdn": "between", "Target-Address": "CCMAIL:B at N"} {
		between.Attribute(name, []string{value})
	}
	if err := writer.Add(between); err != nil {
		t.Fatal(err)
	}
	for len(cookie) > 0 {
		var names []string
		names, cookie = page(t, c, SizeLimit, cookie)
		all = append(all, names...)
	}
	if err := writer.Del(ldap.NewDelRequest(between.DN, nil)); err != nil {
		t.Error(err)
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != Mailboxes {
		t.Errorf("%d different mailboxes, want %d", n, Mailboxes)
	}
}

// refusesCookies asks with cookies that the server did not give for this
// search: the answer must not be success.
func (d Directory) refusesCookies(t *testing.T) {
	c := d.bind(t, AdminName)
	_, good := page(t, c, SizeLimit, nil)
	for _, test := range []struct {
		reason string
		cookie []byte
	}{
		{"rubbish", []byte("rubbish")},
		{"a longer one", append(slices.Clone(good), 0)},
	} {
		request := below(Recipients, mailboxFilter, "cn")
		paging := ldap.NewControlPaging(SizeLimit)
		paging.SetCookie(test.cookie)
		request.Controls = []ldap.Control{paging}
		if result, err := d.bind(t, AdminName).Search(request); err == nil {
			t.Errorf("%s: %d entries and success", test.reason, len(result.Entries))
		}
	}
}

// views shows what each kind of user sees (documented: K156063, K230745,
// K185475).
func (d Directory) views(t *testing.T) {
	const configuration = "cn=Configuration,ou=HQ,o=Contoso"
	for _, test := range []struct {
		name                             string
		mailboxes, kinds, configurations int
		hidden, deleted, operational     bool
	}{
		{name: "", mailboxes: Mailboxes, kinds: 3},
		{name: ReaderName, mailboxes: Mailboxes, kinds: 3, configurations: 2, operational: true},
		{name: PlainName, mailboxes: Mailboxes, kinds: 3, configurations: 2, operational: true},
		{name: AdminName, mailboxes: Mailboxes, kinds: 4, configurations: 2, hidden: true, deleted: true, operational: true},
	} {
		c := d.bind(t, test.name)
		count := func(base, filter string, attributes ...string) (int, *ldap.SearchResult) {
			result, err := c.SearchWithPaging(below(base, filter, attributes...), SizeLimit)
			if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
				t.Errorf("%q: %s below %s: %v", test.name, filter, base, err)
			}
			return len(result.Entries), result
		}
		const live = "(&(|(objectClass=organizationalPerson)(objectClass=Remote-Address)(objectClass=groupOfNames)(objectClass=Public-Folder))(uid=*)"
		if n, _ := count(Recipients, mailboxFilter, "cn"); n != test.mailboxes {
			t.Errorf("%q sees %d mailboxes, want %d", test.name, n, test.mailboxes)
		}
		if n, _ := count(Kinds, live+"(!(cn=Gone Person)))", "cn"); n != test.kinds {
			t.Errorf("%q sees %d recipients, want %d", test.name, n, test.kinds)
		}
		if n, _ := count(configuration, "(objectClass=*)", "cn"); n != test.configurations {
			t.Errorf("%q sees %d entries of the configuration, want %d", test.name, n, test.configurations)
		}
		if n, _ := count(Kinds, "(Hide-From-Address-Book=TRUE)"); (n > 0) != test.hidden {
			t.Errorf("%q sees %d hidden entries", test.name, n)
		}
		if n, _ := count(Kinds, "(Is-Deleted=TRUE)"); (n > 0) != test.deleted {
			t.Errorf("%q sees %d deleted entries", test.name, n)
		}
		_, found := count("cn=crew,cn=more,ou=HQ,o=Contoso", "(objectClass=groupOfNames)", "cn", "member", "USN-Changed")
		if len(found.Entries) != 1 {
			t.Errorf("%q does not see the list", test.name)
			continue
		}
		for _, attribute := range []string{"member", "USN-Changed"} {
			if values := found.Entries[0].GetEqualFoldAttributeValues(attribute); (len(values) == 1) != test.operational {
				t.Errorf("%q sees %s %q", test.name, attribute, values)
			}
		}
	}
}

// changeNumbers searches by them. A server of Exchange's kind gives the next
// number of one counter to each write, and to the site the highest.
func (d Directory) changeNumbers(t *testing.T) {
	c := d.bind(t, AdminName)
	result, err := c.Search(below(Kinds, "(&(USN-Changed>=1601)(!(USN-Changed>=1640)))", "USN-Changed"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range result.Entries {
		names = append(names, strings.Split(e.DN, ",")[0])
	}
	slices.Sort(names)
	if want := []string{"cn=CC00012A", "cn=all", "cn=helpdesk"}; !slices.Equal(names, want) {
		t.Errorf("changed since 1601 and before 1640: %q, want %q", names, want)
	}
	if !d.Exchange55 {
		return
	}
	last := d.number(t, c, "ou=HQ,o=Contoso")
	for n := range 3 {
		change := ldap.NewModifyRequest("cn=crew,cn=more,ou=HQ,o=Contoso", nil)
		change.Replace("info", []string{strconv.Itoa(n)})
		if err := c.Modify(change); err != nil {
			t.Fatal(err)
		}
		now := d.number(t, c, change.DN)
		if site := d.number(t, c, "ou=HQ,o=Contoso"); now <= last || site != now {
			t.Errorf("after a write the number is %d, was %d, and the site's is %d", now, last, site)
		}
		last = now
	}
}

func (d Directory) number(t *testing.T, c *ldap.Conn, dn string) int64 {
	t.Helper()
	request := below(dn, "(objectClass=*)", "USN-Changed")
	request.Scope = ldap.ScopeBaseObject
	result, err := c.Search(request)
	if err != nil || len(result.Entries) != 1 {
		t.Fatalf("%s: %v", dn, err)
	}
	usn, err := strconv.ParseInt(result.Entries[0].GetEqualFoldAttributeValue("USN-Changed"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return usn
}

// refusal is a write that must be refused.
type refusal struct {
	reason string
	as     string // empty is the administrator
	write  func(*ldap.Conn) error
	code   uint16
	only55 bool // slapd takes it
}

func modify(dn string, change func(*ldap.ModifyRequest)) func(*ldap.Conn) error {
	return func(c *ldap.Conn) error {
		request := ldap.NewModifyRequest(dn, nil)
		change(request)
		return c.Modify(request)
	}
}

func addition(dn string, attributes ...string) func(*ldap.Conn) error {
	return func(c *ldap.Conn) error {
		request := ldap.NewAddRequest(dn, nil)
		for _, a := range attributes {
			name, value, _ := strings.Cut(a, ": ")
			request.Attribute(name, []string{value})
		}
		return c.Add(request)
	}
}

func deletion(dn string) func(*ldap.Conn) error {
	return func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(dn, nil)) }
}

// refusals are writes with the result codes of Exchange (documented: K255291,
// K259060, K263520, K303028, K260031; the rest is LDAP's own).
func refusals() []refusal {
	const list, bob = "cn=crew,cn=more,ou=HQ,o=Contoso", "cn=jbloggs,cn=kinds,ou=HQ,o=Contoso"
	fresh := "cn=fresh," + Container
	complete := []string{"objectClass: Remote-Address", "cn: Fresh", "uid: fresh", "Target-Address: CCMAIL:F at N"}
	with := func(more string) []string { return append(slices.Clone(complete), more) }
	return []refusal{
		{"a value that is not there", "", modify(list, func(m *ldap.ModifyRequest) { m.Delete("info", []string{"none"}) }), ldap.LDAPResultNoSuchAttribute, false},
		{"an attribute that is not there", "", modify(list, func(m *ldap.ModifyRequest) { m.Delete("telephoneNumber", nil) }), ldap.LDAPResultNoSuchAttribute, false},
		{"a member twice", "", modify(list, func(m *ldap.ModifyRequest) { m.Add("member", []string{bob}) }), ldap.LDAPResultAttributeOrValueExists, false},
		{"a member that is none", "", modify(list, func(m *ldap.ModifyRequest) { m.Delete("member", []string{"cn=none," + Container}) }), ldap.LDAPResultNoSuchAttribute, false},
		{"a primary address among the others", "", modify(bob, func(m *ldap.ModifyRequest) { m.Add("otherMailbox", []string{"smtp$joe.bloggs@contoso.example"}) }), ldap.LDAPResultAttributeOrValueExists, true},
		{"a name that is none", "", addition("nonsense", complete...), ldap.LDAPResultInvalidDNSyntax, false},
		{"a number that is none", "", addition(fresh, with("Replication-Sensitivity: high")...), ldap.LDAPResultInvalidAttributeSyntax, false},
		{"another rdn than in the name", "", addition(fresh, with("rdn: other")...), ldap.LDAPResultInvalidAttributeSyntax, true},
		{"a value too long", "", addition(fresh, with("initials: ABCDEFG")...), ldap.LDAPResultConstraintViolation, false},
		{"an attribute that nobody knows", "", addition(fresh, with("nonsense: x")...), ldap.LDAPResultUndefinedAttributeType, false},
		{"an attribute of another class", "", addition(fresh, with("member: "+bob)...), ldap.LDAPResultObjectClassViolation, false},
		{"a class without its target", "", addition(fresh, complete[:3]...), ldap.LDAPResultObjectClassViolation, false},
		{"an entry that is there", "", addition(bob, complete...), ldap.LDAPResultEntryAlreadyExists, false},
		{"an entry below nothing", "", addition("cn=fresh,cn=nowhere,ou=HQ,o=Contoso", complete...), ldap.LDAPResultNoSuchObject, false},
		{"a deletion of nothing", "", deletion(fresh), ldap.LDAPResultNoSuchObject, false},
		{"a change of nothing", "", modify(fresh, func(m *ldap.ModifyRequest) { m.Replace("info", []string{"x"}) }), ldap.LDAPResultNoSuchObject, false},
		{"a deletion of a container with entries", "", deletion(Recipients), ldap.LDAPResultNotAllowedOnNonLeaf, false},
		{"an addition by a reader", ReaderName, addition(fresh, complete...), ldap.LDAPResultInsufficientAccessRights, false},
		{"a change by a reader", ReaderName, modify(list, func(m *ldap.ModifyRequest) { m.Replace("info", []string{"x"}) }), ldap.LDAPResultInsufficientAccessRights, false},
		{"a deletion by a reader", ReaderName, deletion(list), ldap.LDAPResultInsufficientAccessRights, false},
	}
}

func (d Directory) resultCodes(t *testing.T) {
	for _, r := range refusals() {
		if r.only55 && !d.Exchange55 {
			continue
		}
		name := r.as
		if name == "" {
			name = AdminName
		}
		if err := r.write(d.bind(t, name)); !ldap.IsErrorWithCode(err, r.code) {
			t.Errorf("%s: %v, want code %d", r.reason, err, r.code)
		}
	}
}

// tombstones shows that a deleted entry is gone for all but the administrator,
// who sees what is left of it if the server keeps anything, and that its name
// can be used again.
func (d Directory) tombstones(t *testing.T) {
	dn := "cn=mortal," + Container
	add := addition(dn, "objectClass: Remote-Address", "cn: Mortal", "uid: mortal", "Target-Address: CCMAIL:M at N", "info: kept")
	admin := d.bind(t, AdminName)
	for range 2 {
		if err := add(admin); err != nil {
			t.Fatal(err)
		}
		if n := d.count(t, ReaderName, "(cn=Mortal)"); n != 1 {
			t.Errorf("%d entries after the addition", n)
		}
		if err := deletion(dn)(admin); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", ReaderName, PlainName} {
			if n := d.count(t, name, "(cn=Mortal)"); n != 0 {
				t.Errorf("%q sees %d entries after the deletion", name, n)
			}
		}
		left := d.count(t, AdminName, "(&(cn=Mortal)(Is-Deleted=TRUE)(!(uid=*)))")
		if all := d.count(t, AdminName, "(cn=Mortal)"); all != left || (left == 1) != d.Exchange55 {
			t.Errorf("the administrator sees %d entries after the deletion, %d of them leftovers", all, left)
		}
	}
}

func (d Directory) count(t *testing.T, name, filter string) int {
	t.Helper()
	found, err := d.bind(t, name).Search(below(Container, filter, "cn"))
	if err != nil {
		t.Fatalf("%q below %s: %v", filter, Container, err)
	}
	return len(found.Entries)
}
