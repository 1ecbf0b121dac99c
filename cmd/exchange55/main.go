// Command exchange55 serves a test directory that behaves like Exchange
// Server 5.5 over LDAP, and has a small LDAP client for it: apply sends LDIF
// change records, dump prints what a user sees. The client part talks to any
// LDAP server. See package ccdirsync/testenv/exchange55 for what is imitated.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(mainExit())
}

// mainExit runs the program in this process's surroundings and returns its
// exit code.
func mainExit() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return surroundings{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		lookup: os.LookupEnv, now: time.Now,
	}.run(ctx, os.Args[1:])
}

// surroundings is what the process gives to the commands.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookup         func(string) (string, bool) // environment
	now            func() time.Time
}

// usageError is a mistake in how the program was called.
type usageError struct{ error }

func misuse(format string, values ...any) error {
	return usageError{fmt.Errorf(format, values...)}
}

// run carries out one command line. The code is 0 for done, 1 for failed and 2
// for a mistake in the call.
func (s surroundings) run(ctx context.Context, args []string) int {
	root := s.rootCommand(ctx)
	root.SetArgs(args)
	root.SetIn(s.stdin)
	root.SetOut(s.stdout)
	root.SetErr(s.stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(s.stderr, "exchange55: %v\n", err) // the exit code tells, too
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func (s surroundings) rootCommand(ctx context.Context) *cobra.Command {
	root := &cobra.Command{
		Use:   "exchange55",
		Short: "A test directory that behaves like Exchange Server 5.5",
		Long: `exchange55 serves a test directory that behaves like Exchange Server 5.5 over
LDAP. It is made for tests and demonstrations, not for mail.

Exit codes: 0 done, 1 failed, 2 usage.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help() // prints to a stream that the user closed, at worst
			return misuse("no command given")
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(s.serveCommand(ctx), s.applyCommand(), s.dumpCommand())
	return root
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse("%s: unexpected argument %q; try %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}
