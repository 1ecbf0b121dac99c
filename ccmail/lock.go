package ccmail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile is the file of a Store that whoever uses it holds locked. It says
// who that is, and is empty when nobody does.
const lockFile = ".lock"

// ErrLocked is found by errors.Is when another process uses a Store.
var ErrLocked = errors.New("another cycle is running on this store")

// Holder is the process that holds a Store, as its lock file names it. What
// was not known then is empty.
type Holder struct {
	PID   int
	User  string
	Host  string
	Since time.Time
}

// String is such as "process 12 of anna on mail1 since 1998-03-01T12:00:00Z".
func (h Holder) String() string {
	text := fmt.Sprintf("process %d", h.PID)
	if h.User != "" {
		text += " of " + h.User
	}
	if h.Host != "" {
		text += " on " + h.Host
	}
	if !h.Since.IsZero() {
		text += " since " + h.Since.Format(time.RFC3339)
	}
	return text
}

// held says how long the store has been held; nothing when that cannot be
// told, because the clock went back.
func (h Holder) held(now time.Time) string {
	if age := now.Sub(h.Since).Round(time.Second); !h.Since.IsZero() && age >= 0 {
		return ", held for " + age.String()
	}
	return ""
}

// gone reports whether the process was one of this machine and has ended.
func (h Holder) gone() bool {
	host, err := os.Hostname()
	return err == nil && host == h.Host && errors.Is(syscall.Kill(h.PID, 0), syscall.ESRCH)
}

// Lock takes the store for this process, or fails with [ErrLocked] at once;
// the error names the holder. unlock ends the lock. If the process dies before,
// the lock ends with it and with the programs that it started, whichever ends
// last: an IMPORT that lives on still reads the store and writes to the post
// office. A holder that died without unlocking is returned too, else nil. now
// is written down, unless it is zero. The folders must be there, see Prepare.
func (s Store) Lock(now time.Time) (unlock func() error, died *Holder, err error) {
	fail := func(err error) (func() error, *Holder, error) {
		return nil, nil, fmt.Errorf("cannot lock the store %s: %w", s.Dir, err)
	}
	file, err := os.OpenFile(filepath.Join(s.Dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		file, err = handDown(file)
	}
	if err != nil {
		return fail(err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	holder, readErr := readHolder(file)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = lockedError(holder, now)
	case err == nil:
		if err = readErr; err == nil {
			err = sign(file, now)
		}
	}
	if err != nil {
		return fail(errors.Join(err, file.Close()))
	}
	return func() error {
		// Closing alone would not do: programs that were started have the file
		// open too.
		return errors.Join(file.Truncate(0), syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
	}, holder, nil
}

// lockedError says who holds the store and what to do. The holder is nil when
// it has only just begun.
func lockedError(holder *Holder, now time.Time) error {
	if holder == nil {
		return fmt.Errorf("%w; wait until it has ended, then run again", ErrLocked)
	}
	if holder.gone() {
		return fmt.Errorf("%w: %s%s has died, but an EXPORT or IMPORT that it started is still at work; "+
			"wait until that has ended, or end it if it hangs, then run again", ErrLocked, holder, holder.held(now))
	}
	return fmt.Errorf("%w: %s%s; wait until it has ended, or end that process if it hangs, then run again", ErrLocked, holder, holder.held(now))
}

// firstHandedDown is above the file descriptors that a program is started with.
const firstHandedDown = 10

// handDown makes an open file one that the programs have open too that this
// process starts.
func handDown(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD, firstHandedDown)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return os.NewFile(uintptr(fd), file.Name()), file.Close()
}

// sign writes into a lock file who holds it. The process number comes last:
// a signature that was cut short names nobody.
func sign(file *os.File, now time.Time) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	name := strconv.Itoa(os.Getuid())
	if account, lookup := user.Current(); lookup == nil {
		name = account.Username
	}
	text := fmt.Sprintf("user %s\nhost %s\n", name, host)
	if !now.IsZero() {
		text += fmt.Sprintf("since %s\n", now.UTC().Format(time.RFC3339))
	}
	text += fmt.Sprintf("process %d\n", os.Getpid())
	if err = file.Truncate(0); err == nil {
		_, err = file.WriteAt([]byte(text), 0)
	}
	return err
}

// maxSignature is more than a signature has, in bytes.
const maxSignature = 4096

// readHolder returns the holder that a lock file names, nil when it names none.
func readHolder(file *os.File) (*Holder, error) {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, maxSignature))
	if err != nil {
		return nil, err
	}
	var holder Holder
	for line := range strings.Lines(string(text)) {
		signed, whole := strings.CutSuffix(line, "\n")
		switch key, value, _ := strings.Cut(signed, " "); key {
		case "user":
			holder.User = value
		case "host":
			holder.Host = value
		case "since":
			holder.Since, _ = time.Parse(time.RFC3339, value) // not known when it cannot be read
		case "process":
			if pid, err := strconv.Atoi(value); err == nil && whole {
				holder.PID = pid
			}
		}
	}
	if holder.PID == 0 {
		return nil, nil
	}
	return &holder, nil
}
