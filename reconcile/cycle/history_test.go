package cycle_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// torture reports whether the tests are to run in full length.
func torture() bool { return os.Getenv("CCDIRSYNC_TORTURE") != "" }

// Whatever people do on both sides, and whatever fails, a cycle touches nothing
// of theirs, writes nothing when a guard trips, changes nothing that is paused,
// and deletes nothing that is wanted or before its time of grace is over; and
// when nothing fails any more, two cycles bring both sides to where they ought to
// be, a third when there is a time of grace, and the next has nothing to do.
func TestHistories(t *testing.T) {
	t.Parallel()
	checks(t, 6, 500)
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		defer h.close(t)
		rt.Repeat(map[string]func(*rapid.T){
			"edit Exchange":            h.editExchange,
			"edit cc:Mail":             h.editCCMail,
			"edit imported entries":    h.editRecipients,
			"edit Exchange's entries":  h.editRows,
			"cycle":                    h.quietCycle,
			"cycle with faults":        h.troubledCycle,
			"resync":                   h.resync,
			"undo":                     h.undo,
			"resume":                   h.resume,
			"approve":                  h.approveAny,
			"time passes":              h.letTimePass,
			"time of grace":            h.setGrace,
			"change the form of lists": h.changeForm,
		})
		h.converge(rt)
	})
}

// checks sets how many histories are tried, unless the command line says so.
func checks(t *testing.T, normal, full int) {
	t.Helper()
	if torture() {
		normal = full
	}
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if given {
		return
	}
	if err := flag.Set("rapid.checks", fmt.Sprint(normal)); err != nil {
		t.Fatal(err)
	}
}

// history is a world in which things happen.
type history struct {
	directory *exchange55.Directory
	ledger    *ledger.Ledger
	connector cycle.Connector
	dns       map[string]string // the DN that the recipient of a key has had
	now       time.Time
	hidden    map[string]bool // DNs in lower case of those that a cycle hid and no person has touched since
}

// The limits are low, so that guards and approvals are a part of every history.
var lowLimits = reconcile.Limits{Deletes: 3, DeletePercent: 50, ChangesPercent: 60, ShrinkPercent: 40, MembersPercent: 40, Floor: 1}

// newHistory begins with the two seeds, not yet synchronized. Of these Quist,
// Lindström, the Sales Team and the board Social stay for ever, so that neither
// side ever wants nothing, which no limit lets through.
func newHistory(t *testing.T, rt *rapid.T) *history {
	t.Helper()
	folder := t.TempDir()
	directory, err := exchange55.Start(exchange55.Options{
		LDIF:     []byte(exchangeSeed + "\ndn: " + outside + "\nobjectClass: Container\ncn: Elsewhere\n"),
		Accounts: []exchange55.Account{{Domain: "CONTOSO", Name: "dirsync", Password: password, AdminView: true, Write: true}},
	})
	if err != nil {
		rt.Fatal(err)
	}
	makePostOffice(t, folder)
	h := &history{directory: directory, connector: connectorIn(t, folder, directory.URL()), dns: map[string]string{}, now: noon, hidden: map[string]bool{}}
	h.connector.Exchange.Import.Adopt = rapid.Bool().Draw(rt, "adopt")
	h.connector.Exchange.Import.Groups = rapid.Bool().Draw(rt, "groups")
	h.connector.Exchange.FullReadEvery = rapid.SampledFrom([]time.Duration{0, 24 * time.Hour}).Draw(rt, "full read every")
	if h.ledger, err = ledger.Open(t.Context(), filepath.Join(folder, "state", ledger.File)); err != nil {
		rt.Fatal(err)
	}
	h.connector.Limits, h.connector.Recording = lowLimits, cycle.Recording{Ledger: h.ledger, Now: h.clock}
	return h
}

// clock is a second later each time it is read.
func (h *history) clock() time.Time {
	h.now = h.now.Add(time.Second)
	return h.now
}

func (h *history) letTimePass(t *rapid.T) {
	hours := rapid.IntRange(1, 60).Draw(t, "hours")
	h.now = h.now.Add(time.Duration(hours) * time.Hour)
	t.Logf("%d hours later", hours)
}

// setGrace gives the entries of both sides another time of grace, or none.
func (h *history) setGrace(t *rapid.T) {
	period := rapid.SampledFrom([]time.Duration{0, time.Hour, 24 * time.Hour, 24 * time.Hour}).Draw(t, "period")
	h.connector.Exchange.Import.Grace, h.connector.Exchange.Export.Grace = period, period
	t.Logf("the time of grace is %s", period)
}

// changeForm makes groups of lists, or custom recipients of groups.
func (h *history) changeForm(t *rapid.T) {
	h.connector.Exchange.Import.Groups = !h.connector.Exchange.Import.Groups
	t.Logf("lists are groups: %t", h.connector.Exchange.Import.Groups)
}

// known is what the ledger knows for the next run.
func (h *history) known(t *rapid.T) reconcile.Known {
	t.Helper()
	known, err := h.ledger.Known(t.Context(), h.connector.Name, h.now)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func (h *history) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(h.ledger.Close(), h.directory.Close(), os.RemoveAll(filepath.Dir(h.connector.Store.Dir))); err != nil {
		t.Error(err)
	}
}

func (h *history) look(t *rapid.T) sides {
	t.Helper()
	s := look(t, h.directory, h.connector)
	for _, o := range s.objects {
		if key := o.key(); key != "" && o.ours() && h.dns[key] == "" && !slices.Contains(slices.Collect(maps.Values(h.dns)), o.dn) {
			h.dns[key] = o.dn
		}
	}
	return s
}

// run carries out a task and requires what must be true of every one.
func (h *history) run(t *rapid.T, task cycle.Task, f fault) (cycle.Report, error) {
	t.Helper()
	c := h.connector
	before, known := h.look(t), h.known(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	f.begin(t, h, &c, interrupt)
	report, err := task.Run(ctx, c, cycle.Trace{StepStarts: func(number int, _ string) {
		if number == f.step {
			interrupt()
		}
	}})
	f.end(t, h)
	after := h.look(t)
	t.Logf("  the run is %s, to cc:Mail %+v, to Exchange %+v: %v", report.State, report.Counts.ToCCMail, report.Counts.ToExchange, err)
	for _, read := range report.Reads {
		// A permission that hides an entry is a difference.
		if read.Differences > 0 && len(f.directory.Hide)+len(f.directory.Conceal) == 0 && !f.directory.Nothing {
			t.Errorf("what changed was told otherwise: %+v, %q", read, report.Warnings)
		}
	}
	former, now := changeHands(before, after, report)
	wantNativeSame(t, former, now)
	h.requireGuards(t, report, err)
	if report.ID == "" || len(reconcile.TrippedOf(report.Guards)) > 0 {
		wantSame(t, before, after)
	}
	done := change{before: before, after: after, oracle: foretell(before, h.dns), known: known, grace: c.Exchange.Import.Grace, ended: h.now}
	done.undo = strings.HasPrefix(report.Purpose, "undo ")
	done.require(t, report)
	h.noteHidden(before, after)
	left, readErr := os.ReadDir(c.Store.ImportFolder())
	if readErr != nil || len(left) > 0 {
		t.Errorf("the Import folder holds %v, %v", left, readErr)
	}
	if t.Failed() {
		t.Log(inWords(report))
		t.FailNow()
	}
	return report, err
}

// changeHands leaves out the recipients that a task may make ours or nobody's:
// those that it adopts, and those whose adoption it takes back.
func changeHands(before, after sides, report cycle.Report) (former, now sides) {
	former, now = before, after
	former.objects, now.objects = maps.Clone(before.objects), maps.Clone(after.objects)
	for _, s := range report.ToExchange {
		dn := strings.ToLower(s.DN)
		adopts := s.Op == reconcile.Adopt && before.objects[dn].adoptable()
		if adopts || strings.HasPrefix(report.Purpose, "undo ") && s.Op == reconcile.Modify && before.objects[dn].ours() {
			delete(former.objects, dn)
			delete(now.objects, dn)
		}
	}
	return former, now
}

// noteHidden notes whom a cycle hid.
func (h *history) noteHidden(before, after sides) {
	for dn, r := range after.objects {
		if former := before.objects[dn]; r.ours() && r.hidden() && former.ours() && !former.hidden() {
			h.hidden[dn] = true
		} else if !r.ours() || !r.hidden() {
			delete(h.hidden, dn)
		}
	}
}

// inWords are the steps of a plan, one a line.
func inWords(report cycle.Report) string {
	var text strings.Builder
	for _, s := range slices.Concat(report.ToCCMail, report.ToExchange) {
		fmt.Fprintf(&text, "  %s %s %s (%s) %s %s\n", s.Op, s.Kind, s.Subject(), s.Reason, s.Outcome, s.Error)
	}
	return text.String()
}

// requireGuards: a run in which a guard tripped does not end well, and only
// such a run ends with a guard's error.
func (h *history) requireGuards(t *rapid.T, report cycle.Report, err error) {
	t.Helper()
	var guard *cycle.GuardError
	tripped := reconcile.TrippedOf(report.Guards)
	if err == nil && len(tripped) > 0 || errors.As(err, &guard) && len(tripped) == 0 {
		t.Errorf("tripped: %+v, and the error is %v", tripped, err)
	}
}

// change is what a task did.
type change struct {
	before, after sides
	oracle        oracle          // of the time before
	known         reconcile.Known // likewise
	grace         time.Duration
	ended         time.Time
	undo          bool // what is wanted may go
}

// require: what is wanted was not deleted, what went and what changed is not
// more than the limits or a person allow, and nothing is there twice.
func (c change) require(t *rapid.T, report cycle.Report) {
	t.Helper()
	replaced := map[string]bool{}
	for _, s := range report.ToCCMail {
		if s.Op == reconcile.Replace {
			replaced[strings.ToLower(s.Name)] = true
		}
	}
	tallies := map[string]tally{}
	c.requireRows(t, tallies, replaced)
	c.requireRecipients(t, tallies, changedForms(report))
	for kind, n := range tallies {
		n.left = c.after.countOwn(kind)
		if class := c.excess(n); class != "" && !c.approved(kind, class, report) {
			t.Errorf("%+v of kind %s is more %s than %+v allow, and nobody approved it", n, kind, class, lowLimits)
		}
	}
	c.requireFreeAddresses(t)
	if !c.undo {
		c.requirePaused(t)
	}
	former := c.before.countKeys()
	for key, n := range c.after.countKeys() {
		if n > max(1, former[key]) {
			t.Errorf("Exchange has %q %d times", key, n)
		}
	}
}

// requireRows: what is wanted in cc:Mail was not deleted, unless it is to be
// replaced.
func (c change) requireRows(t *rapid.T, tallies map[string]tally, replaced map[string]bool) {
	t.Helper()
	for name, row := range c.before.rows {
		if !ours(row) {
			continue
		}
		now, there := c.after.rows[name]
		wanted := c.oracle.rows[name] || c.oracle.rowsMay[name]
		asWanted := strings.ToLower(row.Address) == "exsite1 "+name
		if !there && wanted && !c.undo && (asWanted || !replaced[name]) {
			t.Errorf("%q at %s is gone from cc:Mail and still wanted", row.Name, row.Address)
		}
		n := tallies["row"]
		n.owned++
		if !there && (!wanted || c.undo) {
			n.deleted++
			if _, list := c.before.lists[name]; !list && !c.undo {
				c.requireGrace(t, reconcile.ToCCMail, name)
			}
		}
		if there && now != row {
			n.changed++
		}
		tallies["row"] = n
	}
}

// changedForms are the DNs in lower case of lists that a run deletes to add them in
// another form. It may end in between, and then the next one adds them.
func changedForms(report cycle.Report) map[string]bool {
	dns := map[string]bool{}
	for _, s := range report.ToExchange {
		if s.Op == reconcile.Delete && strings.HasPrefix(s.Reason, "mailing lists are ") {
			dns[strings.ToLower(s.DN)] = true
		}
	}
	return dns
}

// requireRecipients: what is wanted in Exchange was not deleted, but for those
// that are to be added anew.
func (c change) requireRecipients(t *rapid.T, tallies map[string]tally, anew map[string]bool) {
	t.Helper()
	for dn, r := range c.before.objects {
		key := r.key()
		if r.ours() && key == "" { // it may be found again by its address, or not
			for _, kind := range []string{"user", "list", "board"} {
				n := tallies[kind]
				n.owned++
				tallies[kind] = n
			}
		}
		if !r.ours() || key == "" {
			continue
		}
		_, wanted := c.oracle.recipients[key]
		wanted = (wanted || c.oracle.mayStay[key]) && !anew[dn]
		kind, _, _ := strings.Cut(key, ":")
		n := tallies[kind]
		n.owned++
		now, there := c.after.objects[dn]
		there = there && now.alive()
		switch hides := there && now.hidden() && !r.hidden() && !c.undo; {
		case wanted && !c.undo && (hides || !there):
			t.Errorf("the recipient of %q is gone from Exchange or hidden, and still wanted", key)
		case hides, there && now.class() != r.class():
			n.deleted++
		case there && now.text != r.text && (!r.group() || now.core != r.core): // members are judged apart
			n.changed++
		case !there && (c.undo || !r.hidden() || !c.retirement(reconcile.ToExchange, key).Hid): // else it counted when it was hidden
			n.deleted++
		}
		if !there && !c.undo && !anew[dn] && !c.givesWay(r) {
			c.requireGrace(t, reconcile.ToExchange, key)
		}
		tallies[kind] = n
	}
}

// requirePaused: what was taken back stays as it is.
func (c change) requirePaused(t *rapid.T) {
	t.Helper()
	for _, p := range c.known.Paused {
		before, after := c.before.own(p), c.after.own(p)
		if before != after {
			t.Errorf("%s is paused %s; it was %s and is %s", p.Key, p.Direction, before, after)
		}
	}
}

// own is all that a side has of ours for a paused entry.
func (s sides) own(p reconcile.Pause) string {
	if p.Direction == reconcile.ToCCMail {
		if row, there := s.rows[p.Key]; there && (ours(row) || p.Kind == reconcile.PostOffice) {
			return fmt.Sprintf("%+v", row)
		}
		return ""
	}
	var texts []string
	for _, o := range s.objects {
		if o.ours() && (o.key() == p.Key || strings.EqualFold(o.dn, p.DN)) {
			texts = append(texts, o.core) // Exchange itself drops members
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, "\n")
}

// retirement is the time of grace of an entry, the zero value when it has none.
func (c change) retirement(direction reconcile.Direction, key string) reconcile.Retirement {
	for _, r := range c.known.Retiring {
		if r.Direction == direction && r.Key == key {
			return r
		}
	}
	return reconcile.Retirement{}
}

// requireGrace: what went had been in its time of grace, and that was over.
func (c change) requireGrace(t *rapid.T, direction reconcile.Direction, key string) {
	t.Helper()
	r := c.retirement(direction, key)
	if c.grace > 0 && (r.Since.IsZero() || r.Since.Add(c.grace).After(c.ended)) {
		t.Errorf("%s went %s before its time of grace of %s was over: %+v", key, direction, c.grace, r)
	}
}

// givesWay reports whether a recipient has to go for another one: a second one
// of its entry, or one whose address another entry has or asks for.
func (c change) givesWay(r object) bool {
	if c.before.countKeys()[r.key()] > 1 {
		return true
	}
	taken := map[string]bool{}
	for _, want := range c.oracle.asked {
		taken[want.target] = true
	}
	for _, o := range c.after.objects {
		if o.class() != "" && o.alive() {
			for _, address := range o.addresses() {
				taken[address] = true
			}
		}
	}
	return slices.ContainsFunc(r.addresses(), func(address string) bool { return taken[address] })
}

// requireFreeAddresses: no recipient was given an address that another entry
// has.
func (c change) requireFreeAddresses(t *rapid.T) {
	t.Helper()
	holders := map[string][]string{}
	for _, r := range c.after.objects {
		if r.class() != "" && r.alive() {
			for _, address := range r.addresses() {
				holders[address] = append(holders[address], r.dn)
			}
		}
	}
	for dn, r := range c.after.objects {
		if !r.ours() {
			continue
		}
		for _, address := range r.addresses() {
			if len(holders[address]) > 1 && !slices.Contains(c.before.objects[dn].addresses(), address) {
				t.Errorf("%s was given the address %q, which is held: %q", r.dn, address, holders[address])
			}
		}
	}
}

// countOwn counts the entries of ours that people can see: rows, or recipients
// of a kind.
func (s sides) countOwn(kind string) int {
	n := 0
	for _, row := range s.rows {
		if kind == "row" && ours(row) {
			n++
		}
	}
	for _, r := range s.objects {
		if r.ours() && !r.hidden() && strings.HasPrefix(r.key(), kind+":") {
			n++
		}
	}
	return n
}

// countKeys counts the recipients of each key.
func (s sides) countKeys() map[string]int {
	keys := map[string]int{}
	for _, r := range s.objects {
		if key := r.key(); key != "" && r.ours() {
			keys[key]++
		}
	}
	return keys
}

// tally counts what a cycle did to entries of one kind.
type tally struct{ owned, deleted, changed, left int }

// excess says of what a tally is more than limits allow: deletes, changes or nothing.
// Who takes back all there is needs somebody's word, however few these are; in
// cycles there is always an entry that stays.
func (c change) excess(n tally) string {
	l := lowLimits
	switch {
	case c.undo && n.deleted > 0 && n.deleted == n.owned && n.left == 0,
		n.deleted > l.Floor && (n.deleted > l.Deletes || n.deleted*100 > l.DeletePercent*n.owned):
		return "deletes"
	case n.changed > l.Floor && n.changed*100 > l.ChangesPercent*n.owned:
		return "changes"
	}
	return ""
}

// approved reports whether a person saw all steps of a kind and class that a
// run had and let them through.
func (c change) approved(kind, class string, report cycle.Report) bool {
	steps := report.ToExchange
	if kind == "row" {
		steps = report.ToCCMail
	}
	is := func(s reconcile.Step) bool {
		deletes := s.Op == reconcile.Delete || s.Op == reconcile.Hide
		changes := s.Op == reconcile.Replace || s.Op == reconcile.Modify
		return (kind == "row" || string(s.Kind) == kind) && (class == "deletes" && deletes || class == "changes" && changes)
	}
	return slices.ContainsFunc(c.known.Approvals, func(a reconcile.Approval) bool {
		return a.Purpose == report.Purpose && !slices.ContainsFunc(steps, func(s reconcile.Step) bool {
			return is(s) && !slices.ContainsFunc(a.Steps, func(seen reconcile.ApprovedStep) bool {
				return seen.Step.Op == s.Op && seen.Step.Name == s.Name && seen.Step.DN == s.DN && seen.Step.Address == s.Address
			})
		})
	})
}

// quietCycle is a cycle in which nothing fails. A guard may stop it.
func (h *history) quietCycle(t *rapid.T) { h.quiet(t, cycle.Synchronize()) }

func (h *history) quiet(t *rapid.T, task cycle.Task) {
	t.Helper()
	t.Logf("a run")
	report, stopped := h.undisturbed(t, task)
	if stopped && rapid.Bool().Draw(t, "a person approves") {
		h.approve(t, report.ID, "")
		if _, stopped = h.undisturbed(t, task); stopped {
			t.Fatal("a guard stopped an approved plan")
		}
	}
}

// some carries out a task, in which something may fail.
func (h *history) some(t *rapid.T, task cycle.Task) {
	t.Helper()
	if rapid.IntRange(0, 3).Draw(t, "undisturbed") > 0 {
		h.quiet(t, task)
	} else {
		h.troubled(t, task)
	}
}

// approve has a person approve a plan that guards stopped.
func (h *history) approve(t *rapid.T, planID, only string) {
	t.Helper()
	held, err := h.ledger.HeldPlan(t.Context(), planID)
	if err != nil {
		t.Fatal(err)
	}
	approval, err := reconcile.NewApproval(held.Plan, only)
	if err != nil && only != "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	hours := rapid.IntRange(1, 100).Draw(t, "hours that it holds")
	approval.By, approval.Given, approval.Expires = "a person", h.now, h.now.Add(time.Duration(hours)*time.Hour)
	if _, err = h.ledger.Approve(t.Context(), approval); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s of plan %s is approved for %d hours", cmp.Or(only, "all"), planID, hours)
}

// approveAny approves a plan that was stopped at any time, maybe in part.
func (h *history) approveAny(t *rapid.T) {
	var ids []string
	for _, run := range h.runs(t) {
		if run.State == reconcile.RunStopped {
			ids = append(ids, run.PlanID)
		}
	}
	h.approve(t, pick(t, "plan", ids), rapid.SampledFrom([]string{"", "deletes", "changes", "reads"}).Draw(t, "only"))
}

func (h *history) runs(t *rapid.T) []reconcile.Run {
	t.Helper()
	runs, err := h.ledger.Runs(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// resync brings one entry in step, named as people name entries.
func (h *history) resync(t *rapid.T) {
	s := h.look(t)
	entries := append(s.users(func(postoffice.Entry) bool { return true }), s.natives("cn=")...)
	for _, o := range s.objects {
		if o.ours() {
			entries = append(entries, o.dn, strings.TrimPrefix(o.target(), "CCMAIL:"))
		}
	}
	entry := pick(t, "entry", entries)
	t.Logf("resync of %s", entry)
	if _, err := cycle.Resync(entry).Plan(t.Context(), h.connector, cycle.Trace{}); err != nil {
		t.Skip(err) // it is not to be on the other side
	}
	h.some(t, cycle.Resync(entry))
}

// undo takes a run back that wrote something, maybe while something fails.
func (h *history) undo(t *rapid.T) {
	var ids []int64
	for _, run := range h.runs(t) {
		if wrote := run.Counts.ToCCMail.Writes()+run.Counts.ToExchange.Writes() > 0; wrote && run.State != reconcile.RunStopped {
			ids = append(ids, run.ID)
		}
	}
	if len(ids) == 0 {
		t.Skip("there is none")
	}
	slices.Sort(ids)
	record, err := h.ledger.Run(t.Context(), rapid.SampledFrom(ids).Draw(t, "run"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("undo of run %d %s", record.Run.ID, record.Run.Purpose)
	h.some(t, cycle.Undo(record.Run, record.Plan))
}

// resume ends one pause.
func (h *history) resume(t *rapid.T) {
	paused := h.known(t).Paused
	if len(paused) == 0 {
		t.Skip("there is none")
	}
	h.mustResume(t, rapid.SampledFrom(paused).Draw(t, "pause"))
}

func (h *history) mustResume(t *rapid.T, pauses ...reconcile.Pause) {
	t.Helper()
	t.Logf("resume %+v", pauses)
	if n, err := h.ledger.Resume(t.Context(), h.connector.Name, pauses); err != nil || n != len(pauses) {
		t.Fatalf("%d of %d pauses ended, %v", n, len(pauses), err)
	}
}

// undisturbed requires that a cycle in which nothing fails does all of its
// plan, or that a guard stops it.
func (h *history) undisturbed(t *rapid.T, task cycle.Task) (report cycle.Report, stopped bool) {
	t.Helper()
	report, err := h.run(t, task, fault{})
	var guard *cycle.GuardError
	if stopped = errors.As(err, &guard); err != nil && !stopped || report.Failed() {
		t.Fatalf("nothing failed, and yet: %v\n%s", err, inWords(report))
	}
	return report, stopped
}

// converge requires that two cycles bring both sides to where they ought to be,
// when nothing is paused and there is no time of grace; with one it takes another
// cycle before it, which hides what has to go.
func (h *history) converge(t *rapid.T) {
	t.Helper()
	cycles := 3
	if rapid.Bool().Draw(t, "no time of grace any more") {
		h.connector.Exchange.Import.Grace, h.connector.Exchange.Export.Grace = 0, 0
		cycles = 2
	}
	h.mustResume(t, h.known(t).Paused...)
	for range cycles {
		h.now = h.now.Add(100 * time.Hour)
		t.Log("a cycle, from here on nothing fails")
		if report, stopped := h.undisturbed(t, cycle.Synchronize()); stopped {
			h.approve(t, report.ID, "")
			if _, stopped = h.undisturbed(t, cycle.Synchronize()); stopped {
				t.Fatal("a guard stopped an approved plan")
			}
		}
	}
	before := h.look(t)
	foretell(before, h.dns).require(t, before)
	foretell(before, h.dns).requireGroups(t, before, h.connector)
	if h.connector.Exchange.Import.Adopt {
		foretell(before, h.dns).requireAdopted(t, before, h.connector)
	}
	for dn := range h.hidden {
		t.Errorf("%s is hidden still, and no person did it", dn)
	}
	if retiring := h.known(t).Retiring; len(retiring) > 0 {
		t.Errorf("in a time of grace are still %+v", retiring)
	}
	if report, stopped := h.undisturbed(t, cycle.Synchronize()); stopped || report.Writes() {
		t.Errorf("another cycle has something to do\n%s", inWords(report))
	}
	wantSame(t, before, h.look(t))
}

// fault is what goes wrong with one cycle.
type fault struct {
	directory  exchange55.Faults
	postOffice *postoffice.Fault
	timeout    time.Duration // of the programs
	step       int           // interrupted before this step, 0 is never
	call       int           // interrupted before this call of the ledger
	full       bool          // and that fails, as do all after it
	locked     bool          // the post office
	comment    bool          // the post office entry of the site has lost its comment
}

func (f *fault) begin(t *rapid.T, h *history, c *cycle.Connector, interrupt func()) {
	t.Helper()
	h.directory.SetFaults(f.directory)
	c.PostOffice.Timeout = f.timeout
	c.Recording.Ledger = observed{Ledger: c.Recording.Ledger, before: func(string) error {
		if f.call--; f.call == 0 && !f.full {
			interrupt()
		} else if f.call <= 0 && f.full {
			return errors.New("database or disk is full (13)")
		}
		return nil
	}}
	h.mustEdit(t, func(po *postoffice.PostOffice) error {
		if f.comment = f.comment && po.SetComment("EXSITE1", "whose is it?") == nil; f.postOffice == nil {
			return nil
		}
		return po.AddFault(*f.postOffice)
	})
	if f.locked {
		h.lock(t, "locked by an administrator")
	}
}

func (f *fault) end(t *rapid.T, h *history) {
	t.Helper()
	h.directory.SetFaults(exchange55.Faults{})
	if f.locked {
		h.lock(t, "")
	}
	h.mustEdit(t, func(po *postoffice.PostOffice) error {
		if po.ClearFaults(); f.comment {
			return po.SetComment("EXSITE1", "MSExchangeCCMC MAILSRV7")
		}
		return nil
	})
}

func (h *history) lock(t *rapid.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.connector.PostOffice.Path, postoffice.LockFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *history) mustEdit(t *rapid.T, change func(*postoffice.PostOffice) error) {
	t.Helper()
	if err := postoffice.Edit(h.connector.PostOffice.Path, change); err != nil {
		t.Fatal(err)
	}
}

// troubledCycle is a cycle in which something fails.
func (h *history) troubledCycle(t *rapid.T) { h.troubled(t, cycle.Synchronize()) }

func (h *history) troubled(t *rapid.T, task cycle.Task) {
	t.Helper()
	f := fault{}
	switch what := rapid.SampledFrom([]string{
		"busy", "cut", "cut search", "conceal", "nothing", "program", "program", "refuse", "hang", "interrupt", "interrupt between writes", "disk full", "lock", "comment",
	}).Draw(t, "fault"); what {
	case "busy":
		f.directory.Busy = map[string]int{}
		for range rapid.IntRange(1, 3).Draw(t, "how many are busy") {
			f.directory.Busy[pick(t, "busy", slices.Collect(maps.Values(h.dns)))]++
		}
	case "cut":
		f.directory.CutAt, f.directory.CutLate = rapid.IntRange(1, 30).Draw(t, "cut at request"), rapid.Bool().Draw(t, "which is carried out")
	case "cut search":
		f.directory.DropAfter = rapid.IntRange(1, 3).Draw(t, "after entries")
	case "conceal":
		f.directory.Conceal = []string{pick(t, "base", []string{"ou=HQ,o=Contoso", recipients, imported})}
	case "nothing":
		f.directory.Nothing = true
	case "program":
		f.postOffice = drawProgramFault(t)
	case "refuse":
		names := rapid.SliceOfN(rapid.SampledFrom(append(names(), "Leaver, Leo", "EXSITE1")), 1, 4).Draw(t, "refused")
		f.postOffice = &postoffice.Fault{Program: "import", Refuse: names, Times: 2}
	case "hang":
		f.timeout = 100 * time.Millisecond
		f.postOffice = &postoffice.Fault{Program: pick(t, "program", []string{"export", "import"}), Hang: true, Times: 1}
	case "interrupt":
		f.step = rapid.IntRange(1, 10).Draw(t, "before step")
	case "interrupt between writes", "disk full":
		f.call, f.full = rapid.IntRange(1, 12).Draw(t, "before call of the ledger"), what == "disk full"
	case "lock":
		f.locked = true
	case "comment":
		f.comment = true
	}
	t.Logf("a cycle with %s", f)
	_, _ = h.run(t, task, f)
}

func (f fault) String() string {
	type plain fault
	text := fmt.Sprintf("%+v", plain(f))
	if f.postOffice != nil {
		text += fmt.Sprintf(" %+v", *f.postOffice)
	}
	return text
}

func drawProgramFault(t *rapid.T) *postoffice.Fault {
	f := postoffice.Fault{Program: pick(t, "program", []string{"export", "import"}), Times: 1, Code: rapid.IntRange(0, 6).Draw(t, "result code")}
	if f.Program == "import" {
		f.Task = rapid.SampledFrom([]postoffice.Task{postoffice.TaskDirectory, postoffice.TaskDelete}).Draw(t, "task")
		if f.After = rapid.IntRange(0, 3).Draw(t, "records taken"); f.Code == 0 {
			f.Output = postoffice.MissingOutput
		}
		return &f
	}
	f.Task = rapid.SampledFrom([]postoffice.Task{postoffice.TaskDirectory, postoffice.TaskLists, postoffice.TaskBoards}).Draw(t, "task")
	if f.Code == 0 {
		f.Output = rapid.SampledFrom([]postoffice.Output{postoffice.EmptyOutput, postoffice.TruncatedOutput, postoffice.MissingOutput}).Draw(t, "output")
	}
	return &f
}

// pick draws one of the texts, whatever their order. Without any the action
// cannot be.
func pick(t *rapid.T, label string, from []string) string {
	t.Helper()
	if len(from) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(slices.Sorted(slices.Values(from))).Draw(t, label)
}

// names are the names that people on both sides choose, so that they clash: in
// case, and as they are spoken and written.
func names() []string {
	return []string{
		"Doe, Jane", "Jane Doe", "DOE, JANE", "Roe, Richard", "Ünal, Ümit", "Held, Hal", "Poe, Pat", "Team", "News",
		"Overlong, A Name That Does Not Fit In",
	}
}

func titles() []string { return []string{"Team", "TEAM", "News", "Poe, Pat"} }

const (
	outside    = "cn=Elsewhere,ou=HQ,o=Contoso" // not exported
	distrusted = "120"
)

// apply makes a change in the directory as Exchange's own programs do.
func (h *history) apply(t *rapid.T, changes ...exchange55.ChangeRecord) {
	t.Helper()
	if err := h.directory.Apply(changes); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		t.Logf("Exchange: %s %+v%+v", change.DN, change.Attributes, change.Changes)
	}
}

func replace(dn, attribute string, values ...string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: dn, Type: exchange55.Modify, Changes: []exchange55.Change{
		{Op: exchange55.ReplaceValues, Attribute: exchange55.Attribute{Name: attribute, Values: values}},
	}}
}

// natives are the recipients that are Exchange's, without the one that stays.
func (s sides) natives(prefix string) []string {
	var dns []string
	for _, o := range s.objects {
		if o.class() != "" && o.alive() && !o.ours() && strings.HasPrefix(o.dn, prefix) && !strings.HasPrefix(o.dn, "cn=marta,") {
			dns = append(dns, o.dn)
		}
	}
	return dns
}

// editExchange is what Exchange's administrator does to Exchange's own entries.
func (h *history) editExchange(t *rapid.T) {
	s := h.look(t)
	switch what := rapid.SampledFrom([]string{"add", "add", "hold an address", "delete", "rename", "site", "hide", "trust", "move"}).Draw(t, "what"); what {
	case "add":
		h.addNative(t, s)
	case "hold an address":
		h.addHolder(t, s)
	case "delete":
		h.apply(t, exchange55.ChangeRecord{DN: pick(t, "entry", s.natives("cn=")), Type: exchange55.Delete})
	case "rename":
		dn := pick(t, "entry", s.natives("cn=n"))
		switch site := rapid.SampledFrom([]string{"EXSITE1", "EXSITE1", "OTHERSITE", ""}).Draw(t, "site"); site {
		case "":
			h.apply(t, replace(dn, "otherMailbox"))
		default:
			h.apply(t, replace(dn, "otherMailbox", "CCMAIL$"+pick(t, "name", names())+" at "+site))
		}
	case "site":
		dn := pick(t, "entry", s.natives("cn=n"))
		name, site, there := strings.Cut(s.objects[strings.ToLower(dn)].first("otherMailbox"), " at ")
		if !there {
			t.Skip("it has no address")
		}
		h.apply(t, replace(dn, "otherMailbox", name+" at "+map[bool]string{true: "OTHERSITE", false: "EXSITE1"}[site == "EXSITE1"]))
	case "hide":
		dn := pick(t, "entry", s.natives("cn=n"))
		if s.objects[strings.ToLower(dn)].first("Hide-From-Address-Book") == "" {
			h.apply(t, replace(dn, "Hide-From-Address-Book", "TRUE"))
		} else {
			h.apply(t, replace(dn, "Hide-From-Address-Book"))
		}
	case "trust":
		h.apply(t, replace(pick(t, "entry", s.natives("cn=n")), "Replication-Sensitivity", pick(t, "level", []string{"20", distrusted})))
	case "move":
		h.moveNative(t, s)
	}
}

func (h *history) addNative(t *rapid.T, s sides) {
	t.Helper()
	var free []string
	for _, name := range []string{"n1", "n2", "n3", "n4", "n5", "n6"} {
		if len(s.natives("cn="+name+",")) == 0 {
			free = append(free, name)
		}
	}
	name := pick(t, "directory name", free)
	class := pick(t, "class", []string{"organizationalPerson", "groupOfNames", "Public-Folder", "Remote-Address"})
	attributes := []exchange55.Attribute{
		{Name: "objectClass", Values: []string{class}},
		{Name: "cn", Values: []string{"Native " + name}},
		{Name: "uid", Values: []string{name}},
		{Name: "otherMailbox", Values: []string{"CCMAIL$" + pick(t, "name", names()) + " at EXSITE1"}},
	}
	switch class {
	case "Remote-Address":
		attributes = append(attributes, exchange55.Attribute{Name: "Target-Address", Values: []string{"SMTP:" + name + "@native.example"}})
	case "organizationalPerson", "Public-Folder":
		attributes = append(attributes, exchange55.Attribute{Name: "mailPreferenceOption", Values: []string{"0"}})
	}
	container := rapid.SampledFrom([]string{recipients, recipients, outside}).Draw(t, "container")
	h.apply(t, exchange55.ChangeRecord{DN: "cn=" + name + "," + container, Type: exchange55.Add, Attributes: attributes})
}

// addHolder makes a custom recipient of somebody else's that has the address of
// a cc:Mail user, maybe in the import container.
func (h *history) addHolder(t *rapid.T, s sides) {
	t.Helper()
	if len(s.natives("cn=holder,")) > 0 {
		t.Skip("there is one")
	}
	attributes := []exchange55.Attribute{
		{Name: "objectClass", Values: []string{"Remote-Address"}},
		{Name: "cn", Values: []string{"Hal Held"}},
		{Name: "uid", Values: []string{"HeldH"}},
		{Name: "Target-Address", Values: []string{"CCMAIL:Hal Held at " + pick(t, "post office", []string{"NORTHHUB", "SOUTHPO"})}},
	}
	if rapid.Bool().Draw(t, "another's mark") {
		attributes = append(attributes, exchange55.Attribute{Name: "Imported-From", Values: []string{"another"}})
	}
	h.apply(t, exchange55.ChangeRecord{
		DN: "cn=holder," + pick(t, "container", []string{recipients, imported, outside}), Type: exchange55.Add, Attributes: attributes,
	})
}

func (h *history) moveNative(t *rapid.T, s sides) {
	t.Helper()
	former := s.objects[strings.ToLower(pick(t, "entry", s.natives("cn=n")))]
	name, container, _ := strings.Cut(former.dn, ",")
	if container == recipients {
		container = outside
	} else {
		container = recipients
	}
	var attributes []exchange55.Attribute
	for _, a := range []string{"objectClass", "cn", "uid", "otherMailbox", "Target-Address", "mailPreferenceOption", "Hide-From-Address-Book", "Replication-Sensitivity"} {
		if values := former.values[strings.ToLower(a)]; len(values) > 0 {
			attributes = append(attributes, exchange55.Attribute{Name: a, Values: values})
		}
	}
	h.apply(t, exchange55.ChangeRecord{DN: former.dn, Type: exchange55.Delete},
		exchange55.ChangeRecord{DN: name + "," + container, Type: exchange55.Add, Attributes: attributes})
}

// edit makes a change in the post office. One that it refuses is none.
func (h *history) edit(t *rapid.T, change func(*postoffice.PostOffice) error, format string, values ...any) {
	t.Helper()
	err := postoffice.Edit(h.connector.PostOffice.Path, change)
	var refused *postoffice.RefusedError
	if errors.As(err, &refused) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cc:Mail: "+format, values...)
}

// ccmails reports whether a row is cc:Mail's own.
func ccmails(row postoffice.Entry) bool { return !ours(row) }

// users are the names of rows, without post offices and those that stay.
func (s sides) users(whose func(postoffice.Entry) bool) []string {
	var found []string
	for _, row := range s.rows {
		if whose(row) && !strings.Contains("Pp", string(row.Location)) && row.Name != "Lindström, Åsa" && row.Name != "Quist, Marta" {
			found = append(found, row.Name)
		}
	}
	return found
}

// editCCMail is what cc:Mail's administrator does to cc:Mail's own entries.
func (h *history) editCCMail(t *rapid.T) {
	s := h.look(t)
	switch what := rapid.SampledFrom([]string{"add", "add", "delete", "rename", "move", "comment", "list", "members", "members", "board"}).Draw(t, "what"); what {
	case "add":
		row := postoffice.Entry{
			Name:     pick(t, "name", names()),
			Location: postoffice.Location(pick(t, "location", []string{"L", "R", "l", "A"})),
			Comment:  pick(t, "comment", []string{"", "Room 7"}),
		}
		if row.Location == postoffice.OtherUser {
			row.Address = "SOUTHPO"
		}
		h.edit(t, func(po *postoffice.PostOffice) error { return po.Add(row) }, "add %+v", row)
	case "delete":
		name := pick(t, "entry", s.users(ccmails))
		h.edit(t, func(po *postoffice.PostOffice) error { return po.Delete(name) }, "delete %s", name)
	case "rename":
		row := s.rows[strings.ToLower(pick(t, "entry", s.users(ccmails)))]
		former := row.Name
		row.Name = pick(t, "name", names())
		h.edit(t, func(po *postoffice.PostOffice) error { return errors.Join(po.Delete(former), po.Add(row)) }, "rename %s to %s", former, row.Name)
	case "move":
		name, home := pick(t, "entry", s.users(ccmails)), pick(t, "post office", []string{"NORTHHUB", "SOUTHPO", "EXSITE1"})
		h.edit(t, func(po *postoffice.PostOffice) error { return po.Move(name, home) }, "move %s to %s", name, home)
	case "comment":
		name, comment := pick(t, "entry", append(s.users(ccmails), "Lindström, Åsa")), pick(t, "comment", []string{"", "Room 8", "Tür 9"})
		h.edit(t, func(po *postoffice.PostOffice) error { return po.SetComment(name, comment) }, "comment of %s: %q", name, comment)
	case "list":
		title := pick(t, "title", titles())
		if _, there := s.lists[strings.ToLower(title)]; there {
			h.edit(t, func(po *postoffice.PostOffice) error { return po.DeleteList(title) }, "delete list %s", title)
		} else {
			list := postoffice.List{Title: title, Members: drawMembers(t)}
			h.edit(t, func(po *postoffice.PostOffice) error { return po.AddList(list) }, "add list %+v", list)
		}
	case "members":
		title := pick(t, "list", append(slices.Collect(maps.Keys(s.lists)), "sales team"))
		list := postoffice.List{Title: s.lists[title].Title, Members: drawMembers(t)}
		h.edit(t, func(po *postoffice.PostOffice) error { return errors.Join(po.DeleteList(title), po.AddList(list)) }, "list %+v", list)
	case "board":
		title := pick(t, "title", titles())
		if _, there := s.boards[strings.ToLower(title)]; there {
			h.edit(t, func(po *postoffice.PostOffice) error { return po.DeleteBoard(title) }, "delete board %s", title)
		} else {
			h.edit(t, func(po *postoffice.PostOffice) error { return po.AddBoard(title) }, "add board %s", title)
		}
	}
}

// drawMembers draws who is on a list.
func drawMembers(t *rapid.T) []string {
	who := append(names(), "Lindström, Åsa", "Quist, Marta", "Sales Team", "Nobody")
	return rapid.SliceOfNDistinct(rapid.SampledFrom(who), 0, 4, strings.ToLower).Draw(t, "members")
}

// editRows is what cc:Mail's administrator does to Exchange's entries.
func (h *history) editRows(t *rapid.T) {
	s := h.look(t)
	switch what := rapid.SampledFrom([]string{"add", "delete", "alias", "comment", "move"}).Draw(t, "what"); what {
	case "add":
		row := postoffice.Entry{Name: pick(t, "name", names()), Location: postoffice.RemoteUser, Address: "EXSITE1"}
		h.edit(t, func(po *postoffice.PostOffice) error { return po.Add(row) }, "add %+v", row)
	case "delete":
		name := pick(t, "entry", s.users(ours))
		h.edit(t, func(po *postoffice.PostOffice) error { return po.Delete(name) }, "delete %s", name)
	case "alias":
		row := s.rows[strings.ToLower(pick(t, "entry", s.users(ours)))]
		row.Address = "EXSITE1 Somebody Else"
		h.edit(t, func(po *postoffice.PostOffice) error { return errors.Join(po.Delete(row.Name), po.Add(row)) }, "%+v", row)
	case "comment":
		name := pick(t, "entry", s.users(ours))
		h.edit(t, func(po *postoffice.PostOffice) error { return po.SetComment(name, "by hand") }, "comment of %s", name)
	case "move":
		name, home := pick(t, "entry", s.users(ours)), pick(t, "post office", []string{"NORTHHUB", "SOUTHPO"})
		h.edit(t, func(po *postoffice.PostOffice) error { return po.Move(name, home) }, "move %s to %s", name, home)
	}
}

// editRecipients is what Exchange's administrator does to cc:Mail's entries.
func (h *history) editRecipients(t *rapid.T) {
	s := h.look(t)
	forEver := []string{"user:lindström, åsa", "list:sales team", "board:social"}
	var mine, customs, boards, lost []string
	for _, o := range s.objects {
		key := o.key()
		switch {
		case o.ours() && !slices.Contains(forEver, key):
			mine = append(mine, o.dn)
			if !o.group() {
				customs = append(customs, o.dn)
			}
			if strings.HasPrefix(key, "board:") {
				boards = append(boards, o.dn)
			}
		case o.alive() && o.first("Imported-From") == "" && slices.Contains(slices.Collect(maps.Values(h.dns)), o.dn):
			lost = append(lost, o.dn)
		}
	}
	switch what := rapid.SampledFrom([]string{"delete", "notes", "target", "board's target", "addresses", "hide", "show", "unlink", "link", "disown", "own"}).Draw(t, "what"); what {
	case "delete":
		h.apply(t, exchange55.ChangeRecord{DN: pick(t, "recipient", mine), Type: exchange55.Delete})
	case "notes":
		h.apply(t, replace(pick(t, "recipient", mine), "info", "by hand"))
	case "target":
		dn := pick(t, "recipient", customs)
		h.apply(t, replace(dn, "Target-Address", "CCMAIL:"+dn[3:19]+" at NORTHHUB"))
	case "board's target":
		dn := pick(t, "board", boards)
		_, title, _ := strings.Cut(s.objects[strings.ToLower(dn)].key(), ":")
		h.apply(t, replace(dn, "Target-Address", "CCMAIL:#"+title+" at NORTHHUB"))
	case "addresses":
		dn := pick(t, "recipient", mine)
		h.apply(t, replace(dn, "otherMailbox", "CCMAIL$"+dn[3:19]+" at NORTHHUB"))
	case "hide", "show":
		values := map[string][]string{"hide": {"TRUE"}}[what]
		dn := pick(t, "recipient", mine)
		h.apply(t, replace(dn, "Hide-From-Address-Book", values...))
		delete(h.hidden, strings.ToLower(dn))
	case "unlink":
		h.apply(t, replace(pick(t, "recipient", mine), "Extension-Attribute-15"))
	case "link":
		h.apply(t, replace(pick(t, "recipient", mine), "Extension-Attribute-15", "Building 4"))
	case "disown":
		dn := pick(t, "recipient", mine)
		h.apply(t, replace(dn, "Imported-From"))
		delete(h.hidden, strings.ToLower(dn))
	case "own":
		h.apply(t, replace(pick(t, "recipient", lost), "Imported-From", "hq"))
	}
}
