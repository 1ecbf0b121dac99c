package cycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// run is one cycle under way.
type run struct {
	task         Task
	connector    Connector
	trace        Trace
	exportFolder string
	planOnly     bool // nothing is written
	report       Report
	link         mapping.Link // by which entries of Exchange that came from cc:Mail are known
	conn         *ldapsrc.Conn

	// What the reading steps found.
	directory  []ccmail.Record
	rows       []reconcile.Row // the same, as the model has them
	ownership  reconcile.Ownership
	lists      []ccmail.List
	boards     []ccmail.Board
	readings   []*reading // of the directory, by base
	recipients []ldapsrc.Entry
	parts      *parts // of the recipients, once somebody asked

	accepted bool // the plan is recorded and no guard stopped it

	started time.Time         // what time it is for this cycle
	known   reconcile.Known   // what earlier runs left behind
	counts  []reconcile.Count // of what was read
	renewed *wish             // the entry that everything is set anew for

	exported []reconcile.Wanted // what goes out

	toCCMail, toExchange reconcile.Side
	synchronized         map[reconcile.Direction]bool // directions in which every entry was planned
	byDN                 map[string]ldapsrc.Entry     // those that steps change or delete
	requests             [][]ldapsrc.Change           // of each step toward Exchange
	memberships          [][]ldapsrc.Change           // the same, sent after those of all steps
	freed                map[string]bool              // folded DNs of recipients that were to go or to change, and did
	writer               *ldapsrc.Writer              // once there is something to write

	record record
}

// newRun begins a cycle. The profile has to read and write the attribute that
// links recipients to cc:Mail, and to read who is a member of lists: those that
// came from cc:Mail may be groups even where they are not to be any more.
func newRun(t Task, c Connector, trace Trace, exportFolder string) (*run, error) {
	var err error
	if c.Server.Profile.Name == "" {
		c.Server.Profile = ldapsrc.Exchange55()
	}
	if c.Exchange.Import != nil {
		c.Server.Profile.ReadMembers = true
		if c.Server.Profile, err = c.Server.Profile.WithAttribute(c.Exchange.Import.KeyAttribute); err != nil {
			err = fmt.Errorf("connector %s: import.key_attribute: %w", c.Name, err)
		}
	}
	r := &run{
		task: t, connector: c, trace: trace, exportFolder: exportFolder, link: c.Exchange.link(),
		freed: map[string]bool{}, synchronized: map[reconcile.Direction]bool{},
	}
	r.report.Plan = reconcile.Plan{
		Connector: c.Name, Purpose: t.purpose, ToCCMail: []reconcile.Step{}, ToExchange: []reconcile.Step{}, Guards: []reconcile.Guard{},
	}
	return r, err
}

// step is one of the ten.
type step struct {
	number int
	title  string
	do     func(context.Context) (account string, err error)
}

// steps are the ten of a cycle. The first six read; nothing outside the store
// is written before the seventh, which is where a plan ends.
func (r *run) steps() []step {
	return []step{
		{1, "export from the post office", r.exportPostOffice},
		{2, "read the post office directory", r.readDirectory},
		{3, "read the mailing lists", r.readLists},
		{4, "read the bulletin boards", r.readBoards},
		{5, "read the Exchange directory", r.readExchange},
		{6, "compare", r.compare},
		{7, "delete from cc:Mail", r.importDeletions},
		{8, "add to cc:Mail", r.importAdditions},
		{9, "update Exchange: users", r.updateUsers},
		{10, "update Exchange: lists and boards", r.updateListsAndBoards},
	}
}

// planned is the number of steps that make a plan.
const planned = 6

// cycle does the steps in their order until one fails.
func (r *run) cycle(ctx context.Context, steps []step) error {
	r.trace.event(Info, eventStarted, "directory synchronization started")
	for _, s := range steps {
		if err := interrupted(ctx); err != nil {
			return fmt.Errorf("connector %s, before step %d, %s: %w", r.connector.Name, s.number, s.title, err)
		}
		if r.trace.StepStarts != nil {
			r.trace.StepStarts(s.number, s.title)
		}
		account, err := s.do(ctx)
		if r.trace.StepEnds != nil {
			r.trace.StepEnds(s.number, account, err)
		}
		if err != nil {
			return fmt.Errorf("connector %s, step %d, %s: %w", r.connector.Name, s.number, s.title, err)
		}
	}
	r.trace.event(Info, eventFinished, "directory synchronization finished")
	return nil
}

// interrupted returns an error when the cycle is to end.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("interrupted: %w; the next run carries on", context.Cause(ctx))
}

// endEarly notes for every step of the plan that had not its turn that it is
// held. A plan that the guards stopped stays a plan.
func (r *run) endEarly(err error) {
	var guard *GuardError
	if errors.As(err, &guard) {
		return
	}
	for _, steps := range [][]reconcile.Step{r.report.ToCCMail, r.report.ToExchange} {
		for i := range steps {
			if s := &steps[i]; s.Op.Writes() && s.Outcome == "" {
				s.Outcome, s.Error = reconcile.Held, "the cycle ended before it was carried out; the next one tries again"
			}
		}
	}
}

// warn puts an oddity into the report and the log.
func (r *run) warn(text string) {
	r.report.Warnings = append(r.report.Warnings, text)
	r.trace.event(Warning, 0, text)
}

// close ends the connections to the directory, if there are any.
func (r *run) close() error {
	var err error
	if r.writer != nil {
		err = r.writer.Close()
	}
	if r.conn != nil {
		err = errors.Join(err, r.conn.Close())
	}
	return err
}
