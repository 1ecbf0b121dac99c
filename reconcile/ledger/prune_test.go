package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/ledger"
)

const day = 24 * time.Hour

// A run goes when it is older or beyond the number that is kept, unless
// something still needs it.
func TestPrune(t *testing.T) {
	t.Parallel()
	type run struct {
		state reconcile.RunState // done unless it says so; reading is not over
		plan  string
		good  bool
	}
	plain := slices.Repeat([]run{{}}, 5)
	with := func(at int, special run) []run {
		runs := slices.Clone(plain)
		runs[at-1] = special
		return runs
	}
	pausing := func(undone int64) func(*testing.T, *ledger.Ledger) {
		return func(t *testing.T, l *ledger.Ledger) {
			t.Helper()
			end(t, l, writing(t, l, "other", reconcile.Pause{Direction: reconcile.ToExchange, Key: "a", Undone: undone}), reconcile.RunEnd{})
			end(t, l, writing(t, l, "hq", reconcile.Pause{Direction: reconcile.ToExchange, Key: "b", Undone: undone}), reconcile.RunEnd{})
		}
	}
	approving := func(connector, plan string, expires time.Time) func(*testing.T, *ledger.Ledger) {
		return func(t *testing.T, l *ledger.Ledger) {
			t.Helper()
			if _, err := l.Approve(t.Context(), reconcile.Approval{Connector: connector, PlanID: plan, Expires: expires}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The runs begin a day after each other; it is noon of the day of the fifth.
	at := noon.Add(4 * day)
	for _, test := range []struct {
		name  string
		runs  []run
		more  func(*testing.T, *ledger.Ledger)
		keep  ledger.Retention
		stays string
	}{
		{"no limit", plain, nil, ledger.Retention{}, "[1 2 3 4 5]"},
		{"more are kept than there are", plain, nil, ledger.Retention{Runs: 6}, "[1 2 3 4 5]"},
		{"as many are kept", plain, nil, ledger.Retention{Runs: 5}, "[1 2 3 4 5]"},
		{"two are kept", plain, nil, ledger.Retention{Runs: 2}, "[4 5]"},
		{"just as old as is kept", plain, nil, ledger.Retention{Age: 4 * day}, "[1 2 3 4 5]"},
		{"older by a millisecond", plain, nil, ledger.Retention{Age: 4*day - time.Millisecond}, "[2 3 4 5]"},
		{"both limits, the number counts", plain, nil, ledger.Retention{Runs: 2, Age: 3 * day}, "[4 5]"},
		{"both limits, the age counts", plain, nil, ledger.Retention{Runs: 4, Age: 2 * day}, "[3 4 5]"},
		{"the last one of all", plain, nil, ledger.Retention{Age: time.Millisecond}, "[5]"},
		{"the last good run", with(2, run{good: true}), nil, ledger.Retention{Runs: 1}, "[2 5]"},
		{"an earlier good run", []run{{good: true}, {good: true}, {}, {}, {}}, nil, ledger.Retention{Runs: 1}, "[2 5]"},
		{"the last that was stopped", []run{{state: reconcile.RunStopped}, {state: reconcile.RunStopped}, {}, {}, {}}, nil, ledger.Retention{Age: day}, "[2 4 5]"},
		{"one that failed", with(2, run{state: reconcile.RunFailed}), nil, ledger.Retention{Runs: 1}, "[5]"},
		{"one that is under way", with(5, run{state: reconcile.RunReading}), nil, ledger.Retention{Runs: 1}, "[5]"},
		{"an approved plan", with(2, run{plan: "a"}), approving("hq", "a", at.Add(time.Millisecond)), ledger.Retention{Runs: 1}, "[2 5]"},
		{"an approval that expired", with(2, run{plan: "a"}), approving("hq", "a", at), ledger.Retention{Runs: 1}, "[5]"},
		{"another connector's approval", with(2, run{plan: "a"}), approving("other", "a", at.Add(day)), ledger.Retention{Runs: 1}, "[5]"},
		{"a run that was taken back", plain, pausing(3), ledger.Retention{Runs: 1}, "[3 7]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := open(t, filepath.Join(t.TempDir(), ledger.File))
			for i, r := range test.runs {
				id, _, err := l.Begin(t.Context(), "hq", noon.Add(time.Duration(i)*day))
				if err != nil {
					t.Fatal(err)
				}
				plan := samplePlan()
				plan.ID = r.plan
				if err = l.RecordPlan(t.Context(), id, plan); err != nil {
					t.Fatal(err)
				}
				if r.state != reconcile.RunReading {
					end(t, l, id, reconcile.RunEnd{State: r.state, Good: r.good})
				}
			}
			if test.more != nil {
				test.more(t, l)
			}
			before := ids(t, l, "hq")
			n, err := l.Prune(t.Context(), test.keep, at)
			if err != nil {
				t.Fatal(err)
			}
			if left := ids(t, l, "hq"); fmt.Sprint(left) != test.stays || n != len(before)-len(left) {
				t.Errorf("removed %d of %v, left %v, want %s", n, before, left, test.stays)
			}
		})
	}
}

// ids are those of the runs of a connector, oldest first.
func ids(t *testing.T, l *ledger.Ledger, connector string) []int64 {
	t.Helper()
	runs, err := l.Runs(t.Context(), []string{connector}, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := []int64{}
	for _, run := range slices.Backward(runs) {
		all = append(all, run.ID)
	}
	return all
}

// The runs of every connector are looked at. An approval that has expired goes
// when the runs of its plan do.
func TestPruneEveryConnector(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.File)
	l := open(t, path)
	for range 3 {
		for _, connector := range []string{"hq", "branch"} {
			goodRun(t, l, connector)
		}
	}
	under := begin(t, l, "third")
	for _, plan := range []string{samplePlan().ID, "gone"} {
		if _, err := l.Approve(t.Context(), reconcile.Approval{Connector: "hq", PlanID: plan, Expires: noon.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	prune := func(keep ledger.Retention, at time.Time) int {
		t.Helper()
		n, err := l.Prune(t.Context(), keep, at)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if n := prune(ledger.Retention{Runs: 1}, noon); n != 2 {
		t.Errorf("removed %d runs, want the two of the connector without an approval", n)
	}
	if n := prune(ledger.Retention{Runs: 1, Age: day}, noon.Add(30*day)); n != 2 {
		t.Errorf("removed %d runs when the approval had expired, want 2", n)
	}
	for connector, want := range map[string]string{"hq": "[5]", "branch": "[6]", "third": fmt.Sprint([]int64{under})} {
		if left := fmt.Sprint(ids(t, l, connector)); left != want {
			t.Errorf("left of %s: %s, want %s", connector, left, want)
		}
	}
	approvals, err := l.Approvals(t.Context(), nil, noon)
	if err != nil || len(approvals) != 1 || approvals[0].PlanID != samplePlan().ID {
		t.Errorf("approvals that are left: %+v, %v", approvals, err)
	}
	if last := known(t, l, "hq", noon).Last; last.Run != 5 || last.Counts[0].Entries != 5 {
		t.Errorf("the last good run is %+v", last)
	}
}

// The room of what is gone is used again.
func TestPruneFreesRoom(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.File)
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	load := func() {
		t.Helper()
		l, err := ledger.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			run := begin(t, l, "hq")
			if err = l.RecordPlan(t.Context(), run, toExchangeLoad(200)); err != nil {
				t.Fatal(err)
			}
			end(t, l, run, reconcile.RunEnd{})
			if _, err = l.Prune(t.Context(), ledger.Retention{Runs: 2}, noon); err != nil {
				t.Fatal(err)
			}
		}
		if err = l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	load()
	before := size()
	for range 5 {
		load()
	}
	if after := size(); after > before+before/10 {
		t.Errorf("the file grew from %d to %d bytes with as many runs", before, after)
	}
}
