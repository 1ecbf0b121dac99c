//go:build !linux

package torture

import (
	"fmt"
	"runtime"
)

// Private needs Linux.
func Private() error { return fmt.Errorf("%w: this is %s", ErrNoDisks, runtime.GOOS) }

// Disk is a small disk; there is none here.
type Disk struct{}

// SmallDisk needs Linux.
func SmallDisk(string, int) (Disk, error) { return Disk{}, ErrNoDisks }

// Leave needs Linux.
func (d Disk) Leave(int) error { return ErrNoDisks }

// Free needs Linux.
func (d Disk) Free() error { return ErrNoDisks }

// ReadOnly needs Linux.
func ReadOnly(string) error { return ErrNoDisks }

// Unmount needs Linux.
func Unmount(string) error { return ErrNoDisks }
