package cycle_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// Tests of what runs leave to later ones.

// recordedWorld is a world with so many users that are in step, its ledger, and
// a time of grace for them.
func recordedWorld(t *testing.T, users int) (*exchange55.Directory, cycle.Connector, *ledger.Ledger) {
	t.Helper()
	directory, c := world(t)
	c.Server.PageSize = 100
	settings := *c.Exchange.Import
	settings.Grace = 1000 * time.Hour
	c.Exchange.Import = &settings
	l := ledgerOf(t, c)
	c.Recording = cycle.Recording{Ledger: l, Now: clock()}
	edit(t, c, population{users: users}.settle("User"))
	mustRun(t, cycle.Synchronize(), c)
	return directory, c, l
}

// mustRun carries out a task.
func mustRun(t *testing.T, task cycle.Task, c cycle.Connector) cycle.Report {
	t.Helper()
	report, err := task.Run(t.Context(), c, cycle.Trace{})
	if err != nil || report.Failed() {
		t.Fatalf("%v\n%s", err, inWords(report))
	}
	return report
}

// undo takes a run back.
func undo(t *testing.T, c cycle.Connector, l *ledger.Ledger, run int64) {
	t.Helper()
	record, err := l.Run(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, cycle.Undo(record.Run, record.Plan), c)
}

// resumeAll ends all pauses.
func resumeAll(t *testing.T, c cycle.Connector, l *ledger.Ledger) {
	t.Helper()
	known := knownOf(t, c, l)
	if n, err := l.Resume(t.Context(), c.Name, known.Paused); err != nil || n == 0 {
		t.Fatalf("%d pauses ended, %v", n, err)
	}
}

func knownOf(t *testing.T, c cycle.Connector, l *ledger.Ledger) reconcile.Known {
	t.Helper()
	known, err := l.Known(t.Context(), c.Name, noon)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// ops are the operations toward Exchange by the key of the entry.
func ops(report cycle.Report) map[string]reconcile.Op {
	all := map[string]reconcile.Op{}
	for _, s := range report.ToExchange {
		all[s.Key] = s.Op
	}
	return all
}

// deleteGil takes the user away whom addGil brings back.
func deleteGil(t *testing.T, c cycle.Connector) {
	t.Helper()
	edit(t, c, func(po *postoffice.PostOffice) error { return po.Delete("Goner, Gil") })
}

func addGil(t *testing.T, c cycle.Connector) {
	t.Helper()
	edit(t, c, func(po *postoffice.PostOffice) error {
		return po.Add(postoffice.Entry{Name: "Goner, Gil", Location: "L"})
	})
}

// A saved plan that is stale was none of the run's: its steps are no open cases.
func TestStalePlanLeavesNoOpenCases(t *testing.T) {
	t.Parallel()
	_, c, l := recordedWorld(t, 3)
	saved, err := cycle.Plan(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	deleteGil(t, c)
	_, err = cycle.Apply(saved.Plan).Run(t.Context(), c, cycle.Trace{})
	var stale *cycle.StaleError
	if !errors.As(err, &stale) {
		t.Fatalf("the plan is not stale: %v", err)
	}
	if open, err := l.OpenCases(t.Context(), nil); err != nil || len(open) > 0 {
		t.Errorf("open cases are %+v, %v", open, err)
	}
}

// The time of grace of an entry that is wanted again is over, also when it was
// the only one: the next time it is hidden first, as every entry.
func TestWantedAgainBeginsAnew(t *testing.T) {
	t.Parallel()
	_, c, l := recordedWorld(t, 3)
	deleteGil(t, c)
	mustRun(t, cycle.Synchronize(), c)
	addGil(t, c)
	mustRun(t, cycle.Synchronize(), c)
	if left := knownOf(t, c, l).Retiring; len(left) > 0 {
		t.Errorf("in their time of grace are %+v", left)
	}
}

// While a direction is off nobody forgets what was hidden there.
func TestDirectionOffForgetsNothing(t *testing.T) {
	t.Parallel()
	_, c, l := recordedWorld(t, 3)
	deleteGil(t, c)
	mustRun(t, cycle.Synchronize(), c)
	hidden := knownOf(t, c, l).Retiring
	off := c
	off.Exchange.Import = nil
	mustRun(t, cycle.Synchronize(), off)
	if diff := cmp.Diff(hidden, knownOf(t, c, l).Retiring); diff != "" || len(hidden) != 1 {
		t.Errorf("%d hidden, in their time of grace are (-before +now):\n%s", len(hidden), diff)
	}
}

// Who takes back that an entry was hidden, and lets cycles go on, has it hidden
// again for the whole time, whenever that is.
func TestHidingTakenBack(t *testing.T) {
	t.Parallel()
	_, c, l := recordedWorld(t, 3)
	deleteGil(t, c)
	undo(t, c, l, mustRun(t, cycle.Synchronize(), c).Run)
	mustRun(t, cycle.Synchronize(), c) // it is paused
	later := noon.Add(2000 * time.Hour)
	c.Recording.Now = func() time.Time { return later }
	resumeAll(t, c, l)
	report := mustRun(t, cycle.Synchronize(), c)
	if op := ops(report)["user:goner, gil"]; op != reconcile.Hide {
		t.Errorf("it is not hidden again:\n%s", inWords(report))
	}
}

// Who takes back another change of an entry that is hidden now does not end its
// time of grace: nobody would know that it was hidden by us.
func TestOtherChangeTakenBack(t *testing.T) {
	t.Parallel()
	_, c, l := recordedWorld(t, 3)
	edit(t, c, func(po *postoffice.PostOffice) error { return po.SetComment("Goner, Gil", "moved to another room") })
	commented := mustRun(t, cycle.Synchronize(), c).Run
	deleteGil(t, c)
	mustRun(t, cycle.Synchronize(), c)
	hidden := knownOf(t, c, l).Retiring
	undo(t, c, l, commented)
	if diff := cmp.Diff(hidden, knownOf(t, c, l).Retiring); diff != "" || len(hidden) != 1 {
		t.Errorf("%d hidden, in their time of grace are (-before +now):\n%s", len(hidden), diff)
	}
}

// What was hidden is shown again when it is wanted, also when somebody took that
// back once.
func TestShowingTakenBack(t *testing.T) {
	t.Parallel()
	_, c, l := recordedWorld(t, 3)
	deleteGil(t, c)
	mustRun(t, cycle.Synchronize(), c)
	addGil(t, c)
	undo(t, c, l, mustRun(t, cycle.Synchronize(), c).Run)
	mustRun(t, cycle.Synchronize(), c) // it is paused
	resumeAll(t, c, l)
	report := mustRun(t, cycle.Synchronize(), c)
	if op := ops(report)["user:goner, gil"]; op != reconcile.Modify {
		t.Errorf("it is not shown again:\n%s", inWords(report))
	}
}

// A task about single entries is no reason to take the scope of the last whole
// run for the present one.
func TestScopeIsThatOfTheLastWholeRun(t *testing.T) {
	t.Parallel()
	_, c, l := recordedWorld(t, 3)
	scope := func(value string) []reconcile.Setting {
		return []reconcile.Setting{{Name: "exchange.site", Value: value}}
	}
	for _, step := range []struct {
		now  string
		task cycle.Task
		want string
	}{{"old", cycle.Synchronize(), "old"}, {"new", cycle.Resync("Goner, Gil"), "old"}, {"new", cycle.Synchronize(), "new"}} {
		c.Scope = scope(step.now)
		mustRun(t, step.task, c)
		if diff := cmp.Diff(scope(step.want), knownOf(t, c, l).Last.Scope); diff != "" {
			t.Errorf("the scope is (-want +got):\n%s", diff)
		}
	}
}

// What a run took over, or gave back, is not missing when the next one reads.
func TestAdoptionIsNoLoss(t *testing.T) {
	t.Parallel()
	for _, rename := range []func(*cycle.Connector){
		func(c *cycle.Connector) { c.Exchange.Import.FormerNames = []string{"hq"} },
		func(c *cycle.Connector) { c.Exchange.Import.Adopt = true },
	} {
		directory, c, l := recordedWorld(t, 30)
		c.Limits.ShrinkPercent, c.Limits.ChangesPercent = 10, 100
		c.Name = "hq2"
		if rename(&c); c.Exchange.Import.Adopt {
			forgetMarks(t, directory, c)
		}
		run := mustRun(t, cycle.Synchronize(), c).Run
		mustRun(t, cycle.Synchronize(), c)
		undo(t, c, l, run)
		mustRun(t, cycle.Synchronize(), c)
	}
}

// forgetMarks takes the marks and the links of all custom recipients away.
func forgetMarks(t *testing.T, directory *exchange55.Directory, c cycle.Connector) {
	t.Helper()
	var changes []exchange55.ChangeRecord
	for _, o := range look(t, directory, c).objects {
		if o.imported() {
			changes = append(changes, replace(o.dn, "Imported-From"), replace(o.dn, "Extension-Attribute-15"))
		}
	}
	if err := directory.Apply(changes); err != nil {
		t.Fatal(err)
	}
}
