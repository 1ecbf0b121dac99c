package ccmail

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// exitGrace is how long what closed the console by ending may take to be gone.
const exitGrace = 200 * time.Millisecond

// runInGroup runs cmd, with all that it starts, in a process group of its own.
// The group ends as a whole when cmd is cancelled, and what cmd left running
// in it ends after cmd; left tells that there was something.
func runInGroup(cmd *exec.Cmd) (left bool, err error) {
	// Every member has the writing end of a pipe open as long as it lives. The
	// group alone does not tell: it also has those that ended and that nobody
	// has waited for yet.
	lives, held, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer func() { _ = lives.Close() }()
	cmd.ExtraFiles = []*os.File{held}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		killErr := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(killErr, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return killErr
	}
	err = errors.Join(cmd.Run(), held.Close())
	if cmd.Process == nil {
		return false, err
	}
	group := -cmd.Process.Pid
	if errors.Is(syscall.Kill(group, 0), syscall.ESRCH) {
		return false, err
	}
	timer := time.AfterFunc(exitGrace, func() { _ = lives.Close() })
	defer timer.Stop()
	_, readErr := lives.Read(make([]byte, 1))
	_ = syscall.Kill(group, syscall.SIGKILL) // fails only when all have ended
	return !errors.Is(readErr, io.EOF), err
}
