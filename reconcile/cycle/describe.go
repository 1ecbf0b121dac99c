package cycle

import (
	"errors"
	"maps"
	"slices"

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
			before = ldapsrc.Entry{}
		}
		if s.Op == reconcile.Delete {
			s.Changes = r.lostValues(before)
		} else {
			s.Changes = append(attributeChanges(before, r.requests[i]), memberChanges(before, r.memberships[i])...)
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
	for i := range steps {
		s := &steps[i]
		if !s.Op.Writes() {
			continue
		}
		requests, err := r.task.requests(r, *s)
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
func (r *run) membership(s *reconcile.Step) ([]ldapsrc.Change, error) {
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
func (r *run) there(steps []reconcile.Step) map[string]ldapsrc.Entry {
	there := map[string]ldapsrc.Entry{}
	for i := range steps {
		if s := &steps[i]; s.Op != reconcile.Add && s.DN != "" {
			there[s.DN] = ldapsrc.Entry{}
		}
	}
	if len(there) == 0 {
		return nil
	}
	for _, e := range r.recipients {
		if _, named := there[e.DN()]; named {
			there[e.DN()] = e
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
		before := r.byDN[s.DN].Recipient()
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
	var was, is [4]string
	if before != nil {
		was = rowValues(before)
	}
	if after != nil {
		is = rowValues(after)
	}
	n := 0
	for i := range was {
		if was[i] != is[i] {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	changes := make([]reconcile.Change, 0, n)
	for i, tag := range [4]string{"Name", "Locn", "Addr", "Cmts"} {
		if was[i] != is[i] {
			changes = append(changes, reconcile.Change{Attr: tag, Old: was[i], New: is[i]})
		}
	}
	return changes
}

func rowValues(r *reconcile.Row) [4]string {
	return [4]string{r.Name, r.Location, r.Address(), r.Comment}
}

// attributeChanges are the values that LDAP requests change in an entry.
func attributeChanges(before ldapsrc.Entry, requests []ldapsrc.Change) []reconcile.Change {
	var written []ldapsrc.Attribute // in the order of the requests
	set := func(name string, values []string) {
		for i := range written {
			if written[i].Name == name {
				written[i].Values = values
				return
			}
		}
		written = append(written, ldapsrc.Attribute{Name: name, Values: values})
	}
	n := 0
	for _, request := range requests {
		written = slices.Grow(written, len(request.Attributes)+len(request.Mods))
		for _, a := range request.Attributes {
			set(a.Name, a.Values)
			n += len(a.Values)
		}
		for _, m := range request.Mods {
			set(m.Name, m.Values)
			n += len(m.Values)
		}
	}
	changes := make([]reconcile.Change, 0, n)
	for _, a := range written {
		changes = appendChanges(changes, a.Name, before.Values(a.Name), a.Values)
	}
	return changes
}

// memberChanges are the members that requests add and delete. One that is there,
// and is added again because it is deleted in between, does not change.
func memberChanges(before ldapsrc.Entry, requests []ldapsrc.Change) []reconcile.Change {
	if len(requests) == 0 {
		return nil
	}
	there := map[string]bool{}
	for _, dn := range before.Recipient().Members {
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
func (r *run) lostValues(gone ldapsrc.Entry) []reconcile.Change {
	var changes []reconcile.Change
	values := gone.Attributes()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !r.connector.Server.Profile.KeptByServer(name) {
			changes = appendChanges(changes, name, values[name], nil)
		}
	}
	return changes
}

// appendChanges pairs the values that go with those that come.
func appendChanges(changes []reconcile.Change, name string, before, after []string) []reconcile.Change {
	first := len(changes)
	for _, v := range after {
		if !slices.Contains(before, v) {
			changes = append(changes, reconcile.Change{Attr: name, New: v})
		}
	}
	at := first
	for _, v := range before {
		if slices.Contains(after, v) {
			continue
		}
		if at == len(changes) {
			changes = append(changes, reconcile.Change{Attr: name})
		}
		changes[at].Old = v
		at++
	}
	return changes
}
