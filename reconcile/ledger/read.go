package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"ccdirsync/reconcile"
)

// Record is everything the ledger has of one run.
type Record struct {
	Run      reconcile.Run
	Plan     reconcile.Plan // with the outcomes of its steps; its ID is empty when the run had no plan
	Warnings []string
}

// Runs returns the runs of the connectors, of all if none is named, newest
// first: no more than limit, all if that is 0.
func (l *Ledger) Runs(ctx context.Context, connectors []string, limit int) ([]reconcile.Run, error) {
	var args []any
	clause := ""
	if len(connectors) > 0 {
		clause = "WHERE connector IN (?" + strings.Repeat(", ?", len(connectors)-1) + ") "
		for _, name := range connectors {
			args = append(args, name)
		}
	}
	if limit <= 0 {
		limit = math.MaxInt
	}
	runs, err := readRuns(ctx, l.db, clause+"ORDER BY id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("ledger %s: list the runs: %w", l.path, err)
	}
	return runs, nil
}

// Run returns one run. The error wraps [ErrNoRun] when there is none of that
// ID.
func (l *Ledger) Run(ctx context.Context, id int64) (Record, error) {
	record, err := l.read(ctx, id)
	if err != nil {
		return Record{}, fmt.Errorf("ledger %s: read run %d: %w", l.path, id, err)
	}
	return record, nil
}

// read reads a run in one transaction, so that all is of one moment.
func (l *Ledger) read(ctx context.Context, id int64) (record Record, err error) {
	tx, err := l.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Record{}, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	runs, err := readRuns(ctx, tx, "WHERE id = ?", id)
	if err != nil {
		return Record{}, err
	}
	if len(runs) == 0 {
		return Record{}, noRun(sql.ErrNoRows, id)
	}
	run := runs[0]
	record = Record{Run: run, Plan: reconcile.Plan{Connector: run.Connector, ID: run.PlanID, Counts: run.Counts, Guards: []reconcile.Guard{}}}
	if record.Plan.ToCCMail, record.Plan.ToExchange, err = readSteps(ctx, tx, id); err != nil {
		return Record{}, err
	}
	err = each(ctx, tx, func(row scanner) error {
		var g reconcile.Guard
		scanned := row.Scan(&g.Name, &g.Limit, &g.Found, &g.Tripped, &g.Detail)
		record.Plan.Guards = append(record.Plan.Guards, g)
		return scanned
	}, "SELECT name, allowed, found, tripped, detail FROM guards WHERE run = ? ORDER BY seq", id)
	if err != nil {
		return Record{}, err
	}
	err = each(ctx, tx, func(row scanner) error {
		var text string
		scanned := row.Scan(&text)
		record.Warnings = append(record.Warnings, text)
		return scanned
	}, "SELECT text FROM warnings WHERE run = ? ORDER BY seq", id)
	return record, err
}

// noRun names the run when the error is that nothing was found.
func noRun(err error, id int64) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %d", ErrNoRun, id)
	}
	return err
}

type scanner interface{ Scan(values ...any) error }

// each calls read for every row of a query.
func each(ctx context.Context, q querier, read func(scanner) error, query string, args ...any) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// counted is a column of the table runs and the count it holds.
type counted struct {
	column string
	count  *int
}

func columnsOf(c *reconcile.Counts) []counted {
	columns := []counted{
		{"directory_entries", &c.DirectoryEntries},
		{"exchange_entries", &c.ExchangeEntries},
		{"ccmail_entries", &c.CCMailEntries},
		{"lists", &c.Lists},
		{"boards", &c.Boards},
		{"recipients", &c.Recipients},
		{"not_ours", &c.NotOurs},
	}
	for _, side := range []struct {
		direction string
		steps     *reconcile.StepCounts
	}{{toCCMail, &c.ToCCMail}, {toExchange, &c.ToExchange}} {
		n := side.steps
		for _, c := range []counted{
			{"keep", &n.Keep},
			{"add", &n.Add},
			{"delete", &n.Delete},
			{"replace", &n.Replace},
			{"modify", &n.Modify},
			{"adopt", &n.Adopt},
			{"refuse", &n.Refuse},
			{"hold", &n.Hold},
		} {
			columns = append(columns, counted{side.direction + "_" + c.column, c.count})
		}
	}
	return columns
}

func writeCounts(ctx context.Context, tx *sql.Tx, run int64, counts reconcile.Counts) error {
	var set []string
	var args []any
	for _, c := range columnsOf(&counts) {
		set = append(set, c.column+" = ?")
		args = append(args, *c.count)
	}
	_, err := tx.ExecContext(ctx, "UPDATE runs SET "+strings.Join(set, ", ")+" WHERE id = ?", append(args, run)...)
	return err
}

func readRuns(ctx context.Context, q querier, clause string, args ...any) ([]reconcile.Run, error) {
	query := "SELECT id, connector, plan_id, state, started, ended, error, " +
		"(SELECT count(*) FROM steps WHERE run = runs.id AND outcome IN ('failed', 'held'))"
	for _, c := range columnsOf(&reconcile.Counts{}) {
		query += ", " + c.column
	}
	var runs []reconcile.Run
	err := each(ctx, q, func(row scanner) error {
		var run reconcile.Run
		var started string
		var ended sql.NullString
		into := []any{&run.ID, &run.Connector, &run.PlanID, &run.State, &started, &ended, &run.Error, &run.NotDone}
		for _, c := range columnsOf(&run.Counts) {
			into = append(into, c.count)
		}
		err := row.Scan(into...)
		if err == nil {
			run.Started, err = parseTime(started)
		}
		if err == nil && ended.Valid {
			run.Ended, err = parseTime(ended.String)
		}
		runs = append(runs, run)
		return err
	}, query+" FROM runs "+clause, args...)
	return runs, err
}

// readSteps returns the steps of a run in the order of its plan.
func readSteps(ctx context.Context, q querier, run int64) (ccMail, exchange []reconcile.Step, err error) {
	ccMail, exchange = []reconcile.Step{}, []reconcile.Step{}
	err = each(ctx, q, func(row scanner) error {
		var s reconcile.Step
		var direction, changes string
		if failed := row.Scan(&direction, &s.Op, &s.Kind, &s.Name, &s.Address, &s.DN, &s.Reason, &s.Event, &changes, &s.Outcome, &s.Error); failed != nil {
			return failed
		}
		if changes != "[]" {
			if failed := json.Unmarshal([]byte(changes), &s.Changes); failed != nil {
				return fmt.Errorf("changes of a step: %w", failed)
			}
		}
		if direction == toCCMail {
			ccMail = append(ccMail, s)
		} else {
			exchange = append(exchange, s)
		}
		return nil
	}, "SELECT direction, op, kind, name, address, dn, reason, event, changes, outcome, error FROM steps WHERE run = ? ORDER BY seq", run)
	return ccMail, exchange, err
}
