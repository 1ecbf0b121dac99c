package cycle_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
)

// forgetful is a ledger that keeps nothing, to compare the real one with.
type forgetful struct{}

func (forgetful) Known(context.Context, string, time.Time) (reconcile.Known, error) {
	return reconcile.Known{}, nil
}

func (forgetful) Snapshots(context.Context, string) ([]reconcile.Snapshot, error) { return nil, nil }

func (forgetful) Begin(context.Context, string, time.Time) (int64, []reconcile.DiedRun, error) {
	return 1, nil, nil
}

func (forgetful) RecordWarnings(context.Context, int64, []string) error { return nil }

func (forgetful) RecordPlan(context.Context, int64, reconcile.Plan) error { return nil }

func (forgetful) StartWriting(context.Context, int64, reconcile.Writing) error { return nil }

func (forgetful) RecordOutcomes(context.Context, int64, []reconcile.StepOutcome) error { return nil }

func (forgetful) End(context.Context, int64, reconcile.RunEnd) error { return nil }

// The environment of a process that carries out one cycle and says what it
// cost.
const (
	costFolder = "CCDIRSYNC_COST_FOLDER"
	costURL    = "CCDIRSYNC_COST_URL"
	costLedger = "CCDIRSYNC_COST_LEDGER" // kept, or nothing
)

// TestCostOfLedger measures how much CPU a cycle takes with the ledger, against
// one that keeps nothing: a first load of as many entries as CCDIRSYNC_COST
// says, half of them on each side, and cycles without changes after it. The
// cycles are processes of their own, in turns; the directory and the programs
// do not count. The bound of a first load is one for 100,000 entries: what
// opening the ledger costs is much of a small one.
func TestCostOfLedger(t *testing.T) {
	entries, err := strconv.Atoi(os.Getenv("CCDIRSYNC_COST"))
	if err != nil {
		t.Skip("set CCDIRSYNC_COST to a number of entries to measure what the ledger costs; docs/performance.md")
	}
	const rounds, unchanged = 3, 3
	first, later := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds {
		folders, urls := map[string]string{}, map[string]string{}
		for _, kind := range []string{"kept", "nothing"} {
			directory, c := sizedWorld(t, entries/2, entries/2)
			folders[kind], urls[kind] = filepath.Dir(c.Store.Dir), directory.URL()
			first[kind] = append(first[kind], cost(t, folders[kind], urls[kind], kind))
		}
		for range unchanged {
			for _, kind := range []string{"kept", "nothing"} {
				later[kind] = append(later[kind], cost(t, folders[kind], urls[kind], kind))
			}
		}
		info, err := os.Stat(filepath.Join(folders["kept"], "state", ledger.File))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the ledger has %d bytes, %d for each entry", info.Size(), info.Size()/int64(max(entries, 1)))
	}
	for _, part := range []struct {
		what    string
		cost    map[string][]time.Duration
		percent int
	}{{"first load", first, 25}, {"no changes", later, 10}} {
		kept, nothing := median(part.cost["kept"]), median(part.cost["nothing"])
		t.Logf("%s: %v of CPU with the ledger, %v without, %+.1f %%", part.what, kept, nothing, 100*(float64(kept)/float64(nothing)-1))
		if kept > nothing*time.Duration(100+part.percent)/100 && (part.what != "first load" || entries >= 100_000) {
			t.Errorf("%s: the ledger costs more than %d %%", part.what, part.percent)
		}
	}
}

func median(spans []time.Duration) time.Duration {
	slices.Sort(spans)
	return spans[len(spans)/2]
}

// cost runs a cycle in a process of its own and returns the CPU time it took.
func cost(t *testing.T, folder, url, kind string) time.Duration {
	t.Helper()
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneCycle$", "-test.v")
	process.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, asPostOffice+"=") }),
		costFolder+"="+folder, costURL+"="+url, costLedger+"="+kind)
	output, err := process.CombinedOutput()
	_, text, found := strings.Cut(string(output), "CPU time ")
	if err != nil || !found {
		t.Fatalf("%v\n%s", err, output)
	}
	text, _, _ = strings.Cut(text, "\n")
	span, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return span
}

// TestOneCycle is what [TestCostOfLedger] runs in a process of its own.
func TestOneCycle(t *testing.T) {
	folder := os.Getenv(costFolder)
	if folder == "" {
		t.Skip("part of TestCostOfLedger")
	}
	c := connectorIn(t, folder, os.Getenv(costURL))
	c.Server.PageSize = 100
	c.Limits = unlimited
	c.Recording = cycle.Recording{Ledger: forgetful{}, Now: time.Now}
	before := cpuTime(t)
	if os.Getenv(costLedger) == "kept" {
		l, err := ledger.Open(t.Context(), filepath.Join(folder, "state", ledger.File))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}()
		c.Recording.Ledger = l
	}
	if report, err := cycle.Run(t.Context(), c, cycle.Trace{}); err != nil || report.Failed() || report.Open() {
		t.Fatalf("%v: %+v", err, report.Counts)
	}
	fmt.Printf("CPU time %v\n", cpuTime(t)-before)
}

// cpuTime is what this process has used so far, without those it started.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
