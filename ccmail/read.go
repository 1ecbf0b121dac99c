package ccmail

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Options is how a file is read or written. File is its name in messages.
type Options struct {
	File     string
	CodePage CodePage
	Dialect  Dialect
	// AsRead is for writing records that came from cc:Mail itself, such as
	// those to delete. They may have any location, values that fill a line
	// (4090 bytes) and control characters; only what a line cannot hold is
	// refused.
	AsRead bool
}

// ErrNoRecords is wrapped by the error for a directory file without an entry.
// Every post office has at least its own, so an empty file is a failed export.
var ErrNoRecords = errors.New("the file holds no directory entry")

func (o Options) validate() error {
	if o.CodePage.name == "" {
		return errNoCodePage
	}
	return o.Dialect.Validate()
}

// ReadDirectory reads a whole directory file. Its entries come in the order
// of the file, each name once: an entry that is there twice is dropped with a
// Warning when both are equal, and a *ParseError when not, for names are
// unique in cc:Mail whatever their case (DOC, Q237588). Every entry must have
// all four fields. Line ends, blank lines, the order of the fields and the
// case of tags do not matter (OURS); other tags are skipped with a Warning.
func ReadDirectory(r io.Reader, o Options) ([]Record, []Warning, error) {
	if err := o.validate(); err != nil {
		return nil, nil, err
	}
	d := directoryReader{scanner: newScanner(r, o.File), page: o.CodePage, seen: map[string]int{}}
	for d.next() {
		if !d.isBlank() {
			d.line()
		}
	}
	d.finish()
	if d.err == nil && len(d.records) == 0 {
		d.number = 1
		d.fail(1, hintExportAgain, "cannot take this for an export")
		d.err.Err = ErrNoRecords
	}
	if d.err != nil {
		return nil, d.warnings, d.err
	}
	return d.records, d.warnings, nil
}

type directoryReader struct {
	*scanner
	page    CodePage
	records []Record
	seen    map[string]int // folded name -> its place in records

	record Record   // the one being read
	have   []string // its tags so far; empty between entries
}

func (d *directoryReader) line() {
	f, ok := d.field()
	switch {
	case !ok:
		d.fail(1, hintNotAnExport, "%q is not a line of a directory entry", d.page.decodeForDisplay(d.text))
		return
	case f.tag == "Name":
		d.finish()
		d.record = Record{Pos: d.pos(1)}
	case len(d.have) == 0:
		d.fail(1, hintNotAnExport, "%s line before the first Name line", f.tag)
		return
	case !f.known:
		d.warn(1, "unknown tag %s is skipped", f.tag)
		return
	case slices.Contains(d.have, f.tag):
		d.fail(1, hintExportAgain, "second %s line for %q, whose Name line is %d", f.tag, d.record.Name, d.record.Pos.Line)
		return
	}
	if d.err == nil {
		d.have = append(d.have, f.tag)
		d.set(f)
	}
}

func (d *directoryReader) set(f field) {
	value := d.decode(d.page, f.value, f.start)
	if d.err != nil {
		return
	}
	d.record.set(f.tag, value)
	switch {
	case d.record.Name == "":
		d.fail(f.start, hintExportAgain, "the entry has no name")
	case f.tag == "Locn" && !d.record.Location.known():
		d.warn(f.start, "location %q of %q is not one of P p L l R r A a", value, d.record.Name)
	}
}

func (r *Record) set(tag, value string) {
	switch tag {
	case "Name":
		r.Name = value
	case "Locn":
		r.Location = Location(value)
	case "Addr":
		r.Address = value
	case "Cmts":
		r.Comment = value
	}
}

func (r Record) value(tag string) string {
	switch tag {
	case "Name":
		return r.Name
	case "Locn":
		return string(r.Location)
	case "Addr":
		return r.Address
	default:
		return r.Comment
	}
}

// finish takes the entry that was being read, if there is one.
func (d *directoryReader) finish() {
	if len(d.have) == 0 || d.err != nil {
		return
	}
	name, line, missing := d.record.Name, d.record.Pos.Line, d.missing()
	d.have = d.have[:0]
	switch {
	case len(missing) > 0 && d.atEnd:
		d.fail(1, hintExportAgain, "the file ends inside the entry %q of line %d, before its %s line, and looks cut off",
			name, line, strings.Join(missing, ", "))
	case len(missing) > 0:
		d.fail(1, hintExportAgain, "the entry %q of line %d has no %s line", name, line, strings.Join(missing, ", "))
	default:
		d.keep()
	}
}

// missing are the tags that the entry being read has not.
func (d *directoryReader) missing() (missing []string) {
	if len(d.have) == len(tags()) {
		return nil // each of them once
	}
	for _, tag := range tags() {
		if !slices.Contains(d.have, tag) {
			missing = append(missing, tag)
		}
	}
	return missing
}

func (d *directoryReader) keep() {
	key := fold(d.record.Name)
	i, repeated := d.seen[key]
	if !repeated {
		d.seen[key] = len(d.records)
		d.records = append(d.records, d.record)
		return
	}
	first, again := d.records[i], d.record
	first.Pos, again.Pos = Position{}, Position{}
	if first != again {
		d.err = &ParseError{
			Pos: d.record.Pos, Hint: "the file is not one whole export; " + hintExportAgain,
			Problem: fmt.Sprintf("%q is already in line %d with other values", d.record.Name, d.records[i].Pos.Line),
		}
		return
	}
	d.warnings = append(d.warnings, Warning{
		d.record.Pos, fmt.Sprintf("%q repeats line %d and is dropped", d.record.Name, d.records[i].Pos.Line),
	})
}

// fold returns a form that is equal for texts which differ only in case.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s) // what the least of a letter's cases comes to
	}
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}
