package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Problem is one thing that is wrong with a configuration file.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 when the place is not known
	Path         string // such as connectors[0].exchange.url
	Message      string
	Hint         string // what to do, may be empty
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// InvalidError lists all problems of a configuration file, in the order of
// their places.
type InvalidError struct{ Problems []Problem }

func (e *InvalidError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads and validates the named file. What is wrong with its content
// comes as one [*InvalidError].
func Load(name string) (File, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		hint := "name it with --config"
		if errors.Is(err, os.ErrNotExist) {
			hint = "write one with ccdirsync config init, or name it with --config"
		}
		return File{}, fmt.Errorf("read the configuration: %w; %s", err, hint)
	}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return File{}, fmt.Errorf("find the folder of %s: %w", name, err)
	}
	return Parse(name, dir, data)
}

// maxSize is the size of a configuration in bytes above which the file is
// taken for another one: reading it would take long and tell nothing.
const maxSize = 1 << 20

// Parse reads and validates a configuration. The name is used in messages
// only; dir is the folder from which relative paths start. A file that is not
// YAML gives one problem, every other file all that it has.
func Parse(name, dir string, data []byte) (File, error) {
	w := &walker{file: name, places: map[string]place{}, given: map[string]bool{}, anchors: map[string]ast.Node{}}
	root, problem := parse(data)
	if problem != nil {
		problem.File = name
		return File{}, &InvalidError{[]Problem{*problem}}
	}
	file := File{Dir: dir, places: w}
	w.decode("", root, reflect.ValueOf(&file).Elem())
	for i := range file.Connectors {
		file.Connectors[i].Place = fmt.Sprintf("connectors[%d]", i)
		file.Connectors[i].followProfile(w)
	}
	file.validate(w)
	return file, w.err()
}

// parse reads YAML as far as its mapping of settings; the problem is of a file
// that has none, or more than one.
func parse(data []byte) (ast.Node, *Problem) {
	if len(data) > maxSize {
		return nil, &Problem{Message: fmt.Sprintf("is longer than %d bytes", maxSize), Hint: "name the configuration with --config"}
	}
	// Editors of Windows put a byte order mark before the text.
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at, valid := validUTF8(data); !valid {
		return nil, &Problem{Line: at.line, Column: at.column, Message: "the text is not UTF-8", Hint: "save the file as UTF-8"}
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, syntaxProblem(err)
	}
	documents := slices.DeleteFunc(tree.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(documents) == 0 {
		return nil, &Problem{Message: "the file is empty", Hint: "write an example with ccdirsync config init"}
	}
	if len(documents) > 1 {
		at := placeOf(documents[1].Body)
		return nil, &Problem{Line: at.line, Column: at.column, Message: "a second document begins", Hint: "keep one of them"}
	}
	root := documents[0].Body
	if _, mapping := root.(ast.MapNode); !mapping {
		at := placeOf(root)
		return nil, &Problem{
			Line: at.line, Column: at.column, Message: fmt.Sprintf("the file is %s, a mapping is wanted", noun(root)),
			Hint: "write an example with ccdirsync config init",
		}
	}
	return root, nil
}

// validUTF8 finds the first byte that is not UTF-8.
func validUTF8(data []byte) (at place, valid bool) {
	at = place{1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return at, false
		case r == '\n':
			at = place{at.line + 1, 1}
		default:
			at.column++
		}
		data = data[size:]
	}
	return at, true
}

// Join makes one [*InvalidError] of several, each of which may be nil. An error
// of another kind comes as it is.
func Join(errs ...error) error {
	w := &walker{}
	for _, err := range errs {
		var invalid *InvalidError
		switch {
		case errors.As(err, &invalid):
			w.problems = append(w.problems, invalid.Problems...)
		case err != nil:
			return err
		}
	}
	return w.err()
}

// Name is the name under which the file was loaded.
func (f File) Name() string { return f.places.file }

// Invalid makes an [*InvalidError] of a problem that was found outside this
// package, at the place of the setting.
func (f File) Invalid(path, message, hint string) error {
	w := &walker{file: f.places.file, places: f.places.places}
	w.complain(path, message, hint)
	return w.err()
}

// syntaxProblem turns an error of the YAML library into a problem.
func syntaxProblem(err error) *Problem {
	p := &Problem{Message: err.Error()}
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		pos := located.GetToken().Position
		p.Line, p.Column, p.Message = pos.Line, pos.Column, located.GetMessage()
	}
	return p
}
