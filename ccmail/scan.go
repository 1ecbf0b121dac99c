package ccmail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ParseError is a place in a file that cannot be read, and what to do about
// it. Err is the cause, if there is one below the format.
type ParseError struct {
	Pos     Position
	Problem string
	Hint    string
	Err     error
}

func (e *ParseError) Error() string {
	text := e.Pos.String() + ": " + e.Problem
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func (e *ParseError) Unwrap() error { return e.Err }

// Warning is a place in a file that is odd but was read.
type Warning struct {
	Pos     Position
	Problem string
}

func (w Warning) String() string { return w.Pos.String() + ": " + w.Problem }

const (
	blanks = " \t"
	// ctrlZ ends a text file for DOS programs.
	ctrlZ = 0x1A

	hintExportAgain = "export the file again"
	hintNotAnExport = "check that it is a text file as EXPORT writes it"
)

// scanner cuts a file into lines that end in CR LF, LF or CR. A file ends at
// a 0x1A; only padding may follow (OURS).
type scanner struct {
	r    *bufio.Reader
	file string
	// joined is for files that programs append to: a 0x1A is the end of a
	// line there, as OS/2 takes it (DOC, RM512), and the last line needs no end.
	joined bool

	number   int
	text     []byte // valid until the next line is read
	own      []byte // holds the text of a line that the buffer of r does not
	warnings []Warning
	err      *ParseError
	atEnd    bool
}

func newScanner(r io.Reader, file string) *scanner {
	const readAhead = 64 << 10 // bytes
	return &scanner{r: bufio.NewReaderSize(r, readAhead), file: file, own: make([]byte, 0, maxLine)}
}

func (s *scanner) pos(column int) Position {
	return Position{File: s.file, Line: s.number, Column: column}
}

func (s *scanner) warn(column int, format string, args ...any) {
	s.warnings = append(s.warnings, Warning{s.pos(column), fmt.Sprintf(format, args...)})
}

// next reads one line into s.text. It returns false at the end and after an
// error.
func (s *scanner) next() bool {
	if s.atEnd || s.err != nil {
		return false
	}
	s.number++
	if s.nextBuffered() {
		return true
	}
	s.text = s.own
	for {
		c, err := s.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return s.end()
		case err != nil:
			s.fail(len(s.text)+1, "", "cannot read on")
			s.err.Err = err
			return false
		case c == '\n', c == ctrlZ && s.joined:
			return true
		case c == '\r':
			if following, _ := s.r.Peek(1); len(following) == 1 && following[0] == '\n' {
				_, _ = s.r.Discard(1) // cannot fail: the byte is in the buffer
			}
			return true
		case c == ctrlZ:
			return s.end() || s.skipPadding()
		case len(s.text) == maxLine:
			s.fail(maxLine+1, hintNotAnExport, "the line is longer than %d bytes", maxLine)
			return false
		}
		s.text = append(s.text, c)
	}
}

// nextBuffered reads a line as next does when all of it is in the buffer and it
// ends as most do, in CR LF or LF; else nothing.
func (s *scanner) nextBuffered() bool {
	buffered, _ := s.r.Peek(s.r.Buffered()) // cannot fail: it is in the buffer
	end := bytes.IndexByte(buffered, '\n')
	if end < 0 {
		return false
	}
	text := bytes.TrimSuffix(buffered[:end], []byte{'\r'})
	if len(text) > maxLine || bytes.IndexByte(text, '\r') >= 0 || bytes.IndexByte(text, ctrlZ) >= 0 {
		return false
	}
	s.text = text
	_, _ = s.r.Discard(end + 1) // cannot fail, the same
	return true
}

// end notes the end of the file and reports whether a last line is there.
func (s *scanner) end() bool {
	s.atEnd = true
	if len(s.text) > 0 && !s.joined {
		s.fail(len(s.text)+1, hintExportAgain, "the last line has no line end, the file looks cut off")
	}
	return len(s.text) > 0 && s.err == nil
}

// skipPadding reads what follows a 0x1A. DOS programs fill up a file with more
// of them or with zeros. Anything else was part of the file, or is the rest of
// an older one. There is no line in it.
func (s *scanner) skipPadding() bool {
	for s.err == nil {
		c, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.fail(1, "", "cannot read on")
			s.err.Err = err
			break
		}
		if strings.IndexByte(blanks+"\r\n\x00\x1a", c) < 0 {
			s.fail(1, hintExportAgain, "text follows the end-of-file mark 0x1A, so the file is not one whole export")
		}
	}
	return false
}

// field is a line with a tag, such as "Locn: r".
type field struct {
	tag   string // as the four known tags are spelled in Lotus's dialect, else as it was read
	known bool
	value []byte // without blanks around it
	start int    // column of the value
}

// field returns the current line as one with a tag; ok is false if it has
// none. Only four letters and a colon in column 1 are a tag.
func (s *scanner) field() (f field, ok bool) {
	const tagLength = 4
	if len(s.text) <= tagLength || s.text[tagLength] != ':' {
		return field{}, false
	}
	for _, c := range s.text[:tagLength] {
		if c |= 0x20; c < 'a' || c > 'z' {
			return field{}, false
		}
	}
	f.tag, f.known = spelled(s.text[:tagLength])
	rest := s.text[tagLength+1:]
	f.value = bytes.Trim(rest, blanks)
	f.start = len(s.text) - len(bytes.TrimLeft(rest, blanks)) + 1
	return f, true
}

// spelled returns a tag as Lotus's dialect spells it, or else as it was read.
func spelled(tag []byte) (spelling string, known bool) {
	for _, known := range tags() {
		if string(tag) == known {
			return known, true
		}
	}
	for _, known := range tags() {
		if strings.EqualFold(string(tag), known) {
			return known, true
		}
	}
	return string(tag), false
}

func (s *scanner) isBlank() bool { return len(bytes.Trim(s.text, blanks)) == 0 }

func (s *scanner) isIndented() bool { return strings.IndexByte(blanks, s.text[0]) >= 0 }

// decode returns value, which begins in column start of the current line, as
// text. What the code page cannot read ends the scan.
func (s *scanner) decode(page CodePage, value []byte, start int) string {
	text, err := page.Decode(value)
	if err != nil {
		var bad *DecodeError
		if errors.As(err, &bad) {
			start += bad.Offset
		}
		s.fail(start, "check the code page that is set for the post office", "the value cannot be decoded")
		s.err.Err = err
	}
	return text
}

// fail ends the scan.
func (s *scanner) fail(column int, hint, format string, args ...any) {
	s.err = &ParseError{Pos: s.pos(column), Problem: fmt.Sprintf(format, args...), Hint: hint}
}
