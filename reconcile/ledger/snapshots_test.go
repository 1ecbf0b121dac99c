package ledger_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/ledger"
)

// snapshot is a whole one that says a number in every place.
func snapshot(base string, n int) reconcile.Snapshot {
	at := noon.Add(time.Duration(n) * time.Minute)
	return reconcile.Snapshot{
		Base: base, Server: "ldap://MAILSRV7", Mark: fmt.Sprint(100 * n), Fingerprint: "as ever", Entries: n, Taken: at, Whole: at,
		Parts: [][]byte{fmt.Append(nil, n)},
	}
}

// snapshotOf is a snapshot as the ledger has it after a run.
func snapshotOf(run int64, s reconcile.Snapshot) reconcile.Snapshot {
	s.Run, s.Continues = run, 0
	if s.WholeRun == 0 {
		s.WholeRun = run
	}
	return s
}

func wantSnapshots(t *testing.T, l *ledger.Ledger, want ...reconcile.Snapshot) {
	t.Helper()
	got, err := l.Snapshots(t.Context(), "hq")
	if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal)); diff != "" || err != nil {
		t.Errorf("snapshots (-want +got), %v:\n%s", err, diff)
	}
}

// What changed follows what was there; what is read whole takes its place, and
// so does what a later run no longer reads. Runs that are not good and done
// leave all as it is.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	wantSnapshots(t, l)
	good := func(snapshots ...reconcile.Snapshot) int64 {
		run := begin(t, l, "hq")
		end(t, l, run, reconcile.RunEnd{Good: true, Snapshots: snapshots})
		return run
	}
	large := snapshot("o=A", 1)
	large.Parts = [][]byte{bytes.Repeat([]byte("0123456789"), 250_000)} // of three pieces
	first := good(large, snapshot("o=B", 2))
	a, b := snapshotOf(first, large), snapshotOf(first, snapshot("o=B", 2))
	wantSnapshots(t, l, a, b)
	end(t, l, begin(t, l, "other"), reconcile.RunEnd{Good: true, Snapshots: []reconcile.Snapshot{snapshot("o=A", 7)}})
	wantSnapshots(t, l, a, b)

	more := snapshot("o=A", 3)
	more.Continues, more.WholeRun, more.Parts = first, first, [][]byte{{}, []byte("more")}
	second := good(more, snapshot("o=B", 4))
	wantA, b := a, snapshotOf(second, snapshot("o=B", 4))
	wantA.Run, wantA.Mark, wantA.Entries, wantA.Taken = second, more.Mark, more.Entries, more.Taken
	wantA.Parts = [][]byte{large.Parts[0], {}, []byte("more")}
	wantSnapshots(t, l, wantA, b)

	// Nothing changed: no part is added.
	same := more
	same.Continues, same.Parts = second, nil
	third := good(same, snapshot("o=B", 4))
	wantA.Run, b.Run, b.WholeRun = third, third, third
	wantSnapshots(t, l, wantA, b)

	good() // by a program that keeps none
	wantSnapshots(t, l, wantA, b)
	for _, state := range []reconcile.RunState{reconcile.RunFailed, reconcile.RunDone} {
		end(t, l, begin(t, l, "hq"), reconcile.RunEnd{State: state, Good: state == reconcile.RunFailed, Snapshots: []reconcile.Snapshot{snapshot("o=A", 9)}})
	}
	wantSnapshots(t, l, wantA, b)

	// What a part follows must be what is there.
	run := begin(t, l, "hq")
	for _, changed := range []func(*reconcile.Snapshot){
		func(s *reconcile.Snapshot) { s.Continues = second },
		func(s *reconcile.Snapshot) { s.Server = "ldap://OTHER" },
		func(s *reconcile.Snapshot) { s.Fingerprint = "another" },
		func(s *reconcile.Snapshot) { s.Base = "o=C" },
	} {
		wrong := same
		wrong.Continues = third
		changed(&wrong)
		err := l.End(t.Context(), run, reconcile.RunEnd{At: noon, State: reconcile.RunDone, Good: true, Snapshots: []reconcile.Snapshot{wrong}})
		if err == nil || !strings.Contains(err.Error(), "is not there any more") {
			t.Errorf("%+v continues what is not there: %v", wrong, err)
		}
	}
	wantSnapshots(t, l, wantA, b)

	// Whole again, with the time of the last full read, and of one base only.
	compact := snapshot("o=A", 5)
	compact.Whole, compact.WholeRun = a.Whole, first
	end(t, l, run, reconcile.RunEnd{Good: true, Snapshots: []reconcile.Snapshot{compact}})
	wantSnapshots(t, l, snapshotOf(run, compact))
	good([]reconcile.Snapshot{}...)
	end(t, l, begin(t, l, "hq"), reconcile.RunEnd{Good: true, Snapshots: []reconcile.Snapshot{}})
	wantSnapshots(t, l)
}
