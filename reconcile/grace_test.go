package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
)

// graceWorld has one entry that goes, one that waits, one whose time is over and
// one that is wanted again.
func graceWorld() directoryWorld {
	recipient := func(name string, hidden bool) reconcile.Recipient {
		return reconcile.Recipient{
			Kind: reconcile.User, Key: reconcile.Key(reconcile.User, name), DN: "cn=" + name, Target: "CCMAIL:" + name + " at PO", Owner: "hq",
			Alias: name, Hidden: hidden,
		}
	}
	hidden := func(name string, ago time.Duration) reconcile.Retirement {
		return reconcile.Retirement{Direction: reconcile.ToExchange, Key: reconcile.Key(reconcile.User, name), Since: someDay.Add(-ago), Hid: true}
	}
	back := recipient("Back", false)
	back.Name, back.PostOffice, back.Owner = "Back", "PO", ""
	return directoryWorld{ExchangeInput: reconcile.ExchangeInput{
		Owner:   "hq",
		Present: []reconcile.Recipient{recipient("Goes", false), recipient("Waits", true), recipient("Over", true), recipient("Back", true)},
		Wanted:  []reconcile.WantedRecipient{wantedRecipient(back, "")},
		Grace: reconcile.Grace{Period: 48 * time.Hour, Now: someDay, Retiring: []reconcile.Retirement{
			hidden("Waits", time.Hour), hidden("Over", 49*time.Hour), hidden("Back", time.Hour),
			{Direction: reconcile.ToCCMail, Key: "user:goes", Since: someDay.Add(-100 * time.Hour)},
		}},
	}}
}

// What is in its time of grace after a run depends on what came of its steps: an
// entry that was not hidden has none, one that is hidden still is known as such.
func TestRetirementsAfterARun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason  string
		outcome reconcile.Outcome
		want    map[string]time.Duration // how long ago, by name
	}{
		{"as planned", "", map[string]time.Duration{"cn=Goes": 0, "cn=Waits": time.Hour}},
		{"carried out", reconcile.Done, map[string]time.Duration{"cn=Goes": 0, "cn=Waits": time.Hour}},
		{"nothing was tried", reconcile.Held, map[string]time.Duration{"cn=Waits": time.Hour, "cn=Over": 49 * time.Hour, "cn=Back": time.Hour}},
		{
			"the answers were lost, so it may be hidden", reconcile.Failed,
			map[string]time.Duration{"cn=Goes": 0, "cn=Waits": time.Hour, "cn=Over": 49 * time.Hour, "cn=Back": time.Hour},
		},
	} {
		side := graceWorld().plan()
		for i := range side.Steps {
			if side.Steps[i].Op.Writes() {
				side.Steps[i].Outcome = test.outcome
			}
		}
		got := map[string]time.Duration{}
		for _, r := range side.Retirements(reconcile.ToExchange) {
			got[r.DN] = someDay.Sub(r.Since)
			if !r.Hid || r.Direction != reconcile.ToExchange {
				t.Errorf("%s: %v", test.reason, r)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// What hides is guarded as the delete that it leads to, also in a plan that was
// read back; the delete itself is not guarded again.
func TestHidingIsGuardedAsADelete(t *testing.T) {
	t.Parallel()
	side := graceWorld().plan()
	guards := reconcile.Judge(reconcile.Basis{}, reconcile.Side{}, side)
	steps := reconcile.GuardedSteps(guards, nil, []reconcile.Step{{Op: reconcile.Hide, Kind: reconcile.User, DN: "cn=read back"}})
	for _, s := range reconcile.GuardedSteps(guards, nil, side.Steps) {
		if s.Step.Op != reconcile.Modify { // one that is wanted again is a change
			steps = append(steps, s)
		}
	}
	var dns []string
	for _, s := range steps {
		dns = append(dns, s.Step.DN)
	}
	if diff := cmp.Diff([]string{"cn=read back", "cn=Goes"}, dns); diff != "" {
		t.Errorf("guarded as deletes (-want +got):\n%s", diff)
	}
}

// A plan has the same ID whatever the time of day, so that it can be approved.
func TestPlanWithGraceKeepsItsID(t *testing.T) {
	t.Parallel()
	id := func(world directoryWorld) string {
		plan := reconcile.Plan{Connector: "hq", ToExchange: world.plan().Steps}
		if err := plan.Identify(); err != nil {
			t.Fatal(err)
		}
		return plan.ID
	}
	later := graceWorld()
	later.Grace.Now = later.Grace.Now.Add(time.Hour)
	if now, then := id(graceWorld()), id(later); now != then {
		t.Errorf("the plan %s is %s an hour later", now, then)
	}
}
