package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// Limits are what a plan may do without a person having looked at it. Numbers
// count entries, percentages are of what we own on that target now, those of
// reads of what the last good run knew.
type Limits struct {
	Deletes        int // of one direction and kind
	DeletePercent  int
	ChangesPercent int
	ShrinkPercent  int // fewer entries in a container than the last good run knew
	MembersPercent int // likewise of list members
	Floor          int // up to this number of deletes, changes or lost entries, neither numbers nor percentages count
}

// Basis is what a plan is judged by beside its steps.
type Basis struct {
	// Purpose is that of the plan: when it has one, the deletes are not due to
	// what the other side shows.
	Purpose string
	Limits  Limits
	// Counts are what this run read. A container that was read and is empty
	// has a count of 0; one that was not read has none.
	Counts []Count
	Scope  []Setting // of this run
	Known  Known     // with the approvals of this connector that have not expired
}

// Guard is one check of a finished plan. Its name says what it checks:
//
//	to_ccmail.CHECK                 deletes or changes in cc:Mail
//	to_exchange.KIND.CHECK          the same in Exchange, of user, list or board
//	to_exchange.list.members_percent  members that groups lose
//	ccmail.CONTAINER.CHECK          entries read from a part of the post office
//	exchange.CONTAINER.CHECK        entries read from a container, by its DN
//
// CHECK is the limit that it is about, or none_wanted.
type Guard struct {
	Name    string `json:"name"`
	Limit   int    `json:"limit"`
	Found   int    `json:"found"`
	Tripped bool   `json:"tripped"`
	// Approved says that it tripped, and that a person let through what it
	// found.
	Approved bool   `json:"approved,omitempty"`
	Detail   string `json:"detail,omitempty"` // of a tripped one: what was found and what to do
}

// The checks, and the classes of guards by which an approval can be limited.
const (
	checkNoneWanted = "none_wanted"
	checkDeletes    = "deletes"
	checkDeletePart = "delete_percent"
	checkChanges    = "changes_percent"
	checkShrink     = "shrink_percent"
	checkMembers    = "members_percent"

	classDeletes = "deletes"
	classChanges = "changes"
	classReads   = "reads"
)

// Judge checks both sides of a plan, and what was read for it. A guard that
// tripped and is not approved ([TrippedOf]) means that nothing may be written
// before a person has looked at the plan. The same input gives the same
// guards, in the same order.
func Judge(b Basis, toCCMail, toExchange Side) []Guard {
	guards := b.judge(ToCCMail, "", toCCMail.Tally[User])
	for _, kind := range []Kind{User, List, Board} {
		guards = append(guards, b.judge(ToExchange, kind, toExchange.Tally[kind])...)
	}
	guards = append(guards, b.judgeReads(toCCMail, toExchange)...)
	approvals := slices.DeleteFunc(slices.Clone(b.Known.Approvals), func(a Approval) bool { return a.Purpose != b.Purpose })
	approve(guards, approvals, toCCMail.Steps, toExchange.Steps)
	return guards
}

// TrippedOf returns the guards that tripped and are not approved, in their
// order.
func TrippedOf(guards []Guard) []Guard {
	return slices.DeleteFunc(slices.Clone(guards), func(g Guard) bool { return !g.Tripped || g.Approved })
}

// judge checks the deletes and changes of one direction and kind; a direction
// that is judged as a whole has no kind.
func (b Basis) judge(direction Direction, kind Kind, t Tally) []Guard {
	l := b.Limits
	guards := []Guard{
		{Name: checkNoneWanted, Found: noneWanted(t), Tripped: noneWanted(t) > 0},
		{Name: checkDeletes, Limit: l.Deletes, Found: t.Delete, Tripped: t.Delete > l.Floor && t.Delete > l.Deletes},
		{Name: checkDeletePart, Limit: l.DeletePercent, Found: percent(t.Delete, t.Owned), Tripped: l.over(t.Delete, t.Owned, l.DeletePercent)},
		{Name: checkChanges, Limit: l.ChangesPercent, Found: percent(t.Change, t.Owned), Tripped: l.over(t.Change, t.Owned, l.ChangesPercent)},
	}
	if t.Members > 0 {
		guards = append(guards, Guard{
			Name: checkMembers, Limit: l.MembersPercent, Found: percent(t.MembersGone, t.Members),
			Tripped: l.over(t.MembersGone, t.Members, l.MembersPercent),
		})
	}
	prefix := string(direction) + "."
	if kind != "" {
		prefix += string(kind) + "."
	}
	for i := range guards {
		if guards[i].Tripped {
			guards[i].Detail = b.detail(guards[i].Name, direction, t)
		}
		guards[i].Name = prefix + guards[i].Name
	}
	return guards
}

// noneWanted is the number of entries of ours when nothing at all is wanted any
// more, else 0: a read that succeeded with nothing proves nothing. When none
// would go, as when all that is left is held, it is 0 too.
func noneWanted(t Tally) int {
	if t.Wanted > 0 || t.Delete == 0 {
		return 0
	}
	return t.Owned
}

// over reports whether a part is over the floor and over a percentage of the
// whole.
func (l Limits) over(part, whole, percentage int) bool {
	return part > l.Floor && part*100 > percentage*whole
}

// percent rounds up, so that a tripped guard never shows a number at its
// limit. A part of nothing, as when all of it was adopted, is all there is.
func percent(part, whole int) int {
	if whole == 0 {
		return 100 * min(part, 1)
	}
	return (part*100 + whole - 1) / whole
}

// detail says what a check of deletes or changes found and what to do.
func (b Basis) detail(check string, direction Direction, t Tally) string {
	found := fmt.Sprintf("%d deletes and %d changes among %d entries of ours", t.Delete, t.Change, t.Owned)
	causes := b.scopeText()
	advice := raise(check)
	switch {
	case b.Purpose != "":
		causes = "it is for " + b.Purpose
		if check == checkNoneWanted {
			found, advice = fmt.Sprintf("everything of ours, %d in number, would go", t.Owned), "if that is meant, approve the plan"
		}
		return join(found, causes, advice)
	case check == checkNoneWanted:
		found = fmt.Sprintf("everything of ours, %d in number, would go because the other side has none", t.Owned)
		causes = b.causes(direction, t)
		advice = findOut
	case check == checkDeletes || check == checkDeletePart:
		causes = b.causes(direction, t)
	case check == checkMembers:
		found = fmt.Sprintf("%d of the %d members of lists of ours would go", t.MembersGone, t.Members)
	}
	return join(found, causes, advice)
}

// findOut is what to do about a side that shows nothing.
const findOut = "find out why the other side shows nothing, and approve the plan only if that is true"

func raise(check string) string {
	return "if they are meant, approve the plan, or raise limits." + check + " for this run"
}

// join makes one text of the parts that are not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// causes tells the deletes whose source left the scope from those whose source
// is gone, and whether the scope is that of the last good run.
func (b Basis) causes(direction Direction, t Tally) string {
	scope := b.scopeText()
	if t.Delete == 0 {
		return scope
	}
	left := "left the scope"
	if b.Known.Last.Run != 0 && len(b.scopeChanges()) == 0 {
		left = "left it by a change of their own, such as being hidden"
	}
	gone := "gone from Exchange"
	if direction == ToExchange {
		gone = "gone from cc:Mail"
	}
	var numbers []string
	for _, cause := range []struct {
		number int
		text   string
	}{{t.LeftScope, left}, {t.Gone, gone}, {t.Delete - t.LeftScope - t.Gone, "for other reasons"}} {
		if cause.number > 0 {
			numbers = append(numbers, fmt.Sprintf("%d %s", cause.number, cause.text))
		}
	}
	return join(scope, "of the deletes: "+strings.Join(numbers, ", "))
}
