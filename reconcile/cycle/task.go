package cycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// Task is what a cycle does with what it has read. Make one with
// [Synchronize], [Apply], [Resync], [Undo] or [Remove].
//
// Every task goes through the same ten steps: it reads both sides whole, its
// plan is recorded and judged by the guards, and its steps are carried out and
// recorded in the same way.
type Task struct {
	purpose string // of its plan
	// decide plans both directions from what was read.
	decide func(*run) error
	// requests makes the LDAP requests of a step toward Exchange.
	requests func(*run, reconcile.Step) ([]ldapsrc.Change, error)
	// accept refuses the plan that was made, before it is recorded.
	accept func(reconcile.Plan) error
	// whole says that the plan speaks of every entry, so that what it leaves
	// open is all that is open.
	whole bool
	// readAll reads all recipients, whatever is known of them.
	readAll bool
	// undone is the run that it takes back; the entries it writes are left
	// alone by later cycles.
	undone int64
	// redone is the run that the undone one had taken back, if it was an undo; the
	// entries that it left alone are so no longer.
	redone int64
}

// Synchronize is the whole synchronization.
func Synchronize() Task {
	return Task{decide: (*run).synchronize, requests: (*run).requestsOf, whole: true}
}

// ReadingAll is the task with a read of the whole directory, whatever earlier
// runs have kept of it.
func (t Task) ReadingAll() Task {
	t.readAll = true
	return t
}

// Apply carries out exactly a plan that was saved. It is a [*StaleError] when
// the plan that is made now is another one.
func Apply(saved reconcile.Plan) Task {
	t := Synchronize()
	t.accept = func(now reconcile.Plan) error {
		if differences := reconcile.Compare(saved, now); len(differences) > 0 {
			return &StaleError{PlanID: saved.ID, Differences: differences}
		}
		return nil
	}
	return t
}

// StaleError says that a saved plan is not the one that either side asks for
// now.
type StaleError struct {
	PlanID      string
	Differences []string // what the plan has now and had not, and the reverse
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("plan %s is stale, nothing was written: one of the sides or the configuration has moved on: %s; plan again",
		e.PlanID, strings.Join(e.Differences, "; "))
}

// Resync brings one entry in step, named as in cc:Mail, by an address or by a
// DN, with everything that is else set on creation only.
func Resync(entry string) Task {
	return Task{
		purpose: fmt.Sprintf("resync %q", entry),
		decide:  func(r *run) error { return r.resync(entry) }, requests: (*run).requestsOf,
	}
}

// resync plans everything, with all that the rules say for the entry, and
// leaves of the plan what concerns it.
func (r *run) resync(entry string) error {
	r.renewed = &wish{entry: entry}
	if err := r.synchronize(); err != nil {
		return err
	}
	r.toCCMail.Select(func(s reconcile.Step) bool { return r.renewed.means(s.Name, s.Address, s.DN) })
	r.toExchange.Select(func(s reconcile.Step) bool { return r.renewed.means(s.Name, s.Address, s.DN) })
	if !r.renewed.found {
		return fmt.Errorf("neither side has an entry %q that is to be on the other: name it as cc:Mail does, or by its DN in Exchange", entry)
	}
	return nil
}

// wish is an entry that somebody named.
type wish struct {
	entry string
	found bool
}

// means reports whether the entry has this name, at this post office or with
// this address, or this DN, and notes that it was found. No entry is meant
// when nobody named one.
func (w *wish) means(name, address, dn string) bool {
	if w == nil {
		return false
	}
	forms := []string{name, name + " at " + address}
	if _, untyped, typed := strings.Cut(address, ":"); typed {
		forms = []string{name, address, untyped}
	}
	is := slices.ContainsFunc(forms, func(form string) bool { return form != "" && reconcile.Fold(form) == reconcile.Fold(w.entry) })
	is = is || dn != "" && mapping.NormalDN(dn) == mapping.NormalDN(w.entry)
	w.found = w.found || is
	return is
}

// Plan reads both sides and says what the task would do. It writes nothing;
// the export files go to a temporary folder that is removed, and nothing is
// recorded. Of the ledger of the connector only what is known is read.
func (t Task) Plan(ctx context.Context, c Connector, trace Trace) (Report, error) {
	folder, err := os.MkdirTemp("", "ccdirsync-plan-")
	if err != nil {
		return Report{}, fmt.Errorf("make a temporary folder for the export files: %w", err)
	}
	r, err := newRun(t, c, trace, folder)
	if err == nil {
		r.planOnly = true
		err = r.cycle(ctx, r.steps()[:planned])
	}
	return r.report, errors.Join(err, r.close(), os.RemoveAll(folder))
}

// Run carries out the task in one cycle. A [*GuardError] means that nothing
// was written and the report holds the plan. Any other error ended the cycle;
// what had been done by then has its outcome in the report.
func (t Task) Run(ctx context.Context, c Connector, trace Trace) (Report, error) {
	r, err := newRun(t, c, trace, c.Store.ExportFolder())
	if err != nil {
		return r.report, err
	}
	unlock, err := r.takeStore()
	if err != nil {
		return r.report, fmt.Errorf("connector %s: %w", c.Name, err)
	}
	if err = r.beginRecord(ctx); err != nil {
		err = fmt.Errorf("connector %s: nothing was written to either side: %w", c.Name, err)
		return r.report, errors.Join(err, unlock())
	}
	err = r.cycle(ctx, r.steps())
	if err != nil {
		r.endEarly(err)
	}
	err = errors.Join(err, r.close())
	return r.report, errors.Join(err, r.endRecord(ctx, err), unlock())
}

// Plan is [Task.Plan] of the whole synchronization.
func Plan(ctx context.Context, c Connector, trace Trace) (Report, error) {
	return Synchronize().Plan(ctx, c, trace)
}

// Run is [Task.Run] of the whole synchronization.
func Run(ctx context.Context, c Connector, trace Trace) (Report, error) {
	return Synchronize().Run(ctx, c, trace)
}

// synchronize plans what brings both sides in step.
func (r *run) synchronize() error {
	out, goesOut := r.ccMailInput()
	if in, on := r.exchangeInput(); on {
		r.toExchange = reconcile.PlanExchange(in)
		r.synchronized[reconcile.ToExchange] = true
		r.holdPaused(&r.toExchange, reconcile.ToExchange)
		r.warnOfStrays()
		r.warnOfMembers(in)
	}
	r.letGo()
	if goesOut {
		r.toCCMail = reconcile.PlanCCMail(out)
		r.synchronized[reconcile.ToCCMail] = true
		r.holdPaused(&r.toCCMail, reconcile.ToCCMail)
	}
	return nil
}

// holdPaused leaves alone what a person has taken back. A custom recipient is
// known by its DN too, since older programs recorded no keys.
func (r *run) holdPaused(side *reconcile.Side, direction reconcile.Direction) {
	if len(r.known.Paused) == 0 {
		return
	}
	paused := map[string]reconcile.Pause{}
	for _, p := range r.known.Paused {
		if p.Direction != direction {
			continue
		}
		paused[p.Key] = p
		if direction == reconcile.ToExchange && p.DN != "" {
			paused[reconcile.Fold(p.DN)] = p
		}
	}
	reasons := map[int]string{}
	for i, s := range side.Steps {
		p, is := paused[s.Key]
		if !is && direction == reconcile.ToExchange {
			p, is = paused[reconcile.Fold(s.DN)]
		}
		if is {
			reasons[i] = fmt.Sprintf("run %d was taken back at %s; ccdirsync resume %q lets cycles work on it again",
				p.Undone, p.Since.UTC().Format(time.RFC3339), p.Name)
		}
	}
	side.Hold(reasons)
}

// warnOfStrays tells of custom recipients of ours that are where this connector
// never looks for its own, such as in a former import container (Q174732).
func (r *run) warnOfStrays() {
	if strays := r.sortedOut().strays; len(strays) > 0 {
		r.warn(fmt.Sprintf("%s this connector's and not in its import container, such as %s; name the container in exchange.import.former_containers to have them made anew in %s",
			count(len(strays), "custom recipient is", "custom recipients are"), slices.Min(strays), r.connector.Exchange.Import.Container))
	}
}

// Remove deletes everything that the connector has made on both sides. Post
// offices stay: they are never deleted.
func Remove(connector string) Task {
	return Task{purpose: "remove " + connector, decide: (*run).remove, requests: (*run).requestsOf, whole: true}
}

func (r *run) remove() error {
	var left []reconcile.Row
	r.toCCMail, left = reconcile.RemoveCCMail(reconcile.CCMailInput{Ownership: r.ownership, Rows: r.rows})
	for _, row := range left {
		r.warn(fmt.Sprintf("the post office %s stays in cc:Mail, because post offices are never deleted; delete it there", row.Name))
	}
	in, on := r.exchangeInput()
	if !on {
		r.warn("exchange.import is not configured, so it is not known which custom recipients are this connector's; they stay")
		return nil
	}
	in.Grace = reconcile.Grace{}
	r.toExchange = reconcile.RemoveExchange(in)
	return nil
}

// pauses are what later cycles leave alone, so that they do not do again what
// this one takes back.
func (r *run) pauses() []reconcile.Pause {
	if r.task.undone == 0 || r.task.redone != 0 {
		return nil
	}
	var pauses []reconcile.Pause
	for _, side := range r.directions() {
		for _, s := range side.steps {
			if s.Op.Writes() {
				pauses = append(pauses, reconcile.Pause{
					Direction: side.direction, Key: s.Key, Kind: s.Kind, Name: s.Name, DN: s.DN, Since: r.started, Undone: r.task.undone,
				})
			}
		}
	}
	return pauses
}

// resumed are the pauses that end, because the undo that began them is taken
// back itself.
func (r *run) resumed() []reconcile.Pause {
	if r.task.redone == 0 {
		return nil
	}
	written := map[reconcile.Direction]map[string]bool{reconcile.ToCCMail: {}, reconcile.ToExchange: {}}
	for _, side := range r.directions() {
		for _, s := range side.steps {
			if s.Op.Writes() {
				written[side.direction][s.Key] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(r.known.Paused), func(p reconcile.Pause) bool {
		return p.Undone != r.task.redone || !written[p.Direction][p.Key]
	})
}

// direction is the part of a plan toward one side.
type direction struct {
	direction reconcile.Direction
	steps     []reconcile.Step
}

func (r *run) directions() []direction {
	return []direction{{reconcile.ToCCMail, r.report.ToCCMail}, {reconcile.ToExchange, r.report.ToExchange}}
}

// Undo takes back what a run has done, entry by entry: what has changed since is
// refused. plan is that of the run, with the outcomes of its steps. Later cycles
// leave the entries alone.
func Undo(recorded reconcile.Run, plan reconcile.Plan) Task {
	var redone int64
	if _, err := fmt.Sscanf(recorded.Purpose, undoing, &redone); err != nil {
		redone = 0
	}
	return Task{
		purpose: fmt.Sprintf(undoing, recorded.ID),
		decide:  func(r *run) error { r.undo(plan); return nil },
		requests: func(r *run, s reconcile.Step) ([]ldapsrc.Change, error) {
			return mapping.UndoRequests(r.connector.Server.Profile, s)
		},
		undone: recorded.ID, redone: redone,
	}
}

// undoing is the purpose of a task that takes a run back.
const undoing = "undo %d"

func (r *run) undo(plan reconcile.Plan) {
	r.toCCMail = reconcile.UndoCCMail(reconcile.UndoRows{
		Steps: plan.ToCCMail, Ownership: r.ownership, Rows: r.rows, Lists: r.listTitles(),
	})
	recipients := make([]ldapsrc.Recipient, len(r.recipients))
	for i, e := range r.recipients {
		recipients[i] = e.Recipient()
	}
	r.toExchange = mapping.Undo(mapping.UndoInput{
		Steps: plan.ToExchange, Recipients: recipients, Profile: r.connector.Server.Profile, Link: r.link,
		Connector: r.connector.Name, FormerConnectors: r.formerNames(),
	})
}
