package mapping

import (
	"maps"
	"strings"

	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// Present turns entries of the Exchange directory into the model, in the order
// given. keyAttribute is the LDAP attribute that links a custom recipient to
// its cc:Mail entry.
//
// A value of that attribute that is not such a link is somebody else's and is
// not taken for one. The kind of a custom recipient without a link is a list
// when its target begins with "CCMAIL:#", as those of lists and boards do, else
// a user. Only custom recipients have an owner here: Exchange's mailboxes,
// lists and folders are never ours, whatever they carry. One with a mark was a
// custom recipient before.
func Present(recipients []ldapsrc.Recipient, keyAttribute string) []reconcile.Recipient {
	present := make([]reconcile.Recipient, len(recipients))
	for i, r := range recipients {
		present[i] = reconcile.Recipient{
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
		for _, p := range r.Proxies {
			present[i].Proxies = append(present[i].Proxies, reconcile.Proxy(p))
		}
		if r.Class != ldapsrc.CustomRecipient {
			present[i].MadeBy = r.ImportedFrom
		} else {
			present[i].Owner = r.ImportedFrom
			present[i].Kind, present[i].Key = link(r, keyAttribute)
			present[i].KeyTaken = present[i].Key == "" && r.Attribute(keyAttribute) != ""
		}
	}
	return present
}

// link finds the kind of a custom recipient and its link to cc:Mail.
func link(r ldapsrc.Recipient, keyAttribute string) (reconcile.Kind, string) {
	key := r.Attribute(keyAttribute)
	if kind, ok := reconcile.KeyKind(key); ok {
		return kind, key
	}
	if strings.HasPrefix(reconcile.Fold(r.Target), reconcile.Fold(ccmailType+":#")) {
		return reconcile.List, ""
	}
	return reconcile.User, ""
}

// ToLDAP turns a custom recipient of the model into the entry to write. What
// the model does not know has the value of an entry that lacks it.
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
// read.
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
