package torture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Private gives the calling goroutine, and the programs that it starts, mounts
// that nobody else sees, until it ends. It keeps its thread, which ends with
// it; goroutines that it starts see the mounts of all. The error is [ErrNoDisks]
// without the right to do so.
func Private() error {
	runtime.LockOSThread()
	err := unix.Unshare(unix.CLONE_NEWNS)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoDisks, err)
	}
	return nil
}

// Disk is a small disk in memory.
type Disk struct{ folder string }

// SmallDisk mounts a new disk at a folder of a goroutine that called Private.
func SmallDisk(folder string, pages int) (Disk, error) {
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", pages*PageSize)); err != nil {
		return Disk{}, fmt.Errorf("%w: at %s: %w", ErrNoDisks, folder, err)
	}
	return Disk{folder}, nil
}

// ballast is the file that takes the room on a disk.
func (d Disk) ballast() string { return filepath.Join(d.folder, ".ballast") }

// Leave takes all room of the disk but for so many pages of PageSize.
func (d Disk) Leave(pages int) (err error) {
	var room unix.Statfs_t
	if err = unix.Statfs(d.folder, &room); err != nil {
		return fmt.Errorf("ask for the room in %s: %w", d.folder, err)
	}
	size := (int64(room.Bavail) - int64(pages)) * PageSize
	if size <= 0 {
		return fmt.Errorf("%s has room for %d pages, so %d cannot be left", d.folder, room.Bavail, pages)
	}
	file, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err = unix.Fallocate(int(file.Fd()), 0, 0, size); err != nil {
		return fmt.Errorf("fill %s: %w", d.folder, err)
	}
	return nil
}

// Free gives the room back that Leave took.
func (d Disk) Free() error { return os.Remove(d.ballast()) }

// ReadOnly makes a folder, and all below, one that nobody can write to, not
// even root, for a goroutine that called Private.
func ReadOnly(folder string) error {
	err := unix.Mount(folder, folder, "", unix.MS_BIND, "")
	if err == nil {
		err = unix.Mount("", folder, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	if err != nil {
		return fmt.Errorf("%w: at %s: %w", ErrNoDisks, folder, err)
	}
	return nil
}

// Unmount ends what SmallDisk or ReadOnly mounted at a folder.
func Unmount(folder string) error {
	if err := unix.Unmount(folder, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", folder, err)
	}
	return nil
}
