package reconcile_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
)

// The limits of the tests: what is over the floor of 2 may be at most 10
// deletes, 20 percent deletes and 30 percent changes.
var limits = reconcile.Limits{Floor: 2, Deletes: 10, DeletePercent: 20, ChangesPercent: 30}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason  string
		limits  reconcile.Limits
		tally   reconcile.Tally
		tripped []string // with what was found
	}{
		{reason: "nothing at all", limits: limits},
		{
			reason: "adds are no danger, however many", limits: limits,
			tally: reconcile.Tally{Wanted: 5000, Add: 5000},
		},
		{
			reason: "deletes at the floor, though all but one go", limits: limits,
			tally: reconcile.Tally{Owned: 3, Wanted: 1, Keep: 1, Delete: 2},
		},
		{
			reason: "deletes one over the floor, and over the percentage", limits: limits,
			tally:   reconcile.Tally{Owned: 4, Wanted: 1, Keep: 1, Delete: 3},
			tripped: []string{"delete_percent 75"},
		},
		{
			reason: "deletes at the percentage", limits: limits,
			tally: reconcile.Tally{Owned: 50, Wanted: 40, Keep: 40, Delete: 10},
		},
		{
			reason: "deletes a little over the percentage; it is rounded up", limits: limits,
			tally:   reconcile.Tally{Owned: 49, Wanted: 39, Keep: 39, Delete: 10},
			tripped: []string{"delete_percent 21"},
		},
		{
			reason: "deletes one over the number, though few in a hundred", limits: limits,
			tally:   reconcile.Tally{Owned: 1000, Wanted: 989, Keep: 989, Delete: 11},
			tripped: []string{"deletes 11"},
		},
		{
			reason: "deletes over number and percentage", limits: limits,
			tally:   reconcile.Tally{Owned: 54, Wanted: 43, Keep: 43, Delete: 11},
			tripped: []string{"deletes 11", "delete_percent 21"},
		},
		{
			reason: "a number of 0 lets nothing above the floor through", limits: reconcile.Limits{DeletePercent: 100, ChangesPercent: 100},
			tally:   reconcile.Tally{Owned: 1000, Wanted: 999, Keep: 999, Delete: 1},
			tripped: []string{"deletes 1"},
		},
		{
			reason: "changes at the floor", limits: limits,
			tally: reconcile.Tally{Owned: 2, Wanted: 2, Change: 2},
		},
		{
			reason: "changes one over the floor, and over the percentage", limits: limits,
			tally:   reconcile.Tally{Owned: 3, Wanted: 3, Change: 3},
			tripped: []string{"changes_percent 100"},
		},
		{
			reason: "changes at the percentage", limits: limits,
			tally: reconcile.Tally{Owned: 10, Wanted: 10, Keep: 7, Change: 3},
		},
		{
			reason: "changes over the percentage", limits: limits,
			tally:   reconcile.Tally{Owned: 10, Wanted: 10, Keep: 6, Change: 4},
			tripped: []string{"changes_percent 40"},
		},
		{
			reason: "adoptions are changes, of nothing of ours when nothing is ours yet", limits: limits,
			tally:   reconcile.Tally{Wanted: 3, Change: 3},
			tripped: []string{"changes_percent 100"},
		},
		{
			reason: "none wanted trips for a single entry, below the floor and within all limits (Q222186)", limits: limits,
			tally:   reconcile.Tally{Owned: 1, Delete: 1},
			tripped: []string{"none_wanted 1"},
		},
		{
			reason: "none wanted cannot be limited away", limits: reconcile.Limits{Floor: 9999, Deletes: 9999, DeletePercent: 100, ChangesPercent: 100},
			tally:   reconcile.Tally{Owned: 7, Delete: 7, Refused: 7},
			tripped: []string{"none_wanted 7"},
		},
		{
			reason: "what is held is wanted still", limits: limits,
			tally: reconcile.Tally{Owned: 2, Wanted: 1, Held: 1, Delete: 1},
		},
		{
			reason: "nothing of ours and nothing wanted is no loss", limits: limits,
			tally: reconcile.Tally{Refused: 12},
		},
	} {
		side := reconcile.Side{Tally: map[reconcile.Kind]reconcile.Tally{reconcile.User: c.tally}}
		guards := reconcile.Judge(reconcile.Basis{Limits: c.limits}, side, reconcile.Side{})
		var tripped []string
		for _, g := range guards {
			if !g.Tripped && g.Detail != "" {
				t.Errorf("%s: %s has not tripped, but says %q", c.reason, g.Name, g.Detail)
			}
		}
		for _, g := range reconcile.TrippedOf(guards) {
			name, inDirection := strings.CutPrefix(g.Name, "to_ccmail.")
			if !inDirection || g.Detail == "" || g.Found <= g.Limit {
				t.Errorf("%s: %+v", c.reason, g)
			}
			tripped = append(tripped, name+" "+strconv.Itoa(g.Found))
		}
		if diff := cmp.Diff(c.tripped, tripped); diff != "" {
			t.Errorf("%s: tripped (-want +got):\n%s", c.reason, diff)
		}
	}
}

// Each kind of each direction is judged by itself: many users must not hide
// that all boards go.
func TestJudgeEachKind(t *testing.T) {
	t.Parallel()
	all := reconcile.Tally{Owned: 1, Delete: 1}
	fine := reconcile.Tally{Owned: 1000, Wanted: 1000, Keep: 1000}
	cases := map[string]struct {
		toCCMail, toExchange map[reconcile.Kind]reconcile.Tally
	}{
		"to_ccmail":         {toCCMail: map[reconcile.Kind]reconcile.Tally{reconcile.User: all}},
		"to_exchange.user":  {toExchange: map[reconcile.Kind]reconcile.Tally{reconcile.User: all, reconcile.List: fine}},
		"to_exchange.list":  {toExchange: map[reconcile.Kind]reconcile.Tally{reconcile.User: fine, reconcile.List: all}},
		"to_exchange.board": {toExchange: map[reconcile.Kind]reconcile.Tally{reconcile.User: fine, reconcile.Board: all}},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		var tripped []string
		for _, g := range reconcile.Judge(reconcile.Basis{Limits: limits}, reconcile.Side{Tally: c.toCCMail}, reconcile.Side{Tally: c.toExchange}) {
			if g.Tripped {
				tripped = append(tripped, g.Name)
			}
		}
		if diff := cmp.Diff([]string{name + ".none_wanted"}, tripped); diff != "" {
			t.Errorf("%s: tripped (-want +got):\n%s", name, diff)
		}
	}
}

// A tripped guard says what was found, why entries go, and what to do.
func TestGuardDetail(t *testing.T) {
	t.Parallel()
	side := reconcile.Side{Tally: map[reconcile.Kind]reconcile.Tally{
		reconcile.User:  {Owned: 20, Wanted: 9, Keep: 1, Delete: 11, LeftScope: 8, Gone: 2, Change: 8},
		reconcile.Board: {Owned: 3, Delete: 3, Gone: 3},
	}}
	got := details(reconcile.Judge(reconcile.Basis{Limits: limits}, reconcile.Side{}, side))
	found := "11 deletes and 8 changes among 20 entries of ours; "
	why := "of the deletes: 8 left the scope, 2 gone from cc:Mail, 1 for other reasons; "
	todo := "if they are meant, approve the plan, or raise limits."
	want := map[string]string{
		"to_exchange.user.deletes":         found + why + todo + "deletes for this run",
		"to_exchange.user.delete_percent":  found + why + todo + "delete_percent for this run",
		"to_exchange.user.changes_percent": found + todo + "changes_percent for this run",
		"to_exchange.board.none_wanted": "everything of ours, 3 in number, would go because the other side has none; of the deletes: 3 gone from cc:Mail; " +
			"find out why the other side shows nothing, and approve the plan only if that is true",
		"to_exchange.board.delete_percent": "3 deletes and 0 changes among 3 entries of ours; of the deletes: 3 gone from cc:Mail; " + todo + "delete_percent for this run",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

// details are those of the guards that tripped.
func details(guards []reconcile.Guard) map[string]string {
	byName := map[string]string{}
	for _, g := range guards {
		if g.Tripped {
			byName[g.Name] = g.Detail
		}
	}
	return byName
}
