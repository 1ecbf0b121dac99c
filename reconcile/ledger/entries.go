package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ccdirsync/reconcile"
)

// OpenCase is an open case of a connector.
type OpenCase struct {
	Connector string `json:"connector"`
	reconcile.OpenCase
}

// Pause is a pause of a connector.
type Pause struct {
	Connector string `json:"connector"`
	reconcile.Pause
}

// OpenCases returns the open cases of the connectors, of all if none is named,
// in the order of connectors, directions, times and names.
func (l *Ledger) OpenCases(ctx context.Context, connectors []string) (cases []OpenCase, err error) {
	clause, args := ofConnectors("WHERE", connectors)
	err = l.view(ctx, "list the open cases", func(q querier) error {
		cases = nil
		rows, failed := readOpenCases(ctx, q, clause+"ORDER BY connector, direction, since, name, rowid", args...)
		for _, r := range rows {
			cases = append(cases, r.value)
		}
		return failed
	})
	if err != nil {
		return nil, err
	}
	return cases, nil
}

// stored is a row and its number.
type stored[T any] struct {
	row   int64
	value T
}

func readOpenCases(ctx context.Context, q querier, clause string, args ...any) (cases []stored[OpenCase], err error) {
	err = each(ctx, q, func(row scanner) error {
		var s stored[OpenCase]
		c := &s.value
		scanned := row.Scan(&s.row, &c.Connector, &c.Direction, &c.Op, &c.Kind, &c.Key, &c.Name, &c.Address, &c.DN, &c.Reason, timeIn{&c.Since}, &c.SinceRun)
		cases = append(cases, s)
		return scanned
	}, "SELECT rowid, connector, direction, op, kind, key, name, address, dn, reason, since, since_run FROM open_cases "+clause, args...)
	return cases, err
}

// caseIdentity is the same for a case in every run in which it is open.
type caseIdentity struct {
	direction     reconcile.Direction
	kind          reconcile.Kind
	key, name, dn string
}

func identityOf(c reconcile.OpenCase) caseIdentity {
	return caseIdentity{c.Direction, c.Kind, c.Key, c.Name, c.DN}
}

// replaceOpenCases puts the open cases that a run found in the place of those
// of its connector, unless they are nil. One that was open already keeps the
// time since when it is.
func replaceOpenCases(ctx context.Context, tx *sql.Tx, run int64, connector string, found []reconcile.OpenCase) error {
	if found == nil {
		return nil
	}
	there, err := readOpenCases(ctx, tx, "WHERE connector = ? ORDER BY since DESC, since_run DESC", connector)
	if err != nil {
		return err
	}
	var started time.Time
	if err = tx.QueryRowContext(ctx, "SELECT started FROM runs WHERE id = ?", run).Scan(timeIn{&started}); err != nil {
		return err
	}
	earlier := map[caseIdentity]OpenCase{}
	for _, s := range there {
		earlier[identityOf(s.value.OpenCase)] = s.value // the first of several comes last
	}
	wanted := make([]OpenCase, len(found))
	for i, c := range found {
		c.Since, c.SinceRun = started, run
		if before, open := earlier[identityOf(c)]; open {
			c.Since, c.SinceRun = before.Since, before.SinceRun
		}
		wanted[i] = OpenCase{connector, c}
	}
	gone, come := differences(there, wanted)
	err = execEach(ctx, tx, len(gone), "DELETE FROM open_cases WHERE rowid = ?", func(i int) ([]any, error) { return []any{gone[i]}, nil })
	if err != nil {
		return err
	}
	return execEach(ctx, tx, len(come), `INSERT INTO open_cases (connector, direction, op, kind, key, name, address, dn, reason, since, since_run)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, func(i int) ([]any, error) {
		c := come[i]
		return []any{c.Connector, c.Direction, c.Op, c.Kind, c.Key, c.Name, c.Address, c.DN, c.Reason, formatTime(c.Since), c.SinceRun}, nil
	})
}

// differences returns the rows that are not wanted any more, and what is
// wanted and not there. What stays is left alone: most runs find what the last
// one found.
func differences[T comparable](there []stored[T], wanted []T) (gone []int64, come []T) {
	missing := map[T]int{}
	for _, w := range wanted {
		missing[w]++
	}
	for _, s := range there {
		if missing[s.value] > 0 {
			missing[s.value]--
		} else {
			gone = append(gone, s.row)
		}
	}
	for _, w := range wanted {
		if missing[w] > 0 {
			missing[w]--
			come = append(come, w)
		}
	}
	return gone, come
}

func readRetirements(ctx context.Context, q querier, connector string) (retirements []stored[reconcile.Retirement], err error) {
	err = each(ctx, q, func(row scanner) error {
		var s stored[reconcile.Retirement]
		r := &s.value
		scanned := row.Scan(&s.row, &r.Direction, &r.Key, &r.Name, &r.DN, timeIn{&r.Since}, &r.Hid)
		retirements = append(retirements, s)
		return scanned
	}, "SELECT rowid, direction, key, name, dn, since, hid FROM retirements WHERE connector = ? ORDER BY direction, key, name, dn, rowid", connector)
	return retirements, err
}

// replaceRetirements puts these retirements in the place of those of the
// connector, unless they are nil.
func replaceRetirements(ctx context.Context, tx *sql.Tx, connector string, retiring []reconcile.Retirement) error {
	if retiring == nil {
		return nil
	}
	there, err := readRetirements(ctx, tx, connector)
	if err != nil {
		return err
	}
	wanted := make([]reconcile.Retirement, len(retiring))
	for i, r := range retiring {
		wanted[i] = r
		if wanted[i].Since, err = parseTime(formatTime(r.Since)); err != nil { // as it is read back
			return err
		}
	}
	gone, come := differences(there, wanted)
	err = execEach(ctx, tx, len(gone), "DELETE FROM retirements WHERE rowid = ?", func(i int) ([]any, error) { return []any{gone[i]}, nil })
	if err != nil {
		return err
	}
	return execEach(ctx, tx, len(come), "INSERT INTO retirements (connector, direction, key, name, dn, since, hid) VALUES (?, ?, ?, ?, ?, ?, ?)",
		func(i int) ([]any, error) {
			r := come[i]
			return []any{connector, r.Direction, r.Key, r.Name, r.DN, formatTime(r.Since), r.Hid}, nil
		})
}

// Pauses returns the pauses of the connectors, of all if none is named, in the
// order of connectors, directions, times and names.
func (l *Ledger) Pauses(ctx context.Context, connectors []string) (pauses []Pause, err error) {
	err = l.view(ctx, "list the pauses", func(q querier) (err error) {
		pauses, err = readPauses(ctx, q, connectors)
		return err
	})
	if err != nil {
		return nil, err
	}
	return pauses, nil
}

func readPauses(ctx context.Context, q querier, connectors []string) (pauses []Pause, err error) {
	clause, args := ofConnectors("WHERE", connectors)
	err = each(ctx, q, func(row scanner) error {
		var p Pause
		scanned := row.Scan(&p.Connector, &p.Direction, &p.Kind, &p.Key, &p.Name, &p.DN, timeIn{&p.Since}, &p.Undone)
		pauses = append(pauses, p)
		return scanned
	}, "SELECT connector, direction, kind, key, name, dn, since, undone FROM pauses "+clause+"ORDER BY connector, direction, since, name, rowid", args...)
	return pauses, err
}

// ofEntry finds the pause of an entry: it is known by its key, and one that has
// none by its kind, name and DN.
const ofEntry = "connector = ?1 AND direction = ?2 AND key = ?3 AND (key <> '' OR kind = ?4 AND name = ?5 AND dn = ?6)"

// writePauses pauses the entries that are not paused yet.
func writePauses(ctx context.Context, tx *sql.Tx, connector string, pauses []reconcile.Pause) error {
	return execEach(ctx, tx, len(pauses), `INSERT INTO pauses (connector, direction, key, kind, name, dn, since, undone)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM pauses WHERE `+ofEntry+`)`, func(i int) ([]any, error) {
		p := pauses[i]
		return []any{connector, p.Direction, p.Key, p.Kind, p.Name, p.DN, formatTime(p.Since), p.Undone}, nil
	})
}

// Resume ends pauses of a connector and returns how many of them there were.
// When it returns without an error, that is on the disk.
func (l *Ledger) Resume(ctx context.Context, connector string, pauses []reconcile.Pause) (n int, err error) {
	err = l.commitDurably(ctx, fmt.Sprintf("end %d pauses of %s", len(pauses), connector), func(tx *sql.Tx) error {
		n, err = endPauses(ctx, tx, connector, pauses)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func endPauses(ctx context.Context, tx *sql.Tx, connector string, pauses []reconcile.Pause) (n int, err error) {
	for _, p := range pauses {
		result, failed := tx.ExecContext(ctx, "DELETE FROM pauses WHERE "+ofEntry, connector, p.Direction, p.Key, p.Kind, p.Name, p.DN)
		if n, failed = addRows(n, result, failed); failed != nil {
			return 0, failed
		}
	}
	return n, nil
}

// addRows adds to a number that of the rows that a statement changed.
func addRows(n int, result sql.Result, err error) (int, error) {
	if err != nil {
		return n, err
	}
	changed, err := result.RowsAffected()
	return n + int(changed), err
}
