package mapping

import (
	"slices"
	"testing"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// membersOf imports the lists as groups and returns who is on the first by key.
func membersOf(t *testing.T, scope ImportScope, lists ...ccmail.List) ([]reconcile.Member, bool) {
	t.Helper()
	rows := []reconcile.Row{
		{Name: "Doe, John", Location: "L", PostOffice: "PO1"},
		{Name: "At at Night", Location: "L", PostOffice: "PO1"},
		{Name: "Baker, Bob", Location: "r", PostOffice: "EXSITE1"},
		{Name: "Ghost, Greta", Location: "r", PostOffice: "EXSITE1"},
		{Name: "PO2", Location: "P", PostOffice: "PO2"},
		{Name: "~ADE", Location: "L", PostOffice: "PO1"},
	}
	scope.Connector, scope.Container, scope.Groups, scope.ExchangePostOffices = "hq", "cn=ccMail", true, []string{"EXSITE1"}
	scope.Recipients = slices.Values([]ldapsrc.Recipient{
		{DN: "cn=second", Proxies: []ldapsrc.Proxy{{Type: "CCMAIL", Address: "baker, bob at exsite1"}}},
		{DN: "cn=bob", Proxies: []ldapsrc.Proxy{{Type: "CCMAIL", Address: "Baker, Bob at EXSITE1", Primary: true}, {Type: "SMTP", Address: "bob@x"}}},
		{DN: "cn=rule"},
	})
	scope.Exported = []reconcile.Wanted{{Name: "Rule, Rita", Site: "EXSITE1", DN: "cn=rule"}, {Name: "Other, Olga", Site: "EXSITE1", DN: "cn=other"}}
	result := readSettings(t, "").Import(rows, lists, nil, scope)
	for _, w := range result.Wanted {
		if w.Kind == reconcile.List {
			if !w.Group {
				t.Errorf("%s is no group", w.Key)
			}
			return w.OnList, result.MembersUnknown
		}
	}
	t.Fatalf("no list among %v", result.Wanted)
	return nil, false
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason, line string
		want         reconcile.Member
	}{
		{"a user by name", "DOE, john", reconcile.Member{Key: "user:doe, john"}},
		{"by name and post office", "Doe, John at po1", reconcile.Member{Key: "user:doe, john"}},
		{"a name that looks like an address", "At at Night", reconcile.Member{Key: "user:at at night"}},
		{"at another post office", "Doe, John at PO2", reconcile.Member{Problem: `in the cc:Mail directory it is at "PO1"; correct the list in cc:Mail`}},
		{"a list", "drivers", reconcile.Member{Key: "list:drivers"}},
		{"a list by its address", "#Drivers", reconcile.Member{Key: "list:drivers"}},
		{"Exchange's, by its row", "Baker, Bob", reconcile.Member{DN: "cn=bob"}},
		{"Exchange's, by its address", "Baker, Bob at EXSITE1", reconcile.Member{DN: "cn=bob"}},
		{"Exchange's, by a rule, before it is in cc:Mail", "Rule, Rita", reconcile.Member{DN: "cn=rule"}},
		{"Exchange's, and gone from it", "Ghost, Greta", reconcile.Member{
			Problem: "it is at an Exchange post office, and no recipient in Exchange has its address",
		}},
		{"a post office", "PO2", reconcile.Member{Problem: "it is a post office"}},
		{"hidden", "~ADE", reconcile.Member{Problem: "cc:Mail hides it"}},
		{"nobody", "Nemo", reconcile.Member{Problem: "the cc:Mail directory has no entry of that name; correct the list in cc:Mail"}},
	} {
		got, unknown := membersOf(t, ImportScope{}, ccmail.List{Title: "A", Members: []string{" " + tc.line, tc.line}}, ccmail.List{Title: "Drivers"})
		tc.want.Name = tc.line
		if diff := compare([]reconcile.Member{tc.want}, got); diff != "" || unknown {
			t.Errorf("%s: unknown %v, (-want +got):\n%s", tc.reason, unknown, diff)
		}
	}
}

// Titles that are one list have the members of all.
func TestMembersOfOneTitle(t *testing.T) {
	t.Parallel()
	got, _ := membersOf(t, ImportScope{}, ccmail.List{Title: "#a", Members: []string{"Doe, John"}}, ccmail.List{Title: "A", Members: []string{"Baker, Bob"}})
	want := []reconcile.Member{{Name: "Doe, John", Key: "user:doe, john"}, {Name: "Baker, Bob", DN: "cn=bob"}}
	if diff := compare(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMembersUnknown(t *testing.T) {
	t.Parallel()
	if got, unknown := membersOf(t, ImportScope{}, ccmail.List{Title: "A"}, ccmail.List{Title: "B"}); !unknown || got != nil {
		t.Errorf("no list has members: unknown %v, %v", unknown, got)
	}
	if got, unknown := membersOf(t, ImportScope{TitlesOnly: true}, ccmail.List{Title: "A", Members: []string{"Doe, John"}}); !unknown || got != nil {
		t.Errorf("titles only: unknown %v, %v", unknown, got)
	}
	if _, unknown := membersOf(t, ImportScope{}, ccmail.List{Title: "A"}, ccmail.List{Title: "B", Members: []string{"Doe, John"}}); unknown {
		t.Error("one list has a member, and they are unknown")
	}
}
