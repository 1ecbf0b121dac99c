package cycle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/postoffice"
)

// slapd keeps the names of deleted entries on lists, and does not look whether a
// member is there: whole cycles with groups, each followed by one that has
// nothing to do.
func TestGroupsOnSlapd(t *testing.T) {
	t.Parallel()
	server := startSlapd(t)
	c := connector(t, server)
	c.Exchange.Import.Groups = true
	relist(t, c, "Sales Team", "Lindström, Åsa", "Goner, Gil", "Quist, Marta")
	relist(t, c, "All", "Sales Team", "#All", "Nobody")
	if report := cycled(t, c); report.Counts.ToExchange != (reconcile.StepCounts{Add: 5, Refuse: 2}) {
		t.Errorf("to Exchange %+v", report.Counts.ToExchange)
	}
	wantMembers(t, c, map[string][]string{"All": {"Sales Team"}, "Sales Team": {"Gil Goner", "Marta Quist", "Åsa Lindström"}})
	settled(t, c, server)

	edit(t, c, func(po *postoffice.PostOffice) error { return po.Delete("Goner, Gil") })
	relist(t, c, "All", "Sales Team", "Lindström, Åsa")
	cycled(t, c)
	wantMembers(t, c, map[string][]string{"All": {"Sales Team", "Åsa Lindström"}, "Sales Team": {"Marta Quist", "Åsa Lindström"}})
	settled(t, c, server)

	c.Exchange.Import.Groups = false
	cycled(t, c)
	wantMembers(t, c, map[string][]string{})
	settled(t, c, server)
	c.Exchange.Import.Groups = true
	cycled(t, c)
	wantMembers(t, c, map[string][]string{"All": {"Sales Team", "Åsa Lindström"}, "Sales Team": {"Marta Quist", "Åsa Lindström"}})
	settled(t, c, server)
}

// Whose add the server refuses is no member before the next cycle.
func TestMemberWhoseAddFails(t *testing.T) {
	t.Parallel()
	server := startSlapd(t)
	c := connector(t, server)
	c.Exchange.Import.Groups = true
	relist(t, c, "Sales Team", "Lindström, Åsa", "Goner, Gil")
	held := ldapsrc.Change{Type: ldapsrc.AddEntry}
	plan, err := cycle.Plan(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plan.ToExchange { // somebody takes the name between plan and write
		if s.Name == "Goner, Gil" {
			held.DN = s.DN
		}
	}
	held.Attributes = []ldapsrc.Attribute{{Name: "objectClass", Values: []string{"Container"}}, {Name: "cn", Values: []string{"taken"}}}
	conn := dial(t, c)
	if err := conn.Apply(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	report := cycled(t, c)
	if !report.Failed() || len(report.Warnings) != 1 || report.Warnings[0] != `1 member of the list "Sales Team" waits for the next cycle, because its recipient could not be added` {
		t.Errorf("warnings %q", report.Warnings)
	}
	wantMembers(t, c, map[string][]string{"Sales Team": {"Åsa Lindström"}})
	if err := conn.Apply(t.Context(), c.Server.Profile.Delete(held.DN)); err != nil {
		t.Fatal(err)
	}
	cycled(t, c)
	wantMembers(t, c, map[string][]string{"Sales Team": {"Gil Goner", "Åsa Lindström"}})
	settled(t, c, server)
}

// A directory whose lists cannot be empty has the members in the request that
// adds one, gives the last one up only for another, and refuses a list of nobodies.
func TestGroupsThatCannotBeEmpty(t *testing.T) {
	t.Parallel()
	server := startSlapd(t)
	c := connector(t, server)
	c.Exchange.Import.Groups, c.Server.Profile.EmptyLists = true, false
	relist(t, c, "Sales Team", "Lindström, Åsa")
	relist(t, c, "Nobodies", "Nobody")
	relist(t, c, "Drivers", "Goner, Gil")
	report := cycled(t, c)
	refused := slices.DeleteFunc(slices.Clone(report.ToExchange), func(s reconcile.Step) bool { return s.Op != reconcile.Refuse || s.Kind != reconcile.List })
	if len(refused) != 1 || refused[0].Name != "Nobodies" || !strings.Contains(refused[0].Reason, "no lists without") {
		t.Errorf("refused: %+v", refused)
	}
	wantMembers(t, c, map[string][]string{"Sales Team": {"Åsa Lindström"}, "Drivers": {"Gil Goner"}})
	settled(t, c, server)

	relist(t, c, "Sales Team", "Goner, Gil")
	relist(t, c, "Drivers", "Nobody")
	cycled(t, c)
	wantMembers(t, c, map[string][]string{"Sales Team": {"Gil Goner"}, "Drivers": {"Gil Goner"}})
	settled(t, c, server)
}

// A list of more than 5,000 members is written, and warned of (K247654).
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	server := startSlapd(t)
	c := connector(t, server)
	c.Server.PageSize = 100
	c.Exchange.Import.Groups = true
	names := make([]string, 5001)
	edit(t, c, func(po *postoffice.PostOffice) error {
		var seed strings.Builder
		for i := range names {
			names[i] = fmt.Sprintf("User%d", i)
			fmt.Fprintf(&seed, "Name: %s\nLocn: L\n\n", names[i])
		}
		return po.Seed("users", seed.String())
	})
	relist(t, c, "Sales Team", names...)
	report := cycled(t, c)
	if len(report.Warnings) != 1 || !strings.HasPrefix(report.Warnings[0], `the list "Sales Team" gets 5001 members;`) {
		t.Errorf("warnings %q", report.Warnings)
	}
	c.Server.Profile.ReadMembers = true
	found, _, err := dial(t, c).Read(t.Context(), imported)
	if err != nil {
		t.Fatal(err)
	}
	for entry := range found.All() {
		if r := entry.Recipient(); r.Class == ldapsrc.DistributionList && len(r.Members) != 5001 {
			t.Errorf("%s has %d members", r.DisplayName, len(r.Members))
		}
	}
	settled(t, c, server)
}

// relist gives a mailing list other members.
func relist(t *testing.T, c cycle.Connector, title string, members ...string) {
	t.Helper()
	edit(t, c, func(po *postoffice.PostOffice) error {
		_ = po.DeleteList(title) // it may not be there
		return po.AddList(postoffice.List{Title: title, Members: members})
	})
}

func cycled(t *testing.T, c cycle.Connector) cycle.Report {
	t.Helper()
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// wantMembers compares the distribution lists of the import container, by the
// display names of them and of their members.
func wantMembers(t *testing.T, c cycle.Connector, want map[string][]string) {
	t.Helper()
	c.Server.Profile.ReadMembers = true
	found, _, err := dial(t, c).Read(t.Context(), "ou=HQ,o=Contoso")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for entry := range found.All() {
		names[entry.DN()] = entry.Recipient().DisplayName
	}
	got := map[string][]string{}
	for entry := range found.All() {
		if r := entry.Recipient(); r.Class == ldapsrc.DistributionList {
			for _, dn := range r.Members {
				got[r.DisplayName] = append(got[r.DisplayName], names[dn])
			}
			slices.Sort(got[r.DisplayName])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lists and their members (-want +got):\n%s", diff)
	}
}
