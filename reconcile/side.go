package reconcile

import (
	"cmp"
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
		kind := group(step)
		side.Tally[kind] = side.Tally[kind].count(step.Op)
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

func (t Tally) count(op Op) Tally {
	switch op {
	case Keep:
		t.Owned, t.Wanted, t.Keep = t.Owned+1, t.Wanted+1, t.Keep+1
	case Replace, Modify:
		t.Owned, t.Wanted, t.Change = t.Owned+1, t.Wanted+1, t.Change+1
	case Adopt:
		t.Wanted++ // takes nothing away from what was there
	case Add:
		t.Wanted, t.Add = t.Wanted+1, t.Add+1
	case Delete:
		t.Owned, t.Delete = t.Owned+1, t.Delete+1
	case Hold:
		t.Owned, t.Wanted, t.Held = t.Owned+1, t.Wanted+1, t.Held+1
	case Refuse:
		t.Refused++
	}
	return t
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
