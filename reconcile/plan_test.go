package reconcile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
)

func TestPlanID(t *testing.T) {
	t.Parallel()
	step := reconcile.Step{
		Op: reconcile.Modify, Kind: reconcile.User, Name: "Quist, Marta", DN: "cn=1", Reason: "comment changed in cc:Mail",
		Changes: []reconcile.Change{{Attr: "info", Old: "Room 12", New: "Room 7"}},
	}
	plan := func(edit func(*reconcile.Plan)) string {
		p := reconcile.Plan{Connector: "hq", ToExchange: []reconcile.Step{step}}
		edit(&p)
		if err := p.Identify(); err != nil {
			t.Fatal(err)
		}
		return p.ID
	}
	id := plan(func(*reconcile.Plan) {})
	if len(id) != 12 {
		t.Errorf("the ID %q has not twelve digits", id)
	}
	for _, c := range []struct {
		reason string
		same   bool
		edit   func(*reconcile.Plan)
	}{
		{"the same steps", true, func(*reconcile.Plan) {}},
		{"what was read and how it was judged does not count", true, func(p *reconcile.Plan) {
			p.Counts.DirectoryEntries, p.Guards, p.ID = 7, []reconcile.Guard{{Name: "x"}}, "x"
		}},
		{"another connector", false, func(p *reconcile.Plan) { p.Connector = "branch" }},
		{"another step", false, func(p *reconcile.Plan) { p.ToExchange[0].Op = reconcile.Delete }},
		{"another value", false, func(p *reconcile.Plan) {
			p.ToExchange[0].Changes = []reconcile.Change{{Attr: "info", Old: "Room 12", New: "Room 8"}}
		}},
		{"one step more", false, func(p *reconcile.Plan) { p.ToExchange = append(p.ToExchange, step) }},
		{"the other direction", false, func(p *reconcile.Plan) { p.ToCCMail, p.ToExchange = p.ToExchange, nil }},
	} {
		if same := plan(c.edit) == id; same != c.same {
			t.Errorf("%s: the same ID is %v", c.reason, same)
		}
	}
}

func TestCountSteps(t *testing.T) {
	t.Parallel()
	side := reconcile.Side{
		Steps: []reconcile.Step{
			{Op: reconcile.Delete},
			{Op: reconcile.Replace},
			{Op: reconcile.Modify},
			{Op: reconcile.Modify},
			{Op: reconcile.Adopt},
			{Op: reconcile.Add},
			{Op: reconcile.Add},
			{Op: reconcile.Add},
			{Op: reconcile.Hold},
			{Op: reconcile.Refuse},
			{Op: reconcile.Refuse},
		},
		Tally: map[reconcile.Kind]reconcile.Tally{reconcile.User: {Keep: 4}, reconcile.Board: {Keep: 1}},
	}
	want := reconcile.StepCounts{Keep: 5, Delete: 1, Replace: 1, Modify: 2, Adopt: 1, Add: 3, Hold: 1, Refuse: 2}
	if diff := cmp.Diff(want, side.CountSteps()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWritesAndOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op           string
		counts       reconcile.StepCounts
		writes, open bool
	}{
		{"nothing", reconcile.StepCounts{}, false, false},
		{"keep", reconcile.StepCounts{Keep: 1}, false, false},
		{"add", reconcile.StepCounts{Add: 1}, true, false},
		{"delete", reconcile.StepCounts{Delete: 1}, true, false},
		{"replace", reconcile.StepCounts{Replace: 1}, true, false},
		{"modify", reconcile.StepCounts{Modify: 1}, true, false},
		{"adopt", reconcile.StepCounts{Adopt: 1}, true, false},
		{"refuse", reconcile.StepCounts{Refuse: 1}, false, true},
		{"hold", reconcile.StepCounts{Hold: 1}, false, true},
	} {
		for direction, counts := range map[string]reconcile.Counts{
			"cc:Mail": {ToCCMail: c.counts}, "Exchange": {ToExchange: c.counts},
		} {
			plan := reconcile.Plan{Counts: counts}
			if plan.Writes() != c.writes || plan.Open() != c.open {
				t.Errorf("%s toward %s: writes is %v, open is %v", c.op, direction, plan.Writes(), plan.Open())
			}
		}
	}
}
