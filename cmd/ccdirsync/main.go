// Command ccdirsync keeps an Exchange 5.5 directory and a Lotus cc:Mail post
// office in step.
package main

import (
	"context"
	"os"
	"os/signal"
	"os/user"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
)

func main() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbagePercent)
	}
	os.Exit(mainExit())
}

// garbagePercent is how much garbage may pile up before it is collected, in
// percent of what is in use; the usual is 100. What is in use is mostly the text
// that was read, which has no pointers to follow, so that collecting more
// often costs little: docs/decisions.md.
const garbagePercent = 40

// mainExit runs the program in this process's surroundings and returns its
// exit code.
func mainExit() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first interrupt lets what is being written finish, a second one ends
	// the program as if nobody had asked to be notified.
	context.AfterFunc(ctx, stop)
	// A reader of the output that has seen enough, such as head, must not end a
	// run between two writes: what is asked for here is received by nobody, and
	// the output fails with an error instead.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return surroundings{
		stdin:    os.Stdin,
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		lookup:   os.LookupEnv,
		now:      time.Now,
		account:  account(),
		terminal: isatty.IsTerminal(os.Stderr.Fd()) && os.Getenv("TERM") != "dumb",
	}.run(ctx, os.Args[1:])
}

// account is the name of the user who runs the program, or a number where the
// system knows no name.
func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}
