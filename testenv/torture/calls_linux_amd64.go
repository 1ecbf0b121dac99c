package torture

import "golang.org/x/sys/unix"

// oldCalls are system calls that younger architectures no longer have.
func oldCalls() map[uint64]call {
	path := func(name string, path int) call { return call{name: name, fd: -1, path: path, dir: -1, flags: -1} }
	return map[uint64]call{
		unix.SYS_OPEN:   {name: "open", fd: -1, path: 0, dir: -1, flags: 1},
		unix.SYS_MKDIR:  path("mkdir", 0),
		unix.SYS_UNLINK: path("unlink", 0),
		unix.SYS_RMDIR:  path("rmdir", 0),
		unix.SYS_RENAME: path("rename", 1),
		unix.SYS_CHMOD:  path("chmod", 0),
	}
}
