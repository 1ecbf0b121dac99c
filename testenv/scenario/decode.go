package scenario

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// decodeFile writes a directory file in the form that is the same for all
// shapes.
func (c *call) decodeFile() error {
	text, err := c.shape.decode([]byte(c.ts.ReadFile(c.args[0])))
	if err != nil {
		return fmt.Errorf("%s is not a directory file of shape %s: %w", c.args[0], c.shape.name, err)
	}
	return os.WriteFile(c.ts.MkAbs(c.args[1]), []byte(text), 0o666)
}

// canonical is the order of the fields in what decode returns.
var canonical = []string{"Name", "Locn", "Addr", "Cmts"}

// decode reads a directory file and insists on every detail of its form.
func (s shape) decode(data []byte) (string, error) {
	text, err := decodeBytes(data, s.chars)
	if err != nil {
		return "", err
	}
	if s.file.ctrlZ {
		whole, found := strings.CutSuffix(text, "\x1a")
		if !found {
			return "", fmt.Errorf("it does not end with 0x1A")
		}
		text = whole
	}
	text, found := strings.CutSuffix(text, s.file.lineEnd)
	if !found {
		return "", fmt.Errorf("its last line does not end with %q", s.file.lineEnd)
	}
	lines := strings.Split(text, s.file.lineEnd)
	for i, line := range lines {
		if strings.ContainsAny(line, "\r\n\x1a") {
			return "", fmt.Errorf("line %d: %q holds a control character", i+1, line)
		}
	}
	return s.file.records(lines)
}

func decodeBytes(data []byte, chars *charmap.Charmap) (string, error) {
	for i, b := range data {
		if b < 0x80 {
			continue
		}
		if r := chars.DecodeByte(b); r == '\uFFFD' {
			return "", fmt.Errorf("byte %d: %#x is not in the code page", i, b)
		}
	}
	text, err := chars.NewDecoder().Bytes(data)
	return string(text), err
}

// records brings the lines of all records into the one order.
func (f fileForm) records(lines []string) (string, error) {
	var out strings.Builder
	perRecord := len(f.order)
	for number := 0; len(lines) > 0; {
		if number > 0 {
			out.WriteString("\n")
			if f.blankLine && lines[0] != "" {
				return "", fmt.Errorf("line %d: there is no blank line between two records", number+1)
			}
			if f.blankLine {
				lines, number = lines[1:], number+1
			}
		}
		if len(lines) < perRecord {
			return "", fmt.Errorf("line %d: a record has %d lines, expected %d", number+1, len(lines), perRecord)
		}
		values, err := f.record(lines[:perRecord])
		if err != nil {
			return "", fmt.Errorf("line %d: %w", number+1, err)
		}
		for _, tag := range canonical {
			out.WriteString(strings.TrimSpace(tag+": "+values[tag]) + "\n")
		}
		lines, number = lines[perRecord:], number+perRecord
	}
	return out.String(), nil
}

// record takes the lines of one record apart.
func (f fileForm) record(lines []string) (map[string]string, error) {
	values := map[string]string{}
	for i, tag := range f.order {
		rest, found := strings.CutPrefix(lines[i], tag+":")
		if !found {
			return nil, fmt.Errorf("%q is not a line %s", lines[i], tag)
		}
		value, spaced := strings.CutPrefix(rest, " ")
		empty := rest == f.emptyValue
		if !empty && (!spaced || value == "" || strings.TrimSpace(value) != value) {
			return nil, fmt.Errorf("%q has not its value after one blank, or blanks around it", lines[i])
		}
		if !empty {
			values[tag] = value
		}
	}
	if !slices.Contains(lines, "Name: "+values["Name"]) {
		return nil, fmt.Errorf("a record has no name")
	}
	return values, nil
}
