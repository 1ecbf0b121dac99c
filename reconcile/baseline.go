package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The sides of counts, and the containers of cc:Mail's that are judged in a way
// of their own.
const (
	sideCCMail   = "ccmail"
	sideExchange = "exchange"

	ListMembers = "list members" // of all mailing lists together
	// OurPostOffices are the post office entries that the connector made.
	// Nobody deletes the last of them, so a directory without one is that of
	// another post office, or of one that was set up anew.
	OurPostOffices = "our post offices"
)

// judgeReads compares what was read with what the last good run knew. A
// container that only one of them read is not judged: the scope tells of it.
func (b Basis) judgeReads(toCCMail, toExchange Side) []Guard {
	type container struct{ side, name string }
	had := map[container]int{}
	for _, c := range b.Known.Last.Counts {
		had[container{c.Side, Fold(c.Container)}] = c.Entries
	}
	var guards []Guard
	for _, c := range slices.SortedFunc(slices.Values(b.Counts), compareCounts) {
		known, there := had[container{c.Side, Fold(c.Container)}]
		if !there {
			continue
		}
		direction, target := ToExchange, toExchange
		if c.Side == sideExchange {
			direction, target = ToCCMail, toCCMail
		}
		guards = append(guards, b.judgeRead(c, known, direction, target.total()))
	}
	return guards
}

func compareCounts(a, b Count) int {
	return cmp.Or(cmp.Compare(a.Side, b.Side), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Entries, b.Entries))
}

// judgeRead compares one count with the one that was known. What is missing
// on one side is deleted on the other, so the tally is that of the direction
// away from it.
func (b Basis) judgeRead(now Count, known int, direction Direction, t Tally) Guard {
	check, limit := checkShrink, b.Limits.ShrinkPercent
	if now.Side == sideCCMail && now.Container == ListMembers {
		check, limit = checkMembers, b.Limits.MembersPercent
	}
	lost := max(known-now.Entries, 0)
	replaced := now.Side == sideCCMail && now.Container == OurPostOffices && known > 0 && now.Entries == 0
	g := Guard{
		Name:  now.Side + "." + now.Container + "." + check,
		Limit: limit, Found: percent(lost, known), Tripped: replaced || b.Limits.over(lost, known, limit),
	}
	switch last := b.Known.Last.name(); {
	case replaced:
		g.Detail = join(fmt.Sprintf("the post office entries of Exchange that %s left in cc:Mail are gone, as in the directory of another post office", last),
			b.causes(direction, t), "see whether post_office.path is right; if somebody deleted them, approve the plan")
	case g.Tripped:
		g.Detail = join(fmt.Sprintf("%d entries where %s had %d", now.Entries, last, known),
			b.causes(direction, t), "if that is true, approve the plan, or raise limits."+check+" for this run")
	}
	return g
}

// total is the tally of all kinds of a side.
func (s Side) total() Tally {
	var sum Tally
	for _, t := range s.Tally {
		sum.Delete += t.Delete
		sum.LeftScope += t.LeftScope
		sum.Gone += t.Gone
	}
	return sum
}

// name tells people which run a baseline is of.
func (b Baseline) name() string {
	return fmt.Sprintf("run %d of %s", b.Run, b.Ended.UTC().Format(time.RFC3339))
}

// scopeText says whether the scope is that of the last good run, and what
// differs; nothing when there was no such run.
func (b Basis) scopeText() string {
	if b.Known.Last.Run == 0 {
		return ""
	}
	changes := b.scopeChanges()
	if len(changes) == 0 {
		return "the scope is that of " + b.Known.Last.name()
	}
	return fmt.Sprintf("the scope has changed since %s (%s)", b.Known.Last.name(), strings.Join(firstFew(changes, "setting"), ", "))
}

// scopeChanges tells the settings that are not what they were in the last good
// run.
func (b Basis) scopeChanges() []string {
	was, is := values(b.Known.Last.Scope), values(b.Scope)
	var changes []string
	seen := map[string]bool{}
	for _, s := range slices.Concat(b.Scope, b.Known.Last.Scope) {
		if !seen[s.Name] && was[s.Name] != is[s.Name] {
			changes = append(changes, s.Name+": "+valueChange(was[s.Name], is[s.Name]))
		}
		seen[s.Name] = true
	}
	return changes
}

func values(settings []Setting) map[string]string {
	byName := map[string]string{}
	for _, s := range settings {
		byName[s.Name] = s.Value
	}
	return byName
}

// valueChange tells people how a value changed: of lists, which have one value
// in a line, what was added and removed.
func valueChange(was, is string) string {
	if !strings.Contains(was+is, "\n") {
		return shown(was) + " -> " + shown(is)
	}
	before, after := lines(was), lines(is)
	var parts []string
	for _, part := range []struct {
		verb   string
		values []string
	}{{"added", without(after, before)}, {"removed", without(before, after)}} {
		if len(part.values) > 0 {
			parts = append(parts, part.verb+" "+strings.Join(firstFew(part.values, "value"), ", "))
		}
	}
	if len(parts) == 0 {
		return "in another order"
	}
	return strings.Join(parts, ", ")
}

func lines(value string) []string {
	return slices.DeleteFunc(strings.Split(value, "\n"), func(line string) bool { return line == "" })
}

// without returns the values that the others have not, as they are shown.
func without(values, others []string) []string {
	var rest []string
	for _, v := range values {
		if !slices.Contains(others, v) {
			rest = append(rest, shown(v))
		}
	}
	return rest
}

// longestShown is how many characters of a value a text for people has.
const longestShown = 60

// shown quotes a value; a long one is cut.
func shown(value string) string {
	if value == "" {
		return "not set"
	}
	if runes := []rune(value); len(runes) > longestShown {
		return fmt.Sprintf("%q...", string(runes[:longestShown]))
	}
	return fmt.Sprintf("%q", value)
}

// few is how many of several things a text for people names.
const few = 5

// firstFew returns the first few of many texts, and then how many more there
// are.
func firstFew(texts []string, noun string) []string {
	if len(texts) <= few {
		return texts
	}
	more := fmt.Sprintf("%d more %ss", len(texts)-few, noun)
	if len(texts) == few+1 {
		more = "1 more " + noun
	}
	return append(slices.Clone(texts[:few]), more)
}
