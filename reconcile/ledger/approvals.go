package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ccdirsync/reconcile"
)

// Approve records an approval and returns its ID. When it returns without an
// error, that is on the disk.
func (l *Ledger) Approve(ctx context.Context, a reconcile.Approval) (id int64, err error) {
	err = l.commitDurably(ctx, "approve plan "+a.PlanID, func(tx *sql.Tx) error {
		result, failed := tx.ExecContext(ctx, "INSERT INTO approvals (connector, plan_id, purpose, only, given_by, given, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
			a.Connector, a.PlanID, a.Purpose, a.Only, a.By, formatTime(a.Given), formatTime(a.Expires))
		if failed == nil {
			id, failed = result.LastInsertId()
		}
		if failed == nil {
			failed = writeGuards(ctx, tx, "INSERT INTO approved_guards (approval, "+guardColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)", id, a.Guards)
		}
		if failed != nil {
			return failed
		}
		return writeApprovedSteps(ctx, tx, id, a.Steps)
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

func writeApprovedSteps(ctx context.Context, tx *sql.Tx, approval int64, steps []reconcile.ApprovedStep) error {
	return execEach(ctx, tx, len(steps), `INSERT INTO approved_steps (approval, seq, direction, op, kind, key, name, address, dn, changes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, func(i int) ([]any, error) {
		s := &steps[i].Step
		changes, err := encodeChanges(s.Changes)
		return []any{approval, i + 1, steps[i].Direction, s.Op, s.Kind, s.Key, s.Name, s.Address, s.DN, changes}, err
	})
}

// Approvals returns the approvals of the connectors, of all if none is named,
// that have not expired at this time, newest first. One that expires at this
// very time has expired.
func (l *Ledger) Approvals(ctx context.Context, connectors []string, at time.Time) (approvals []reconcile.Approval, err error) {
	clause, args := ofConnectors("AND", connectors)
	err = l.view(ctx, "list the approvals", func(q querier) (err error) {
		approvals, err = readApprovals(ctx, q, "WHERE expires > ? "+clause, append([]any{formatTime(at)}, args...)...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return approvals, nil
}

func readApprovals(ctx context.Context, q querier, clause string, args ...any) (approvals []reconcile.Approval, err error) {
	err = each(ctx, q, func(row scanner) error {
		var a reconcile.Approval
		scanned := row.Scan(&a.ID, &a.Connector, &a.PlanID, &a.Purpose, &a.Only, &a.By, timeIn{&a.Given}, timeIn{&a.Expires})
		approvals = append(approvals, a)
		return scanned
	}, "SELECT id, connector, plan_id, purpose, only, given_by, given, expires FROM approvals "+clause+" ORDER BY id DESC", args...)
	if err != nil {
		return nil, err
	}
	for i := range approvals {
		a := &approvals[i]
		if a.Guards, err = readGuards(ctx, q, "SELECT "+guardColumns+" FROM approved_guards WHERE approval = ? ORDER BY seq", a.ID); err != nil {
			return nil, err
		}
		err = each(ctx, q, func(row scanner) error {
			var s reconcile.ApprovedStep
			scanned := row.Scan(&s.Direction, &s.Step.Op, &s.Step.Kind, &s.Step.Key, &s.Step.Name, &s.Step.Address, &s.Step.DN, changesIn{&s.Step.Changes})
			a.Steps = append(a.Steps, s)
			return scanned
		}, "SELECT direction, op, kind, key, name, address, dn, changes FROM approved_steps WHERE approval = ? ORDER BY seq", a.ID)
		if err != nil {
			return nil, err
		}
	}
	return approvals, nil
}

// Revoke ends the approvals of a plan that have not expired at this time and
// returns how many there were. They expired before all time then, so that a
// clock that is put back brings none to life again. When it returns without an error, that is on
// the disk.
func (l *Ledger) Revoke(ctx context.Context, planID string, at time.Time) (n int, err error) {
	err = l.commitDurably(ctx, fmt.Sprintf("revoke the approvals of plan %s", planID), func(tx *sql.Tx) error {
		result, failed := tx.ExecContext(ctx, "UPDATE approvals SET expires = ? WHERE plan_id = ? AND expires > ?",
			formatTime(time.Time{}), planID, formatTime(at))
		n, failed = addRows(0, result, failed)
		return failed
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
