package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// NewApproval approves what guards stopped a plan for. It fills in the
// connector, the plan, the guards and their steps; who gave it, when, and until
// when it holds are for the caller to fill in. Only limits it to one class of
// guards:
//
//	deletes   deletes, delete_percent, none_wanted
//	changes   changes_percent, members_percent toward Exchange
//	reads     shrink_percent, members_percent of what was read
//
// It is an error when no guard tripped, when only is no such class, and when no
// tripped guard is of it. The plan may be one that was read back: guards, and
// the steps with their op, kind, name, address, DN and changes, are enough.
func NewApproval(plan Plan, only string) (Approval, error) {
	fail := func(problem string) (Approval, error) {
		return Approval{}, fmt.Errorf("approve plan %s of %s: %s", plan.ID, plan.Connector, problem)
	}
	if only != "" && !slices.Contains([]string{classDeletes, classChanges, classReads}, only) {
		return fail(fmt.Sprintf("%q is no class of guards; choose %s, %s or %s", only, classDeletes, classChanges, classReads))
	}
	tripped := slices.DeleteFunc(slices.Clone(plan.Guards), func(g Guard) bool { return !g.Tripped })
	if len(tripped) == 0 {
		return fail("no guard stops it, so there is nothing to approve")
	}
	names := make([]string, len(tripped))
	for i, g := range tripped {
		names[i] = g.Name
	}
	tripped = slices.DeleteFunc(tripped, func(g Guard) bool { return only != "" && g.watches().class != only })
	if len(tripped) == 0 {
		return fail(fmt.Sprintf("none of the guards that stop it is about %s; they are %s", only, strings.Join(names, ", ")))
	}
	return Approval{
		Connector: plan.Connector, PlanID: plan.ID, Purpose: plan.Purpose, Only: only,
		Guards: tripped, Steps: GuardedSteps(tripped, plan.ToCCMail, plan.ToExchange),
	}, nil
}

// GuardedSteps returns the steps that the tripped ones among the guards are
// about, approved or not, each once, in the order of the plan. Which these are
// follows from the name of a guard:
//
//	to_ccmail.none_wanted, deletes, delete_percent          deletes toward cc:Mail
//	to_ccmail.changes_percent                               replacements and modifications toward cc:Mail
//	to_exchange.KIND.none_wanted, deletes, delete_percent   deletes of the kind toward Exchange
//	to_exchange.KIND.changes_percent, members_percent       replacements and modifications of the kind toward Exchange
//	ccmail.CONTAINER.shrink_percent, members_percent        all deletes toward Exchange
//	exchange.CONTAINER.shrink_percent                       all deletes toward cc:Mail
//
// What is hidden to be deleted later is a delete. Only op and kind of the steps
// are looked at, so that it gives the same for a plan that was read back.
func GuardedSteps(guards []Guard, toCCMail, toExchange []Step) []ApprovedStep {
	var watched []watch
	for _, g := range guards {
		if g.Tripped {
			watched = append(watched, g.watches())
		}
	}
	return watchedSteps(watched, toCCMail, toExchange)
}

// watch is what a guard is about. Two guards that watch the same stand for
// each other in an approval.
type watch struct {
	class     string // empty when the name says nothing that is known here
	direction Direction
	kind      Kind   // empty for all
	read      string // the name of a guard of reads
}

// watches reads the name of the guard.
func (g Guard) watches() watch {
	subject, check := "", g.Name
	if i := strings.LastIndex(g.Name, "."); i >= 0 {
		subject, check = g.Name[:i], g.Name[i+1:]
	}
	first, rest, _ := strings.Cut(subject, ".")
	w := watch{direction: Direction(first), kind: Kind(rest)}
	switch check {
	case checkNoneWanted, checkDeletes, checkDeletePart:
		w.class = classDeletes
	case checkChanges:
		w.class = classChanges
	case checkShrink, checkMembers:
		if w.direction == ToExchange { // members that groups lose
			w.class = classChanges
			break
		}
		// What is missing on one side is deleted on the other.
		away := map[string]Direction{sideCCMail: ToExchange, sideExchange: ToCCMail}
		w = watch{class: classReads, direction: away[first], read: g.Name}
	}
	if w.direction != ToCCMail && w.direction != ToExchange {
		return watch{}
	}
	return w
}

// counts reports whether a step is one of those that the guard is about.
func (w *watch) counts(direction Direction, s *Step) bool {
	if direction != w.direction || w.kind != "" && s.Kind != w.kind {
		return false
	}
	switch w.class {
	case classDeletes, classReads: // of a plan that was read back also those that end a time of grace
		return s.deletes()
	case classChanges:
		return s.Op == Replace || s.Op == Modify
	default:
		return false
	}
}

func watchedSteps(watched []watch, toCCMail, toExchange []Step) []ApprovedStep {
	var steps []ApprovedStep
	find := func(direction Direction, all []Step) {
		for i := range all {
			if slices.ContainsFunc(watched, func(w watch) bool { return w.counts(direction, &all[i]) }) {
				steps = append(steps, ApprovedStep{Direction: direction, Step: all[i]})
			}
		}
	}
	find(ToCCMail, toCCMail)
	find(ToExchange, toExchange)
	return steps
}

// directed gives the steps of a plan their directions.
func directed(toCCMail, toExchange []Step) []ApprovedStep {
	steps := make([]ApprovedStep, 0, len(toCCMail)+len(toExchange))
	for _, s := range toCCMail {
		steps = append(steps, ApprovedStep{Direction: ToCCMail, Step: s})
	}
	for _, s := range toExchange {
		steps = append(steps, ApprovedStep{Direction: ToExchange, Step: s})
	}
	return steps
}

// approve marks the tripped guards that an approval covers.
func approve(guards []Guard, approvals []Approval, toCCMail, toExchange []Step) {
	var bySteps []map[stepIdentity]int // those of each approval; counted when first asked for
	for i := range guards {
		g := &guards[i]
		if !g.Tripped || len(approvals) == 0 {
			continue
		}
		if bySteps == nil {
			for _, a := range approvals {
				bySteps = append(bySteps, tallySteps(a.Steps))
			}
		}
		steps := tallySteps(watchedSteps([]watch{g.watches()}, toCCMail, toExchange))
		for j, a := range approvals {
			if a.names(*g) && within(steps, bySteps[j]) {
				g.Approved = true
			}
		}
	}
}

// names reports whether the approval is about a guard, whatever the steps. A
// read must not have lost more than the one that was approved.
func (a Approval) names(g Guard) bool {
	watched := g.watches()
	if watched.class == "" || a.Only != "" && a.Only != watched.class {
		return false
	}
	return slices.ContainsFunc(a.Guards, func(approved Guard) bool {
		return approved.Tripped && approved.watches() == watched && (watched.class != classReads || g.Found <= approved.Found)
	})
}

// stepIdentity is what makes two steps of different plans the same: all that a
// person saw of them, except for the reason.
type stepIdentity struct {
	direction                  Direction
	op                         Op
	kind                       Kind
	name, address, dn, changes string
}

func (s ApprovedStep) identity() stepIdentity {
	return stepIdentity{s.Direction, s.Step.Op, s.Step.Kind, s.Step.Name, s.Step.Address, s.Step.DN, changesText(s.Step.Changes)}
}

// changesText is the same for the same changes, in any order, and for no
// others.
func changesText(changes []Change) string {
	sorted := slices.SortedFunc(slices.Values(changes), func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Attr, b.Attr), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New))
	})
	var text []byte
	for _, c := range sorted {
		for _, value := range []string{c.Attr, c.Old, c.New} {
			text = strconv.AppendQuote(text, value)
		}
	}
	return string(text)
}

func tallySteps(steps []ApprovedStep) map[stepIdentity]int {
	tally := make(map[stepIdentity]int, len(steps))
	for _, s := range steps {
		tally[s.identity()]++
	}
	return tally
}

// within reports whether all of the steps are among the others, as often as
// they are there.
func within(steps, others map[stepIdentity]int) bool {
	for identity, n := range steps {
		if others[identity] < n {
			return false
		}
	}
	return true
}
