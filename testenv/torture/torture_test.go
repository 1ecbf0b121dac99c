//go:build linux

package torture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// role is what this program is when it runs as one to be killed.
const role = "TORTURE_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "writer":
		if err := os.Setenv(role, "idle"); err != nil { // of what it starts
			os.Exit(1)
		}
		os.Exit(write())
	default:
		os.Exit(idle())
	}
}

// idle waits to be killed.
func idle() int {
	pipe, err := os.OpenFile("pipe", os.O_RDWR, 0) // which is a writer too, so that it never ends
	if err == nil {
		_, err = io.Copy(io.Discard, pipe)
	}
	fmt.Println(err)
	return 1
}

// write writes a file in the folder "in", one in "out", starts a program, and
// renames the first file.
func write() int {
	err := os.WriteFile("in/first7", []byte("content"), 0o600)
	if err == nil {
		err = os.WriteFile("out/other", nil, 0o600)
	}
	if err == nil {
		err = start()
	}
	if err == nil {
		err = os.Rename("in/first7", "in/second")
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 5
}

func start() error {
	_, err := os.StartProcess(os.Args[0], os.Args[:1], &os.ProcAttr{})
	return err
}

// writer is the program to be killed, in a folder of its own.
func writer(t *testing.T) Program {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Program{
		Path: path, Dir: dir, Env: append(os.Environ(), role+"=writer"),
		Folders: []string{filepath.Join(dir, "in")}, Output: filepath.Join(dir, "output"),
	}
}

func trace(t *testing.T, p Program, at Moment, whom Whom) End {
	t.Helper()
	end, err := p.Trace(at, whom)
	if errors.Is(err, ErrNoTrace) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(end.KillRest(), end.Wait()); err != nil {
			t.Error(err)
		}
	})
	return end
}

// find is the number of the first point of a kind.
func find(t *testing.T, points []Point, kind string) int {
	t.Helper()
	at := 1 + slices.IndexFunc(points, func(p Point) bool { return p.Kind() == kind })
	if at == 0 {
		t.Fatalf("there is no point %q in %q", kind, points)
	}
	return at
}

func TestPoints(t *testing.T) {
	t.Parallel()
	end := trace(t, writer(t), Never, Alone)
	var kinds []string
	for _, p := range end.Points {
		// The library of Go starts one more to find out what the system can do.
		if !slices.Contains(kinds, p.Kind()) {
			kinds = append(kinds, p.Kind())
		}
	}
	want := []string{
		"before open in/first#", "before write in/first#", "after write in/first#",
		"before start program", "after start program", "before rename in/second",
	}
	if !slices.Equal(kinds, want) || end.Killed || end.Code != 5 {
		t.Errorf("ended with %d, points %q, want %q", end.Code, kinds, want)
	}
}

// What the program did before the point is done, what comes after is not.
func TestKillAtPoint(t *testing.T) {
	t.Parallel()
	points := trace(t, writer(t), Never, Everything).Points
	for _, test := range []struct{ kind, first string }{
		{"before open in/first#", "missing"},
		{"before write in/first#", ""},
		{"after write in/first#", "content"},
		{"before rename in/second", "content"},
	} {
		p := writer(t)
		at := find(t, points, test.kind)
		end := trace(t, p, At(at), Everything)
		first := "missing"
		if data, err := os.ReadFile(filepath.Join(p.Dir, "in", "first7")); err == nil {
			first = string(data)
		}
		if first != test.first || !end.Killed || len(end.Points) != at {
			t.Errorf("killed %s: the file is %q, want %q: %+v", test.kind, first, test.first, end)
		}
	}
}

// A program that dies alone leaves what it started; otherwise all is gone.
func TestWhom(t *testing.T) {
	t.Parallel()
	at := find(t, trace(t, writer(t), Never, Everything).Points, "before rename in/second")
	for whom, wait := range map[Whom]int{Alone: 0, Everything: 10_000} {
		end := trace(t, writer(t), At(at), whom)
		// The end of the lifeline is there when nobody is left.
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(end.alive.Fd()), Events: unix.POLLIN}}, wait)
		if lives := whom == Alone; err != nil || (n == 0) != lives {
			t.Errorf("killed %s: %d, %v", whom, n, err)
		}
	}
}

func TestKillAfter(t *testing.T) {
	t.Parallel()
	for delay, killed := range map[time.Duration]bool{time.Millisecond: true, time.Hour: false} {
		p := writer(t)
		if killed {
			p.Env = append(os.Environ(), role+"=idle")
		}
		end, err := p.KillAfter(delay, Everything)
		if err != nil || end.Killed != killed || !killed && end.Code != 5 {
			t.Errorf("killed after %s: %+v, %v", delay, end, err)
		}
		if err = errors.Join(end.KillRest(), end.Wait()); err != nil {
			t.Error(err)
		}
	}
}

func TestDisks(t *testing.T) {
	t.Parallel()
	if err := Private(); err != nil {
		t.Skip(err)
	}
	folder := t.TempDir()
	disk, err := SmallDisk(folder, 16)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "file")
	for left := range 3 {
		if err := disk.Leave(left); err != nil {
			t.Fatal(err)
		}
		fits, full := os.WriteFile(file, make([]byte, left*PageSize), 0o600), os.WriteFile(file, make([]byte, left*PageSize+1), 0o600)
		if fits != nil || !errors.Is(full, unix.ENOSPC) {
			t.Errorf("%d pages left: %v, one byte more: %v", left, fits, full)
		}
		if err := errors.Join(os.Remove(file), disk.Free()); err != nil {
			t.Fatal(err)
		}
	}
	if err := Unmount(folder); err != nil {
		t.Fatal(err)
	}
	if err := ReadOnly(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("write in a folder that is read-only: %v", err)
	}
	if err := Unmount(folder); err != nil {
		t.Fatal(err)
	}
}
