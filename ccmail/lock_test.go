package ccmail_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccdirsync/ccmail"
)

var noon = time.Date(1998, 3, 1, 12, 0, 0, 0, time.UTC)

func lockFile(s ccmail.Store) string { return filepath.Join(s.Dir, ".lock") }

// Two cycles on one store would take each other's files. The second is told
// who is there, and since when.
func TestLock(t *testing.T) {
	t.Parallel()
	s := store(t)
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was unlocked can be locked again
		unlock, died, locking := s.Lock(noon.In(time.FixedZone("", 3600)))
		if locking != nil || died != nil {
			t.Fatal(died, locking)
		}
		_, _, err = s.Lock(noon.Add(3*time.Minute + 12*time.Second))
		if !errors.Is(err, ccmail.ErrLocked) {
			t.Errorf("a second lock: %v", err)
		}
		wantError(t, err, s.Dir, fmt.Sprintf("process %d of %s on %s since 1998-03-01T12:00:00Z, held for 3m12s; wait until it has ended, or end that process",
			os.Getpid(), account.Username, host))
		var info os.FileInfo
		if info, err = os.Stat(lockFile(s)); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info, err)
		}
		if err = unlock(); err != nil {
			t.Fatal(err)
		}
		if text, reading := os.ReadFile(lockFile(s)); reading != nil || len(text) > 0 {
			t.Errorf("unlocked, the file still says %q, %v", text, reading)
		}
	}
	_, _, err = ccmail.Store{Dir: filepath.Join(s.Dir, "nowhere")}.Lock(noon)
	wantError(t, err, "cannot lock the store")
}

// A clock that went back tells no age, one that is not known no time.
func TestLockAge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		since, now time.Time
		want       string
	}{
		{noon, noon, " since 1998-03-01T12:00:00Z, held for 0s; wait"},
		{noon, noon.Add(-time.Hour), " since 1998-03-01T12:00:00Z; wait"},
		{time.Time{}, noon, "; wait"},
	} {
		s := store(t)
		unlock, _, err := s.Lock(test.since)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Lock(test.now)
		wantError(t, err, test.want)
		if got := strings.Contains(err.Error(), "since"); got == test.since.IsZero() {
			t.Errorf("since %v: %v", test.since, err)
		}
		if err = unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

// What the lock file names when nobody holds it is a process that died.
func TestLockOfTheDead(t *testing.T) {
	t.Parallel()
	s := store(t)
	for _, test := range []struct{ text, died string }{
		{"user anna\nhost mail1\nsince 1998-03-01T11:00:00Z\nprocess 12\n", "process 12 of anna on mail1 since 1998-03-01T11:00:00Z"},
		{"process 12\n", "process 12"},
		{"host mail1\nsince yesterday\nprocess 12\n", "process 12 on mail1"},
		{"", ""},
		{"user anna\nhost mail1\nsince 1998-03-01T11:00:00Z\nprocess 12", ""}, // died while it signed
		{"user anna\nhost ma", ""},
		{"\x00\xff garbage\nprocess many\n", ""},
	} {
		put(t, s.Dir, ".lock", test.text)
		unlock, died, err := s.Lock(noon)
		if err != nil {
			t.Fatal(err)
		}
		if got := died; (got == nil) != (test.died == "") || got != nil && got.String() != test.died {
			t.Errorf("%q: died is %v, want %q", test.text, got, test.died)
		}
		if _, _, err = s.Lock(noon); !errors.Is(err, ccmail.ErrLocked) {
			t.Errorf("%q: a second lock: %v", test.text, err)
		}
		if err = unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

// A process that is killed gives the store free and is named to the next.
func TestLockOfAKilledProcess(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("CCMAIL_HOLD"); dir != "" {
		if _, _, err := (ccmail.Store{Dir: dir}).Lock(noon); err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		select {}
	}
	s := store(t)
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLockOfAKilledProcess$")
	holder.Env = append(os.Environ(), "CCMAIL_HOLD="+s.Dir)
	out, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err = fmt.Fscanf(out, "held"); err != nil {
		t.Errorf("the other process holds nothing: %v", err)
	}
	if _, _, err = s.Lock(noon); !errors.Is(err, ccmail.ErrLocked) {
		t.Errorf("while it lives: %v", err)
	}
	wantError(t, err, fmt.Sprintf("process %d of ", holder.Process.Pid))
	if err = holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	unlock, died, err := s.Lock(noon)
	if err != nil || died == nil || died.PID != holder.Process.Pid || !died.Since.Equal(noon) {
		t.Fatalf("after its death: %v, %v", died, err)
	}
	if err = unlock(); err != nil {
		t.Error(err)
	}
}
