package postoffice

import (
	"fmt"
	"strings"
)

// Shape is the name of how a post office's files and command lines look.
type Shape string

// The shapes.
const (
	// Lotus is what is known or most likely (SEEN, INF, OURS): fields Name, Locn,
	// Addr, Cmts, CR LF, no blank lines, nothing after the colon of an empty
	// value, tagged titles, slash switches. Code page 850 unless said.
	Lotus Shape = "lotus"
	// Alt is the opposite in every point that is not settled (OURS): fields Name,
	// Addr, Locn, Cmts, LF, a blank line between records, a blank after the colon
	// of an empty value, bare titles, a final Ctrl-Z, and the positional command
	// line of releases 3 and 4 (DOC PMDF 37.9.2.2). Code page 437 unless said.
	Alt Shape = "alt"
)

// layout is a shape in detail.
type layout struct {
	form       form
	codePage   string   // when none is asked for
	order      []string // tags
	lineEnd    string
	emptyValue string // what follows the colon
	separator  string // between records
	title      string // before the title of a list or board
	indent     string // before a list member
	end        string // after the last record
}

func (s Shape) layout() (layout, error) {
	switch s {
	case Lotus:
		return layout{
			form: slashForm, codePage: "cp850", order: []string{tagName, tagLocn, tagAddr, tagCmts},
			lineEnd: "\r\n", title: "Name: ", indent: "    ",
		}, nil
	case Alt:
		return layout{
			form: positionalForm, codePage: "cp437", order: []string{tagName, tagAddr, tagLocn, tagCmts},
			lineEnd: "\n", emptyValue: " ", separator: "\n", indent: "\t", end: ctrlZ,
		}, nil
	}
	return layout{}, fmt.Errorf("shape %q is not known; choose %s or %s", s, Lotus, Alt)
}

func (l layout) record(e Entry) string {
	var text strings.Builder
	text.Grow(len(e.Name) + len(e.Address) + len(e.Comment) + len(l.order)*len("Name: \r\n") + 1)
	for _, tag := range l.order {
		text.WriteString(tag)
		text.WriteByte(':')
		if value := e.value(tag); value != "" {
			text.WriteByte(' ')
			text.WriteString(value)
		} else {
			text.WriteString(l.emptyValue)
		}
		text.WriteString(l.lineEnd)
	}
	return text.String()
}

func (e Entry) value(tag string) string {
	switch tag {
	case tagName:
		return e.Name
	case tagLocn:
		return string(e.Location)
	case tagAddr:
		return e.Address
	}
	return e.Comment
}

func (l layout) titled(title string, members []string) string {
	var text strings.Builder
	text.WriteString(l.title + title + l.lineEnd)
	for _, member := range members {
		text.WriteString(l.indent + member + l.lineEnd)
	}
	return text.String()
}

func (l layout) file(records []string) string {
	return strings.Join(records, l.separator) + l.end
}

// exportText returns what EXPORT writes for a task: always the whole set (DOC
// Q295753). The directory has the PROPADD order with every option, as the order
// of a plain export is not known (OURS).
func (po *PostOffice) exportText(t Task) (text string, count int) {
	var records []string
	switch t {
	case TaskDirectory:
		for _, e := range po.Entries() {
			records = append(records, po.layout.record(e))
		}
	case TaskLists:
		for _, list := range po.Lists() {
			records = append(records, po.layout.titled(list.Title, list.Members))
		}
	case TaskBoards:
		for _, board := range po.Boards() {
			records = append(records, po.layout.titled(board, nil))
		}
	case TaskDelete: // IMPORT's; the switches do not let it through
	}
	return po.layout.file(records), len(records)
}
