package mapping

import (
	"maps"
	"slices"
	"strings"

	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// Link is how entries of Exchange that were made from cc:Mail's are known.
type Link struct {
	Attribute string // LDAP attribute that holds the key of the cc:Mail entry
	// Containers are the DNs of the import container and former ones, the only
	// places in which distribution lists are made.
	Containers []string
}

// Imported reports whether an entry is of a form that cc:Mail's entries have in
// Exchange: a custom recipient, whoever made it, or a distribution list in one of
// the containers that has a mark, and no key of a user or a board. Every other
// list, and every mailbox and folder, is Exchange's own, whatever it carries.
func (l Link) Imported(r *ldapsrc.Recipient) bool {
	switch r.Class {
	case ldapsrc.CustomRecipient:
		return true
	case ldapsrc.DistributionList:
		kind, linked := reconcile.KeyKind(r.Attribute(l.Attribute))
		return r.ImportedFrom != "" && (!linked || kind == reconcile.List) &&
			slices.ContainsFunc(l.Containers, func(container string) bool { return ldapsrc.DNWithin(r.DN, container) })
	case ldapsrc.Mailbox, ldapsrc.PublicFolder:
	}
	return false
}

// Present turns an entry of the Exchange directory into the model.
//
// A value of the link's attribute that is not such a link is somebody else's and is
// not taken for one. The kind of a custom recipient without a link is a list
// when its target begins with "CCMAIL:#", as those of lists and boards do, else
// a user. Only what has a form that cc:Mail's entries have ([Link.Imported]) has
// an owner here. Something else with a mark had that form before.
func Present(r *ldapsrc.Recipient, known Link) reconcile.Recipient {
	present := reconcile.Recipient{
		Kind:          exchangeKind(r.Class),
		DN:            r.DN,
		DirectoryName: r.DirectoryName,
		Target:        r.Target,
		Notes:         r.Notes,
		DisplayName:   r.DisplayName,
		Alias:         r.Alias,
		GivenName:     r.GivenName,
		Surname:       r.Surname,
		Initials:      r.Initials,
		Hidden:        r.Hidden,
	}
	if len(r.Proxies) > 0 {
		present.Proxies = make([]reconcile.Proxy, len(r.Proxies))
		for i, p := range r.Proxies {
			present.Proxies[i] = reconcile.Proxy(p)
		}
	}
	if !known.Imported(r) {
		present.MadeBy = r.ImportedFrom
		return present
	}
	present.Owner = r.ImportedFrom
	key := r.Attribute(known.Attribute)
	present.Kind, present.Key = link(r, key)
	present.KeyTaken = present.Key == "" && key != ""
	if r.Class == ldapsrc.DistributionList {
		present.Group, present.Members = true, r.Members
		if address, has := r.PrimaryProxy(ccmailType); has {
			present.Target = ccmailType + ":" + address
		}
	}
	return present
}

// link finds the kind of a custom recipient and its link to cc:Mail.
func link(r *ldapsrc.Recipient, key string) (reconcile.Kind, string) {
	if kind, ok := reconcile.KeyKind(key); ok {
		return kind, key
	}
	const listed = ccmailType + ":#"
	if r.Class == ldapsrc.DistributionList ||
		len(r.Target) >= len(listed) && strings.HasPrefix(reconcile.Fold(r.Target), reconcile.Fold(listed)) {
		return reconcile.List, ""
	}
	return reconcile.User, ""
}

// ToLDAP turns a recipient of the model into the entry to write: a group becomes
// a distribution list, which has no target. What the model does not know has the
// value of an entry that lacks it.
func ToLDAP(r reconcile.Recipient, keyAttribute string) ldapsrc.Recipient {
	entry := ldapsrc.Recipient{
		DN:            r.DN,
		Class:         ldapsrc.CustomRecipient,
		DirectoryName: r.DirectoryName,
		DisplayName:   r.DisplayName,
		Alias:         r.Alias,
		GivenName:     r.GivenName,
		Surname:       r.Surname,
		Initials:      r.Initials,
		Target:        r.Target,
		Notes:         r.Notes,
		ImportedFrom:  r.Owner,
		Hidden:        r.Hidden,
		TrustLevel:    ldapsrc.DefaultTrustLevel,
	}
	if r.Group {
		entry.Class, entry.Target, entry.Members = ldapsrc.DistributionList, "", r.Members
	}
	for _, p := range r.Proxies {
		entry.Proxies = append(entry.Proxies, ldapsrc.Proxy(p))
	}
	if r.Key != "" {
		entry.Attributes = map[string][]string{strings.ToLower(keyAttribute): {r.Key}}
	}
	return entry
}

// Update returns the entry with what the model changed: its names, addresses,
// notes, mark, link and whether it is hidden. Everything else stays as it was
// read, and so do the members of a list, which change one by one.
func Update(before ldapsrc.Recipient, after reconcile.Recipient, keyAttribute string) ldapsrc.Recipient {
	updated := ToLDAP(after, keyAttribute)
	entry := before
	entry.Target, entry.Proxies = updated.Target, updated.Proxies
	entry.Notes, entry.ImportedFrom, entry.Hidden = updated.Notes, updated.ImportedFrom, updated.Hidden
	entry.DisplayName, entry.Alias = updated.DisplayName, updated.Alias
	entry.GivenName, entry.Surname, entry.Initials = updated.GivenName, updated.Surname, updated.Initials
	entry.Attributes = map[string][]string{}
	maps.Copy(entry.Attributes, before.Attributes)
	maps.Copy(entry.Attributes, updated.Attributes)
	return entry
}
