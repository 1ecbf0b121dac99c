package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccdirsync/cmd/ccdirsync/internal/config"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
)

// program runs a command line as the program would, in a process that has no
// environment, no input and no terminal.
func program(t *testing.T, args ...string) (stdout, stderr string, code exitCode) {
	t.Helper()
	var out, errs bytes.Buffer
	result := surroundings{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		lookup: func(string) (string, bool) { return "", false }, now: time.Now,
	}.run(t.Context(), args)
	return out.String(), errs.String(), exitCode(result)
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ccdirsync.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// When several exit codes apply, the first of 2, 1, 4, 5, 3, 0 counts.
func TestWorse(t *testing.T) {
	t.Parallel()
	order := []exitCode{exitUsage, exitFailed, exitGuard, exitDrift, exitOpen, exitDone}
	if fmt.Sprint(order) != "[2 1 4 5 3 0]" {
		t.Errorf("the codes are %v", order)
	}
	for i, a := range order {
		for j, b := range order {
			if got, want := a.worse(b), order[min(i, j)]; got != want {
				t.Errorf("%d and %d make %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	guard := fmt.Errorf("connector hq, step 6, compare: %w", &cycle.GuardError{Connector: "hq"})
	for _, test := range []struct {
		name string
		err  error
		want exitCode
	}{
		{"nothing", nil, exitDone},
		{"any error", io.ErrUnexpectedEOF, exitFailed},
		{"an interrupt", fmt.Errorf("connector hq: %w", context.Canceled), exitFailed},
		{"usage", usageError{io.EOF}, exitUsage},
		{"configuration", fmt.Errorf("x: %w", &config.InvalidError{}), exitUsage},
		{"a guard", guard, exitGuard},
		{"a guard, and then the connection could not be closed", errors.Join(guard, io.ErrClosedPipe), exitGuard},
	} {
		if got := codeOf(test.err); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// panicking is a writer that no program ought to have.
type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("a defect") }

func TestPanicIsAnError(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := surroundings{stdout: panicking{}, stderr: &stderr}.run(t.Context(), []string{"version"})
	if code != int(exitFailed) || !strings.HasPrefix(stderr.String(), "ccdirsync: internal error: a defect\n") || !strings.Contains(stderr.String(), "root_test.go") {
		t.Errorf("exit code %d, standard error:\n%s", code, stderr.String())
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// What cannot be shown is an error: a script must not take it for nothing.
func TestOutputCannotBeWritten(t *testing.T) {
	t.Parallel()
	name := writeFile(t, strings.ReplaceAll(validConfig, "password_file: ./po.pw", "timeout: 1s"))
	if kept, err := ledger.Open(t.Context(), filepath.Join(filepath.Dir(name), "state", ledger.File)); err != nil {
		t.Fatal(err)
	} else if _, _, err = kept.Begin(t.Context(), "hq", time.Now()); err != nil {
		t.Fatal(err)
	} else if err = kept.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"version"},
		{"config", "validate", "-c", name},
		{"config", "init", "-c", filepath.Join(t.TempDir(), "new.yaml")},
		{"file", "show", "-"},
		{"file", "show", "-", "-o", "json"},
		{"check", "-c", name},
		{"check", "-c", name, "-o", "json"},
		{"history", "-c", name},
		{"history", "-c", name, "-o", "json"},
		{"show", "1", "-c", name},
		{"show", "1", "-c", name, "-o", "json"},
	} {
		var stderr bytes.Buffer
		code := surroundings{
			stdin: strings.NewReader("Name: A\r\nLocn: L\r\nAddr:\r\nCmts:\r\n"), stdout: full{}, stderr: &stderr, now: time.Now,
		}.run(t.Context(), args)
		if code != int(exitFailed) || !strings.Contains(stderr.String(), "no space left on device") {
			t.Errorf("%v: exit code %d, standard error: %s", args, code, stderr.String())
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	one := strings.ReplaceAll(validConfig, "      password_file: ./po.pw\n", "")
	name := writeFile(t, one+strings.NewReplacer("version: 1\nconnectors:\n", "", "name: hq", "name: two", "CCMCDATA", "two").Replace(one))
	for _, test := range []struct {
		args string
		want string
	}{
		{"nosuch", `unknown command "nosuch" for "ccdirsync"; see ccdirsync --help`},
		{"config nosuch", `unknown command "nosuch" for "ccdirsync config"; see ccdirsync config --help`},
		{"version 1", `unknown command "1" for "ccdirsync version"; see ccdirsync version --help`},
		{"plan --nosuch", `unknown flag: --nosuch; see ccdirsync plan --help`},
		{"run --check", `unknown flag: --check; see ccdirsync run --help`},
		{"plan -o xml", `--output "xml" is not known; known: text, json, ldif`},
		{"run -o ldif", `--output "ldif" is not known; known: text, json`},
		{"plan -o ldif -c " + name, `--output ldif is for one server: name one connector`},
		{"check -o xml", `--output "xml" is not known; known: text, json`},
		{"history -o xml", `--output "xml" is not known; known: text, json`},
		{"history --limit -1", `--limit -1 is less than 0`},
		{"show 1 -o ldif", `--output "ldif" is not known; known: text, json`},
		{"show 0", `"0" is not the number of a run; ccdirsync history lists them`},
		{"show", "accepts 1 arg(s), received 0; see ccdirsync show --help"},
		{"plan nosuch -c " + name, `the configuration has no connector "nosuch"; it has: hq, two`},
		{"run -c /nonexistent.yaml", "read the configuration: open /nonexistent.yaml: no such file or directory; write one with ccdirsync config init, or name it with --config"},
		{"file show", "requires at least 1 arg(s), only received 0; see ccdirsync file show --help"},
		{"file show x --kind y", `--kind "y" is not known; known: directory, lists, boards, refused`},
	} {
		stdout, stderr, code := program(t, strings.Fields(test.args)...)
		if code != exitUsage || stdout != "" || stderr != "ccdirsync: "+test.want+"\n" {
			t.Errorf("%s: exit code %d\nstdout: %s\nstderr: %s  want: ccdirsync: %s", test.args, code, stdout, stderr, test.want)
		}
	}
}

// The help lists the exit codes as the documentation does.
func TestHelpListsExitCodes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Exit codes\n\n| code | meaning |\n| --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, command := range [][]string{{"--help"}, {"plan", "--help"}, {"run", "--help"}, {"check", "--help"}, {"history", "--help"}, {"show", "--help"}} {
		help, _, code := program(t, command...)
		if code != exitDone {
			t.Errorf("%v: exit code %d", command, code)
		}
		for row := range strings.SplitSeq(table, "\n") {
			cells := strings.Split(row, " | ")
			if len(cells) != 2 {
				t.Fatalf("docs/configuration.md: not a row of the exit codes: %q", row)
			}
			line := "  " + strings.ReplaceAll(strings.TrimPrefix(cells[0], "| ")+"  "+strings.TrimSuffix(cells[1], " |"), "`", "")
			if !strings.Contains(help, line+"\n") {
				t.Errorf("%v does not say %q", command, line)
			}
		}
	}
}

// An error may quote names from either side: they do not reach the terminal
// as they are. Each of several causes has its own line.
func TestComplaint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"it failed":                 "ccdirsync: it failed\n",
		"one\ntwo":                  "ccdirsync: one\ntwo\n",
		"a \x1b[31mred\x07 name":    "ccdirsync: a \ufffd[31mred\ufffd name\n",
		"from \u202eright to left":  "ccdirsync: from \ufffdright to left\n",
		"\tindented, as in a stack": "ccdirsync:     indented, as in a stack\n",
		"Ångström, Zoë 山田":          "ccdirsync: Ångström, Zoë 山田\n",
	} {
		if got := complaint(text); got != want {
			t.Errorf("complaint(%q) = %q, want %q", text, got, want)
		}
	}
}
