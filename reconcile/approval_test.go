package reconcile_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

// strict lets no delete and no change through, and no read that lost anything.
var strict = reconcile.Limits{}

// judged is a plan with what it was judged by.
type judged struct {
	basis                reconcile.Basis
	toCCMail, toExchange []reconcile.Step
}

// side makes a side of steps: deletes and changes are of ours, and as many
// entries are kept.
func side(steps []reconcile.Step) reconcile.Side {
	s := reconcile.Side{Steps: steps, Tally: map[reconcile.Kind]reconcile.Tally{}}
	for _, step := range steps {
		t := s.Tally[step.Kind]
		switch step.Op {
		case reconcile.Delete, reconcile.Hide:
			t.Owned, t.Delete = t.Owned+1, t.Delete+1
		case reconcile.Replace, reconcile.Modify:
			t.Owned, t.Wanted, t.Change = t.Owned+1, t.Wanted+1, t.Change+1
		case reconcile.Add:
			t.Wanted, t.Add = t.Wanted+1, t.Add+1
		case reconcile.Keep, reconcile.Adopt, reconcile.Refuse, reconcile.Hold:
		}
		s.Tally[step.Kind] = t
	}
	return s
}

func (j judged) plan(approvals ...reconcile.Approval) reconcile.Plan {
	j.basis.Known.Approvals = approvals
	return reconcile.Plan{
		Connector: "hq", ID: "0123456789ab", ToCCMail: j.toCCMail, ToExchange: j.toExchange,
		Guards: reconcile.Judge(j.basis, side(j.toCCMail), side(j.toExchange)),
	}
}

// tripped are the guards that nobody approved.
func tripped(p reconcile.Plan) []string {
	names := []string{}
	for _, g := range reconcile.TrippedOf(p.Guards) {
		names = append(names, g.Name)
	}
	return names
}

// someStep draws a step; the alphabets are small, so that steps meet that
// differ in one thing only.
func someStep(t *rapid.T) reconcile.Step {
	s := reconcile.Step{
		Op: rapid.SampledFrom([]reconcile.Op{
			reconcile.Delete, reconcile.Delete, reconcile.Hide, reconcile.Modify, reconcile.Replace, reconcile.Add, reconcile.Adopt, reconcile.Refuse, reconcile.Hold,
		}).Draw(t, "op"),
		Kind:    rapid.SampledFrom([]reconcile.Kind{reconcile.User, reconcile.User, reconcile.List, reconcile.Board}).Draw(t, "kind"),
		Name:    rapid.SampledFrom(someNames).Draw(t, "name"),
		Address: rapid.SampledFrom(somePlaces).Draw(t, "address"),
		DN:      rapid.SampledFrom([]string{"", "cn=1", "cn=2"}).Draw(t, "dn"),
		Reason:  rapid.SampledFrom([]string{"gone", "left"}).Draw(t, "reason"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "changes") {
		text := rapid.SampledFrom([]string{"", "x", `"`, `x"`})
		s.Changes = append(s.Changes, reconcile.Change{Attr: text.Draw(t, "attr"), Old: text.Draw(t, "old"), New: text.Draw(t, "new")})
	}
	return s
}

func somePlan(t *rapid.T) judged {
	steps := rapid.SliceOfN(rapid.Custom(someStep), 0, 8)
	j := judged{basis: reconcile.Basis{Limits: strict}, toCCMail: steps.Draw(t, "to cc:Mail"), toExchange: steps.Draw(t, "to Exchange")}
	for i := range j.toCCMail {
		j.toCCMail[i].Kind = reconcile.User
	}
	for _, c := range []reconcile.Count{
		{Side: "ccmail", Container: "directory"}, {Side: "ccmail", Container: "list members"}, {Side: "exchange", Container: "o=A.B"},
	} {
		entries := rapid.IntRange(0, 5)
		if rapid.Bool().Draw(t, "counted") {
			c.Entries = entries.Draw(t, "had")
			j.basis.Known.Last.Counts = append(j.basis.Known.Last.Counts, c)
			c.Entries = entries.Draw(t, "has")
			j.basis.Counts = append(j.basis.Counts, c)
		}
	}
	return j
}

// heldPlan draws a plan that guards stop, and approves it.
func heldPlan(t *rapid.T) (judged, reconcile.Approval) {
	j := somePlan(t)
	plan := j.plan()
	if len(tripped(plan)) == 0 {
		t.Skip("no guard trips")
	}
	approval, err := reconcile.NewApproval(plan, "")
	if err != nil {
		t.Fatal(err)
	}
	return j, approval
}

func TestApprovalLetsItsPlanThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j, approval := heldPlan(t)
		// Neither the order of the steps nor their reasons matter, nor what
		// other approvals there are.
		for _, steps := range [][]reconcile.Step{j.toCCMail, j.toExchange} {
			slices.Reverse(steps)
			for i := range steps {
				steps[i].Reason = "another"
				slices.Reverse(steps[i].Changes)
			}
		}
		plan := j.plan(reconcile.Approval{Connector: "hq", PlanID: "other"}, approval)
		if left := tripped(plan); len(left) > 0 {
			t.Errorf("the approval of a plan leaves %v tripped", left)
		}
		for _, g := range plan.Guards {
			if g.Approved && !g.Tripped {
				t.Errorf("a guard is approved that has not tripped: %+v", g)
			}
		}
		if diff := cmp.Diff(plan.Guards, j.plan(reconcile.Approval{Connector: "hq", PlanID: "other"}, approval).Guards); diff != "" {
			t.Errorf("judged again (-first +second):\n%s", diff)
		}
	})
}

// A part of what was approved passes, as far as it trips the same guards.
func TestApprovalLetsAPartThrough(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j, approval := heldPlan(t)
		some := func(reconcile.Step) bool { return rapid.Bool().Draw(t, "gone") }
		j.toCCMail = slices.DeleteFunc(slices.Clone(j.toCCMail), some)
		j.toExchange = slices.DeleteFunc(slices.Clone(j.toExchange), some)
		for i, c := range j.basis.Counts {
			if known := j.basis.Known.Last.Counts[i].Entries; c.Entries < known {
				j.basis.Counts[i].Entries = rapid.IntRange(c.Entries, known).Draw(t, "has now")
			}
		}
		if left := tripped(j.plan(approval)); len(left) > 0 {
			t.Errorf("a part of an approved plan is stopped by %v", left)
		}
	})
}

// One step more than was approved, and every guard that counts it stops the
// plan.
func TestApprovalHoldsNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j, approval := heldPlan(t)
		one := rapid.Custom(someStep).Draw(t, "one more")
		more := &j.toExchange
		if rapid.Bool().Draw(t, "toward cc:Mail") {
			one.Kind, more = reconcile.User, &j.toCCMail
		}
		*more = slices.Insert(slices.Clone(*more), rapid.IntRange(0, len(*more)).Draw(t, "place"), one)
		plan := j.plan(approval)
		for _, g := range plan.Guards {
			about := func(toCCMail, toExchange []reconcile.Step) int {
				return len(reconcile.GuardedSteps([]reconcile.Guard{g}, toCCMail, toExchange))
			}
			counted := about(nil, []reconcile.Step{one}) > 0
			if more == &j.toCCMail {
				counted = about([]reconcile.Step{one}, nil) > 0
			}
			if counted && g.Approved {
				t.Errorf("%s is approved, with %+v that nobody saw", g.Name, one)
			}
		}
	})
}

// A step that differs in one thing from the approved one is another step.
func TestApprovalIsOfTheStepAsSeen(t *testing.T) {
	t.Parallel()
	seen := reconcile.Step{
		Op: reconcile.Delete, Kind: reconcile.User, Name: "Quist, Marta", Address: "CCMAIL:Marta Quist at HUB", DN: "cn=1", Reason: "gone from cc:Mail",
		Changes: []reconcile.Change{{Attr: "cn", Old: "a"}, {Attr: "mail", Old: "b"}}, Key: "user:quist, marta",
	}
	approval, err := reconcile.NewApproval(judged{toExchange: []reconcile.Step{seen}}.plan(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		passes bool
		edit   func(*reconcile.Step)
	}{
		{"as it was", true, func(*reconcile.Step) {}},
		{"another reason, event and key", true, func(s *reconcile.Step) { s.Reason, s.Event, s.Key = "left the scope: hidden", 1, "" }},
		{"another order of changes", true, func(s *reconcile.Step) { slices.Reverse(s.Changes) }},
		{"another name", false, func(s *reconcile.Step) { s.Name = "Quist, Maria" }},
		{"another case of the name", false, func(s *reconcile.Step) { s.Name = "QUIST, MARTA" }},
		{"another address", false, func(s *reconcile.Step) { s.Address = "CCMAIL:Marta Quist at PO1" }},
		{"another DN", false, func(s *reconcile.Step) { s.DN = "cn=2" }},
		{"another old value", false, func(s *reconcile.Step) { s.Changes[0].Old = "c" }},
		{"one change less", false, func(s *reconcile.Step) { s.Changes = s.Changes[:1] }},
		{"values that only look alike when run together", false, func(s *reconcile.Step) {
			s.Changes = []reconcile.Change{{Attr: `cn""a`, Old: ""}, {Attr: "mail", Old: "b"}}
		}},
		{"another kind", false, func(s *reconcile.Step) { s.Kind = reconcile.List }},
	} {
		now := seen
		now.Changes = slices.Clone(seen.Changes)
		c.edit(&now)
		if left := tripped(judged{toExchange: []reconcile.Step{now}}.plan(approval)); (len(left) == 0) != c.passes {
			t.Errorf("%s: it passes is %v, want %v (%v)", c.reason, !c.passes, c.passes, left)
		}
	}
}

// mixed trips a guard of each class in either direction.
func mixed() judged {
	step := func(op reconcile.Op, kind reconcile.Kind, name string) reconcile.Step {
		return reconcile.Step{Op: op, Kind: kind, Name: name}
	}
	return judged{
		basis: reconcile.Basis{
			Counts: []reconcile.Count{{Side: "ccmail", Container: "lists", Entries: 5}, {Side: "exchange", Container: "o=A.B", Entries: 5}},
			Known:  baseline(reconcile.Count{Side: "ccmail", Container: "lists", Entries: 10}, reconcile.Count{Side: "exchange", Container: "o=A.B", Entries: 10}),
		},
		toCCMail: []reconcile.Step{
			step(reconcile.Delete, reconcile.Mailbox, "a"), step(reconcile.Delete, reconcile.User, "b"),
			step(reconcile.Replace, reconcile.User, "c"), step(reconcile.Add, reconcile.User, "d"),
		},
		toExchange: []reconcile.Step{
			step(reconcile.Delete, reconcile.User, "e"), step(reconcile.Delete, reconcile.List, "f"),
			step(reconcile.Modify, reconcile.User, "g"), step(reconcile.Modify, reconcile.Board, "h"),
			step(reconcile.Adopt, reconcile.User, "i"), step(reconcile.Hold, reconcile.User, "j"), step(reconcile.Refuse, reconcile.User, "k"),
		},
	}
}

func TestGuardedSteps(t *testing.T) {
	t.Parallel()
	j := mixed()
	for guard, want := range map[string]string{
		"to_ccmail.none_wanted":               "a b",
		"to_ccmail.deletes":                   "a b",
		"to_ccmail.delete_percent":            "a b",
		"to_ccmail.changes_percent":           "c",
		"to_exchange.user.none_wanted":        "e",
		"to_exchange.user.deletes":            "e",
		"to_exchange.list.delete_percent":     "f",
		"to_exchange.board.deletes":           "",
		"to_exchange.user.changes_percent":    "g",
		"to_exchange.board.changes_percent":   "h",
		"ccmail.lists.shrink_percent":         "e f",
		"ccmail.list members.members_percent": "e f",
		"exchange.o=A.B.shrink_percent":       "a b",
		"to_exchange.user.unheard_of":         "",
		"nowhere.user.deletes":                "",
		"deletes":                             "",
		"":                                    "",
	} {
		for _, trips := range []bool{true, false} {
			var names []string
			for _, s := range reconcile.GuardedSteps([]reconcile.Guard{{Name: guard, Tripped: trips}}, j.toCCMail, j.toExchange) {
				names = append(names, s.Step.Name)
			}
			if got := strings.Join(names, " "); trips && got != want || !trips && got != "" {
				t.Errorf("guard %q, tripped %v: steps %q, want %q", guard, trips, got, want)
			}
		}
	}
	all := reconcile.GuardedSteps(j.plan().Guards, j.toCCMail, j.toExchange)
	var names []string
	for _, s := range all {
		names = append(names, string(s.Direction)+" "+s.Step.Name)
	}
	want := []string{"to_ccmail a", "to_ccmail b", "to_ccmail c", "to_exchange e", "to_exchange f", "to_exchange g", "to_exchange h"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("the steps of all guards, each once (-want +got):\n%s", diff)
	}
}

// An approval for one class of guards leaves the others as they are.
func TestApprovalOnly(t *testing.T) {
	t.Parallel()
	j := mixed()
	before := tripped(j.plan())
	classOf := func(name string) string {
		switch name[strings.LastIndex(name, ".")+1:] {
		case "changes_percent":
			return "changes"
		case "shrink_percent":
			return "reads"
		default:
			return "deletes"
		}
	}
	for _, only := range []string{"deletes", "changes", "reads"} {
		approval, err := reconcile.NewApproval(j.plan(), only)
		if err != nil {
			t.Fatal(err)
		}
		left := tripped(j.plan(approval))
		want := slices.DeleteFunc(slices.Clone(before), func(name string) bool { return classOf(name) == only })
		if diff := cmp.Diff(want, left); diff != "" || len(left) == len(before) {
			t.Errorf("only %s: guards that stop the plan still (-want +got):\n%s", only, diff)
		}
		// The class counts even where the guards and steps say more.
		whole, err := reconcile.NewApproval(j.plan(), "")
		if err != nil {
			t.Fatal(err)
		}
		whole.Only = only
		if diff := cmp.Diff(want, tripped(j.plan(whole))); diff != "" {
			t.Errorf("only %s, of all: guards that stop the plan still (-want +got):\n%s", only, diff)
		}
	}
}

// A guard that had not tripped was not looked at.
func TestApprovalOfAGuardThatHadNotTripped(t *testing.T) {
	t.Parallel()
	j := mixed()
	approval, err := reconcile.NewApproval(j.plan(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range approval.Guards {
		approval.Guards[i].Tripped = false
	}
	if diff := cmp.Diff(tripped(j.plan()), tripped(j.plan(approval))); diff != "" {
		t.Errorf("guards that stop the plan (-want +got):\n%s", diff)
	}
}

// Two guards of one class, direction and kind stand for each other; what a
// direction, a kind or a container was not stopped for is not approved.
func TestApprovalIsOfItsGuards(t *testing.T) {
	t.Parallel()
	j := mixed()
	for _, c := range []struct {
		approved, now string
		then          int // what was found when it was approved
		passes        bool
	}{
		{approved: "to_exchange.user.deletes", now: "to_exchange.user.delete_percent", passes: true},
		{approved: "to_exchange.list.delete_percent", now: "to_exchange.list.none_wanted", passes: true},
		{approved: "to_exchange.user.changes_percent", now: "to_exchange.user.deletes"},
		{approved: "to_exchange.list.deletes", now: "to_exchange.user.deletes"},
		{approved: "to_ccmail.deletes", now: "to_exchange.user.deletes"},
		{approved: "ccmail.lists.shrink_percent", now: "to_exchange.user.deletes"},
		{approved: "exchange.o=A.B.shrink_percent", then: 50, now: "exchange.o=A.B.shrink_percent", passes: true},
		{approved: "exchange.o=A.B.shrink_percent", then: 51, now: "exchange.o=A.B.shrink_percent", passes: true},
		{approved: "exchange.o=A.B.shrink_percent", then: 49, now: "exchange.o=A.B.shrink_percent"},
		{approved: "exchange.o=A.C.shrink_percent", then: 50, now: "exchange.o=A.B.shrink_percent"},
	} {
		plan := j.plan()
		approval := reconcile.Approval{
			Guards: []reconcile.Guard{{Name: c.approved, Found: c.then, Tripped: true}},
			Steps:  reconcile.GuardedSteps(plan.Guards, j.toCCMail, j.toExchange),
		}
		guards := j.plan(approval).Guards
		i := slices.IndexFunc(guards, func(g reconcile.Guard) bool { return g.Name == c.now })
		if i < 0 || !guards[i].Tripped {
			t.Fatalf("%s does not trip", c.now)
		}
		if guards[i].Approved != c.passes {
			t.Errorf("an approval of %s at %d lets %s at %d through is %v, want %v", c.approved, c.then, c.now, guards[i].Found, !c.passes, c.passes)
		}
	}
}

func TestNewApproval(t *testing.T) {
	t.Parallel()
	fine := judged{toCCMail: []reconcile.Step{{Op: reconcile.Add, Kind: reconcile.User, Name: "a"}}}
	changes := judged{toExchange: []reconcile.Step{{Op: reconcile.Modify, Kind: reconcile.User, Name: "a"}}}
	for _, c := range []struct {
		plan judged
		only string
		want string
	}{
		{fine, "", "approve plan 0123456789ab of hq: no guard stops it, so there is nothing to approve"},
		{changes, "everything", `approve plan 0123456789ab of hq: "everything" is no class of guards; choose deletes, changes or reads`},
		{changes, "deletes", "approve plan 0123456789ab of hq: none of the guards that stop it is about deletes; they are to_exchange.user.changes_percent"},
	} {
		_, err := reconcile.NewApproval(c.plan.plan(), c.only)
		if diff := cmp.Diff(c.want, fmt.Sprint(err)); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	}
	approval, err := reconcile.NewApproval(changes.plan(), "changes")
	if err != nil {
		t.Fatal(err)
	}
	want := reconcile.Approval{
		Connector: "hq", PlanID: "0123456789ab", Only: "changes",
		Guards: []reconcile.Guard{{Name: "to_exchange.user.changes_percent", Found: 100, Tripped: true}},
		Steps:  []reconcile.ApprovedStep{{Direction: reconcile.ToExchange, Step: changes.toExchange[0]}},
	}
	ignore := cmp.Options{cmpopts.IgnoreUnexported(reconcile.Step{}), cmpopts.IgnoreFields(reconcile.Guard{}, "Detail")}
	if diff := cmp.Diff(want, approval, ignore); diff != "" {
		t.Errorf("approval (-want +got):\n%s", diff)
	}
}

// An approval holds for plans of its purpose only: who lets a removal through
// does not expect a synchronization to delete the same entries.
func TestApprovalOfAPurpose(t *testing.T) {
	t.Parallel()
	side := reconcile.Side{
		Steps: []reconcile.Step{{Op: reconcile.Delete, Kind: reconcile.User, Name: "Quist, Marta", DN: "cn=1"}},
		Tally: map[reconcile.Kind]reconcile.Tally{reconcile.User: {Owned: 1, Delete: 1}},
	}
	judged := func(purpose string, approvals ...reconcile.Approval) []reconcile.Guard {
		return reconcile.TrippedOf(reconcile.Judge(reconcile.Basis{Purpose: purpose, Known: reconcile.Known{Approvals: approvals}}, reconcile.Side{}, side))
	}
	const removal = "remove hq"
	approval, err := reconcile.NewApproval(reconcile.Plan{Connector: "hq", Purpose: removal, ToExchange: side.Steps, Guards: judged(removal)}, "")
	if err != nil {
		t.Fatal(err)
	}
	if left := judged(removal, approval); len(left) > 0 {
		t.Errorf("the removal is still stopped by %v", left)
	}
	if left := judged("", approval); len(left) == 0 {
		t.Error("the approval of a removal lets a synchronization through")
	}
}

// A plan that was kept as JSON is approved like the one that was made.
func TestApprovalOfAPlanReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := somePlan(t)
		plan := j.plan()
		if len(tripped(plan)) == 0 {
			t.Skip("no guard trips")
		}
		data, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		var back reconcile.Plan
		if err = json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		approval, err := reconcile.NewApproval(back, "")
		if err != nil {
			t.Fatal(err)
		}
		if left := tripped(j.plan(approval)); len(left) > 0 {
			t.Errorf("the approval of a plan that was read back leaves %v tripped", left)
		}
	})
}

// The tally tells the deletes of both planners by their cause, those that come
// later when they are hidden.
func TestCausesOfDeletes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		toCCMail, err := somePostOffice(t).plan()
		if err != nil {
			t.Fatal(err)
		}
		directory := someDirectory(t)
		for _, side := range []reconcile.Side{toCCMail, directory.plan()} {
			for i := range side.Steps {
				if rapid.IntRange(0, 5).Draw(t, "unwritable") == 0 && side.Steps[i].Before != nil {
					side.Refuse(map[int]string{i: "too long"})
				}
			}
			left, gone := 0, 0
			for _, s := range side.Steps {
				reason := strings.TrimPrefix(s.Reason, "left behind in the former import container; ")
				switch {
				case s.Op != reconcile.Delete && s.Op != reconcile.Hide, judgedBefore(directory, s):
				case strings.HasPrefix(reason, "left the scope: "):
					left++
				case strings.HasPrefix(reason, "gone from "):
					gone++
				}
			}
			var sum reconcile.Tally
			for tally := range maps.Values(side.Tally) {
				sum.LeftScope += tally.LeftScope
				sum.Gone += tally.Gone
			}
			if sum.LeftScope != left || sum.Gone != gone {
				t.Errorf("%d deletes left the scope and %d are gone, but the tally says %d and %d", left, gone, sum.LeftScope, sum.Gone)
			}
		}
	})
}
