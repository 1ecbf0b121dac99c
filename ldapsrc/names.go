package ldapsrc

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// names is the table of attribute names that the entries of a set share: an
// entry holds numbers. It never changes; one with more names is another table.
type names struct {
	profile  *Profile
	lower    []string       // by number
	roles    []roles        // by number: which fields of a Recipient it holds
	byName   map[string]int // in lower case and as the profile writes it
	spelling [roleCount]string

	// What the profile works out to, once for all entries.
	unlike bool // fields stand in other ways than Exchange's
	shared bool // custom recipients are told by their target address
}

// role is a field of a recipient that is made of an attribute. The first ones
// decide what becomes of an entry and are checked when it is read.
type role int

const (
	roleClass role = iota
	roleDeleted
	roleHidden
	roleTrustLevel
	roleUSNChanged
	roleUSNCreated
	checkedRoles // the number of those above

	roleDisplayName = iota - 1
	roleAlias
	roleGivenName
	roleSurname
	roleInitials
	roleTarget
	roleNotes
	roleImportedFrom
	roleSMTP
	roleSMTPSynonym
	roleX400
	roleProxies
	roleMembers
	roleCount
)

// roles is a set of roles: an attribute may have several.
type roles uint32

func (r roles) has(one role) bool { return r&(1<<one) != 0 }

// hasChecked says whether there is one among them that is checked.
func (r roles) hasChecked() bool { return r&(1<<checkedRoles-1) != 0 }

// maxNames is the greatest number of different attributes in a set. A server
// sends those that it was asked for, perhaps with options.
const maxNames = 1000

// newNames makes the table of the attributes that a profile asks for.
func newNames(p Profile) *names {
	n := emptyNames(p)
	for _, name := range p.attributes() {
		n.byName[name] = n.add(strings.ToLower(name))
	}
	return n
}

// emptyNames makes a table without names.
func emptyNames(p Profile) *names {
	f := p.Fields
	n := &names{profile: &p, byName: map[string]int{}, spelling: [roleCount]string{
		roleClass: "objectClass", roleDeleted: f.Deleted, roleHidden: f.Hidden, roleTrustLevel: f.TrustLevel,
		roleUSNChanged: f.USNChanged, roleUSNCreated: f.USNCreated,
		roleDisplayName: f.DisplayName, roleAlias: f.Alias, roleGivenName: f.GivenName, roleSurname: f.Surname,
		roleInitials: f.Initials, roleTarget: f.Target, roleNotes: f.Notes, roleImportedFrom: f.ImportedFrom,
		roleSMTP: f.SMTP, roleSMTPSynonym: f.SMTPSynonym, roleX400: f.X400, roleProxies: f.Proxies, roleMembers: f.Members,
	}}
	n.shared = p.shared()
	n.unlike = n.shared || p.Proxies != SplitProxies || p.holdsName(f.Alias) || len(p.Write.Required) > 0
	return n
}

// add gives a name in lower case its number.
func (n *names) add(lower string) int {
	if number, known := n.byName[lower]; known {
		return number
	}
	number := len(n.lower)
	n.byName[lower] = number
	n.lower = append(n.lower, lower)
	var of roles
	for r, spelling := range n.spelling {
		if spelling != "" && strings.EqualFold(spelling, lower) {
			of |= 1 << r
		}
	}
	n.roles = append(n.roles, of)
	return number
}

// with returns a table that has one more name.
func (n *names) with(lower string) (*names, error) {
	if len(n.lower) >= maxNames {
		return nil, fmt.Errorf("it has the attribute %q, and the server sent %d different ones before", lower, maxNames)
	}
	more := *n
	more.lower, more.roles = slices.Clone(n.lower), slices.Clone(n.roles)
	more.byName = make(map[string]int, len(n.byName)+1)
	for name, number := range n.byName {
		more.byName[name] = number
	}
	more.add(lower)
	return &more, nil
}

// number returns the number of a name; one that no entry has if there is none.
func (n *names) number(name string) int {
	if n == nil || name == "" {
		return noNumber
	}
	if number, known := n.byName[name]; known {
		return number
	}
	if number, known := n.byName[strings.ToLower(name)]; known {
		return number
	}
	return noNumber
}

const noNumber = math.MaxInt
