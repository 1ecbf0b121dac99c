package cycle_test

import (
	"testing"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
)

// Runs that an older program recorded have steps without keys. What is taken
// back of them is paused all the same.
func TestUndoOfStepsWithoutKeys(t *testing.T) {
	t.Parallel()
	_, c := world(t)
	l := ledgerOf(t, c)
	c.Recording = cycle.Recording{Ledger: l, Now: clock()}
	first, err := cycle.Run(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	record, err := l.Run(t.Context(), first.Run)
	if err != nil {
		t.Fatal(err)
	}
	if len(record.Plan.ToExchange) < 2 {
		t.Fatalf("the run has too few steps: %v", record.Plan.ToExchange)
	}
	record.Plan.ToCCMail, record.Plan.ToExchange = nil, record.Plan.ToExchange[:1]
	record.Plan.ToExchange[0].Key = ""
	if _, err = cycle.Undo(record.Run, record.Plan).Run(t.Context(), c, cycle.Trace{}); err != nil {
		t.Fatal(err)
	}
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.ToExchange) != 1 || report.ToExchange[0].Op != reconcile.Hold {
		t.Errorf("after the undo a run plans %v, want the entry held", report.ToExchange)
	}
}
