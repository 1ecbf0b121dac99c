package ledger_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/ledger"
)

// end ends a run as it says, without a time of its own.
func end(t *testing.T, l *ledger.Ledger, run int64, e reconcile.RunEnd) {
	t.Helper()
	if e.At.IsZero() {
		e.At = noon
	}
	if e.State == "" {
		e.State = reconcile.RunDone
	}
	if err := l.End(t.Context(), run, e); err != nil {
		t.Fatal(err)
	}
}

func known(t *testing.T, l *ledger.Ledger, connector string, at time.Time) reconcile.Known {
	t.Helper()
	k, err := l.Known(t.Context(), connector, at)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What a good run found and left is what later ones know, until another good
// one. A run that is not good, or of another connector, changes nothing of it.
func TestLastGood(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.File)
	l := open(t, path)
	if diff := cmp.Diff(reconcile.Known{}, known(t, l, "hq", noon)); diff != "" {
		t.Errorf("known of a connector that never ran (-want +got):\n%s", diff)
	}
	last := func(n int) reconcile.RunEnd {
		return reconcile.RunEnd{
			At: noon.Add(time.Duration(n) * time.Hour), Good: true,
			Last: reconcile.Baseline{
				Run: 99, Ended: noon, // not for the caller to say
				Counts: []reconcile.Count{{Side: "ccmail", Container: "users", Entries: n}, {Side: "exchange", Container: "cn=é,o=C", Entries: 10 * n}},
				Scope:  []reconcile.Setting{{Name: "exchange.export.containers", Value: "a\nb"}, {Name: "exchange.site", Value: fmt.Sprint(n)}},
			},
			Snapshots: []reconcile.Snapshot{snapshot("o=C", n)},
		}
	}
	want := func(run int64, n int) reconcile.Known {
		k := reconcile.Known{Last: last(n).Last}
		k.Last.Run, k.Last.Ended = run, last(n).At
		return k
	}
	check := func(what string, run int64, n int) {
		t.Helper()
		if diff := cmp.Diff(want(run, n), known(t, l, "hq", noon)); diff != "" {
			t.Errorf("known %s (-want +got):\n%s", what, diff)
		}
		wantSnapshots(t, l, snapshotOf(run, snapshot("o=C", n)))
	}

	first := begin(t, l, "hq")
	end(t, l, first, last(1))
	check("after a good run", first, 1)

	e := last(2)
	e.Good = false
	end(t, l, begin(t, l, "hq"), e)
	check("after a run that was not good", first, 1)

	e = last(3)
	e.State = reconcile.RunStopped
	run := begin(t, l, "hq")
	if err := l.End(t.Context(), run, e); err == nil || !strings.Contains(err.Error(), "a run that is stopped is no good one") {
		t.Errorf("a run that a guard stopped is good: %v", err)
	}
	check("after a run that a guard stopped", first, 1)
	end(t, l, run, reconcile.RunEnd{})

	end(t, l, begin(t, l, "other"), last(4))
	check("after another connector's run", first, 1)

	l = open(t, path)
	fifth := begin(t, l, "hq")
	check("while a run is under way, by another program", first, 1)
	end(t, l, fifth, last(5))
	check("after the next good run", fifth, 5)
}

// A run that ended early after its first write is compared with too: one that
// died by what it said before that, one that failed by what it says at its end.
func TestLastGoodOfOneThatEndedEarly(t *testing.T) {
	t.Parallel()
	baseline := func(n int) reconcile.Baseline {
		return reconcile.Baseline{
			Counts: []reconcile.Count{{Side: "exchange", Container: "o=C", Entries: n}},
			Scope:  []reconcile.Setting{{Name: "exchange.site", Value: "EXSITE1"}},
		}
	}
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	start := func(run int64, found reconcile.Baseline) {
		t.Helper()
		if err := errors.Join(l.RecordPlan(t.Context(), run, samplePlan()), l.StartWriting(t.Context(), run, reconcile.Writing{Found: found})); err != nil {
			t.Fatal(err)
		}
	}
	first := begin(t, l, "hq")
	start(first, baseline(10))
	next, died, err := l.Begin(t.Context(), "hq", noon)
	if err != nil || len(died) != 1 {
		t.Fatalf("runs were found dead: %v, %v", died, err)
	}
	last := known(t, l, "hq", noon).Last
	want := baseline(10)
	want.Run, want.Ended = first, last.Ended
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("last good, of a run that died (-want +got):\n%s", diff)
	}

	start(next, baseline(20))
	end(t, l, next, reconcile.RunEnd{At: noon, State: reconcile.RunFailed, Good: true, Last: baseline(15)})
	want = baseline(15)
	want.Run, want.Ended = next, noon
	if diff := cmp.Diff(want, known(t, l, "hq", noon).Last); diff != "" {
		t.Errorf("last good, of a run that failed (-want +got):\n%s", diff)
	}
}

// filled is a value that has no field empty, so that one that is added to the
// type later is not forgotten here.
func filled[T any](t *testing.T) T {
	t.Helper()
	var value T
	fields := reflect.ValueOf(&value).Elem()
	for i := range fields.NumField() {
		field := fields.Field(i)
		switch {
		case field.Type() == reflect.TypeFor[time.Time]():
			field.Set(reflect.ValueOf(noon.Add(time.Duration(i) * time.Hour)))
		case field.Type() == reflect.TypeFor[reconcile.Direction]():
			field.SetString(string(reconcile.ToExchange))
		case field.Kind() == reflect.String:
			field.SetString(fields.Type().Field(i).Name)
		case field.Kind() == reflect.Bool:
			field.SetBool(true)
		case field.CanInt():
			field.SetInt(int64(i) + 1)
		case field.Kind() != reflect.Slice: // the caller sees to these
			t.Fatalf("what is a %s?", field.Type())
		}
	}
	return value
}

// Of everything that is kept, all is kept.
func TestNothingIsForgotten(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	approval := filled[reconcile.Approval](t)
	approval.Connector = "hq"
	approval.Guards = []reconcile.Guard{filled[reconcile.Guard](t)}
	approval.Steps = []reconcile.ApprovedStep{{Direction: reconcile.ToCCMail, Step: samplePlan().ToCCMail[0]}}
	approval.Steps[0].Step.Reason = "" // which a person does not approve
	var err error
	if approval.ID, err = l.Approve(t.Context(), approval); err != nil {
		t.Fatal(err)
	}
	count := filled[reconcile.Count](t)
	count.Side = "exchange"
	want := reconcile.Known{
		Last:      reconcile.Baseline{Counts: []reconcile.Count{count}, Scope: []reconcile.Setting{filled[reconcile.Setting](t)}},
		Approvals: []reconcile.Approval{approval},
		Paused:    []reconcile.Pause{filled[reconcile.Pause](t)},
		Retiring:  []reconcile.Retirement{filled[reconcile.Retirement](t)},
	}
	snapshot, open := filled[reconcile.Snapshot](t), filled[reconcile.OpenCase](t)
	snapshot.Continues, snapshot.Parts = 0, [][]byte{{0}, {1, 2}}
	run := writing(t, l, "hq", want.Paused...)
	end(t, l, run, reconcile.RunEnd{
		Good: true, Last: want.Last, Snapshots: []reconcile.Snapshot{snapshot}, Open: []reconcile.OpenCase{open}, Retiring: want.Retiring,
	})
	want.Last.Run, want.Last.Ended, snapshot.Run, open.Since, open.SinceRun = run, noon, run, noon, run
	if diff := cmp.Diff(want, known(t, l, "hq", noon), likeSteps); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	wantSnapshots(t, l, snapshot)
	cases, err := l.OpenCases(t.Context(), nil)
	if diff := cmp.Diff([]ledger.OpenCase{{Connector: "hq", OpenCase: open}}, cases); diff != "" || err != nil {
		t.Errorf("open cases (-want +got), %v:\n%s", err, diff)
	}
}

// Of counts or settings that a run names twice the last holds.
func TestPartsOfLastGood(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	end(t, l, begin(t, l, "hq"), reconcile.RunEnd{Good: true})
	end(t, l, begin(t, l, "hq"), reconcile.RunEnd{
		Good: true,
		Last: reconcile.Baseline{
			Counts: []reconcile.Count{{Side: "ccmail", Entries: 1}, {Side: "ccmail", Entries: 2}},
			Scope:  []reconcile.Setting{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}},
		},
	})
	wantLast := reconcile.Baseline{
		Run: 2, Ended: noon, Counts: []reconcile.Count{{Side: "ccmail", Entries: 2}}, Scope: []reconcile.Setting{{Name: "a", Value: "2"}},
	}
	if diff := cmp.Diff(wantLast, known(t, l, "hq", noon).Last); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
}

// Approvals are read back as they were given, after the ledger was closed and
// opened again.
func TestApprovalsReadBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.File)
	rapid.Check(t, func(rt *rapid.T) {
		want := reconcile.Approval{
			Connector: rapid.String().Draw(rt, "connector"), PlanID: rapid.String().Draw(rt, "plan"), Only: rapid.SampledFrom([]string{"", "deletes"}).Draw(rt, "only"),
			By: rapid.String().Draw(rt, "by"), Given: timeGenerator().Draw(rt, "given"), Expires: timeGenerator().Draw(rt, "expires"),
			Guards: rapid.SliceOfN(rapid.Custom(guardGenerator), 0, 3).Draw(rt, "guards"),
			Steps:  rapid.SliceOfN(rapid.Custom(approvedStepGenerator), 0, 4).Draw(rt, "steps"),
		}
		l, err := ledger.Open(t.Context(), path)
		if err != nil {
			rt.Fatal(err)
		}
		if want.ID, err = l.Approve(t.Context(), want); err != nil {
			rt.Fatal(err)
		}
		if err = l.Close(); err != nil {
			rt.Fatal(err)
		}
		if l, err = ledger.Open(t.Context(), path); err != nil {
			rt.Fatal(err)
		}
		live, err := l.Approvals(t.Context(), nil, want.Expires.Add(-time.Millisecond))
		if err != nil {
			rt.Fatal(err)
		}
		k, err := l.Known(t.Context(), want.Connector, want.Expires.Add(-time.Millisecond))
		if err = errors.Join(err, l.Close()); err != nil {
			rt.Fatal(err)
		}
		for what, approvals := range map[string][]reconcile.Approval{"listed": live, "known": k.Approvals} {
			if len(approvals) == 0 {
				rt.Fatalf("%s: none", what)
			}
			if diff := cmp.Diff(want, approvals[0], likeSteps); diff != "" {
				rt.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
	})
}

// Approvals are listed newest first, of the connectors that are named; one ends
// at the time when it expires, or when its plan's are revoked.
func TestApprovalsEnd(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	for i, a := range []reconcile.Approval{
		{Connector: "hq", PlanID: "a", Expires: noon.Add(time.Hour)},
		{Connector: "hq", PlanID: "b", Expires: noon.Add(2 * time.Hour)},
		{Connector: "branch", PlanID: "a", Expires: noon.Add(3 * time.Hour)},
	} {
		a.Given = noon
		if id, err := l.Approve(t.Context(), a); err != nil || id != int64(i+1) {
			t.Fatalf("approval %d, %v", id, err)
		}
	}
	live := func(at time.Time, connectors ...string) string {
		t.Helper()
		approvals, err := l.Approvals(t.Context(), connectors, at)
		ids := []int64{}
		for _, a := range approvals {
			ids = append(ids, a.ID)
		}
		if err != nil {
			t.Error(err)
		}
		return fmt.Sprint(ids)
	}
	expiry := noon.Add(time.Hour)
	for _, test := range []struct {
		at         time.Time
		connectors []string
		want       string
	}{
		{noon, nil, "[3 2 1]"},
		{noon.Add(-24 * time.Hour), nil, "[3 2 1]"}, // a clock that was put back
		{noon, []string{"hq"}, "[2 1]"},
		{noon, []string{"hq", "branch"}, "[3 2 1]"},
		{noon, []string{"HQ"}, "[]"},
		{expiry.Add(-time.Millisecond), nil, "[3 2 1]"},
		{expiry, nil, "[3 2]"},
		{expiry.In(time.FixedZone("", -5*3600)), nil, "[3 2]"},
		{expiry.Add(time.Millisecond), nil, "[3 2]"},
		{noon.Add(3 * time.Hour), nil, "[]"},
	} {
		if got := live(test.at, test.connectors...); got != test.want {
			t.Errorf("live at %s of %v: %s, want %s", test.at, test.connectors, got, test.want)
		}
	}
	if k := known(t, l, "hq", expiry); len(k.Approvals) != 1 || k.Approvals[0].ID != 2 {
		t.Errorf("known when one expires: %+v", k.Approvals)
	}
	if n, err := l.Revoke(t.Context(), "a", expiry); n != 1 || err != nil {
		t.Errorf("%d revoked of a plan that has one that is live, %v", n, err)
	}
	if got := live(expiry); got != "[2]" {
		t.Errorf("live after that: %s", got)
	}
	if got := live(noon.Add(-24*time.Hour), "branch"); got != "[]" {
		t.Errorf("a clock that was put back brings a revoked one to life: %s", got)
	}
	if n, err := l.Revoke(t.Context(), "a", expiry); n != 0 || err != nil {
		t.Errorf("%d revoked of a plan that has none, %v", n, err)
	}
}

// writing is a run of a connector that has a plan and begins to write.
func writing(t *testing.T, l *ledger.Ledger, connector string, pauses ...reconcile.Pause) int64 {
	t.Helper()
	run := begin(t, l, connector)
	if err := errors.Join(l.RecordPlan(t.Context(), run, samplePlan()), l.StartWriting(t.Context(), run, reconcile.Writing{Pauses: pauses})); err != nil {
		t.Fatal(err)
	}
	return run
}

// A pause holds until it is ended. An entry that is paused keeps its first
// pause, by its key, or by its kind, name and DN when it has none.
func TestPauses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.File)
	l := open(t, path)
	ben := reconcile.Pause{Direction: reconcile.ToExchange, Kind: reconcile.User, Key: "user:ben", Name: "Ben", DN: "cn=1", Since: noon, Undone: 1}
	later := ben
	later.Name, later.DN, later.Since, later.Undone = "BEN", "cn=2", noon.Add(time.Hour), 2
	old := reconcile.Pause{Direction: reconcile.ToExchange, Kind: reconcile.User, Name: "Ada", Since: noon.Add(time.Minute), Undone: 1}
	oldToo, again := old, old
	oldToo.Kind = reconcile.List
	again.Since = noon.Add(time.Hour)
	other := ben
	other.Direction, other.Since = reconcile.ToCCMail, noon.Add(time.Hour)

	end(t, l, writing(t, l, "hq", ben, old), reconcile.RunEnd{})
	end(t, l, writing(t, l, "hq", later, oldToo, again, other, other), reconcile.RunEnd{})
	end(t, l, writing(t, l, "branch", later), reconcile.RunEnd{})
	want := []ledger.Pause{
		{Connector: "branch", Pause: later},
		{Connector: "hq", Pause: other},
		{Connector: "hq", Pause: ben},
		{Connector: "hq", Pause: old},
		{Connector: "hq", Pause: oldToo},
	}
	l = open(t, path)
	for _, test := range []struct {
		connectors []string
		want       []ledger.Pause
	}{{nil, want}, {[]string{"hq"}, want[1:]}, {[]string{"branch", "hq"}, want}, {[]string{"none"}, nil}} {
		got, err := l.Pauses(t.Context(), test.connectors)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("pauses of %v (-want +got), %v:\n%s", test.connectors, err, diff)
		}
	}
	if diff := cmp.Diff([]reconcile.Pause{later}, known(t, l, "branch", noon).Paused); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	if n, err := l.Resume(t.Context(), "hq", []reconcile.Pause{later, old, old, {Direction: reconcile.ToExchange, Name: "Ada"}}); n != 2 || err != nil {
		t.Errorf("%d pauses ended, %v", n, err)
	}
	got, err := l.Pauses(t.Context(), []string{"hq"})
	if diff := cmp.Diff([]ledger.Pause{{Connector: "hq", Pause: other}, {Connector: "hq", Pause: oldToo}}, got); diff != "" || err != nil {
		t.Errorf("pauses that are left (-want +got), %v:\n%s", err, diff)
	}
}

// Pauses are recorded with the note that writing begins, or neither is.
func TestNoPauseWithoutWriting(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	pause := reconcile.Pause{Direction: reconcile.ToExchange, Key: "user:ben"}
	if err := l.StartWriting(t.Context(), begin(t, l, "hq"), reconcile.Writing{Pauses: []reconcile.Pause{pause}}); err == nil {
		t.Error("writing begins without a plan")
	}
	run := int64(2)
	if _, _, err := l.Begin(t.Context(), "hq", noon); err != nil {
		t.Fatal(err)
	}
	if err := l.RecordPlan(t.Context(), run, samplePlan()); err != nil {
		t.Fatal(err)
	}
	if err := l.StartWriting(t.Context(), run, reconcile.Writing{Pauses: []reconcile.Pause{pause, {Direction: "sideways"}}}); err == nil {
		t.Error("a pause of no direction is taken")
	}
	if pauses, err := l.Pauses(t.Context(), nil); len(pauses) > 0 || err != nil {
		t.Errorf("paused: %v, %v", pauses, err)
	}
	if record, err := l.Run(t.Context(), run); record.Run.State != reconcile.RunPlanned || err != nil {
		t.Errorf("the run is %s, %v", record.Run.State, err)
	}
}

// Retirements are those of the last run that told them.
func TestRetirements(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	a := reconcile.Retirement{Direction: reconcile.ToExchange, Key: "a", Name: "A", DN: "cn=a", Since: noon}
	b := reconcile.Retirement{Direction: reconcile.ToExchange, Key: "b", Name: "B", Since: noon.Add(time.Hour)}
	for _, test := range []struct {
		connector      string
		retiring, want []reconcile.Retirement
	}{
		{"hq", nil, nil},
		{"hq", []reconcile.Retirement{b, a}, []reconcile.Retirement{a, b}},
		{"hq", nil, []reconcile.Retirement{a, b}},
		{"hq", []reconcile.Retirement{a, a, b}, []reconcile.Retirement{a, a, b}},
		{"hq", []reconcile.Retirement{a}, []reconcile.Retirement{a}},
		{"branch", []reconcile.Retirement{}, []reconcile.Retirement{a}},
		{"hq", []reconcile.Retirement{}, nil},
	} {
		end(t, l, begin(t, l, test.connector), reconcile.RunEnd{Retiring: test.retiring, State: reconcile.RunFailed})
		if diff := cmp.Diff(test.want, known(t, l, "hq", noon).Retiring); diff != "" {
			t.Errorf("after %v of %s (-want +got):\n%s", test.retiring, test.connector, diff)
		}
	}
}

// A case is open since the run that found it first, without one in between
// that did not. Runs that do not tell, and other connectors', change nothing.
func TestOpenCases(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	board := reconcile.OpenCase{Direction: reconcile.ToExchange, Op: reconcile.Refuse, Kind: reconcile.Board, Key: "board:b", Name: "B", Address: "CCMAIL:#B", Reason: "taken"}
	user := reconcile.OpenCase{Direction: reconcile.ToCCMail, Op: reconcile.Hold, Kind: reconcile.Mailbox, Key: "u", Name: "U", DN: "cn=u", Reason: "too long"}
	longer, moved, list := user, user, board
	longer.Reason, longer.Op, longer.Address = "too long still", reconcile.Refuse, "EXSITE1"
	moved.DN = "cn=v"
	list.Kind = reconcile.List
	at := func(c reconcile.OpenCase, run int64) ledger.OpenCase {
		c.SinceRun, c.Since = run, noon.Add(time.Duration(run)*time.Hour)
		return ledger.OpenCase{Connector: "hq", OpenCase: c}
	}
	for i, test := range []struct {
		name      string
		connector string
		state     reconcile.RunState
		open      []reconcile.OpenCase
		want      []ledger.OpenCase
	}{
		{"two are found", "hq", reconcile.RunDone, []reconcile.OpenCase{board, user}, []ledger.OpenCase{at(user, 1), at(board, 1)}},
		{"they are found again, one for another reason", "hq", reconcile.RunDone, []reconcile.OpenCase{longer, board}, []ledger.OpenCase{at(longer, 1), at(board, 1)}},
		{"a run fails before it knows", "hq", reconcile.RunFailed, nil, []ledger.OpenCase{at(longer, 1), at(board, 1)}},
		{"another connector has none", "branch", reconcile.RunDone, []reconcile.OpenCase{}, []ledger.OpenCase{at(longer, 1), at(board, 1)}},
		{"one is gone", "hq", reconcile.RunDone, []reconcile.OpenCase{board}, []ledger.OpenCase{at(board, 1)}},
		{"it is found again", "hq", reconcile.RunStopped, []reconcile.OpenCase{board, user}, []ledger.OpenCase{at(user, 6), at(board, 1)}},
		{"others of these names", "hq", reconcile.RunDone, []reconcile.OpenCase{list, moved, board, user}, []ledger.OpenCase{at(user, 6), at(moved, 7), at(board, 1), at(list, 7)}},
		{"the same twice", "hq", reconcile.RunDone, []reconcile.OpenCase{board, board}, []ledger.OpenCase{at(board, 1), at(board, 1)}},
		{"none", "hq", reconcile.RunDone, []reconcile.OpenCase{}, nil},
		{"found anew", "hq", reconcile.RunDone, []reconcile.OpenCase{board}, []ledger.OpenCase{at(board, 10)}},
	} {
		run, _, err := l.Begin(t.Context(), test.connector, noon.Add(time.Duration(i+1)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		end(t, l, run, reconcile.RunEnd{At: noon.Add(100 * time.Hour), State: test.state, Open: test.open})
		got, err := l.OpenCases(t.Context(), []string{"hq"})
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got), %v:\n%s", test.name, err, diff)
		}
	}
	branch := at(user, 11)
	branch.Connector = "branch"
	run, _, err := l.Begin(t.Context(), "branch", branch.Since)
	if err != nil {
		t.Fatal(err)
	}
	end(t, l, run, reconcile.RunEnd{Open: []reconcile.OpenCase{user}})
	for _, test := range []struct {
		connectors []string
		want       []ledger.OpenCase
	}{{nil, []ledger.OpenCase{branch, at(board, 10)}}, {[]string{"branch"}, []ledger.OpenCase{branch}}, {[]string{"none"}, nil}} {
		got, err := l.OpenCases(t.Context(), test.connectors)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("of %v (-want +got), %v:\n%s", test.connectors, err, diff)
		}
	}
}

// The newest run that was stopped with a plan is found by the plan's ID.
func TestHeldPlan(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	for _, state := range []reconcile.RunState{reconcile.RunStopped, reconcile.RunStopped, reconcile.RunDone} {
		run := begin(t, l, "hq")
		if err := l.RecordPlan(t.Context(), run, samplePlan()); err != nil {
			t.Fatal(err)
		}
		end(t, l, run, reconcile.RunEnd{State: state, Counts: samplePlan().Counts})
	}
	other := samplePlan()
	other.ID = "ba9876543210"
	run := begin(t, l, "hq")
	if err := l.RecordPlan(t.Context(), run, other); err != nil {
		t.Fatal(err)
	}
	begin(t, l, "branch") // which has no plan yet

	held, err := l.HeldPlan(t.Context(), samplePlan().ID)
	if err != nil || held.Run.ID != 2 {
		t.Errorf("found run %d, %v", held.Run.ID, err)
	}
	if diff := cmp.Diff(samplePlan(), held.Plan, likeSteps); diff != "" {
		t.Errorf("its plan (-want +got):\n%s", diff)
	}
	for id, want := range map[string]string{
		other.ID:       "it is the plan of run 4, which no guard stopped: it is planned",
		"000000000000": "no run has a plan of that ID",
		"":             "no run has a plan of that ID",
	} {
		if _, err := l.HeldPlan(t.Context(), id); !errors.Is(err, ledger.ErrNoPlan) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("plan %q: %v, want %s", id, err, want)
		}
	}
}

// Warnings may be told twice: with the plan, and all of them at the end.
func TestWarnings(t *testing.T) {
	t.Parallel()
	l := open(t, filepath.Join(t.TempDir(), ledger.File))
	run := begin(t, l, "hq")
	warned := func() []string {
		t.Helper()
		record, err := l.Run(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		return record.Warnings
	}
	if err := l.RecordWarnings(t.Context(), run, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if got := warned(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("before the plan: %q", got)
	}
	end(t, l, run, reconcile.RunEnd{Warnings: []string{"a", "b", "c"}})
	if got := warned(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("at the end: %q", got)
	}
	if err := l.RecordWarnings(t.Context(), 99, []string{"a"}); err == nil {
		t.Error("a run that is not there takes a warning")
	}
}
