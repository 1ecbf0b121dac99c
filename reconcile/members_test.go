package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"ccdirsync/reconcile"
)

// groupThatLoses is a world in which a group loses the first of its members.
func groupThatLoses(lost, members int) directoryWorld {
	world := directoryWorld{ExchangeInput: reconcile.ExchangeInput{Owner: "hq"}}
	group := reconcile.Recipient{
		Kind: reconcile.List, Group: true, Key: "list:staff", Name: "Staff", DisplayName: "Staff", DN: "cn=staff", Alias: "Staff", Owner: "hq",
		Target: "CCMAIL:#Staff", Proxies: []reconcile.Proxy{{Type: "CCMAIL", Address: "#Staff", Primary: true}},
	}
	want := wantedRecipient(group, "")
	for i := range members {
		dn := fmt.Sprintf("cn=%d", i)
		group.Members = append(group.Members, dn)
		if i >= lost {
			want.OnList = append(want.OnList, reconcile.Member{Name: dn, DN: dn})
		}
	}
	world.Present, world.Wanted = []reconcile.Recipient{group}, []reconcile.WantedRecipient{want}
	return world
}

// An export whose lists are cut short must not empty the groups.
func TestJudgeMembers(t *testing.T) {
	t.Parallel()
	basis := reconcile.Basis{Limits: reconcile.Limits{Floor: 2, MembersPercent: 30, ChangesPercent: 1, DeletePercent: 1}}
	for _, test := range []struct {
		reason        string
		lost, members int
		tells         string
	}{
		{"none", 0, 10, ""},
		{"at the percentage", 3, 10, ""},
		{"over the percentage, at the floor", 2, 2, ""},
		{"over both", 4, 10, "4 of the 10 members of lists of ours would go; if they are meant, approve the plan, or raise limits.members_percent for this run"},
	} {
		side := groupThatLoses(test.lost, test.members).plan()
		plan := reconcile.Plan{Connector: "hq", ToExchange: side.Steps, Guards: reconcile.Judge(basis, reconcile.Side{}, side)}
		tripped := reconcile.TrippedOf(plan.Guards)
		if test.tells == "" {
			if len(tripped) > 0 {
				t.Errorf("%s: tripped %v", test.reason, tripped)
			}
			continue
		}
		if len(tripped) != 1 || tripped[0].Name != "to_exchange.list.members_percent" || !strings.HasSuffix(tripped[0].Detail, test.tells) {
			t.Fatalf("%s: tripped %v", test.reason, tripped)
		}
		approval, err := reconcile.NewApproval(plan, "changes")
		if err != nil {
			t.Fatal(err)
		}
		if len(approval.Steps) != 1 || approval.Steps[0].Step.Name != "Staff" {
			t.Errorf("%s: approved is %v", test.reason, approval.Steps)
		}
		approved := basis
		approved.Known.Approvals = []reconcile.Approval{approval}
		if left := reconcile.TrippedOf(reconcile.Judge(approved, reconcile.Side{}, side)); len(left) > 0 {
			t.Errorf("%s: approved, and still tripped: %v", test.reason, left)
		}
	}
}

// Of a resync of a group alone the users whom the whole plan would add are not
// added, so they are no members yet.
func TestSelectWithoutMembers(t *testing.T) {
	t.Parallel()
	world := groupThatLoses(1, 2)
	user := wantedRecipient(reconcile.Recipient{
		Kind: reconcile.User, Key: "user:ann", Name: "Ann", DisplayName: "Ann", DN: "cn=ann", Alias: "Ann", Target: "CCMAIL:Ann at PO", PostOffice: "PO",
	}, "")
	world.Wanted[0].OnList = append(world.Wanted[0].OnList, reconcile.Member{Name: "Ann", Key: "user:ann"})
	world.Wanted = append(world.Wanted, user)
	side := world.plan()
	side.Select(func(s reconcile.Step) bool { return s.Name == "Staff" })
	if len(side.Steps) != 1 || len(side.Steps[0].Joining) != 0 || len(side.Steps[0].Leaving) != 1 {
		t.Errorf("selected: %+v", side.Steps)
	}
}
