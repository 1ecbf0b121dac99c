package postoffice

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Where the entries are in a data file as [document.write] lays it out. No value
// has a line end, so that these are in no other place.
const (
	entriesBegin = "\n  \"entries\": [\n"
	entriesEnd   = "\n  ]"
)

// cutEntries reads the entries of a data file line by line, and returns the file
// without them. It is many times as fast as JSON, and three of the programs of a
// cycle read the file. A file that is laid out in another way, or has a value
// that needs JSON's escapes, is left to JSON: laidOut is then false.
func cutEntries(data []byte) (entries []Entry, rest []byte, laidOut bool) {
	before, found, begins := bytes.Cut(data, []byte(entriesBegin))
	lines, after, ends := bytes.Cut(found, []byte(entriesEnd))
	if !begins || !ends {
		return nil, nil, false
	}
	const open, closed, shut = "    {", "    }", "    },"
	expected := open // before the next line: an entry begins, or nothing
	for line := range strings.SplitSeq(string(lines), "\n") {
		switch {
		case line == open && expected == open:
			entries, expected = append(entries, Entry{}), "field"
		case (line == closed || line == shut) && expected == closed:
			if expected = open; line == closed {
				expected = "end"
			}
		case expected == "field":
			field, more := strings.CutSuffix(line, ",")
			if !entries[len(entries)-1].setField(field) {
				return nil, nil, false
			}
			if !more {
				expected = closed
			}
		default:
			return nil, nil, false
		}
	}
	if expected != "end" {
		return nil, nil, false
	}
	rest = append(append(bytes.Clone(before), "\n  \"entries\": []"...), after...)
	return entries, rest, true
}

// setField sets what a line such as `      "name": "Quist, Marta"` says.
func (e *Entry) setField(line string) bool {
	name, value, _ := strings.Cut(line, ": ")
	if name == `      "propagate"` && value == "true" {
		e.Propagate = true
		return true
	}
	text, plain := plainString(value)
	if !plain {
		return false
	}
	switch name {
	case `      "name"`:
		e.Name = text
	case `      "location"`:
		e.Location = Location(text)
	case `      "address"`:
		e.Address = text
	case `      "comment"`:
		e.Comment = text
	default:
		return false
	}
	return true
}

// plainString is the text of a JSON string that has no escapes and is what its
// bytes are.
func plainString(literal string) (text string, plain bool) {
	if len(literal) < 2 || literal[0] != '"' || literal[len(literal)-1] != '"' {
		return "", false
	}
	text = literal[1 : len(literal)-1]
	special := func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }
	return text, utf8.ValidString(text) && !strings.ContainsFunc(text, special)
}
