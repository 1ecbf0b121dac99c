package cycle_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccdirsync/ccmail"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/exchange55"
)

// While one run is under way, at whatever step, a second one ends at once, says
// who is at work, and changes nothing: neither side, nor the store, nor the
// ledger. The first goes on.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	rounds := 5
	if torture() {
		rounds = 100
	}
	for round := range rounds {
		step := 1 + 3*round%10 // 1, 4, 7, 10, 3, 6, ...
		prepare := map[bool]func(*testing.T) (*exchange55.Directory, cycle.Connector){true: world, false: changedWorld}[round%2 == 0]
		t.Run(fmt.Sprintf("round %d, step %d", round+1, step), func(t *testing.T) {
			t.Parallel()
			directory, c := prepare(t)
			c.Recording = cycle.Recording{Ledger: ledgerOf(t, c), Now: clock()}
			reached, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			go func() {
				_, err := cycle.Run(t.Context(), c, cycle.Trace{StepStarts: func(number int, _ string) {
					if number == step {
						close(reached)
						<-goOn
					}
				}})
				ended <- err
			}()
			select {
			case <-reached:
			case err := <-ended:
				t.Fatalf("the first run ended early: %v", err)
			}
			before, files := look(t, directory, c), filesOf(t, c)
			second := c
			second.Recording = cycle.Recording{Ledger: ledgerOf(t, c), Now: clock()}
			report, err := cycle.Run(t.Context(), second, cycle.Trace{StepStarts: func(int, string) { t.Error("a step was begun") }})
			host, hostErr := os.Hostname()
			if hostErr != nil {
				t.Error(hostErr)
			}
			if !errors.Is(err, ccmail.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), host) {
				t.Errorf("the second run: %v", err)
			}
			if report.Run != 0 || report.ID != "" {
				t.Errorf("the second run is number %d, its plan %q", report.Run, report.ID)
			}
			wantSame(t, before, look(t, directory, c))
			for _, d := range differences(files, filesOf(t, c)) {
				t.Errorf("changed: %s", d)
			}
			close(goOn)
			if err = <-ended; err != nil {
				t.Errorf("the first run: %v", err)
			}
			before = look(t, directory, c)
			if report, err = cycle.Run(t.Context(), c, cycle.Trace{}); err != nil || report.Writes() || report.Open() {
				t.Errorf("the next run: %v\n%s", err, inWords(report))
			}
			wantSame(t, before, look(t, directory, c))
		})
	}
}

// filesOf are the files of the store and of the ledger, with their content and
// the time of their last change. What SQLite shares between programs while they
// have the ledger open is no part of it.
func filesOf(t *testing.T, c cycle.Connector) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, root := range []string{c.Store.Dir, filepath.Join(filepath.Dir(c.Store.Dir), "state")} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "-shm") {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			files[path] = fmt.Sprintf("%v %v %q", info.Mode(), info.ModTime().UnixNano(), data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
