package postoffice

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The programs.
const (
	exportProgram = "export"
	importProgram = "import"
)

// Task is what a run is asked to do.
type Task string

// The tasks. Only /DIRECTORY is a known spelling (DOC RM51); LISTS, BOARDS and
// DIRECTORY/DELETE are OURS.
const (
	TaskDirectory Task = "directory"
	TaskLists     Task = "lists"
	TaskBoards    Task = "boards"
	TaskDelete    Task = "delete" // directory rows, IMPORT only
)

func tasks(program string) []Task {
	if program == exportProgram {
		return []Task{TaskDirectory, TaskLists, TaskBoards}
	}
	return []Task{TaskDirectory, TaskDelete}
}

// form is how a command line is written.
type form string

const (
	slashForm      form = "slash switches"   // newer releases (DOC Q186740, Q282172)
	positionalForm form = "positional words" // 3.x and 4.x (DOC PMDF 37.9.2.2)
)

// errSwitches is a command line that cannot be read: result code 2.
var errSwitches = errors.New("bad parameters")

// command is a command line, read.
type command struct {
	program   string
	form      form
	values    map[byte]string // by switch letter: N, P, D, @
	task      Task
	propagate bool
	help      bool
}

// harmless are options that mean nothing to the directory.
func harmless(program string) []string {
	both := []string{"BATCH", "FORMAT/FAN", "ITEMSIZE", "HILITE", "FILES/HEX", "FILES/MACBIN2", "FILES/SIZE0"}
	if program == importProgram {
		return append(both, "PARTIAL")
	}
	return append(both, "FOLDER", "MSGS/ALL", "DATE/1")
}

// reservedWords would otherwise be read as a value: /PARTIAL as password
// ARTIAL. A value that looks like one has to be quoted.
func reservedWords() []string { return []string{"PARTIAL", "DATE", "DELETE"} }

// parseSwitches reads a command line in either form.
func parseSwitches(program string, args []string) (command, error) {
	c := command{program: program, form: slashForm, values: map[byte]string{}}
	read := c.slash
	if len(args) == 0 || !strings.HasPrefix(args[0], "/") {
		c.form, read = positionalForm, c.option
		const letters = "NPD@"
		if len(args) < len(letters) {
			return c, fmt.Errorf("%w: give post office, password, path, file and what to do", errSwitches)
		}
		for i, value := range args[:len(letters)] {
			c.values[letters[i]] = value
		}
		args = args[len(letters):]
	}
	for _, arg := range args {
		if err := read(arg); err != nil {
			return c, err
		}
	}
	if c.help {
		return c, nil
	}
	for _, letter := range []byte("ND@") {
		if c.values[letter] == "" {
			return c, fmt.Errorf("%w: no value for /%c", errSwitches, letter)
		}
	}
	if c.task == "" {
		return c, fmt.Errorf("%w: nothing to do; give one of %q (messages are not handled)", errSwitches, tasks(program))
	}
	return c, nil
}

// slash reads one switch. The value follows its letter directly, in double
// quotes or not.
func (c *command) slash(arg string) error {
	text, found := strings.CutPrefix(arg, "/")
	head, _, _ := strings.Cut(strings.ToUpper(text), "/")
	switch {
	case !found || text == "":
		return fmt.Errorf("%w: %q is not a switch", errSwitches, arg)
	case text == "?":
		c.help = true
		return nil
	case head != "DIRECTORY" && !slices.Contains(reservedWords(), head):
		letter := strings.ToUpper(text)[0]
		if strings.IndexByte("NPD@", letter) >= 0 {
			return c.value(letter, text[1:])
		}
	}
	return c.option(text)
}

func (c *command) value(letter byte, text string) error {
	if _, twice := c.values[letter]; twice {
		return fmt.Errorf("%w: /%c is given twice", errSwitches, letter)
	}
	if rest, quoted := strings.CutPrefix(text, `"`); quoted {
		inner, closed := strings.CutSuffix(rest, `"`)
		if !closed {
			return fmt.Errorf("%w: no closing quotation mark after /%c", errSwitches, letter)
		}
		text = inner
	}
	c.values[letter] = text
	return nil
}

// option reads a word that takes no value, without its slash.
func (c *command) option(text string) error {
	word := strings.ToUpper(text)
	if slices.Contains(harmless(c.program), word) {
		return nil
	}
	head, rest, more := strings.Cut(word, "/")
	task := Task(strings.ToLower(head))
	if task == TaskDelete || !slices.Contains(tasks(c.program), task) || more && task != TaskDirectory {
		return fmt.Errorf("%w: unknown option %q", errSwitches, text)
	}
	if c.task != "" {
		return fmt.Errorf("%w: %q is a second thing to do", errSwitches, text)
	}
	c.task = task
	if more && !c.directory(rest) {
		return fmt.Errorf("%w: unknown option %q", errSwitches, text)
	}
	return nil
}

// directory reads what follows DIRECTORY/ and reports whether it could.
func (c *command) directory(parts string) bool {
	for part := range strings.SplitSeq(parts, "/") {
		switch {
		case (part == "PROP" || part == "PROPADD" && c.program == exportProgram) && !c.propagate:
			c.propagate = true
		case part == "DELETE" && c.program == importProgram && c.task != TaskDelete:
			c.task = TaskDelete
		default:
			return false
		}
	}
	return true
}
