package mapping

import (
	"fmt"
	"strings"

	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// UndoInput is what [Undo] decides from.
type UndoInput struct {
	Steps            []reconcile.Step // of the run, toward Exchange, with their keys, changes and outcomes
	Recipients       []ldapsrc.Recipient
	Profile          ldapsrc.Profile
	Link             Link
	Connector        string
	FormerConnectors []string
}

// Undo plans to take back what a run wrote to Exchange, see
// [reconcile.UndoExchange]. [UndoRequests] makes the requests of its steps.
func Undo(in UndoInput) reconcile.Side {
	present := make([]reconcile.Recipient, len(in.Recipients))
	for i := range in.Recipients {
		present[i] = Present(&in.Recipients[i], in.Link)
		present[i].Values = in.Recipients[i].Entry.Attributes()
	}
	return reconcile.UndoExchange(reconcile.UndoRecipients{
		Steps: in.Steps, Present: present, Owner: in.Connector, FormerOwners: in.FormerConnectors,
		MultiValued: in.Profile.MultiValued, Members: strings.ToLower(in.Profile.Fields.Members), NormalDN: NormalDN,
		Model: func(dn string, values map[string][]string) (reconcile.Recipient, error) {
			r, err := in.Profile.Decode(dn, values)
			if err != nil {
				return reconcile.Recipient{}, err
			}
			model := Present(&r, in.Link)
			model.Values = values
			return model, nil
		},
	})
}

// NormalDN is equal for all spellings of a DN. One that cannot be read stands
// for itself, whatever its case.
func NormalDN(dn string) string {
	if normal, err := ldapsrc.NormalizeDN(dn); err == nil {
		return normal
	}
	return reconcile.Fold(dn)
}

// UndoRequests returns the LDAP requests of a step that [Undo] planned: they
// put back exactly the values that the run changed, and those of a deleted entry
// as they were read. A step that writes nothing has none. The members that come
// and go are not among them.
func UndoRequests(profile ldapsrc.Profile, s reconcile.Step) ([]ldapsrc.Change, error) {
	switch s.Op {
	case reconcile.Add:
		change, err := profile.Restore(s.DN, s.After.Values)
		return []ldapsrc.Change{change}, err
	case reconcile.Delete:
		return []ldapsrc.Change{profile.Delete(s.DN)}, nil
	case reconcile.Modify:
		before, err := profile.Decode(s.DN, s.Before.Values)
		if err != nil {
			return nil, fmt.Errorf("what was read: %w", err)
		}
		values := differing(s.Before.Values, s.After.Values)
		delete(values, strings.ToLower(profile.Fields.Members))
		return profile.Rewrite(before, values)
	case reconcile.Keep, reconcile.Replace, reconcile.Adopt, reconcile.Hide, reconcile.Refuse, reconcile.Hold:
	}
	return nil, nil
}

// differing are the attributes that have other values after than before.
func differing(before, after map[string][]string) map[string][]string {
	values := map[string][]string{}
	for name, now := range after {
		if strings.Join(before[name], "\x00") != strings.Join(now, "\x00") {
			values[name] = now
		}
	}
	return values
}
