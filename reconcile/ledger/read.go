package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
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
func (l *Ledger) Runs(ctx context.Context, connectors []string, limit int) (runs []reconcile.Run, err error) {
	clause, args := ofConnectors("WHERE", connectors)
	if limit <= 0 {
		limit = math.MaxInt
	}
	err = l.view(ctx, "list the runs", func(q querier) (err error) {
		runs, err = readRuns(ctx, q, clause+"ORDER BY id DESC LIMIT ?", append(slices.Clone(args), limit)...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// ofConnectors is a condition for rows of these connectors, none when none is
// named, after the word that joins it to its query.
func ofConnectors(word string, connectors []string) (clause string, args []any) {
	if len(connectors) == 0 {
		return "", nil
	}
	for _, name := range connectors {
		args = append(args, name)
	}
	return word + " connector IN (?" + strings.Repeat(", ?", len(connectors)-1) + ") ", args
}

// Run returns one run. The error wraps [ErrNoRun] when there is none of that
// ID.
func (l *Ledger) Run(ctx context.Context, id int64) (record Record, err error) {
	err = l.view(ctx, fmt.Sprintf("read run %d", id), func(q querier) (err error) {
		record, err = readRecord(ctx, q, id)
		return err
	})
	if err != nil {
		return Record{}, err
	}
	return record, nil
}

// HeldPlan returns the newest run of that plan that guards stopped. The error
// wraps [ErrNoPlan] when there is none, and says so when the plan is one of a
// run that was not stopped.
func (l *Ledger) HeldPlan(ctx context.Context, planID string) (record Record, err error) {
	err = l.view(ctx, "find held plan "+planID, func(q querier) (err error) {
		record, err = readHeldPlan(ctx, q, planID)
		return err
	})
	if err != nil {
		return Record{}, err
	}
	return record, nil
}

func readHeldPlan(ctx context.Context, q querier, planID string) (Record, error) {
	newest := func(clause string) (runs []reconcile.Run, err error) {
		if planID == "" {
			return nil, nil // of runs without a plan
		}
		return readRuns(ctx, q, "WHERE plan_id = ? "+clause+"ORDER BY id DESC LIMIT 1", planID)
	}
	held, err := newest("AND state = 'stopped' ")
	if err != nil {
		return Record{}, err
	}
	if len(held) > 0 {
		return readRecord(ctx, q, held[0].ID)
	}
	others, err := newest("")
	if err != nil {
		return Record{}, err
	}
	if len(others) > 0 {
		return Record{}, fmt.Errorf("%w: it is the plan of run %d, which no guard stopped: it is %s", ErrNoPlan, others[0].ID, others[0].State)
	}
	return Record{}, fmt.Errorf("%w: no run has a plan of that ID", ErrNoPlan)
}

func readRecord(ctx context.Context, q querier, id int64) (Record, error) {
	runs, err := readRuns(ctx, q, "WHERE id = ?", id)
	if err != nil {
		return Record{}, err
	}
	if len(runs) == 0 {
		return Record{}, noRun(sql.ErrNoRows, id)
	}
	run := runs[0]
	record := Record{Run: run, Plan: reconcile.Plan{Connector: run.Connector, ID: run.PlanID, Purpose: run.Purpose, Counts: run.Counts}}
	if record.Plan.ToCCMail, record.Plan.ToExchange, err = readSteps(ctx, q, id); err != nil {
		return Record{}, err
	}
	if record.Plan.Guards, err = readGuards(ctx, q, "SELECT "+guardColumns+" FROM guards WHERE run = ? ORDER BY seq", id); err != nil {
		return Record{}, err
	}
	err = each(ctx, q, func(row scanner) error {
		var text string
		scanned := row.Scan(&text)
		record.Warnings = append(record.Warnings, text)
		return scanned
	}, "SELECT text FROM warnings WHERE run = ? ORDER BY seq", id)
	return record, err
}

// readGuards reads the guards of a run or of an approval.
func readGuards(ctx context.Context, q querier, query string, of int64) ([]reconcile.Guard, error) {
	guards := []reconcile.Guard{}
	err := each(ctx, q, func(row scanner) error {
		var seq int
		var g reconcile.Guard
		scanned := row.Scan(&seq, &g.Name, &g.Limit, &g.Found, &g.Tripped, &g.Detail, &g.Approved)
		guards = append(guards, g)
		return scanned
	}, query, of)
	return guards, err
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
		direction reconcile.Direction
		steps     *reconcile.StepCounts
	}{{reconcile.ToCCMail, &c.ToCCMail}, {reconcile.ToExchange, &c.ToExchange}} {
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
			columns = append(columns, counted{string(side.direction) + "_" + c.column, c.count})
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
	query := "SELECT id, connector, plan_id, purpose, state, started, ended, error, " +
		"(SELECT count(*) FROM steps WHERE run = runs.id AND outcome IN ('failed', 'held'))"
	for _, c := range columnsOf(&reconcile.Counts{}) {
		query += ", " + c.column
	}
	var runs []reconcile.Run
	err := each(ctx, q, func(row scanner) error {
		var run reconcile.Run
		into := []any{&run.ID, &run.Connector, &run.PlanID, &run.Purpose, &run.State, timeIn{&run.Started}, timeIn{&run.Ended}, &run.Error, &run.NotDone}
		for _, c := range columnsOf(&run.Counts) {
			into = append(into, c.count)
		}
		err := row.Scan(into...)
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
		var direction reconcile.Direction
		scanned := row.Scan(&direction, &s.Op, &s.Kind, &s.Key, &s.Name, &s.Address, &s.DN, &s.Reason, &s.Event, changesIn{&s.Changes}, &s.Outcome, &s.Error)
		if direction == reconcile.ToCCMail {
			ccMail = append(ccMail, s)
		} else {
			exchange = append(exchange, s)
		}
		return scanned
	}, "SELECT direction, "+stepColumns+" FROM steps WHERE run = ? ORDER BY seq", run)
	return ccMail, exchange, err
}
