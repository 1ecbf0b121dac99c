package postoffice

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// lock is a held lock file.
type lock struct{ file *os.File }

// acquire takes the lock of a post office, or returns ErrLocked at once. The
// lock goes with the process; text in the lock file makes it last.
func acquire(dir string) (*lock, error) {
	file, err := os.OpenFile(filepath.Join(dir, LockFile), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock post office: %w", err)
	}
	if err = lockFile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	info, err := file.Stat()
	if err == nil && info.Size() > 0 {
		err = fmt.Errorf("%w; ccpo unlock frees it", ErrLocked)
	}
	l := &lock{file}
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

func (l *lock) release() error {
	if err := errors.Join(unlockFile(l.file), l.file.Close()); err != nil {
		return fmt.Errorf("unlock post office: %w", err)
	}
	return nil
}
