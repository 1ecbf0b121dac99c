package cycle_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// A read that has more than the floor and more than limits.shrink_percent less
// than the last good run had stops the plan, also when the percentage of
// deletes alone would let it through.
func TestShrunkReads(t *testing.T) {
	t.Parallel()
	const there, missing = 80, 12
	for _, test := range []struct {
		name  string
		world population
		run   func(*testing.T, *exchange55.Directory, cycle.Connector) (cycle.Report, error)
	}{
		{"mailboxes that are hidden", population{mailboxes: there}, runHiding(missing)},
		{"users cut off", population{users: there}, cutLast(postoffice.TaskDirectory, missing)},
		{"lists cut off", population{lists: there}, cutLast(postoffice.TaskLists, missing)},
		{"boards cut off", population{boards: there}, cutLast(postoffice.TaskBoards, missing)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			directory, c := populated(t, test.world)
			c.Limits.ShrinkPercent = 10
			before := look(t, directory, c)
			for range 2 { // the second time too: a run that was stopped is no good one
				report, err := test.run(t, directory, c)
				var guard *cycle.GuardError
				if !errors.As(err, &guard) {
					t.Errorf("the run is %s, %v:\n%s", report.State, err, inWords(report))
				}
			}
			wantSame(t, before, look(t, directory, c))
		})
	}
}

// runHiding carries out a cycle in which some of Exchange's recipients are
// hidden.
func runHiding(entries int) func(*testing.T, *exchange55.Directory, cycle.Connector) (cycle.Report, error) {
	return func(t *testing.T, d *exchange55.Directory, c cycle.Connector) (cycle.Report, error) {
		t.Helper()
		hidden := 0
		hiding(func(_ int, o object) bool {
			if !o.ours() {
				hidden++
			}
			return !o.ours() && hidden <= entries
		})(t, d, c)
		defer d.SetFaults(exchange55.Faults{})
		return cycle.Run(t.Context(), c, cycle.Trace{})
	}
}

// cutLast carries out a cycle whose export of one kind lacks its last entries.
func cutLast(task postoffice.Task, entries int) func(*testing.T, *exchange55.Directory, cycle.Connector) (cycle.Report, error) {
	return func(t *testing.T, _ *exchange55.Directory, c cycle.Connector) (cycle.Report, error) {
		t.Helper()
		ends := slices.Sorted(maps.Keys(entryEnds(exportFiles(t, c)[task])))
		return cutExport(t, c, task, ends[len(ends)-1-2*entries]) // every end is in it twice, with and without its last byte
	}
}

// Small sites are not below the guards: where everything of ours would go at
// once, because the post office is another one, the plan is stopped, also when
// that is less than the floor and others would come.
func TestSmallPostOfficeReplaced(t *testing.T) {
	t.Parallel()
	few := population{users: 3, lists: 3, boards: 3}
	directory, c := populated(t, few)
	before, kept := look(t, directory, c), keepPostOffice(t, c)
	anotherPostOffice(few)(t, directory, c)
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	var guard *cycle.GuardError
	if !errors.As(err, &guard) {
		t.Errorf("the run is %s, %v:\n%s", report.State, err, inWords(report))
	}
	repair(t, c, kept)
	wantSame(t, before, look(t, directory, c))
}
