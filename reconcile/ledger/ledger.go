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
	"time"

	"modernc.org/sqlite"
)

// File is the name that the ledger has in its folder by convention.
const File = "ledger.db"

// ErrNoRun says that a run is not in the ledger.
var ErrNoRun = errors.New("no such run")

// Ledger is an open ledger. Several programs may have one open at a time.
type Ledger struct {
	db   *sql.DB
	path string
}

// settings of every connection: wait five seconds for another program that
// writes; take the lock for writing at the start of a transaction, where it is
// waited for; commit without an fsync unless told otherwise.
const settings = "_busy_timeout=5000&_foreign_keys=1&_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate&_dqs=0"

// Open opens the ledger at path and brings its tables up to date. A file or
// folder that is missing is made, for nobody else to read.
func Open(ctx context.Context, path string) (*Ledger, error) {
	db, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open the ledger %s: %w", path, err)
	}
	return &Ledger{db: db, path: path}, nil
}

func open(ctx context.Context, path string) (*sql.DB, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err = create(full); err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(source(full))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	if err = migrate(ctx, db, migrations); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// source is the URI of a file, in which a drive letter too follows a slash.
func source(path string) string {
	path = "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")
	return (&url.URL{Scheme: "file", Path: path, RawQuery: settings}).String()
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
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("close the ledger %s: %w", l.path, err)
	}
	return nil
}

// querier is the database, one of its connections or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// commit carries out a change in one transaction. It survives the end of the
// program, and that of the machine once a later durable commit has returned.
func (l *Ledger) commit(ctx context.Context, what string, change func(*sql.Tx) error) error {
	return l.commitWith(ctx, "NORMAL", what, change)
}

// commitDurably is commit, and waits until the change, and with it all before,
// is on the disk.
func (l *Ledger) commitDurably(ctx context.Context, what string, change func(*sql.Tx) error) error {
	return l.commitWith(ctx, "FULL", what, change)
}

func (l *Ledger) commitWith(ctx context.Context, synchronous, what string, change func(*sql.Tx) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("ledger %s: %s: %w", l.path, what, err)
		}
	}()
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err = conn.ExecContext(ctx, "PRAGMA synchronous = "+synchronous); err != nil {
		return err
	}
	return transact(ctx, conn, change)
}

func transact(ctx context.Context, conn *sql.Conn, change func(*sql.Tx) error) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err = change(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// instant is the form of times in the tables: all of one length, so that they
// sort as text.
const instant = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string { return t.UTC().Format(instant) }

func parseTime(text string) (time.Time, error) { return time.Parse(instant, text) }
