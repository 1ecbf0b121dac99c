package reconcile

import (
	"fmt"
	"maps"
	"slices"
)

// Side is the part of a plan that is about one target.
type Side struct {
	Target Direction
	Steps  []Step
	Tally  map[Kind]Tally
}

// Tally counts what a side of a plan is judged by.
type Tally struct {
	Owned   int // entries of ours on the target now
	Wanted  int // entries that ought to be there, held ones included
	Keep    int
	Add     int
	Delete  int
	Change  int // replace and modify, but for changes of nothing but members
	Refused int
	Held    int

	// LeftScope and Gone are those of the deletes whose source is there still
	// but is not synchronized any more, and whose source is not there.
	LeftScope, Gone int

	// Members are those of groups of ours that stay, and MembersGone the ones of
	// them that the steps delete.
	Members, MembersGone int
}

// draft is a side whose steps are still being decided.
type draft struct {
	target Direction
	steps  []Step
	tally  map[Kind]*Tally
}

// newDraft begins a side for which about so many steps are expected that are no
// keeps.
func newDraft(target Direction, expected int) *draft {
	return &draft{target: target, steps: make([]Step, 0, expected), tally: map[Kind]*Tally{}}
}

// add counts steps and puts all but the keeps into the side.
func (d *draft) add(steps ...Step) {
	for i := range steps {
		d.of(d.target.counted(&steps[i])).count(&steps[i], 1)
		if steps[i].Op != Keep {
			d.steps = append(d.steps, steps[i])
		}
	}
}

// recount counts a step anew that was counted as it was before.
func (d *draft) recount(was, is *Step) {
	tally := d.of(d.target.counted(was))
	tally.count(was, -1)
	tally.count(is, 1)
}

// keep counts an entry that stays as it is.
func (d *draft) keep(kind Kind) { d.add(Step{Op: Keep, Kind: kind}) }

func (d *draft) of(kind Kind) *Tally {
	t, there := d.tally[kind]
	if !there {
		t = &Tally{}
		d.tally[kind] = t
	}
	return t
}

// side puts the steps into the order in which they are carried out.
func (d *draft) side() Side {
	side := Side{Tally: make(map[Kind]Tally, len(d.tally)), Target: d.target}
	for kind, t := range d.tally {
		side.Tally[kind] = *t
	}
	if len(d.steps) > 0 {
		side.Steps = needsFirst(inOrder(d.steps))
	}
	return side
}

// counted is the kind that a step toward the target counts for. A row of
// cc:Mail does not say what kind of Exchange entry it stands for, so all but the
// post offices are judged together.
func (d Direction) counted(s *Step) Kind {
	if d == ToCCMail && s.Kind != PostOffice {
		return User
	}
	return s.Kind
}

// needsFirst puts the steps that delete or change an entry above those that
// need it, and leaves the order alone otherwise. No two steps need each other:
// the plan holds both then.
func needsFirst(steps []Step) []Step {
	frees := map[string]int{}
	needed := false
	for i := range steps {
		needed = needed || len(steps[i].Needs) > 0
	}
	if !needed {
		return steps
	}
	for i := range steps {
		switch steps[i].Op {
		case Delete, Modify, Adopt, Hide:
			frees[steps[i].DN] = i
		case Keep, Add, Replace, Refuse, Hold:
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

// count counts a step as often as times says, which is -1 to take it back. An
// entry in its time of grace counts when it is hidden, or when it is deleted
// without having been hidden, and not again.
func (t *Tally) count(s *Step, times int) {
	if s.grace.stage != judged {
		if s.Op == Hold {
			t.Held += times
		}
		return
	}
	if s.owned() {
		t.Owned += times
		t.countMembers(s, times)
	}
	if s.wanted() {
		t.Wanted += times
	}
	switch s.Op {
	case Keep:
		t.Keep += times
	case Replace, Modify:
		if !s.members {
			t.Change += times
		}
	case Adopt: // takes nothing away from what was there
	case Add:
		t.Add += times
	case Delete, Hide:
		t.Delete += times
		t.countCause(s, times)
	case Hold:
		t.Held += times
	case Refuse:
		t.Refused += times
	}
}

func (t *Tally) countMembers(s *Step, times int) {
	if s.Before != nil && s.Op != Delete {
		t.Members += times * len(s.Before.Members)
		t.MembersGone += times * len(s.Leaving)
	}
}

func (t *Tally) countCause(s *Step, times int) {
	switch s.cause {
	case leftScope:
		t.LeftScope += times
	case goneFromSource:
		t.Gone += times
	case otherCause:
	}
}

// recount counts a step that has become another one.
func (s *Side) recount(was, is *Step) {
	tally := s.Tally[s.Target.counted(was)]
	tally.count(was, -1)
	tally.count(is, 1)
	s.Tally[s.Target.counted(was)] = tally
}

// owned reports whether the step is about an entry of ours on the target. What
// is held need not be there: its add may wait for another step. What is adopted
// is ours already when it is taken over from another connector.
func (s *Step) owned() bool {
	switch s.Op {
	case Keep, Replace, Modify, Delete, Hide:
		return true
	case Adopt:
		return s.Before.Owner != ""
	case Hold:
		return s.Before != nil || s.OldRow != nil
	case Add, Refuse:
	}
	return false
}

// wanted reports whether the step is about an entry that ought to be on the
// target. Of a move that is held the entry that stays counts, not its add.
func (s *Step) wanted() bool {
	switch s.Op {
	case Delete, Hide, Refuse:
		return false
	case Hold:
		return !s.unwanted && (!s.recreated || s.owned())
	case Keep, Replace, Modify, Adopt, Add:
	}
	return true
}

// Refuse takes back steps of a side toward Exchange, by their place, because it
// turned out that they cannot be written; the reasons say why. Each becomes a
// refusal, or is held when it would change or delete an entry of ours, which then
// stays as it is. So is every step that needs what thereby is not given up, and the
// delete that a move's add belongs to: nobody is deleted whose add cannot be
// written. The steps keep their places, those taken back lose what they would write,
// and the tally is that of the steps as they are then. A step that writes nothing
// stays as it is.
func (s *Side) Refuse(reasons map[int]string) {
	s.takeBack(reasons, func(step Step, reason string) (Op, string) {
		if step.owned() {
			return Hold, step.stays() + reason
		}
		return Refuse, reason
	})
}

// Hold leaves steps, by their place, for a later cycle, and with each every step
// that needs it, as [Side.Refuse] does. An entry of ours that nothing wants does
// not count as wanted because it stays.
func (s *Side) Hold(reasons map[int]string) {
	s.takeBack(reasons, func(_ Step, reason string) (Op, string) { return Hold, reason })
}

func (s *Side) takeBack(reasons map[int]string, become func(Step, string) (Op, string)) {
	if len(reasons) == 0 {
		return
	}
	others := newDependents(s.Steps)
	for _, i := range slices.Sorted(maps.Keys(reasons)) {
		if !s.Steps[i].Op.Writes() {
			continue
		}
		stopped := []Step{s.Steps[i]}
		op, reason := become(s.Steps[i], reasons[i])
		s.stop(i, op, reason)
		for ; len(stopped) > 0; stopped = stopped[1:] {
			stopped = append(stopped, s.stopDependents(stopped[0], others)...)
		}
	}
}

// stopDependents holds the steps that cannot be carried out without the first,
// and returns them as they were.
func (s *Side) stopDependents(first Step, others dependents) (stopped []Step) {
	for _, j := range others.of(first) {
		step := &s.Steps[j]
		if why := first.stops(step); why != "" && step.Op.Writes() {
			if step.owned() {
				why = step.stays() + why
			}
			stopped = append(stopped, *step)
			s.stop(j, Hold, why)
		}
	}
	if first.Op == Add {
		for _, j := range others.joining[first.DN] {
			s.loseMember(j, first.DN, "its recipient is not added")
		}
	}
	return stopped
}

// loseMember leaves out of a step a member whose recipient will not be there. A
// step that has nothing else to do is held.
func (s *Side) loseMember(i int, dn, why string) {
	step := &s.Steps[i]
	if step.After == nil {
		return
	}
	step.withoutMember(dn, why)
	if step.members && len(step.Joining)+len(step.Leaving) == 0 {
		s.stop(i, Hold, fmt.Sprintf("its member %s is not added yet: %s", dn, why))
	}
}

// dependents finds the places of the steps that others may need, see
// [Step.stops].
type dependents struct {
	taking     map[string][]int // by the DN of an entry that they need
	joining    map[string][]int // by the DN of a member that they add
	halves     map[string][]int // of moves, by key
	postOffice map[string][]int // steps that add one, and rows at it, by its key
}

func newDependents(steps []Step) dependents {
	d := dependents{taking: map[string][]int{}, joining: map[string][]int{}, halves: map[string][]int{}, postOffice: map[string][]int{}}
	for i, step := range steps {
		for _, dn := range step.Needs {
			d.taking[dn] = append(d.taking[dn], i)
		}
		for _, dn := range step.Joining {
			d.joining[dn] = append(d.joining[dn], i)
		}
		if step.recreated {
			d.halves[step.Key] = append(d.halves[step.Key], i)
		}
		if step.Kind == PostOffice {
			d.postOffice[step.Key] = append(d.postOffice[step.Key], i)
		}
		if step.Row != nil {
			key := Fold(step.Row.PostOffice)
			d.postOffice[key] = append(d.postOffice[key], i)
		}
	}
	return d
}

// of returns the places of the steps that may need this one, in their order.
func (d dependents) of(s Step) []int {
	var places []int
	if s.recreated {
		places = append(places, d.halves[s.Key]...)
	}
	if s.Op != Add {
		places = append(places, d.taking[s.DN]...)
	}
	if s.Kind == PostOffice || s.Op == Delete && s.OldRow != nil {
		places = append(places, d.postOffice[s.Key]...)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// stays begins the reason of an entry of ours that is held.
func (s *Step) stays() string {
	if s.OldRow != nil {
		return staysAsItIs
	}
	return recipientStays
}

// stops says why another step cannot be carried out when this one is not, empty
// when it can.
func (s *Step) stops(other *Step) string {
	switch {
	case s.recreated && other.recreated && s.Key == other.Key:
		return "its delete and add belong together, and one of them cannot be written"
	case s.Op != Add && slices.Contains(other.Needs, s.DN):
		return fmt.Sprintf("it takes a name or an address of %s, which stays as it is", s.DN)
	case s.Kind == PostOffice && other.Row != nil && Fold(other.Row.PostOffice) == s.Key:
		return fmt.Sprintf("its post office %s is not there", s.Name)
	case s.Op == Delete && s.OldRow != nil && other.Kind == PostOffice && other.Key == s.Key:
		return fmt.Sprintf("its name is that of %q, which stays as it is", s.OldRow.Name)
	default:
		return ""
	}
}

// stop makes a refusal of a step, or holds it.
func (s *Side) stop(i int, op Op, reason string) {
	step := &s.Steps[i]
	was := *step
	if !step.owned() {
		step.Before = nil // an adoption's is not ours
	}
	step.unwanted = (step.Op == Delete || step.Op == Hide) && !step.recreated
	step.Op, step.Reason, step.Event = op, reason, 0
	step.After, step.Row, step.Needs, step.Changes, step.Joining, step.Leaving, step.members = nil, nil, nil, nil, nil, nil, false
	step.grace.stop()
	s.recount(&was, step)
}
