package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	saved := func() reconcile.Plan {
		return reconcile.Plan{
			Connector: "hq", ID: "a",
			ToCCMail: []reconcile.Step{
				{Op: reconcile.Delete, Kind: reconcile.User, Name: "One, Una", Address: "EXSITE1", Reason: "gone from Exchange"},
				{Op: reconcile.Add, Kind: reconcile.Mailbox, Name: "Two, Tim", Address: "EXSITE1", DN: "cn=two", Reason: "not in cc:Mail yet"},
			},
			ToExchange: []reconcile.Step{
				{Op: reconcile.Modify, Kind: reconcile.User, Name: "Okafor, Ben", DN: "cn=1", Reason: "comment changed", Changes: []reconcile.Change{{Attr: "info", New: "x"}}},
				{Op: reconcile.Refuse, Kind: reconcile.Board, Name: "Social", Reason: "the address is taken"},
			},
		}
	}
	for _, c := range []struct {
		reason string
		edit   func(*reconcile.Plan)
		want   []string
	}{
		{"the same", func(*reconcile.Plan) {}, nil},
		{"another ID, other counts, guards and reasons, and what became of the steps", func(p *reconcile.Plan) {
			p.ID, p.Counts.Lists, p.Guards = "b", 7, []reconcile.Guard{{Name: "x"}}
			p.ToCCMail[0].Reason, p.ToCCMail[0].Outcome = "left the scope: hidden", reconcile.Done
		}, nil},
		{"another connector and purpose", func(p *reconcile.Plan) { p.Connector, p.Purpose = "branch", "undo run 3" }, []string{
			"it is a plan of connector hq, not of branch", `its purpose is "", not "undo run 3"`,
		}},
		{"a step more", func(p *reconcile.Plan) {
			p.ToCCMail = append(p.ToCCMail, reconcile.Step{Op: reconcile.Delete, Kind: reconcile.User, Name: "Three, Tea", Address: "EXSITE1"})
		}, []string{"to cc:Mail: 1 step is new: delete user Three, Tea at EXSITE1"}},
		{"steps less", func(p *reconcile.Plan) { p.ToCCMail = nil }, []string{
			"to cc:Mail: 2 steps are there no more: delete user One, Una at EXSITE1, add mailbox Two, Tim at EXSITE1",
		}},
		{"another value", func(p *reconcile.Plan) { p.ToExchange[0].Changes[0].New = "y" }, []string{
			"to Exchange: 1 step is different now: modify user Okafor, Ben",
		}},
		{"another op, kind and spelling for one entry of cc:Mail", func(p *reconcile.Plan) {
			p.ToCCMail[1] = reconcile.Step{Op: reconcile.Refuse, Kind: reconcile.CustomRecipient, Name: "TWO, TIM", Address: "EXSITE2", DN: "cn=2"}
		}, []string{"to cc:Mail: 1 step is different now: refuse custom_recipient TWO, TIM at EXSITE2"}},
		{"another DN is another entry of Exchange", func(p *reconcile.Plan) { p.ToExchange[0].DN = "cn=2" }, []string{
			"to Exchange: 1 step is new: modify user Okafor, Ben", "to Exchange: 1 step is there no more: modify user Okafor, Ben",
		}},
		{"a refusal that became an add", func(p *reconcile.Plan) { p.ToExchange[1].Op = reconcile.Add }, []string{
			"to Exchange: 1 step is different now: add board Social",
		}},
		{"an equal step once more", func(p *reconcile.Plan) { p.ToExchange = append(p.ToExchange, p.ToExchange[1]) }, []string{
			"to Exchange: 1 step is new: refuse board Social",
		}},
		{"a change that became another and an add, as well", func(p *reconcile.Plan) {
			p.ToExchange[0].Op = reconcile.Replace
			p.ToExchange[1] = reconcile.Step{Op: reconcile.Add, Kind: reconcile.User, Name: "Okafor, Ben", DN: "CN=1"}
		}, []string{
			"to Exchange: 1 step is new: add user Okafor, Ben", "to Exchange: 1 step is there no more: refuse board Social",
			"to Exchange: 1 step is different now: replace user Okafor, Ben",
		}},
		{"a move to the other direction", func(p *reconcile.Plan) {
			p.ToCCMail, p.ToExchange = p.ToCCMail[:1], append(p.ToExchange, p.ToCCMail[1])
		}, []string{
			"to cc:Mail: 1 step is there no more: add mailbox Two, Tim at EXSITE1", "to Exchange: 1 step is new: add mailbox Two, Tim at EXSITE1",
		}},
		{"many", func(p *reconcile.Plan) {
			for i := range 7 {
				p.ToExchange = append(p.ToExchange, reconcile.Step{Op: reconcile.Add, Kind: reconcile.User, Name: fmt.Sprint(i)})
			}
		}, []string{"to Exchange: 7 steps are new: add user 0, add user 1, add user 2, add user 3, add user 4, 2 more steps"}},
	} {
		now := saved()
		c.edit(&now)
		if diff := cmp.Diff(c.want, reconcile.Compare(saved(), now)); diff != "" {
			t.Errorf("%s: differences (-want +got):\n%s", c.reason, diff)
		}
	}
}

// Of two steps about one entry each is told of.
func TestCompareTwoStepsOfOneEntry(t *testing.T) {
	t.Parallel()
	step := func(op reconcile.Op) reconcile.Step {
		return reconcile.Step{Op: op, Kind: reconcile.User, Name: "Okafor, Ben", DN: "cn=1"}
	}
	saved := reconcile.Plan{ToExchange: []reconcile.Step{step(reconcile.Delete), step(reconcile.Add)}}
	now := reconcile.Plan{ToExchange: []reconcile.Step{step(reconcile.Modify)}}
	want := []string{"to Exchange: 1 step is there no more: add user Okafor, Ben", "to Exchange: 1 step is different now: modify user Okafor, Ben"}
	if diff := cmp.Diff(want, reconcile.Compare(saved, now)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

// Plans are the same exactly when each has the steps of the other.
func TestCompareAnyPlans(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plan := func(j judged) reconcile.Plan { return reconcile.Plan{ToCCMail: j.toCCMail, ToExchange: j.toExchange} }
		saved := plan(somePlan(t))
		now := reconcile.Plan{ToCCMail: slices.Clone(saved.ToCCMail), ToExchange: slices.Clone(saved.ToExchange)}
		slices.Reverse(now.ToCCMail)
		if differences := reconcile.Compare(saved, now); len(differences) > 0 {
			t.Errorf("the same steps in another order: %q", differences)
		}
		now.ToCCMail = append(now.ToCCMail, rapid.Custom(someStep).Draw(t, "one more"))
		if len(reconcile.Compare(saved, now)) == 0 || len(reconcile.Compare(now, saved)) == 0 {
			t.Error("one step more is no difference")
		}
	})
}
