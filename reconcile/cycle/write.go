package cycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// importDeletions has the rows deleted that go or are replaced (step 7).
func (r *run) importDeletions(ctx context.Context) (string, error) {
	if r.report.Counts.ToCCMail.Writes() > 0 { // in this step or the next
		if err := r.connector.Store.KeepImports(); err != nil {
			return "", err
		}
	}
	original := recordsByName(r.directory)
	// What cc:Mail holds may be longer than the limits that we remember.
	b := batch{file: ccmail.DeleteImport, program: r.connector.PostOffice.ImportDelete, asRead: true}
	for i := range r.report.ToCCMail {
		if s := &r.report.ToCCMail[i]; s.Op == reconcile.Delete || s.Op == reconcile.Replace {
			b.add(s, original[reconcile.Fold(s.OldRow.Name)])
		}
	}
	account, err := r.importBatch(ctx, b)
	for _, s := range b.steps {
		if s.Op == reconcile.Replace && s.Outcome == reconcile.Done {
			s.Outcome = "" // half of it is done
		}
	}
	return account, errors.Join(err, r.recordCCMail(ctx))
}

// importAdditions has the rows added that are missing, and those replaced
// whose old row is gone (step 8). A replacement whose deletion was refused
// waits for the next cycle: cc:Mail would refuse its name (Q197255). Post
// offices come first, because the addresses of the others name them.
func (r *run) importAdditions(ctx context.Context) (string, error) {
	b := batch{file: ccmail.AddImport, program: r.connector.PostOffice.ImportAdd}
	for _, postOffices := range []bool{true, false} {
		for i := range r.report.ToCCMail {
			s := &r.report.ToCCMail[i]
			writes := s.Op == reconcile.Add || s.Op == reconcile.Replace
			if !writes || (s.Kind == reconcile.PostOffice) != postOffices {
				continue
			}
			if s.Outcome == reconcile.Failed {
				s.Outcome, s.Error = reconcile.Held, "its old entry is still there: "+s.Error
				continue
			}
			b.add(s, recordOf(*s.Row))
		}
	}
	account, err := r.importBatch(ctx, b)
	return account, errors.Join(err, r.recordCCMail(ctx))
}

// batch is one import file and the steps that its records carry out.
type batch struct {
	file    string
	program func(ctx context.Context, file string) ([]ccmail.Refused, error)
	asRead  bool // the records are as cc:Mail exported them
	records []ccmail.Record
	steps   []*reconcile.Step
}

func (b *batch) add(s *reconcile.Step, record ccmail.Record) {
	b.steps = append(b.steps, s)
	b.records = append(b.records, record)
}

// importBatch writes the file, has it imported and notes what became of every
// record. The file does not stay in the Import folder, so that it is never
// imported twice (Q223772). An interrupted cycle lets IMPORT finish: one that
// is killed while it writes may leave a damaged post office, and nobody knows
// what it took. Its time limit holds.
func (r *run) importBatch(ctx context.Context, b batch) (string, error) {
	if len(b.records) == 0 {
		return "nothing to do", nil
	}
	if err := r.recordWriting(ctx); err != nil {
		return "", err
	}
	po, store := r.connector.PostOffice, r.connector.Store
	file, err := store.WriteImport(b.file, b.records, ccmail.Options{CodePage: po.CodePage, Dialect: po.Dialect, AsRead: b.asRead})
	if err != nil {
		return "", err
	}
	refused, err := b.program(context.WithoutCancel(ctx), file)
	if err != nil {
		r.programFailed(err)
		for _, s := range b.steps {
			s.Outcome, s.Error = reconcile.Failed, "IMPORT failed, so whether it took this entry is not known; the next cycle sees"
		}
		return "", errors.Join(err, store.Quarantine(b.file))
	}
	if len(refused) > 0 {
		r.trace.event(Warning, eventRefused, fmt.Sprintf("IMPORT refused %s of %s", count(len(refused), "entry", "entries"), b.file))
	} else {
		r.trace.event(Info, eventImported, "IMPORT of "+b.file+" completed")
	}
	account := r.outcomes(b, refused)
	return account.String(), store.Finish(b.file)
}

// outcomes notes what became of the steps of a batch. A refusal that belongs
// to none of them leaves open which one it was about, so none of the others is
// called done.
func (r *run) outcomes(b batch, refused []ccmail.Refused) progress {
	reasons := map[string]string{}
	for _, record := range refused {
		reasons[reconcile.Fold(record.Record.Name)] = cmp.Or(record.Reason, "it gave no reason; see the .UND file in Import.bak")
	}
	var failed []*reconcile.Step
	var rest []*reconcile.Step
	for _, s := range b.steps {
		if reason, is := reasons[reconcile.Fold(s.Name)]; is {
			delete(reasons, reconcile.Fold(s.Name))
			r.failed(s, "IMPORT refused the entry: "+reason)
			failed = append(failed, s)
		} else {
			rest = append(rest, s)
		}
	}
	var others []string
	for name, reason := range reasons {
		others = append(others, fmt.Sprintf("%q: %s", name, reason))
	}
	slices.Sort(others)
	for _, s := range rest {
		if s.Outcome = reconcile.Done; len(others) > 0 {
			r.failed(s, fmt.Sprintf("IMPORT refused something that is not this file's (%s), so whether it took this entry is not known; the next cycle sees",
				strings.Join(others, ", ")))
		}
	}
	account := progress{}
	for _, s := range slices.Concat(failed, rest) {
		account.count(*s)
	}
	return account
}

func recordsByName(records []ccmail.Record) map[string]ccmail.Record {
	byName := make(map[string]ccmail.Record, len(records))
	for _, record := range records {
		byName[reconcile.Fold(record.Name)] = record
	}
	return byName
}

func recordOf(row reconcile.Row) ccmail.Record {
	return ccmail.Record{Name: row.Name, Location: ccmail.Location(row.Location), Address: row.Address(), Comment: row.Comment}
}

// updateUsers carries out the plan for custom recipients of users, and what
// has to go or change before, because they take its name or address (step 9).
func (r *run) updateUsers(ctx context.Context) (string, error) {
	account, err := r.updateExchange(ctx, 0, r.usersEnd())
	return account.String(), err
}

// updateListsAndBoards carries out the rest of the plan: custom recipients of
// mailing lists and bulletin boards, and then the members of groups, which may be
// groups themselves (step 10).
func (r *run) updateListsAndBoards(ctx context.Context) (string, error) {
	account, err := r.updateExchange(ctx, r.usersEnd(), len(r.report.ToExchange))
	if err != nil {
		return account.String(), err
	}
	return r.updateMembers(ctx, account)
}

// usersEnd is the place in the plan after the last step that writes a user.
func (r *run) usersEnd() int {
	for i := len(r.report.ToExchange); i > 0; i-- {
		if r.report.ToExchange[i-1].Kind == reconcile.User && len(r.requests[i-1]) > 0 {
			return i
		}
	}
	return 0
}

// updateExchange carries out a part of the plan, in stretches: nothing is added
// before everything that was to go or to change above it has its outcome, and no
// entry goes before those are there that are added above it.
func (r *run) updateExchange(ctx context.Context, from, to int) (account progress, err error) {
	var places []int
	for i := from; i < to; i++ {
		if len(r.requests[i]) == 0 {
			continue
		}
		if len(places) > 0 && r.adds(places[0]) != r.adds(i) {
			if err = r.updateRecipients(ctx, places, &account); err != nil {
				return account, err
			}
			places = nil
		}
		places = append(places, i)
	}
	return account, r.updateRecipients(ctx, places, &account)
}

func (r *run) adds(place int) bool { return r.report.ToExchange[place].Op == reconcile.Add }

// updateRecipients carries out the steps at these places, but for members.
func (r *run) updateRecipients(ctx context.Context, places []int, account *progress) error {
	if len(places) == 0 {
		return nil
	}
	if err := r.mayWrite(ctx); err != nil {
		return err
	}
	places, err := r.holdUnmet(ctx, places, account)
	if err != nil {
		return err
	}
	return r.send(ctx, r.groups(places), func(result ldapsrc.Result) (place int) {
		r.noteResult(places, result, account)
		return places[result.Group]
	})
}

// mayWrite says whether the cycle may begin to write something.
func (r *run) mayWrite(ctx context.Context) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	return r.recordWriting(ctx)
}

// send sends groups, several at a time, and has every result noted, which returns
// the place of its step. An interrupted cycle sends no more of them and ends when
// the server has answered to those under way: a request that is cut off may have
// been carried out or not. Outcomes are recorded as they come, each after its
// write, and all that came meanwhile at once. Nothing is sent until they are
// recorded, so that of a run that dies no more are unknown than were in flight.
func (r *run) send(ctx context.Context, groups []ldapsrc.Group, note func(ldapsrc.Result) (place int)) (err error) {
	if r.writer == nil {
		r.writer = r.conn.Writer()
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	for results, ended := range r.writer.Write(sending, groups) {
		if ended != nil && sending.Err() != nil && errors.Is(ended, context.Cause(sending)) {
			ended = interrupted(ctx) // nil when it was us
		}
		noted := make([]int, len(results))
		for i, result := range results {
			noted[i] = len(r.report.ToCCMail) + note(result)
		}
		if err = errors.Join(err, ended, r.recordOutcomes(ctx, noted)); err != nil {
			stop()
		}
	}
	return err
}

// holdUnmet holds the steps that take a name or an address which was to be given
// up before, and was not. It returns the places of the others.
func (r *run) holdUnmet(ctx context.Context, places []int, account *progress) ([]int, error) {
	now := map[string]bool{} // given up by these steps, perhaps
	var others, held []int
	for _, place := range places {
		s := &r.report.ToExchange[place]
		if s.Op != reconcile.Add {
			now[reconcile.Fold(s.DN)] = true
		}
		unmet := slices.IndexFunc(s.Needs, func(dn string) bool { return !r.freed[reconcile.Fold(dn)] && !now[reconcile.Fold(dn)] })
		if unmet < 0 {
			others = append(others, place)
			continue
		}
		delete(now, reconcile.Fold(s.DN))
		r.hold(s, s.Needs[unmet])
		account.count(*s)
		held = append(held, len(r.report.ToCCMail)+place)
	}
	return others, r.recordOutcomes(ctx, held)
}

// groups are the requests of the steps at these places, each with those it waits
// for.
func (r *run) groups(places []int) []ldapsrc.Group {
	groups := make([]ldapsrc.Group, len(places))
	byDN := map[string]int{}
	for i, place := range places {
		s := &r.report.ToExchange[place]
		groups[i].Changes = r.requests[place]
		for _, dn := range s.Needs {
			if needed, here := byDN[reconcile.Fold(dn)]; here {
				groups[i].Needs = append(groups[i].Needs, needed)
			}
		}
		if s.Op != reconcile.Add {
			byDN[reconcile.Fold(s.DN)] = i
		}
	}
	return groups
}

// noteResult notes what became of one of the steps at these places. An entry
// that the server refuses is the step's outcome.
func (r *run) noteResult(places []int, result ldapsrc.Result, account *progress) {
	place := places[result.Group]
	s := &r.report.ToExchange[place]
	var unmet *ldapsrc.UnmetError
	switch {
	case errors.As(result.Err, &unmet):
		r.hold(s, r.report.ToExchange[places[unmet.Group]].DN)
	case result.Err != nil:
		r.failed(s, result.Err.Error())
	default:
		if s.Outcome = reconcile.Done; s.Op != reconcile.Add {
			r.freed[reconcile.Fold(s.DN)] = true
		}
		if len(r.memberships[place]) > 0 {
			s.Outcome, s.Error = reconcile.Failed, membersOpen
			return
		}
	}
	account.count(*s)
}

// hold holds a step that needs another one, of the entry with the DN.
func (r *run) hold(s *reconcile.Step, dn string) {
	s.Outcome, s.Error = reconcile.Held, fmt.Sprintf("it takes a name or an address of %s, which was not changed", dn)
	r.trace.event(Warning, 0, fmt.Sprintf("%s %s %s held: %s", s.Op, s.Kind, s.Subject(), s.Error))
}

// membersOpen is what is left of a step whose own requests are carried out and
// whose turn for its members has not come. It is what the record tells of it when
// the cycle ends in between.
const membersOpen = "the entry is written, and it is not known whether its members are; the next cycle sees"

// updateMembers adds and deletes members of groups, after all entries.
func (r *run) updateMembers(ctx context.Context, account progress) (string, error) {
	var places []int
	for i := range r.report.ToExchange {
		s := &r.report.ToExchange[i]
		if open := s.Outcome == "" || s.Error == membersOpen; len(r.memberships[i]) > 0 && open {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return account.String(), nil
	}
	if err := r.mayWrite(ctx); err != nil {
		return account.String(), err
	}
	groups, absent := make([]ldapsrc.Group, len(places)), r.absent()
	for i, place := range places {
		groups[i].Changes = r.changesOfMembers(place, absent)
	}
	err := r.send(ctx, groups, func(result ldapsrc.Result) (place int) {
		s := &r.report.ToExchange[places[result.Group]]
		if s.Outcome, s.Error = reconcile.Done, ""; result.Err != nil {
			r.failed(s, result.Err.Error())
		}
		account.count(*s)
		return places[result.Group]
	})
	return account.String(), err
}

// absent are the recipients that the plan adds and that are not there, because
// the server refused them or they were held.
func (r *run) absent() map[string]bool {
	absent := map[string]bool{}
	for _, s := range r.report.ToExchange {
		if s.Op == reconcile.Add && s.Outcome != reconcile.Done && s.Error != membersOpen {
			absent[mapping.NormalDN(s.DN)] = true
		}
	}
	return absent
}

// changesOfMembers are the requests for the members of the group at a place,
// without those that are absent: they wait for the next cycle.
func (r *run) changesOfMembers(place int, absent map[string]bool) []ldapsrc.Change {
	var changes []ldapsrc.Change
	for _, request := range r.memberships[place] {
		mod := request.Mods[0]
		there := slices.DeleteFunc(slices.Clone(mod.Values), func(dn string) bool {
			return mod.Op == ldapsrc.AddValues && absent[mapping.NormalDN(dn)]
		})
		if n := len(mod.Values) - len(there); n > 0 {
			r.warn(fmt.Sprintf("%s of the list %q waits for the next cycle, because its recipient could not be added",
				count(n, "member", "members"), r.report.ToExchange[place].Name))
		}
		if len(there) > 0 {
			request.Mods = []ldapsrc.Mod{{Op: mod.Op, Name: mod.Name, Values: there}}
			changes = append(changes, request)
		}
	}
	return changes
}

func (r *run) failed(s *reconcile.Step, reason string) {
	s.Outcome, s.Error = reconcile.Failed, reason
	r.trace.event(Warning, s.Event, fmt.Sprintf("%s %s %s failed: %s", s.Op, s.Kind, s.Subject(), reason))
}

// progress counts outcomes for the account of a step.
type progress struct{ done, failed, held int }

func (p *progress) count(s reconcile.Step) {
	switch s.Outcome {
	case reconcile.Done:
		p.done++
	case reconcile.Failed:
		p.failed++
	case reconcile.Held:
		p.held++
	}
}

func (p progress) String() string {
	if p == (progress{}) {
		return "nothing to do"
	}
	text := fmt.Sprintf("%d done", p.done)
	if p.failed > 0 {
		text += fmt.Sprintf(", %d refused", p.failed)
	}
	if p.held > 0 {
		text += fmt.Sprintf(", %d held", p.held)
	}
	return text
}
