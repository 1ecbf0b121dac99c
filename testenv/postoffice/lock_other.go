//go:build !unix

package postoffice

import (
	"errors"
	"fmt"
	"os"
)

// lockFile fails: a lock that a killed program leaves behind would spoil
// every run after it, and only unix has one that goes with the process.
func lockFile(*os.File) error {
	return fmt.Errorf("lock post office on this system: %w", errors.ErrUnsupported)
}

func unlockFile(*os.File) error { return nil }
