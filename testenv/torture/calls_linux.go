//go:build amd64 || arm64

package torture

import (
	"maps"

	"golang.org/x/sys/unix"
)

// call is a system call that writes. The numbers are those of its arguments,
// -1 where it has none of that kind.
type call struct {
	name  string
	fd    int  // file descriptor that is written to
	path  int  // path, relative to the folder
	dir   int  // file descriptor of that folder, -1 for the working folder
	flags int  // of open: it counts only when it opens for writing
	data  bool // the moment after it is a point too
}

// calls are the system calls that count, by number.
func calls() map[uint64]call {
	onFile := func(name string, data bool) call {
		return call{name: name, fd: 0, path: -1, dir: -1, flags: -1, data: data}
	}
	at := func(name string, dir int) call { return call{name: name, fd: -1, dir: dir, path: dir + 1, flags: -1} }
	all := map[uint64]call{
		unix.SYS_WRITE:     onFile("write", true),
		unix.SYS_PWRITE64:  onFile("pwrite64", true),
		unix.SYS_WRITEV:    onFile("writev", true),
		unix.SYS_PWRITEV:   onFile("pwritev", true),
		unix.SYS_SENDTO:    onFile("sendto", true),
		unix.SYS_SENDMSG:   onFile("sendmsg", true),
		unix.SYS_FTRUNCATE: onFile("ftruncate", false),
		unix.SYS_FALLOCATE: onFile("fallocate", false),
		unix.SYS_FSYNC:     onFile("fsync", false),
		unix.SYS_FDATASYNC: onFile("fdatasync", false),
		unix.SYS_FLOCK:     onFile("flock", false),
		unix.SYS_FCHMOD:    onFile("fchmod", false),
		unix.SYS_OPENAT:    {name: "open", fd: -1, dir: 0, path: 1, flags: 2},
		unix.SYS_MKDIRAT:   at("mkdir", 0),
		unix.SYS_UNLINKAT:  at("unlink", 0),
		unix.SYS_RENAMEAT:  at("rename", 2), // the new name
		unix.SYS_RENAMEAT2: at("rename", 2),
		unix.SYS_LINKAT:    at("link", 2),
		unix.SYS_SYMLINKAT: at("symlink", 1),
		unix.SYS_FCHMODAT:  at("chmod", 0),
		unix.SYS_CLONE:     {name: cloneCall, fd: -1, path: -1, dir: -1, flags: 0, data: true},
	}
	maps.Copy(all, oldCalls())
	return all
}

// cloneCall starts a program when it waits for that program's exec.
const cloneCall = "start"
