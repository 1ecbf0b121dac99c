package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Compare tells people how the plan made now differs from a saved one, in a
// few lines; none when it does the same. Steps are the same when all but their
// reasons is, also those that were refused or held: they say that a side has
// moved on too. The saved plan may be one that was read back.
func Compare(saved, now Plan) []string {
	var differences []string
	if saved.Connector != now.Connector {
		differences = append(differences, fmt.Sprintf("it is a plan of connector %s, not of %s", saved.Connector, now.Connector))
	}
	if saved.Purpose != now.Purpose {
		differences = append(differences, fmt.Sprintf("its purpose is %q, not %q", saved.Purpose, now.Purpose))
	}
	for _, side := range []struct {
		target     string
		saved, now []ApprovedStep
	}{
		{"to cc:Mail", directed(saved.ToCCMail, nil), directed(now.ToCCMail, nil)},
		{"to Exchange", directed(nil, saved.ToExchange), directed(nil, now.ToExchange)},
	} {
		for _, difference := range compareSides(side.saved, side.now) {
			differences = append(differences, side.target+": "+difference)
		}
	}
	return differences
}

// compareSides tells which steps are new, gone, and about the same entry but
// different.
func compareSides(saved, now []ApprovedStep) []string {
	gone, added := beyond(saved, now), beyond(now, saved)
	goneBy := map[stepIdentity][]ApprovedStep{}
	for _, s := range gone {
		goneBy[s.entry()] = append(goneBy[s.entry()], s)
	}
	var fresh, different []ApprovedStep
	paired := map[stepIdentity]int{}
	for _, s := range added {
		if entry := s.entry(); paired[entry] < len(goneBy[entry]) {
			paired[entry]++
			different = append(different, s)
		} else {
			fresh = append(fresh, s)
		}
	}
	gone = slices.DeleteFunc(gone, func(s ApprovedStep) bool {
		entry := s.entry()
		paired[entry]--
		return paired[entry] >= 0
	})
	var differences []string
	for _, group := range []struct {
		one, many string
		steps     []ApprovedStep
	}{
		{"1 step is new", "%d steps are new", fresh},
		{"1 step is there no more", "%d steps are there no more", gone},
		{"1 step is different now", "%d steps are different now", different},
	} {
		switch len(group.steps) {
		case 0:
		case 1:
			differences = append(differences, group.one+": "+named(group.steps))
		default:
			differences = append(differences, fmt.Sprintf(group.many, len(group.steps))+": "+named(group.steps))
		}
	}
	return differences
}

// beyond returns the steps that the others do not have, or not as often.
func beyond(steps, others []ApprovedStep) []ApprovedStep {
	left := tallySteps(others)
	return slices.DeleteFunc(slices.Clone(steps), func(s ApprovedStep) bool {
		identity := s.identity()
		left[identity]--
		return left[identity] >= 0
	})
}

// entry is the same for all steps about one entry: in Exchange that of one DN,
// in cc:Mail, and where there is no DN yet, that of one name.
func (s ApprovedStep) entry() stepIdentity {
	entry := stepIdentity{direction: s.Direction, name: Fold(s.Step.Name)}
	if s.Direction == ToExchange {
		entry.kind = s.Step.Kind
	}
	if s.Step.DN != "" && (s.Direction == ToExchange || s.Step.Name == "") {
		entry = stepIdentity{direction: s.Direction, dn: Fold(s.Step.DN)}
	}
	return entry
}

// named names the first few steps.
func named(steps []ApprovedStep) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = fmt.Sprintf("%s %s %s", s.Step.Op, s.Step.Kind, cmp.Or(s.Step.Subject(), "without a name"))
	}
	return strings.Join(firstFew(texts, "step"), ", ")
}
