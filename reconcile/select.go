package reconcile

// Select leaves the steps that match in the plan, with those they need and the
// other halves of moves. What the others are about stays as it is and counts as
// kept; a group gets no member that they would add.
func (s *Side) Select(matches func(Step) bool) {
	chosen := make([]bool, len(s.Steps))
	var choose func(int)
	choose = func(i int) {
		if chosen[i] {
			return
		}
		chosen[i] = true
		for j := range s.Steps {
			if s.Steps[j].belongsTo(s.Steps[i]) {
				choose(j)
			}
		}
	}
	for i, step := range s.Steps {
		if matches(step) {
			choose(i)
		}
	}
	absent := map[string]bool{}
	var left []Step
	for i := range s.Steps {
		step := &s.Steps[i]
		if chosen[i] {
			left = append(left, *step)
			continue
		}
		tally := s.Tally[s.Target.counted(step)]
		tally.count(step, -1)
		if step.owned() {
			tally.count(&Step{Op: Keep, Before: step.Before}, 1)
		}
		s.Tally[s.Target.counted(step)] = tally
		absent[step.DN] = absent[step.DN] || step.Op == Add
	}
	s.Steps = left
	for i := range s.Steps {
		for _, dn := range s.Steps[i].Joining {
			if absent[dn] {
				s.loseMember(i, dn, "its recipient is not added")
			}
		}
	}
}

// belongsTo reports whether the step has to be carried out with the other: it
// gives up what that one needs, is the other half of its move, or adds the post
// office that its row names.
func (s *Step) belongsTo(other Step) bool {
	return s.stops(&other) != ""
}
