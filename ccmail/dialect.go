package ccmail

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Shape is how a file of mailing lists or bulletin boards looks (OURS: no
// such file is public).
type Shape string

const (
	// Tagged titles stand in Name lines, as the names of the directory do.
	Tagged Shape = "tagged"
	// Bare titles stand alone in a line that begins in column 1.
	Bare Shape = "bare"
)

// maxLine is the longest line, in bytes, that is read or written (OURS).
// cc:Mail documents no limit; this one is far above every known value and
// keeps a file that is not text from filling the memory.
const maxLine = 4096

// tagWidth is what stands before a value: four letters, a colon, a blank.
const tagWidth = 6

// Dialect is how the files look where that is not certain. Readers take every
// order, line end and number of blank lines whatever the dialect says; only
// the two shapes matter to them. Writers follow it to the letter.
type Dialect struct {
	Name          string
	FieldOrder    []string // Name first, then Locn, Addr and Cmts in any order
	LineEnd       string   // "\r\n" or "\n"
	BlankLines    int      // between two entries
	TrailingSpace bool     // an empty value is written with the blank after its colon
	CtrlZ         bool     // the file ends with a 0x1A
	Lists, Boards Shape
	TitlesOnly    bool // the file of mailing lists does not have their members

	// The longest values in bytes of the code page. MaxName also holds for
	// the titles of lists and boards.
	MaxName, MaxAddress, MaxComment int

	// Forbidden are the characters that a name or an address must not have.
	Forbidden string
}

// tags returns the tags of a directory entry in the order of the one public
// sample (SEEN).
func tags() []string { return []string{"Name", "Locn", "Addr", "Cmts"} }

// Lotus returns the strict form: Name, Locn, Addr, Cmts (SEEN), CR LF (INF),
// no blank after an empty tag (SEEN), no blank lines and no final 0x1A
// (OURS), and lengths of 30, 126 and 126 bytes, which are remembered but
// documented nowhere (OURS). Square brackets are forbidden, because IMPORT from
// release 8 on does not take them in an address (DOC, Q232687).
func Lotus() Dialect {
	return Dialect{
		Name:       "lotus",
		FieldOrder: tags(),
		LineEnd:    "\r\n",
		Lists:      Tagged,
		Boards:     Tagged,
		MaxName:    30, MaxAddress: 126, MaxComment: 126,
		Forbidden: "[]",
	}
}

// DialectByName returns a dialect of this package. An unknown name is an
// error that lists the known ones.
func DialectByName(name string) (Dialect, error) {
	if lotus := Lotus(); name == lotus.Name {
		return lotus, nil
	}
	return Dialect{}, fmt.Errorf("unknown dialect %q; known is: %s", name, Lotus().Name)
}

// Validate reports everything in d that no file could be read or written
// with.
func (d Dialect) Validate() error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("dialect %q: "+format, append([]any{d.Name}, args...)...))
	}
	want := tags()
	if got := slices.Sorted(slices.Values(d.FieldOrder)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		bad("field order %q must name each of %s once", d.FieldOrder, strings.Join(want, ", "))
	} else if d.FieldOrder[0] != "Name" {
		bad("field order %q must begin with Name, because Name begins an entry", d.FieldOrder)
	}
	if d.LineEnd != "\r\n" && d.LineEnd != "\n" {
		bad(`line end %q must be "\r\n" or "\n"`, d.LineEnd)
	}
	if d.BlankLines < 0 {
		bad("number of blank lines %d must not be negative", d.BlankLines)
	}
	for _, s := range []struct {
		what  string
		shape Shape
	}{{"lists", d.Lists}, {"boards", d.Boards}} {
		if s.shape != Tagged && s.shape != Bare {
			bad("shape %q of %s must be %s or %s", s.shape, s.what, Tagged, Bare)
		}
	}
	for _, m := range []struct {
		what string
		max  int
	}{{"name", d.MaxName}, {"address", d.MaxAddress}, {"comment", d.MaxComment}} {
		if m.max < 1 || m.max > maxLine-tagWidth {
			bad("longest %s of %d bytes must be from 1 to %d", m.what, m.max, maxLine-tagWidth)
		}
	}
	return errors.Join(problems...)
}
