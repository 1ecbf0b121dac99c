package ldapsrc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// task is a group under way.
type task struct {
	group   int
	changes []Change // still to be made; the first is under way
	lane    *lane
	id      int64 // of its request
	unsure  bool  // it was sent before, and nobody knows what became of it
	gentle  bool  // values to be deleted need not be there
	losses  int   // of answers
	waits   int   // because the server was busy
	since   int   // how many changes were made when that began

	parts    int     // of one change, at the beginning of changes; 0 when it is not parted
	failures []error // of parts

	busy  error       // what the server said then
	pause *time.Timer // runs until it is sent again
	over  bool
}

// request is the change to be sent now. A deletion of all values fails where
// there are none; a replacement by none does not (RFC 4511 section 4.6).
func (t *task) request() Change {
	change := t.changes[0]
	if !t.gentle || change.Type != ModifyEntry {
		return change
	}
	change.Mods = slices.Clone(change.Mods)
	for i, m := range change.Mods {
		if m.Op == DeleteValues && len(m.Values) == 0 {
			change.Mods[i].Op = ReplaceValues
		}
	}
	return change
}

// begin sends the first change of a group, if all of them can be sent.
func (s *sending) begin(group int) {
	changes := s.groups[group].Changes
	for _, change := range changes {
		if err := s.writer.check(change); err != nil {
			s.settle(group, err)
			return
		}
	}
	if len(changes) == 0 {
		s.settle(group, nil)
		return
	}
	t := &task{group: group, changes: changes}
	s.underWay = append(s.underWay, t)
	s.writer.laneFor().take(s.ctx, t)
}

// check refuses a change before anything of its group is sent.
func (w *Writer) check(change Change) error {
	if _, known := writeTags[change.Type]; !known {
		return fmt.Errorf("%q is not a type of change", change.Type)
	}
	return w.server.Profile.Check(change)
}

// laneFor is where the next task goes: the first connection that has room.
func (w *Writer) laneFor() *lane {
	var last *lane
	for _, l := range w.lanes {
		if l.state == laneGivenUp {
			continue
		}
		if last = l; len(l.tasks) < l.room {
			break
		}
	}
	return last
}

// handle is what an event leads to.
func (s *sending) handle(e event) {
	switch {
	case e.opening != nil:
		s.opened(e)
	case e.woken != nil:
		s.wake(e.woken)
	case e.looked != nil:
		s.looked(e)
	default:
		for _, l := range s.writer.lanes {
			if l.wire != e.wire {
				continue
			}
			if e.lost != nil {
				s.lose(l, e.lost)
			} else if t := l.answered(e.answer.id); t != nil {
				s.answer(t, e.answer)
			}
		}
	}
}

// finish ends a task.
func (s *sending) finish(t *task, err error) {
	s.forget(t)
	s.settle(t.group, err)
}

// forget ends a task without a result.
func (s *sending) forget(t *task) {
	t.over = true
	t.lane.leave(t)
	s.underWay = slices.DeleteFunc(s.underWay, func(other *task) bool { return other == t })
}

// goOn sends the next change of a group whose last one is made.
func (s *sending) goOn(t *task) {
	s.writer.made++
	s.writer.hopeless = false
	s.leaveChange(t)
}

// leaveChange turns to the next change of a group. A change of which parts
// failed ends it when all parts had their turn.
func (s *sending) leaveChange(t *task) {
	t.changes = t.changes[1:]
	t.parts = max(t.parts-1, 0)
	if len(t.changes) == 0 || t.parts == 0 && len(t.failures) > 0 {
		s.finish(t, errors.Join(t.failures...))
		return
	}
	t.unsure, t.gentle, t.waits = false, false, 0
	t.lane.send(t)
}

// fail ends a group whose change the server refuses, or turns to its next part.
func (s *sending) fail(t *task, refusal error) {
	if t.parts == 0 {
		s.finish(t, refusal)
		return
	}
	t.failures = append(t.failures, refusal)
	s.leaveChange(t)
}

// answer decides what an answer means.
func (s *sending) answer(t *task, a answer) {
	change, code := t.changes[0], 0
	var refused *ldap.Error
	if errors.As(a.err, &refused) {
		code = int(refused.ResultCode)
	}
	switch {
	case a.tag != writeTags[change.Type].answer:
		t.lane.end(errAnswer)
	case code == ldap.LDAPResultSuccess, saysAlreadySo(change, code):
		s.goOn(t)
	case code == ldap.LDAPResultBusy, code == ldap.LDAPResultUnavailable:
		s.wait(t, t.refusal(a.err))
	case code == ldap.LDAPResultEntryAlreadyExists && t.unsure:
		s.look(t, t.refusal(a.err))
	case code == ldap.LDAPResultNoSuchAttribute && !t.gentle && deletesAll(change):
		t.gentle = true
		t.lane.send(t)
	case (code == ldap.LDAPResultNoSuchAttribute || code == ldap.LDAPResultAttributeOrValueExists) && isOfValues(change):
		s.part(t)
	default:
		s.fail(t, t.refusal(a.err))
	}
}

// refusal is what the server said, as an error.
func (t *task) refusal(err error) *Error {
	return t.lane.conn.fail(string(t.changes[0].Type), t.changes[0].DN, err)
}

// part sends a change of single values again in two halves, so that those that
// are there already, or are not there any more, do not keep out the others.
func (s *sending) part(t *task) {
	t.changes = slices.Concat(halve(t.changes[0]), t.changes[1:])
	t.parts = max(t.parts, 1) + 1
	t.lane.send(t)
}

var errAnswer = errors.New("the server gave an answer to something else")

// saysAlreadySo reports whether a refusal says that nothing had to be done: the
// entry is gone (32), the one value to be added is there (20), the one to be
// deleted is not (16; documented: K263520). The server makes a change wholly or
// not at all (documented: K303028), so of one with several values it tells
// nothing.
func saysAlreadySo(change Change, code int) bool {
	if change.Type != ModifyEntry {
		return change.Type == DeleteEntry && code == ldap.LDAPResultNoSuchObject
	}
	if len(change.Mods) != 1 || len(change.Mods[0].Values) != 1 {
		return false
	}
	op := change.Mods[0].Op
	return op == AddValues && code == ldap.LDAPResultAttributeOrValueExists || op == DeleteValues && code == ldap.LDAPResultNoSuchAttribute
}

// deletesAll reports whether a change deletes all values of an attribute.
func deletesAll(change Change) bool {
	return slices.ContainsFunc(change.Mods, func(m Mod) bool { return m.Op == DeleteValues && len(m.Values) == 0 })
}

// isOfValues reports whether a change adds and deletes single values, such as
// members, and more than one.
func isOfValues(change Change) bool {
	values := 0
	for _, m := range change.Mods {
		if m.Op == ReplaceValues || len(m.Values) == 0 {
			return false
		}
		values += len(m.Values)
	}
	return values > 1
}

// halve makes two changes of one of several single values.
func halve(change Change) []Change {
	half := func(mods ...Mod) Change { return Change{DN: change.DN, Type: ModifyEntry, Mods: mods} }
	if n := len(change.Mods); n > 1 {
		return []Change{half(change.Mods[:n/2]...), half(change.Mods[n/2:]...)}
	}
	m := change.Mods[0]
	n := len(m.Values) / 2
	return []Change{half(Mod{m.Op, m.Name, m.Values[:n]}), half(Mod{m.Op, m.Name, m.Values[n:]})}
}

// wait sends a change again after a pause, unless there was enough of that. A
// server that stays busy as long as we wait and makes no change meanwhile is not
// waited for again until it does: with many entries that would take hours.
func (s *sending) wait(t *task, busy error) {
	w := s.writer
	if t.waits++; t.waits == 1 {
		t.since = w.made
	}
	if t.waits > w.server.Retry.Times {
		w.hopeless = w.made == t.since
		s.fail(t, busy)
		return
	}
	if s.stopped || w.hopeless {
		s.fail(t, busy)
		return
	}
	t.busy = busy
	w.trace(t.busy, t.waits)
	t.pause = time.AfterFunc(w.server.Retry.pause(t.waits), func() { w.tell(event{woken: t}) })
}

// wake sends a change again whose pause is over.
func (s *sending) wake(t *task) {
	t.pause = nil
	switch {
	case t.over:
	case s.stopped:
		s.finish(t, t.busy)
	case t.lane.state == laneOpen:
		t.lane.send(t)
	}
}

// lose sees to what was under way on a connection that is lost: it is sent again
// on a new one, a limited number of times.
func (s *sending) lose(l *lane, cause error) {
	if l.state != laneOpen {
		return
	}
	l.unwatch()
	l.out = l.out[:0]
	l.state = laneClosed
	l.losses++
	for _, t := range l.tasks {
		if t.pause == nil {
			t.unsure, t.gentle = true, true
			t.losses++
		}
	}
	if len(l.tasks) == 0 {
		return
	}
	err := l.conn.fail(string(l.tasks[0].changes[0].Type), l.tasks[0].changes[0].DN, cause)
	times := s.writer.server.Retry.Times
	if !transient(err) || slices.ContainsFunc(l.tasks, func(t *task) bool { return t.losses > times }) {
		s.giveUp(l, cause)
		return
	}
	s.writer.trace(err, l.losses)
	l.open(s.ctx)
}

// opened goes on with a connection that has been opened. What waits for one that
// cannot be opened goes to another.
func (s *sending) opened(e event) {
	l := e.opening
	if e.err == nil {
		l.conn, l.wire = e.conn, e.wire
		l.resume()
		if err := l.wire.ended(); err != nil { // and told so when nobody knew of it
			s.lose(l, err)
		}
		return
	}
	l.state = laneGivenUp
	other := s.writer.laneFor()
	if other == nil {
		s.giveUp(l, e.err)
		return
	}
	tasks := l.tasks
	l.tasks = nil
	for _, t := range tasks {
		other.take(s.ctx, t)
	}
}

// giveUp ends the sending, because the server is lost. Nobody knows what became
// of the requests that have no answer; those never sent have no result.
func (s *sending) giveUp(l *lane, cause error) {
	l.state = laneGivenUp
	s.stopped, s.lost = true, cause
	told := false
	for _, t := range slices.Clone(l.tasks) {
		if t.pause != nil {
			t.pause.Stop()
			s.finish(t, t.busy)
			continue
		}
		if !t.unsure {
			s.forget(t)
			continue
		}
		err := newError(shownURL(s.writer.endpoint.url), string(t.changes[0].Type), t.changes[0].DN, cause)
		if !told {
			s.lost, told = err, true
		}
		s.finish(t, err)
	}
}

// look finds out whether an entry that is there is the one that we have added,
// on a connection that was lost before the answer.
func (s *sending) look(t *task, refusal *Error) {
	change, conn, wire := t.changes[0], t.lane.conn, t.lane.wire
	s.writer.busy.Go(func() {
		ours, err := conn.isOurs(s.work, change)
		if err == nil && !ours {
			err = refusal
		}
		s.writer.tell(event{wire: wire, looked: t, ours: ours, err: err})
	})
}

// looked goes on after that. When the connection is lost again, so is the
// answer.
func (s *sending) looked(e event) {
	t := e.looked
	var refusal *Error
	switch {
	case t.over || t.lane.wire != e.wire:
	case e.ours:
		s.goOn(t)
	case errors.As(e.err, &refusal) && refusal.Code != 0:
		s.fail(t, e.err)
	default:
		t.lane.end(e.err)
	}
}

// isOurs reports whether an entry is there as a change would have added it: with
// its mark, and with all values of attributes that are no fields of a recipient,
// of which the key is one.
func (c *Conn) isOurs(ctx context.Context, change Change) (bool, error) {
	p := c.server.Profile
	fields := Profile{Fields: p.Fields}.attributes()
	var telling []Attribute
	marked := false
	for _, a := range change.Attributes {
		mark := strings.EqualFold(a.Name, p.Fields.ImportedFrom)
		isField := slices.ContainsFunc(fields, func(name string) bool { return strings.EqualFold(name, a.Name) })
		if mark || !isField {
			telling = append(telling, a)
		}
		marked = marked || mark
	}
	if !marked {
		return false, nil
	}
	request := &ldap.SearchRequest{BaseDN: change.DN, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)"}
	for _, a := range telling {
		request.Attributes = append(request.Attributes, a.Name)
	}
	result, err := c.searchAgain(ctx, opRead, request)
	if err != nil || len(result.Entries) != 1 {
		return false, err
	}
	for _, a := range telling {
		if !sameValues(a.Values, result.Entries[0].GetEqualFoldAttributeValues(a.Name)) {
			return false, nil
		}
	}
	return true, nil
}

// sameValues reports whether there are the same values in whatever order.
func sameValues(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
