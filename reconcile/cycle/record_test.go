package cycle_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

var noon = time.Date(1998, time.March, 1, 12, 0, 0, 0, time.UTC)

// clock is a second later each time it is read.
func clock() func() time.Time {
	now := noon
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// ledgerOf is the ledger beside the store of a connector.
func ledgerOf(t *testing.T, c cycle.Connector) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), filepath.Join(filepath.Dir(c.Store.Dir), "state", ledger.File))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// observed is a ledger that tells of every call, before and after it. An
// error takes the place of the call or follows it.
type observed struct {
	cycle.Ledger
	before, after func(call string) error
}

func (o observed) around(call string, do func() error) error {
	if o.before != nil {
		if err := o.before(call); err != nil {
			return err
		}
	}
	err := do()
	if err == nil && o.after != nil {
		err = o.after(call)
	}
	return err
}

func (o observed) Begin(ctx context.Context, connector string, at time.Time) (run int64, died []reconcile.DiedRun, err error) {
	return run, died, o.around("Begin", func() error {
		run, died, err = o.Ledger.Begin(ctx, connector, at)
		return err
	})
}

func (o observed) RecordPlan(ctx context.Context, run int64, plan reconcile.Plan) error {
	return o.around("RecordPlan", func() error { return o.Ledger.RecordPlan(ctx, run, plan) })
}

func (o observed) RecordWarnings(ctx context.Context, run int64, warnings []string) error {
	return o.around("RecordWarnings", func() error { return o.Ledger.RecordWarnings(ctx, run, warnings) })
}

func (o observed) StartWriting(ctx context.Context, run int64, writing reconcile.Writing) error {
	return o.around("StartWriting", func() error { return o.Ledger.StartWriting(ctx, run, writing) })
}

func (o observed) RecordOutcomes(ctx context.Context, run int64, outcomes []reconcile.StepOutcome) error {
	return o.around("RecordOutcomes", func() error { return o.Ledger.RecordOutcomes(ctx, run, outcomes) })
}

func (o observed) End(ctx context.Context, run int64, end reconcile.RunEnd) error {
	return o.around("End", func() error { return o.Ledger.End(ctx, run, end) })
}

// The plan is recorded before the first write and the outcome of each write
// after it, before the next when one is sent at a time: one call for an import
// file, one for each entry of the directory.
func TestRecordedInTime(t *testing.T) {
	t.Parallel()
	directory, c := world(t)
	c.Server.WritesInFlight = 1
	l := ledgerOf(t, c)
	var calls []string
	note := func(call string) error {
		_, err := os.Stat(filepath.Join(filepath.Dir(c.Store.ImportFolder()), "Import.bak", "CCMDIR.IMP"))
		calls = append(calls, fmt.Sprintf("%s: imported %v, %d entries", call, err == nil, directory.Writes()))
		return nil
	}
	c.Recording = cycle.Recording{Ledger: observed{Ledger: l, before: note}, Now: clock()}
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Begin: imported false, 0 entries",
		"RecordWarnings: imported false, 0 entries",
		"RecordPlan: imported false, 0 entries",
		"StartWriting: imported false, 0 entries",
		"RecordOutcomes: imported true, 0 entries",
		"RecordOutcomes: imported true, 1 entries",
		"RecordOutcomes: imported true, 2 entries",
		"RecordOutcomes: imported true, 3 entries",
		"RecordOutcomes: imported true, 4 entries",
		"End: imported true, 4 entries",
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if report.Run != 1 || report.State != reconcile.RunDone {
		t.Errorf("run %d is %s", report.Run, report.State)
	}
	wantRecorded(t, l, report, nil)

	// A run with nothing to do never begins to write.
	calls = nil
	if report, err = cycle.Run(t.Context(), c, cycle.Trace{}); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 4 || report.Run != 2 {
		t.Errorf("run %d with nothing to do: %q", report.Run, calls)
	}
	wantRecorded(t, l, report, nil)
}

// Outcomes are recorded after their writes, several at once when several have
// come, and at no time have more entries been written without it than may be in
// flight.
func TestRecordedInBatches(t *testing.T) {
	t.Parallel()
	const window = 3
	directory, c := crowd(t)
	c.Server.WritesInFlight = window
	l := ledgerOf(t, c)
	recorded, calls, writing := 0, 0, false
	c.Recording = cycle.Recording{Ledger: counted{Ledger: l, outcomes: func(outcomes []reconcile.StepOutcome) {
		if !writing {
			return // those of the import file
		}
		calls++
		written := int(directory.Writes())
		recorded += len(outcomes)
		if written < recorded || written > recorded-len(outcomes)+window {
			t.Errorf("%d outcomes make %d recorded, when %d are written", len(outcomes), recorded, written)
		}
	}}, Now: clock()}
	report, err := cycle.Run(t.Context(), c, cycle.Trace{StepStarts: func(number int, _ string) { writing = number >= 9 }})
	if err != nil || report.Failed() {
		t.Fatal(err)
	}
	if writes := report.Counts.ToExchange.Writes(); recorded != writes || calls > writes {
		t.Errorf("%d outcomes of %d were recorded, %d at a time", recorded, writes, calls)
	}
	wantRecorded(t, l, report, nil)
}

// counted is a ledger that tells of outcomes.
type counted struct {
	cycle.Ledger
	outcomes func([]reconcile.StepOutcome)
}

func (c counted) RecordOutcomes(ctx context.Context, run int64, outcomes []reconcile.StepOutcome) error {
	c.outcomes(outcomes)
	return c.Ledger.RecordOutcomes(ctx, run, outcomes)
}

// wantRecorded requires that the ledger has what the report of a run says.
func wantRecorded(t *testing.T, l *ledger.Ledger, report cycle.Report, ended error) {
	t.Helper()
	record, err := l.Run(t.Context(), report.Run)
	if err != nil {
		t.Fatal(err)
	}
	forgotten := cmp.Options{
		cmpopts.IgnoreUnexported(reconcile.Step{}), cmpopts.IgnoreFields(reconcile.Step{}, "Key", "Row", "OldRow", "Before", "After", "Needs"), cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(report.Plan, record.Plan, forgotten); diff != "" {
		t.Errorf("the plan (-reported +recorded):\n%s", diff)
	}
	if diff := cmp.Diff(report.Warnings, record.Warnings, forgotten); diff != "" {
		t.Errorf("the warnings (-reported +recorded):\n%s", diff)
	}
	run, text := record.Run, ""
	if ended != nil {
		text = ended.Error()
	}
	if run.State != report.State || run.Error != text || !run.Started.After(noon) || !run.Ended.After(run.Started) {
		t.Errorf("recorded as %+v, reported as %s, %v", run, report.State, ended)
	}
}

// What becomes of a run is recorded, however it ends.
func TestRecordedEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		prepare func(*testing.T, *exchange55.Directory, cycle.Connector)
		stopAt  int // interrupts before this step
		want    reconcile.RunState
		planned bool
	}{
		{name: "the post office cannot be read", want: reconcile.RunFailed, prepare: func(t *testing.T, _ *exchange55.Directory, c cycle.Connector) {
			t.Helper()
			edit(t, c, func(po *postoffice.PostOffice) error {
				return po.AddFault(postoffice.Fault{Program: "export", Code: 1, Times: 1})
			})
		}},
		{name: "IMPORT fails", want: reconcile.RunFailed, planned: true, prepare: func(t *testing.T, _ *exchange55.Directory, c cycle.Connector) {
			t.Helper()
			edit(t, c, func(po *postoffice.PostOffice) error {
				return po.AddFault(postoffice.Fault{Program: "import", Code: 1, After: 2, Times: 1})
			})
		}},
		{name: "interrupted while it reads", want: reconcile.RunFailed, stopAt: 3},
		{name: "interrupted before the first write", want: reconcile.RunFailed, planned: true, stopAt: 7},
		{name: "interrupted between writes", want: reconcile.RunFailed, planned: true, stopAt: 9},
		{name: "a guard", want: reconcile.RunStopped, planned: true, prepare: func(t *testing.T, _ *exchange55.Directory, c cycle.Connector) {
			t.Helper()
			run(t, c, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
			edit(t, c, func(po *postoffice.PostOffice) error { return po.DeleteBoard("Social") })
		}},
		{name: "entries that are refused", want: reconcile.RunDone, planned: true, prepare: func(t *testing.T, d *exchange55.Directory, c cycle.Connector) {
			t.Helper()
			plan, err := cycle.Plan(t.Context(), c, cycle.Trace{})
			if err != nil {
				t.Fatal(err)
			}
			d.SetFaults(exchange55.Faults{Busy: map[string]int{plan.ToExchange[1].DN: 1}})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			directory, c := world(t)
			if test.prepare != nil {
				test.prepare(t, directory, c)
			}
			l := ledgerOf(t, c)
			c.Recording = cycle.Recording{Ledger: l, Now: clock()}
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			report, err := cycle.Run(ctx, c, cycle.Trace{StepEnds: func(number int, _ string, _ error) {
				if number == test.stopAt-1 {
					interrupt()
				}
			}})
			if report.State != test.want || (report.ID != "") != test.planned {
				t.Errorf("the run is %s, its plan %q: %v", report.State, report.ID, err)
			}
			wantRecorded(t, l, report, err)
		})
	}
}

// A plan records nothing.
func TestPlanIsNotRecorded(t *testing.T) {
	t.Parallel()
	_, c := world(t)
	c.Recording = cycle.Recording{Ledger: observed{Ledger: ledgerOf(t, c), before: func(call string) error {
		t.Errorf("a plan called %s", call)
		return errors.New("called")
	}}, Now: clock()}
	if report, err := cycle.Plan(t.Context(), c, cycle.Trace{}); err != nil || report.Run != 0 {
		t.Errorf("run %d, %v", report.Run, err)
	}
}

// When the ledger fails before the first write, nothing is written to either
// side; when it fails later, the cycle ends after the write under way.
func TestLedgerFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		call       string
		toCCMail   []reconcile.Outcome
		toExchange []reconcile.Outcome
		next       reconcile.StepCounts // what the next run does toward Exchange
	}{
		{"Begin", nil, nil, reconcile.StepCounts{Add: 4}},
		{"RecordPlan", []reconcile.Outcome{reconcile.Held}, []reconcile.Outcome{reconcile.Held}, reconcile.StepCounts{Add: 4}},
		{"StartWriting", []reconcile.Outcome{reconcile.Held}, []reconcile.Outcome{reconcile.Held}, reconcile.StepCounts{Add: 4}},
		{"RecordOutcomes", []reconcile.Outcome{reconcile.Done}, []reconcile.Outcome{reconcile.Held}, reconcile.StepCounts{Add: 4}},
		{"End", []reconcile.Outcome{reconcile.Done}, []reconcile.Outcome{reconcile.Done}, reconcile.StepCounts{Keep: 4}},
	} {
		t.Run(test.call, func(t *testing.T) {
			t.Parallel()
			directory, c := world(t)
			l := ledgerOf(t, c)
			full := errors.New("database or disk is full (13)")
			c.Recording = cycle.Recording{Ledger: observed{Ledger: l, before: func(call string) error {
				if call == test.call {
					return full
				}
				return nil
			}}, Now: clock()}
			report, err := cycle.Run(t.Context(), c, cycle.Trace{})
			nothing := slices.Contains([]string{"Begin", "RecordPlan", "StartWriting"}, test.call)
			if !errors.Is(err, full) || strings.Contains(err.Error(), "nothing was written to either side") != nothing {
				t.Errorf("the error is %v", err)
			}
			wantOutcomes(t, report, test.toCCMail, test.toExchange)
			if n := directory.Writes(); n != int64(test.next.Keep) {
				t.Errorf("%d writes to the directory", n)
			}
			wantEmpty(t, c.Store.ImportFolder())
			c.Recording = cycle.Recording{Ledger: l, Now: clock()}
			next := reconcile.StepCounts{Add: 3}
			if !nothing {
				next = reconcile.StepCounts{Keep: 2} // and the post office
			}
			run(t, c, next, test.next)
		})
	}
}

// asVictim is the folder of the post office for a cycle that is to be killed,
// victimURL the directory, and victimPoint where it waits for that.
const (
	asVictim    = "CCDIRSYNC_TEST_VICTIM"
	victimURL   = "CCDIRSYNC_TEST_URL"
	victimPoint = "CCDIRSYNC_TEST_POINT"
)

// TestVictim is the process that TestKilled kills.
func TestVictim(t *testing.T) {
	folder, point := os.Getenv(asVictim), os.Getenv(victimPoint)
	if folder == "" {
		t.Skip("it is run by TestKilled")
	}
	c := connectorIn(t, folder, os.Getenv(victimURL))
	c.Server.WritesInFlight = 1 // so that each outcome is recorded by itself
	seen := map[string]int{}
	wait := func(when string) func(string) error {
		return func(call string) error {
			seen[when+call]++
			if fmt.Sprintf("%s %s %d", when, call, seen[when+call]) != point {
				return nil
			}
			return stay(point)
		}
	}
	c.Recording = cycle.Recording{Ledger: observed{Ledger: ledgerOf(t, c), before: wait("before"), after: wait("after")}, Now: clock()}
	_, err := cycle.Run(t.Context(), c, cycle.Trace{})
	t.Errorf("the run came to its end: %v", err)
}

// stay tells the parent that the point is reached and waits to be killed.
func stay(point string) error {
	fmt.Println("reached " + point)
	_, err := io.Copy(io.Discard, os.Stdin) // which ends when the parent does
	return errors.Join(err, errors.New("nobody killed it"))
}

// What the next run says of one that was killed, wherever that was; and it
// brings both sides to the state that an undisturbed run leaves. The tests of
// cmd/ccdirsync kill the whole program, at every point where it writes.
func TestKilled(t *testing.T) {
	t.Parallel()
	directory, undisturbed := world(t)
	run(t, undisturbed, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
	want := string(directory.DumpContent())
	for _, test := range []struct {
		point   string
		warning string // after "run 1, begun at 1998-03-01T12:00:02Z, died "
	}{
		{"after Begin 1", "while it read both sides; nothing was written"},
		{"before RecordPlan 1", "while it read both sides; nothing was written"},
		{"after RecordPlan 1", "before its first write"},
		{"before StartWriting 1", "before its first write"},
		{"after StartWriting 1", "while it was writing; of 7 steps it is not known whether they were carried out: add post_office EXSITE1; " +
			"add mailbox Leaver, Leo at EXSITE1; add mailbox Quist, Marta at EXSITE1; add user Goner, Gil  <CCMAIL:Gil Goner at NORTHHUB>; " +
			"add user Lindström, Åsa  <CCMAIL:Åsa Lindström at NORTHHUB>; and 2 more; this run finds out what is left to do"},
		{"before RecordOutcomes 1", "while it was writing; of 7 steps it is not known"},
		{"after RecordOutcomes 1", "while it was writing; of 4 steps it is not known whether they were carried out: add user Goner, Gil  <CCMAIL:Gil Goner at NORTHHUB>; "},
		{"before RecordOutcomes 3", "while it was writing; of 3 steps it is not known"},
		{"after RecordOutcomes 4", "while it was writing; of 1 step it is not known"},
		{"before End 1", "while it was writing; every step had its outcome"},
		{"after End 1", ""},
	} {
		t.Run(test.point, func(t *testing.T) {
			t.Parallel()
			directory, c := world(t)
			killAt(t, c, test.point)
			l := ledgerOf(t, c)
			c.Recording = cycle.Recording{Ledger: l, Now: clock()}
			report, err := cycle.Run(t.Context(), c, cycle.Trace{})
			if err != nil || report.Failed() || report.Open() {
				t.Fatalf("the next run: %v, %+v", err, report)
			}
			if lock := "since " + noon.Add(time.Second).Format(time.RFC3339) + " was left by a run that died; it was taken over"; !strings.Contains(strings.Join(report.Warnings, "\n"), lock) {
				t.Errorf("the next run warns of %q, want %q", report.Warnings, lock)
			}
			warning := "run 1, begun at " + noon.Add(2*time.Second).Format(time.RFC3339) + ", died " + test.warning
			if found := slices.ContainsFunc(report.Warnings, func(w string) bool { return strings.HasPrefix(w, warning) }); found != (test.warning != "") {
				t.Errorf("the next run warns of %q, want %q", report.Warnings, warning)
			}
			wantRecorded(t, l, report, nil)
			if diff := cmp.Diff(want, string(directory.DumpContent())); diff != "" {
				t.Errorf("the directory (-undisturbed +now):\n%s", diff)
			}
			run(t, c, reconcile.StepCounts{Keep: 2}, reconcile.StepCounts{Keep: 4})
		})
	}
}

// killAt has another process run the connector and kills it at the point.
func killAt(t *testing.T, c cycle.Connector, point string) {
	t.Helper()
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$")
	victim.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, asPostOffice+"=") })
	victim.Env = append(victim.Env, asVictim+"="+filepath.Dir(c.Store.Dir), victimURL+"="+c.Server.URLs[0], victimPoint+"="+point)
	victim.Stderr = os.Stderr
	stdin, err := victim.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = victim.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(stdout); said != "reached "+point && lines.Scan(); {
		said = lines.Text()
	}
	if said != "reached "+point {
		t.Errorf("the process never reached %q; it said %q at last", point, said)
	}
	err = victim.Process.Kill()
	if err = errors.Join(err, stdin.Close()); err != nil {
		t.Fatal(err)
	}
	if err = victim.Wait(); err == nil {
		t.Error("the process ended by itself")
	}
}
