package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

// rowChanges are what a step toward cc:Mail changes, as it is recorded.
func rowChanges(step reconcile.Step) []reconcile.Change {
	var before, after reconcile.Row
	if step.OldRow != nil {
		before = *step.OldRow
	}
	if step.Row != nil {
		after = *step.Row
	}
	var changes []reconcile.Change
	for _, c := range []reconcile.Change{
		{Attr: "Name", Old: before.Name, New: after.Name},
		{Attr: "Locn", Old: before.Location, New: after.Location},
		{Attr: "Addr", Old: before.Address(), New: after.Address()},
		{Attr: "Cmts", Old: before.Comment, New: after.Comment},
	} {
		if c.Old != c.New {
			changes = append(changes, c)
		}
	}
	return changes
}

func (w postOfficeWorld) undo(t rapid.TB, recorded []reconcile.Step) reconcile.Side {
	t.Helper()
	ownership, err := reconcile.NewOwnership(w.owner, w.rows)
	if err != nil {
		t.Fatal(err)
	}
	return reconcile.UndoCCMail(reconcile.UndoRows{Steps: recorded, Ownership: ownership, Rows: w.rows, Lists: w.lists})
}

// What a run did in cc:Mail is taken back, but for the post offices, also when it
// is not recorded of each step whether it was carried out; doing so again changes
// nothing.
func TestUndoCCMail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := somePostOffice(t)
		world.lists = nil // one may have the name of a row that went
		want := slices.Clone(world.rows)
		side, err := world.plan()
		if err != nil {
			t.Fatal(err)
		}
		var recorded []reconcile.Step
		postOffices := map[string]bool{}
		for _, step := range side.Steps {
			step.Changes = rowChanges(step)
			after := world
			if step.Op.Writes() && rapid.IntRange(0, 4).Draw(t, "fails") > 0 && after.carryOut(step) == nil {
				world = after
				step.Outcome = rapid.SampledFrom([]reconcile.Outcome{reconcile.Done, reconcile.Done, "", reconcile.Failed}).Draw(t, "outcome")
				if step.Kind == reconcile.PostOffice {
					want = append(want, *step.Row)
					postOffices[step.Key] = true
				}
			}
			step.Row, step.OldRow = nil, nil // the record does not have them
			recorded = append(recorded, step)
		}
		want = slices.DeleteFunc(want, func(r reconcile.Row) bool { // its name is a post office's now
			return r.Location == "r" && postOffices[reconcile.Fold(r.Name)]
		})
		undo := world.undo(t, recorded)
		for _, step := range undo.Steps {
			if !step.Op.Writes() && !postOffices[step.Key] {
				t.Errorf("%s %s: %s", step.Op, step.Subject(), step.Reason)
			}
			if err := world.carryOut(step); err != nil {
				t.Fatalf("carry out %s %s: %v", step.Op, step.Subject(), err)
			}
		}
		if diff := cmp.Diff(sortedRows(want), sortedRows(world.rows)); diff != "" {
			t.Errorf("after the run was taken back (-before the run +now):\n%s", diff)
		}
		nothingToDo(t, "after the run was taken back", world.undo(t, recorded))
	})
}

func sortedRows(rows []reconcile.Row) []reconcile.Row {
	return slices.SortedFunc(slices.Values(rows), func(a, b reconcile.Row) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// Whatever has moved on is left alone, entry by entry.
func TestUndoCCMailRefuses(t *testing.T) {
	t.Parallel()
	row := func(name, postOffice string) *reconcile.Row {
		return &reconcile.Row{Name: name, Location: "r", PostOffice: postOffice, Foreign: name}
	}
	site := reconcile.Row{Name: "EXSITE1", Location: "P", Comment: "MSExchangeCCMC MAILSRV7"}
	recorded := []reconcile.Step{
		{Op: reconcile.Add, Kind: reconcile.PostOffice, Name: "EXSITE1", Row: &site},
		{Op: reconcile.Add, Kind: reconcile.Mailbox, Name: "Ann", Row: row("Ann", "EXSITE1")},
		{Op: reconcile.Delete, Kind: reconcile.User, Name: "Bo", OldRow: row("Bo", "EXSITE1")},
		{Op: reconcile.Replace, Kind: reconcile.Mailbox, Name: "Cy", OldRow: row("Cy", "ExSite1"), Row: row("Cy", "EXSITE1")},
		{Op: reconcile.Delete, Kind: reconcile.User, Name: "Dee", OldRow: row("Dee", "OLD SITE")},
	}
	for i := range recorded {
		recorded[i].Changes, recorded[i].Outcome, recorded[i].Reason = rowChanges(recorded[i]), reconcile.Done, "a reason"
		recorded[i].Row, recorded[i].OldRow = nil, nil
	}
	recorded = append(recorded, reconcile.Step{Op: reconcile.Delete, Kind: reconcile.User, Name: "Eve", Outcome: reconcile.Done})
	recorded = append(recorded, reconcile.Step{
		Op: reconcile.Add, Kind: reconcile.User, Name: "Fay", Outcome: reconcile.Failed, Changes: []reconcile.Change{{Attr: "Name", New: "Fay"}},
	})
	changed := *row("Ann", "EXSITE1")
	changed.Comment = "by hand"
	world := postOfficeWorld{
		owner: reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1"},
		rows: []reconcile.Row{
			site, changed, {Name: "BO", Location: "L", PostOffice: "HUB"}, {Name: "Cy", Location: "R", PostOffice: "HUB"}, *row("Fay", "EXSITE1"),
		},
	}
	want := map[string]string{
		"EXSITE1": "post offices are never deleted; delete it in cc:Mail when nothing is at it",
		"Ann":     `changed since: Cmts is "by hand" now, not ""`,
		"Bo":      `its name is taken by the cc:Mail user "BO" now`,
		"Cy":      `changed since: its name is that of the cc:Mail user "Cy" now, which is not ours`,
		"Dee":     `its post office in "OLD SITE Dee" is not ours any more`,
		"Eve":     "the values that it had were not recorded",
		"Fay":     `it is not known whether the run did this, and changed since: Locn is "r" now, not "", Addr is "EXSITE1 Fay" now, not ""`,
	}
	got := map[string]string{}
	for _, step := range world.undo(t, recorded).Steps {
		if step.Op != reconcile.Refuse {
			t.Errorf("%s %s: %s", step.Op, step.Subject(), step.Reason)
		}
		got[step.Name] = step.Reason
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}
