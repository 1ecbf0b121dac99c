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
	// Begin records that a run begins and returns its ID, and the earlier
	// runs of the connector that died.
	Begin(ctx context.Context, connector string, at time.Time) (run int64, died []reconcile.DiedRun, err error)
	// RecordPlan records what a run is about to do.
	RecordPlan(ctx context.Context, run int64, plan reconcile.Plan) error
	// StartWriting records that the first write is about to be made.
	StartWriting(ctx context.Context, run int64) error
	// RecordOutcomes records what became of steps.
	RecordOutcomes(ctx context.Context, run int64, outcomes []reconcile.StepOutcome) error
	// End records how a run ended.
	End(ctx context.Context, run int64, end reconcile.RunEnd) error
}

// Recording says where a run is recorded and what time it is. The zero
// Recording records nothing.
type Recording struct {
	Ledger Ledger
	Now    func() time.Time
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
	id, died, err := recording.Ledger.Begin(ctx, r.connector.Name, recording.Now())
	if err != nil {
		return err
	}
	r.record.id, r.report.Run, r.report.State = id, id, reconcile.RunReading
	for _, d := range died {
		r.warn(obituary(d))
	}
	return nil
}

// obituary says of a run that died what it left open.
func obituary(d reconcile.DiedRun) string {
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
	return text + "; this run finds out what is left to do"
}

// recordPlan records the plan, before anything is written.
func (r *run) recordPlan(ctx context.Context) error {
	if r.record.id == 0 {
		return nil
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
	if err := r.connector.Recording.Ledger.StartWriting(ctx, r.record.id); err != nil {
		return fmt.Errorf("nothing was written to either side: %w", err)
	}
	r.record.writing, r.report.State = true, reconcile.RunWriting
	return nil
}

// recordCCMail records what became of the steps toward cc:Mail.
func (r *run) recordCCMail(ctx context.Context) error {
	return r.recordOutcomes(ctx, 0, pointers(r.report.ToCCMail)...)
}

// recordOutcomes records what became of steps, the first of which has this
// place in the plan, when that is not recorded yet. An interrupt does not keep
// it from it.
func (r *run) recordOutcomes(ctx context.Context, place int, steps ...*reconcile.Step) error {
	if len(r.record.noted) == 0 {
		return nil
	}
	var news []reconcile.StepOutcome
	for i, s := range steps {
		outcome := reconcile.StepOutcome{Number: place + i + 1, Outcome: s.Outcome, Error: s.Error}
		if noted := r.record.noted[place+i]; s.Outcome != noted.Outcome || s.Error != noted.Error {
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

func pointers(steps []reconcile.Step) []*reconcile.Step {
	all := make([]*reconcile.Step, len(steps))
	for i := range steps {
		all[i] = &steps[i]
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
	ctx = context.WithoutCancel(ctx)
	err := r.recordOutcomes(ctx, 0, append(pointers(r.report.ToCCMail), pointers(r.report.ToExchange)...)...)
	if err = errors.Join(err, r.connector.Recording.Ledger.End(ctx, r.record.id, end)); err != nil {
		return err
	}
	r.report.State = end.State
	return nil
}
