package cycle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccdirsync/ccmail"
	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/slapd"
)

// Tests of cycles that end before their end. In each the report says of every
// step what became of it, and the next run carries on where this one ended.

// world is the test directory and a connector that joins it to a post office.
func world(t *testing.T) (*exchange55.Directory, cycle.Connector) {
	t.Helper()
	directory, err := exchange55.Start(exchange55.Options{
		LDIF: []byte(exchangeSeed), Accounts: []exchange55.Account{{Domain: "CONTOSO", Name: "dirsync", Password: password, AdminView: true, Write: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := directory.Close(); err != nil {
			t.Error(err)
		}
	})
	return directory, connector(t, &slapd.Server{URL: directory.URL()})
}

// outcomes are the outcomes of steps, each once, in the order of the plan.
func outcomes(steps []reconcile.Step) []reconcile.Outcome {
	var all []reconcile.Outcome
	for _, s := range steps {
		if s.Op.Writes() && !slices.Contains(all, s.Outcome) {
			all = append(all, s.Outcome)
		}
	}
	return all
}

func wantOutcomes(t *testing.T, report cycle.Report, toCCMail, toExchange []reconcile.Outcome) {
	t.Helper()
	if got := outcomes(report.ToCCMail); !slices.Equal(got, toCCMail) {
		t.Errorf("outcomes toward cc:Mail are %q, want %q: %+v", got, toCCMail, report.ToCCMail)
	}
	if got := outcomes(report.ToExchange); !slices.Equal(got, toExchange) {
		t.Errorf("outcomes toward Exchange are %q, want %q: %+v", got, toExchange, report.ToExchange)
	}
	for _, s := range slices.Concat(report.ToCCMail, report.ToExchange) {
		if (s.Outcome == reconcile.Held || s.Outcome == reconcile.Failed) == (s.Error == "") {
			t.Errorf("the outcome %q of %s has the error %q", s.Outcome, s.Name, s.Error)
		}
	}
}

func wantEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s still holds %v", folder, left)
	}
}

// An interrupt while IMPORT runs lets it finish: what it took is known.
func TestInterruptDuringImport(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	before := directory.Writes()
	ctx, interrupt := context.WithCancel(t.Context())
	report, err := cycle.Run(ctx, c, cycle.Trace{StepStarts: func(number int, _ string) {
		if number == 8 {
			interrupt()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "connector hq, before step 9, update Exchange: users: interrupted") {
		t.Errorf("the error is %v", err)
	}
	wantOutcomes(t, report, []reconcile.Outcome{reconcile.Done}, []reconcile.Outcome{reconcile.Held})
	if n := directory.Writes() - before; n != 0 {
		t.Errorf("%d writes to the directory after the interrupt", n)
	}
	wantEmpty(t, c.Store.ImportFolder())

	run(t, c, reconcile.StepCounts{Keep: 2}, reconcile.StepCounts{Add: 4})
}

// An interrupt in step 9 ends the cycle between two entries.
func TestInterruptBetweenEntries(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	c.Server.WritesInFlight = 1
	plan, err := cycle.Plan(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	first := plan.ToExchange[0]
	directory.SetFaults(exchange55.Faults{Busy: map[string]int{first.DN: 1}})
	before := directory.Writes()
	ctx, interrupt := context.WithCancel(t.Context())
	report, err := cycle.Run(ctx, c, cycle.Trace{Event: func(e cycle.Event) {
		if strings.HasPrefix(e.Text, "add user "+first.Subject()+" failed") {
			interrupt()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "step 9") {
		t.Errorf("the error is %v", err)
	}
	wantOutcomes(t, report, []reconcile.Outcome{reconcile.Done}, []reconcile.Outcome{reconcile.Failed, reconcile.Held})
	if n := directory.Writes() - before; n != 0 {
		t.Errorf("%d writes to the directory after the interrupt", n)
	}

	run(t, c, reconcile.StepCounts{Keep: 2}, reconcile.StepCounts{Add: 4})
}

// An interrupt before the first write ends the cycle without a plan to show.
func TestInterruptWhileReading(t *testing.T) {
	t.Parallel()
	for _, number := range []int{1, 2, 5} {
		directory, c := world(t)
		before := directory.Writes()
		ctx, interrupt := context.WithCancel(t.Context())
		report, err := cycle.Run(ctx, c, cycle.Trace{StepStarts: func(started int, _ string) {
			if started == number {
				interrupt()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted in step %d: %v", number, err)
		}
		if report.ID != "" || directory.Writes() != before {
			t.Errorf("interrupted in step %d: plan %q, %d writes", number, report.ID, directory.Writes()-before)
		}
		wantEmpty(t, c.Store.ImportFolder())
	}
}

// A directory that goes away in step 9 ends the cycle: what became of the
// entry under way is not known, the others are held.
func TestDirectoryLostWhileWriting(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	c.Server.WritesInFlight = 1
	plan, err := cycle.Plan(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	directory.SetFaults(exchange55.Faults{Busy: map[string]int{plan.ToExchange[0].DN: 1}})
	report, err := cycle.Run(t.Context(), c, cycle.Trace{Event: func(e cycle.Event) {
		if strings.HasPrefix(e.Text, "add user "+plan.ToExchange[0].Subject()+" failed") {
			if closing := directory.Close(); closing != nil {
				t.Error(closing)
			}
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "step 9") || !strings.Contains(err.Error(), "whether the server carried it out is not known") {
		t.Errorf("the error is %v", err)
	}
	wantOutcomes(t, report, []reconcile.Outcome{reconcile.Done}, []reconcile.Outcome{reconcile.Failed, reconcile.Held})
	if failed := report.ToExchange[2].Outcome; failed != reconcile.Held {
		t.Errorf("after a lost connection the next entry is %q", failed)
	}
}

// An IMPORT that fails, here after it took some entries, leaves open what it
// took: all of its entries are failed, none is called done.
func TestImportFails(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	edit(t, c, func(po *postoffice.PostOffice) error {
		return po.AddFault(postoffice.Fault{Program: "import", Code: 1, After: 2, Times: 1})
	})
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	var failed *ccmail.ProgramError
	if !errors.As(err, &failed) || failed.Code != 1 {
		t.Errorf("the error is %v", err)
	}
	wantOutcomes(t, report, []reconcile.Outcome{reconcile.Failed}, []reconcile.Outcome{reconcile.Held})
	if !report.Failed() || directory.Writes() != 0 {
		t.Errorf("failed %v, %d writes to the directory", report.Failed(), directory.Writes())
	}
	wantEmpty(t, c.Store.ImportFolder())

	run(t, c, reconcile.StepCounts{Keep: 1, Add: 1}, reconcile.StepCounts{Add: 4})
}

// A replacement whose old row is deleted and whose new one was never tried is
// held, not done; the next run adds it.
func TestReplacementHalfDone(t *testing.T) {
	t.Parallel()
	_, c := world(t)
	run(t, c, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
	edit(t, c, func(po *postoffice.PostOffice) error {
		if err := po.Delete("Quist, Marta"); err != nil {
			return err
		}
		return po.Add(postoffice.Entry{Name: "Quist, Marta", Location: "r", Address: "EXSITE1 Somebody Else"})
	})
	ctx, interrupt := context.WithCancel(t.Context())
	report, err := cycle.Run(ctx, c, cycle.Trace{StepEnds: func(number int, _ string, _ error) {
		if number == 7 {
			interrupt()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if len(report.ToCCMail) != 1 || report.ToCCMail[0].Op != reconcile.Replace || report.ToCCMail[0].Outcome != reconcile.Held {
		t.Errorf("steps toward cc:Mail: %+v", report.ToCCMail)
	}

	run(t, c, reconcile.StepCounts{Keep: 1, Add: 1}, reconcile.StepCounts{Keep: 4})
}

// A plan that the guards stop is a plan: nothing became of its steps.
func TestGuardLeavesAPlan(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	run(t, c, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
	before := directory.Writes()
	edit(t, c, func(po *postoffice.PostOffice) error { return po.DeleteBoard("Social") })
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	var guard *cycle.GuardError
	if !errors.As(err, &guard) || guard.PlanID != report.ID || report.ID == "" {
		t.Errorf("the error is %v, the plan %q", err, report.ID)
	}
	wantOutcomes(t, report, nil, []reconcile.Outcome{""})
	if report.Failed() || directory.Writes() != before {
		t.Errorf("failed %v, %d writes", report.Failed(), directory.Writes()-before)
	}
}

// A row that is held changes nothing, and its step says so.
func TestHoldChangesNothing(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	run(t, c, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
	changes, err := exchange55.ReadLDIF(strings.NewReader(`dn: cn=marta,cn=Recipients,ou=HQ,o=Contoso
changetype: modify
replace: otherMailbox
otherMailbox: CCMAIL$Quist, Marta at NOTOURS
-
`), "changes.ldif")
	if err == nil {
		err = directory.Apply(changes)
	}
	if err != nil {
		t.Fatal(err)
	}
	report, err := cycle.Plan(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.ToCCMail) != 1 || report.ToCCMail[0].Op != reconcile.Hold || len(report.ToCCMail[0].Changes) != 0 {
		t.Errorf("steps toward cc:Mail: %+v", report.ToCCMail)
	}
}

// A store that cannot be used ends the cycle before anything else, and the
// error tells whose it is.
func TestStoreUnusable(t *testing.T) {
	t.Parallel()
	_, c := world(t)
	if err := os.WriteFile(c.Store.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := cycle.Run(t.Context(), c, cycle.Trace{StepStarts: func(int, string) { t.Error("a step was begun") }})
	if err == nil || !strings.HasPrefix(err.Error(), "connector hq: ") || !strings.Contains(err.Error(), filepath.Base(c.Store.Dir)) || report.ID != "" {
		t.Errorf("plan %q, %v", report.ID, err)
	}
}

// A second cycle on the same store ends before it has touched anything; a plan
// works beside a cycle.
func TestOneCycleAtATime(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	if err := c.Store.Prepare(); err != nil {
		t.Fatal(err)
	}
	unlock, _, err := c.Store.Lock(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	before := directory.Writes()
	if _, err = cycle.Run(t.Context(), c, cycle.Trace{}); !errors.Is(err, ccmail.ErrLocked) {
		t.Errorf("the second cycle ended with %v", err)
	}
	wantEmpty(t, c.Store.ExportFolder())
	if n := directory.Writes() - before; n != 0 {
		t.Errorf("%d writes to the directory", n)
	}
	plan, err := cycle.Plan(t.Context(), c, cycle.Trace{})
	if err != nil || !plan.Writes() {
		t.Errorf("a plan beside a cycle: %v", err)
	}
	if err = unlock(); err != nil {
		t.Fatal(err)
	}
	run(t, c, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
}

// The lock of a process that died is taken over with a note.
func TestLockOfTheDead(t *testing.T) {
	t.Parallel()
	_, c := world(t)
	if err := c.Store.Prepare(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Store.Dir, ".lock"), []byte("user anna\nhost mail1\nprocess 12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	if want := "the lock of process 12 of anna on mail1 was left by a run that died; it was taken over"; err != nil || !slices.Contains(report.Warnings, want) {
		t.Errorf("warnings %q, %v", report.Warnings, err)
	}
	report, err = cycle.Run(t.Context(), c, cycle.Trace{})
	if err != nil || len(report.Warnings) > 0 {
		t.Errorf("the run after: warnings %q, %v", report.Warnings, err)
	}
}
