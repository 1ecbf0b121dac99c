package reconcile

import "fmt"

// recordedStep is a step of a run that is taken back.
type recordedStep struct {
	Step
	unknown bool // whether it was carried out
}

// carriedOut returns the steps that wrote something, or may have. One that was
// held did not. One that failed, or has no outcome because the run died, may
// have written and the answer was lost.
func carriedOut(steps []Step) []recordedStep {
	var done []recordedStep
	for _, s := range steps {
		if s.Op.Writes() && s.Outcome != Held {
			done = append(done, recordedStep{Step: s, unknown: s.Outcome != Done})
		}
	}
	return done
}

// takenBack begins a step that takes this one back.
func (s recordedStep) takenBack(op Op) Step {
	verb := map[Op]string{Add: "added", Delete: "deleted", Replace: "replaced", Modify: "changed", Adopt: "adopted", Hide: "hid"}[s.Op]
	return Step{
		Op: op, Kind: s.Kind, Name: s.Name, Address: s.Address, DN: s.DN, Key: s.Key,
		Reason: fmt.Sprintf("the run %s it: %s", verb, s.Reason),
	}
}

// refused leaves what the step did.
func (s recordedStep) refused(problem string) Step {
	step := s.takenBack(Refuse)
	if step.Reason = problem; s.unknown {
		step.Reason = "it is not known whether the run did this, and " + problem
	}
	return step
}

// notRecorded is why a delete cannot be taken back that was recorded without the
// values that went.
const notRecorded = "the values that it had were not recorded"
