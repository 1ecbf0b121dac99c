package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
)

// printJSON writes the report as one line of JSON.
func printJSON(w io.Writer, report cycle.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(report)
}

// printText writes the report for people.
func printText(w io.Writer, report cycle.Report) error {
	t := newTextReport(w)
	c := &report.Counts
	if report.ID == "" {
		t.line("connector %s, no plan", report.Connector)
	} else {
		t.line("connector %s, plan %s", report.Connector, report.ID)
	}
	if report.Purpose != "" {
		t.line("purpose: %s", report.Purpose)
	}
	if report.Run != 0 {
		t.line("run %d: %s%s", report.Run, report.State, period(report.Started, report.Ended))
	}
	t.line("read: directory entries %d (Exchange's %d, cc:Mail's %d), lists %d, boards %d, recipients %d",
		c.DirectoryEntries, c.ExchangeEntries, c.CCMailEntries, c.Lists, c.Boards, c.Recipients)
	if c.NotOurs > 0 {
		t.line("not ours in the import container, never touched: %d", c.NotOurs)
	}
	t.direction("to cc:Mail", c.ToCCMail, report.ToCCMail)
	t.direction("to Exchange", c.ToExchange, report.ToExchange)
	for _, warning := range report.Warnings {
		t.line("warning: %s", warning)
	}
	for _, g := range report.Guards {
		switch {
		case g.Tripped && g.Approved:
			t.line("guard %s tripped, and approved: limit %d, found %d: %s", g.Name, g.Limit, g.Found, g.Detail)
		case g.Tripped:
			t.line("guard %s tripped: limit %d, found %d: %s", g.Name, g.Limit, g.Found, g.Detail)
		}
	}
	if report.ID != "" && !report.Writes() {
		t.line("nothing to do")
	}
	return t.w.Flush() // which tells of earlier errors too
}

// period says when an earlier run was.
func period(started, ended time.Time) string {
	if started.IsZero() {
		return ""
	}
	text := ", begun at " + started.Format(time.RFC3339)
	if !ended.IsZero() {
		text += fmt.Sprintf(", took %v", ended.Sub(started))
	}
	return text
}

// textReport writes lines. What goes wrong is told when it is flushed.
type textReport struct {
	w    *bufio.Writer
	text []byte // of the line at hand
}

func newTextReport(w io.Writer) *textReport { return &textReport{w: bufio.NewWriterSize(w, 1<<16)} }

func (t *textReport) line(format string, args ...any) {
	t.text = fmt.Appendf(t.text[:0], format, args...)
	t.end()
}

// end writes the line at hand.
func (t *textReport) end() {
	for _, c := range t.text {
		if c < ' ' || c > '~' {
			t.text = append(t.text[:0], printable(string(t.text))...)
			break
		}
	}
	t.text = append(t.text, '\n')
	if _, err := t.w.Write(t.text); err != nil {
		return // the writer keeps it
	}
}

// printable shows control characters and those that turn the direction of
// text, which names from either side may hold, instead of sending them to the
// terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return unicode.ReplacementChar
		}
		return r
	}, line)
}

func (t *textReport) direction(title string, n reconcile.StepCounts, steps []reconcile.Step) {
	var parts []string
	for _, part := range []struct {
		count int
		op    reconcile.Op
	}{
		{n.Delete, reconcile.Delete},
		{n.Replace, reconcile.Replace},
		{n.Modify, reconcile.Modify},
		{n.Adopt, reconcile.Adopt},
		{n.Add, reconcile.Add},
		{n.Hold, reconcile.Hold},
		{n.Refuse, reconcile.Refuse},
		{n.Keep, reconcile.Keep},
	} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.count, part.op))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	t.line("%s: %s", title, strings.Join(parts, ", "))
	for i := range steps {
		t.step(&steps[i])
	}
}

// step writes a step. Plans have many, so it does without formats.
func (t *textReport) step(s *reconcile.Step) {
	t.text = append(t.text[:0], "  "...)
	t.column(string(s.Op), 7)
	t.column(string(s.Kind), 16)
	t.text = append(s.AppendSubject(t.text), ": "...)
	t.text = append(t.text, s.Reason...)
	if s.Event != 0 {
		t.text = fmt.Appendf(t.text, " (%d)", s.Event)
	}
	t.end()
	switch s.Op {
	case reconcile.Modify, reconcile.Replace, reconcile.Adopt, reconcile.Hide:
		for _, c := range s.Changes {
			t.line("            %s: %q -> %q", c.Attr, c.Old, c.New)
		}
	case reconcile.Keep, reconcile.Add, reconcile.Delete, reconcile.Refuse, reconcile.Hold:
	}
	if s.Outcome != "" && s.Outcome != reconcile.Done {
		t.line("            %s: %s", s.Outcome, s.Error)
	}
}

// column adds a text that is filled up with blanks, and a blank after it.
func (t *textReport) column(text string, width int) {
	t.text = append(t.text, text...)
	for n := utf8.RuneCountInString(text); n < width; n++ {
		t.text = append(t.text, ' ')
	}
	t.text = append(t.text, ' ')
}
