package reconcile

import (
	"fmt"
	"slices"
)

// Limits are what a plan may do without a person having looked at it. Numbers
// count entries, percentages are of what we own on that target now.
type Limits struct {
	Deletes        int // of one direction and kind
	DeletePercent  int
	ChangesPercent int
	Floor          int // up to this number of deletes or changes, neither numbers nor percentages count
}

// Guard is one check of a finished plan.
type Guard struct {
	Name    string `json:"name"`
	Limit   int    `json:"limit"`
	Found   int    `json:"found"`
	Tripped bool   `json:"tripped"`
	Detail  string `json:"detail,omitempty"` // of a tripped one: what was found and what to do
}

// Judge checks both sides of a plan. A tripped guard means that nothing may be
// written before a person has looked at the plan.
func Judge(limits Limits, toCCMail, toExchange Side) []Guard {
	var guards []Guard
	guards = append(guards, limits.judge("to_ccmail", toCCMail.Tally[User])...)
	for _, kind := range []Kind{User, List, Board} {
		guards = append(guards, limits.judge("to_exchange."+string(kind), toExchange.Tally[kind])...)
	}
	return guards
}

// TrippedOf returns the guards that tripped, in their order.
func TrippedOf(guards []Guard) []Guard {
	return slices.DeleteFunc(slices.Clone(guards), func(g Guard) bool { return !g.Tripped })
}

func (l Limits) judge(name string, t Tally) []Guard {
	guards := []Guard{
		l.noneWanted(t),
		{Name: "deletes", Limit: l.Deletes, Found: t.Delete, Tripped: t.Delete > l.Floor && t.Delete > l.Deletes},
		{Name: "delete_percent", Limit: l.DeletePercent, Found: percent(t.Delete, t.Owned), Tripped: t.Delete > l.Floor && t.Delete*100 > l.DeletePercent*t.Owned},
		{Name: "changes_percent", Limit: l.ChangesPercent, Found: percent(t.Change, t.Owned), Tripped: t.Change > l.Floor && t.Change*100 > l.ChangesPercent*t.Owned},
	}
	for i := range guards {
		if guards[i].Tripped && guards[i].Detail == "" {
			guards[i].Detail = fmt.Sprintf("%d deletes and %d changes among %d entries of ours; if they are meant, raise limits.%s for this run",
				t.Delete, t.Change, t.Owned, guards[i].Name)
		}
		guards[i].Name = name + "." + guards[i].Name
	}
	return guards
}

// noneWanted trips when there is something of ours and nothing is wanted any
// more: a read that succeeded with nothing proves nothing.
func (l Limits) noneWanted(t Tally) Guard {
	g := Guard{Name: "none_wanted", Limit: 0, Found: 0}
	if t.Owned > 0 && t.Wanted == 0 {
		g.Found, g.Tripped = t.Owned, true
		g.Detail = fmt.Sprintf("everything of ours, %d in number, would go because the other side has none; "+
			"if that is true, delete them by hand, otherwise find out why the other side shows nothing", t.Owned)
	}
	return g
}

// percent rounds up, so that a tripped guard never shows a number at its
// limit. A part of nothing, as when all of it was adopted, is all there is.
func percent(part, whole int) int {
	if whole == 0 {
		return 100 * min(part, 1)
	}
	return (part*100 + whole - 1) / whole
}
