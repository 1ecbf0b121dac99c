package ccmail

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// runInGroup makes cmd, and all that it starts, a process group of its own
// that ends as a whole when cmd is cancelled.
func runInGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
