package reconcile

import (
	"fmt"
	"time"
)

// Grace is the time between the day on which nothing wants an entry of ours any
// more and its deletion. Toward Exchange the entry is hidden from the address
// book meanwhile; toward cc:Mail, where nothing can be hidden, it only stays.
//
// Entries that give way to another one have none: the old halves of moves,
// second recipients of one entry, those in former import containers, and those
// whose address or name goes to another entry.
type Grace struct {
	Period time.Duration // 0 deletes at once
	Now    time.Time
	// Retiring are those that earlier runs left in their time of grace, of this
	// direction or of both. They are looked at whatever the period is.
	Retiring []Retirement
}

// grace is where in its time of grace the entry of a step is. The zero value is
// that of an entry that has none.
type grace struct {
	since  time.Time
	hid    bool // a step of ours hid it, this one or an earlier one
	begins bool // with this step
	stage  stage
}

// stage says what of a time of grace guards need not look at.
type stage uint8

const (
	judged stage = iota // the step counts as every other
	waits               // it is held until the time is over
	due                 // it is deleted, is hidden still, and was judged when it was hidden
)

// stop takes back what the step would have begun or ended.
func (g *grace) stop() {
	if g.begins {
		*g = grace{}
	}
	g.stage = judged
}

// retirements are known ones by key.
type retirements map[string]Retirement

func (g Grace) known(d Direction) retirements {
	known := retirements{}
	for _, r := range g.Retiring {
		if r.Direction == d {
			known[r.Key] = r
		}
	}
	return known
}

// find returns the time of grace that is known of one of the keys.
func (r retirements) find(keys ...string) grace {
	for _, key := range keys {
		if known, there := r[key]; key != "" && there {
			return grace{since: known.Since, hid: known.Hid}
		}
	}
	return grace{}
}

// retire makes a step that deletes one that begins or awaits the deletion. It
// stays one that deletes when there is no time of grace, or when it is over. A
// time that has not come yet, because the clock was put back, counts as now.
func (g Grace) retire(s Step, known grace) Step {
	s.grace = known
	switch {
	case known.since.IsZero():
		if g.Period <= 0 {
			return s
		}
		s.grace = grace{since: g.Now, begins: true}
	case known.since.After(g.Now):
		s.grace.since = g.Now
	}
	end := s.grace.since.Add(g.Period)
	if !g.Now.Before(end) {
		s.Reason += "; " + g.account(s)
		if s.grace.hid && s.Before != nil && s.Before.Hidden {
			s.grace.stage = due
		}
		return s
	}
	if s.Before != nil && !s.Before.Hidden {
		return g.hide(s)
	}
	s.Op, s.grace.stage = Hold, waits
	s.Reason += "; " + g.account(s)
	if s.grace.begins {
		s.Reason += ", will be deleted after " + days(g.Period)
	} else {
		s.Reason += ", will be deleted after " + end.UTC().Format(time.RFC3339)
	}
	return s
}

// hide makes a step that deletes one that hides.
func (g Grace) hide(s Step) Step {
	after := *s.Before
	after.Hidden = true
	s.Op, s.After, s.grace.hid = Hide, &after, true
	// The plan must not change with the time of day, so a new one names no time.
	if s.grace.begins {
		s.Reason += fmt.Sprintf("; it is hidden and will be deleted after %s", days(g.Period))
	} else {
		s.Reason += "; it is hidden again and will be deleted after " + s.grace.since.Add(g.Period).UTC().Format(time.RFC3339)
	}
	return s
}

// account says what became of the entry so far.
func (g Grace) account(s Step) string {
	what := "kept"
	if s.Before != nil && s.Before.Hidden {
		what = "hidden"
	}
	if s.grace.begins {
		return what
	}
	return what + " since " + s.grace.since.UTC().Format(time.RFC3339)
}

// days writes a time as people write periods of it.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	default:
		return d.String()
	}
}

// Retirements returns the entries that are in their time of grace after the
// steps of a side toward d: as planned, or, once the steps have outcomes, as it
// came out. An entry that is hidden though it is wanted again, because it could
// not be changed, is among them, so that a later plan shows it again. So is one
// of which it is not known whether it was hidden.
func (s Side) Retirements(d Direction) []Retirement {
	var all []Retirement
	for i := range s.Steps {
		if step := &s.Steps[i]; !step.grace.since.IsZero() && step.staysRetired() {
			all = append(all, Retirement{
				Direction: d, Key: step.Key, Name: step.Name, DN: step.DN, Since: step.grace.since, Hid: step.grace.hid,
			})
		}
	}
	return all
}

func (s *Step) staysRetired() bool {
	switch {
	case s.Op == Hide:
		return s.Outcome != Held || !s.grace.begins
	case s.Op.Writes():
		return s.Outcome == Failed || s.Outcome == Held
	default:
		return true
	}
}
