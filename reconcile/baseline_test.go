package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
)

// readLimits lets every step through, so that only reads are judged: what is
// over the floor of 2 may be at most 10 percent of the entries and 30 of the
// members.
var readLimits = reconcile.Limits{Floor: 2, Deletes: 9999, DeletePercent: 100, ChangesPercent: 100, ShrinkPercent: 10, MembersPercent: 30}

// baseline is the last good run of the tests.
func baseline(counts ...reconcile.Count) reconcile.Known {
	return reconcile.Known{Last: reconcile.Baseline{Run: 12, Ended: time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC), Counts: counts}}
}

// reads are the guards of what was read.
func reads(b reconcile.Basis, toCCMail reconcile.Side) []reconcile.Guard {
	return slices.DeleteFunc(reconcile.Judge(b, toCCMail, reconcile.Side{}), func(g reconcile.Guard) bool {
		return strings.HasPrefix(g.Name, "to_")
	})
}

func TestJudgeReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason    string
		container string
		had, have int
		found     int
		tripped   bool
	}{
		{reason: "as many", had: 100, have: 100},
		{reason: "more", had: 100, have: 1000},
		{reason: "none and none"},
		{reason: "some where there were none", have: 5},
		{reason: "missing at the percentage", had: 100, have: 90, found: 10},
		{reason: "missing a little over the percentage; it is rounded up", had: 99, have: 89, found: 11, tripped: true},
		{reason: "missing at the floor, though most of it", had: 3, have: 1, found: 67},
		{reason: "missing one over the floor, and over the percentage", had: 4, have: 1, found: 75, tripped: true},
		{reason: "nothing where there was one: at the floor", had: 1, found: 100},
		{reason: "nothing where there were many", had: 100, found: 100, tripped: true},
		{reason: "members at their percentage", container: "list members", had: 10, have: 7, found: 30},
		{reason: "members over their percentage", container: "list members", had: 100, have: 69, found: 31, tripped: true},
		{reason: "no members where there were few", container: "list members", had: 1, found: 100},
		{reason: "no post office of ours: another directory, whatever the floor is", container: "our post offices", had: 1, found: 100, tripped: true},
		{reason: "one post office of ours is left", container: "our post offices", had: 2, have: 1, found: 50},
		{reason: "no post office of ours, as before", container: "our post offices"},
	} {
		container, check, limit := "directory", "shrink_percent", 10
		if c.container != "" {
			container = c.container
		}
		if c.container == reconcile.ListMembers {
			check, limit = "members_percent", 30
		}
		count := func(n int) reconcile.Count {
			return reconcile.Count{Side: "ccmail", Container: container, Entries: n}
		}
		guards := reads(reconcile.Basis{
			Limits: readLimits, Counts: []reconcile.Count{count(c.have)}, Known: baseline(count(c.had)),
		}, reconcile.Side{})
		for i := range guards {
			if guards[i].Tripped == (guards[i].Detail == "") {
				t.Errorf("%s: %+v", c.reason, guards[i])
			}
			guards[i].Detail = ""
		}
		want := []reconcile.Guard{{Name: "ccmail." + container + "." + check, Limit: limit, Found: c.found, Tripped: c.tripped}}
		if diff := cmp.Diff(want, guards); diff != "" {
			t.Errorf("%s: guards (-want +got):\n%s", c.reason, diff)
		}
	}
}

// A container is judged when both runs read it; a DN may be spelled in another
// case. The order of the counts does not show.
func TestJudgeReadsOfBothRuns(t *testing.T) {
	t.Parallel()
	counts := []reconcile.Count{
		{Side: "exchange", Container: "cn=Recipients,ou=HQ,o=Contoso", Entries: 7},
		{Side: "exchange", Container: "cn=New,o=Contoso"},
		{Side: "exchange", Container: "directory", Entries: 7},
		{Side: "ccmail", Container: "lists", Entries: 7},
		{Side: "ccmail", Container: "directory", Entries: 7},
	}
	basis := reconcile.Basis{
		Limits: readLimits, Counts: counts,
		Known: baseline(
			reconcile.Count{Side: "ccmail", Container: "directory", Entries: 7},
			reconcile.Count{Side: "ccmail", Container: "lists", Entries: 7},
			reconcile.Count{Side: "exchange", Container: "CN=Recipients,OU=HQ,O=Contoso", Entries: 7},
			reconcile.Count{Side: "exchange", Container: "cn=Old,o=Contoso", Entries: 7},
		),
	}
	want := []reconcile.Guard{
		{Name: "ccmail.directory.shrink_percent", Limit: 10},
		{Name: "ccmail.lists.shrink_percent", Limit: 10},
		{Name: "exchange.cn=Recipients,ou=HQ,o=Contoso.shrink_percent", Limit: 10},
	}
	for range 2 {
		if diff := cmp.Diff(want, reads(basis, reconcile.Side{})); diff != "" {
			t.Errorf("guards (-want +got):\n%s", diff)
		}
		slices.Reverse(basis.Counts)
	}
	basis.Known = reconcile.Known{}
	if guards := reads(basis, reconcile.Side{}); len(guards) > 0 {
		t.Errorf("a connector that never ran is judged by %v", guards)
	}
}

// What a read lost is told with the deletes that it makes on the other side.
func TestReadDetail(t *testing.T) {
	t.Parallel()
	toCCMail := reconcile.Side{Tally: map[reconcile.Kind]reconcile.Tally{
		reconcile.User: {Owned: 100, Wanted: 57, Keep: 57, Delete: 43, Gone: 40, LeftScope: 3},
	}}
	count := func(side, container string, n int) reconcile.Count {
		return reconcile.Count{Side: side, Container: container, Entries: n}
	}
	got := details(reads(reconcile.Basis{
		Limits: readLimits,
		Counts: []reconcile.Count{count("exchange", "o=A", 57), count("ccmail", "our post offices", 0), count("ccmail", "list members", 1)},
		Known:  baseline(count("exchange", "o=A", 100), count("ccmail", "our post offices", 2), count("ccmail", "list members", 9)),
	}, toCCMail))
	want := map[string]string{
		"exchange.o=A.shrink_percent": "57 entries where run 12 of 2026-07-01T10:00:00Z had 100; the scope is that of run 12 of 2026-07-01T10:00:00Z; " +
			"of the deletes: 3 left it by a change of their own, such as being hidden, 40 gone from Exchange; " +
			"if that is true, approve the plan, or raise limits.shrink_percent for this run",
		"ccmail.our post offices.shrink_percent": "the post office entries of Exchange that run 12 of 2026-07-01T10:00:00Z left in cc:Mail are gone, as in the directory of another post office; " +
			"the scope is that of run 12 of 2026-07-01T10:00:00Z; see whether post_office.path is right; if somebody deleted them, approve the plan",
		"ccmail.list members.members_percent": "1 entries where run 12 of 2026-07-01T10:00:00Z had 9; the scope is that of run 12 of 2026-07-01T10:00:00Z; " +
			"if that is true, approve the plan, or raise limits.members_percent for this run",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

// A changed scope is named as the cause, setting by setting.
func TestScopeChanged(t *testing.T) {
	t.Parallel()
	side := reconcile.Side{Tally: map[reconcile.Kind]reconcile.Tally{
		reconcile.User: {Owned: 20, Wanted: 9, Keep: 9, Delete: 11, LeftScope: 9, Gone: 2},
	}}
	const containers, trust = "exchange.export.containers", "exchange.export.trust_level"
	const six, seven = "1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n6\n7"
	for _, c := range []struct {
		reason  string
		was, is []reconcile.Setting
		want    string
	}{
		{
			reason: "the same, in another order",
			was:    []reconcile.Setting{{Name: containers, Value: "o=A"}, {Name: trust, Value: "20"}},
			is:     []reconcile.Setting{{Name: trust, Value: "20"}, {Name: containers, Value: "o=A"}},
			want:   "the scope is that of run 12 of 2026-07-01T10:00:00Z; of the deletes: 9 left it by a change of their own, such as being hidden, 2 gone from cc:Mail",
		},
		{
			reason: "one value", was: []reconcile.Setting{{Name: trust, Value: "100"}}, is: []reconcile.Setting{{Name: trust, Value: "20"}},
			want: `(exchange.export.trust_level: "100" -> "20")`,
		},
		{
			reason: "a setting that is new, and one that is not there any more",
			was:    []reconcile.Setting{{Name: "site", Value: "A"}}, is: []reconcile.Setting{{Name: "sites", Value: "B"}},
			want: `(sites: not set -> "B", site: "A" -> not set)`,
		},
		{
			reason: "of a list what was added and removed",
			was:    []reconcile.Setting{{Name: containers, Value: "o=A\no=B\no=C"}}, is: []reconcile.Setting{{Name: containers, Value: "o=B\no=D"}},
			want: `(exchange.export.containers: added "o=D", removed "o=A", "o=C")`,
		},
		{
			reason: "a list that had one value",
			was:    []reconcile.Setting{{Name: containers, Value: "o=A"}}, is: []reconcile.Setting{{Name: containers, Value: "o=A\no=B"}},
			want: `(exchange.export.containers: added "o=B")`,
		},
		{
			reason: "a list that had none",
			is:     []reconcile.Setting{{Name: containers, Value: "o=A\no=B"}},
			want:   `(exchange.export.containers: added "o=A", "o=B")`,
		},
		{
			reason: "a list in another order: the first rule that fits may be another one",
			was:    []reconcile.Setting{{Name: containers, Value: "o=A\no=B"}}, is: []reconcile.Setting{{Name: containers, Value: "o=B\no=A"}},
			want: `(exchange.export.containers: in another order)`,
		},
		{
			reason: "the first few of many values",
			is:     []reconcile.Setting{{Name: containers, Value: six}, {Name: "sites", Value: seven}},
			want: `(exchange.export.containers: added "1", "2", "3", "4", "5", 1 more value, ` +
				`sites: added "1", "2", "3", "4", "5", 2 more values)`,
		},
		{
			reason: "a long value", is: []reconcile.Setting{{Name: "x", Value: strings.Repeat("å", 61)}},
			want: `(x: not set -> "` + strings.Repeat("å", 60) + `"...)`,
		},
	} {
		known := baseline()
		known.Last.Scope = c.was
		detail := details(reconcile.Judge(reconcile.Basis{Limits: limits, Scope: c.is, Known: known}, reconcile.Side{}, side))["to_exchange.user.deletes"]
		if strings.HasPrefix(c.want, "(") {
			c.want = "the scope has changed since run 12 of 2026-07-01T10:00:00Z " + c.want + "; of the deletes: 9 left the scope, 2 gone from cc:Mail"
		}
		want := "11 deletes and 0 changes among 20 entries of ours; " + c.want + "; if they are meant, approve the plan, or raise limits.deletes for this run"
		if diff := cmp.Diff(want, detail); diff != "" {
			t.Errorf("%s: detail (-want +got):\n%s", c.reason, diff)
		}
	}
}

// Changes are told with the rules that may have made them.
func TestScopeChangedOfChanges(t *testing.T) {
	t.Parallel()
	side := reconcile.Side{Tally: map[reconcile.Kind]reconcile.Tally{reconcile.User: {Owned: 10, Wanted: 10, Change: 10}}}
	known := baseline()
	known.Last.Scope = []reconcile.Setting{{Name: "mapping.ccmail.comment", Value: "%d"}}
	basis := reconcile.Basis{Limits: limits, Scope: []reconcile.Setting{{Name: "mapping.ccmail.comment", Value: "%m"}}, Known: known}
	want := map[string]string{
		"to_ccmail.changes_percent": "0 deletes and 10 changes among 10 entries of ours; " +
			`the scope has changed since run 12 of 2026-07-01T10:00:00Z (mapping.ccmail.comment: "%d" -> "%m"); ` +
			"if they are meant, approve the plan, or raise limits.changes_percent for this run",
	}
	if diff := cmp.Diff(want, details(reconcile.Judge(basis, side, reconcile.Side{}))); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}
