package reconcile

import (
	"maps"
	"slices"
	"strings"
)

// membersBefore are the members of a group without those that a change added,
// and with those that it deleted.
func (u *recipientUndo) membersBefore(members []string, c attributeChange) []string {
	gone := u.normalized(c.now)
	rest := slices.DeleteFunc(slices.Clone(members), func(dn string) bool { return gone[u.NormalDN(dn)] })
	there := u.normalized(rest)
	for _, dn := range c.old {
		if !there[u.NormalDN(dn)] {
			rest = append(rest, dn)
		}
	}
	return rest
}

func (u *recipientUndo) normalized(dns []string) map[string]bool {
	normal := make(map[string]bool, len(dns))
	for _, dn := range dns {
		normal[u.NormalDN(dn)] = true
	}
	return normal
}

// membership says for every group that is changed or added which members come
// and go.
func (u *recipientUndo) membership() {
	coming := u.coming()
	for _, i := range slices.Sorted(maps.Keys(u.steps)) {
		s := u.steps[i]
		if s.After == nil || !s.After.Group || !s.Op.Writes() {
			continue
		}
		var before []string
		if s.Before != nil {
			before = s.Before.Members
		}
		s.Joining, s.Leaving = u.difference(before, s.After.Members, coming)
		s.members = s.Op == Modify && !slices.ContainsFunc(u.recorded[i].Changes, func(c Change) bool { return strings.ToLower(c.Attr) != u.Members })
		if s.members && len(s.Joining)+len(s.Leaving) == 0 {
			s.Op = Keep
		}
		u.steps[i] = s
	}
}

// coming are the entries that the undo adds, by normal DN.
func (u *recipientUndo) coming() map[string]bool {
	coming := map[string]bool{}
	for _, s := range u.steps {
		if s.Op == Add {
			coming[u.NormalDN(s.DN)] = true
		}
	}
	return coming
}

// difference are the members to add, as far as they are there, and to delete.
// One that is deleted and added anew is added again.
func (u *recipientUndo) difference(before, after []string, coming map[string]bool) (joining, leaving []string) {
	is, ought := u.normalized(before), u.normalized(after)
	for _, dn := range after {
		normal := u.NormalDN(dn)
		_, there := u.present[normal]
		if comes := coming[normal]; comes || there && !u.leaving[normal] && !is[normal] {
			joining = append(joining, dn)
		}
	}
	leaving = slices.DeleteFunc(slices.Clone(before), func(dn string) bool { return ought[u.NormalDN(dn)] })
	return joining, leaving
}

// keep is the step of a recipient that the run did not write, or that is not
// taken back. A group stays what it is, and gets those of its members again that
// are deleted and added anew.
func (u *recipientUndo) keep(r *Recipient) Step {
	step := Step{Op: Keep, Kind: r.Kind, DN: r.DN, Before: r}
	if !r.Group {
		return step
	}
	coming := u.coming()
	for _, dn := range r.Members {
		if coming[u.NormalDN(dn)] {
			step.Joining = append(step.Joining, dn)
		}
	}
	if len(step.Joining) > 0 {
		step.Op, step.Name, step.Address, step.Key, step.After, step.members = Modify, r.DisplayName, r.Target, sortKey(r), r, true
		step.Reason = memberReason(len(step.Joining), 0) + ", which are deleted and added anew"
	}
	return step
}
