package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"ccdirsync/reconcile"
)

// firstOpen is how many open steps of a run that died are returned.
const firstOpen = 5

// Begin records that a run of a connector begins and returns its ID, and the
// earlier runs of that connector that died, oldest first, which it marks. No
// other run of the connector may be under way.
func (l *Ledger) Begin(ctx context.Context, connector string, at time.Time) (run int64, died []reconcile.DiedRun, err error) {
	err = l.commit(ctx, "begin a run of "+connector, func(tx *sql.Tx) error {
		if died, err = markDied(ctx, tx, connector); err != nil {
			return err
		}
		result, failed := tx.ExecContext(ctx, "INSERT INTO runs (connector, state, started) VALUES (?, ?, ?)", connector, reconcile.RunReading, formatTime(at))
		if failed == nil {
			run, failed = result.LastInsertId()
		}
		return failed
	})
	if err != nil {
		return 0, nil, err
	}
	return run, died, nil
}

// markDied finds and marks the runs of a connector that are not over.
func markDied(ctx context.Context, tx *sql.Tx, connector string) ([]reconcile.DiedRun, error) {
	left, err := readRuns(ctx, tx, "WHERE connector = ? AND state IN (?, ?, ?) ORDER BY id",
		connector, reconcile.RunReading, reconcile.RunPlanned, reconcile.RunWriting)
	if err != nil {
		return nil, err
	}
	var died []reconcile.DiedRun
	for _, run := range left {
		d := reconcile.DiedRun{Run: run}
		toCCMail, toExchange, err := readSteps(ctx, tx, run.ID)
		if err != nil {
			return nil, err
		}
		for _, steps := range [][]reconcile.Step{toCCMail, toExchange} {
			for _, s := range steps {
				if !s.Op.Writes() || s.Outcome != "" {
					continue
				}
				if d.Open++; d.Open <= firstOpen {
					d.FirstOpen = append(d.FirstOpen, s)
				}
			}
		}
		died = append(died, d)
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET state = ?, error = ? WHERE id = ?", reconcile.RunDied, causeOfDeath(d), run.ID); err != nil {
			return nil, err
		}
	}
	return died, nil
}

func causeOfDeath(d reconcile.DiedRun) string {
	switch d.State {
	case reconcile.RunReading:
		return "the program ended while it read both sides; nothing was written"
	case reconcile.RunPlanned:
		return "the program ended before the first write"
	case reconcile.RunWriting, reconcile.RunDone, reconcile.RunFailed, reconcile.RunStopped, reconcile.RunDied:
	}
	return fmt.Sprintf("the program ended while it was writing; steps without an outcome: %d", d.Open)
}

// RecordPlan records what a run is about to do. When it returns without an
// error, the plan is on the disk. Outcomes of its steps are recorded too.
func (l *Ledger) RecordPlan(ctx context.Context, run int64, plan reconcile.Plan) error {
	what := fmt.Sprintf("record the plan of run %d", run)
	return l.commitDurably(ctx, what, func(tx *sql.Tx) error {
		if err := moveOn(ctx, tx, run, reconcile.RunPlanned, reconcile.RunReading); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET plan_id = ? WHERE id = ?", plan.ID, run); err != nil {
			return err
		}
		if err := writeCounts(ctx, tx, run, plan.Counts); err != nil {
			return err
		}
		if err := writeSteps(ctx, tx, run, plan); err != nil {
			return err
		}
		for i, g := range plan.Guards {
			if _, err := tx.ExecContext(ctx, "INSERT INTO guards (run, seq, name, allowed, found, tripped, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
				run, i+1, g.Name, g.Limit, g.Found, g.Tripped, g.Detail); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeSteps(ctx context.Context, tx *sql.Tx, run int64, plan reconcile.Plan) (err error) {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO steps (run, seq, direction, op, kind, name, address, dn, reason, event, changes, outcome, error)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	seq := 0
	for _, side := range []struct {
		direction string
		steps     []reconcile.Step
	}{{toCCMail, plan.ToCCMail}, {toExchange, plan.ToExchange}} {
		for _, s := range side.steps {
			changes, err := encodeChanges(s.Changes)
			if err != nil {
				return err
			}
			seq++
			if _, err = insert.ExecContext(ctx, run, seq, side.direction, s.Op, s.Kind, s.Name, s.Address, s.DN, s.Reason, s.Event, changes, s.Outcome, s.Error); err != nil {
				return err
			}
		}
	}
	return insert.Close()
}

// The directions of steps.
const (
	toCCMail   = "to_ccmail"
	toExchange = "to_exchange"
)

// encodeChanges writes changes as in the JSON output of a plan.
func encodeChanges(changes []reconcile.Change) (string, error) {
	if len(changes) == 0 {
		return "[]", nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(changes); err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(text.Bytes())), nil
}

// StartWriting records that the first write of a run is about to be made. When
// it returns without an error, that is on the disk.
func (l *Ledger) StartWriting(ctx context.Context, run int64) error {
	return l.commitDurably(ctx, fmt.Sprintf("note that run %d begins to write", run), func(tx *sql.Tx) error {
		return moveOn(ctx, tx, run, reconcile.RunWriting, reconcile.RunPlanned)
	})
}

// RecordOutcomes records what became of steps of a run, all in one
// transaction. It does not wait for the disk.
func (l *Ledger) RecordOutcomes(ctx context.Context, run int64, outcomes []reconcile.StepOutcome) error {
	what := fmt.Sprintf("record outcomes of run %d", run)
	return l.commit(ctx, what, func(tx *sql.Tx) error {
		update, err := tx.PrepareContext(ctx, "UPDATE steps SET outcome = ?, error = ? WHERE run = ? AND seq = ?")
		if err != nil {
			return err
		}
		for _, o := range outcomes {
			result, err := update.ExecContext(ctx, o.Outcome, o.Error, run, o.Number)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if n == 0 {
				return fmt.Errorf("the plan has no step %d", o.Number)
			}
		}
		return update.Close()
	})
}

// End records how a run ended, with its warnings. When it returns without an
// error, that and everything before is on the disk.
func (l *Ledger) End(ctx context.Context, run int64, end reconcile.RunEnd) error {
	what := fmt.Sprintf("record the end of run %d", run)
	return l.commitDurably(ctx, what, func(tx *sql.Tx) error {
		if !end.State.Over() {
			return fmt.Errorf("state %q is not one of a run that is over", end.State)
		}
		if err := moveOn(ctx, tx, run, end.State, reconcile.RunReading, reconcile.RunPlanned, reconcile.RunWriting); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET ended = ?, error = ? WHERE id = ?", formatTime(end.At), end.Error, run); err != nil {
			return err
		}
		for i, text := range end.Warnings {
			if _, err := tx.ExecContext(ctx, "INSERT INTO warnings (run, seq, text) VALUES (?, ?, ?)", run, i+1, text); err != nil {
				return err
			}
		}
		return writeCounts(ctx, tx, run, end.Counts)
	})
}

// moveOn brings a run from one of the states to the next. A run that is in
// another one has ended, or another program has taken it for dead.
func moveOn(ctx context.Context, tx *sql.Tx, run int64, next reconcile.RunState, from ...reconcile.RunState) error {
	var state reconcile.RunState
	if err := tx.QueryRowContext(ctx, "SELECT state FROM runs WHERE id = ?", run).Scan(&state); err != nil {
		return noRun(err, run)
	}
	for _, possible := range from {
		if state == possible {
			_, err := tx.ExecContext(ctx, "UPDATE runs SET state = ? WHERE id = ?", next, run)
			return err
		}
	}
	return fmt.Errorf("the run is %s and cannot be %s; see whether another program runs the connector", state, next)
}
