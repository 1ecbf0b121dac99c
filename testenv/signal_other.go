//go:build !unix

package testenv

import (
	"context"
	"errors"
	"os"
)

func pause(context.Context, *os.Process) error { return errors.ErrUnsupported }
func resume(*os.Process) error                 { return errors.ErrUnsupported }
