package ccmail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Programs are the commands that run EXPORT and IMPORT: a program and its
// arguments, which are handed over one by one, without a shell. A program
// with a path separator in its name is taken as given, others are looked up
// in PATH. In every argument {name}, {password} and {path} stand for those of
// the post office, {file} for the file to write or read, and {prop} for /PROP
// when imports are to be propagated, else for nothing. An argument that
// becomes empty is left out. Switches for lists, boards and deletions are
// documented nowhere; that is why all of this is configuration.
type Programs struct {
	ExportDirectory []string
	ExportLists     []string
	ExportBoards    []string
	ImportDelete    []string
	ImportAdd       []string
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// Validate reports every command that is missing, has a placeholder that is
// not known or has no place for the file.
func (p Programs) Validate() error {
	var problems []error
	for _, c := range p.commands() {
		err := validateCommand(c.command)
		if err == nil && !strings.Contains(strings.Join(c.command[1:], " "), "{file}") {
			err = errors.New("no argument holds {file}, the place for the file's path")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("programs.%s: %w", c.name, err))
		}
	}
	return errors.Join(problems...)
}

// Find reports every program that is not where the commands say.
func (p Programs) Find() error {
	var problems []error
	for _, c := range p.commands() {
		if err := validateCommand(c.command); err != nil {
			problems = append(problems, fmt.Errorf("programs.%s: %w", c.name, err))
		} else if _, err := findProgram(c.command[0]); err != nil {
			problems = append(problems, fmt.Errorf("programs.%s: %w", c.name, err))
		}
	}
	return errors.Join(problems...)
}

// namedCommand is a command with its key in the configuration.
type namedCommand struct {
	name    string
	command []string
}

func (p Programs) commands() []namedCommand {
	return []namedCommand{
		{"export_directory", p.ExportDirectory},
		{"export_lists", p.ExportLists},
		{"export_boards", p.ExportBoards},
		{"import_delete", p.ImportDelete},
		{"import_add", p.ImportAdd},
	}
}

func validateCommand(command []string) error {
	if len(command) == 0 || command[0] == "" {
		return errors.New("no program is set")
	}
	if strings.Contains(command[0], "{password}") {
		return errors.New("the program's name cannot hold {password}")
	}
	known := []string{"{name}", "{password}", "{path}", "{file}", "{prop}"}
	all := " " + strings.Join(known, " ") + " "
	for _, arg := range command {
		for _, found := range placeholder.FindAllString(arg, -1) {
			if !strings.Contains(all, " "+found+" ") {
				return fmt.Errorf("unknown placeholder %s in %q; known are: %s", found, arg, strings.Join(known, ", "))
			}
		}
	}
	return nil
}

const (
	defaultTimeout = 10 * time.Minute
	// maxOutput is how much console output is kept, in bytes: far more than
	// the programs write when they work, and no burden when they loop.
	maxOutput = 64 << 10
	// outputGrace is how long a program's console may stay open after its
	// end, which happens when a program that it started has not ended.
	outputGrace = 2 * time.Second
)

var errTimeLimit = errors.New("time limit reached")

// job is one run of a program.
type job struct {
	program string // EXPORT or IMPORT
	what    string // for messages
	command []string
	file    string // absolute
}

// run runs a program to its end and returns nil for result code 0, else a
// *ProgramError. When the time is over or ctx ends, the program is killed.
// Whatever it started is killed then or after its end; that something was left
// to be killed is an error when the program did its work, for it may have been
// part of that.
func (po PostOffice) run(ctx context.Context, j job) error {
	failed := &ProgramError{Program: j.program, What: j.what, Code: noCode, Event: event(j.program, noCode)}
	if err := validateCommand(j.command); err != nil {
		failed.Meaning, failed.Advice, failed.Err = "cannot be started", "correct the command in the configuration", err
		return failed
	}
	args := po.expand(j)
	for _, arg := range args {
		failed.Command = append(failed.Command, po.mask(arg))
	}
	path, err := findProgram(args[0])
	if err != nil {
		failed.notFound(args[0], err)
		return failed
	}
	limit := cmp.Or(po.Timeout, defaultTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Dir = filepath.Dir(j.file)
	var out console
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = outputGrace
	left, err := runInGroup(cmd)
	if err == nil && !left {
		return nil
	}
	failed.Output = po.show(out)
	if left && (err == nil || cmd.ProcessState.ExitCode() == codeSomeRefused) {
		err = exec.ErrWaitDelay
	}
	failed.ended(err, context.Cause(ctx), limit)
	return failed
}

// ended says how a program ended that did not end well.
func (e *ProgramError) ended(err, cause error, limit time.Duration) {
	var exit *exec.ExitError
	switch {
	case errors.Is(cause, errTimeLimit):
		e.Meaning, e.Advice = fmt.Sprintf("did not finish within %s and was ended", showDuration(limit)), timeLimitHint
		e.Err = context.DeadlineExceeded
	case cause != nil:
		e.Meaning, e.Err = "was ended before it finished", cause
	case errors.Is(err, exec.ErrWaitDelay):
		e.Meaning = "ended but left another program running, which was ended"
		e.Advice = "let it wait for what it starts"
	case errors.As(err, &exit) && exit.Exited():
		e.Code = exit.ExitCode()
		e.Event = event(e.Program, e.Code)
		e.Meaning, e.Advice = explain(e.Program, e.Code)
	default:
		e.Meaning, e.Advice, e.Err = "did not run to its end", "see what it said", err
	}
}

func (e *ProgramError) notFound(program string, err error) {
	e.Meaning, e.Advice, e.Err = "cannot be started", "check that the program may be run", err
	if !errors.Is(err, fs.ErrPermission) {
		e.Event, e.Meaning = eventNotFound, fmt.Sprintf("cannot be started: program %q was not found", program)
		e.Advice = "put its folder into PATH or give its whole path in the configuration"
	}
}

func findProgram(name string) (string, error) {
	if name != filepath.Base(name) {
		abs, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		name = abs
	}
	return exec.LookPath(name)
}

// expand fills in the placeholders. What is filled in is not looked at again.
func (po PostOffice) expand(j job) []string {
	prop := ""
	if po.Propagate {
		prop = "/PROP"
	}
	filled := strings.NewReplacer("{name}", po.Name, "{password}", po.Password,
		"{path}", absolute(po.Path), "{file}", j.file, "{prop}", prop)
	var args []string
	for i, arg := range j.command {
		if arg = filled.Replace(arg); arg != "" || i == 0 {
			args = append(args, arg)
		}
	}
	return args
}

var dosPath = regexp.MustCompile(`^([A-Za-z]:[\\/]|\\\\)`)

// absolute makes a path independent of the working folder. A path of DOS,
// such as M:\CCDATA, is for the programs to understand.
func absolute(path string) string {
	if path == "" || dosPath.MatchString(path) {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// mask hides the password, whatever its case: DOS programs may repeat it in
// capitals.
func (po PostOffice) mask(text string) string {
	if po.Password == "" {
		return text
	}
	if utf8.ValidString(po.Password) {
		text = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(po.Password)).ReplaceAllLiteralString(text, "***")
	}
	return strings.ReplaceAll(text, po.Password, "***")
}

// show returns what a program wrote, for people.
func (po PostOffice) show(out console) string {
	raw := string(out.text)
	if out.cut {
		// The last line may end inside the password.
		raw = raw[:strings.LastIndexAny(raw, "\r\n")+1] + "(more output was cut)\n"
	}
	// The password is masked twice because arguments do not go through the
	// code page and output does.
	text := po.CodePage.decodeForDisplay([]byte(po.mask(raw)))
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(po.mask(text))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// console keeps the beginning of what a program writes.
type console struct {
	text []byte
	cut  bool
}

func (c *console) Write(p []byte) (int, error) {
	n := min(len(p), maxOutput-len(c.text))
	c.text = append(c.text, p[:n]...)
	c.cut = c.cut || n < len(p)
	return len(p), nil
}
