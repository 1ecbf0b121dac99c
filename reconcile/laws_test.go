package reconcile_test

import (
	"math/rand"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

// The laws are what every plan keeps, whatever it is made from. The corpus and
// the generated worlds are held to the same ones.

// postOfficeLaws checks the laws of a plan toward cc:Mail and returns the world
// as it is once the plan has been carried out.
func postOfficeLaws(t rapid.TB, world postOfficeWorld) postOfficeWorld {
	t.Helper()
	untouched := world.clone()
	side, err := world.plan()
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	if diff := cmp.Diff(untouched, world, cmp.AllowUnexported(postOfficeWorld{})); diff != "" {
		t.Errorf("planning changed its input (-before +after):\n%s", diff)
	}
	everyStepHasAReason(t, side)
	for _, o := range orders {
		again, err := world.reordered(o.order).plan()
		if err != nil {
			t.Fatalf("plan with the input %s: %v", o.name, err)
		}
		sameSteps(t, "the input "+o.name, side, again)
	}
	onlyOurRows(t, world, side)
	owned := namedOnce(world.rows, world.owned())
	for _, step := range side.Steps {
		if waits(step) {
			owned--
		}
	}
	if side.Tally[reconcile.User].Owned != owned {
		t.Errorf("the tally counts %d rows of ours, there are %d", side.Tally[reconcile.User].Owned, owned)
	}
	after := world
	for _, step := range side.Steps {
		if err := after.carryOut(step); err != nil {
			t.Fatalf("carry out %s %s %q: %v", step.Op, step.Kind, step.Name, err)
		}
	}
	after.grace.Retiring = side.Retirements(reconcile.ToCCMail)
	return after
}

// waits reports whether a step holds an entry until its time of grace is over.
func waits(step reconcile.Step) bool {
	return step.Op == reconcile.Hold && (step.Before != nil || step.OldRow != nil) && strings.Contains(step.Reason, "will be deleted after") &&
		!strings.Contains(step.Reason, "which is still there") // that is about another entry
}

// directoryLaws checks the laws of a plan toward Exchange and returns the world
// as it is once the plan has been carried out.
func directoryLaws(t rapid.TB, world directoryWorld) directoryWorld {
	t.Helper()
	untouched := world.clone()
	side := world.plan()
	if diff := cmp.Diff(untouched.ExchangeInput, world.ExchangeInput, cmpopts.IgnoreFields(reconcile.WantedRecipient{}, "Names"), cmpopts.IgnoreFields(reconcile.ExchangeInput{}, "NormalDN", "Others")); diff != "" {
		t.Errorf("planning changed its input (-before +after):\n%s", diff)
	}
	everyStepHasAReason(t, side)
	for _, o := range orders {
		sameSteps(t, "the input "+o.name, side, world.reordered(o.order).plan())
	}
	onlyOurRecipients(t, world, side)
	n, tally := side.CountSteps(), tallyIsThatOfTheSteps(t, world, side)
	wanted := n.Keep + n.Add + n.Modify + n.Adopt + n.Hold
	for _, step := range side.Steps {
		if waits(step) || step.Op == reconcile.Hide {
			wanted--
		}
	}
	if tally.Wanted != wanted {
		t.Errorf("the tally counts %d wanted recipients, the plan has %d", tally.Wanted, wanted)
	}
	needsComeFirst(t, side)
	nobodyIsLost(t, side)
	after := world.clone()
	if err := after.carryOutAll(side); err != nil {
		t.Fatal(err)
	}
	wantedOnesStay(t, world, after)
	after.Grace.Retiring = side.Retirements(reconcile.ToExchange)
	return after
}

// wantedOnesStay checks that every entry that is wanted and had a recipient of
// ours by its key has one still, by its address where there is no room for a key
// or none yet.
func wantedOnesStay(t rapid.TB, before, after directoryWorld) {
	t.Helper()
	for _, w := range before.Wanted {
		byKey := func(r reconcile.Recipient) bool { return reconcile.Fold(r.Key) == w.Key }
		stands := func(r reconcile.Recipient) bool {
			return byKey(r) || r.Key == "" && strings.HasPrefix(reconcile.Fold(r.Target)+" at ", reconcile.Fold(w.Target)+" at ")
		}
		if slices.ContainsFunc(before.owned(), byKey) && !slices.ContainsFunc(after.owned(), stands) {
			t.Errorf("%s is wanted and has no recipient any more", w.Key)
		}
	}
}

// refuseLaws takes a step of a world's plan back and checks that what is left
// is a plan still.
func refuseLaws(t rapid.TB, world directoryWorld, side *reconcile.Side, i int, reason string) {
	t.Helper()
	before, wanted := slices.Clone(side.Steps), tallyIsThatOfTheSteps(t, world, *side).Wanted
	side.Refuse(map[int]string{i: reason})
	if s := side.Steps[i]; s.Op.Writes() || !strings.HasSuffix(s.Reason, reason) {
		t.Errorf("taken back because of %q, the step is %s: %s", reason, s.Op, s.Reason)
	}
	adds := before[i].Op == reconcile.Add && !recreated(before[i])
	for j, step := range side.Steps {
		if !step.Op.Writes() && (step.After != nil || step.Needs != nil) {
			t.Errorf("%s %q has something to write", step.Op, step.Name)
		}
		if adds && j != i && step.Op != before[j].Op && !slices.Contains(before[j].Joining, before[i].DN) {
			t.Errorf("without the add of %q, %s %q becomes %s", before[i].Name, before[j].Op, before[j].Name, step.Op)
		}
	}
	everyStepHasAReason(t, *side)
	onlyOurRecipients(t, world, *side)
	needsComeFirst(t, *side)
	nobodyIsLost(t, *side)
	if adds || before[i].Op == reconcile.Adopt && before[i].Before.Owner == "" {
		wanted-- // what is to be deleted and stays is not wanted for that
	}
	if after := tallyIsThatOfTheSteps(t, world, *side); after.Wanted != wanted {
		t.Errorf("without %s %q the tally counts %d wanted ones, want %d", before[i].Op, before[i].Name, after.Wanted, wanted)
	}
	world = world.clone()
	if err := world.carryOutAll(*side); err != nil {
		t.Fatal(err)
	}
}

// recreated reports whether a step is one half of a delete and an add of one
// entry.
func recreated(step reconcile.Step) bool {
	return strings.HasPrefix(step.Reason, "moved from") || strings.HasPrefix(step.Reason, "mailing lists are") ||
		strings.HasSuffix(step.Reason, "left behind in the former import container") || strings.Contains(step.Reason, "added anew in the import container")
}

// tallyIsThatOfTheSteps checks what the guards go by, and returns it for all
// kinds together.
func tallyIsThatOfTheSteps(t rapid.TB, world directoryWorld, side reconcile.Side) reconcile.Tally {
	t.Helper()
	var sum reconcile.Tally
	for _, tally := range side.Tally {
		sum.Owned += tally.Owned
		sum.Wanted += tally.Wanted
		sum.Keep += tally.Keep
		sum.Add += tally.Add
		sum.Delete += tally.Delete
		sum.Change += tally.Change
		sum.Refused += tally.Refused
		sum.Held += tally.Held
	}
	n := side.CountSteps()
	want := reconcile.Tally{
		Owned: len(world.owned()), Wanted: sum.Wanted,
		Keep: n.Keep, Add: n.Add, Delete: n.Delete, Change: n.Modify, Refused: n.Refuse, Held: n.Hold,
		LeftScope: sum.LeftScope, Gone: sum.Gone,
	}
	for _, step := range side.Steps {
		switch {
		case step.Op == reconcile.Hide:
			want.Delete++
			want.Change--
		case strings.HasPrefix(step.Reason, "members of the list:"):
			want.Change--
		case waits(step):
			want.Owned--
		case step.Op == reconcile.Delete && judgedBefore(world, step):
			want.Owned--
			want.Delete--
		}
	}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("the tally is not that of the steps (-want +got):\n%s", diff)
	}
	return sum
}

// judgedBefore reports whether a step deletes what an earlier one hid, and what
// is hidden still.
func judgedBefore(world directoryWorld, step reconcile.Step) bool {
	return step.Before != nil && step.Before.Hidden && strings.Contains(step.Reason, " since ") && slices.ContainsFunc(world.Grace.Retiring, func(r reconcile.Retirement) bool {
		return r.Key == step.Key && r.Hid
	})
}

// orders are some ways to order an input.
var orders = []struct {
	name  string
	order func(n int, swap func(i, j int))
}{
	{"backwards", func(n int, swap func(i, j int)) {
		for i := range n / 2 {
			swap(i, n-1-i)
		}
	}},
	{"shuffled", func(n int, swap func(i, j int)) { rand.New(rand.NewSource(1)).Shuffle(n, swap) }},
}

func sameSteps(t rapid.TB, how string, want, got reconcile.Side) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(reconcile.Step{})); diff != "" {
		t.Errorf("%s makes another plan (-before +after):\n%s", how, diff)
	}
}

func everyStepHasAReason(t rapid.TB, side reconcile.Side) {
	t.Helper()
	for _, step := range side.Steps {
		if step.Reason == "" {
			t.Errorf("%s %s %q has no reason", step.Op, step.Kind, step.Name)
		}
		if step.Op == reconcile.Keep {
			t.Errorf("keep %s %q is listed", step.Kind, step.Name)
		}
	}
}

// onlyOurRows checks that no step takes away a row that is not ours, and that
// no post office is changed.
func onlyOurRows(t rapid.TB, world postOfficeWorld, side reconcile.Side) {
	t.Helper()
	owned := world.owned()
	for _, step := range side.Steps {
		if step.OldRow != nil && !slices.Contains(owned, *step.OldRow) {
			t.Errorf("%s of %v, which is not ours", step.Op, *step.OldRow)
		}
		takes := step.Op == reconcile.Delete || step.Op == reconcile.Replace
		if takes != (step.OldRow != nil) && step.Op != reconcile.Hold {
			t.Errorf("%s %s %q: its old row is %v", step.Op, step.Kind, step.Name, step.OldRow)
		}
		if step.Kind == reconcile.PostOffice && step.Op != reconcile.Add && step.Op != reconcile.Refuse {
			t.Errorf("%s of the post office %q", step.Op, step.Name)
		}
	}
}

// namedOnce counts the rows of ours whose name no other row has: a name that a
// damaged directory holds twice is nobody's.
func namedOnce(rows, ours []reconcile.Row) int {
	n := 0
	for _, own := range ours {
		namesakes := slices.DeleteFunc(slices.Clone(rows), func(r reconcile.Row) bool {
			return reconcile.Fold(r.Name) != reconcile.Fold(own.Name)
		})
		if len(namesakes) == 1 {
			n++
		}
	}
	return n
}

// onlyOurRecipients checks that steps write only what is ours, or nobody's when
// adopting, and that what Exchange's administrators own of it survives.
func onlyOurRecipients(t rapid.TB, world directoryWorld, side reconcile.Side) {
	t.Helper()
	owned := world.owned()
	isOurs := func(r reconcile.Recipient) bool {
		return slices.ContainsFunc(owned, func(o reconcile.Recipient) bool { return sameRecipient(o, r) })
	}
	for _, step := range side.Steps {
		switch {
		case step.Op == reconcile.Adopt:
			takenOver := step.Before.Owner != "" && isOurs(*step.Before)
			if !takenOver && (!world.Adopt || step.Before.Owner != "" || step.Before.KeyTaken) {
				t.Errorf("adopt of %v", *step.Before)
			}
		case step.Before != nil && !isOurs(*step.Before):
			t.Errorf("%s of %v, which is not ours", step.Op, *step.Before)
		}
		if step.After != nil && reconcile.Fold(step.After.Owner) != reconcile.Fold(world.Owner) {
			t.Errorf("%s of %v without our mark", step.Op, *step.After)
		}
		if step.Op == reconcile.Modify || step.Op == reconcile.Adopt || step.Op == reconcile.Hide {
			survivors(t, world, step)
		}
	}
}

// survivors checks that a change of an entry keeps every address that is not
// cc:Mail's, and its names unless it is renewed.
func survivors(t rapid.TB, world directoryWorld, step reconcile.Step) {
	t.Helper()
	renewed := world.Renew[step.Key] || world.Renew[reconcile.Fold(step.DN)]
	if step.After.DN != step.Before.DN || step.After.Alias != step.Before.Alias && step.Before.Alias != "" ||
		!renewed && (step.After.DisplayName != step.Before.DisplayName || step.After.Alias != step.Before.Alias) {
		t.Errorf("%s %q changes a name: %v to %v", step.Op, step.Name, *step.Before, *step.After)
	}
	if step.Before.KeyTaken && (step.After.Key != "" || !step.After.KeyTaken) {
		t.Errorf("%s %q overwrites somebody's value with the link %q", step.Op, step.Name, step.After.Key)
	}
	for _, p := range step.Before.Proxies {
		survives := func(after reconcile.Proxy) bool {
			return after == p || renewed && after.Type == p.Type && reconcile.Fold(after.Address) == reconcile.Fold(p.Address)
		}
		if p.Type != "CCMAIL" && !slices.ContainsFunc(step.After.Proxies, survives) {
			t.Errorf("%s %q loses the address %s:%s", step.Op, step.Name, p.Type, p.Address)
		}
	}
}

// needsComeFirst checks that the steps which a step needs are above it.
func needsComeFirst(t rapid.TB, side reconcile.Side) {
	t.Helper()
	done := map[string]bool{}
	for _, step := range side.Steps {
		for _, dn := range step.Needs {
			if !done[dn] {
				t.Errorf("%s %q needs %s, which no step above it writes", step.Op, step.Name, dn)
			}
		}
		if step.Op != reconcile.Refuse && step.Op != reconcile.Hold {
			done[step.DN] = true
		}
	}
}

// nobodyIsLost checks that a move which is followed by delete and add has both,
// and that an entry is added anew only when what it had before goes.
func nobodyIsLost(t rapid.TB, side reconcile.Side) {
	t.Helper()
	moves, gone := map[reconcile.Op]int{}, map[string]bool{}
	for _, step := range side.Steps {
		if strings.HasPrefix(step.Reason, "moved from") {
			moves[step.Op]++
		}
		if step.Op == reconcile.Delete {
			gone[step.Key] = true
		}
		if step.Op == reconcile.Add && recreated(step) && !gone[step.Key] {
			t.Errorf("%q is added anew, and what it had before stays", step.Name)
		}
	}
	if moves[reconcile.Delete] != moves[reconcile.Add] {
		t.Errorf("%d moved entries are deleted, %d added", moves[reconcile.Delete], moves[reconcile.Add])
	}
}

// nothingToDo checks that a plan has no step that writes.
func nothingToDo(t rapid.TB, when string, side reconcile.Side) {
	t.Helper()
	if again := writes(side); len(again) > 0 {
		var lines []string
		for _, step := range again {
			lines = append(lines, string(step.Op)+" "+string(step.Kind)+" "+step.Name+": "+step.Reason)
		}
		t.Errorf("%s there is something to do:\n%s", when, strings.Join(lines, "\n"))
	}
}
