package cycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ccdirsync/reconcile"
)

// Ledger keeps what a cycle does. Package ledger has one; what a method
// returned without an error for must be kept when the program dies.
type Ledger interface {
	// Known returns what earlier runs of the connector left behind. A plan
	// calls it too.
	Known(ctx context.Context, connector string, at time.Time) (reconcile.Known, error)
	// Snapshots returns what earlier runs of the connector have read of the
	// directory. A plan calls it too.
	Snapshots(ctx context.Context, connector string) ([]reconcile.Snapshot, error)
	// Begin records that a run begins and returns its ID, and the earlier
	// runs of the connector that died.
	Begin(ctx context.Context, connector string, at time.Time) (run int64, died []reconcile.DiedRun, err error)
	// RecordPlan records what a run is about to do.
	RecordPlan(ctx context.Context, run int64, plan reconcile.Plan) error
	// RecordWarnings records the oddities so far, with the plan at the latest.
	RecordWarnings(ctx context.Context, run int64, warnings []string) error
	// StartWriting records that the first write is about to be made, and what
	// the run leaves to later ones from then on.
	StartWriting(ctx context.Context, run int64, writing reconcile.Writing) error
	// RecordOutcomes records what became of steps.
	RecordOutcomes(ctx context.Context, run int64, outcomes []reconcile.StepOutcome) error
	// End records how a run ended.
	End(ctx context.Context, run int64, end reconcile.RunEnd) error
}

// Recording says where a run is recorded and what time it is. Without a
// ledger nothing is recorded and nothing is known of earlier runs.
type Recording struct {
	Ledger Ledger
	Now    func() time.Time // required with a ledger
}

// record is what is known of the record of a run. All its functions do nothing
// when nothing is recorded.
type record struct {
	id      int64
	writing bool
	noted   []reconcile.StepOutcome // of every step of the plan, as last recorded
}

// beginRecord begins the record of a run. The store is held, so no other run
// of the connector is alive.
func (r *run) beginRecord(ctx context.Context) error {
	recording := r.connector.Recording
	if recording.Ledger == nil {
		return nil
	}
	r.started = recording.Now()
	id, died, err := recording.Ledger.Begin(ctx, r.connector.Name, r.started)
	if err != nil {
		return err
	}
	r.record.id, r.report.Run, r.report.State = id, id, reconcile.RunReading
	for _, d := range died {
		r.warn(obituary(d))
	}
	return nil
}

// lookAtClock sets what time it is for a cycle that is not recorded.
func (r *run) lookAtClock() {
	if r.started.IsZero() && r.connector.Recording.Now != nil {
		r.started = r.connector.Recording.Now()
	}
}

// recall reads what earlier runs left behind.
func (r *run) recall(ctx context.Context) error {
	recording := r.connector.Recording
	if recording.Ledger == nil {
		return nil
	}
	var err error
	r.known, err = recording.Ledger.Known(ctx, r.connector.Name, r.started)
	return err
}

// obituary says of a run that died what it left open. One that did not
// synchronize is carried on by nobody but a person.
func obituary(d reconcile.DiedRun) string {
	text := accountOfDeath(d)
	if d.Purpose != "" {
		text += fmt.Sprintf("; it was for %s, which no other run carries on: see whether that is still to be done, with ccdirsync %s", d.Purpose, d.Purpose)
	}
	return text
}

func accountOfDeath(d reconcile.DiedRun) string {
	text := fmt.Sprintf("run %d, begun at %s, died ", d.ID, d.Started.Format(time.RFC3339))
	switch d.State {
	case reconcile.RunReading:
		return text + "while it read both sides; nothing was written"
	case reconcile.RunPlanned:
		return text + "before its first write"
	case reconcile.RunWriting, reconcile.RunDone, reconcile.RunFailed, reconcile.RunStopped, reconcile.RunDied:
	}
	text += "while it was writing"
	if d.Open == 0 {
		return text + "; every step had its outcome"
	}
	var first []string
	for _, s := range d.FirstOpen {
		first = append(first, fmt.Sprintf("%s %s %s", s.Op, s.Kind, s.Subject()))
	}
	text += fmt.Sprintf("; of %s it is not known whether they were carried out: %s", count(d.Open, "step", "steps"), strings.Join(first, "; "))
	if more := d.Open - len(first); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	if d.Purpose == "" {
		text += "; this run finds out what is left to do"
	}
	return text
}

// recordPlan records the plan, before anything is written.
func (r *run) recordPlan(ctx context.Context) error {
	if r.record.id == 0 {
		return nil
	}
	if err := r.connector.Recording.Ledger.RecordWarnings(ctx, r.record.id, r.report.Warnings); err != nil {
		return err
	}
	if err := r.connector.Recording.Ledger.RecordPlan(ctx, r.record.id, r.report.Plan); err != nil {
		return err
	}
	r.report.State = reconcile.RunPlanned
	r.record.noted = make([]reconcile.StepOutcome, len(r.report.ToCCMail)+len(r.report.ToExchange))
	return nil
}

// recordWriting is called before every write and records the first.
func (r *run) recordWriting(ctx context.Context) error {
	if r.record.id == 0 || r.record.writing {
		return nil
	}
	if err := r.connector.Recording.Ledger.StartWriting(ctx, r.record.id, r.writing()); err != nil {
		return fmt.Errorf("nothing was written to either side: %w", err)
	}
	r.record.writing, r.report.State = true, reconcile.RunWriting
	return nil
}

// writing is what the run leaves to later ones from its first write on.
func (r *run) writing() reconcile.Writing {
	return reconcile.Writing{
		Found: reconcile.Baseline{Counts: r.countsLeft(), Scope: r.scope()},
		// A run that dies has ended no time of grace, as far as anybody knows.
		Pauses: r.pauses(), Resumed: r.resumed(), Retiring: r.retiring(nil),
	}
}

// retiring are the entries in their time of grace: as planned, or as it came
// out, and those that were in it before and are not among the ended ones. It is
// never nil, since no such entry is news too.
func (r *run) retiring(ended map[retiree]bool) []reconcile.Retirement {
	all := append([]reconcile.Retirement{}, r.toCCMail.Retirements(reconcile.ToCCMail)...)
	all = append(all, r.toExchange.Retirements(reconcile.ToExchange)...)
	all = append(all, r.hiddenAgain()...)
	told := map[retiree]bool{}
	for _, now := range all {
		told[retiree{now.Direction, now.Key}] = true
	}
	for _, known := range r.known.Retiring {
		if is := (retiree{known.Direction, known.Key}); !told[is] && !ended[is] {
			all = append(all, known)
		}
	}
	return all
}

// retiree is an entry in its time of grace.
type retiree struct {
	direction reconcile.Direction
	key       string
}

// endedGrace are the entries that were in their time of grace and are not in
// it any more unless the plan says so: those of a direction in which every
// entry was planned, and those whose step is done and does not leave them hidden.
func (r *run) endedGrace() map[retiree]bool {
	ended := map[retiree]bool{}
	for _, known := range r.known.Retiring {
		if r.task.whole && r.synchronized[known.Direction] {
			ended[retiree{known.Direction, known.Key}] = true
		}
	}
	for _, side := range r.directions() {
		for _, s := range side.steps {
			if staysHidden := s.After != nil && s.After.Hidden; s.Op.Writes() && s.Outcome == reconcile.Done && !staysHidden {
				ended[retiree{side.direction, s.Key}] = true
			}
		}
	}
	return ended
}

// hiddenAgain are the entries that a run had shown again and that are hidden
// now that it is taken back.
func (r *run) hiddenAgain() (all []reconcile.Retirement) {
	if r.task.undone == 0 {
		return nil
	}
	for _, s := range r.report.ToExchange {
		if s.Op == reconcile.Modify && s.After.Hidden && !s.Before.Hidden && s.Outcome != reconcile.Held {
			all = append(all, reconcile.Retirement{
				Direction: reconcile.ToExchange, Key: s.Key, Name: s.Name, DN: s.DN, Since: r.started, Hid: true,
			})
		}
	}
	return all
}

// scope is what later runs take for the scope of this one. One that is not about
// all entries leaves that of the run before: what a new scope does is not done
// yet.
func (r *run) scope() []reconcile.Setting {
	if !r.task.whole && r.known.Last.Run != 0 {
		return r.known.Last.Scope
	}
	return r.connector.Scope
}

// recordCCMail records what became of the steps toward cc:Mail.
func (r *run) recordCCMail(ctx context.Context) error {
	return r.recordOutcomes(ctx, numbers(len(r.report.ToCCMail)))
}

// recordOutcomes records what became of the steps at these places of the plan,
// both directions counted, when that is not recorded yet. An interrupt does not
// keep it from it.
func (r *run) recordOutcomes(ctx context.Context, places []int) error {
	if len(r.record.noted) == 0 {
		return nil
	}
	var news []reconcile.StepOutcome
	for _, place := range places {
		s := r.stepAt(place)
		outcome := reconcile.StepOutcome{Number: place + 1, Outcome: s.Outcome, Error: s.Error}
		if noted := r.record.noted[place]; s.Outcome != noted.Outcome || s.Error != noted.Error {
			news = append(news, outcome)
		}
	}
	if len(news) == 0 {
		return nil
	}
	if err := r.connector.Recording.Ledger.RecordOutcomes(context.WithoutCancel(ctx), r.record.id, news); err != nil {
		return err
	}
	for _, outcome := range news {
		r.record.noted[outcome.Number-1] = outcome
	}
	return nil
}

// stepAt is the step at a place of the plan, both directions counted.
func (r *run) stepAt(place int) *reconcile.Step {
	if toCCMail := len(r.report.ToCCMail); place >= toCCMail {
		return &r.report.ToExchange[place-toCCMail]
	}
	return &r.report.ToCCMail[place]
}

// numbers are those from 0 to below n.
func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// endRecord records how the run ended.
func (r *run) endRecord(ctx context.Context, cause error) error {
	if r.record.id == 0 {
		return nil
	}
	end := reconcile.RunEnd{At: r.connector.Recording.Now(), State: reconcile.RunDone, Counts: r.report.Counts, Warnings: r.report.Warnings}
	if cause != nil {
		end.State, end.Error = reconcile.RunFailed, cause.Error()
	}
	var guard *GuardError
	if errors.As(cause, &guard) {
		end.State = reconcile.RunStopped
	}
	if r.accepted {
		end.Good, end.Last = true, reconcile.Baseline{Counts: r.countsLeft(), Scope: r.scope()}
		end.Retiring = r.retiring(r.endedGrace())
		if r.task.whole {
			end.Open = r.openCases()
		}
	}
	var err error
	if r.accepted && end.State == reconcile.RunDone {
		end.Snapshots, err = r.snapshots()
	}
	ctx = context.WithoutCancel(ctx)
	err = errors.Join(err, r.recordOutcomes(ctx, numbers(len(r.report.ToCCMail)+len(r.report.ToExchange))))
	if err = errors.Join(err, r.connector.Recording.Ledger.End(ctx, r.record.id, end)); err != nil {
		return err
	}
	r.report.State = end.State
	return nil
}
