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

// undoGroup takes back what a run did to the group cn=staff, in a directory that
// has the entries.
func undoGroup(recorded reconcile.Step, present ...reconcile.Recipient) reconcile.Side {
	recorded.Kind, recorded.DN, recorded.Key, recorded.Outcome = reconcile.List, "cn=staff", "list:staff", reconcile.Done
	recorded.Reason = "members of the list"
	return reconcile.UndoExchange(reconcile.UndoRecipients{
		Steps: []reconcile.Step{recorded}, Present: present, Owner: "hq", Members: "member",
		MultiValued: func(attribute string) bool { return attribute == "member" },
		Model: func(dn string, values map[string][]string) (reconcile.Recipient, error) {
			return staff(dn, values["member"]...), nil
		},
	})
}

func staff(dn string, members ...string) reconcile.Recipient {
	return reconcile.Recipient{
		Kind: reconcile.List, Group: true, Key: "list:staff", DN: dn, Owner: "hq", Members: members,
		Values: map[string][]string{"cn": {"Staff"}, "member": members},
	}
}

func user(dn string) reconcile.Recipient {
	return reconcile.Recipient{Kind: reconcile.User, Key: "user:" + dn, DN: dn, Owner: "hq"}
}

// Those whom a run added go and those whom it deleted come back, in whatever
// spelling of their names, and whatever others did to the group since; who is not
// there any more does not.
func TestUndoMembers(t *testing.T) {
	t.Parallel()
	side := undoGroup(reconcile.Step{Op: reconcile.Modify, Changes: []reconcile.Change{
		{Attr: "member", Old: "cn=left"},
		{Attr: "member", Old: "cn=back"},
		{Attr: "member", Old: "cn=gone"},
		{Attr: "member", New: "CN=came"},
		{Attr: "member", New: "cn=thrown out"},
	}}, staff("cn=staff", "cn=came", "cn=by hand", "cn=back"), user("cn=came"), user("cn=left"), user("cn=back"), user("cn=by hand"), user("cn=thrown out"))
	if len(side.Steps) != 1 {
		t.Fatalf("steps: %+v", side.Steps)
	}
	s := side.Steps[0]
	if s.Op != reconcile.Modify || fmt.Sprint(s.Joining) != "[cn=left]" || fmt.Sprint(s.Leaving) != "[cn=came]" {
		t.Errorf("%s: joining %q, leaving %q", s.Op, s.Joining, s.Leaving)
	}
	if tally := side.Tally[reconcile.List]; tally.Change != 0 || tally.Members != 3 || tally.MembersGone != 1 {
		t.Errorf("judged by %+v", tally)
	}
	again := undoGroup(reconcile.Step{Op: reconcile.Modify, Changes: []reconcile.Change{{Attr: "member", New: "cn=came"}}}, staff("cn=staff"), user("cn=came"))
	if len(again.Steps) != 0 {
		t.Errorf("taken back by hand already, and yet: %+v", again.Steps)
	}
}

// A group that was deleted comes back with the members that are there.
func TestUndoDeletedGroup(t *testing.T) {
	t.Parallel()
	side := undoGroup(reconcile.Step{Op: reconcile.Delete, Changes: []reconcile.Change{
		{Attr: "cn", Old: "Staff"}, {Attr: "member", Old: "cn=ann"}, {Attr: "member", Old: "cn=gone"},
	}}, user("cn=ann"))
	if len(side.Steps) != 1 || side.Steps[0].Op != reconcile.Add || fmt.Sprint(side.Steps[0].Joining) != "[cn=ann]" {
		t.Errorf("steps: %+v", side.Steps)
	}
}
