package reconcile

import (
	"cmp"
	"fmt"
	"slices"
)

// membership gives the groups of the plan their members, and tells of each line
// of a list that cannot be one. Everything else is decided; pairs are those that
// were to be brought in step in place.
func (c *container) membership(pairs []pair) {
	lists := map[string]*WantedRecipient{}
	for i := range c.Wanted {
		if w := &c.Wanted[i]; w.Group {
			lists[w.Key] = w
		}
	}
	if len(lists) == 0 || c.MembersUnknown {
		for _, p := range c.kept {
			c.plan.add(keptGroup(p))
		}
		return
	}
	m := c.newMembers(pairs)
	for i := range c.plan.steps {
		s := &c.plan.steps[i]
		if w, is := lists[s.Key]; is && (s.Op == Modify || s.Op == Adopt || s.Op == Add) {
			was := *s
			m.give(s, w)
			c.plan.recount(&was, s)
		}
	}
	for _, p := range c.kept {
		s := keptGroup(p)
		m.give(&s, p.want)
		c.plan.add(s)
	}
	c.plan.add(m.outsiders...)
}

// keptGroup is the step of a group in which nothing differs but maybe the members.
func keptGroup(p pair) Step {
	return Step{Op: Keep, Kind: p.want.Kind, Name: p.want.Name, Address: p.before.Target, DN: p.before.DN, Before: p.before, Key: p.want.Key}
}

// members finds the recipients of those who are on lists.
type members struct {
	normalDN  func(string) string
	steps     map[string]*Step  // by key: the step that says where its recipient is, or why it is not
	kept      map[string]string // DNs of what stays as it is, by key
	causes    map[string]string // by key: why an entry is out of scope
	deleted   map[string]bool   // normal DNs of what the plan deletes
	outsiders []Step            // the lines that are nobody's
}

func (c *container) newMembers(pairs []pair) *members {
	m := &members{
		normalDN: c.book.normalDN, steps: map[string]*Step{}, kept: make(map[string]string, len(pairs)),
		causes: map[string]string{}, deleted: map[string]bool{},
	}
	for i := range c.plan.steps {
		s := &c.plan.steps[i]
		if s.Op == Delete {
			m.deleted[m.normalDN(s.DN)] = true
			continue
		}
		if s.Op == Hide || s.grace.stage == waits { // nothing wants it any more
			continue
		}
		// Of two refusals of one entry the first is told; a recipient counts more.
		if known, there := m.steps[s.Key]; !there || s.hasRecipient() && !known.hasRecipient() {
			m.steps[s.Key] = s
		}
	}
	for _, p := range pairs {
		if !p.adopt {
			m.kept[p.want.Key] = p.before.DN
		}
	}
	for _, e := range c.Excluded {
		key := Key(e.Kind, e.Name)
		if known, there := m.causes[key]; !there || e.Cause < known {
			m.causes[key] = e.Cause
		}
	}
	return m
}

// hasRecipient reports whether the entry of a step is in Exchange once the plan
// is carried out.
func (s *Step) hasRecipient() bool {
	switch s.Op {
	case Keep, Modify, Adopt, Add:
		return true
	case Hold:
		return s.Before != nil
	case Delete, Replace, Hide, Refuse:
	}
	return false
}

// find returns the DN of a member, or the operation and the reason of the step
// that tells why it is none.
func (m *members) find(is Member) (dn string, op Op, reason string) {
	if is.DN != "" || is.Problem != "" {
		return is.DN, Refuse, is.Problem
	}
	switch s, there := m.steps[is.Key]; {
	case there && s.hasRecipient():
		return s.DN, "", ""
	case m.kept[is.Key] != "":
		return m.kept[is.Key], "", ""
	case there:
		return "", s.Op, fmt.Sprintf("it has no recipient in Exchange: %s", s.Reason)
	default:
		return "", Refuse, fmt.Sprintf("it has no recipient in Exchange: %s", cmp.Or(m.causes[is.Key], "it is not imported"))
	}
}

// give puts the members of a list into the step of its group. One that was kept
// becomes a change when its members differ.
func (m *members) give(s *Step, w *WantedRecipient) {
	var before []string
	if s.Op != Add {
		before = s.Before.Members
	}
	wanted := m.wanted(w, s.DN)
	s.Joining, s.Leaving = m.difference(before, wanted)
	if s.Op != Keep {
		s.After.Members = wanted
	}
	if len(s.Joining)+len(s.Leaving) == 0 || s.Op == Add {
		return
	}
	reason := memberReason(len(s.Joining), len(s.Leaving))
	if s.Op == Keep {
		after := *s.Before
		after.Members = wanted
		s.Op, s.Reason, s.After, s.members = Modify, reason, &after, true
	} else {
		s.Reason += "; " + reason
	}
}

// memberReason tells how many members come and go.
func memberReason(joining, leaving int) string {
	switch {
	case leaving == 0:
		return fmt.Sprintf("members of the list: %d to add", joining)
	case joining == 0:
		return fmt.Sprintf("members of the list: %d to delete", leaving)
	default:
		return fmt.Sprintf("members of the list: %d to add, %d to delete", joining, leaving)
	}
}

// wanted are the DNs of those who are on a list, each once, in the order of the
// list. Of the others it makes a note.
func (m *members) wanted(w *WantedRecipient, self string) []string {
	seen := map[string]bool{}
	var dns []string
	for _, is := range w.OnList {
		dn, op, reason := m.find(is)
		normal := m.normalDN(dn)
		if dn != "" && normal == m.normalDN(self) {
			dn, op, reason = "", Refuse, "a list cannot be a member of itself"
		}
		switch {
		case dn == "":
			m.outsiders = append(m.outsiders, Step{
				Op: op, Kind: MemberKind, Name: is.Name, Address: w.Target, DN: self, Key: w.Key + " member " + Fold(is.Name), Reason: reason,
			})
		case !seen[normal]:
			seen[normal] = true
			dns = append(dns, dn)
		}
	}
	return dns
}

// difference are the members to add and to delete. One that the plan deletes is
// no member any more, though some directories keep its name on the list, so it
// is added again when it is wanted, and deleted when it is not.
func (m *members) difference(before, wanted []string) (joining, leaving []string) {
	is, ought := map[string]bool{}, map[string]bool{}
	for _, dn := range before {
		is[m.normalDN(dn)] = !m.deleted[m.normalDN(dn)]
	}
	for _, dn := range wanted {
		ought[m.normalDN(dn)] = true
		if !is[m.normalDN(dn)] {
			joining = append(joining, dn)
		}
	}
	leaving = slices.DeleteFunc(slices.Clone(before), func(dn string) bool { return ought[m.normalDN(dn)] })
	return joining, leaving
}

// withoutMember takes a member out of a step that would add it, because its
// recipient will not be there.
func (s *Step) withoutMember(dn, why string) {
	other := func(member string) bool { return member == dn }
	after := *s.After
	after.Members = slices.DeleteFunc(slices.Clone(after.Members), other)
	s.After, s.Joining = &after, slices.DeleteFunc(slices.Clone(s.Joining), other)
	s.Reason += fmt.Sprintf("; without the member %s for now: %s", dn, why)
}
