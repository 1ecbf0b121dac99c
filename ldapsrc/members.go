package ldapsrc

import "slices"

// membersAtOnce is how many members one request adds and deletes, so that one
// that is already there does not have thousands sent again singly (ours).
const membersAtOnce = 500

// ChangeMembers makes the requests that add and delete members of a distribution
// list, by their DNs, first those that add. A [Writer] passes over those that are there already, or gone
// already.
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
