package ldapsrc

import (
	"context"
	"errors"
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// membersAtOnce is how many members one request adds and deletes, so that one
// that is already there does not have thousands sent again singly (ours).
const membersAtOnce = 500

// ChangeMembers makes the requests that add and delete members of a distribution
// list, by their DNs, first those that add. [Conn.ApplyMembers] sends them.
func (p Profile) ChangeMembers(dn string, joining, leaving []string) []Change {
	var changes []Change
	for _, change := range []struct {
		op      ModOp
		members []string
	}{{AddValues, joining}, {DeleteValues, leaving}} {
		for some := range slices.Chunk(change.members, membersAtOnce) {
			mods := []Mod{{Op: change.op, Name: p.Fields.Members, Values: some}}
			changes = append(changes, Change{DN: dn, Type: ModifyEntry, Mods: mods})
		}
	}
	return changes
}

// ApplyMembers is Apply of a change of single values, as of the members of a
// distribution list, where a value that is there already, or is gone already,
// is no failure. The server takes such a change whole or not at all
// (documented: K303028), so when it refuses the change for one such value the
// values are sent again one by one. The error then joins those of the values
// that it refuses for other reasons; the others are written.
func (c *Conn) ApplyMembers(ctx context.Context, change Change) error {
	err := c.Apply(ctx, change)
	if !isAlreadySo(err) {
		return err
	}
	var failures []error
	for _, single := range change.singles() {
		if err := c.Apply(ctx, single); !isAlreadySo(err) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// isAlreadySo reports whether the server refused a change because a value to add
// is there, or one to delete is not.
func isAlreadySo(err error) bool {
	var answer *Error
	return errors.As(err, &answer) &&
		(answer.Code == ldap.LDAPResultAttributeOrValueExists || answer.Code == ldap.LDAPResultNoSuchAttribute)
}

// singles are changes that do the same one value at a time.
func (c Change) singles() []Change {
	var all []Change
	for _, m := range c.Mods {
		for _, v := range m.Values {
			all = append(all, Change{DN: c.DN, Type: c.Type, Mods: []Mod{{Op: m.Op, Name: m.Name, Values: []string{v}}}})
		}
	}
	return all
}
