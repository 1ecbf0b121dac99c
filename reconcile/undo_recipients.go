package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// UndoRecipients is what [UndoExchange] decides from.
type UndoRecipients struct {
	Steps []Step // of the run, toward Exchange, with their keys, changes and outcomes
	// Present are all recipients that were read, with their Values.
	Present      []Recipient
	Owner        string   // our mark
	FormerOwners []string // as in [ExchangeInput]
	// MultiValued reports whether an attribute may hold values that are not
	// ours beside those that are.
	MultiValued func(attribute string) bool
	// Members is the attribute, in lower case, that holds the members of groups.
	Members string
	// Model makes a recipient of the values of an entry.
	Model func(dn string, values map[string][]string) (Recipient, error)
	// NormalDN is as in [ExchangeInput].
	NormalDN func(dn string) string
}

// UndoExchange plans to take back what a run wrote to the Exchange directory:
//
//	the run            now                                              step
//	added              ours, every value that was written is there      delete
//	changed, adopted,  ours, every value that was written is there,     modify: exactly the
//	hid                none that went is back                           values that went are back
//	deleted            directory name, addresses and alias are free     add it as it was
//	any                anything else                                    refuse
//
// The delete and the add of one entry are taken back together or not at all.
// What is not known to have been carried out is taken back only when everything
// looks as if it had been, and left out when everything looks as if it had not.
// The recipients of ours that stay count as kept. The steps carry the Values to
// write in After.
//
// Of the members of a group exactly those come back that the run deleted, and
// those go that it added, whatever others did to them since. One whose recipient is
// not there is left out.
func UndoExchange(in UndoRecipients) Side {
	if in.NormalDN == nil {
		in.NormalDN = Fold
	}
	recorded := carriedOut(in.Steps)
	for i, s := range recorded {
		recorded[i].Key = cmp.Or(s.Key, Fold(s.DN))
	}
	// An add that must stay, because what was deleted for it cannot come back,
	// keeps its names, so everything is decided again then.
	stays := map[int]string{}
	for {
		u := newRecipientUndo(in, recorded, stays)
		u.takeBack()
		if !u.findLost(stays) {
			return u.side()
		}
	}
}

// recipientUndo is the directory in which a run is taken back.
type recipientUndo struct {
	UndoRecipients
	recorded []recordedStep
	stays    map[int]string // recorded adds that are not taken back, and why
	present  map[string]*Recipient
	leaving  map[string]bool // normal DNs of those that are deleted
	book     *addressBook
	steps    map[int]Step   // by the recorded step that they take back
	adds     map[string]int // recorded adds by key and by normal DN
}

func newRecipientUndo(in UndoRecipients, recorded []recordedStep, stays map[int]string) *recipientUndo {
	u := &recipientUndo{
		UndoRecipients: in, recorded: recorded, stays: stays, present: make(map[string]*Recipient, len(in.Present)), leaving: map[string]bool{},
		book: newAddressBook(in.NormalDN, nil), steps: map[int]Step{}, adds: map[string]int{},
	}
	for i := range in.Present {
		r := &in.Present[i]
		u.present[in.NormalDN(r.DN)] = r
		u.book.enter(r)
	}
	for i, s := range recorded {
		if s.Op == Add {
			u.adds["key:"+s.Key], u.adds[u.book.dnKey(s.DN)] = i, i
		}
	}
	return u
}

// takeBack decides all steps: first what frees names, last what takes them.
func (u *recipientUndo) takeBack() {
	var changes, deletes []int
	for i, s := range u.recorded {
		switch s.Op {
		case Add:
			u.steps[i] = u.takeBackAdd(i, s)
		case Modify, Adopt, Hide:
			changes = append(changes, i)
		case Delete:
			deletes = append(deletes, i)
		case Keep, Replace, Refuse, Hold:
			u.steps[i] = s.refused(fmt.Sprintf("nothing is known of how to take back the operation %q in Exchange", s.Op))
		}
	}
	for waiting := changes; len(waiting) > 0; {
		var blocked []int
		for _, i := range waiting {
			if step, free := u.takeBackChange(u.recorded[i]); free {
				u.steps[i] = step
			} else {
				blocked = append(blocked, i)
				u.steps[i] = step
			}
		}
		if len(blocked) == len(waiting) {
			break
		}
		waiting = blocked
	}
	for _, i := range deletes {
		u.steps[i] = u.takeBackDelete(u.recorded[i])
	}
}

// addFor finds the recorded add that was made for what a recorded step deleted.
func (u *recipientUndo) addFor(s recordedStep) (i int, found bool) {
	if i, found = u.adds[u.book.dnKey(s.DN)]; !found {
		i, found = u.adds["key:"+s.Key]
	}
	return i, found
}

// findLost finds adds that are taken back although what was deleted for them
// cannot come back, and reports whether there are any: such an entry would be
// in neither form.
func (u *recipientUndo) findLost(stays map[int]string) bool {
	found := false
	for i, s := range u.recorded {
		if s.Op != Delete || u.steps[i].Op != Refuse {
			continue
		}
		if j, there := u.addFor(s); there && u.steps[j].Op == Delete {
			stays[j] = "what was deleted for it cannot come back: " + u.steps[i].Reason
			found = true
		}
	}
	return found
}

// side makes the plan.
func (u *recipientUndo) side() Side {
	plan := newDraft(ToExchange, 0)
	touched := map[string]bool{}
	u.membership()
	for _, i := range slices.Sorted(maps.Keys(u.steps)) {
		if step := u.steps[i]; step.Op != Keep {
			plan.add(step)
			touched[u.NormalDN(step.DN)] = touched[u.NormalDN(step.DN)] || step.Op.Writes()
		}
	}
	for dn, r := range u.present {
		if u.owns(r) && !touched[dn] {
			plan.add(u.keep(r))
		}
	}
	return plan.side()
}

func (u *recipientUndo) owns(r *Recipient) bool {
	in := ExchangeInput{Owner: u.Owner, FormerOwners: u.FormerOwners}
	return in.isOurs(r.Owner)
}

// find returns the entry that a step is about, or why it cannot be changed.
func (u *recipientUndo) find(s recordedStep) (r *Recipient, problem string) {
	r, there := u.present[u.NormalDN(s.DN)]
	switch {
	case !there:
		return &Recipient{}, "changed since: it is not there any more"
	case !u.owns(r):
		return r, "changed since: it is not ours any more"
	default:
		return r, ""
	}
}

func (u *recipientUndo) takeBackAdd(i int, s recordedStep) Step {
	r, problem := u.find(s)
	if _, there := u.present[u.NormalDN(s.DN)]; !there && s.unknown {
		return s.takenBack(Keep)
	}
	problem = cmp.Or(problem, u.stays[i], u.missing(r, written(s.Changes)))
	if problem != "" {
		return s.refused(problem)
	}
	u.book.leave(r)
	u.leaving[u.NormalDN(r.DN)] = true
	step := s.takenBack(Delete)
	step.Before = r
	return step
}

// takeBackChange decides one change; free is false when an address or an alias
// is held by another entry.
func (u *recipientUndo) takeBackChange(s recordedStep) (step Step, free bool) {
	r, problem := u.find(s)
	if s.unknown && u.asBefore(r, s.Changes) {
		return s.takenBack(Keep), true
	}
	if problem = cmp.Or(problem, u.missing(r, written(s.Changes)), u.intruding(r, s.Changes)); problem != "" {
		return s.refused(problem), true
	}
	values := maps.Clone(r.Values)
	for attribute, c := range byAttribute(s.Changes) {
		if attribute == u.Members {
			values[attribute] = u.membersBefore(r.Members, c)
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(values[attribute]), func(v string) bool { return slices.Contains(c.now, v) })
		values[attribute] = append(rest, c.old...)
	}
	after, err := u.Model(r.DN, values)
	if err != nil {
		return s.refused(err.Error()), true
	}
	after.Values = values
	if _, problem = u.book.holder(newNames(r, &after), r.DN); problem != "" {
		return s.refused(problem), false
	}
	step = s.takenBack(Modify)
	step.Before, step.After = r, &after
	step.Needs = u.book.needs(newNames(r, &after), r.DN)
	u.book.leave(r)
	u.book.enter(&after)
	return step, true
}

func (u *recipientUndo) takeBackDelete(s recordedStep) Step {
	if len(s.Changes) == 0 {
		return s.refused(notRecorded)
	}
	values := map[string][]string{}
	for attribute, c := range byAttribute(s.Changes) {
		values[attribute] = c.old
	}
	after, err := u.Model(s.DN, values)
	if err != nil {
		return s.refused(err.Error())
	}
	if r, there := u.present[u.NormalDN(s.DN)]; there && s.unknown && !u.leaving[u.NormalDN(s.DN)] && u.asBefore(r, s.Changes) {
		return s.takenBack(Keep)
	}
	if j, there := u.addFor(s); there && u.steps[j].Op == Refuse {
		return s.refused("what was added for it stays: " + u.steps[j].Reason)
	}
	if holder, held := u.book.heldBy(u.book.dnKey(s.DN), ""); held {
		return s.refused(fmt.Sprintf("its directory name is held by %s", holder))
	}
	names := addresses(&after)
	if after.Alias != "" {
		names = append(names, aliasKey(after.Alias))
	}
	if _, problem := u.book.holder(names, ""); problem != "" {
		return s.refused(problem)
	}
	after.Values = values
	step := s.takenBack(Add)
	step.After = &after
	step.Needs = u.book.needs(append(names, u.book.dnKey(s.DN)), "")
	u.book.enter(&after)
	return step
}

// attributeChange is what a step changed in one attribute.
type attributeChange struct{ old, now []string }

// byAttribute groups changes by the lower-case name of their attribute.
func byAttribute(changes []Change) map[string]attributeChange {
	all := map[string]attributeChange{}
	for _, c := range changes {
		name := strings.ToLower(c.Attr)
		change := all[name]
		if c.Old != "" {
			change.old = append(change.old, c.Old)
		}
		if c.New != "" {
			change.now = append(change.now, c.New)
		}
		all[name] = change
	}
	return all
}

// written are the values that changes wrote, by attribute.
func written(changes []Change) map[string][]string {
	values := map[string][]string{}
	for attribute, c := range byAttribute(changes) {
		values[attribute] = c.now
	}
	return values
}

// missing says which of the values an entry does not hold any more, empty when
// it holds all. Members do not count: what others did to them since is theirs.
func (u *recipientUndo) missing(r *Recipient, values map[string][]string) string {
	for _, attribute := range slices.Sorted(maps.Keys(values)) {
		if attribute == u.Members {
			continue
		}
		for _, v := range values[attribute] {
			if !slices.ContainsFunc(r.Values[attribute], func(is string) bool { return sameValue(attribute, is, v) }) {
				return fmt.Sprintf("changed since: %s is %s now, the run wrote %q", attribute, shownValues(r.Values[attribute]), v)
			}
		}
	}
	return ""
}

// intruding says which values an entry holds that were not there after the
// changes, empty when it holds none: those that went, and in attributes of one
// value any other. Members do not count.
func (u *recipientUndo) intruding(r *Recipient, changes []Change) string {
	all := byAttribute(changes)
	for _, attribute := range slices.Sorted(maps.Keys(all)) {
		if attribute == u.Members {
			continue
		}
		c := all[attribute]
		for _, is := range r.Values[attribute] {
			ours := slices.Contains(c.now, is)
			if slices.Contains(c.old, is) || !u.MultiValued(attribute) && !ours {
				return fmt.Sprintf("changed since: %s is %s now, the run took %s away", attribute, shownValues(r.Values[attribute]), shownValues(c.old))
			}
		}
	}
	return ""
}

// asBefore reports whether an entry looks as if changes had not been made.
func (u *recipientUndo) asBefore(r *Recipient, changes []Change) bool {
	var inverse []Change
	for _, c := range changes {
		inverse = append(inverse, Change{Attr: c.Attr, Old: c.New, New: c.Old})
	}
	return u.missing(r, written(inverse)) == "" && u.intruding(r, inverse) == ""
}

// sameValue compares a value that was read with one that was written. The class
// of an entry may be spelled otherwise.
func sameValue(attribute, is, wrote string) bool {
	return is == wrote || attribute == "objectclass" && strings.EqualFold(is, wrote)
}

func shownValues(values []string) string {
	if len(values) == 0 {
		return "empty"
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(quoted, ", ")
}
