package reconcile

import (
	"cmp"
	"fmt"
	"slices"
)

// Side is the part of a plan that is about one target.
type Side struct {
	Steps []Step
	Tally map[Kind]Tally
}

// Tally counts what a side of a plan is judged by.
type Tally struct {
	Owned   int // entries of ours on the target now
	Wanted  int // entries that ought to be there, held ones included
	Keep    int
	Add     int
	Delete  int
	Change  int // replace and modify
	Refused int
	Held    int
}

// newSide sorts the steps into the order in which they are carried out, drops
// the keeps and counts everything. group names the kind that a step counts
// for.
func newSide(steps []Step, group func(Step) Kind) Side {
	side := Side{Tally: map[Kind]Tally{}}
	for _, step := range steps {
		step.group = group(step)
		side.Tally[step.group] = side.Tally[step.group].count(step, 1)
		if step.Op != Keep {
			side.Steps = append(side.Steps, step)
		}
	}
	slices.SortFunc(side.Steps, compareSteps)
	side.Steps = needsFirst(side.Steps)
	return side
}

// needsFirst puts the steps that delete or change an entry above those that
// need it, and leaves the order alone otherwise. No two steps need each other:
// the plan holds both then.
func needsFirst(steps []Step) []Step {
	frees := map[string]int{}
	for i, step := range steps {
		if step.Op == Delete || step.Op == Modify || step.Op == Adopt {
			frees[step.DN] = i
		}
	}
	ordered := make([]Step, 0, len(steps))
	placed := make([]bool, len(steps))
	var place func(int)
	place = func(i int) {
		if placed[i] {
			return
		}
		placed[i] = true
		for _, dn := range steps[i].Needs {
			if needed, there := frees[dn]; there {
				place(needed)
			}
		}
		ordered = append(ordered, steps[i])
	}
	for i := range steps {
		place(i)
	}
	return ordered
}

// count counts a step as often as times says, which is -1 to take it back.
func (t Tally) count(s Step, times int) Tally {
	if s.owned() {
		t.Owned += times
	}
	if s.wanted() {
		t.Wanted += times
	}
	switch s.Op {
	case Keep:
		t.Keep += times
	case Replace, Modify:
		t.Change += times
	case Adopt: // takes nothing away from what was there
	case Add:
		t.Add += times
	case Delete:
		t.Delete += times
	case Hold:
		t.Held += times
	case Refuse:
		t.Refused += times
	}
	return t
}

// owned reports whether the step is about an entry of ours on the target. What
// is held need not be there: its add may wait for another step.
func (s Step) owned() bool {
	switch s.Op {
	case Keep, Replace, Modify, Delete:
		return true
	case Hold:
		return s.Before != nil || s.OldRow != nil
	case Add, Adopt, Refuse:
	}
	return false
}

// wanted reports whether the step is about an entry that ought to be on the
// target. Of a move that is held the entry that stays counts, not its add.
func (s Step) wanted() bool {
	switch s.Op {
	case Delete, Refuse:
		return false
	case Hold:
		return !s.recreated || s.owned()
	case Keep, Replace, Modify, Adopt, Add:
	}
	return true
}

// Refuse takes back the step at index i of a side toward Exchange, because it
// turned out that it cannot be written. It becomes a refusal, or is held when
// it would change or delete an entry of ours, which then stays as it is. So is
// every step that needs what thereby is not given up, and the delete that a
// move's add belongs to: nobody is deleted whose add cannot be written. The
// steps keep their places, those taken back lose what they would write, and the
// tally is that of the steps as they are then. A step that writes nothing stays
// as it is.
func (s *Side) Refuse(i int, reason string) {
	if !s.Steps[i].Op.Writes() {
		return
	}
	stopped := []Step{s.Steps[i]}
	s.stop(i, Refuse, reason)
	for ; len(stopped) > 0; stopped = stopped[1:] {
		first := &stopped[0]
		if first.Op == Add && !first.recreated {
			continue // gives nothing up
		}
		for j := range s.Steps {
			step := &s.Steps[j]
			if why := first.stops(step); why != "" && step.Op.Writes() {
				stopped = append(stopped, *step)
				s.stop(j, Hold, why)
			}
		}
	}
}

// stops says why another step cannot be carried out when this one is not, empty
// when it can.
func (s *Step) stops(other *Step) string {
	switch {
	case s.recreated && other.recreated && s.key == other.key:
		return "its delete and add belong together, and one of them cannot be written"
	case s.Op != Add && slices.Contains(other.Needs, s.DN):
		return fmt.Sprintf("it takes a name or an address of %s, which stays as it is", s.DN)
	default:
		return ""
	}
}

// stop makes a refusal of a step, or holds it.
func (s *Side) stop(i int, op Op, reason string) {
	step := &s.Steps[i]
	tally := s.Tally[step.group].count(*step, -1)
	if step.owned() {
		op, reason = Hold, recipientStays+reason
	} else {
		step.Before = nil // an adoption's is not ours
	}
	step.Op, step.Reason, step.Event = op, reason, 0
	step.After, step.Needs, step.Changes = nil, nil, nil
	s.Tally[step.group] = tally.count(*step, 1)
}

// order is what makes a plan safe to carry out from top to bottom: names and
// addresses are freed before they are taken (Q166581), and post offices are
// there before any row names them in its address.
func (s Step) order() int {
	if s.Kind == PostOffice && s.Op == Add {
		return 1
	}
	return 2 * slices.Index([]Op{Delete, Replace, Modify, Adopt, Add, Hold, Refuse}, s.Op)
}

// stage is 1 for custom recipients of lists and boards, which are written
// after those of users, and 0 for everything else.
func (s Step) stage() int {
	if s.After != nil && s.After.Kind != User || s.Before != nil && s.Before.Kind != User {
		return 1
	}
	return 0
}

func compareSteps(a, b Step) int {
	return cmp.Or(
		cmp.Compare(a.stage(), b.stage()),
		cmp.Compare(a.order(), b.order()),
		cmp.Compare(postOfficeOrder(a), postOfficeOrder(b)),
		cmp.Compare(a.key, b.key),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Address, b.Address),
		cmp.Compare(a.DN, b.DN),
		cmp.Compare(a.Reason, b.Reason),
	)
}

// postOfficeOrder puts post offices before everything else, and direct ones
// before those reached through them.
func postOfficeOrder(s Step) int {
	switch {
	case s.Kind != PostOffice:
		return 2
	case s.Row != nil && s.Row.Location == "P":
		return 0
	default:
		return 1
	}
}
