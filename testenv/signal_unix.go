//go:build unix

package testenv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// pause stops a process and returns when it has stopped: the signal alone lets
// threads go on for a moment. Where there is no /proc nothing can tell.
func pause(ctx context.Context, p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
		if err != nil {
			return nil // the signal was sent
		}
		if bytes.Contains(stat, []byte(") T ")) {
			return nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
