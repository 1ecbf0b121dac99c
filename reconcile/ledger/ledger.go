package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// File is the name that the ledger has in its folder by convention.
const File = "ledger.db"

// ErrNoRun says that a run is not in the ledger.
var ErrNoRun = errors.New("no such run")

// ErrNoPlan says that no run that guards stopped has a plan of that ID.
var ErrNoPlan = errors.New("no such held plan")

// Ledger is an open ledger. Several programs may have one open at a time.
type Ledger struct {
	path string

	// Of one that was opened to read only, all that follows is empty: it opens
	// the file for each look.
	mu      sync.Mutex // one transaction at a time
	db      *sql.DB
	conn    *sql.Conn // the only one
	waits   bool      // whether commits wait for the disk now
	outcome *sql.Stmt // sets the outcome of steps
}

// settings of every connection: wait five seconds for another program that
// writes; take the lock for writing at the start of a transaction, where it is
// waited for; commit without an fsync unless told otherwise.
const settings = "_busy_timeout=5000&_foreign_keys=1&_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate&_dqs=0"

// Open opens the ledger at path and brings its tables up to date. A file or
// folder that is missing is made, for nobody else to read.
func Open(ctx context.Context, path string) (*Ledger, error) {
	l, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open the ledger %s: %w", path, explained(err))
	}
	return l, nil
}

func open(ctx context.Context, path string) (*Ledger, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err = create(full); err != nil {
		return nil, err
	}
	db, err := connect(full, settings)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path, db: db}
	if l.conn, err = db.Conn(ctx); err == nil {
		err = migrate(ctx, l.conn, migrations)
	}
	if err == nil {
		l.outcome, err = l.conn.PrepareContext(ctx, setOutcome)
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// connect opens a file with these settings, over one connection.
func connect(path, settings string) (*sql.DB, error) {
	// The URI of a file, in which a drive letter too follows a slash.
	slashed := "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")
	uri := url.URL{Scheme: "file", Path: slashed, RawQuery: settings}
	connector, err := sqlite.NewConnector(uri.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// create makes the file, if it is not there, before SQLite does, which would
// let others read it. SQLite gives the files beside it the same mode.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// Close closes the ledger. What was committed is then in its one file.
func (l *Ledger) Close() error {
	if err := l.close(); err != nil {
		return fmt.Errorf("close the ledger %s: %w", l.path, err)
	}
	return nil
}

func (l *Ledger) close() error {
	var err error
	if l.outcome != nil {
		err = l.outcome.Close()
	}
	if l.conn != nil {
		err = errors.Join(err, l.conn.Close())
	}
	if l.db != nil {
		err = errors.Join(err, l.db.Close())
	}
	return err
}

// querier is a connection or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// view reads in one transaction, so that all is of one moment. What read finds
// in one call takes the place of what it found in an earlier one.
func (l *Ledger) view(ctx context.Context, what string, read func(querier) error) error {
	err := l.viewOnce(ctx, read)
	if err != nil {
		return fmt.Errorf("ledger %s: %s: %w", l.path, what, err)
	}
	return nil
}

func (l *Ledger) viewOnce(ctx context.Context, read func(querier) error) (err error) {
	if l.conn == nil {
		return look(ctx, l.path, read)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tx, err := beginTx(ctx, l.conn, sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	return read(tx)
}

// commit carries out a change in one transaction. It survives the end of the
// program, and that of the machine once a later durable commit has returned.
func (l *Ledger) commit(ctx context.Context, what string, change func(*sql.Tx) error) error {
	return l.transact(ctx, what, change, (*Ledger).waitForNothing)
}

// commitDurably is commit, and waits until the change, and with it all before,
// is on the disk.
func (l *Ledger) commitDurably(ctx context.Context, what string, change func(*sql.Tx) error) error {
	return l.transact(ctx, what, change, (*Ledger).waitForDisk)
}

func (l *Ledger) transact(ctx context.Context, what string, change func(*sql.Tx) error, prepare func(*Ledger, context.Context) error) error {
	err := l.write(func() error {
		if err := prepare(l, ctx); err != nil {
			return err
		}
		return transact(ctx, l.conn, change)
	})
	if err != nil {
		return fmt.Errorf("ledger %s: %s: %w", l.path, what, explained(err))
	}
	return nil
}

// write calls do while nobody else in this program uses the connection.
func (l *Ledger) write(do func() error) error {
	if l.conn == nil {
		return errors.New("it was opened to read only")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return do()
}

// waitForDisk makes the next commits wait for the disk.
func (l *Ledger) waitForDisk(ctx context.Context) error {
	if l.waits {
		return nil
	}
	_, err := l.conn.ExecContext(ctx, "PRAGMA synchronous = FULL")
	l.waits = err == nil
	return err
}

// waitForNothing makes the next commits not wait for the disk.
func (l *Ledger) waitForNothing(ctx context.Context) error {
	if !l.waits {
		return nil
	}
	_, err := l.conn.ExecContext(ctx, "PRAGMA synchronous = NORMAL")
	l.waits = err != nil
	return err
}

func transact(ctx context.Context, conn *sql.Conn, change func(*sql.Tx) error) error {
	tx, err := beginTx(ctx, conn, sql.TxOptions{})
	if err != nil {
		return err
	}
	if err = change(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// beginTx begins a transaction. Statements in it end with the context, the
// transaction when it is told to: else it would be rolled back at some later
// time, in the way of the next one.
func beginTx(ctx context.Context, conn *sql.Conn, options sql.TxOptions) (*sql.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return conn.BeginTx(context.WithoutCancel(ctx), &options)
}

// execEach carries out a statement once for each row of values, 0 to n-1. It
// ends between two rows when the context does: to watch it in each statement
// costs as much as the statement.
func execEach(ctx context.Context, tx *sql.Tx, n int, statement string, row func(i int) ([]any, error)) (err error) {
	if n == 0 {
		return nil
	}
	prepared, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prepared.Close()) }()
	unwatched := context.WithoutCancel(ctx)
	for i := range n {
		values, err := row(i)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			_, err = prepared.ExecContext(unwatched, values...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// instant is the form of times in the tables: all of one length, so that they
// sort as text.
const instant = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string { return t.UTC().Format(instant) }

func parseTime(text string) (time.Time, error) { return time.Parse(instant, text) }

// timeIn scans a time.
type timeIn struct{ *time.Time }

// Scan implements [sql.Scanner]. Null leaves the time as it is.
func (t timeIn) Scan(value any) (err error) {
	switch value := value.(type) {
	case nil:
	case string:
		*t.Time, err = parseTime(value)
	default:
		err = fmt.Errorf("%v is not a time", value)
	}
	return err
}
