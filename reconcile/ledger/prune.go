package ledger

import (
	"context"
	"database/sql"
	"math"
	"time"
)

// Retention says how much of the history is kept.
type Retention struct {
	Runs int           // of each connector, the newest; 0 for no limit
	Age  time.Duration // since they began; 0 for no limit
}

// Prune removes what is older or more than is to be kept, and returns how many
// runs went, with all that is recorded of them. These stay whatever their age
// and number: of each connector the last run, the last good one, those under
// way and the last that guards stopped; runs whose plan is approved at this
// time; and runs that a pause names. An approval that has expired goes when no
// run of its plan is left. The room is used again by later runs.
func (l *Ledger) Prune(ctx context.Context, keep Retention, at time.Time) (n int, err error) {
	// Mostly there is nothing to remove, and then nothing is locked.
	err = l.view(ctx, "look for old runs", func(q querier) error {
		old, failed := oldRuns(ctx, q, keep, at)
		n = len(old)
		return failed
	})
	if err != nil || n == 0 {
		return 0, err
	}
	err = l.commit(ctx, "remove old runs", func(tx *sql.Tx) error {
		old, failed := oldRuns(ctx, tx, keep, at)
		if failed != nil {
			return failed
		}
		failed = execEach(ctx, tx, len(old), "DELETE FROM runs WHERE id = ?", func(i int) ([]any, error) { return []any{old[i]}, nil })
		if failed != nil {
			return failed
		}
		n = len(old)
		_, failed = tx.ExecContext(ctx, `DELETE FROM approvals WHERE expires <= ?
			AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.plan_id = approvals.plan_id AND runs.connector = approvals.connector)`, formatTime(at))
		return failed
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// oldRuns returns the runs that are to go.
func oldRuns(ctx context.Context, q querier, keep Retention, at time.Time) (runs []int64, err error) {
	connectors, err := connectorsWithRuns(ctx, q)
	if err != nil {
		return nil, err
	}
	beyond, before := int64(math.MaxInt64), ""
	if keep.Runs > 0 {
		beyond = int64(keep.Runs)
	}
	if keep.Age > 0 {
		before = formatTime(at.Add(-keep.Age))
	}
	for _, connector := range connectors {
		err = each(ctx, q, func(row scanner) error {
			var run int64
			scanned := row.Scan(&run)
			runs = append(runs, run)
			return scanned
		}, oldRunsQuery, connector, beyond, before, formatTime(at))
		if err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// oldRunsQuery finds the runs of connector ?1 that are beyond its newest ?2 or
// began before ?3, except for those that stay; ?4 is the time now. Each part
// of it reads as many rows as it finds, by an index, so that it takes no longer
// in a ledger with many runs.
const oldRunsQuery = `
SELECT id FROM runs WHERE connector = ?1
	AND id <= (SELECT id FROM runs WHERE connector = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
UNION SELECT id FROM runs WHERE connector = ?1 AND started < ?3
EXCEPT SELECT max(id) FROM runs WHERE connector = ?1
EXCEPT SELECT max(id) FROM runs WHERE connector = ?1 AND good = 1
EXCEPT SELECT max(id) FROM runs WHERE connector = ?1 AND state = 'stopped'
EXCEPT SELECT id FROM runs WHERE connector = ?1 AND state IN ` + underWay + `
EXCEPT SELECT runs.id FROM approvals JOIN runs USING (plan_id, connector) WHERE approvals.connector = ?1 AND expires > ?4
EXCEPT SELECT undone FROM pauses WHERE connector = ?1
ORDER BY id`

// connectorsWithRuns finds the connectors by the index, one look for each.
func connectorsWithRuns(ctx context.Context, q querier) (connectors []string, err error) {
	var next sql.NullString
	err = q.QueryRowContext(ctx, "SELECT min(connector) FROM runs").Scan(&next)
	for err == nil && next.Valid {
		connectors = append(connectors, next.String)
		err = q.QueryRowContext(ctx, "SELECT min(connector) FROM runs WHERE connector > ?", next.String).Scan(&next)
	}
	return connectors, err
}
