package postoffice

import (
	"cmp"
	"slices"
	"strings"
)

// Location is the one-letter location code of a directory entry. Case matters:
// upper case is stored in this post office (DOC PMDF).
type Location string

// The location codes (DOC RM51, ADE, PMDF).
const (
	DirectOffice   Location = "P" // post office reached directly
	IndirectOffice Location = "p" // post office reached through another one
	LocalUser      Location = "L"
	OtherUser      Location = "l" // L at another post office
	MobileUser     Location = "R"
	RemoteUser     Location = "r" // mobile or gateway user of another post office
	LocalAlias     Location = "A"
	OtherAlias     Location = "a"
)

// rank is the group of a location in a sorted export: direct post offices,
// indirect ones, users, aliases (DOC RM51, PROPADD); 0 for unknown letters.
func (l Location) rank() int {
	switch l {
	case DirectOffice:
		return 1
	case IndirectOffice:
		return 2
	case LocalUser, OtherUser, MobileUser, RemoteUser:
		return 3
	case LocalAlias, OtherAlias:
		return 4
	}
	return 0
}

func (l Location) isOffice() bool { return l == DirectOffice || l == IndirectOffice }

// isElsewhere reports whether entries of this location need the name of a post
// office in their address.
func (l Location) isElsewhere() bool { return l != l.atHome() }

// atHome and elsewhere return the same kind of entry in this post office and
// in another one.
func (l Location) atHome() Location    { return Location(strings.ToUpper(string(l))) }
func (l Location) elsewhere() Location { return Location(strings.ToLower(string(l))) }

// Entry is one row of the directory. Values are UTF-8 without blanks around
// them.
type Entry struct {
	Name      string   `json:"name"`
	Location  Location `json:"location"`
	Address   string   `json:"address,omitempty"` // post office, a blank, foreign alias name
	Comment   string   `json:"comment,omitempty"`
	Propagate bool     `json:"propagate,omitempty"` // imported with PROP
}

// List is a public mailing list.
type List struct {
	Title   string   `json:"title"`
	Members []string `json:"members,omitempty"` // as typed, in this order
}

// fold is the form in which cc:Mail compares names (DOC Q237588).
func fold(name string) string { return strings.ToLower(name) }

// sorted returns the values of m in the order of an export.
func sorted[V any](m map[string]V, rank func(V) int) []V {
	type place struct {
		rank int
		key  string
	}
	places := make([]place, 0, len(m))
	for key, value := range m {
		places = append(places, place{rank(value), key})
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.key, b.key))
	})
	values := make([]V, len(places))
	for i, p := range places {
		values[i] = m[p.key]
	}
	return values
}

// unranked sorts by name only.
func unranked[V any](V) int { return 0 }
