package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// awaitEnd waits until a process has ended and leaves it for Wait. It returns
// the CPU time of the programs that the process started, which Wait puts
// together with its own.
func awaitEnd(pid int) (time.Duration, error) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("wait for process %d: %w", pid, err)
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name of the program, in parentheses. Behind it,
	// proc(5) counts cutime and cstime as 16 and 17, in hundredths of a second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const cutime, cstime, behind = 16, 17, 3
	var ticks int64
	for _, field := range []int{cutime, cstime} {
		n, err := strconv.ParseInt(fields[field-behind], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
