package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"ccdirsync/testenv/slapd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// command is the program; it reads when its first argument says so.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 3 && args[0] == readArgument {
		return readDirectory(ctx, args[1], args[2], stderr)
	}
	var o options
	var wanted string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.entries, "entries", 100_000, "recipients in the directory, and users in the post office")
	flags.IntVar(&o.pairs, "pairs", 5, "how often ours and the other are run in turns")
	flags.StringVar(&o.bin, "bin", "bin", "folder with ccdirsync and ccpo")
	flags.StringVar(&o.dir, "dir", "", "folder for servers and files, kept afterwards; without it a temporary one")
	flags.StringVar(&wanted, "rows", "", "what to measure, separated by commas; all when empty: "+strings.Join(names(), ", "))
	if err := flags.Parse(args); err != nil {
		return err
	}
	var chosen []row
	for _, r := range rows() {
		if wanted == "" || slices.Contains(strings.Split(wanted, ","), r.name) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 || o.entries < 1 || o.pairs < 1 {
		return fmt.Errorf("nothing to measure: %d pairs of rows %q with %d entries", o.pairs, wanted, o.entries)
	}
	return o.measure(ctx, chosen, stdout)
}

func names() []string {
	var all []string
	for _, r := range rows() {
		all = append(all, r.name)
	}
	return all
}

// measure carries out rows and prints what they found. What was found before
// an error is printed too.
func (o options) measure(ctx context.Context, chosen []row, stdout io.Writer) (err error) {
	if err = slapd.Available(); err != nil {
		return err
	}
	b := &bench{options: o}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	remove, err := b.prepare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close(), remove()) }()
	for _, r := range chosen {
		begun := time.Now()
		if err = r.do(b, ctx); err != nil {
			err = fmt.Errorf("row %s: %w", r.name, err)
			break
		}
		say("row %s took %s", r.name, time.Since(begun).Round(time.Second))
	}
	_, printing := fmt.Fprintf(stdout, "%d recipients, %d cores, %s, %s\n\n", b.entries, runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly))
	return errors.Join(err, printing, b.results.print(stdout))
}

// prepare makes the folder and the file with the password.
func (b *bench) prepare() (remove func() error, err error) {
	remove = func() error { return nil }
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "ccdirsync-bench-"); err != nil {
			return nil, err
		}
		folder := b.dir
		remove = func() error { return os.RemoveAll(folder) }
	} else if err = os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, err
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return nil, err
	}
	b.password = b.path("password")
	return remove, os.WriteFile(b.password, []byte(password), 0o600)
}
