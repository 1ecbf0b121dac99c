package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"ccdirsync/reconcile"
)

// Known returns what earlier runs of a connector left behind: what the last
// good one found and left, the approvals that have not expired at this time,
// pauses and retirements.
func (l *Ledger) Known(ctx context.Context, connector string, at time.Time) (known reconcile.Known, err error) {
	err = l.view(ctx, "read what is known of "+connector, func(q querier) (err error) {
		known, err = readKnown(ctx, q, connector, at)
		return err
	})
	if err != nil {
		return reconcile.Known{}, err
	}
	return known, nil
}

func readKnown(ctx context.Context, q querier, connector string, at time.Time) (known reconcile.Known, err error) {
	if known.Last, err = readLastGood(ctx, q, connector); err != nil {
		return known, err
	}
	if known.Approvals, err = readApprovals(ctx, q, "WHERE connector = ? AND expires > ?", connector, formatTime(at)); err != nil {
		return known, err
	}
	pauses, err := readPauses(ctx, q, []string{connector})
	if err != nil {
		return known, err
	}
	for _, p := range pauses {
		known.Paused = append(known.Paused, p.Pause)
	}
	retirements, err := readRetirements(ctx, q, connector)
	for _, r := range retirements {
		known.Retiring = append(known.Retiring, r.value)
	}
	return known, err
}

// readLastGood returns what the last run of a connector found and left whose
// plan the guards let through.
func readLastGood(ctx context.Context, q querier, connector string) (last reconcile.Baseline, err error) {
	err = q.QueryRowContext(ctx, "SELECT id, coalesce(ended, started) FROM runs WHERE connector = ? AND good = 1 ORDER BY id DESC LIMIT 1", connector).
		Scan(&last.Run, timeIn{&last.Ended})
	if errors.Is(err, sql.ErrNoRows) {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	err = each(ctx, q, func(row scanner) error {
		var c reconcile.Count
		scanned := row.Scan(&c.Side, &c.Container, &c.Entries)
		last.Counts = append(last.Counts, c)
		return scanned
	}, "SELECT side, container, entries FROM counts WHERE run = ? ORDER BY side, container", last.Run)
	if err != nil {
		return last, err
	}
	err = each(ctx, q, func(row scanner) error {
		var s reconcile.Setting
		scanned := row.Scan(&s.Name, &s.Value)
		last.Scope = append(last.Scope, s)
		return scanned
	}, "SELECT name, value FROM settings WHERE run = ? ORDER BY name", last.Run)
	return last, err
}

// writeBaseline records what a run found, or left, and makes it the one that
// later ones are compared with.
func writeBaseline(ctx context.Context, tx *sql.Tx, run int64, last reconcile.Baseline) error {
	if _, err := tx.ExecContext(ctx, "UPDATE runs SET good = 1 WHERE id = ?", run); err != nil {
		return err
	}
	counts, scope := last.Counts, last.Scope
	err := execEach(ctx, tx, len(counts), `INSERT INTO counts (run, side, container, entries) VALUES (?, ?, ?, ?)
		ON CONFLICT (run, side, container) DO UPDATE SET entries = excluded.entries`,
		func(i int) ([]any, error) {
			return []any{run, counts[i].Side, counts[i].Container, counts[i].Entries}, nil
		})
	if err != nil {
		return err
	}
	return execEach(ctx, tx, len(scope), `INSERT INTO settings (run, name, value) VALUES (?, ?, ?)
		ON CONFLICT (run, name) DO UPDATE SET value = excluded.value`,
		func(i int) ([]any, error) { return []any{run, scope[i].Name, scope[i].Value}, nil })
}
