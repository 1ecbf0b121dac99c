package torture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// killSession kills the processes of a session, which are those that a program
// started whose session it is, unless they left it.
func killSession(session int) error {
	members, err := membersOf(session)
	if err != nil {
		return err
	}
	for _, pid := range members {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
	}
	return nil
}

// awaitSession returns when no process of a session is left. One that ends
// closes its files one after the other, and its locks may be among the last.
func awaitSession(session int) error {
	looks := time.NewTicker(time.Millisecond)
	defer looks.Stop()
	for {
		members, err := membersOf(session)
		if err != nil || len(members) == 0 {
			return err
		}
		<-looks.C
	}
}

// membersOf are the processes of a session that have not ended.
func membersOf(session int) (members []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent group session; a name may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 4 || fields[3] != strconv.Itoa(session) || fields[0] == "Z" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		members = append(members, pid)
	}
	return members, nil
}
