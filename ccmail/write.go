package ccmail

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ValueError is a value that a file or cc:Mail cannot hold.
type ValueError struct {
	Field   string // Name, Locn, Addr, Cmts, Title or Member
	Value   string
	Problem string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("%s %q %s", e.Field, e.Value, e.Problem)
}

// known reports whether l is one of the eight documented codes.
func (l Location) known() bool {
	return len(l) == 1 && strings.Contains("PpLlRrAa", string(l))
}

// Check reports, as a *ValueError, the first thing in rec that a directory
// file or cc:Mail cannot hold: an empty name, a value that is too long in
// bytes of the code page, a character that the code page lacks, a control
// character, a blank at either end (readers drop it), a character that the
// dialect forbids, or an unknown location. See AsRead for what it lets pass.
func (o Options) Check(rec Record) error {
	if rec.Name == "" {
		return &ValueError{"Name", "", "is empty"}
	}
	if !o.AsRead && !rec.Location.known() {
		return &ValueError{"Locn", string(rec.Location), "is not one of P p L l R r A a"}
	}
	if err := o.checkValue("Name", rec.Name, o.Dialect.MaxName); err != nil {
		return err
	}
	if err := o.checkValue("Locn", string(rec.Location), maxLine-tagWidth); err != nil {
		return err
	}
	if err := o.checkValue("Addr", rec.Address, o.Dialect.MaxAddress); err != nil {
		return err
	}
	if err := o.checkValue("Cmts", rec.Comment, o.Dialect.MaxComment); err != nil {
		return err
	}
	return o.checkForbidden(rec)
}

func (o Options) checkForbidden(rec Record) error {
	for _, tag := range []string{"Name", "Addr"} {
		value := rec.value(tag)
		if i := strings.IndexAny(value, o.Dialect.Forbidden); i >= 0 && !o.AsRead {
			char, _ := utf8.DecodeRuneInString(value[i:])
			return &ValueError{tag, value, fmt.Sprintf("has the character %q, which the dialect forbids in an address", char)}
		}
	}
	return nil
}

func (o Options) checkValue(field, value string, longest int) error {
	illegal := unicode.IsControl
	if o.AsRead {
		illegal, longest = endsLine, maxLine-tagWidth
	}
	if i := strings.IndexFunc(value, illegal); i >= 0 {
		return &ValueError{field, value, fmt.Sprintf("has a control character at offset %d", i)}
	}
	if value != strings.Trim(value, blanks) {
		return &ValueError{field, value, "begins or ends with a blank"}
	}
	length, err := o.CodePage.length(value)
	if err != nil {
		return &ValueError{field, value, "cannot be written: " + err.Error()}
	}
	if length > longest {
		return &ValueError{field, value, fmt.Sprintf("is too long: %d bytes, at most %d fit", length, longest)}
	}
	return nil
}

// endsLine reports whether readers take r for the end of a line or of the file.
func endsLine(r rune) bool { return r == '\r' || r == '\n' || r == ctrlZ }

func (o Options) checkTitle(title string, shape Shape) error {
	if title == "" {
		return &ValueError{"Title", "", "is empty"}
	}
	for _, tag := range []string{"Name", "Locn", "Addr"} {
		if start := tag + ":"; shape == Bare && len(title) >= len(start) && strings.EqualFold(title[:len(start)], start) {
			return &ValueError{"Title", title, "looks like a " + tag + " line, which a file of bare titles cannot hold"}
		}
	}
	return o.checkValue("Title", title, o.Dialect.MaxName)
}

// WriteDirectory writes records, in their order, in the strict form of the
// dialect. It writes nothing when one of them fails Check or when two have
// the same name, whatever its case. No records are ErrNoRecords, for such a
// file could not be read back.
func WriteDirectory(w io.Writer, records []Record, o Options) error {
	if err := o.validate(); err != nil {
		return err
	}
	if len(records) == 0 {
		return ErrNoRecords
	}
	unique := uniqueNames{}
	for _, rec := range records {
		if err := cmp.Or(o.Check(rec), unique.add("Name", rec.Name)); err != nil {
			return fmt.Errorf("entry %q cannot be written: %w", rec.Name, err)
		}
	}
	f := fileWriter{w: bufio.NewWriter(w), o: o}
	for _, rec := range records {
		f.separate()
		for _, tag := range o.Dialect.FieldOrder {
			f.field(tag, rec.value(tag))
		}
	}
	return f.close()
}

// WriteLists writes lists, in their order, in the shape that the dialect
// names, with each member in an indented line (OURS). What cannot be read
// back is a *ValueError, and then nothing is written.
func WriteLists(w io.Writer, lists []List, o Options) error {
	return writeTitles(w, lists, o, o.Dialect.Lists)
}

// WriteBoards writes boards as WriteLists does.
func WriteBoards(w io.Writer, boards []Board, o Options) error {
	var lists []List
	for _, board := range boards {
		lists = append(lists, List{Title: board.Title})
	}
	return writeTitles(w, lists, o, o.Dialect.Boards)
}

func writeTitles(w io.Writer, lists []List, o Options, shape Shape) error {
	if err := o.validate(); err != nil {
		return err
	}
	unique := uniqueNames{}
	for _, list := range lists {
		err := cmp.Or(o.checkTitle(list.Title, shape), unique.add("Title", list.Title))
		for _, member := range list.Members {
			err = cmp.Or(err, o.checkMember(member))
		}
		if err != nil {
			return fmt.Errorf("title %q cannot be written: %w", list.Title, err)
		}
	}
	f := fileWriter{w: bufio.NewWriter(w), o: o}
	for _, list := range lists {
		f.separate()
		if shape == Bare {
			f.line("", list.Title)
		} else {
			f.field("Name", list.Title)
		}
		for _, member := range list.Members {
			f.line(" ", member)
		}
	}
	return f.close()
}

func (o Options) checkMember(member string) error {
	if member == "" {
		return &ValueError{"Member", "", "is empty"}
	}
	return o.checkValue("Member", member, maxLine-tagWidth)
}

// uniqueNames refuses a name that is there already, whatever its case.
type uniqueNames map[string]string

func (u uniqueNames) add(field, name string) error {
	key := fold(name)
	if first, taken := u[key]; taken {
		return &ValueError{field, name, fmt.Sprintf("is already taken by %q", first)}
	}
	u[key] = name
	return nil
}

// fileWriter writes values that were checked before.
type fileWriter struct {
	w       *bufio.Writer
	o       Options
	started bool
	encoded []byte // of the last value
	err     error
}

// separate begins an entry.
func (f *fileWriter) separate() {
	if f.started {
		f.put(strings.Repeat(f.o.Dialect.LineEnd, f.o.Dialect.BlankLines))
	}
	f.started = true
}

func (f *fileWriter) field(tag, value string) {
	if value == "" && !f.o.Dialect.TrailingSpace {
		f.line(tag+":", "")
		return
	}
	f.line(tag+": ", value)
}

func (f *fileWriter) line(start, value string) {
	encoded, err := f.o.CodePage.appendEncoded(f.encoded[:0], value)
	f.encoded, f.err = encoded, cmp.Or(f.err, err)
	f.put(start)
	_, err = f.w.Write(encoded)
	f.err = cmp.Or(f.err, err)
	f.put(f.o.Dialect.LineEnd)
}

func (f *fileWriter) put(s string) {
	_, err := f.w.WriteString(s)
	f.err = cmp.Or(f.err, err)
}

func (f *fileWriter) close() error {
	if f.o.Dialect.CtrlZ {
		f.put("\x1a")
	}
	if f.err == nil {
		f.err = f.w.Flush()
	}
	if f.err != nil {
		return fmt.Errorf("cannot write %s: %w", f.o.File, f.err)
	}
	return nil
}
