package ldapsrc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ldapsrc"
)

// A custom recipient in a directory with the standard schema is a person like
// any other, with what that schema requires, and comes back as it was.
func TestOpenLDAPEntry(t *testing.T) {
	t.Parallel()
	p := ldapsrc.OpenLDAP()
	r := ldapsrc.Recipient{
		DN: "uid=CC00012A,ou=ccmail,o=x", Class: ldapsrc.CustomRecipient, DirectoryName: "CC00012A", DisplayName: "Sales Team",
		Alias: "sales", Target: "CCMAIL:#Sales Team", ImportedFrom: "hq", TrustLevel: 20,
		Proxies: []ldapsrc.Proxy{
			{Type: "SMTP", Address: "sales@x.example", Primary: true},
			{Type: "SMTP", Address: "team@x.example"},
			{Type: "CCMAIL", Address: "#Sales Team", Primary: true},
		},
		Attributes: map[string][]string{"employeenumber": {"list:sales team"}},
	}
	add, err := p.Add(r)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"objectclass": {"top", "person", "organizationalPerson", "inetOrgPerson"}, "cn": {"Sales Team"}, "sn": {"Sales Team"},
		"uid": {"sales", "CC00012A"}, "labeleduri": {"CCMAIL:#Sales Team"}, "employeetype": {"hq"}, "employeenumber": {"list:sales team"},
		"mail": {"sales@x.example", "team@x.example"},
	}
	values := map[string][]string{}
	for _, a := range add.Attributes {
		values[strings.ToLower(a.Name)] = a.Values
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("the entry to add (-want +got):\n%s", diff)
	}
	got, err := p.Decode(r.DN, values)
	r.Attributes, got.Entry = nil, ldapsrc.Entry{}
	if diff := cmp.Diff(r, got); err != nil || diff != "" {
		t.Errorf("read again: %v (-want +got):\n%s", err, diff)
	}
}

// What others have put into attributes of ours stays when ours change.
func TestOpenLDAPModify(t *testing.T) {
	t.Parallel()
	p := ldapsrc.OpenLDAP()
	before, err := p.Decode("uid=CC1,o=x", map[string][]string{
		"objectclass": {"inetOrgPerson", "posixAccount"}, "cn": {"Ann Other"}, "sn": {"Other"}, "givenname": {"Ann"}, "uid": {"CC1", "ann"},
		"labeleduri": {"http://www.example.com/", "CCMAIL:Ann Other at NORTHHUB"}, "mail": {"ann@x.example", "a@y.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	after := before
	after.Target, after.Alias = "CCMAIL:Ann Other at SOUTHPO", "anno"
	after.Proxies = []ldapsrc.Proxy{
		{Type: "SMTP", Address: "ann@new.example", Primary: true},
		{Type: "SMTP", Address: "ann@x.example"},
		{Type: "SMTP", Address: "a@y.example"},
		{Type: "CCMAIL", Address: "Ann Other at SOUTHPO", Primary: true},
	}
	changes := p.Modify(before, after)
	if len(changes) != 1 {
		t.Fatalf("%d requests, want one: %+v", len(changes), changes)
	}
	got := map[string][]string{}
	for _, m := range changes[0].Mods {
		got[m.Name] = slices.Sorted(slices.Values(m.Values))
	}
	want := map[string][]string{
		"uid": {"CC1", "anno"}, "labeledURI": {"CCMAIL:Ann Other at SOUTHPO", "http://www.example.com/"},
		"mail": {"a@y.example", "ann@new.example", "ann@x.example"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modifications (-want +got):\n%s", diff)
	}
	restored, err := p.Restore(before.DN, before.Entry.Attributes())
	if classes := restored.Attributes[0].Values; err != nil || !slices.Contains(classes, "posixAccount") || !slices.Contains(classes, "person") {
		t.Errorf("restored with the classes %q, %v", classes, err)
	}
}

// People, their home pages and custom recipients have one class, and are told
// apart by the target address.
func TestOpenLDAPClasses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, uri string
		class       ldapsrc.Class
		target      string
	}{
		{"a person", "", ldapsrc.Mailbox, ""},
		{"a home page", "http://www.example.com/", ldapsrc.Mailbox, ""},
		{"a target address", "CCMAIL:Ann Other at NORTHHUB", ldapsrc.CustomRecipient, "CCMAIL:Ann Other at NORTHHUB"},
		{"a text in upper case that is no address", "NONE", ldapsrc.Mailbox, ""},
	} {
		r, err := ldapsrc.OpenLDAP().Decode("uid=a,o=x", map[string][]string{"objectclass": {"inetOrgPerson"}, "labeleduri": {test.uri}})
		if err != nil || r.Class != test.class || r.Target != test.target || r.TrustLevel != ldapsrc.DefaultTrustLevel || r.Hidden {
			t.Errorf("%s: %+v, %v", test.reason, r, err)
		}
	}
}

// whole is a profile with the addresses of Active Directory.
func whole() ldapsrc.Profile {
	p := ldapsrc.OpenLDAP()
	p.Proxies, p.Fields.Proxies = ldapsrc.WholeProxies, "proxyAddresses"
	return p
}

// Where all addresses stand in one attribute, that tells which is primary, and
// a swap of two is one request.
func TestWholeProxies(t *testing.T) {
	t.Parallel()
	smtp := func(address string, primary bool) ldapsrc.Proxy {
		return ldapsrc.Proxy{Type: "SMTP", Address: address, Primary: primary}
	}
	for _, test := range []struct {
		reason  string
		mail    []string
		proxies []string
		want    []ldapsrc.Proxy
	}{
		{"all in both places", []string{"a@x"}, []string{"SMTP:a@x", "smtp:b@x"}, []ldapsrc.Proxy{smtp("a@x", true), smtp("b@x", false)}},
		{"mail alone", []string{"a@x"}, nil, []ldapsrc.Proxy{smtp("a@x", true)}},
		{"mail is another one", []string{"c@x"}, []string{"SMTP:a@x"}, []ldapsrc.Proxy{smtp("a@x", true), smtp("c@x", false)}},
		{"other types", nil, []string{"CCMAIL:A at B", "x400:c=US;a= ;"}, []ldapsrc.Proxy{{Type: "CCMAIL", Address: "A at B", Primary: true}, {Type: "X400", Address: "c=US;a= ;"}}},
		{"what is no address", nil, []string{"nonsense", ":x"}, nil},
	} {
		r, err := whole().Decode("uid=a,o=x", map[string][]string{"objectclass": {"inetOrgPerson"}, "mail": test.mail, "proxyaddresses": test.proxies})
		if diff := cmp.Diff(test.want, r.Proxies); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", test.reason, err, diff)
		}
	}
	before, _ := whole().Decode("uid=a,o=x", map[string][]string{"objectclass": {"inetOrgPerson"}, "mail": {"a@x"}, "proxyaddresses": {"SMTP:a@x", "smtp:b@x", "nonsense"}})
	after := before
	after.Proxies = []ldapsrc.Proxy{smtp("b@x", true), smtp("a@x", false)}
	changes := whole().Modify(before, after)
	want := []ldapsrc.Mod{
		{Op: ldapsrc.ReplaceValues, Name: "proxyAddresses", Values: []string{"SMTP:b@x", "smtp:a@x", "nonsense"}},
		{Op: ldapsrc.ReplaceValues, Name: "mail", Values: []string{"b@x"}},
	}
	if len(changes) != 1 || cmp.Diff(want, changes[0].Mods) != "" {
		t.Errorf("the swap: %+v", changes)
	}
}

// What the directory has no room for is refused and not left out.
func TestAddRefusesWhatDoesNotFitTheProfile(t *testing.T) {
	t.Parallel()
	readOnly := ldapsrc.OpenLDAP()
	readOnly.Write.ReadOnly = true
	good := ldapsrc.Recipient{
		DN: "uid=CC1,o=x", Class: ldapsrc.CustomRecipient, DirectoryName: "CC1", DisplayName: "A", Alias: "a", Target: "CCMAIL:A at B",
	}
	for _, test := range []struct {
		reason  string
		profile ldapsrc.Profile
		proxies []ldapsrc.Proxy
		tells   string
	}{
		{"a directory that cannot be written", readOnly, nil, "one of directories that cannot be written"},
		{"a second cc:Mail address", ldapsrc.OpenLDAP(), []ldapsrc.Proxy{{Type: "CCMAIL", Address: "B, A at B"}}, "no attribute for its address"},
		{"an X.400 address", ldapsrc.OpenLDAP(), []ldapsrc.Proxy{{Type: "X400", Address: "c=US;", Primary: true}}, "no attribute for its address"},
		{"the target address", ldapsrc.OpenLDAP(), []ldapsrc.Proxy{{Type: "CCMAIL", Address: "A at B", Primary: true}}, ""},
	} {
		r := good
		r.Proxies = test.proxies
		_, err := test.profile.Add(r)
		if (err == nil) != (test.tells == "") || err != nil && !strings.Contains(err.Error(), test.tells) {
			t.Errorf("%s: %v, want %q", test.reason, err, test.tells)
		}
	}
}

// The built-in profiles hold together, and one that does not says why.
func TestProfileValidate(t *testing.T) {
	t.Parallel()
	for _, name := range ldapsrc.Profiles() {
		if p, err := ldapsrc.ProfileByName(name); err != nil || p.Name != name || p.Validate() != nil {
			t.Errorf("%s: %q, %v, %v", name, p.Name, err, p.Validate())
		}
	}
	for _, test := range []struct {
		tells  string
		change func(*ldapsrc.Profile)
	}{
		{"classes: names no class", func(p *ldapsrc.Profile) { p.Classes, p.Write.ReadOnly = nil, true }},
		{"attributes.display_name: is needed", func(p *ldapsrc.Profile) { p.Fields.DisplayName = "" }},
		{"page_size: must be 1 or more", func(p *ldapsrc.Profile) { p.PageSize = 0 }},
		{"filter: ", func(p *ldapsrc.Profile) { p.Filter = "(" }},
		{"attributes.usn_changed: is needed", func(p *ldapsrc.Profile) { p.Changes = ldapsrc.USNChanges }},
		{"attributes.proxies: has no place", func(p *ldapsrc.Profile) { p.Fields.Proxies = "x" }},
		{`attributes: "not one" is not the name of an attribute`, func(p *ldapsrc.Profile) { p.Fields.Notes = "not one" }},
		{"admin_suffix: needs", func(p *ldapsrc.Profile) { p.AdminSuffix = ",cn=admin" }},
		{"attributes.target: is needed to write", func(p *ldapsrc.Profile) { p.Fields.Target = "" }},
		{"key_attribute: is needed to write", func(p *ldapsrc.Profile) { p.KeyAttribute = "" }},
		{"naming: is needed to write", func(p *ldapsrc.Profile) { p.Write.Naming = "" }},
		{"object_classes.custom_recipient: does not hold", func(p *ldapsrc.Profile) { p.Write.RecipientClasses = []string{"person"} }},
	} {
		p := ldapsrc.OpenLDAP()
		test.change(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), test.tells) {
			t.Errorf("%v, want it to tell %q", err, test.tells)
		}
	}
}
