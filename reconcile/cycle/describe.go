package cycle

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// describe works out what every step would write and puts it into the plan, so
// that the plan shows exactly what a run sends.
func (r *run) describe() {
	plan := &r.report.Plan
	plan.ToCCMail = nonNil(r.toCCMail.Steps)
	plan.ToExchange = nonNil(r.toExchange.Steps)
	for i := range plan.ToCCMail {
		if s := &plan.ToCCMail[i]; s.Op.Writes() {
			s.Changes = rowChanges(s.OldRow, s.Row)
		}
	}
	r.byDN = r.there(plan.ToExchange)
	// What Exchange cannot hold is refused like everything else that does not
	// fit: this entry only, with what depends on it.
	for unfit := r.makeRequests(); len(unfit) > 0; unfit = r.makeRequests() {
		r.toExchange.Refuse(unfit)
	}
	for i := range plan.ToExchange {
		s := &plan.ToExchange[i]
		if !s.Op.Writes() {
			continue
		}
		before := r.byDN[s.DN]
		if s.Op == reconcile.Add { // also where another entry of this name goes before
			before = ldapsrc.Recipient{}
		}
		s.Changes = append(attributeChanges(before, r.requests[i]), memberChanges(before, r.memberships[i])...)
		if s.Op == reconcile.Delete {
			s.Changes = r.lostValues(before)
		}
		r.report.Changes = append(r.report.Changes, r.requests[i]...)
	}
	for _, requests := range r.memberships {
		r.report.Changes = append(r.report.Changes, requests...)
	}
}

// makeRequests makes the LDAP requests of all steps toward Exchange, and says of
// which steps none can be made.
func (r *run) makeRequests() (unfit map[int]string) {
	steps := r.toExchange.Steps
	r.requests, r.memberships = make([][]ldapsrc.Change, len(steps)), make([][]ldapsrc.Change, len(steps))
	unfit = map[int]string{}
	for i, s := range steps {
		if !s.Op.Writes() {
			continue
		}
		requests, err := r.task.requests(r, s)
		if err == nil {
			r.memberships[i], err = r.membership(s)
		}
		if err != nil {
			unfit[i] = err.Error()
			continue
		}
		r.requests[i] = requests
	}
	return unfit
}

// membership makes the requests that add and delete the members of a group.
func (r *run) membership(s reconcile.Step) ([]ldapsrc.Change, error) {
	profile, joining := r.connector.Server.Profile, s.Joining
	if !profile.EmptyLists {
		if s.After != nil && s.After.Group && len(s.After.Members) == 0 {
			return nil, errors.New("none of its members has a recipient, and this directory has no lists without members")
		}
		if s.Op == reconcile.Add { // they are in the request that adds it
			joining = nil
		}
	}
	return profile.ChangeMembers(s.DN, joining, s.Leaving), nil
}

// there are the recipients that steps change or delete, by DN.
func (r *run) there(steps []reconcile.Step) map[string]ldapsrc.Recipient {
	named := map[string]bool{}
	for _, s := range steps {
		named[s.DN] = named[s.DN] || s.Op != reconcile.Add
	}
	there := map[string]ldapsrc.Recipient{}
	for _, recipient := range r.recipients {
		if named[recipient.DN] {
			there[recipient.DN] = recipient
		}
	}
	return there
}

// nonNil makes an empty plan an empty array in JSON.
func nonNil(steps []reconcile.Step) []reconcile.Step {
	if steps == nil {
		return []reconcile.Step{}
	}
	return steps
}

// requestsOf returns the LDAP requests of a step toward Exchange.
func (r *run) requestsOf(s reconcile.Step) ([]ldapsrc.Change, error) {
	profile, key := r.connector.Server.Profile, r.keyAttribute()
	switch s.Op {
	case reconcile.Add:
		change, err := profile.Add(mapping.ToLDAP(*s.After, key))
		return []ldapsrc.Change{change}, err
	case reconcile.Delete:
		return []ldapsrc.Change{profile.Delete(s.DN)}, nil
	case reconcile.Modify, reconcile.Adopt, reconcile.Hide:
		before := r.byDN[s.DN]
		requests := profile.Modify(before, mapping.Update(before, *s.After, key))
		for _, request := range requests {
			if err := profile.Check(request); err != nil {
				return nil, err
			}
		}
		return requests, nil
	case reconcile.Keep, reconcile.Replace, reconcile.Refuse, reconcile.Hold:
	}
	return nil, nil
}

// keyAttribute holds the link to the cc:Mail entry; it is empty when nothing
// comes in.
func (r *run) keyAttribute() string {
	if settings := r.connector.Exchange.Import; settings != nil {
		return settings.KeyAttribute
	}
	return ""
}

// rowChanges are the values of a directory entry that a step changes.
func rowChanges(before, after *reconcile.Row) []reconcile.Change {
	fields := []struct {
		tag string
		of  func(reconcile.Row) string
	}{
		{"Name", func(r reconcile.Row) string { return r.Name }},
		{"Locn", func(r reconcile.Row) string { return r.Location }},
		{"Addr", reconcile.Row.Address},
		{"Cmts", func(r reconcile.Row) string { return r.Comment }},
	}
	var changes []reconcile.Change
	for _, f := range fields {
		change := reconcile.Change{Attr: f.tag}
		if before != nil {
			change.Old = f.of(*before)
		}
		if after != nil {
			change.New = f.of(*after)
		}
		if change.Old != change.New {
			changes = append(changes, change)
		}
	}
	return changes
}

// attributeChanges are the values that LDAP requests change in an entry.
func attributeChanges(before ldapsrc.Recipient, requests []ldapsrc.Change) []reconcile.Change {
	var names []string // in the order of the requests
	final := map[string][]string{}
	set := func(name string, values []string) {
		if _, known := final[name]; !known {
			names = append(names, name)
		}
		final[name] = values
	}
	for _, request := range requests {
		for _, a := range request.Attributes {
			set(a.Name, a.Values)
		}
		for _, m := range request.Mods {
			set(m.Name, m.Values)
		}
	}
	changes := make([]reconcile.Change, 0, len(names))
	for _, name := range names {
		changes = append(changes, valueChanges(name, before.Values(name), final[name])...)
	}
	return changes
}

// memberChanges are the members that requests add and delete. One that is there,
// and is added again because it is deleted in between, does not change.
func memberChanges(before ldapsrc.Recipient, requests []ldapsrc.Change) []reconcile.Change {
	there := map[string]bool{}
	for _, dn := range before.Members {
		there[mapping.NormalDN(dn)] = true
	}
	var changes []reconcile.Change
	for _, request := range requests {
		for _, m := range request.Mods {
			for _, dn := range m.Values {
				switch {
				case m.Op == ldapsrc.DeleteValues:
					changes = append(changes, reconcile.Change{Attr: m.Name, Old: dn})
				case !there[mapping.NormalDN(dn)]:
					changes = append(changes, reconcile.Change{Attr: m.Name, New: dn})
				}
			}
		}
	}
	return changes
}

// lostValues are the values that go with an entry, without those that the
// directory keeps by itself.
func (r *run) lostValues(gone ldapsrc.Recipient) []reconcile.Change {
	fields := r.connector.Server.Profile.Fields
	var changes []reconcile.Change
	values := gone.Entry.Attributes()
	kept := []string{fields.USNChanged, fields.USNCreated, fields.Deleted}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.ContainsFunc(kept, func(k string) bool { return strings.EqualFold(name, k) }) {
			changes = append(changes, valueChanges(name, values[name], nil)...)
		}
	}
	return changes
}

// valueChanges pairs the values that go with those that come.
func valueChanges(name string, before, after []string) []reconcile.Change {
	gone := slices.DeleteFunc(slices.Clone(before), func(v string) bool { return slices.Contains(after, v) })
	come := slices.DeleteFunc(slices.Clone(after), func(v string) bool { return slices.Contains(before, v) })
	changes := make([]reconcile.Change, max(len(gone), len(come)))
	for i := range changes {
		changes[i].Attr = name
		if i < len(gone) {
			changes[i].Old = gone[i]
		}
		if i < len(come) {
			changes[i].New = come[i]
		}
	}
	return changes
}
