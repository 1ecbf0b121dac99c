package reconcile_test

import (
	"fmt"
	"slices"
	"strings"

	"ccdirsync/reconcile"
)

// A postOfficeWorld is everything that a plan toward cc:Mail is made from.
type postOfficeWorld struct {
	owner           reconcile.Owner
	rows            []reconcile.Row
	lists           []string
	wanted          []reconcile.Wanted
	excluded        []reconcile.Excluded
	refused         []reconcile.Refusal
	compareComments bool
	grace           reconcile.Grace
	renew           map[string]bool
}

func (w postOfficeWorld) plan() (reconcile.Side, error) {
	ownership, err := reconcile.NewOwnership(w.owner, w.rows)
	if err != nil {
		return reconcile.Side{}, err
	}
	return reconcile.PlanCCMail(w.input(ownership)), nil
}

func (w postOfficeWorld) input(ownership reconcile.Ownership) reconcile.CCMailInput {
	return reconcile.CCMailInput{
		Ownership: ownership, Rows: w.rows, Lists: w.lists,
		Wanted: w.wanted, Excluded: w.excluded, Refused: w.refused, CompareComment: w.compareComments,
		Grace: w.grace, Renew: w.renew,
	}
}

func (w postOfficeWorld) clone() postOfficeWorld {
	w.owner.Sites = slices.Clone(w.owner.Sites)
	w.rows, w.lists = slices.Clone(w.rows), slices.Clone(w.lists)
	w.wanted, w.excluded, w.refused = slices.Clone(w.wanted), slices.Clone(w.excluded), slices.Clone(w.refused)
	return w
}

// reordered has every input in the order that order makes of it.
func (w postOfficeWorld) reordered(order func(int, func(i, j int))) postOfficeWorld {
	w = w.clone()
	order(len(w.owner.Sites), swapper(w.owner.Sites))
	order(len(w.rows), swapper(w.rows))
	order(len(w.lists), swapper(w.lists))
	order(len(w.wanted), swapper(w.wanted))
	order(len(w.excluded), swapper(w.excluded))
	order(len(w.refused), swapper(w.refused))
	return w
}

func swapper[T any](s []T) func(i, j int) {
	return func(i, j int) { s[i], s[j] = s[j], s[i] }
}

// carryOut does to the rows what a step says, as a post office would: no name
// twice, whatever its case and whatever holds it, and no entry at a post office
// that the directory does not have.
func (w *postOfficeWorld) carryOut(step reconcile.Step) error {
	switch step.Op {
	case reconcile.Delete:
		return w.deleteRow(*step.OldRow)
	case reconcile.Replace:
		if err := w.deleteRow(*step.OldRow); err != nil {
			return err
		}
		return w.addRow(*step.Row)
	case reconcile.Add:
		return w.addRow(*step.Row)
	case reconcile.Refuse, reconcile.Hold:
		return nil
	case reconcile.Keep, reconcile.Modify, reconcile.Adopt, reconcile.Hide:
	}
	return fmt.Errorf("no plan toward cc:Mail has the operation %q", step.Op)
}

func (w *postOfficeWorld) deleteRow(row reconcile.Row) error {
	i := slices.Index(w.rows, row)
	if i < 0 {
		return fmt.Errorf("there is no row %v to delete", row)
	}
	w.rows = slices.Delete(slices.Clone(w.rows), i, i+1)
	return nil
}

func (w *postOfficeWorld) addRow(row reconcile.Row) error {
	for _, other := range w.rows {
		if reconcile.Fold(other.Name) == reconcile.Fold(row.Name) {
			return fmt.Errorf("row %v: its name is that of %v", row, other)
		}
	}
	for _, title := range w.lists {
		if reconcile.Fold(title) == reconcile.Fold(row.Name) {
			return fmt.Errorf("row %v: its name is that of the list %q", row, title)
		}
	}
	if row.Location == "r" && !slices.ContainsFunc(w.rows, func(po reconcile.Row) bool {
		return strings.EqualFold(po.Location, "P") && reconcile.Fold(po.Name) == reconcile.Fold(row.PostOffice)
	}) {
		return fmt.Errorf("row %v: its post office is not in the directory", row)
	}
	w.rows = append(slices.Clone(w.rows), row)
	return nil
}

// owned are the rows that are ours.
func (w postOfficeWorld) owned() []reconcile.Row {
	ownership, err := reconcile.NewOwnership(w.owner, w.rows)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(w.rows), func(r reconcile.Row) bool { return !ownership.Owns(r) })
}

// A directoryWorld is everything that a plan toward Exchange is made from.
type directoryWorld struct {
	reconcile.ExchangeInput
	Others []reconcile.Recipient // stand for those of the input
	// keepsNames says that a deleted entry's name stays among the members of
	// groups, as in most directories and unlike in Exchange.
	keepsNames bool
}

func (w directoryWorld) input() reconcile.ExchangeInput {
	in := w.ExchangeInput
	in.Others = func() []reconcile.Recipient { return w.Others }
	return in
}

func (w directoryWorld) plan() reconcile.Side { return reconcile.PlanExchange(w.input()) }

func (w directoryWorld) clone() directoryWorld {
	w.Present, w.Others, w.Former = cloneRecipients(w.Present), cloneRecipients(w.Others), cloneRecipients(w.Former)
	w.Wanted = slices.Clone(w.Wanted)
	for i := range w.Wanted {
		w.Wanted[i].Proxies, w.Wanted[i].OnList = slices.Clone(w.Wanted[i].Proxies), slices.Clone(w.Wanted[i].OnList)
	}
	w.Excluded, w.Refused = slices.Clone(w.Excluded), slices.Clone(w.Refused)
	return w
}

func cloneRecipients(recipients []reconcile.Recipient) []reconcile.Recipient {
	recipients = slices.Clone(recipients)
	for i := range recipients {
		recipients[i].Proxies, recipients[i].Members = slices.Clone(recipients[i].Proxies), slices.Clone(recipients[i].Members)
	}
	return recipients
}

func (w directoryWorld) reordered(order func(int, func(i, j int))) directoryWorld {
	w = w.clone()
	order(len(w.Present), swapper(w.Present))
	order(len(w.Others), swapper(w.Others))
	order(len(w.Former), swapper(w.Former))
	order(len(w.Wanted), swapper(w.Wanted))
	order(len(w.Excluded), swapper(w.Excluded))
	order(len(w.Refused), swapper(w.Refused))
	return w
}

// carryOut does to the import container what a step says. It is stricter than
// Exchange, which checks none but the DN over LDAP: an address or alias that
// the entry did not have before must be nobody else's. Members come and go with
// carryOutMembers.
func (w *directoryWorld) carryOut(step reconcile.Step) error {
	switch step.Op {
	case reconcile.Delete:
		w.forget(step.DN)
		return w.remove(*step.Before)
	case reconcile.Modify, reconcile.Adopt, reconcile.Hide:
		after := *step.After
		after.Members = w.membersOf(step.DN)
		if err := w.remove(*step.Before); err != nil {
			return err
		}
		return w.enter(after, *step.Before)
	case reconcile.Add:
		after := *step.After
		after.Members = nil
		return w.enter(after, reconcile.Recipient{})
	case reconcile.Refuse, reconcile.Hold:
		return nil
	case reconcile.Keep, reconcile.Replace:
	}
	return fmt.Errorf("no plan toward Exchange has the operation %q", step.Op)
}

// carryOutMembers does to the members of a group what a step says, after all steps
// were carried out. A member that is there already or gone already is passed over,
// one that has no entry is refused.
func (w *directoryWorld) carryOutMembers(step reconcile.Step) error {
	if len(step.Joining)+len(step.Leaving) == 0 {
		return nil
	}
	group := w.find(step.DN)
	if group == nil || !group.Group {
		return fmt.Errorf("%s, which gets members, is no group", step.DN)
	}
	members := slices.DeleteFunc(slices.Clone(group.Members), func(dn string) bool { return slices.Contains(step.Leaving, dn) })
	for _, dn := range step.Joining {
		if w.find(dn) == nil {
			return fmt.Errorf("%s is to be a member of %s and is not there", dn, step.DN)
		}
		if !slices.Contains(members, dn) {
			members = append(members, dn)
		}
	}
	group.Members = members
	return nil
}

// carryOutAll carries out the steps of a plan, and then their members.
func (w *directoryWorld) carryOutAll(side reconcile.Side) error {
	for _, carryOut := range []func(reconcile.Step) error{w.carryOut, w.carryOutMembers} {
		for _, step := range side.Steps {
			if err := carryOut(step); err != nil {
				return fmt.Errorf("carry out %s %s %q: %w", step.Op, step.Kind, step.Name, err)
			}
		}
	}
	return nil
}

// find returns the entry with that DN, nil when there is none.
func (w *directoryWorld) find(dn string) *reconcile.Recipient {
	for _, container := range [][]reconcile.Recipient{w.Present, w.Former, w.Others} {
		for i := range container {
			if w.sameDN(container[i].DN, dn) {
				return &container[i]
			}
		}
	}
	return nil
}

func (w *directoryWorld) membersOf(dn string) []string {
	if r := w.find(dn); r != nil {
		return r.Members
	}
	return nil
}

// forget drops a deleted entry from all groups, as Exchange does.
func (w *directoryWorld) forget(dn string) {
	if w.keepsNames {
		return
	}
	for _, container := range []*[]reconcile.Recipient{&w.Present, &w.Former, &w.Others} {
		*container = cloneRecipients(*container)
		for i := range *container {
			r := &(*container)[i]
			r.Members = slices.DeleteFunc(r.Members, func(member string) bool { return w.sameDN(member, dn) })
		}
	}
}

func (w *directoryWorld) remove(r reconcile.Recipient) error {
	for _, container := range []*[]reconcile.Recipient{&w.Present, &w.Former, &w.Others} {
		if i := slices.IndexFunc(*container, func(p reconcile.Recipient) bool { return sameRecipient(p, r) }); i >= 0 {
			*container = slices.Delete(slices.Clone(*container), i, i+1)
			return nil
		}
	}
	return fmt.Errorf("there is no entry %v", r)
}

// sameRecipient compares all but members, which an earlier step may have taken.
func sameRecipient(a, b reconcile.Recipient) bool {
	return reconcile.Fold(a.DN) == reconcile.Fold(b.DN) && a.Group == b.Group && a.Target == b.Target && a.Notes == b.Notes &&
		a.Owner == b.Owner && a.Key == b.Key && a.KeyTaken == b.KeyTaken && a.Alias == b.Alias && slices.Equal(a.Proxies, b.Proxies) &&
		a.Hidden == b.Hidden && a.DisplayName == b.DisplayName && a.GivenName == b.GivenName && a.Surname == b.Surname && a.Initials == b.Initials
}

func (w *directoryWorld) enter(r, before reconcile.Recipient) error {
	for _, other := range slices.Concat(w.Present, w.Others, w.Former) {
		if w.sameDN(other.DN, r.DN) {
			return fmt.Errorf("entry %s is there already", r.DN)
		}
		if r.Alias != "" && r.Alias != before.Alias && reconcile.Fold(other.Alias) == reconcile.Fold(r.Alias) {
			return fmt.Errorf("entry %s: its alias %q is that of %s", r.DN, r.Alias, other.DN)
		}
		for _, address := range addressesOf(r) {
			if !slices.Contains(addressesOf(before), address) && slices.Contains(addressesOf(other), address) {
				return fmt.Errorf("entry %s: its address %q is that of %s", r.DN, address, other.DN)
			}
		}
	}
	w.Present = append(slices.Clone(w.Present), r)
	return nil
}

func (w directoryWorld) sameDN(a, b string) bool {
	if w.NormalDN == nil {
		return reconcile.Fold(a) == reconcile.Fold(b)
	}
	return w.NormalDN(a) == w.NormalDN(b)
}

// addressesOf are the folded addresses of a recipient with their types.
func addressesOf(r reconcile.Recipient) []string {
	var addresses []string
	if r.Target != "" {
		addresses = append(addresses, reconcile.Fold(r.Target))
	}
	for _, p := range r.Proxies {
		addresses = append(addresses, reconcile.Fold(p.Type+":"+p.Address))
	}
	return addresses
}

// owned are the recipients that are ours.
func (w directoryWorld) owned() []reconcile.Recipient {
	return slices.DeleteFunc(slices.Concat(w.Present, w.Former), func(r reconcile.Recipient) bool { return !w.isOurs(r) })
}

func (w directoryWorld) isOurs(r reconcile.Recipient) bool {
	return r.Owner != "" && slices.ContainsFunc(append([]string{w.Owner}, w.FormerOwners...), func(owner string) bool {
		return reconcile.Fold(owner) == reconcile.Fold(r.Owner)
	})
}

// writes are the steps that change something.
func writes(side reconcile.Side) []reconcile.Step {
	return slices.DeleteFunc(slices.Clone(side.Steps), func(s reconcile.Step) bool {
		return s.Op == reconcile.Refuse || s.Op == reconcile.Hold
	})
}
