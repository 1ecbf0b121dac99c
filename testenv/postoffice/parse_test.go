package postoffice

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Okafor, Ben\n":                    "in:1:1: not a line of a directory file: no tag",
		"Name: A\nLocn: L\nDELETE\n":       "in:3:1: not a line of a directory file: no tag",
		"Name: A\nLocn: L\n  Addr: x\n":    `in:3:1: not a line of a directory file: unknown tag "  Addr"`,
		"Name: A\nPswd: x\n":               `in:2:1: not a line of a directory file: unknown tag "Pswd"`,
		"name: A\n":                        `in:1:1: not a line of a directory file: unknown tag "name"`,
		"Name: A\nList: B\n":               `in:2:1: not a line of a directory file: unknown tag "List"`,
		"Name:A\n":                         "in:1:6: no blank after the colon of Name",
		"Name:\tA\n":                       "in:1:6: no blank after the colon of Name",
		"Name: A\rLocn: L\r":               "in:1:8: a control character in the line",
		"Name: Ä\x00\n":                    "in:1:8: a control character in the line",
		"\n\nName: A\r\n\x00\r\n":          "in:4:1: a control character in the line",
		"Name: A\nLocn: L\nnot this\n\x1a": "in:3:1: not a line of a directory file: no tag",
	} {
		_, err := parse("in", text, directoryFile)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// One bad line: nothing of the file is imported.
func TestSyntaxErrorImportsNothing(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	write(t, dir, "in", "Name: A\r\nLocn: L\r\n\r\nERROR\r\n")
	code, console := program(t, dir, "import "+slashStart+"/@in /DIRECTORY")
	if code != CodeFailed || !strings.Contains(console, "in:4:1: ") {
		t.Errorf("code %d: %s", code, console)
	}
	edit(t, dir, func(po *PostOffice) error {
		if n := len(po.Entries()); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
		return nil
	})
}

// Whatever is read can be written in both shapes and is read the same again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "\x1a", "Name: A\r\nLocn: L\r\nAddr:\r\nCmts:\r\n", "Name: A\nAddr: \nLocn: r\nCmts: \n\nName: B\n\x1atail",
		hubSeed, "Locn: L\nName:\nName: \nCmts: a:b", "Name: A\nName", "Name", ":", "Name:A", "Name: \r\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse("in", text, directoryFile)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 {
				t.Fatalf("%q: %v is no error with a place", text, err)
			}
			return
		}
		var want []Entry
		for _, r := range c.Records {
			want = append(want, r.Entry)
		}
		for _, shape := range []Shape{Lotus, Alt} {
			l, err := shape.layout()
			if err != nil {
				t.Fatal(err)
			}
			var records []string
			for _, e := range want {
				records = append(records, l.record(e))
			}
			again, err := parse("again", l.file(records), directoryFile)
			if err != nil {
				t.Fatalf("%q: written as %s: %v", text, shape, err)
			}
			var got []Entry
			for _, r := range again.Records {
				got = append(got, r.Entry)
			}
			if !slices.Equal(want, got) {
				t.Errorf("%q: written as %s: %+v, want %+v", text, shape, got, want)
			}
		}
	})
}

// No command line makes the reader stumble, and what it takes is complete.
func FuzzSwitches(f *testing.F) {
	for _, seed := range []string{
		"", "/?", "/", "/\"", "/N", "/N\"", `/N"a"` + "\n/D.\n/@x\n/LISTS", "/NA\n/PB\n/DC\n/@D\n/DIRECTORY/PROPADD",
		"a\nb\nc\nd\nDIRECTORY/DELETE/PROP", "a\nb\nc", "/DIRECTORY/", "/@", "/é",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, program := range []string{exportProgram, importProgram} {
			c, err := parseSwitches(program, strings.Split(line, "\n"))
			switch {
			case err != nil && !errors.Is(err, errSwitches):
				t.Errorf("%q: %v is no switch error", line, err)
			case err == nil && !c.help && (c.task == "" || c.values['N'] == "" || c.values['D'] == "" || c.values['@'] == ""):
				t.Errorf("%q: taken with something missing: %+v", line, c)
			}
		}
	})
}
