package reconcile_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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

// IDs of plans are in ledgers and in files that people saved, so they stay what
// they were.
func TestPlanIDStays(t *testing.T) {
	t.Parallel()
	step := reconcile.Step{
		Op: reconcile.Modify, Kind: reconcile.User, Name: "Quist <M> & Å", Address: "CCMAIL:Quist at HUB", Reason: "comment changed",
		Changes: []reconcile.Change{{Attr: "info", New: "Room 7"}},
	}
	for want, p := range map[string]reconcile.Plan{
		"3520a634771b": {Connector: "hq"},
		"94080555d96f": {Connector: "hq", ToCCMail: []reconcile.Step{}, ToExchange: []reconcile.Step{}},
		"c7731d995b17": {Connector: "hq", ToCCMail: []reconcile.Step{step}},
		"1d6a064f3f5d": {Connector: "hq", Purpose: "undo 12", ToExchange: []reconcile.Step{step, step}},
	} {
		if err := p.Identify(); err != nil || p.ID != want {
			t.Errorf("%+v has the ID %s, %v; it was %s", p, p.ID, err, want)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("a \"\\<>&\n\x7f\u2028\u2029Å"))), rapid.SampledFrom([]string{"\xff", "\ufffd", "a\xc3", "\b\f\r\t\x00\x1f"}))
		step := reconcile.Step{
			Op: reconcile.Op(text.Draw(t, "op")), Kind: reconcile.Kind(text.Draw(t, "kind")), Name: text.Draw(t, "name"),
			Address: text.Draw(t, "address"), DN: text.Draw(t, "dn"), Reason: text.Draw(t, "reason"), Event: rapid.Int().Draw(t, "event"),
			Outcome: reconcile.Outcome(text.Draw(t, "outcome")), Error: text.Draw(t, "error"),
		}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			step.Changes = append(step.Changes, reconcile.Change{Attr: text.Draw(t, "attr"), Old: text.Draw(t, "old"), New: text.Draw(t, "new")})
		}
		want, err := json.Marshal(step)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(step.AppendJSON([]byte("before "))); got != "before "+string(want) {
			t.Errorf("%s, want %s", got, want)
		}
	})
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
		op           reconcile.Op
		counts       reconcile.StepCounts
		writes, open bool
	}{
		{reconcile.Keep, reconcile.StepCounts{Keep: 1}, false, false},
		{reconcile.Add, reconcile.StepCounts{Add: 1}, true, false},
		{reconcile.Delete, reconcile.StepCounts{Delete: 1}, true, false},
		{reconcile.Replace, reconcile.StepCounts{Replace: 1}, true, false},
		{reconcile.Modify, reconcile.StepCounts{Modify: 1}, true, false},
		{reconcile.Hide, reconcile.StepCounts{Modify: 1}, true, false},
		{reconcile.Adopt, reconcile.StepCounts{Adopt: 1}, true, false},
		{reconcile.Refuse, reconcile.StepCounts{Refuse: 1}, false, true},
		{reconcile.Hold, reconcile.StepCounts{Hold: 1}, false, true},
	} {
		steps := []reconcile.Step{{Op: c.op}}
		for direction, plan := range map[string]reconcile.Plan{
			"cc:Mail":  {Counts: reconcile.Counts{ToCCMail: c.counts}, ToCCMail: steps},
			"Exchange": {Counts: reconcile.Counts{ToExchange: c.counts}, ToExchange: steps},
		} {
			if plan.Writes() != c.writes || plan.Open() != c.open {
				t.Errorf("%s toward %s: writes is %v, open is %v", c.op, direction, plan.Writes(), plan.Open())
			}
		}
	}
	if nothing := (reconcile.Plan{}); nothing.Writes() || nothing.Open() {
		t.Error("a plan without steps writes or is open")
	}
}

// Who waits for the end of a time of grace needs nobody.
func TestGraceIsNotOpen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	gone := reconcile.Recipient{Kind: reconcile.User, Key: "user:a", DN: "cn=1", Target: "CCMAIL:a at NORTHHUB", Owner: "hq", Hidden: true}
	side := reconcile.PlanExchange(reconcile.ExchangeInput{
		Owner: "hq", Present: []reconcile.Recipient{gone}, Grace: reconcile.Grace{Period: time.Hour, Now: now},
	})
	plan := reconcile.Plan{ToExchange: side.Steps}
	if len(side.Steps) != 1 || side.Steps[0].Op != reconcile.Hold || plan.Open() {
		t.Errorf("open is %v with %+v", plan.Open(), side.Steps)
	}
	side.Steps[0].Op = reconcile.Delete
	side.Hold(map[int]string{0: "somebody says so"})
	if !plan.Open() {
		t.Error("an entry in its time of grace that is held for another reason is not open")
	}
}
