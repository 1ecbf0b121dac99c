package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/ledger"
)

// asVictim names the ledger that this test binary writes, when it is set,
// until it is killed; asPoint says how far it goes.
const (
	asVictim = "CCDIRSYNC_TEST_LEDGER"
	asPoint  = "CCDIRSYNC_TEST_POINT"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(asVictim); path != "" {
		if err := beVictim(path, os.Getenv(asPoint)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // it ought to have been killed
	}
	os.Exit(m.Run())
}

var noon = time.Date(1998, time.March, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), path)
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

func begin(t *testing.T, l *ledger.Ledger, connector string) int64 {
	t.Helper()
	id, died, err := l.Begin(t.Context(), connector, noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(died) > 0 {
		t.Errorf("runs were found dead: %+v", died)
	}
	return id
}

// samplePlan has a step toward cc:Mail and two toward Exchange, the last of
// which writes nothing.
func samplePlan() reconcile.Plan {
	return reconcile.Plan{
		Connector: "hq", ID: "0123456789ab",
		Counts: reconcile.Counts{DirectoryEntries: 3, ToCCMail: reconcile.StepCounts{Add: 1}, ToExchange: reconcile.StepCounts{Modify: 1, Refuse: 1}},
		ToCCMail: []reconcile.Step{{
			Op: reconcile.Add, Kind: reconcile.Mailbox, Name: "Quist, Marta", Address: "EXSITE1", DN: "cn=marta,o=Contoso", Reason: "not in cc:Mail yet",
			Changes: []reconcile.Change{{Attr: "Name", New: "Quist, Marta"}, {Attr: "Locn", New: "r"}},
		}},
		ToExchange: []reconcile.Step{
			{
				Op: reconcile.Modify, Kind: reconcile.User, Name: "Okafor, Ben", Address: "CCMAIL:Ben Okafor at NORTHHUB", DN: "cn=CC1,o=Contoso", Reason: "comment changed",
				Changes: []reconcile.Change{{Attr: "info", Old: "Room <1>", New: "Room 2 & \"3\""}},
			},
			{Op: reconcile.Refuse, Kind: reconcile.Board, Name: "Social", Reason: "the address is taken", Event: 14018},
		},
		Guards: []reconcile.Guard{{Name: "to_ccmail.deletes", Limit: 500}, {Name: "to_ccmail.none_wanted", Found: 5, Tripped: true, Detail: "all would go"}},
	}
}

// What is recorded is read back, after the ledger was closed and opened again.
func TestReadBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	rapid.Check(t, func(rt *rapid.T) {
		want := recordGenerator(rt)
		l, err := ledger.Open(t.Context(), path)
		if err != nil {
			rt.Fatal(err)
		}
		if want.Run.ID, _, err = l.Begin(t.Context(), want.Run.Connector, want.Run.Started); err != nil {
			rt.Fatal(err)
		}
		err = l.RecordPlan(t.Context(), want.Run.ID, asPlanned(want.Plan))
		if err == nil && len(want.Plan.ToCCMail)+len(want.Plan.ToExchange) > 0 {
			err = errors.Join(l.StartWriting(t.Context(), want.Run.ID, reconcile.Writing{}), l.RecordOutcomes(t.Context(), want.Run.ID, outcomesOf(want.Plan)))
		}
		if err == nil {
			err = l.End(t.Context(), want.Run.ID, reconcile.RunEnd{
				At: want.Run.Ended, State: want.Run.State, Error: want.Run.Error, Counts: want.Run.Counts, Warnings: want.Warnings,
			})
		}
		if err = errors.Join(err, l.Close()); err != nil {
			rt.Fatal(err)
		}

		if l, err = ledger.Open(t.Context(), path); err != nil {
			rt.Fatal(err)
		}
		got, err := l.Run(t.Context(), want.Run.ID)
		if err != nil {
			rt.Fatal(err)
		}
		newest, err := l.Runs(t.Context(), []string{want.Run.Connector}, 1)
		if err = errors.Join(err, l.Close()); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got, likeSteps); diff != "" {
			rt.Errorf("the record (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]reconcile.Run{want.Run}, newest); diff != "" {
			rt.Errorf("the newest run (-want +got):\n%s", diff)
		}
	})
}

// likeSteps compares what a ledger keeps of steps.
var likeSteps = cmp.Options{cmpopts.IgnoreUnexported(reconcile.Step{}), cmpopts.EquateEmpty()}

func recordGenerator(t *rapid.T) ledger.Record {
	text := rapid.String()
	connector := rapid.SampledFrom([]string{"hq", "branch", "O'Brien \"&\" é"}).Draw(t, "connector")
	plan := reconcile.Plan{
		Connector: connector, ID: rapid.StringMatching(`[0-9a-f]{12}`).Draw(t, "plan id"), Purpose: text.Draw(t, "purpose"), Counts: countsGenerator(t),
		ToCCMail:   rapid.SliceOfN(rapid.Custom(stepGenerator), 0, 4).Draw(t, "to cc:Mail"),
		ToExchange: rapid.SliceOfN(rapid.Custom(stepGenerator), 0, 4).Draw(t, "to Exchange"),
		Guards:     rapid.SliceOfN(rapid.Custom(guardGenerator), 0, 3).Draw(t, "guards"),
	}
	notDone := 0
	for _, s := range slices.Concat(plan.ToCCMail, plan.ToExchange) {
		if s.Outcome == reconcile.Failed || s.Outcome == reconcile.Held {
			notDone++
		}
	}
	started := timeGenerator().Draw(t, "started")
	return ledger.Record{
		Run: reconcile.Run{
			Connector: connector, PlanID: plan.ID, Purpose: plan.Purpose, Counts: plan.Counts, NotDone: notDone, Error: text.Draw(t, "error"),
			State:   rapid.SampledFrom([]reconcile.RunState{reconcile.RunDone, reconcile.RunFailed, reconcile.RunStopped}).Draw(t, "state"),
			Started: started, Ended: started.Add(time.Duration(rapid.IntRange(0, 1e7).Draw(t, "took")) * time.Millisecond),
		},
		Plan: plan, Warnings: rapid.SliceOfN(text, 0, 3).Draw(t, "warnings"),
	}
}

func guardGenerator(t *rapid.T) reconcile.Guard {
	text := rapid.String()
	return reconcile.Guard{
		Name: text.Draw(t, "name"), Limit: rapid.Int().Draw(t, "limit"), Found: rapid.Int().Draw(t, "found"),
		Tripped: rapid.Bool().Draw(t, "tripped"), Approved: rapid.Bool().Draw(t, "approved"), Detail: text.Draw(t, "detail"),
	}
}

// anyBytes is text, and what is no text in any encoding.
func anyBytes() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
}

func stepGenerator(t *rapid.T) reconcile.Step {
	s := approvedStepGenerator(t).Step
	text := rapid.String()
	s.Reason, s.Error, s.Event = text.Draw(t, "reason"), text.Draw(t, "error"), rapid.Int().Draw(t, "event")
	s.Outcome = rapid.SampledFrom([]reconcile.Outcome{"", reconcile.Done, reconcile.Failed, reconcile.Held}).Draw(t, "outcome")
	return s
}

func approvedStepGenerator(t *rapid.T) reconcile.ApprovedStep {
	text := anyBytes()
	return reconcile.ApprovedStep{Direction: directionGenerator().Draw(t, "direction"), Step: reconcile.Step{
		Op:   rapid.SampledFrom([]reconcile.Op{reconcile.Add, reconcile.Delete, reconcile.Replace, reconcile.Modify, reconcile.Adopt, reconcile.Refuse, reconcile.Hold}).Draw(t, "op"),
		Kind: rapid.SampledFrom([]reconcile.Kind{reconcile.Mailbox, reconcile.PostOffice, reconcile.User, reconcile.Board}).Draw(t, "kind"),
		Key:  text.Draw(t, "key"), Name: text.Draw(t, "name"), Address: text.Draw(t, "address"), DN: text.Draw(t, "dn"),
		Changes: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) reconcile.Change {
			return reconcile.Change{Attr: rapid.String().Draw(t, "attr"), Old: text.Draw(t, "old"), New: text.Draw(t, "new")}
		}), 0, 3).Draw(t, "changes"),
	}}
}

func directionGenerator() *rapid.Generator[reconcile.Direction] {
	return rapid.SampledFrom([]reconcile.Direction{reconcile.ToCCMail, reconcile.ToExchange})
}

func timeGenerator() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(0, 4e12), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() })
}

// countsGenerator gives every count a value of its own.
func countsGenerator(t *rapid.T) reconcile.Counts {
	n := rapid.IntRange(0, math.MaxInt32).Draw(t, "counts")
	next := func() int { n++; return n }
	steps := func() reconcile.StepCounts {
		return reconcile.StepCounts{Keep: next(), Add: next(), Delete: next(), Replace: next(), Modify: next(), Adopt: next(), Refuse: next(), Hold: next()}
	}
	return reconcile.Counts{
		DirectoryEntries: next(), ExchangeEntries: next(), CCMailEntries: next(), Lists: next(), Boards: next(), Recipients: next(), NotOurs: next(),
		ToCCMail: steps(), ToExchange: steps(),
	}
}

// asPlanned is the plan before anything became of its steps.
func asPlanned(plan reconcile.Plan) reconcile.Plan {
	for _, steps := range []*[]reconcile.Step{&plan.ToCCMail, &plan.ToExchange} {
		*steps = slices.Clone(*steps)
		for i := range *steps {
			(*steps)[i].Outcome, (*steps)[i].Error = "", ""
		}
	}
	return plan
}

func outcomesOf(plan reconcile.Plan) []reconcile.StepOutcome {
	var all []reconcile.StepOutcome
	for i, s := range slices.Concat(plan.ToCCMail, plan.ToExchange) {
		all = append(all, reconcile.StepOutcome{Number: i + 1, Outcome: s.Outcome, Error: s.Error})
	}
	return all
}

// beVictim writes a ledger up to a point, tells that it is there, and waits to
// be killed.
func beVictim(path, point string) error {
	l, err := ledger.Open(context.Background(), path)
	if err != nil {
		return err
	}
	id, _, err := l.Begin(context.Background(), "hq", noon)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"reading", func() error { return nil }},
		{"planned", func() error {
			return errors.Join(l.RecordWarnings(context.Background(), id, []string{"an odd line"}), l.RecordPlan(context.Background(), id, samplePlan()))
		}},
		{"writing", func() error {
			return l.StartWriting(context.Background(), id, reconcile.Writing{Found: reconcile.Baseline{
				Counts: []reconcile.Count{{Side: "ccmail", Container: "lists", Entries: 2}},
			}})
		}},
		{"outcome", func() error {
			return l.RecordOutcomes(context.Background(), id, []reconcile.StepOutcome{{Number: 1, Outcome: reconcile.Done}})
		}},
		{"ended", func() error {
			return l.End(context.Background(), id, reconcile.RunEnd{At: noon, State: reconcile.RunDone})
		}},
	} {
		if err == nil {
			err = step.do()
		}
		if err != nil {
			return err
		}
		if step.name == point {
			fmt.Println(point)
			_, err = io.Copy(io.Discard, os.Stdin) // which ends when the parent does
			return errors.Join(err, errors.New("nobody killed it"))
		}
	}
	return fmt.Errorf("there is no point %q", point)
}

// A program that is killed leaves a run that the next one finds, with what it
// left open; one that had ended leaves none. Nothing that was recorded is lost.
func TestKilled(t *testing.T) {
	t.Parallel()
	plan := samplePlan()
	for _, test := range []struct {
		point  string
		open   []reconcile.Step
		reason string
	}{
		{"reading", nil, "the program ended while it read both sides; nothing was written"},
		{"planned", []reconcile.Step{plan.ToCCMail[0], plan.ToExchange[0]}, "the program ended before the first write"},
		{"writing", []reconcile.Step{plan.ToCCMail[0], plan.ToExchange[0]}, "the program ended while it was writing; steps without an outcome: 2"},
		{"outcome", plan.ToExchange[:1], "the program ended while it was writing; steps without an outcome: 1"},
		{"ended", nil, ""},
	} {
		t.Run(test.point, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ledger.db")
			killAt(t, path, test.point)
			l := open(t, path)
			next, died, err := l.Begin(t.Context(), "hq", noon.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if test.point == "ended" {
				if len(died) > 0 {
					t.Errorf("a run that had ended is called dead: %+v", died)
				}
				return
			}
			if len(died) != 1 || next != died[0].ID+1 {
				t.Fatalf("found dead by run %d: %+v", next, died)
			}
			state := reconcile.RunState(strings.Replace(test.point, "outcome", "writing", 1))
			if d := died[0]; d.State != state || !d.Started.Equal(noon) || d.Open != len(test.open) {
				t.Errorf("found dead: %+v", d)
			}
			if diff := cmp.Diff(test.open, died[0].FirstOpen, cmpopts.IgnoreUnexported(reconcile.Step{})); diff != "" {
				t.Errorf("open steps (-want +got):\n%s", diff)
			}
			record, err := l.Run(t.Context(), died[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if record.Run.State != reconcile.RunDied || record.Run.Error != test.reason || !record.Run.Ended.IsZero() {
				t.Errorf("recorded as %+v", record.Run)
			}
			if warned := fmt.Sprint(record.Warnings); test.point != "reading" && warned != "[an odd line]" {
				t.Errorf("warnings: %s", warned)
			}
			if test.point == "outcome" && record.Plan.ToCCMail[0].Outcome != reconcile.Done {
				t.Errorf("the outcome was lost: %+v", record.Plan.ToCCMail)
			}
			if _, died, err = l.Begin(t.Context(), "other", noon); err != nil || len(died) > 0 {
				t.Errorf("another connector's run is called dead: %+v, %v", died, err)
			}
		})
	}
}

// killAt has another process write the ledger and kills it at the point.
func killAt(t *testing.T, path, point string) {
	t.Helper()
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), asVictim+"="+path, asPoint+"="+point)
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
	said, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || said != point+"\n" {
		t.Errorf("the process said %q, %v", said, err)
	}
	if err = victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err = victim.Wait(); err == nil {
		t.Error("the process ended by itself")
	}
	if err = stdin.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// Only so many open steps are returned as a person reads, all are counted.
func TestDiedWithManyOpenSteps(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	plan := samplePlan()
	plan.ToCCMail = slices.Repeat(plan.ToCCMail, 12)
	if err := l.RecordPlan(t.Context(), begin(t, l, "hq"), plan); err != nil {
		t.Fatal(err)
	}
	_, died, err := l.Begin(t.Context(), "hq", noon)
	if err != nil || len(died) != 1 || died[0].Open != 13 || len(died[0].FirstOpen) != 5 {
		t.Errorf("found dead: %+v, %v", died, err)
	}
}

// A run goes from one state to the next and not back.
func TestOrder(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	ctx, id := t.Context(), begin(t, l, "hq")
	end := reconcile.RunEnd{At: noon, State: reconcile.RunDone}
	plan := func() error { return l.RecordPlan(ctx, id, samplePlan()) }
	for _, test := range []struct {
		name string
		err  error
		want string // empty: it succeeds
	}{
		{"writing without a plan", l.StartWriting(ctx, id, reconcile.Writing{}), "the run is reading and cannot be writing"},
		{"an outcome without a plan", l.RecordOutcomes(ctx, id, []reconcile.StepOutcome{{Number: 1}}), "the plan has no step 1"},
		{"a plan", plan(), ""},
		{"another plan", plan(), "the run is planned and cannot be planned; see whether another program runs the connector"},
		{"a step that is not in the plan", l.RecordOutcomes(ctx, id, []reconcile.StepOutcome{{Number: 4}}), "the plan has no step 4"},
		{"an end that is none", l.End(ctx, id, reconcile.RunEnd{State: reconcile.RunWriting}), `state "writing" is not one of a run that is over`},
		{"the end", l.End(ctx, id, end), ""},
		{"another end", l.End(ctx, id, end), "the run is done and cannot be done"},
		{"writing after the end", l.StartWriting(ctx, id, reconcile.Writing{}), "the run is done and cannot be writing"},
		{"a run that is not there", l.End(ctx, 99, end), "no such run: 99"},
	} {
		switch {
		case test.want == "" && test.err != nil:
			t.Errorf("%s: %v", test.name, test.err)
		case test.want != "" && (test.err == nil || !strings.Contains(test.err.Error(), test.want)):
			t.Errorf("%s: %v, want %s", test.name, test.err, test.want)
		}
	}
	if _, err := l.Run(ctx, 99); !errors.Is(err, ledger.ErrNoRun) || !strings.Contains(err.Error(), "read run 99") {
		t.Errorf("a run that is not there: %v", err)
	}
}

// Outcomes are recorded as they are told, in whatever order and however many
// at once; when one is of no step, none is.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	id := begin(t, l, "hq")
	if err := l.RecordPlan(t.Context(), id, toExchangeLoad(9)); err != nil {
		t.Fatal(err)
	}
	of := func(number int, outcome reconcile.Outcome, text string) reconcile.StepOutcome {
		return reconcile.StepOutcome{Number: number, Outcome: outcome, Error: text}
	}
	for _, test := range []struct {
		name     string
		outcomes []reconcile.StepOutcome
		wrong    string
		want     string
	}{
		{"none", nil, "", "- - - - - - - - -"},
		{"one", []reconcile.StepOutcome{of(2, reconcile.Done, "")}, "", "- done - - - - - - -"},
		{"several alike", []reconcile.StepOutcome{of(3, reconcile.Failed, "busy"), of(4, reconcile.Failed, "busy")}, "", "- done failed:busy failed:busy - - - - -"},
		{
			"not alike and with gaps",
			[]reconcile.StepOutcome{of(9, reconcile.Held, "later"), of(8, reconcile.Held, "later"), of(5, reconcile.Failed, "a"), of(6, reconcile.Failed, "b"), of(1, reconcile.Done, "")},
			"",
			"done done failed:busy failed:busy failed:a failed:b - held:later held:later",
		},
		{
			"the last is of no step",
			[]reconcile.StepOutcome{of(1, reconcile.Held, "x"), of(8, reconcile.Done, ""), of(9, reconcile.Done, ""), of(10, reconcile.Done, "")},
			"the plan has no step 10",
			"done done failed:busy failed:busy failed:a failed:b - held:later held:later",
		},
		{
			"the last of several alike is of no step",
			[]reconcile.StepOutcome{of(8, reconcile.Done, ""), of(9, reconcile.Done, ""), of(10, reconcile.Done, "")},
			"the plan has no step 10",
			"done done failed:busy failed:busy failed:a failed:b - held:later held:later",
		},
		{"over what was there", []reconcile.StepOutcome{of(8, reconcile.Done, ""), of(9, reconcile.Done, "")}, "", "done done failed:busy failed:busy failed:a failed:b - done done"},
	} {
		err := l.RecordOutcomes(t.Context(), id, test.outcomes)
		if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.wrong)
		}
		record, err := l.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range record.Plan.ToExchange {
			text := string(s.Outcome)
			if text == "" {
				text = "-"
			}
			if s.Error != "" {
				text += ":" + s.Error
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Runs are listed newest first, of the connectors that are named, and no more
// than wanted.
func TestRuns(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	for _, connector := range []string{"hq", "branch", "other"} {
		begin(t, l, connector)
	}
	for _, test := range []struct {
		connectors []string
		limit      int
		want       string
	}{
		{nil, 0, "[3 2 1]"},
		{nil, 2, "[3 2]"},
		{[]string{"hq", "branch"}, 0, "[2 1]"},
		{[]string{"hq", "branch"}, 1, "[2]"},
		{[]string{"HQ"}, 0, "[]"},
	} {
		runs, err := l.Runs(t.Context(), test.connectors, test.limit)
		ids := []int64{}
		for _, run := range runs {
			ids = append(ids, run.ID)
		}
		if err != nil || fmt.Sprint(ids) != test.want {
			t.Errorf("%v, at most %d: %v, %v, want %s", test.connectors, test.limit, ids, err, test.want)
		}
	}
}

// What is made is for nobody else to read, whatever the path looks like, and
// closed it is one file.
func TestFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a ?b#c%41 é")
	l, err := ledger.Open(t.Context(), filepath.Join(folder, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	begin(t, l, "hq")
	modes := map[string]os.FileMode{}
	list := func() {
		clear(modes)
		err = filepath.WalkDir(folder, func(path string, d os.DirEntry, failed error) error {
			if failed != nil {
				return failed
			}
			info, failed := d.Info()
			modes[filepath.Base(path)] = info.Mode().Perm()
			return failed
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	list()
	base := filepath.Base(folder)
	want := map[string]os.FileMode{base: 0o700, "ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	if err = l.Close(); err != nil {
		t.Fatal(err)
	}
	list()
	if diff := cmp.Diff(map[string]os.FileMode{base: 0o700, "ledger.db": 0o600}, modes); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
}

// What is no ledger is left as it is, and the error names it.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := []byte(strings.Repeat("This is a letter and no ledger.\n", 100))
	if err := os.WriteFile(filepath.Join(folder, "letter"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"letter":       "file is not a database",
		".":            "is a directory",
		"letter/state": "not a directory",
	} {
		path := filepath.Join(folder, name)
		_, err := ledger.Open(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "open the ledger "+path) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if left, err := os.ReadFile(filepath.Join(folder, "letter")); err != nil || string(left) != string(text) {
		t.Errorf("the letter was changed: %v", err)
	}
}

// Programs that write for different connectors at once wait for each other,
// and nobody waits to read.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	const programs, runs = 4, 5
	var all sync.WaitGroup
	for i := range programs {
		l := open(t, path)
		connector := fmt.Sprintf("c%d", i)
		all.Go(func() {
			for range runs {
				id, died, err := l.Begin(t.Context(), connector, noon)
				if err == nil && len(died) > 0 {
					err = fmt.Errorf("found dead: %+v", died)
				}
				if err == nil {
					err = l.RecordPlan(t.Context(), id, samplePlan())
				}
				if err == nil {
					_, err = l.Run(t.Context(), id)
				}
				if err == nil {
					err = l.End(t.Context(), id, reconcile.RunEnd{At: noon, State: reconcile.RunDone})
				}
				if err != nil {
					t.Errorf("%s: %v", connector, err)
					return
				}
			}
		})
	}
	all.Wait()
	listed, err := open(t, path).Runs(t.Context(), nil, 0)
	if err != nil || len(listed) != programs*runs {
		t.Errorf("%d runs, %v", len(listed), err)
	}
}

// countdown is a context that is cancelled after it was asked so many times.
type countdown struct {
	context.Context
	done chan struct{}
	left atomic.Int64
}

func (c *countdown) Done() <-chan struct{} { return c.done }

func (c *countdown) Err() error {
	left := c.left.Add(-1)
	if left > 0 {
		return nil
	}
	if left == 0 {
		close(c.done)
	}
	return context.Canceled
}

// A call that is cancelled, before it or in the middle of it, does nothing, and
// the next one works: a cycle that is interrupted records its end.
func TestCancelled(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	id := begin(t, l, "hq")
	plan := toExchangeLoad(500)
	for _, left := range []int64{1, 2, 3, 100, 500} {
		ctx := &countdown{Context: t.Context(), done: make(chan struct{})}
		ctx.left.Store(left)
		if err := l.RecordPlan(ctx, id, plan); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d: %v", left, err)
		}
		record, err := l.Run(t.Context(), id)
		if err != nil || record.Run.State != reconcile.RunReading || len(record.Plan.ToExchange) > 0 {
			t.Errorf("cancelled after %d: the run is %s with %d steps, %v", left, record.Run.State, len(record.Plan.ToExchange), err)
		}
	}
	if err := l.RecordPlan(t.Context(), id, plan); err != nil {
		t.Error(err)
	}
	if err := l.End(t.Context(), id, reconcile.RunEnd{At: noon, State: reconcile.RunFailed}); err != nil {
		t.Error(err)
	}
}
