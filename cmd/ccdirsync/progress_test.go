package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"ccdirsync/reconcile/cycle"
)

// clock gives a time that is a second later at every look.
func clock() func() time.Time {
	now := time.Date(1998, 6, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// show plays a short cycle that fails in its second step.
func show(s surroundings, settings logSettings) {
	p := s.newProgress(settings, "hq")
	trace := p.trace()
	trace.Event(cycle.Event{ID: 14001, Level: cycle.Info, Text: "directory synchronization started"})
	trace.StepStarts(1, "export from the post office")
	p.search("ldapsearch -x")
	trace.StepEnds(1, "3 files", nil)
	trace.StepStarts(2, "read the post office directory")
	trace.Event(cycle.Event{Level: cycle.Warning, Text: "odd \x1b[31mname"})
	trace.StepEnds(2, "", errors.New("x"))
	p.failed(errors.New("connector hq, step 2: \x1b[31mx"))
	p.interrupted()
	p.close()
}

// Without a terminal there are lines and nothing else: no escape codes, no
// bar, no return to the start of a line.
func TestProgressText(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	show(surroundings{stderr: &stderr, now: clock()}, logSettings{Level: "error", Format: "text"})
	want := `hq  1/10 export from the post office: 3 files (1s)
hq  2/10 read the post office directory: failed (1s)
ccdirsync: connector hq, step 2: ` + "\ufffd" + `[31mx
ccdirsync: interrupted: what is being written is finished first; interrupt again to end at once
`
	if stderr.String() != want {
		t.Errorf("standard error:\n%s\nwant:\n%s", stderr.String(), want)
	}

	stderr.Reset()
	show(surroundings{stderr: &stderr, now: clock()}, logSettings{Level: "debug", Format: "text"})
	if text := stderr.String(); strings.ContainsAny(text, "\x1b\r\x07") || strings.Count(text, "\n") != 7 || !strings.Contains(text, "\nldapsearch -x\n") {
		t.Errorf("standard error:\n%q", text)
	}
}

// With log.format json every line is an object, the error that ends the cycle
// too.
func TestProgressJSON(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	show(surroundings{stderr: &stderr, now: clock()}, logSettings{Level: "info", Format: "json"})
	var levels, messages []string
	for line := range strings.Lines(stderr.String()) {
		var record struct{ Level, Msg, Connector string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Connector != "hq" {
			t.Fatalf("%v: %s", err, line)
		}
		levels = append(levels, record.Level)
		messages = append(messages, record.Msg)
	}
	if got := strings.Join(levels, " "); got != "info info warning info error warning" {
		t.Errorf("levels: %s", got)
	}
	if messages[4] != "connector hq, step 2: \x1b[31mx" {
		t.Errorf("the error is %q", messages[4])
	}
}

// On a terminal the lines go above the bar; the race detector sees both of
// them at work.
func TestProgressOnTerminal(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	s := surroundings{stderr: &stderr, now: clock(), terminal: true}
	show(s, logSettings{Level: "error", Format: "text"})
	for _, line := range []string{"\rhq  1/10 export from the post office: 3 files (1s)\n", "\rccdirsync: connector hq, step 2: \ufffd[31mx\n"} {
		if !strings.Contains(stderr.String(), line) {
			t.Errorf("standard error %q does not hold %q", stderr.String(), line)
		}
	}
}
