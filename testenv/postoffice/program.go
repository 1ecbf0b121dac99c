package postoffice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// version is what the banner shows.
const version = "1.0"

// The result codes of EXPORT and IMPORT (DOC Q168465, Q233164, Q179072,
// Q180641; that success is 0 and bad parameters are 2 is INF).
const (
	CodeDone     = 0
	CodeFailed   = 1 // did not complete
	CodeSwitches = 2
	CodeAccess   = 3 // name, password or path
	CodeLocked   = 4 // or shut down
	CodeRefused  = 5 // some records; they are in UndeliveredFile
)

// UndeliveredFile collects what IMPORT refused, in its working directory (DOC).
// Each record follows a line with the Reason (OURS).
const UndeliveredFile = "CCMAIL.UND"

// errAccess is a wrong name or password. One text for both, so that guessing
// does not pay.
var errAccess = errors.New("wrong post office name or password")

// run is one run of EXPORT or IMPORT.
type run struct {
	command
	dir     string
	console io.Writer
	page    codePage
	po      *PostOffice
}

// Run is EXPORT or IMPORT, whichever is the first word of args, in the working
// directory dir. It returns the result code, one of the Code constants or what
// a Fault asks for. Text for people goes to console, CR LF, in the code page of
// the post office. Cancelling ctx ends a run that hangs by a Fault.
func Run(ctx context.Context, dir string, args []string, console io.Writer) int {
	if len(args) == 0 || args[0] != exportProgram && args[0] != importProgram {
		args = []string{"", ""}
	}
	r := &run{dir: dir, console: console, page: codePages()[0]}
	r.say("cc:Mail %s stand-in, ccpo %s", args[0], version)
	code := CodeDone
	var err error
	r.command, err = parseSwitches(args[0], args[1:])
	switch {
	case err != nil:
	case r.command.help:
		r.help()
	default:
		code, err = r.do(ctx)
	}
	if err != nil {
		code = max(code, codeOf(err))
		r.say("Error: %v", err)
	}
	r.say("Ended with code %d", code)
	return code
}

// codeOf is the result code of an error.
func codeOf(err error) int {
	switch {
	case errors.Is(err, errSwitches):
		return CodeSwitches
	case errors.Is(err, errAccess), errors.Is(err, ErrNoPostOffice):
		return CodeAccess
	case errors.Is(err, ErrLocked), errors.Is(err, errDown):
		return CodeLocked
	}
	return CodeFailed
}

// do opens the post office and does the task. What is wrong is found in the
// order path, lock, data, name and password, form of the command line.
func (r *run) do(ctx context.Context) (code int, err error) {
	folder := r.resolve(r.values['D'])
	if down(folder) {
		return 0, errDown
	}
	r.po, err = Open(folder)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.po.Close()) }()
	r.page = r.po.page
	if fold(r.values['N']) != fold(r.po.settings.Name) || r.values['P'] != r.po.settings.Password {
		return 0, errAccess
	}
	if r.form != r.po.layout.form {
		return 0, fmt.Errorf("%w: this post office takes %s", errSwitches, r.po.layout.form)
	}
	fault, found := r.po.takeFault(r.program, r.task)
	if found {
		if err := r.po.Save(); err != nil {
			return 0, err
		}
	}
	if fault.Hang {
		return 0, hang(ctx)
	}
	if r.program == exportProgram {
		return r.export(fault)
	}
	return r.importFile(fault)
}

// export writes the output file straight to its place.
func (r *run) export(fault Fault) (int, error) {
	if fault.Code != CodeDone && fault.Output == "" {
		return fault.Code, fault.strike()
	}
	text, count := r.po.exportText(r.task)
	data, err := r.page.encode(text)
	if err != nil {
		return 0, err
	}
	data, _ = fault.apply(data)
	if fault.Output != MissingOutput {
		if err := os.WriteFile(r.resolve(r.values['@']), data, 0o666); err != nil {
			return 0, fmt.Errorf("write output: %w", err)
		}
	}
	if err := fault.strike(); err != nil {
		return 0, err
	}
	r.say("Exported: %d", count)
	return fault.Code, nil
}

// refusal is a record that goes to the .UND file.
type refusal struct {
	reason string
	entry  Entry
}

// importFile reads the whole input before it takes the first record, and keeps
// nothing when the refused ones cannot be written down.
func (r *run) importFile(fault Fault) (int, error) {
	input := r.values['@']
	data, err := os.ReadFile(r.resolve(input))
	if err != nil {
		return 0, fmt.Errorf("read input: %w", err)
	}
	c, err := parse(input, r.page.decode(data), directoryFile)
	if err != nil {
		return 0, err
	}
	records := c.Records
	if fault.Code != CodeDone || fault.Die {
		records = records[:min(fault.After, len(records))]
	}
	if fault.Output == MissingOutput {
		records = nil
	}
	refused := r.take(records, fault)
	if err := r.writeUndelivered(refused); err != nil {
		return 0, err
	}
	if err := r.po.Save(); err != nil {
		return 0, err
	}
	if err := fault.strike(); err != nil {
		return 0, err
	}
	r.say("Imported: %d", len(records)-len(refused))
	if len(refused) > 0 {
		r.say("Refused: %d, see %s", len(refused), UndeliveredFile)
	}
	if len(refused) > 0 && fault.Code == CodeDone {
		return CodeRefused, nil
	}
	return fault.Code, nil
}

// take imports records in the order of the file.
func (r *run) take(records []record, fault Fault) []refusal {
	var refused []refusal
	for _, rec := range records {
		var err error
		rec.Propagate = r.propagate
		switch {
		case rec.Problem != "":
			err = refuse(rec.Problem, rec.Name)
		case fault.refuses(rec.Name):
			err = refuse(ByRequest, rec.Name)
		case r.task == TaskDelete:
			err = r.po.deleteImported(rec.Entry)
		default:
			err = r.po.insert(rec.Entry)
		}
		if err != nil {
			refused = append(refused, refusal{err.Error(), rec.Entry})
		}
	}
	return refused
}

// writeUndelivered appends what was refused, in the post office's shape but
// without an end mark, as more may follow.
func (r *run) writeUndelivered(refused []refusal) (err error) {
	if len(refused) == 0 {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(r.dir, UndeliveredFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("write refused records: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	l := r.po.layout
	for _, ref := range refused {
		text := ref.reason + l.lineEnd + l.record(ref.entry) + l.separator
		if _, err := file.Write(r.page.console(text)); err != nil {
			return fmt.Errorf("write refused records: %w", err)
		}
	}
	return file.Sync()
}

func (r *run) help() {
	r.say("Use: %s /N<post office> /P<password> /D<path> /@<file> <what to do>", r.program)
	r.say("or, 3.x and 4.x: %s <post office> <password> <path> <file> <what to do>", r.program)
	if r.program == exportProgram {
		r.say("DIRECTORY[/PROP|/PROPADD], LISTS or BOARDS")
	} else {
		r.say("DIRECTORY[/DELETE][/PROP]")
	}
}

func (r *run) say(format string, values ...any) {
	// A console that is gone must not change the result code.
	_, _ = r.console.Write(r.page.console(fmt.Sprintf(format, values...) + "\r\n"))
}

// resolve makes a path relative to the working directory usable.
func (r *run) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}

func hang(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, hangLimit)
	defer cancel()
	<-ctx.Done()
	return fmt.Errorf("hung by request: %w", ctx.Err())
}
