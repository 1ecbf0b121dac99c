package cycle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/pdu"
	"ccdirsync/testenv/slapd"
)

const (
	base   = "ou=HQ,o=Contoso"
	marta  = "cn=marta," + recipients
	leaver = "cn=leaver," + recipients
)

// recorded is a world whose runs are recorded, with a hidden recipient that
// proves the admin view. What time it is can be set.
type recorded struct {
	directory *exchange55.Directory
	connector cycle.Connector
	ledger    *ledger.Ledger
	now       time.Time
}

func newRecorded(t *testing.T) *recorded {
	t.Helper()
	w := &recorded{now: noon}
	w.directory, w.connector = world(t)
	w.apply(t, replace(leaver, "Hide-From-Address-Book", "TRUE"))
	w.ledger = ledgerOf(t, w.connector)
	w.connector.Recording = cycle.Recording{Ledger: w.ledger, Now: func() time.Time { return w.now }}
	w.connector.Limits = unlimited
	return w
}

func (w *recorded) apply(t *testing.T, changes ...exchange55.ChangeRecord) {
	t.Helper()
	if err := w.directory.Apply(changes); err != nil {
		t.Fatal(err)
	}
}

// run carries out a cycle and requires how it read.
func (w *recorded) run(t *testing.T, want ...cycle.Reading) cycle.Report {
	t.Helper()
	return w.carryOut(t, cycle.Synchronize(), want...)
}

func (w *recorded) carryOut(t *testing.T, task cycle.Task, want ...cycle.Reading) cycle.Report {
	t.Helper()
	// Whoever reads everything makes the same plan.
	planned, err := cycle.Synchronize().Plan(t.Context(), w.connector, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := cycle.Synchronize().ReadingAll().Plan(t.Context(), w.connector, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inJSON(t, whole.Plan), inJSON(t, planned.Plan)); diff != "" {
		t.Errorf("the plan after a whole read, and after one of changes (-whole +changes):\n%s", diff)
	}
	report := mustRun(t, task, w.connector)
	if diff := cmp.Diff(want, report.Reads); diff != "" {
		t.Errorf("run %d read (-want +got):\n%s", report.Run, diff)
	}
	return report
}

func inJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newMailbox(dn, name string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: dn, Type: exchange55.Add, Attributes: []exchange55.Attribute{
		{Name: "objectClass", Values: []string{"organizationalPerson"}},
		{Name: "cn", Values: []string{name}},
		{Name: "uid", Values: []string{strings.ToLower(strings.Fields(name)[0])}},
		{Name: "otherMailbox", Values: []string{"CCMAIL$" + name + " at EXSITE1"}},
		{Name: "mailPreferenceOption", Values: []string{"0"}},
	}}
}

func remove(dn string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: dn, Type: exchange55.Delete}
}

// After the first run only what has changed is read, one's own writes among
// it, and the plan is that of a whole read: of entries that came, changed, were
// hidden, shown or deleted, or replaced by others of the same name.
func TestIncremental(t *testing.T) {
	t.Parallel()
	w := newRecorded(t)
	const first = "nothing was kept of an earlier read"
	w.run(t, cycle.Reading{Base: base, Recipients: 2, Whole: first})
	w.run(t, cycle.Reading{Base: base, Recipients: 6, Since: 1, Changed: 4})
	w.run(t, cycle.Reading{Base: base, Recipients: 6, Since: 2})

	w.apply(t, replace(marta, "otherMailbox", "CCMAIL$Quist-Low, Marta at EXSITE1"), newMailbox("cn=nora,"+recipients, "Nora New"))
	w.run(t, cycle.Reading{Base: base, Recipients: 7, Since: 3, Changed: 2})
	w.apply(t, replace(leaver, "Hide-From-Address-Book"), replace("cn=nora,"+recipients, "Hide-From-Address-Book", "TRUE"))
	w.run(t, cycle.Reading{Base: base, Recipients: 7, Since: 4, Changed: 2})
	w.apply(t, remove(leaver), remove(marta), newMailbox(marta, "Another Marta"))
	report := w.run(t, cycle.Reading{Base: base, Recipients: 6, Since: 5, Changed: 1, Gone: 2})
	if !strings.Contains(inWords(report), "add mailbox Another Marta") {
		t.Errorf("another recipient under a known name: %s", inWords(report))
	}

	// A plan reads what the runs have kept, and keeps nothing.
	w.apply(t, replace(marta, "cn", "Marta again"))
	before, err := w.ledger.Snapshots(t.Context(), "hq")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		planned, failed := cycle.Plan(t.Context(), w.connector, cycle.Trace{})
		want := []cycle.Reading{{Base: base, Recipients: 6, Since: 6, Changed: 1}}
		if diff := cmp.Diff(want, planned.Reads); diff != "" || failed != nil {
			t.Errorf("the plan read (-want +got), %v:\n%s", failed, diff)
		}
	}
	after, err := w.ledger.Snapshots(t.Context(), "hq")
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("a plan changed what is kept, %v:\n%s", err, diff)
	}
}

// Everything is read when changes alone will not do, and the report says why.
func TestWholeReads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		since int64 // the run that is continued all the same
		why   string
		do    func(t *testing.T, w *recorded)
	}{
		{"nothing", 2, "", func(*testing.T, *recorded) {}},
		{"another server", 0, "whose change numbers are not those of ldap://", func(t *testing.T, w *recorded) {
			t.Helper()
			twin, err := exchange55.Start(exchange55.Options{
				LDIF: w.directory.DumpContent(), Accounts: []exchange55.Account{{Domain: "CONTOSO", Name: "dirsync", Password: password, AdminView: true, Write: true}},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = twin.Close() })
			w.connector.Server.URLs = []string{twin.URL()}
		}},
		{"other attributes", 0, "the profile, the attributes or the account are not those of run 2", func(_ *testing.T, w *recorded) {
			w.connector.Server.Profile.Other = append([]string{"pager"}, w.connector.Server.Profile.Other...)
		}},
		{"numbers that fell back", 0, "fell", func(_ *testing.T, w *recorded) { w.directory.FallBack(1) }},
		{"leftovers that were purged unseen", 0, "leftovers of deletions were purged up to change", func(t *testing.T, w *recorded) {
			t.Helper()
			w.apply(t, newMailbox("cn=brief,"+recipients, "Brief Brian"), remove("cn=brief,"+recipients))
			w.directory.PurgeTombstones()
		}},
		{"an admin view that is not proved", 0, "that proves the admin view", func(t *testing.T, w *recorded) {
			t.Helper()
			w.apply(t, replace(leaver, "Hide-From-Address-Book"))
		}},
		{"a kept part that is damaged", 0, "what run 2 kept cannot be read", func(_ *testing.T, w *recorded) {
			w.connector.Recording.Ledger = meddler{w.ledger, func(s *reconcile.Snapshot) { s.Parts[0] = s.Parts[0][1:] }}
		}},
		{"a mark that is damaged", 0, "what run 2 kept cannot be read", func(_ *testing.T, w *recorded) {
			w.connector.Recording.Ledger = meddler{w.ledger, func(s *reconcile.Snapshot) { s.Mark = "" }}
		}},
		{"not configured", 0, "", func(_ *testing.T, w *recorded) { w.connector.Exchange.Incremental = false }},
		{"a profile that cannot tell", 0, "", func(_ *testing.T, w *recorded) { w.connector.Server.Profile.Changes = ldapsrc.NoChanges }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newRecorded(t)
			mustRun(t, cycle.Synchronize(), w.connector)
			mustRun(t, cycle.Synchronize(), w.connector)
			test.do(t, w)
			report := mustRun(t, cycle.Synchronize(), w.connector)
			read := report.Reads[0]
			if read.Since != test.since || !strings.Contains(read.Whole, test.why) || (test.why == "") != (read.Whole == "") {
				t.Errorf("read %+v, want it to tell %q", read, test.why)
			}
			w.connector.Recording.Ledger = w.ledger
			next := mustRun(t, cycle.Synchronize(), w.connector).Reads[0]
			kept, err := w.ledger.Snapshots(t.Context(), "hq")
			if err != nil {
				t.Fatal(err)
			}
			if incremental := read.Since != 0 || read.Whole != ""; incremental != (len(kept) == 1) {
				t.Errorf("%d snapshots are kept", len(kept))
			}
			if strings.Contains(test.why, "admin view") || read.Since+int64(len(read.Whole)) == 0 {
				return // this stays so
			}
			if next.Since != 3 {
				t.Errorf("the next run read %+v", next)
			}
		})
	}
	w := newRecorded(t)
	w.run(t, cycle.Reading{Base: base, Recipients: 2, Whole: "nothing was kept of an earlier read"})
	w.carryOut(t, cycle.Synchronize().ReadingAll(), cycle.Reading{Base: base, Recipients: 6, Whole: "it was asked for"})
}

// meddler is a ledger that returns other snapshots than it was given.
type meddler struct {
	*ledger.Ledger
	meddle func(*reconcile.Snapshot)
}

func (m meddler) Snapshots(ctx context.Context, connector string) ([]reconcile.Snapshot, error) {
	snapshots, err := m.Ledger.Snapshots(ctx, connector)
	for i := range snapshots {
		m.meddle(&snapshots[i])
	}
	return snapshots, err
}

// On a schedule everything is read and compared with what the changes had told;
// a difference is a fault, and what was read whole counts.
func TestScheduledWholeRead(t *testing.T) {
	t.Parallel()
	w := newRecorded(t)
	w.connector.Exchange.FullReadEvery = 24 * time.Hour
	mustRun(t, cycle.Synchronize(), w.connector)
	w.run(t, cycle.Reading{Base: base, Recipients: 6, Since: 1, Changed: 4})
	w.now = w.now.Add(24*time.Hour - time.Second)
	w.apply(t, replace(marta, "cn", "Marta"))
	w.run(t, cycle.Reading{Base: base, Recipients: 6, Since: 2, Changed: 1})
	w.now = w.now.Add(time.Second)
	w.apply(t, replace(marta, "cn", "Marta Q."))
	report := w.run(t, cycle.Reading{Base: base, Recipients: 6, Whole: "the last time was run 1 at 1998-03-01T12:00:00Z"})
	if len(report.Warnings) > 0 {
		t.Errorf("warnings %q", report.Warnings)
	}
	w.run(t, cycle.Reading{Base: base, Recipients: 6, Since: 4})

	// Something goes wrong with what is kept, farther back than is asked again.
	for range 1100 {
		w.apply(t, replace(marta, "cn", "Marta"), replace(marta, "cn", "Marta Q."))
	}
	mustRun(t, cycle.Synchronize(), w.connector)
	profile := w.connector.Server.Profile
	w.connector.Recording.Ledger = meddler{w.ledger, func(s *reconcile.Snapshot) {
		kept, err := profile.ParseRecipients(s.Parts[0])
		if err == nil {
			s.Parts[0], err = kept.Apply(ldapsrc.Delta{Gone: []string{leaver}}).AppendBinary(nil)
		}
		if err != nil {
			t.Error(err)
		}
	}}
	w.now = w.now.Add(24 * time.Hour)
	report = mustRun(t, cycle.Synchronize(), w.connector)
	want := []cycle.Reading{{Base: base, Recipients: 6, Whole: "the last time was run 4 at 1998-03-02T12:00:00Z", Differences: 1}}
	if diff := cmp.Diff(want, report.Reads); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "1 entry is otherwise than the changes since run 6 had told: "+leaver+" is there") {
		t.Errorf("warnings %q", report.Warnings)
	}
	record, err := w.ledger.Run(t.Context(), report.Run)
	if err != nil || !cmp.Equal(record.Warnings, report.Warnings) {
		t.Errorf("recorded are %q, %v", record.Warnings, err)
	}
}

// What a run has read counts only when the run came to its end and no guard
// stopped it.
func TestSnapshotAfterSuccessOnly(t *testing.T) {
	t.Parallel()
	w := newRecorded(t)
	kept := func(want int64) {
		t.Helper()
		snapshots, err := w.ledger.Snapshots(t.Context(), "hq")
		if err != nil || len(snapshots) != 1 || snapshots[0].Run != want {
			t.Errorf("kept is %+v, %v, want that of run %d", snapshots, err, want)
		}
	}
	mustRun(t, cycle.Synchronize(), w.connector)
	kept(1)
	limits := w.connector.Limits
	w.connector.Limits = reconcile.Limits{}
	w.apply(t, replace(marta, "otherMailbox", "CCMAIL$Quist-Low, Marta at EXSITE1"))
	if _, err := cycle.Run(t.Context(), w.connector, cycle.Trace{}); err == nil {
		t.Error("no guard stopped the run")
	}
	kept(1)
	w.connector.Limits = limits
	interrupted, interrupt := context.WithCancel(t.Context())
	_, err := cycle.Run(interrupted, w.connector, cycle.Trace{StepStarts: func(number int, _ string) {
		if number == 8 {
			interrupt()
		}
	}})
	if err == nil {
		t.Error("the run was not interrupted")
	}
	kept(1)
	w.run(t, cycle.Reading{Base: base, Recipients: 6, Since: 1, Changed: 5})
	kept(4)
}

// Changes are kept beside what was read at first until they are a quarter of
// it; what is made of them is the same.
func TestManyChanges(t *testing.T) {
	t.Parallel()
	w := newRecorded(t)
	for n := range 40 {
		w.apply(t, newMailbox(fmt.Sprintf("cn=u%02d,%s", n, recipients), fmt.Sprintf("User%02d Number", n)))
	}
	mustRun(t, cycle.Synchronize(), w.connector)
	mustRun(t, cycle.Synchronize(), w.connector)
	most, began := 0, 0
	for n := range 25 {
		dn := fmt.Sprintf("cn=u%02d,%s", n, recipients)
		if n%5 == 4 {
			w.apply(t, remove(dn))
		} else {
			w.apply(t, replace(dn, "cn", "Somebody Else"), replace(marta, "title", fmt.Sprint(n)))
		}
		report := w.run(t, cycle.Reading{Base: base, Recipients: 46 - (n+1)/5, Since: int64(n + 2), Changed: 2 - 2*(n%5/4), Gone: n % 5 / 4})
		snapshots, err := w.ledger.Snapshots(t.Context(), "hq")
		if err != nil || len(snapshots) != 1 || snapshots[0].WholeRun != 1 || snapshots[0].Entries != report.Counts.Recipients {
			t.Fatalf("kept is %+v, %v", snapshots, err)
		}
		most = max(most, len(snapshots[0].Parts))
		if len(snapshots[0].Parts) == 1 {
			began++
		}
	}
	if most < 4 || began == 0 {
		t.Errorf("at most %d parts were kept, and %d times it began anew", most, began)
	}
}

// Containers outside the base are read at once, each over a connection of its
// own, as many as are allowed.
func TestContainersAtOnce(t *testing.T) {
	t.Parallel()
	for connections, want := range map[int]int32{0: 1, 1: 1, 2: 2, 8: 3} {
		directory, _ := world(t)
		var changes []exchange55.ChangeRecord
		bases := []string{base, "cn=East,o=Contoso", "cn=West,o=Contoso"}
		for _, dn := range bases[1:] {
			changes = append(changes, exchange55.ChangeRecord{DN: dn, Type: exchange55.Add, Attributes: []exchange55.Attribute{
				{Name: "objectClass", Values: []string{"Container"}}, {Name: "cn", Values: []string{dn[3:7]}},
			}}, newMailbox("cn=one,"+dn, "One "+dn[3:7]), newMailbox("cn=two,"+dn, "Two "+dn[3:7]), replace("cn=two,"+dn, "Hide-From-Address-Book", "TRUE"))
		}
		if err := directory.Apply(changes); err != nil {
			t.Fatal(err)
		}
		proxy, err := faultproxy.Start(directory.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = proxy.Close() })
		var binds atomic.Int32
		proxy.SetFaults(faultproxy.Fault{At: faultproxy.Point{Op: pdu.BindRequest}, Do: faultproxy.Call(func() { binds.Add(1) })})
		c := connector(t, &slapd.Server{URL: proxy.URL()})
		c.Exchange.Export.Containers = append(c.Exchange.Export.Containers, bases[1:]...)
		c.Server.Connections, c.Limits = connections, unlimited
		c.Recording = cycle.Recording{Ledger: ledgerOf(t, c), Now: clock()}
		for n, reads := range [][]cycle.Reading{
			{{Base: bases[0], Recipients: 2}, {Base: bases[1], Recipients: 2}, {Base: bases[2], Recipients: 2}},
			{{Base: bases[0], Recipients: 6}, {Base: bases[1], Recipients: 2, Since: 1}, {Base: bases[2], Recipients: 2, Since: 1}},
		} {
			binds.Store(0)
			report, failed := cycle.Plan(t.Context(), c, cycle.Trace{})
			if failed != nil {
				t.Fatal(failed)
			}
			for i := range report.Reads {
				report.Reads[i].Whole = ""
			}
			if diff := cmp.Diff(reads, report.Reads); diff != "" || binds.Load() != want {
				t.Errorf("%d connections, run %d over %d (-want +got):\n%s", connections, n+1, binds.Load(), diff)
			}
			mustRun(t, cycle.Synchronize(), c)
		}
		proxy.SetFaults(faultproxy.Fault{At: faultproxy.Point{Op: pdu.SearchEntry, DN: "cn=two," + bases[2]}, Do: faultproxy.Damage()})
		if _, err := cycle.Synchronize().ReadingAll().Plan(t.Context(), c, cycle.Trace{}); err == nil || !strings.Contains(err.Error(), bases[2]) {
			t.Errorf("%d connections, one container cannot be read: %v", connections, err)
		}
	}
}
