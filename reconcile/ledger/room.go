package ledger

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// explained adds to an error of SQLite what its own text does not tell: that
// the file beside the ledger could not grow "might indicate that the underlying
// filesystem volume is out of space" (documented, SQLITE_IOERR_SHMSIZE).
func explained(err error) error {
	var failed *sqlite.Error
	if errors.As(err, &failed) && failed.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
		return fmt.Errorf("%w: probably the disk is full", err)
	}
	return err
}
