//go:build unix

package torture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"syscall"
	"time"
)

// Program is one to be killed.
type Program struct {
	Path    string   // absolute
	Args    []string // after its name
	Dir     string
	Env     []string
	Folders []string // absolute; what the program writes in them counts
	Output  string   // file for what it says, stdout and stderr
}

// Whom says who is killed.
type Whom string

// The victims.
const (
	Alone      Whom = "alone"      // what the program started lives on
	Everything Whom = "everything" // the program and what it started
)

// Point is a place where a program writes.
type Point struct {
	Call  string // system call
	Where string // file below one of the folders, "socket" or "program"
	After bool   // the call has taken place
}

func (p Point) String() string {
	when := "before"
	if p.After {
		when = "after"
	}
	return when + " " + p.Call + " " + p.Where
}

var numbers = regexp.MustCompile(`[0-9]+`)

// Kind is the point without what differs from one call to the next of its
// sort: numbers in file names.
func (p Point) Kind() string { return numbers.ReplaceAllString(p.String(), "#") }

// End is how a program ended. Nobody has waited for what it started.
type End struct {
	Killed bool
	Code   int           // exit code, when it was not killed
	Points []Point       // that it reached, when it was traced; the last is where it was killed
	Took   time.Duration // until its end

	session int
	alive   *os.File // at its end when all members of the session have ended
}

// Wait returns when what the program started has ended too.
func (e End) Wait() error {
	_, err := io.Copy(io.Discard, e.alive)
	return errors.Join(err, e.alive.Close(), awaitSession(e.session))
}

// KillRest kills what the program started and what still lives. Only Linux
// knows what that is; elsewhere it does nothing.
func (e End) KillRest() error { return killSession(e.session) }

// lifeline is the file descriptor that a program and all that it starts hold
// open as long as they live. Programs start others with the first few taken.
const lifeline = 9

// launch readies what a program is started with. The caller closes opened when
// it has started.
func (p Program) launch() (files []*os.File, alive *os.File, closeOpened func() error, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, nil, err
	}
	output, err := os.OpenFile(p.Output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, nil, errors.Join(err, null.Close())
	}
	alive, held, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, errors.Join(err, null.Close(), output.Close())
	}
	files = make([]*os.File, lifeline+1)
	files[0], files[1], files[2], files[lifeline] = null, output, output, held
	return files, alive, func() error { return errors.Join(null.Close(), output.Close(), held.Close()) }, nil
}

// KillAfter runs the program and kills it after a time, unless it ends before.
func (p Program) KillAfter(delay time.Duration, whom Whom) (End, error) {
	files, alive, closeOpened, err := p.launch()
	if err != nil {
		return End{}, fmt.Errorf("start %s: %w", p.Path, err)
	}
	began := time.Now()
	process, err := os.StartProcess(p.Path, append([]string{p.Path}, p.Args...), &os.ProcAttr{
		Dir: p.Dir, Env: p.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err = errors.Join(err, closeOpened()); err != nil {
		return End{}, errors.Join(fmt.Errorf("start %s: %w", p.Path, err), alive.Close())
	}
	timer := time.AfterFunc(delay, func() { _ = process.Kill() }) // fails only when it has ended
	state, err := process.Wait()
	timer.Stop()
	if err != nil {
		return End{}, errors.Join(fmt.Errorf("wait for %s: %w", p.Path, err), alive.Close())
	}
	end := End{Killed: !state.Exited(), Code: state.ExitCode(), Took: time.Since(began), session: process.Pid, alive: alive}
	if end.Killed && whom == Everything {
		err = end.KillRest()
	}
	return end, err
}
