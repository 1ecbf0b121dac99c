package cycle

import (
	"fmt"
	"path/filepath"
	"slices"

	"ccdirsync/reconcile"
)

// Neighbour is what a check found out about a connector that matters to others.
type Neighbour struct {
	Connector  string
	PostOffice string // name
	Path       string // its data directory
	// Imports are the names of what comes from cc:Mail, by folded target
	// address. It is empty when the post office could not be read.
	Imports map[string]string
}

// Overlap is a finding about two connectors.
type Overlap struct {
	First, Second string // their names, in the order of the neighbours
	Finding
}

// Overlaps compares every two connectors. It warns of those that import the
// same users, lists or boards, of which Exchange takes one only, and of those
// that work on the same post office.
func Overlaps(neighbours []Neighbour) []Overlap {
	var all []Overlap
	for i, a := range neighbours {
		for _, b := range neighbours[i+1:] {
			for _, detail := range a.overlaps(b) {
				all = append(all, Overlap{a.Connector, b.Connector, Finding{Check: "overlap", Detail: detail, Warning: true}})
			}
		}
	}
	return all
}

func (a Neighbour) overlaps(b Neighbour) []string {
	var details []string
	if reconcile.Fold(a.PostOffice) == reconcile.Fold(b.PostOffice) && filepath.Clean(a.Path) == filepath.Clean(b.Path) {
		details = append(details, fmt.Sprintf("%s works on the same post office, %s in %s; one connector is enough for a post office, and two that run at once disturb each other's EXPORT and IMPORT",
			b.Connector, a.PostOffice, a.Path))
	}
	var both []string
	for target, name := range a.Imports {
		if _, too := b.Imports[target]; too {
			both = append(both, name)
		}
	}
	if len(both) == 0 {
		return details
	}
	slices.Sort(both)
	first := fmt.Sprintf("%q", both[0])
	if len(both) > 1 {
		first += fmt.Sprintf(" and %q", both[1])
	}
	return append(details, fmt.Sprintf("%s imports %s that this connector imports too, such as %s; one of the two has them refused, or they are in the address book twice; part them with import.filter",
		b.Connector, count(len(both), "entry", "entries"), first))
}

// neighbour says what matters to other connectors.
func (ch *checker) neighbour() Neighbour {
	c := ch.connector
	n := Neighbour{Connector: c.Name, PostOffice: c.PostOffice.Name, Path: c.PostOffice.Path, Imports: map[string]string{}}
	if c.Exchange.Import == nil || !ch.postOfficeRead {
		return n
	}
	for _, wanted := range ch.imported().Wanted {
		n.Imports[reconcile.Fold(wanted.Target)] = wanted.Name
	}
	return n
}
