//go:build amd64 || arm64

package torture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Trace runs the program and kills it at a moment. The error is [ErrNoTrace]
// where tracing is not possible.
func (p Program) Trace(at Moment, whom Whom) (End, error) {
	// The thread that starts the program is the only one that can trace it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	files, alive, closeOpened, err := p.launch()
	if err != nil {
		return End{}, fmt.Errorf("start %s: %w", p.Path, err)
	}
	attr := &syscall.ProcAttr{Dir: p.Dir, Env: p.Env, Sys: &syscall.SysProcAttr{Ptrace: true, Setsid: true}}
	for _, file := range files {
		fd := ^uintptr(0) // closed
		if file != nil {
			fd = file.Fd()
		}
		attr.Files = append(attr.Files, fd)
	}
	began := time.Now()
	pid, err := syscall.ForkExec(p.Path, append([]string{p.Path}, p.Args...), attr)
	if err != nil {
		if errors.Is(err, syscall.EPERM) {
			err = fmt.Errorf("%w: %w", ErrNoTrace, err)
		}
		return End{}, errors.Join(fmt.Errorf("start %s: %w", p.Path, err), closeOpened(), alive.Close())
	}
	t := &tracer{program: p, pid: pid, at: at, calls: calls(), pending: map[int]Point{}, known: map[int]bool{pid: true}}
	t.end = End{session: pid, alive: alive}
	if err = errors.Join(closeOpened(), t.follow()); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL) // the error that led here counts
		return End{}, errors.Join(fmt.Errorf("trace %s: %w", p.Path, err), alive.Close())
	}
	t.end.Took = time.Since(began)
	if t.end.Killed && whom == Everything {
		err = t.end.KillRest()
	}
	return t.end, err
}

// tracer follows one program. All its methods run on one thread.
type tracer struct {
	program Program
	pid     int
	at      Moment
	killed  bool // at its moment
	calls   map[uint64]call
	known   map[int]bool  // threads that have begun
	pending map[int]Point // of the threads within a call whose end is a point too
	end     End
}

// follow lets the program run from its exec to its end.
func (t *tracer) follow() error {
	var status unix.WaitStatus
	if _, err := wait4(t.pid, &status); err != nil {
		return err
	}
	if !status.Stopped() {
		return fmt.Errorf("%w: it did not stop at its start", ErrNoTrace)
	}
	// What it starts with vfork is another program and not traced.
	if err := unix.PtraceSetOptions(t.pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
		return fmt.Errorf("%w: %w", ErrNoTrace, err)
	}
	for thread, sig := t.pid, 0; ; {
		// A thread that is gone by now was killed with the program.
		if err := unix.PtraceSyscall(thread, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		for {
			var err error
			if thread, err = wait4(-t.pid, &status); err != nil { // its threads are its process group
				return err
			}
			if status.Stopped() {
				break
			}
			if thread == t.pid {
				t.end.Killed, t.end.Code = status.Signaled(), status.ExitStatus()
				return nil
			}
			delete(t.known, thread)
		}
		var err error
		if sig, err = t.stopped(thread, status); err != nil {
			return err
		}
	}
}

// wait4 waits for a process, or a process group when the number is negative,
// that this thread traces. Another goroutine may have started other programs on
// the same thread before.
func wait4(pid int, status *unix.WaitStatus) (int, error) {
	for {
		got, err := unix.Wait4(pid, status, unix.WALL|unix.WNOTHREAD, nil)
		if !errors.Is(err, unix.EINTR) {
			return got, err
		}
	}
}

// stopped looks at why a thread stopped and returns the signal to go on with.
func (t *tracer) stopped(thread int, status unix.WaitStatus) (sig int, err error) {
	const systemCall = unix.SIGTRAP | 0x80
	switch {
	case !t.known[thread]: // the stop with which a new thread begins
		t.known[thread] = true
		return 0, nil
	case status.StopSignal() == systemCall:
		return 0, t.atCall(thread)
	case status.TrapCause() > 0: // a thread was made
		return 0, nil
	default:
		return int(status.StopSignal()), nil
	}
}

// callInfo is struct ptrace_syscall_info of Linux.
type callInfo struct {
	op     uint8
	_      [3]uint8
	_      uint32
	_, _   uint64
	number uint64 // at the exit of a call, what it returned
	args   [6]uint64
	_      uint64
}

// The values of op.
const (
	callEntry = 1
	callExit  = 2
)

// atCall counts the point at the entry or exit of a system call, if it is one,
// and kills the program when it is the one.
func (t *tracer) atCall(thread int) error {
	var info callInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	switch {
	case errno == unix.ESRCH:
		return nil // killed
	case errno != 0:
		return fmt.Errorf("%w: %w", ErrNoTrace, errno)
	}
	switch info.op {
	case callEntry:
		c, counts := t.calls[info.number]
		if !counts {
			return nil
		}
		point, counts := t.point(thread, c, info.args)
		if !counts {
			return nil
		}
		if c.data {
			t.pending[thread] = point
		}
		return t.reach(point)
	case callExit:
		point, counts := t.pending[thread]
		delete(t.pending, thread)
		if failed := int64(info.number) < 0; !counts || failed { // a signed number in the same place
			return nil
		}
		point.After = true
		return t.reach(point)
	}
	return nil
}

func (t *tracer) reach(point Point) error {
	if t.killed {
		return nil // it is about to end
	}
	t.end.Points = append(t.end.Points, point)
	if t.killed = t.at(point); !t.killed {
		return nil
	}
	return syscall.Kill(t.pid, syscall.SIGKILL)
}

// point says what a call writes, and whether that counts.
func (t *tracer) point(thread int, c call, args [6]uint64) (Point, bool) {
	if c.name == cloneCall {
		return Point{Call: c.name, Where: program}, args[c.flags]&unix.CLONE_VFORK != 0
	}
	if c.flags >= 0 && args[c.flags]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT) == 0 {
		return Point{}, false
	}
	target := t.target(thread, c, args)
	if strings.HasPrefix(target, "socket:") {
		return Point{Call: c.name, Where: "socket"}, true
	}
	for _, folder := range t.program.Folders {
		if target == folder || strings.HasPrefix(target, folder+"/") {
			return Point{Call: c.name, Where: filepath.Base(folder) + strings.TrimPrefix(target, folder)}, true
		}
	}
	return Point{}, false
}

// target is the path of the file that a call writes, or of the socket.
func (t *tracer) target(thread int, c call, args [6]uint64) string {
	if c.fd >= 0 {
		return t.file(args[c.fd])
	}
	path := t.text(thread, args[c.path])
	if filepath.IsAbs(path) {
		return path
	}
	folder := t.link("cwd")
	if c.dir >= 0 && int32(args[c.dir]) != unix.AT_FDCWD { // file descriptors are of 32 bits
		folder = t.file(args[c.dir])
	}
	return filepath.Join(folder, path)
}

// file is the path of an open file.
func (t *tracer) file(fd uint64) string { return t.link(fmt.Sprintf("fd/%d", int32(fd))) }

// link reads a link of the program's folder in /proc; what is not there is of
// no interest.
func (t *tracer) link(name string) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", t.pid, name))
	if err != nil {
		return ""
	}
	return path
}

// text reads a C string from the program's memory.
func (t *tracer) text(thread int, address uint64) string {
	var text []byte
	for len(text) < unix.PathMax {
		var word [8]byte
		if _, err := unix.PtracePeekData(thread, uintptr(address)+uintptr(len(text)), word[:]); err != nil {
			return ""
		}
		for i, b := range word {
			if b == 0 {
				return string(append(text, word[:i]...))
			}
		}
		text = append(text, word[:]...)
	}
	return ""
}
