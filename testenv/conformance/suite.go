package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"ccdirsync/ldapsrc"
)

// Read reads all recipients below base and decodes them.
func Read(ctx context.Context, c *ldapsrc.Conn, base string) ([]ldapsrc.Recipient, error) {
	found, _, err := c.Read(ctx, base)
	if err != nil {
		return nil, err
	}
	all := make([]ldapsrc.Recipient, 0, found.Len())
	for e := range found.All() {
		all = append(all, e.Recipient())
	}
	return all, nil
}

func (d Directory) readsAllPages(t *testing.T) {
	for _, size := range []int{0, 7, 100} {
		c := d.Dial(t, func(s *ldapsrc.Server) { s.PageSize = size })
		got, err := Read(t.Context(), c, Recipients)
		if err != nil {
			t.Fatalf("page size %d: %v", size, err)
		}
		// Earlier tests may have left custom recipients.
		got = slices.DeleteFunc(got, func(r ldapsrc.Recipient) bool { return r.Class != ldapsrc.Mailbox })
		if len(got) != Mailboxes {
			t.Errorf("page size %d: %d mailboxes, want %d", size, len(got), Mailboxes)
		}
		sorted := slices.IsSortedFunc(got, func(a, b ldapsrc.Recipient) int { return strings.Compare(a.DN, b.DN) })
		if !sorted {
			t.Errorf("page size %d: not sorted", size)
		}
	}
}

// readsTooLargePages asks for more at once than the server gives. Exchange's
// answer is not known; one server cuts the page down, the other refuses it (seen:
// slapd 2.5.13, code 11). Either the read is whole or it is an error that helps.
func (d Directory) readsTooLargePages(t *testing.T) {
	got, err := Read(t.Context(), d.Dial(t, func(s *ldapsrc.Server) { s.PageSize = 2 * SizeLimit }), Recipients)
	var e *ldapsrc.Error
	switch {
	case errors.As(err, &e):
		if got != nil || e.Code != ldap.LDAPResultAdminLimitExceeded && e.Code != ldap.LDAPResultSizeLimitExceeded ||
			!strings.Contains(e.Hint, "smaller page size") {
			t.Errorf("%d entries, %v", len(got), err)
		}
	case err != nil, len(got) < Mailboxes:
		t.Errorf("%d entries, %v", len(got), err)
	}
}

func (d Directory) readsKinds(t *testing.T) {
	const base = "cn=kinds,ou=HQ,o=Contoso"
	got, err := Read(t.Context(), d.Dial(t), base)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if n := got[i].Attribute("extension-attribute-1"); got[i].DirectoryName == "jbloggs" && n != "004711" {
			t.Errorf("custom attribute 1 is %q", n)
		}
		got[i].Entry = ldapsrc.Entry{}
	}
	want := []ldapsrc.Recipient{
		{
			DN: "cn=all," + base, Class: ldapsrc.DistributionList, DirectoryName: "all", DisplayName: "All Staff",
			Alias: "all", TrustLevel: 20, USNChanged: 1610,
		},
		{
			DN: "cn=CC00012A," + base, Class: ldapsrc.CustomRecipient, DirectoryName: "CC00012A", DisplayName: "Ann Other",
			Alias: "aother", Target: "CCMAIL:Ann Other at NORTHHUB", Notes: "desk 4", ImportedFrom: "hq", TrustLevel: 20,
			USNChanged: 1601, Proxies: []ldapsrc.Proxy{{Type: "CCMAIL", Address: "Ann Other at NORTHHUB", Primary: true}},
		},
		{
			DN: "cn=helpdesk," + base, Class: ldapsrc.PublicFolder, DirectoryName: "helpdesk", DisplayName: "Help Desk",
			Alias: "helpdesk", Hidden: true, TrustLevel: 20, USNChanged: 1620,
		},
		{
			DN: "cn=jbloggs," + base, Class: ldapsrc.Mailbox, DirectoryName: "jbloggs", DisplayName: "Bloggs, Joe",
			Alias: "joe", GivenName: "Joe", Surname: "Bloggs", Initials: "Q.", TrustLevel: 60, USNChanged: 1533,
			Proxies: []ldapsrc.Proxy{
				{Type: "SMTP", Address: "joe.bloggs@contoso.example", Primary: true},
				{Type: "X400", Address: "c=GB;a= ;p=Contoso;o=HQ;s=Bloggs;g=Joe;", Primary: true},
				{Type: "CCMAIL", Address: "Bloggs, Joe at HQ", Primary: true},
				{Type: "MS", Address: "CONTOSO/HQ/JBLOGGS", Primary: true},
				{Type: "SMTP", Address: "jb@contoso.example"},
			},
		},
	}
	// The server stamps USNs of its own, if it stamps them.
	for i := range min(len(got), len(want)) {
		if got[i].USNChanged == 0 {
			t.Errorf("%s has no USN", got[i].DN)
		}
		got[i].USNChanged, want[i].USNChanged = 0, 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}

func (d Directory) hiddenNeedsAdminView(t *testing.T) {
	for _, test := range []struct {
		reason string
		change func(*ldapsrc.Server)
		seen   bool
	}{
		{"the name ends in ,cn=admin", func(*ldapsrc.Server) {}, true},
		{"an ordinary account", withoutAdminView, false},
	} {
		c := d.Dial(t, test.change)
		proved, err := c.AdminView(t.Context(), "ou=HQ,o=Contoso")
		if err != nil || proved != test.seen {
			t.Errorf("%s: AdminView = %t, %v", test.reason, proved, err)
		}
		got, err := Read(t.Context(), c, "cn=kinds,ou=HQ,o=Contoso")
		if err != nil {
			t.Fatal(err)
		}
		hidden := slices.ContainsFunc(got, func(r ldapsrc.Recipient) bool { return r.Hidden })
		if hidden != test.seen {
			t.Errorf("%s: hidden folder seen: %t", test.reason, hidden)
		}
	}
}

func (d Directory) refusesMissingBases(t *testing.T) {
	c := d.Dial(t)
	if err := c.Exists(t.Context(), Container); err != nil {
		t.Errorf("a container that is there: %v", err)
	}
	const nowhere, gone = "cn=nowhere,ou=HQ,o=Contoso", "cn=gone,ou=HQ,o=Contoso"
	for _, test := range []struct {
		reason string
		ask    func() error
		name   string
	}{
		{"a container that never was", func() error { return c.Exists(t.Context(), nowhere) }, nowhere},
		{"what a deleted container left", func() error { return c.Exists(t.Context(), gone) }, gone},
		{"reading below it", func() error { _, err := Read(t.Context(), c, nowhere); return err }, nowhere},
		{"the admin view below it", func() error { _, err := c.AdminView(t.Context(), nowhere); return err }, nowhere},
		{"writing to it", func() error { return c.CanWrite(t.Context(), nowhere) }, nowhere},
	} {
		err := test.ask()
		if !errors.Is(err, ldapsrc.ErrNoSuchObject) {
			t.Errorf("%s: %v", test.reason, err)
			continue
		}
		for _, part := range []string{d.URL, `"` + test.name + `"`, "no such object", "check the name"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not tell %q", test.reason, err, part)
			}
		}
	}
}

func (d Directory) refusesWrongPassword(t *testing.T) {
	s := d.Server()
	s.Password = "n0t-the-password"
	_, err := ldapsrc.Dial(t.Context(), s)
	var e *ldapsrc.Error
	if !errors.As(err, &e) || e.Code != ldap.LDAPResultInvalidCredentials || e.DN != AdminName || e.URL != d.URL {
		t.Fatalf("wrong password: %#v", err)
	}
	if strings.Contains(err.Error(), s.Password) || !strings.Contains(err.Error(), "the name or the password is wrong") {
		t.Errorf("message: %v", err)
	}
}

// NewRecipient is a custom recipient that is not there yet, below Container.
func NewRecipient() ldapsrc.Recipient {
	return ldapsrc.Recipient{
		DN: ldapsrc.Exchange55().Write.DN("CC00012B", Container), Class: ldapsrc.CustomRecipient, DirectoryName: "CC00012B",
		DisplayName: "Bea New", Alias: "bnew", GivenName: "Bea", Surname: "New", Initials: "Q.",
		Target: "CCMAIL:Bea New at NORTHHUB", Notes: "desk 7", ImportedFrom: "hq", TrustLevel: ldapsrc.DefaultTrustLevel,
		Proxies: []ldapsrc.Proxy{
			{Type: "SMTP", Address: "bea.new@contoso.example", Primary: true},
			{Type: "X400", Address: "c=GB;a= ;p=Contoso;o=HQ;s=New;g=Bea;", Primary: true},
			{Type: "CCMAIL", Address: "Bea New at NORTHHUB", Primary: true},
			{Type: "CCMAIL", Address: "New, Bea at NORTHHUB"},
		},
		Attributes: map[string][]string{"extension-attribute-15": {"user:bea new"}},
	}
}

func apply(t *testing.T, c *ldapsrc.Conn, changes ...ldapsrc.Change) {
	t.Helper()
	for _, change := range changes {
		if err := c.Apply(t.Context(), change); err != nil {
			t.Fatalf("%+v: %v", change, err)
		}
	}
}

func add(t *testing.T, c *ldapsrc.Conn, r ldapsrc.Recipient) {
	t.Helper()
	change, err := ldapsrc.Exchange55().Add(r)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, change)
	t.Cleanup(func() {
		err := c.Apply(context.WithoutCancel(t.Context()), ldapsrc.Exchange55().Delete(r.DN))
		if err != nil && !errors.Is(err, ldapsrc.ErrNoSuchObject) {
			t.Error(err)
		}
	})
}

// written reads the entry back, with the fields and attributes that can be
// written.
func written(t *testing.T, c *ldapsrc.Conn, dn string) ldapsrc.Recipient {
	t.Helper()
	got, err := Read(t.Context(), c, dn)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	return got[0]
}

// withoutStamps leaves out what the server adds and what order has no meaning.
func withoutStamps(r ldapsrc.Recipient) ldapsrc.Recipient {
	r.USNChanged = 0
	r.Proxies = slices.SortedFunc(slices.Values(r.Proxies), func(a, b ldapsrc.Proxy) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	r.Attributes = map[string][]string{"extension-attribute-15": r.Values("extension-attribute-15")}
	r.Entry = ldapsrc.Entry{}
	return r
}

func wantWritten(t *testing.T, c *ldapsrc.Conn, want ldapsrc.Recipient) {
	t.Helper()
	if diff := cmp.Diff(withoutStamps(want), withoutStamps(written(t, c, want.DN))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", want.DN, diff)
	}
}

func (d Directory) writes(t *testing.T) {
	c := d.Dial(t)
	r := NewRecipient()
	add(t, c, r)
	wantWritten(t, c, r)

	before := written(t, c, r.DN)
	after := before
	after.DisplayName = "Bea Newer"
	after.Notes = ""
	after.Target = "CCMAIL:Bea New at SOUTHHUB"
	after.Proxies = slices.Clone(r.Proxies)
	after.Proxies[2].Address = "Bea New at SOUTHHUB"
	after.Attributes = map[string][]string{"extension-attribute-15": {"user:bea newer"}}
	apply(t, c, ldapsrc.Exchange55().Modify(before, after)...)
	wantWritten(t, c, after)
	if again := ldapsrc.Exchange55().Modify(written(t, c, r.DN), after); again != nil {
		t.Errorf("still to do after it was done: %+v", again)
	}

	apply(t, c, ldapsrc.Exchange55().Delete(r.DN))
	if err := c.Exists(t.Context(), r.DN); !errors.Is(err, ldapsrc.ErrNoSuchObject) {
		t.Errorf("after the deletion: %v", err)
	}
}

func (d Directory) refusesSecondEntry(t *testing.T) {
	c := d.Dial(t)
	r := NewRecipient()
	add(t, c, r)
	change, err := ldapsrc.Exchange55().Add(r)
	if err != nil {
		t.Fatal(err)
	}
	var e *ldapsrc.Error
	err = c.Apply(t.Context(), change)
	if !errors.As(err, &e) || e.Code != ldap.LDAPResultEntryAlreadyExists || e.DN != r.DN {
		t.Errorf("the same entry again: %v", err)
	}
}

func (d Directory) swapsPrimary(t *testing.T) {
	c := d.Dial(t)
	r := NewRecipient()
	r.Proxies = append(r.Proxies, ldapsrc.Proxy{Type: "SMTP", Address: "bn@contoso.example"})
	add(t, c, r)
	after := r
	after.Proxies = slices.Clone(r.Proxies)
	after.Proxies[0].Address, after.Proxies[4].Address = r.Proxies[4].Address, r.Proxies[0].Address
	changes := ldapsrc.Exchange55().Modify(r, after)
	if len(changes) != 2 {
		t.Errorf("%d requests, want 2", len(changes))
	}
	apply(t, c, changes...)
	wantWritten(t, c, after)
}

// restores shows that an entry that was changed, hidden and deleted comes back
// with every value that it had when it was read.
func (d Directory) restores(t *testing.T) {
	c, p := d.Dial(t), ldapsrc.Exchange55()
	add(t, c, NewRecipient())
	visible := written(t, c, NewRecipient().DN)
	hidden := visible
	hidden.Hidden = true
	hidden.Attributes = map[string][]string{"title": {"Dr."}, "telephonenumber": {"42"}}
	apply(t, c, p.Modify(visible, hidden)...)
	read := written(t, c, visible.DN)
	if !read.Hidden {
		t.Error("the entry was hidden and is not")
	}
	apply(t, c, p.Delete(visible.DN))
	restore, err := p.Restore(read.DN, read.Entry.Attributes())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, restore)
	wantAttributes(t, read, written(t, c, read.DN))
	rewrite, err := p.Rewrite(read, map[string][]string{"title": nil, "telephonenumber": nil, "hide-from-address-book": nil})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, rewrite...)
	wantAttributes(t, visible, written(t, c, read.DN))
}

// wantAttributes compares all values but those that the server keeps by itself.
func wantAttributes(t *testing.T, want, got ldapsrc.Recipient) {
	t.Helper()
	values := func(r ldapsrc.Recipient) map[string][]string {
		all := map[string][]string{}
		for name, v := range r.Entry.Attributes() {
			if name != "usn-changed" && name != "usn-created" {
				all[name] = slices.Sorted(slices.Values(v))
			}
		}
		return all
	}
	if diff := cmp.Diff(values(want), values(got)); diff != "" {
		t.Errorf("values of %s (-want +got):\n%s", want.DN, diff)
	}
}

func (d Directory) writesHostileValues(t *testing.T) {
	c := d.Dial(t)
	for _, name := range []string{`Smith, Ann`, `a"quote"`, `a+b=c`, `back\slash`, `semi;colon`, `Zoë Ångström`, `<angle>`, `#number`} {
		r := NewRecipient()
		r.DirectoryName, r.DN = name, ldapsrc.Exchange55().Write.DN(name, Container)
		r.DisplayName, r.Notes = `: <`+name+`>`, "(*)\\ "+name+" 日本語"
		add(t, c, r)
		got := written(t, c, r.DN)
		if got.DirectoryName != name || got.DisplayName != r.DisplayName || got.Notes != r.Notes {
			t.Errorf("%q came back as %q, %q, %q", name, got.DirectoryName, got.DisplayName, got.Notes)
		}
	}
}

func (d Directory) testsWriteAccess(t *testing.T) {
	if err := d.Dial(t).CanWrite(t.Context(), Container); err != nil {
		t.Errorf("an account that may write: %v", err)
	}
}

// ldifEqualsApply carries the same changes out twice, by ldapmodify and by
// Apply.
func (d Directory) ldifEqualsApply(t *testing.T) {
	if _, err := exec.LookPath("ldapmodify"); err != nil {
		t.Skipf("needs OpenLDAP's ldapmodify: %v", err)
	}
	if d.TLS != nil {
		t.Skip("ldapmodify is not told which authority to trust; encryption does not change what it sends")
	}
	for _, notes := range []string{
		"desk 7", " leading", "trailing ", ": colon", ":: colons", "<file:///etc/passwd", "two\nlines", "-", "Grüße, 日本語",
		strings.Repeat("long ", 200) + ".",
	} {
		ldifEqualsApplyWith(t, d, notes)
	}
}

func ldifEqualsApplyWith(t *testing.T, d Directory, notes string) {
	t.Helper()
	r := NewRecipient()
	r.Notes = notes
	after := r
	after.DisplayName, after.Surname = "Bea Newer", ""
	after.Proxies = slices.Clone(r.Proxies)
	after.Proxies[0].Address = "b.new@contoso.example"
	after.Proxies = append(after.Proxies, ldapsrc.Proxy{Type: "SMTP", Address: r.Proxies[0].Address})

	c := d.Dial(t)
	file := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(file, []byte(Password), 0o600); err != nil {
		t.Fatal(err)
	}
	p := ldapsrc.Exchange55()
	var results []ldapsrc.Recipient
	for _, carryOut := range []func(...ldapsrc.Change){
		func(changes ...ldapsrc.Change) { apply(t, c, changes...) },
		func(changes ...ldapsrc.Change) {
			var text bytes.Buffer
			if err := ldapsrc.WriteLDIF(&text, changes); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), "ldapmodify", "-x", "-H", d.URL, "-D", AdminName, "-y", file)
			command.Stdin = strings.NewReader(text.String())
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%s", err, out, text.String())
			}
		},
	} {
		added, err := p.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		carryOut(added)
		before := written(t, c, r.DN)
		after.Entry = before.Entry
		changes := p.Modify(before, after)
		carryOut(changes...)
		results = append(results, withoutStamps(written(t, c, r.DN)))
		carryOut(p.Delete(r.DN))
		if err := c.Exists(t.Context(), r.DN); !errors.Is(err, ldapsrc.ErrNoSuchObject) {
			t.Fatalf("after the deletion: %v", err)
		}
	}
	if diff := cmp.Diff(results[0], results[1]); diff != "" {
		t.Errorf("notes %q by Apply and by ldapmodify (-Apply +ldapmodify):\n%s", notes, diff)
	}
	if got := results[1]; got.Notes != r.Notes || got.Surname != "" || got.DisplayName != "Bea Newer" {
		t.Errorf("ldapmodify wrote %+v", got)
	}
}
