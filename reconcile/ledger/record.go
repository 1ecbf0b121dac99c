package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
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
	left, err := readRuns(ctx, tx, "WHERE connector = ? AND state IN "+underWay+" ORDER BY id", connector)
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
		for _, s := range slices.Concat(toCCMail, toExchange) {
			if !s.Op.Writes() || s.Outcome != "" {
				continue
			}
			if d.Open++; d.Open <= firstOpen {
				d.FirstOpen = append(d.FirstOpen, s)
			}
		}
		died = append(died, d)
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET state = ?, error = ? WHERE id = ?", reconcile.RunDied, causeOfDeath(d), run.ID); err != nil {
			return nil, err
		}
	}
	return died, nil
}

// underWay are the states of runs that are not over, written out because the
// index of these runs is found by them.
const underWay = "('reading', 'planned', 'writing')"

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

// RecordWarnings records the oddities that a run has met so far. They wait for
// the disk together with the plan: what is recorded before [Ledger.RecordPlan]
// is on the disk when that returns.
func (l *Ledger) RecordWarnings(ctx context.Context, run int64, warnings []string) error {
	what := fmt.Sprintf("record warnings of run %d", run)
	return l.commit(ctx, what, func(tx *sql.Tx) error { return writeWarnings(ctx, tx, run, warnings) })
}

// writeWarnings records all warnings of a run; the first of them may be
// recorded already.
func writeWarnings(ctx context.Context, tx *sql.Tx, run int64, warnings []string) error {
	return execEach(ctx, tx, len(warnings), "INSERT INTO warnings (run, seq, text) VALUES (?, ?, ?) ON CONFLICT (run, seq) DO UPDATE SET text = excluded.text",
		func(i int) ([]any, error) { return []any{run, i + 1, warnings[i]}, nil })
}

// RecordPlan records what a run is about to do. When it returns without an
// error, the plan is on the disk. Outcomes of its steps are recorded too.
func (l *Ledger) RecordPlan(ctx context.Context, run int64, plan reconcile.Plan) error {
	what := fmt.Sprintf("record the plan of run %d", run)
	return l.commitDurably(ctx, what, func(tx *sql.Tx) error {
		if _, err := moveOn(ctx, tx, run, reconcile.RunPlanned, reconcile.RunReading); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET plan_id = ?, purpose = ? WHERE id = ?", plan.ID, plan.Purpose, run); err != nil {
			return err
		}
		if err := writeCounts(ctx, tx, run, plan.Counts); err != nil {
			return err
		}
		if err := writeSteps(ctx, tx, run, plan); err != nil {
			return err
		}
		return writeGuards(ctx, tx, "INSERT INTO guards (run, "+guardColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)", run, plan.Guards)
	})
}

// guardColumns are those of guards, beside what these belong to.
const guardColumns = "seq, name, allowed, found, tripped, detail, approved"

// writeGuards inserts the guards of a run or of an approval.
func writeGuards(ctx context.Context, tx *sql.Tx, insert string, of int64, guards []reconcile.Guard) error {
	return execEach(ctx, tx, len(guards), insert, func(i int) ([]any, error) {
		g := guards[i]
		return []any{of, i + 1, g.Name, g.Limit, g.Found, g.Tripped, g.Detail, g.Approved}, nil
	})
}

func writeSteps(ctx context.Context, tx *sql.Tx, run int64, plan reconcile.Plan) error {
	toCCMail := len(plan.ToCCMail)
	return execEach(ctx, tx, toCCMail+len(plan.ToExchange), "INSERT INTO steps (run, seq, direction, "+stepColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		func(i int) ([]any, error) {
			direction, steps, place := reconcile.ToCCMail, plan.ToCCMail, i
			if i >= toCCMail {
				direction, steps, place = reconcile.ToExchange, plan.ToExchange, i-toCCMail
			}
			s := &steps[place]
			changes, err := encodeChanges(s.Changes)
			return []any{run, i + 1, direction, s.Op, s.Kind, s.Key, s.Name, s.Address, s.DN, s.Reason, s.Event, changes, s.Outcome, s.Error}, err
		})
}

// stepColumns are those of steps that hold a [reconcile.Step].
const stepColumns = "op, kind, key, name, address, dn, reason, event, changes, outcome, error"

// StartWriting records that the first write of a run is about to be made, and
// what the run leaves to later ones from here on. An entry that is paused
// already keeps its first pause. When it returns without an error, all that is
// on the disk.
func (l *Ledger) StartWriting(ctx context.Context, run int64, w reconcile.Writing) error {
	return l.commitDurably(ctx, fmt.Sprintf("note that run %d begins to write", run), func(tx *sql.Tx) error {
		connector, err := moveOn(ctx, tx, run, reconcile.RunWriting, reconcile.RunPlanned)
		if err != nil {
			return err
		}
		if err = writeBaseline(ctx, tx, run, w.Found); err != nil {
			return err
		}
		if err = replaceRetirements(ctx, tx, connector, w.Retiring); err != nil {
			return err
		}
		if _, err = endPauses(ctx, tx, connector, w.Resumed); err != nil {
			return err
		}
		return writePauses(ctx, tx, connector, w.Pauses)
	})
}

// RecordOutcomes records what became of steps of a run, of all or of none. It
// does not wait for the disk.
func (l *Ledger) RecordOutcomes(ctx context.Context, run int64, outcomes []reconcile.StepOutcome) error {
	what := fmt.Sprintf("record outcomes of run %d", run)
	parts := alike(outcomes)
	if len(parts) == 1 {
		return l.recordAlike(ctx, what, run, parts[0])
	}
	return l.commit(ctx, what, func(tx *sql.Tx) error {
		update := tx.StmtContext(ctx, l.outcome)
		for _, part := range parts {
			if err := updateOutcomes(ctx, update, run, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// recordAlike records outcomes that are alike, as mostly all are that a cycle
// has after a few writes to the directory. A statement that is a transaction of
// its own costs a third of one among others.
func (l *Ledger) recordAlike(ctx context.Context, what string, run int64, outcomes []reconcile.StepOutcome) error {
	err := l.write(func() error {
		if err := l.waitForNothing(ctx); err != nil {
			return err
		}
		return updateOutcomes(ctx, l.outcome, run, outcomes)
	})
	if err != nil {
		return fmt.Errorf("ledger %s: %s: %w", l.path, what, explained(err))
	}
	return nil
}

// alike puts outcomes into the order of the steps and splits them into those
// that are the same and of steps that follow each other: mostly all steps of an
// import file are done.
func alike(outcomes []reconcile.StepOutcome) (parts [][]reconcile.StepOutcome) {
	outcomes = slices.Clone(outcomes)
	slices.SortStableFunc(outcomes, func(a, b reconcile.StepOutcome) int { return cmp.Compare(a.Number, b.Number) })
	for len(outcomes) > 0 {
		n := 1
		for n < len(outcomes) && outcomes[n] == (reconcile.StepOutcome{Number: outcomes[0].Number + n, Outcome: outcomes[0].Outcome, Error: outcomes[0].Error}) {
			n++
		}
		parts, outcomes = append(parts, outcomes[:n]), outcomes[n:]
	}
	return parts
}

// setOutcome is the statement for outcomes that are alike. A plan has no gaps,
// so the last step is there only when all are, and else none is changed.
const setOutcome = `UPDATE steps SET outcome = ?1, error = ?2 WHERE run = ?3 AND seq BETWEEN ?4 AND ?5
	AND EXISTS (SELECT 1 FROM steps WHERE run = ?3 AND seq = ?5)`

// updateOutcomes records outcomes that are alike.
func updateOutcomes(ctx context.Context, update *sql.Stmt, run int64, alike []reconcile.StepOutcome) error {
	first, last := alike[0], alike[len(alike)-1]
	result, err := update.ExecContext(ctx, first.Outcome, first.Error, run, first.Number, last.Number)
	n, err := addRows(0, result, err)
	if err == nil && n < len(alike) {
		err = fmt.Errorf("the plan has no step %d", last.Number)
	}
	return err
}

// End records how a run ended, and what it leaves for later ones. Of a good run
// these are its counts and its settings too, and of one that is done its
// snapshots; counts of one container, or settings of one name, are kept once, the
// last of them. When it returns without an error, that and everything before is
// on the disk.
func (l *Ledger) End(ctx context.Context, run int64, end reconcile.RunEnd) error {
	what := fmt.Sprintf("record the end of run %d", run)
	return l.commitDurably(ctx, what, func(tx *sql.Tx) error {
		if !end.State.Over() {
			return fmt.Errorf("state %q is not one of a run that is over", end.State)
		}
		if end.Good && end.State != reconcile.RunDone && end.State != reconcile.RunFailed {
			return fmt.Errorf("a run that is %s is no good one", end.State)
		}
		connector, err := moveOn(ctx, tx, run, end.State, reconcile.RunReading, reconcile.RunPlanned, reconcile.RunWriting)
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, "UPDATE runs SET ended = ?, error = ? WHERE id = ?", formatTime(end.At), end.Error, run); err != nil {
			return err
		}
		if err = writeCounts(ctx, tx, run, end.Counts); err != nil {
			return err
		}
		if err = writeWarnings(ctx, tx, run, end.Warnings); err != nil {
			return err
		}
		if err = replaceOpenCases(ctx, tx, run, connector, end.Open); err != nil {
			return err
		}
		if err = replaceRetirements(ctx, tx, connector, end.Retiring); err != nil || !end.Good {
			return err
		}
		if err = writeBaseline(ctx, tx, run, end.Last); err != nil || end.State != reconcile.RunDone {
			return err
		}
		return replaceSnapshots(ctx, tx, run, connector, end.Snapshots)
	})
}

// moveOn brings a run from one of the states to the next and returns its
// connector. A run that is in another one has ended, or another program has
// taken it for dead.
func moveOn(ctx context.Context, tx *sql.Tx, run int64, next reconcile.RunState, from ...reconcile.RunState) (connector string, err error) {
	var state reconcile.RunState
	if err = tx.QueryRowContext(ctx, "SELECT connector, state FROM runs WHERE id = ?", run).Scan(&connector, &state); err != nil {
		return "", noRun(err, run)
	}
	if !slices.Contains(from, state) {
		return "", fmt.Errorf("the run is %s and cannot be %s; see whether another program runs the connector", state, next)
	}
	_, err = tx.ExecContext(ctx, "UPDATE runs SET state = ? WHERE id = ?", next, run)
	return connector, err
}
