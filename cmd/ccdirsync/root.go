package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccdirsync/cmd/ccdirsync/internal/config"
	"ccdirsync/reconcile/cycle"
)

// surroundings is what the process gives to the commands; nothing else in the
// program reads it from the process.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookup         func(string) (string, bool) // environment
	now            func() time.Time
	account        string // who runs the program
	terminal       bool   // stderr is one on which the cursor can be moved
}

// exitCode is the outcome of a command.
type exitCode int

// The exit codes, as docs/configuration.md and the help of the program list
// them.
const (
	exitDone   exitCode = 0 // done, or nothing to do
	exitFailed exitCode = 1
	exitUsage  exitCode = 2 // usage or configuration
	exitOpen   exitCode = 3 // done, with entries refused or held
	exitGuard  exitCode = 4 // stopped by a guard, needs a person
	exitDrift  exitCode = 5 // plan --check found work
)

const exitCodesHelp = `Exit codes:
  0  done, or nothing to do
  1  failed
  2  usage or configuration
  3  done, with entries refused or held
  4  stopped by a guard, needs a person
  5  plan --check found work`

// worse returns the code that counts when both apply.
func (c exitCode) worse(other exitCode) exitCode {
	order := []exitCode{exitUsage, exitFailed, exitGuard, exitDrift, exitOpen, exitDone}
	if slices.Index(order, other) < slices.Index(order, c) {
		return other
	}
	return c
}

// codeError ends the program with a code. Its error has been shown already, or
// is nil.
type codeError struct{ code exitCode }

func (e codeError) Error() string { return fmt.Sprintf("exit code %d", int(e.code)) }

// usageError is a mistake in how the program was called.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// run carries out one command line.
func (s surroundings) run(ctx context.Context, args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			s.complain("internal error: %v\n%s", r, debug.Stack())
			code = int(exitFailed)
		}
	}()
	root := s.rootCommand(ctx)
	root.SetArgs(args)
	root.SetIn(s.stdin)
	root.SetOut(s.stdout)
	root.SetErr(s.stderr)
	err := root.Execute()
	var coded codeError
	if errors.As(err, &coded) {
		return int(coded.code)
	}
	if err != nil {
		s.complain("%v", err)
	}
	return int(codeOf(err))
}

// complain tells an error. When even stderr cannot be written, the exit code
// has to do.
func (s surroundings) complain(format string, args ...any) {
	_, _ = io.WriteString(s.stderr, complaint(fmt.Sprintf(format, args...)))
}

// complaint is an error as people see it; one with several causes has a line
// for each.
func complaint(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq("ccdirsync: "+text, "\n") {
		b.WriteString(printable(strings.ReplaceAll(line, "\t", "    ")) + "\n")
	}
	return b.String()
}

// codeOf is the one place that turns an error into an exit code.
func codeOf(err error) exitCode {
	var (
		usage   usageError
		invalid *config.InvalidError
		guard   *cycle.GuardError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &invalid):
		return exitUsage
	case errors.As(err, &guard):
		return exitGuard
	default:
		return exitFailed
	}
}

func (s surroundings) rootCommand(ctx context.Context) *cobra.Command {
	root := &cobra.Command{
		Use:   "ccdirsync",
		Short: "Keep an Exchange 5.5 directory and a Lotus cc:Mail post office in step",
		Long: `ccdirsync synchronizes an Exchange 5.5 directory, read and written live over
LDAP, with a Lotus cc:Mail post office, reached through the files of Lotus's
EXPORT and IMPORT programs.

` + exitCodesHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.PersistentFlags().StringP("config", "c", "./ccdirsync.yaml", "configuration `file`")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(s.planCommand(ctx), s.runCommand(ctx), s.applyCommand(ctx), s.approveCommand(ctx), s.checkCommand(ctx),
		s.historyCommand(ctx), s.showCommand(ctx), s.rejectsCommand(ctx), s.resyncCommand(ctx), s.undoCommand(ctx), s.resumeCommand(ctx),
		s.removeCommand(ctx), s.fileCommand(), s.configCommand(), s.versionCommand())
	asUsageErrors(root)
	return root
}

// asUsageErrors makes mistakes in the arguments of a command usage errors.
func asUsageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		asUsageErrors(sub)
	}
}
