package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"ccdirsync/cmd/ccdirsync/internal/config"
	"ccdirsync/reconcile/cycle"
)

type logSettings = config.Log

// cycleSteps is the number of steps that the progress display counts to.
const cycleSteps = 10

// progress shows a cycle under way: a line for every step and one for every
// event of the log, and on a terminal a bar below them. With log.format json
// the steps are records of the log instead of lines.
type progress struct {
	now       func() time.Time
	connector string
	log       *logrus.Entry
	out       io.Writer
	json      bool // steps and errors are records of the log
	bars      *mpb.Progress
	bar       *mpb.Bar

	title   string
	label   atomic.Value // string; the bar reads it in a goroutine of its own
	started time.Time
}

func (s surroundings) newProgress(settings logSettings, connector string) *progress {
	p := &progress{now: s.now, connector: connector}
	out := s.stderr
	if s.terminal {
		p.bars = mpb.New(mpb.WithOutput(s.stderr), mpb.WithWidth(40), mpb.WithAutoRefresh())
		p.bar = p.bars.AddBar(cycleSteps,
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
				label, _ := p.label.Load().(string) // none before the first step
				return label
			})),
			mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)),
			mpb.BarRemoveOnComplete(),
		)
		out = aboveBar{p.bars}
	}
	p.out, p.json = out, settings.Format == "json"
	logger := logrus.New()
	logger.SetOutput(out)
	// The level was validated with the configuration.
	if level, err := logrus.ParseLevel(settings.Level); err == nil {
		logger.SetLevel(level)
	}
	if p.json {
		logger.SetFormatter(&logrus.JSONFormatter{})
	} else {
		logger.SetFormatter(&textFormatter{logrus.TextFormatter{FullTimestamp: true}})
	}
	p.log = logger.WithField("connector", connector)
	return p
}

// trace returns the functions that a cycle tells what it does.
func (p *progress) trace() cycle.Trace {
	return cycle.Trace{StepStarts: p.stepStarts, StepEnds: p.stepEnds, Event: p.event}
}

func (p *progress) stepStarts(number int, title string) {
	p.title, p.started = title, p.now()
	p.label.Store(fmt.Sprintf("%s %2d/%d %s", p.connector, number, cycleSteps, title))
}

func (p *progress) stepEnds(number int, account string, err error) {
	took := p.now().Sub(p.started).Round(time.Millisecond)
	if p.bar != nil {
		p.bar.SetCurrent(int64(number))
	}
	if err != nil {
		account = "failed"
	}
	if p.json {
		p.log.WithFields(logrus.Fields{"step": number, "of": cycleSteps, "took": took.String()}).Info(p.title + ": " + account)
		return
	}
	_, _ = fmt.Fprintf(p.out, "%s %2d/%d %s: %s (%v)\n", p.connector, number, cycleSteps, p.title, account, took)
}

// failed tells the error that ended the cycle.
func (p *progress) failed(err error) {
	if p.json {
		p.log.Error(err.Error())
		return
	}
	_, _ = io.WriteString(p.out, complaint(err.Error()))
}

// interrupted says why the program does not end at once.
func (p *progress) interrupted() {
	const text = "interrupted: what is being written is finished first; interrupt again to end at once"
	if p.json {
		p.log.Warn(text)
		return
	}
	_, _ = io.WriteString(p.out, complaint(text))
}

func (p *progress) event(e cycle.Event) {
	entry := p.log
	if e.ID != 0 {
		entry = entry.WithField("event_id", e.ID)
	}
	switch e.Level {
	case cycle.Error:
		entry.Error(e.Text)
	case cycle.Warning:
		entry.Warn(e.Text)
	case cycle.Info:
		entry.Info(e.Text)
	}
}

// search logs an LDAP search as a command that an operator can paste. Several
// connections may do so at the same time.
func (p *progress) search(command string) {
	if p.json {
		p.log.Debug(command)
		return
	}
	p.log.WithField(commandField, true).Debug(command)
}

// commandField marks a command in the text log.
const commandField = "command"

// textFormatter writes a command as it is, on a line of its own: quotes of the
// log would spoil those of the shell.
type textFormatter struct{ logrus.TextFormatter }

// Format writes an entry of the log.
func (f *textFormatter) Format(e *logrus.Entry) ([]byte, error) {
	if _, is := e.Data[commandField]; is {
		return []byte(e.Message + "\n"), nil
	}
	return f.TextFormatter.Format(e)
}

// aboveBar writes lines above the bar. Where the terminal has just shown the
// interrupt key, the cursor is not at the start of the line.
type aboveBar struct{ bars io.Writer }

func (a aboveBar) Write(text []byte) (int, error) {
	n, err := a.bars.Write(append([]byte("\r"), text...))
	return max(n-1, 0), err
}

// close takes the bar off the terminal.
func (p *progress) close() {
	if p.bars == nil {
		return
	}
	p.bar.Abort(true)
	p.bars.Wait()
}
