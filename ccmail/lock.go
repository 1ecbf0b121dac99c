package ccmail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile is the file of a Store that whoever uses it holds locked. It says
// who that is, and stays when the lock is gone.
const lockFile = ".lock"

// ErrLocked is found by errors.Is when another process uses a Store.
var ErrLocked = errors.New("another cycle is running on this store; wait until it has ended, then run again")

// Lock takes the store for this process, or fails with [ErrLocked] at once.
// The lock ends with the process at the latest; unlock ends it before. The
// folders must be there, see Prepare.
func (s Store) Lock() (unlock func() error, err error) {
	fail := func(err error) (func() error, error) {
		return nil, fmt.Errorf("cannot lock the store %s: %w", s.Dir, err)
	}
	file, err := os.OpenFile(filepath.Join(s.Dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fail(err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := io.ReadAll(file)
		err = fmt.Errorf("%w (%s)", ErrLocked, holder)
	}
	if err == nil {
		err = sign(file)
	}
	if err != nil {
		return fail(errors.Join(err, file.Close()))
	}
	return func() error {
		// Closing alone would not do: a program that is just being started has
		// the file open too, until it has begun.
		return errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
	}, nil
}

// sign writes into a lock file who holds it.
func sign(file *os.File) error {
	host, err := os.Hostname()
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(file, "process %d on %s", os.Getpid(), host)
	}
	return err
}
