package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// usage is what one run of a program cost.
type usage struct {
	wall time.Duration
	cpu  time.Duration // user and system, of the process alone
	peak int64         // bytes; the greatest resident set of it or of a program that it started
	told string        // its standard error
}

// invocation is a program to run. Its standard output goes nowhere, unless
// there is a file for it.
type invocation struct {
	args   []string
	output string
}

// measure runs a program to its end. An exit code other than 0 is an error.
func (i invocation) measure(ctx context.Context) (u usage, err error) {
	cmd := exec.CommandContext(ctx, i.args[0], i.args[1:]...)
	cmd.Env = environment()
	var told bytes.Buffer
	cmd.Stderr = &told
	if i.output != "" {
		file, creating := os.Create(i.output)
		if creating != nil {
			return u, creating
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		cmd.Stdout = file
	}
	begun := time.Now()
	if err = cmd.Start(); err != nil {
		return u, err
	}
	ofChildren, err := awaitEnd(cmd.Process.Pid)
	u.wall = time.Since(begun)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return u, fmt.Errorf("%s: %w: %s", strings.Join(i.args, " "), err, lastPart(told.String()))
	}
	rusage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return u, fmt.Errorf("%s: the system does not tell what it cost", i.args[0])
	}
	u.cpu = time.Duration(rusage.Utime.Nano()+rusage.Stime.Nano()) - ofChildren
	u.peak = rusage.Maxrss * 1024
	u.told = told.String()
	return u, nil
}

// environment is that of this process without what would make Go programs
// behave unlike they do for their users.
func environment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG", "GOTRACEBACK":
		default:
			kept = append(kept, variable)
		}
	}
	return kept
}

// lastPart is the end of a text, for a message.
func lastPart(text string) string {
	const longest = 2000
	return text[max(0, len(text)-longest):]
}

// pair is one run of ours and the other beside it.
type pair struct{ ours, theirs usage }

// takeTurns runs both so many times in turns.
func takeTurns(n int, ours, theirs func() (usage, error)) ([]pair, error) {
	pairs := make([]pair, n)
	var err error
	for i := range pairs {
		if pairs[i].ours, err = ours(); err != nil {
			return nil, err
		}
		if pairs[i].theirs, err = theirs(); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// each takes one number of every pair.
func each(pairs []pair, of func(pair) float64) []float64 {
	numbers := make([]float64, len(pairs))
	for i, p := range pairs {
		numbers[i] = of(p)
	}
	return numbers
}

func wallRatio(p pair) float64 { return float64(p.ours.wall) / float64(p.theirs.wall) }
func cpuRatio(p pair) float64  { return float64(p.ours.cpu) / float64(p.theirs.cpu) }
func megabytes(p pair) float64 { return float64(p.ours.peak) / 1e6 }

// quiet runs a program whose cost is of no interest.
func quiet(ctx context.Context, input io.Reader, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = input
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, lastPart(string(out)))
	}
	return nil
}
