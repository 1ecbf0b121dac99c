package reconcile

import (
	"cmp"
	"slices"
	"strings"
)

// inOrder sorts the steps into the order in which they are carried out, which
// is that of compareSteps. Steps are large and mostly in order already, so it is
// their places that are sorted.
func inOrder(steps []Step) []Step {
	places := make([]place, len(steps))
	for i := range steps {
		places[i] = place{step: &steps[i], rank: steps[i].rank()}
	}
	if slices.IsSortedFunc(places, comparePlaces) {
		return steps
	}
	slices.SortFunc(places, comparePlaces)
	ordered := make([]Step, len(steps))
	for i := range places {
		ordered[i] = *places[i].step
	}
	return ordered
}

// place is where a step goes.
type place struct {
	step *Step
	rank int
}

func comparePlaces(a, b place) int {
	if a.rank != b.rank {
		return cmp.Compare(a.rank, b.rank)
	}
	return cmp.Or(
		strings.Compare(a.step.Key, b.step.Key),
		strings.Compare(a.step.Name, b.step.Name),
		strings.Compare(a.step.Address, b.step.Address),
		strings.Compare(a.step.DN, b.step.DN),
		strings.Compare(a.step.Reason, b.step.Reason),
	)
}

// rank is what makes a plan safe to carry out from top to bottom: first the
// stage, then names and addresses are freed before they are taken (Q166581), and
// post offices are there before any row names them in its address.
func (s *Step) rank() int {
	const perOp, perStage = 3, 100
	return s.stage()*perStage + s.order()*perOp + s.postOfficeOrder()
}

func (s *Step) order() int {
	switch s.Op {
	case Delete:
		return 0
	case Add:
		if s.Kind == PostOffice {
			return 1
		}
		return 6
	case Replace:
		return 2
	case Hide:
		return 3
	case Modify:
		return 4
	case Adopt:
		return 5
	case Hold:
		return 7
	case Refuse:
		return 8
	case Keep:
	}
	return 9 // no step of a plan
}

// stage is 1 for custom recipients of lists and boards, which are written
// after those of users, and 0 for everything else.
func (s *Step) stage() int {
	if s.After != nil && s.After.Kind != User || s.Before != nil && s.Before.Kind != User {
		return 1
	}
	return 0
}

// postOfficeOrder puts post offices before everything else, and direct ones
// before those reached through them.
func (s *Step) postOfficeOrder() int {
	switch {
	case s.Kind != PostOffice:
		return 2
	case s.Row != nil && s.Row.Location == "P":
		return 0
	default:
		return 1
	}
}
