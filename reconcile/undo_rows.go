package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// UndoRows is what [UndoCCMail] decides from.
type UndoRows struct {
	Steps     []Step // of the run, toward cc:Mail, with their changes and outcomes
	Ownership Ownership
	Rows      []Row    // the whole post office directory as it is now
	Lists     []string // titles of the public mailing lists
}

// UndoCCMail plans to take back what a run wrote to the post office directory:
//
//	the run    now                                     step
//	added      as it was added, and ours               delete
//	deleted    the name is free, its post office ours  add it as it was
//	replaced   as it was written, and ours             replace
//	any        anything else                           refuse
//
// Post offices stay (Q197255). What is not known to have been carried out is
// taken back only when everything looks as if it had been, and left out when
// everything looks as if it had not. The rows of ours that stay count as kept.
func UndoCCMail(in UndoRows) Side {
	u := rowUndo{
		directory:   newDirectory(CCMailInput{Ownership: in.Ownership, Rows: in.Rows, Lists: in.Lists}),
		postOffices: slices.DeleteFunc(slices.Clone(in.Rows), func(row Row) bool { return !isPostOffice(row) }),
	}
	plan := newDraft(ToCCMail, 0)
	touched := map[string]bool{}
	for _, recorded := range carriedOut(in.Steps) {
		if recorded.Key == "" {
			recorded.Key = Fold(recorded.Name)
		}
		if step := u.takeBack(recorded); step.Op != Keep {
			plan.add(step)
			touched[recorded.Key] = step.Op.Writes()
		}
	}
	for key := range u.ours {
		if !touched[key] {
			plan.keep(User)
		}
	}
	return plan.side()
}

// rowUndo is the post office directory in which a run is taken back.
type rowUndo struct {
	*directory
	postOffices []Row // entries of post offices, ours and others
}

// takeBack decides one step; one that was not carried out is kept.
func (u rowUndo) takeBack(s recordedStep) Step {
	if s.Kind == PostOffice {
		return u.takeBackPostOffice(s)
	}
	switch s.Op {
	case Add:
		return u.takeBackAdd(s)
	case Delete:
		return u.takeBackDelete(s)
	case Replace:
		return u.takeBackReplace(s)
	case Keep, Modify, Adopt, Hide, Refuse, Hold:
	}
	return s.refused(fmt.Sprintf("nothing is known of how to take back the operation %q in cc:Mail", s.Op))
}

func (u rowUndo) takeBackPostOffice(s recordedStep) Step {
	if s.unknown && u.holder(s.Key) == "" {
		return s.takenBack(Keep)
	}
	return s.refused("post offices are never deleted; delete it in cc:Mail when nothing is at it")
}

func (u rowUndo) takeBackAdd(s recordedStep) Step {
	row, there := u.our(s.Key)
	if !there {
		if s.unknown && u.holder(s.Key) == "" {
			return s.takenBack(Keep)
		}
		return s.refused(u.absence(s))
	}
	added := valuesOf(Row{})
	for _, c := range s.Changes {
		added[c.Attr] = c.New
	}
	if problem := unlike(row, added); problem != "" {
		return s.refused(problem)
	}
	step := s.takenBack(Delete)
	step.OldRow, step.Address = &row, row.PostOffice
	return step
}

func (u rowUndo) takeBackDelete(s recordedStep) Step {
	row, there := u.our(s.Key)
	old := map[string]string{}
	for _, c := range s.Changes {
		old[c.Attr] = c.Old
	}
	switch {
	case len(s.Changes) == 0:
		return s.refused(notRecorded)
	case there && s.unknown && unlike(row, old) == "":
		return s.takenBack(Keep)
	case there:
		return s.refused(fmt.Sprintf("its name is that of %q at %s again", row.Name, row.PostOffice))
	case u.holder(s.Key) != "":
		return s.refused(fmt.Sprintf("its name is taken by %s now", u.holder(s.Key)))
	}
	before := Row{Name: old[tagName], Location: old[tagLocation], Comment: old[tagComment]}
	before.PostOffice, before.Foreign = u.split(old[tagAddress])
	if !u.Owns(before) {
		return s.refused(fmt.Sprintf("its post office in %q is not ours any more", old[tagAddress]))
	}
	step := s.takenBack(Add)
	step.Row, step.Address = &before, before.PostOffice
	return step
}

func (u rowUndo) takeBackReplace(s recordedStep) Step {
	row, there := u.our(s.Key)
	if !there {
		return s.refused(u.absence(s))
	}
	old, now := valuesOf(row), valuesOf(row)
	for _, c := range s.Changes {
		old[c.Attr], now[c.Attr] = c.Old, c.New
	}
	if problem := unlike(row, now); problem != "" {
		if s.unknown && unlike(row, old) == "" {
			return s.takenBack(Keep)
		}
		return s.refused(problem)
	}
	before := Row{Name: old[tagName], Location: old[tagLocation], Comment: old[tagComment]}
	before.PostOffice, before.Foreign = u.split(old[tagAddress])
	if !u.Owns(before) || Fold(before.Name) != s.Key {
		return s.refused(fmt.Sprintf("its post office in %q is not ours any more", old[tagAddress]))
	}
	step := s.takenBack(Replace)
	step.OldRow, step.Row, step.Address = &row, &before, before.PostOffice
	return step
}

// absence says why a row that the run wrote cannot be found among ours.
func (u rowUndo) absence(s recordedStep) string {
	if holder := u.holder(s.Key); holder != "" {
		return fmt.Sprintf("changed since: its name is that of %s now, which is not ours", holder)
	}
	return "changed since: it is not there any more"
}

// The tags of a directory file, which name the changes of a row.
const (
	tagName     = "Name"
	tagLocation = "Locn"
	tagAddress  = "Addr"
	tagComment  = "Cmts"
)

// valuesOf are the values of a row by their tags.
func valuesOf(row Row) map[string]string {
	return map[string]string{tagName: row.Name, tagLocation: row.Location, tagAddress: row.Address(), tagComment: row.Comment}
}

// unlike says what in a row is not as it ought to be, empty when nothing is.
func unlike(row Row, want map[string]string) string {
	is := valuesOf(row)
	var problems []string
	for _, tag := range []string{tagName, tagLocation, tagAddress, tagComment} {
		if is[tag] != want[tag] {
			problems = append(problems, fmt.Sprintf("%s is %q now, not %q", tag, is[tag], want[tag]))
		}
	}
	if len(problems) == 0 {
		return ""
	}
	return "changed since: " + strings.Join(problems, ", ")
}

// split parts an address after the longest name of a post office at its start.
func (u rowUndo) split(address string) (postOffice, foreign string) {
	for _, row := range u.postOffices {
		n := len(row.Name)
		if n <= len(postOffice) || len(address) < n || !strings.EqualFold(address[:n], row.Name) {
			continue
		}
		if rest := address[n:]; rest == "" || rest[0] == ' ' {
			postOffice, foreign = address[:n], strings.TrimSpace(rest)
		}
	}
	return postOffice, foreign
}
