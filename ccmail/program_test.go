package ccmail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

// TestMain makes the test binary itself the EXPORT and IMPORT of the tests:
// started with the argument -program it does what its other arguments say.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-program" {
		if err := program(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
		os.Exit(0)
	}
	// A binary with the race detector otherwise takes a second to exit.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	os.Exit(m.Run())
}

// program carries out steps such as print=text. Arguments that are no step
// are for others to look at.
func program(args []string) error {
	for _, arg := range args {
		do, value, _ := strings.Cut(arg, "=")
		var err error
		switch do {
		case "print":
			_, err = os.Stdout.WriteString(value)
		case "warn":
			_, err = os.Stderr.WriteString(value)
		case "args":
			_, err = fmt.Printf("%q\n", args)
		case "folder":
			var folder string
			if folder, err = os.Getwd(); err == nil {
				fmt.Println(folder)
			}
		case "input":
			var n int64
			if n, err = io.Copy(io.Discard, os.Stdin); err == nil {
				fmt.Println(n, "bytes of input")
			}
		case "copy": // copy=from>to
			from, to, _ := strings.Cut(value, ">")
			var b []byte
			if b, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(to, b, 0o600)
			}
		case "child": // starts another program that shares the console
			child := exec.Command(os.Args[0], "-program", "hold="+value)
			child.Stdout = os.Stdout
			err = child.Start()
		case "quiet": // starts another program that shares nothing but the named pipe
			child := exec.Command(os.Args[0], "-program", "hang")
			var pipe *os.File
			if pipe, err = os.OpenFile(value, os.O_WRONLY, 0); err == nil {
				child.Stdout = pipe
				err = child.Start()
			}
		case "follow": // starts another program that ends when this one has ended
			child := exec.Command(os.Args[0], "-program", "input")
			child.Stdout = os.Stdout
			if _, err = child.StdinPipe(); err == nil {
				err = child.Start()
			}
		case "hold": // tells through a named pipe that it lives, then does not end
			var pipe *os.File
			if pipe, err = os.OpenFile(value, os.O_WRONLY, 0); err == nil {
				_, err = pipe.WriteString("alive\n")
			}
			if err == nil {
				err = hang()
			}
		case "hang":
			err = hang()
		case "exit":
			var code int
			if code, err = strconv.Atoi(value); err == nil {
				os.Exit(code)
			}
		case "kill":
			err = syscall.Kill(os.Getpid(), syscall.SIGTERM)
			if err == nil {
				err = hang()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hang waits for input that never comes.
func hang() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	_, err = r.Read(make([]byte, 1))
	return errors.Join(err, w.Close())
}

func steps(args ...string) []string {
	return append([]string{os.Args[0], "-program"}, args...)
}

// importer is a post office whose IMPORT does the steps, and a file for it.
func importer(t *testing.T, args ...string) (ccmail.PostOffice, string) {
	t.Helper()
	po := ccmail.PostOffice{
		Name: "NORTHHUB", Password: "Secret", Path: "/data/po",
		Programs: ccmail.Programs{ImportAdd: steps(args...), ImportDelete: steps(args...)},
		CodePage: page(t, "437"), Dialect: ccmail.Lotus(),
	}
	return po, filepath.Join(t.TempDir(), ccmail.AddImport)
}

func programError(t *testing.T, err error) *ccmail.ProgramError {
	t.Helper()
	var failed *ccmail.ProgramError
	if !errors.As(err, &failed) {
		t.Fatalf("%v is not a ProgramError", err)
	}
	return failed
}

func TestValidatePrograms(t *testing.T) {
	t.Parallel()
	good := []string{"import", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY{prop}", "{prop}"}
	all := ccmail.Programs{ExportDirectory: good, ExportLists: good, ExportBoards: good, ImportDelete: good, ImportAdd: good}
	if err := all.Validate(); err != nil {
		t.Error(err)
	}
	all.ExportLists = nil
	all.ExportBoards = []string{""}
	all.ImportDelete = []string{"import", "/N{user}"}
	all.ImportAdd = []string{"import{password}"}
	all.ExportDirectory = []string{"{file}", "/DIRECTORY"}
	err := all.Validate()
	wantError(t, err, "programs.export_lists: no program is set", "programs.export_boards: no program is set",
		`programs.import_delete: unknown placeholder {user} in "/N{user}"; known are: {name}, {password}, {path}, {file}, {prop}`,
		"programs.import_add: the program's name cannot hold {password}",
		"programs.export_directory: no argument holds {file}")
	all.ExportLists, all.ExportBoards, all.ImportDelete, all.ImportAdd = good, good, good, []string{"import", "/@"}
	all.ExportDirectory = good
	want := `programs.import_add: no argument holds {file}, the place for the file's path`
	if err = all.Validate(); err == nil || err.Error() != want {
		t.Errorf("%v, want only %s", err, want)
	}
}

func TestFindPrograms(t *testing.T) {
	t.Parallel()
	here := steps()
	po := ccmail.Programs{ExportDirectory: here, ExportLists: here, ExportBoards: here, ImportDelete: here, ImportAdd: here}
	if err := po.Find(); err != nil {
		t.Error(err)
	}
	po.ExportBoards = nil
	po.ImportAdd = []string{"no-such-import"}
	err := po.Find()
	wantError(t, err, "programs.export_boards: no program is set", `programs.import_add: exec: "no-such-import": executable file not found`)
	if strings.Contains(err.Error(), "import_delete") {
		t.Errorf("%v names a program that is there", err)
	}
}

// Every result code has its event, what it means and what to do next.
func TestResultCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code                     int
		exportEvent, importEvent int
		want                     string
	}{
		{1, 68, 59, "IE.RI"},
		{2, 69, 60, "check the switches"},
		{3, 70, 61, "check the name, the password and the path"},
		{4, 71, 62, "run again later; if that does not help, look for a file CCPODOWN"},
		{5, 72, 63, "result code 5, which is documented for IMPORT only; see what it said"},
		{6, 65, 59, "unknown result code 6"},
	} {
		t.Run(strconv.Itoa(c.code), func(t *testing.T) {
			t.Parallel()
			po, file := importer(t, fmt.Sprintf("exit=%d", c.code))
			po.Programs.ExportDirectory = po.Programs.ImportAdd
			_, err := po.ImportAdd(t.Context(), file)
			failed := programError(t, err)
			if failed.Program != "IMPORT" || failed.Code != c.code || failed.Event != c.importEvent {
				t.Errorf("%#v", failed)
			}
			wantError(t, err, "IMPORT of the additions in "+file+" ended with ", strconv.Itoa(c.code))
			err = po.Export(t.Context(), t.TempDir())
			failed = programError(t, err)
			if failed.Program != "EXPORT" || failed.Code != c.code || failed.Event != c.exportEvent {
				t.Errorf("%#v", failed)
			}
			wantError(t, err, "EXPORT of the directory to ", c.want)
		})
	}
}

// The program gets its arguments as they are configured, in the folder of the
// file, with an empty input.
func TestHowAProgramIsStarted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*ccmail.PostOffice)
		want   []string
	}{
		"plain": {
			func(*ccmail.PostOffice) {},
			[]string{"/N{NORTHHUB}", "/D/data/po", "/DIRECTORY", "two  words; $HOME *"},
		},
		"propagated": {
			func(po *ccmail.PostOffice) { po.Propagate = true },
			[]string{"/N{NORTHHUB}", "/D/data/po", "/DIRECTORY/PROP", "/PROP", "two  words; $HOME *"},
		},
		"a value that looks like a placeholder is not filled in": {
			func(po *ccmail.PostOffice) { po.Name = "{path}" },
			[]string{"/N{{path}}", "/D/data/po", "/DIRECTORY", "two  words; $HOME *"},
		},
		"a path of DOS stays": {
			func(po *ccmail.PostOffice) { po.Path = `M:\CCDATA` },
			[]string{"/N{NORTHHUB}", `/DM:\CCDATA`, "/DIRECTORY", "two  words; $HOME *"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			po, file := importer(t, "/N{{name}}", "/D{path}", "/DIRECTORY{prop}", "{prop}", "two  words; $HOME *",
				"args", "folder", "input", "exit=3")
			c.change(&po)
			_, err := po.ImportAdd(t.Context(), file)
			folder, evalErr := filepath.EvalSymlinks(filepath.Dir(file))
			if evalErr != nil {
				t.Fatal(evalErr)
			}
			all := append(append([]string{}, c.want...), "args", "folder", "input", "exit=3")
			want := fmt.Sprintf("%q\n%s\n0 bytes of input\n", all, folder)
			if diff := cmp.Diff(want, programError(t, err).Output); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRelativePathsAreMadeAbsolute(t *testing.T) {
	t.Parallel()
	po, _ := importer(t, "/D{path}", "/@{file}", "exit=3")
	po.Path = "po"
	_, err := po.ImportAdd(t.Context(), "testdata/CCMDIR.IMP")
	here, wdErr := os.Getwd()
	if wdErr != nil {
		t.Fatal(wdErr)
	}
	want := steps("/D"+filepath.Join(here, "po"), "/@"+filepath.Join(here, "testdata/CCMDIR.IMP"), "exit=3")
	if diff := cmp.Diff(want, programError(t, err).Command); diff != "" {
		t.Error(diff)
	}
}

func TestOutputIsShown(t *testing.T) {
	t.Parallel()
	po, file := importer(t, "print=IMPORT 8.5\r\n\r\nM\x81ller: schon da\r\x07", "warn=\x1b[1mlast\xff", "exit=3")
	_, err := po.ImportAdd(t.Context(), file)
	if diff := cmp.Diff("IMPORT 8.5\n\nMüller: schon da\n[1mlast\u00a0", programError(t, err).Output); diff != "" {
		t.Error(diff)
	}
	wantError(t, err, "it said: IMPORT 8.5 | Müller: schon da | [1mlast")

	po.CodePage = page(t, "932")
	_, err = po.ImportAdd(t.Context(), file)
	wantError(t, err, "last\ufffd") // output that cannot be decoded is shown all the same
}

func TestThePasswordIsNeverShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ password, echo string }{
		"letters":            {"Secret", "SECRET"},
		"beyond ASCII":       {"Gürtel", "GÜRTEL"},
		"in the code page":   {"Gürtel", "G\x81rtel"},
		"special characters": {"a.+(b", "A.+(B"},
		"not Unicode":        {"a\xffb", "a\xffb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			po, file := importer(t, "/P{password}", "print=Login {password} as "+c.echo+".", "exit=3")
			po.Password = c.password
			_, err := po.ImportAdd(t.Context(), file)
			failed := programError(t, err)
			if failed.Code != 3 || failed.Output != "Login *** as ***." {
				t.Errorf("code %d, output %q", failed.Code, failed.Output)
			}
			for _, text := range append(failed.Command, err.Error()) {
				if strings.Contains(strings.ToLower(text), strings.ToLower(c.password)) {
					t.Errorf("%q shows the password", text)
				}
			}
			wantError(t, err, "/P***")
		})
	}
}

func TestNoPasswordHidesNothing(t *testing.T) {
	t.Parallel()
	po, file := importer(t, "/P{password}", "print=no password given", "exit=3")
	po.Password = ""
	_, err := po.ImportAdd(t.Context(), file)
	failed := programError(t, err)
	if failed.Output != "no password given" || !slices.Contains(failed.Command, "/P") {
		t.Errorf("%#v", failed)
	}
}

// A program that writes without end does not fill the memory, and the cut
// does not show the beginning of a password.
func TestOutputIsCut(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 96) + "Secret\r\n" // 64 KiB end after 16 bytes of x
	args := []string{}
	for range 10 {
		args = append(args, "print="+strings.Repeat(line, 100))
	}
	po, file := importer(t, append(args, "exit=3")...)
	_, err := po.ImportAdd(t.Context(), file)
	output := programError(t, err).Output
	if !strings.HasSuffix(output, "x***\n(more output was cut)\n") || len(output) > 64<<10 {
		t.Errorf("%d bytes that end in %q", len(output), output[max(0, len(output)-60):])
	}
}

func TestProgramNotFound(t *testing.T) {
	t.Parallel()
	po, file := importer(t)
	noRights := filepath.Join(t.TempDir(), "import")
	if err := os.WriteFile(noRights, []byte("MZ"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		program, want string
		event         int
	}{
		"not in PATH":        {"no-such-import", `program "no-such-import" was not found`, 43},
		"not in its folder":  {"./bin/import", `program "./bin/import" was not found`, 43},
		"not to be executed": {noRights, "check that the program may be run", 59},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			po.Programs.ImportAdd = []string{c.program, "/P{password}"}
			_, err := po.ImportAdd(t.Context(), file)
			wantError(t, err, c.want, "cannot be started")
			if failed := programError(t, err); failed.Event != c.event || failed.Code != -1 {
				t.Errorf("%#v", failed)
			}
		})
	}
	po.Programs.ExportDirectory = []string{noRights}
	if failed := programError(t, po.Export(t.Context(), t.TempDir())); failed.Event != 65 {
		t.Errorf("%#v", failed)
	}
	po.Programs.ImportAdd = nil
	_, err := po.ImportAdd(t.Context(), file)
	wantError(t, err, "cannot be started: no program is set")
}

func TestProgramIsLookedUpInPath(t *testing.T) {
	bin := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(bin, "import")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	po, file := importer(t)
	po.Programs.ImportAdd = []string{"import", "-program", "exit=4"}
	_, err := po.ImportAdd(t.Context(), file)
	if failed := programError(t, err); failed.Code != 4 {
		t.Error(err)
	}
}

func TestProgramThatHangs(t *testing.T) {
	t.Parallel()
	po, file := importer(t, "hang")
	po.Timeout = 300 * time.Millisecond
	_, err := po.ImportAdd(t.Context(), file)
	wantError(t, err, "did not finish within 300ms and was ended", "raise the timeout")
	if failed := programError(t, err); failed.Code != -1 || failed.Event != 59 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%#v", failed)
	}
}

// named makes a named pipe and returns its path and what is read from it: a
// line when a program has it open, and the end when no program has.
func named(t *testing.T) (path string, lines <-chan string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	c := make(chan string)
	go func() {
		defer close(c)
		pipe, err := os.Open(path)
		if err != nil {
			c <- err.Error()
			return
		}
		var buf [100]byte
		for {
			n, err := pipe.Read(buf[:])
			if err != nil {
				c <- err.Error()
				return
			}
			c <- string(buf[:n])
		}
	}()
	return path, c
}

// What a program started ends with it, also when the caller gives up.
func TestProgramIsEndedWithAllItStarted(t *testing.T) {
	t.Parallel()
	path, child := named(t)
	po, file := importer(t, "child="+path, "hang")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() {
		_, err := po.ImportAdd(ctx, file)
		done <- err
	}()
	if got := <-child; got != "alive\n" {
		t.Fatal(got)
	}
	stop := errors.New("stopped by the operator")
	cancel(stop)
	err := <-done
	wantError(t, err, "was ended before it finished: stopped by the operator")
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	if got := <-child; got != "EOF" {
		t.Errorf("the child says %q, want its end", got)
	}
}

// A program that ends well but leaves another behind may still be writing.
func TestProgramThatLeavesAnotherRunning(t *testing.T) {
	t.Parallel()
	path, child := named(t)
	po, file := importer(t, "child="+path)
	errs := make(chan error)
	go func() {
		_, err := po.ImportAdd(t.Context(), file)
		errs <- err
	}()
	if got := <-child; got != "alive\n" {
		t.Fatal(got)
	}
	wantError(t, <-errs, "ended but left another program running, which was ended")
	if got := <-child; got != "EOF" {
		t.Errorf("the child says %q, want its end", got)
	}
}

// Whatever the result code, and whether or not the console is shared, nothing
// goes on beside the cycle.
func TestNothingGoesOnAfterAProgram(t *testing.T) {
	t.Parallel()
	const left = "ended but left another program running, which was ended"
	for name, c := range map[string]struct {
		steps []string
		want  string
		code  int
	}{
		"success":                         {[]string{"quiet="}, left, -1},
		"some refused":                    {[]string{"quiet=", "exit=5"}, left, -1},
		"some refused, console is shared": {[]string{"child=", "exit=5"}, left, -1},
		"failed":                          {[]string{"quiet=", "exit=4"}, "result code 4", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, child := named(t)
			c.steps[0] += path
			po, file := importer(t, c.steps...)
			errs := make(chan error, 1)
			go func() {
				_, err := po.ImportAdd(t.Context(), file)
				errs <- err
			}()
			for got := range child {
				if got != "alive\n" && got != "EOF" {
					t.Fatal(got)
				}
			}
			err := <-errs
			wantError(t, err, c.want)
			if failed := programError(t, err); failed.Code != c.code {
				t.Errorf("%#v", failed)
			}
		})
	}
}

// What ends by itself right after the program, such as the end of a pipe
// line, is no error.
func TestWhatEndsWithAProgramIsFine(t *testing.T) {
	t.Parallel()
	for range 20 {
		po, file := importer(t, "follow")
		if _, err := po.ImportAdd(t.Context(), file); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProgramThatDies(t *testing.T) {
	t.Parallel()
	po, file := importer(t, "kill")
	_, err := po.ImportAdd(t.Context(), file)
	wantError(t, err, "did not run to its end: signal: terminated")
}
