package ccmail

import (
	"bytes"
	"io"
)

// ReadLists reads a file of mailing lists in the shape that the dialect
// names; the indented lines under a title are its members (OURS). A title
// that is there twice, whatever its case, is dropped with a Warning. In a
// tagged file the other tags are skipped, with a Warning for all but Cmts. A
// file without lists is not an error, but one with the tags Locn or Addr is:
// it is a directory, which comes of a wrong switch.
func ReadLists(r io.Reader, o Options) ([]List, []Warning, error) {
	if err := o.validate(); err != nil {
		return nil, nil, err
	}
	t := newTitleReader(r, o)
	return t.read(o.Dialect.Lists, t.member)
}

// ReadBoards reads a file of bulletin boards as ReadLists does. A board has
// no members: indented lines are skipped with a Warning in a tagged file, and
// an error in a bare one, where they might be titles.
func ReadBoards(r io.Reader, o Options) ([]Board, []Warning, error) {
	if err := o.validate(); err != nil {
		return nil, nil, err
	}
	t := newTitleReader(r, o)
	skip := func() { t.warn(1, "indented line is skipped, a bulletin board has no members") }
	if o.Dialect.Boards == Bare {
		skip = func() { t.fail(1, hintNotAnExport, "the title of a bulletin board must begin in column 1") }
	}
	lists, warnings, err := t.read(o.Dialect.Boards, skip)
	if err != nil {
		return nil, warnings, err
	}
	var boards []Board
	for _, list := range lists {
		boards = append(boards, Board{Title: list.Title, Pos: list.Pos})
	}
	return boards, warnings, nil
}

type titleReader struct {
	*scanner
	page  CodePage
	lists []List
	seen  map[string]int // folded title -> the line of its first one
	// dropping is set below a title that was there before.
	dropping bool
}

func newTitleReader(r io.Reader, o Options) *titleReader {
	return &titleReader{scanner: newScanner(r, o.File), page: o.CodePage, seen: map[string]int{}}
}

func (t *titleReader) read(shape Shape, indented func()) ([]List, []Warning, error) {
	for t.next() {
		switch {
		case t.isBlank():
		case t.isIndented():
			indented()
		case shape == Bare:
			t.bareLine()
		default:
			t.taggedLine()
		}
	}
	if t.err != nil {
		return nil, t.warnings, t.err
	}
	return t.lists, t.warnings, nil
}

func (t *titleReader) taggedLine() {
	f, ok := t.field()
	switch {
	case ok && t.rejectDirectory(f):
	case !ok:
		t.fail(1, "if the file has one title in each line, set the dialect's shape to bare",
			"%q is not a line with a tag", t.page.decodeForDisplay(t.text))
	case f.tag == "Name":
		t.title(f.value, f.start)
	case len(t.lists) == 0:
		t.fail(1, hintNotAnExport, "%s line before the first Name line", f.tag)
	case f.tag != "Cmts":
		t.warn(1, "tag %s is skipped", f.tag)
	}
}

func (t *titleReader) bareLine() {
	f, ok := t.field()
	switch {
	case ok && t.rejectDirectory(f):
	case ok && f.tag == "Name":
		t.nameAmongBare()
	default:
		t.title(bytes.Trim(t.text, blanks), 1)
	}
}

// nameAmongBare fails at a Name line in a file of bare titles, or at a line
// after it that says more of what the file is.
func (t *titleReader) nameAmongBare() {
	name := t.pos(1)
	for t.next() {
		if f, ok := t.field(); ok && t.rejectDirectory(f) {
			return
		}
	}
	t.fail(1, "if the titles stand in Name lines, set the dialect's shape to tagged", "Name line in a file of bare titles")
	t.err.Pos = name
}

// rejectDirectory reports, and fails for, a line that only directories have.
func (t *titleReader) rejectDirectory(f field) bool {
	if f.tag != "Locn" && f.tag != "Addr" {
		return false
	}
	t.fail(1, "check the switches of export_lists or export_boards in the configuration", "this looks like a directory file")
	return true
}

func (t *titleReader) title(value []byte, start int) {
	title := t.decode(t.page, value, start)
	if title == "" && t.err == nil {
		t.fail(start, hintExportAgain, "the title is empty")
	}
	var first int
	if first, t.dropping = t.seen[fold(title)]; t.dropping {
		t.warn(1, "title %q repeats line %d and is dropped", title, first)
		return
	}
	t.seen[fold(title)] = t.number
	t.lists = append(t.lists, List{Title: title, Pos: t.pos(1)})
}

func (t *titleReader) member() {
	if len(t.lists) == 0 {
		t.fail(1, hintNotAnExport, "indented line before the first title")
		return
	}
	value := bytes.Trim(t.text, blanks)
	name := t.decode(t.page, value, len(t.text)-len(bytes.TrimLeft(t.text, blanks))+1)
	if !t.dropping {
		list := &t.lists[len(t.lists)-1]
		list.Members = append(list.Members, name)
	}
}
