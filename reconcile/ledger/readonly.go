package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// OpenReadOnly opens the ledger at path to look into it. Its folder stays as
// it is, whatever other programs do at that time: no file is made, changed or
// left there. What would write is refused. The error wraps [fs.ErrNotExist]
// when there is no such file.
//
// SQLite cannot read a ledger that is in use without taking part in its files.
// So a ledger that nobody uses is read in place as a file that nobody changes,
// and read again when somebody did; of one that is in use, that a program
// which died left behind, or whose tables are of an older version, a copy is
// made in a temporary folder and removed again after each look.
func OpenReadOnly(ctx context.Context, path string) (*Ledger, error) {
	full, err := filepath.Abs(path)
	if err == nil {
		err = look(ctx, full, func(q querier) error {
			_, failed := tablesVersion(ctx, q)
			return failed
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open the ledger %s to read only: %w", path, err)
	}
	return &Ledger{path: full}, nil
}

// inPlace are the settings of a connection to a file that nobody changes.
const inPlace = "mode=ro&immutable=1&_dqs=0"

// looks is how often a ledger is read again that was written to meanwhile.
const looks = 100

// errOlder says that tables are of an older version.
var errOlder = errors.New("its tables are of an older version")

// look reads a ledger without taking part in its files.
func look(ctx context.Context, path string, read func(querier) error) error {
	for range looks {
		before, err := footprintOf(path)
		if err != nil {
			return err
		}
		if before.log == "" {
			err = lookInPlace(ctx, path, read)
		}
		if before.log != "" || errors.Is(err, errOlder) {
			err = lookAtCopy(ctx, path, read)
		}
		after, failed := footprintOf(path)
		if failed != nil {
			return failed
		}
		if ctx.Err() != nil || after.continues(before) {
			return err
		}
	}
	return errors.New("other programs wrote to it each time it was read; try again")
}

// footprint tells whether a ledger was changed.
type footprint struct {
	size    int64
	changed time.Time
	log     string // the head of its write-ahead log or rollback journal; empty when it has none
}

// continues reports whether what was read between the two is whole. A log that
// has grown still has all that was moved from it to the file meanwhile. It has
// another head, which has random numbers in it, once it was begun anew.
func (f footprint) continues(before footprint) bool {
	if before.log != "" {
		return f.log == before.log
	}
	return f.log == "" && f.size == before.size && f.changed.Equal(before.changed)
}

// beside are the ends of the names of files that belong to a ledger in use.
// There is one of them at a time.
var beside = []string{"-wal", "-journal"}

func footprintOf(path string) (footprint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return footprint{}, err
	}
	f := footprint{size: info.Size(), changed: info.ModTime()}
	for _, end := range beside {
		head, err := headOf(path + end)
		if err != nil {
			return footprint{}, err
		}
		f.log += head
	}
	return f, nil
}

// headSize is the number of bytes at the beginning of a write-ahead log that
// are of the whole of it. A shorter one has nothing in it yet.
const headSize = 32

// headOf reads the head of a file, which is empty when it is not there.
func headOf(path string) (text string, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	head := make([]byte, headSize)
	if _, err = io.ReadFull(file, head); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "", nil
	}
	return string(head), err
}

func lookInPlace(ctx context.Context, path string, read func(querier) error) (err error) {
	db, err := connect(path, inPlace)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	version, err := tablesVersion(ctx, tx)
	if err != nil {
		return err
	}
	if err = notNewer(version, migrations); err != nil {
		return err
	}
	if version < len(migrations) {
		return errOlder
	}
	return read(tx)
}

// lookAtCopy copies a ledger to a temporary folder, brings the copy up to date
// and reads it. The log comes last: it has all that was moved from it to the
// file while that was copied.
func lookAtCopy(ctx context.Context, path string, read func(querier) error) (err error) {
	folder, err := os.MkdirTemp("", "ccdirsync-ledger-")
	if err != nil {
		return fmt.Errorf("make a temporary folder for a copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	duplicate := filepath.Join(folder, File)
	if err = copyFile(path, duplicate); err != nil {
		return err
	}
	for _, end := range beside {
		if err = copyFile(path+end, duplicate+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	l, err := open(ctx, duplicate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	return l.viewOnce(ctx, read)
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err = io.Copy(target, source); err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}
