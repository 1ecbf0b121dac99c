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

// updateExchange carries out a part of the plan. An interrupted cycle ends
// between two entries: a request that is cut off may have been carried out or
// not.
func (r *run) updateExchange(ctx context.Context, from, to int) (account progress, err error) {
	for i := from; i < to; i++ {
		s := &r.report.ToExchange[i]
		if len(r.requests[i]) == 0 {
			continue
		}
		if err = interrupted(ctx); err != nil {
			return account, err
		}
		if err = r.recordWriting(ctx); err != nil {
			return account, err
		}
		err = r.updateRecipient(context.WithoutCancel(ctx), s, r.requests[i])
		if s.Outcome == reconcile.Done && len(r.memberships[i]) > 0 {
			s.Outcome, s.Error = reconcile.Failed, membersOpen
		}
		if err = errors.Join(err, r.recordOutcomes(ctx, len(r.report.ToCCMail)+i, s)); err != nil {
			return account, err
		}
		if s.Error != membersOpen {
			account.count(*s)
		}
	}
	return account, nil
}

// membersOpen is what is left of a step whose own requests are carried out and
// whose turn for its members has not come. It is what the record tells of it when
// the cycle ends in between.
const membersOpen = "the entry is written, and it is not known whether its members are; the next cycle sees"

// updateMembers adds and deletes members of groups, after all entries.
func (r *run) updateMembers(ctx context.Context, account progress) (string, error) {
	absent := r.absent()
	for i := range r.report.ToExchange {
		s := &r.report.ToExchange[i]
		if open := s.Outcome == "" || s.Error == membersOpen; len(r.memberships[i]) == 0 || !open {
			continue
		}
		if err := interrupted(ctx); err != nil {
			return account.String(), err
		}
		if err := r.recordWriting(ctx); err != nil {
			return account.String(), err
		}
		err := r.changeMembers(context.WithoutCancel(ctx), s, r.memberships[i], absent)
		if err = errors.Join(err, r.recordOutcomes(ctx, len(r.report.ToCCMail)+i, s)); err != nil {
			return account.String(), err
		}
		account.count(*s)
	}
	return account.String(), nil
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

// changeMembers sends the requests for the members of one group, without those
// that are absent: they wait for the next cycle.
func (r *run) changeMembers(ctx context.Context, s *reconcile.Step, requests []ldapsrc.Change, absent map[string]bool) error {
	s.Outcome, s.Error = reconcile.Done, ""
	for _, request := range requests {
		mod := request.Mods[0]
		there := slices.DeleteFunc(slices.Clone(mod.Values), func(dn string) bool {
			return mod.Op == ldapsrc.AddValues && absent[mapping.NormalDN(dn)]
		})
		if n := len(mod.Values) - len(there); n > 0 {
			r.warn(fmt.Sprintf("%s of the list %q waits for the next cycle, because its recipient could not be added", count(n, "member", "members"), s.Name))
		}
		if len(there) == 0 {
			continue
		}
		request.Mods = []ldapsrc.Mod{{Op: mod.Op, Name: mod.Name, Values: there}}
		if err := r.conn.ApplyMembers(ctx, request); err != nil {
			r.failed(s, err.Error())
			return lost(err)
		}
	}
	return nil
}

// updateRecipient sends the requests of one step. An entry that the server
// refuses is the step's outcome; a connection that is gone is an error.
func (r *run) updateRecipient(ctx context.Context, s *reconcile.Step, requests []ldapsrc.Change) error {
	for _, dn := range s.Needs {
		if !r.freed[reconcile.Fold(dn)] {
			s.Outcome, s.Error = reconcile.Held, fmt.Sprintf("it takes a name or an address of %s, which was not changed", dn)
			r.trace.event(Warning, 0, fmt.Sprintf("%s %s %s held: %s", s.Op, s.Kind, s.Subject(), s.Error))
			return nil
		}
	}
	for _, request := range requests {
		err := r.conn.Apply(ctx, request)
		if request.Type == ldapsrc.DeleteEntry && errors.Is(err, ldapsrc.ErrNoSuchObject) {
			err = nil // somebody else was faster
		}
		if err != nil {
			r.failed(s, err.Error())
			return lost(err)
		}
	}
	s.Outcome = reconcile.Done
	r.freed[reconcile.Fold(s.DN)] = true
	return nil
}

// lost returns the error when the server did not answer: it then fails for
// every other entry too, and what became of this one is not known.
func lost(err error) error {
	var answer *ldapsrc.Error
	if errors.As(err, &answer) && answer.Code == 0 {
		return err
	}
	return nil
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
