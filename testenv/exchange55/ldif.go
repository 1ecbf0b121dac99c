package exchange55

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ParseError is what is wrong with an LDIF file, and where.
type ParseError struct {
	Pos     Position
	Problem string
}

func (e *ParseError) Error() string { return e.Pos.String() + ": " + e.Problem }

// ReadLDIF reads content and change records (RFC 2849). It is strict: what
// Exchange 5.5 cannot do (modrdn), what needs other files (values by URL) and
// controls are refused, and so is a modify step without its closing "-". The
// name is used in messages only. Every error about the text is a *ParseError.
func ReadLDIF(r io.Reader, name string) ([]ChangeRecord, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read LDIF from %s: %w", name, err)
	}
	blocks, err := splitLDIF(data, name)
	if err != nil {
		return nil, err
	}
	var records []ChangeRecord
	for i, block := range blocks {
		if i == 0 && block[0].is("version") {
			if block[0].value != "1" {
				return nil, block[0].problem("LDIF version %q, only 1 is known", block[0].value)
			}
			if block = block[1:]; len(block) == 0 {
				continue
			}
		}
		record, err := parseRecord(block)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

// ldifLine is one logical line, folded lines joined.
type ldifLine struct {
	pos         Position
	name, value string
	dash        bool // the line "-"
}

func (l ldifLine) is(name string) bool { return !l.dash && strings.EqualFold(l.name, name) }

func (l ldifLine) problem(format string, values ...any) error {
	return &ParseError{Pos: l.pos, Problem: fmt.Sprintf(format, values...)}
}

// splitLDIF cuts the file into records of logical lines and drops comments.
func splitLDIF(data []byte, file string) ([][]ldifLine, error) {
	var blocks [][]ldifLine
	var block []ldifLine
	var pending *ldifText
	flush := func() error {
		if pending == nil {
			return nil
		}
		text := *pending
		pending = nil
		if strings.HasPrefix(text.text, "#") {
			return nil
		}
		line, err := text.split()
		if err != nil {
			return err
		}
		block = append(block, line)
		return nil
	}
	for number, raw := range bytes.Split(data, []byte("\n")) {
		text := string(bytes.TrimSuffix(raw, []byte("\r")))
		pos := Position{File: file, Line: number + 1, Column: 1}
		if folded, ok := strings.CutPrefix(text, " "); ok {
			if pending == nil {
				return nil, &ParseError{Pos: pos, Problem: "a continued line without a line before it"}
			}
			pending.text += folded
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		if text != "" {
			pending = &ldifText{pos: pos, text: text}
			continue
		}
		if len(block) > 0 {
			blocks = append(blocks, block)
			block = nil
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if len(block) > 0 {
		blocks = append(blocks, block)
	}
	return blocks, nil
}

// ldifText is a logical line before it is taken apart.
type ldifText struct {
	pos  Position
	text string
}

func (t ldifText) fail(column int, format string, values ...any) error {
	pos := t.pos
	pos.Column = column
	return &ParseError{Pos: pos, Problem: fmt.Sprintf(format, values...)}
}

// split takes a line apart into name and decoded value. A column beyond the
// first physical line counts through the folds.
func (t ldifText) split() (ldifLine, error) {
	if t.text == "-" {
		return ldifLine{pos: t.pos, dash: true}, nil
	}
	name, rest, ok := strings.Cut(t.text, ":")
	if !ok {
		return ldifLine{}, t.fail(1, "no colon after the attribute name")
	}
	if !isDescription(name) {
		return ldifLine{}, t.fail(1, "%q is no attribute name", name)
	}
	column := len(name) + 2
	line := ldifLine{pos: t.pos, name: name}
	switch {
	case strings.HasPrefix(rest, "<"):
		return ldifLine{}, t.fail(column, "values by URL are not read")
	case strings.HasPrefix(rest, ":"):
		encoded := strings.TrimLeft(rest[1:], " ")
		value, err := base64.StdEncoding.Strict().DecodeString(encoded)
		var corrupt base64.CorruptInputError
		if errors.As(err, &corrupt) {
			return ldifLine{}, t.fail(len(t.text)-len(encoded)+int(corrupt)+1, "the value is not base64")
		}
		line.value = string(value)
	default:
		line.value = strings.TrimLeft(rest, " ")
		if !utf8.ValidString(line.value) {
			return ldifLine{}, t.fail(column, "the value is neither UTF-8 nor base64")
		}
	}
	return line, nil
}

// isDescription reports whether s can be an attribute name with options.
func isDescription(s string) bool {
	for _, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("-.;", c) {
			return false
		}
	}
	return s != ""
}

// parseRecord reads one record.
func parseRecord(lines []ldifLine) (ChangeRecord, error) {
	first := lines[0]
	if !first.is("dn") {
		return ChangeRecord{}, first.problem("a record starts with dn, not with %q", first.name)
	}
	if _, err := parseName(first.value); err != nil {
		return ChangeRecord{}, first.problem("%v", err)
	}
	record := ChangeRecord{Pos: first.pos, DN: first.value}
	rest := lines[1:]
	if len(rest) == 0 {
		return ChangeRecord{}, first.problem("the record of %q has nothing but a name", first.value)
	}
	if rest[0].is("control") {
		return ChangeRecord{}, rest[0].problem("controls are not supported")
	}
	if !rest[0].is("changetype") {
		var err error
		record.Attributes, err = parseAttributes(rest)
		return record, err
	}
	kind, body := rest[0], rest[1:]
	var err error
	switch kind.value {
	case "add":
		record.Type = Add
		if len(body) == 0 {
			return ChangeRecord{}, kind.problem("nothing to add")
		}
		record.Attributes, err = parseAttributes(body)
	case "modify":
		record.Type = Modify
		if len(body) == 0 {
			return ChangeRecord{}, kind.problem("nothing to modify")
		}
		record.Changes, err = parseChanges(body)
	case "delete":
		record.Type = Delete
		if len(body) > 0 {
			return ChangeRecord{}, body[0].problem("a delete record ends after changetype")
		}
	default:
		return ChangeRecord{}, kind.problem("changetype %q, known are add, modify and delete", kind.value)
	}
	return record, err
}

// parseAttributes gathers the values of an entry by attribute, in the order
// in which the attributes first occur.
func parseAttributes(lines []ldifLine) ([]Attribute, error) {
	var attributes []Attribute
	place := map[string]int{}
	for _, line := range lines {
		if line.dash || line.is("dn") || line.is("changetype") {
			return nil, line.problem("this line does not belong into an entry; is an empty line missing before it?")
		}
		key := strings.ToLower(line.name)
		i, seen := place[key]
		if !seen {
			i = len(attributes)
			place[key] = i
			attributes = append(attributes, Attribute{Name: line.name})
		}
		attributes[i].Values = append(attributes[i].Values, line.value)
	}
	return attributes, nil
}

var changeOps = map[string]ChangeOp{"add": AddValues, "delete": DeleteValues, "replace": ReplaceValues}

func parseChanges(lines []ldifLine) ([]Change, error) {
	var changes []Change
	for len(lines) > 0 {
		head := lines[0]
		op, ok := changeOps[strings.ToLower(head.name)]
		if !ok || head.dash {
			return nil, head.problem("a step of a modify starts with add, delete or replace, not with %q", head.name)
		}
		if head.value == "" {
			return nil, head.problem("%s of which attribute?", head.name)
		}
		change := Change{Op: op, Attribute: Attribute{Name: head.value}}
		lines = lines[1:]
		for len(lines) > 0 && !lines[0].dash {
			if !lines[0].is(head.value) {
				return nil, lines[0].problem("a value of %q inside the step for %q; is the line \"-\" missing before it?", lines[0].name, head.value)
			}
			change.Values = append(change.Values, lines[0].value)
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return nil, head.problem("the step ends without the line \"-\"")
		}
		lines = lines[1:]
		changes = append(changes, change)
	}
	return changes, nil
}
