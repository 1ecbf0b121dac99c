package postoffice

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The tags of a record (SEEN).
const (
	tagName = "Name"
	tagLocn = "Locn"
	tagAddr = "Addr"
	tagCmts = "Cmts"
)

// ctrlZ ends a text file of DOS; what follows is not read.
const ctrlZ = "\x1a"

// notation says which lines a text may have.
type notation int

const (
	directoryFile notation = iota
	seedFile               // also List: and Board: lines and indented members
)

// record is an entry as read, not yet checked. Problem is set when the record
// cannot be used whatever the post office holds.
type record struct {
	Entry
	Problem Reason
	Line    int
	seen    []string
}

// contents is a text, read.
type contents struct {
	Records []record
	Lists   []List
	Boards  []string
}

// SyntaxError is a text that is not what it should be. Line and Column count
// characters from 1.
type SyntaxError struct {
	File         string
	Line, Column int
	Problem      string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
}

type parser struct {
	file     string
	notation notation
	line     int
	open     bool // whether the last record takes further fields
	contents
}

// parse reads the records of a text. A field belongs to the last Name: line
// before it. An error is a *SyntaxError; then nothing of the text counts.
func parse(file, text string, n notation) (contents, error) {
	p := &parser{file: file, notation: n}
	text, _, _ = strings.Cut(text, ctrlZ)
	for line := range strings.SplitSeq(text, "\n") {
		p.line++
		if err := p.parseLine(strings.TrimSuffix(line, "\r")); err != nil {
			return contents{}, err
		}
	}
	return p.contents, nil
}

func (p *parser) parseLine(line string) error {
	if i := strings.IndexAny(line, "\r\x00"); i >= 0 {
		return p.fail(line, i, "a control character in the line")
	}
	if !utf8.ValidString(line) {
		return p.fail(line, 0, "not UTF-8")
	}
	if strings.Trim(line, " \t") == "" {
		return nil
	}
	if p.notation == seedFile && strings.IndexAny(line, " \t") == 0 {
		return p.member(line)
	}
	tag, value, found := strings.Cut(line, ":")
	if !found {
		return p.fail(line, 0, "not a line of a directory file: no tag")
	}
	if value != "" && value[0] != ' ' {
		return p.fail(line, len(tag)+1, "no blank after the colon of "+tag)
	}
	return p.field(line, tag, strings.Trim(value, " \t"))
}

func (p *parser) field(line, tag, value string) error {
	switch {
	case p.notation == seedFile && tag == "List":
		p.open = false
		p.Lists = append(p.Lists, List{Title: value})
		return nil
	case p.notation == seedFile && tag == "Board":
		p.open = false
		p.Boards = append(p.Boards, value)
		return nil
	}
	if tag == tagName || !p.open {
		p.Records = append(p.Records, record{Line: p.line})
		p.open = true
	}
	r := &p.Records[len(p.Records)-1]
	if slices.Contains(r.seen, tag) {
		r.Problem = RepeatedLine
		return nil
	}
	switch tag {
	case tagName:
		r.Name = value
	case tagLocn:
		r.Location = Location(value)
	case tagAddr:
		r.Address = value
	case tagCmts:
		r.Comment = value
	default:
		return p.fail(line, 0, fmt.Sprintf("not a line of a directory file: unknown tag %q", tag))
	}
	r.seen = append(r.seen, tag)
	return nil
}

func (p *parser) member(line string) error {
	if len(p.Lists) == 0 || p.open {
		return p.fail(line, 0, "a member without a list; put a List: line before it")
	}
	list := &p.Lists[len(p.Lists)-1]
	list.Members = append(list.Members, strings.Trim(line, " \t"))
	return nil
}

func (p *parser) fail(line string, offset int, problem string) error {
	return &SyntaxError{
		File: p.file, Line: p.line, Column: utf8.RuneCountInString(line[:offset]) + 1, Problem: problem,
	}
}
