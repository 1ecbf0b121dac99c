package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

func compare(want, got any) string { return cmp.Diff(want, got) }

const keyAttribute = "Extension-Attribute-15"

// known is the link of the connector hq, which imports into cn=ccMail.
var known = Link{Attribute: keyAttribute, Containers: []string{"cn=ccMail,o=Contoso"}}

func TestPresentTellsKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason            string
		class             ldapsrc.Class
		key, target       string
		wantKind          reconcile.Kind
		wantKey, wantMark string
	}{
		{"a linked user", ldapsrc.CustomRecipient, "user:doe, john", "CCMAIL:#odd", reconcile.User, "user:doe, john", "hq"},
		{"a linked list", ldapsrc.CustomRecipient, "list:sales", "CCMAIL:#Sales", reconcile.List, "list:sales", "hq"},
		{"a linked board", ldapsrc.CustomRecipient, "board:social", "CCMAIL:#Social at PO5", reconcile.Board, "board:social", "hq"},
		{"no link, an address of lists and boards", ldapsrc.CustomRecipient, "", "ccmail:#Social", reconcile.List, "", "hq"},
		{"no link, an address of users", ldapsrc.CustomRecipient, "", "CCMAIL:John Doe at PO1", reconcile.User, "", "hq"},
		{"the attribute serves somebody else", ldapsrc.CustomRecipient, "cost center: 7", "SMTP:a@b", reconcile.User, "", "hq"},
		{"a mailbox is never ours", ldapsrc.Mailbox, "user:doe, john", "", reconcile.Mailbox, "", ""},
		{"nor a list of Exchange", ldapsrc.DistributionList, "list:sales", "", reconcile.List, "", ""},
		{"nor a folder", ldapsrc.PublicFolder, "board:social", "", reconcile.Folder, "", ""},
	} {
		got := Present(&ldapsrc.Recipient{
			Class: tc.class, Target: tc.target, ImportedFrom: "hq",
			Attributes: map[string][]string{"extension-attribute-15": {tc.key}},
		}, known)
		if got.Kind != tc.wantKind || got.Key != tc.wantKey || got.Owner != tc.wantMark || got.Owner+got.MadeBy != "hq" {
			t.Errorf("%s: kind %q key %q owner %q made by %q", tc.reason, got.Kind, got.Key, got.Owner, got.MadeBy)
		}
	}
}

// A distribution list is from cc:Mail by its place and its mark together. It may
// have lost its key.
func TestLinkImported(t *testing.T) {
	t.Parallel()
	ours := ldapsrc.Recipient{
		Class: ldapsrc.DistributionList, DN: "cn=CC01,cn=ccMail,o=Contoso", ImportedFrom: "hq", Members: []string{"cn=a"},
		Proxies:    []ldapsrc.Proxy{{Type: "CCMAIL", Address: "#Sales", Primary: true}},
		Attributes: map[string][]string{"extension-attribute-15": {"list:sales"}},
	}
	got := Present(&ours, known)
	if !known.Imported(&ours) || !got.Group || got.Owner != "hq" || got.Key != "list:sales" || got.Target != "CCMAIL:#Sales" || len(got.Members) != 1 {
		t.Errorf("ours: %+v", got)
	}
	unlinked := ours
	unlinked.Attributes = nil
	if got = Present(&unlinked, known); !got.Group || got.Owner != "hq" || got.Kind != reconcile.List || got.Key != "" {
		t.Errorf("without a key: %+v", got)
	}
	for reason, change := range map[string]func(*ldapsrc.Recipient){
		"elsewhere":      func(r *ldapsrc.Recipient) { r.DN = "cn=CC01,o=Contoso" },
		"without a mark": func(r *ldapsrc.Recipient) { r.ImportedFrom = "" },
		"with a user's key": func(r *ldapsrc.Recipient) {
			r.Attributes = map[string][]string{"extension-attribute-15": {"user:sales"}}
		},
		"a folder": func(r *ldapsrc.Recipient) { r.Class = ldapsrc.PublicFolder },
	} {
		other := ours
		change(&other)
		got := Present(&other, known)
		if known.Imported(&other) || got.Group || got.Owner != "" || got.MadeBy != other.ImportedFrom {
			t.Errorf("%s: %+v", reason, got)
		}
	}
}

// A group is written without a target, which its cc:Mail address stands for.
func TestGroupToLDAPAndBack(t *testing.T) {
	t.Parallel()
	scope := importScope()
	scope.Groups, scope.Container = true, "cn=ccMail,o=Contoso"
	result := readSettings(t, "").Import(nil, []ccmail.List{{Title: "Sales"}}, nil, scope)
	want := result.Wanted[0].Recipient
	entry := ToLDAP(want, keyAttribute)
	if entry.Class != ldapsrc.DistributionList || entry.Target != "" {
		t.Errorf("written as %+v", entry)
	}
	want.Name = ""
	if diff := compare(want, Present(&entry, known)); diff != "" {
		t.Error(diff)
	}
}

// What is written and read again is what was wanted.
func TestToLDAPAndBack(t *testing.T) {
	t.Parallel()
	rows := []reconcile.Row{{Name: "Doe, John Q.", Location: "L", PostOffice: "PO1", Comment: "Room 7"}}
	result := readSettings(t, "secondary_proxy: true").Import(rows, []ccmail.List{{Title: "Sales"}}, nil, importScope())
	for _, w := range result.Wanted {
		want := w.Recipient
		entry := ToLDAP(want, keyAttribute)
		if entry.Class != ldapsrc.CustomRecipient || entry.TrustLevel != ldapsrc.DefaultTrustLevel || entry.ImportedFrom != "hq" {
			t.Errorf("%s: written as %+v", want.Key, entry)
		}
		want.Name, want.PostOffice = "", "" // of wanted ones only
		if diff := compare(want, Present(&entry, known)); diff != "" {
			t.Error(diff)
		}
	}
	if entry := ToLDAP(reconcile.Recipient{DN: "cn=x"}, keyAttribute); entry.Attributes != nil {
		t.Errorf("an empty link is written: %v", entry.Attributes)
	}
}

// An update carries what the model keeps in step and leaves the rest as it was
// read, which is what a later comparison looks at.
func TestUpdateKeepsTheRest(t *testing.T) {
	t.Parallel()
	before := ldapsrc.Recipient{
		DN: "cn=CC01", Class: ldapsrc.CustomRecipient, DirectoryName: "CC01", DisplayName: "Edited By Hand", Alias: "edited",
		Target: "CCMAIL:John Doe at PO1", Notes: "old", TrustLevel: 50, Hidden: true,
		Attributes: map[string][]string{"telephonenumber": {"42"}},
	}
	after := Present(&before, known)
	after.Key, after.Owner, after.Notes, after.Target = "user:doe, john", "hq", "new", "CCMAIL:John Doe at PO2"
	after.DisplayName, after.Hidden = "John Doe", false
	want := before
	want.DisplayName, want.Hidden = "John Doe", false
	want.Target, want.Notes, want.ImportedFrom = "CCMAIL:John Doe at PO2", "new", "hq"
	want.Attributes = map[string][]string{"telephonenumber": {"42"}, "extension-attribute-15": {"user:doe, john"}}
	if diff := compare(want, Update(before, after, keyAttribute)); diff != "" {
		t.Error(diff)
	}
	if len(before.Attributes) != 1 {
		t.Errorf("the entry that was read has changed: %v", before.Attributes)
	}
}
