package ledger_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/ledger"
)

// traces are the names, sizes, contents and times of all files of a folder.
func traces(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := fmt.Sprint(info.Mode(), " ", info.ModTime())
		if !d.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %d %x", len(data), sha256.Sum256(data))
		}
		found[filepath.Base(path)] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// goodRun records a run that is good and whose number is its every count.
func goodRun(t *testing.T, l *ledger.Ledger, connector string) int64 {
	t.Helper()
	run := begin(t, l, connector)
	if err := l.RecordPlan(t.Context(), run, samplePlan()); err != nil {
		t.Fatal(err)
	}
	end(t, l, run, reconcile.RunEnd{
		Counts: samplePlan().Counts, Good: true,
		Last:      reconcile.Baseline{Counts: []reconcile.Count{{Side: "ccmail", Container: "users", Entries: int(run)}}},
		Snapshots: []reconcile.Snapshot{snapshot("o=C", int(run))},
	})
	return run
}

// To look into a ledger leaves its folder as it is, whether nobody has it
// open, another program is at work on it, or one died at any point.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	closed := func(t *testing.T, path string) {
		t.Helper()
		l, err := ledger.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		goodRun(t, l, "hq")
		if err = l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		last    int64 // last good run
		runs    int
		beside  bool // a write-ahead log with something in it
	}{
		{"closed", closed, 1, 1, false},
		{"open and not written to", func(t *testing.T, path string) {
			t.Helper()
			closed(t, path)
			open(t, path)
		}, 1, 1, false},
		{"open and written to", func(t *testing.T, path string) {
			t.Helper()
			closed(t, path)
			goodRun(t, open(t, path), "hq")
		}, 2, 2, true},
		{"in the middle of a change", func(t *testing.T, path string) {
			t.Helper()
			closed(t, path)
			open(t, path)
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			tx, err := db.BeginTx(context.WithoutCancel(t.Context()), nil) // else it ends before the cleanup
			if err == nil {
				_, err = tx.ExecContext(t.Context(), "DELETE FROM runs")
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
					t.Error(err)
				}
			})
		}, 1, 1, false},
		{"left by a program that died", func(t *testing.T, path string) {
			t.Helper()
			closed(t, path)
			killAt(t, path, "writing")
		}, 2, 2, true},
		{"left by a program that died, with the log only", func(t *testing.T, path string) {
			t.Helper()
			closed(t, path)
			killAt(t, path, "ended")
			if err := os.Remove(path + "-shm"); err != nil {
				t.Fatal(err)
			}
		}, 2, 2, true},
		{"made and nothing in it", func(t *testing.T, path string) {
			t.Helper()
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, 0, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "state")
			path := filepath.Join(folder, ledger.File)
			test.prepare(t, path)
			before := traces(t, folder)
			if info, err := os.Stat(path + "-wal"); (err == nil && info.Size() > 0) != test.beside {
				t.Fatalf("the case is not what it says: %v, %v", info, err)
			}
			l, err := ledger.OpenReadOnly(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			last := known(t, l, "hq", noon).Last
			if last.Run != test.last || test.last > 0 && last.Counts[0].Entries != int(test.last) {
				t.Errorf("the last good run is %+v, want %d", last, test.last)
			}
			runs, err := l.Runs(t.Context(), nil, 0)
			if err != nil || len(runs) != test.runs {
				t.Errorf("%d runs, want %d: %v", len(runs), test.runs, err)
			}
			if err = l.Close(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(before, traces(t, folder)); diff != "" {
				t.Errorf("the folder was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// What a ledger that is open to read only shows is of the time of the look,
// and it takes no change.
func TestReadOnlyIsFresh(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.File)
	writer := open(t, path)
	l, err := ledger.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		run := goodRun(t, writer, "hq")
		if last := known(t, l, "hq", noon).Last; last.Run != run {
			t.Errorf("the last good run is %+v, want %d", last, run)
		}
	}
	if _, err = l.Run(t.Context(), 99); !errors.Is(err, ledger.ErrNoRun) {
		t.Errorf("a run that is not there: %v", err)
	}
	_, _, began := l.Begin(t.Context(), "hq", noon)
	_, approved := l.Approve(t.Context(), reconcile.Approval{})
	recorded := l.RecordOutcomes(t.Context(), 1, []reconcile.StepOutcome{{Number: 1}})
	for what, err := range map[string]error{"Begin": began, "Approve": approved, "RecordOutcomes": recorded} {
		if err == nil || !strings.Contains(err.Error(), "it was opened to read only") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n, failed := l.Prune(t.Context(), ledger.Retention{Runs: 100}, noon); n != 0 || failed != nil {
		t.Errorf("removed %d where there is nothing to remove, %v", n, failed)
	}
	if err = l.Close(); err != nil {
		t.Error(err)
	}
}

// A ledger that is not there, or is none, is told apart.
func TestReadOnlyFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "letter"), []byte(strings.Repeat("This is no ledger.\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	before := traces(t, folder)
	for _, test := range []struct {
		name    string
		missing bool
		want    string
	}{
		{"ledger.db", true, "no such file"},
		{"state/ledger.db", true, "no such file"},
		{"letter", false, "file is not a database"},
		{".", false, ""},
	} {
		path := filepath.Join(folder, test.name)
		_, err := ledger.OpenReadOnly(t.Context(), path)
		if err == nil || errors.Is(err, fs.ErrNotExist) != test.missing || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if diff := cmp.Diff(before, traces(t, folder)); diff != "" {
		t.Errorf("the folder was changed (-before +after):\n%s", diff)
	}
}

// The copy of a ledger that is in use is removed after the look, and the error
// says when there is no room for it.
func TestCopyIsRemoved(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	path := filepath.Join(t.TempDir(), ledger.File)
	goodRun(t, open(t, path), "hq")
	l, err := ledger.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if last := known(t, l, "hq", noon).Last; last.Run != 1 {
		t.Errorf("known is %+v", last)
	}
	if left := traces(t, temporary); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if err = os.Remove(temporary); err != nil {
		t.Fatal(err)
	}
	if _, err = l.Known(t.Context(), "hq", noon); err == nil || !strings.Contains(err.Error(), "make a temporary folder for a copy") {
		t.Errorf("without a temporary folder: %v", err)
	}
}

// Readers of both kinds see whole runs only, while programs open the ledger,
// write to it and close it again; nobody is kept from anything.
func TestReadersAndWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.File)
	goodRun(t, open(t, path), "branch") // so that it is there
	done := make(chan struct{})
	var all sync.WaitGroup
	for kind, opening := range map[string]func() (*ledger.Ledger, error){
		"read only": func() (*ledger.Ledger, error) { return ledger.OpenReadOnly(t.Context(), path) },
		"open":      func() (*ledger.Ledger, error) { return ledger.Open(t.Context(), path) },
	} {
		all.Go(func() {
			for last, ended := int64(0), false; !ended; {
				select {
				case <-done:
					ended = true
				default:
				}
				l, err := opening()
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					return
				}
				k, err := l.Known(t.Context(), "hq", noon)
				if err = errors.Join(err, l.Close()); err != nil {
					t.Errorf("%s: %v", kind, err)
					return
				}
				if run := k.Last.Run; run < last || run > 0 && k.Last.Counts[0].Entries != int(run) {
					t.Errorf("%s: after run %d: %+v", kind, last, k.Last)
					return
				}
				last = k.Last.Run
			}
		})
	}
	for range 5 {
		l, err := ledger.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			goodRun(t, l, "hq")
		}
		if err = l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	all.Wait()
	if last := known(t, open(t, path), "hq", noon).Last; last.Run != 101 {
		t.Errorf("the last good run is %d", last.Run)
	}
}
