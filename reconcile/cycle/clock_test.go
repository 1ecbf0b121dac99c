package cycle_test

import (
	"slices"
	"testing"
	"time"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/postoffice"
)

// jumps is a clock that goes back and forth each time it is read.
func jumps(by ...time.Duration) func() time.Time {
	read := 0
	return func() time.Time {
		read++
		return noon.Add(by[read%len(by)])
	}
}

// Nothing depends on a clock that runs forward: cycles converge, the one that
// died is found, and the ledger has its runs in the order in which they were.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	for name, now := range map[string]func() time.Time{
		"stands still":     jumps(0),
		"back by hours":    jumps(0, -time.Hour, -26*time.Hour),
		"back by decades":  jumps(28*year, 0, -28*year),
		"forth and back":   jumps(0, 30*year, time.Second, 20*year, -time.Second),
		"before the epoch": jumps(-29*year, 0, -90*year),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := world(t)
			l := ledgerOf(t, c)
			c.Recording = cycle.Recording{Ledger: l, Now: now}
			run(t, c, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
			run(t, c, reconcile.StepCounts{Keep: 2}, reconcile.StepCounts{Keep: 4})
			if _, _, err := l.Begin(t.Context(), c.Name, now()); err != nil { // and it is never heard of again
				t.Fatal(err)
			}
			edit(t, c, func(po *postoffice.PostOffice) error {
				return po.Add(postoffice.Entry{Name: "Newman, Nina", Location: "L"})
			})
			run(t, c, reconcile.StepCounts{Keep: 2}, reconcile.StepCounts{Keep: 4, Add: 1})
			edit(t, c, func(po *postoffice.PostOffice) error { return po.Delete("Goner, Gil") })
			run(t, c, reconcile.StepCounts{Keep: 2}, reconcile.StepCounts{Keep: 4, Delete: 1})
			run(t, c, reconcile.StepCounts{Keep: 2}, reconcile.StepCounts{Keep: 4})

			runs, err := l.Runs(t.Context(), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			var ids []int64
			var states []reconcile.RunState
			for _, r := range runs {
				ids, states = append(ids, r.ID), append(states, r.State)
			}
			wantStates := []reconcile.RunState{
				reconcile.RunDone, reconcile.RunDone, reconcile.RunDone, reconcile.RunDied, reconcile.RunDone, reconcile.RunDone,
			}
			if !slices.Equal(ids, []int64{6, 5, 4, 3, 2, 1}) || !slices.Equal(states, wantStates) {
				t.Errorf("the ledger lists runs %v, which are %v", ids, states)
			}
		})
	}
}
