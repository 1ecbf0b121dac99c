//go:build !linux

package ldapsrc

import (
	"errors"
	"syscall"
)

func setLowWater(syscall.RawConn, int) error { return errors.ErrUnsupported }
