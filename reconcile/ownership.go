package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// commentPrefix begins the comment of every post office entry that a connector
// made; the server's name follows (documented: RN 2.6.2).
const commentPrefix = "MSExchangeCCMC "

// Owner names the Exchange side of a connector.
type Owner struct {
	Server string   // computer that runs the connector, in the ownership comment
	Site   string   // its own Exchange site: the post office name of Exchange's users
	Sites  []string // all sites that may go out, the own one among them
	// FormerServers ran this connector before. Post offices with their comment
	// are ours too; the comment stays, because post offices are never changed
	// (Q197255).
	FormerServers []string
}

// Comment returns the ownership comment of the owner's post office entries.
func (o Owner) Comment() string { return commentPrefix + o.Server }

// made reports whether a comment is the owner's, or that of one of its former
// servers.
func (o Owner) made(comment string) bool {
	return slices.ContainsFunc(append([]string{o.Server}, o.FormerServers...), func(server string) bool {
		return Fold(comment) == Fold(commentPrefix+server)
	})
}

// Ownership tells which rows of a post office directory are whose.
type Ownership struct {
	Owner
	postOffices map[string]Row  // post office entries by folded name
	ours        map[string]bool // folded names of those with our comment
	others      map[string]bool // folded names of those with another connector's
}

// OwnershipError says that the post office directory does not tell whose the
// rows at a post office are: the entry of the own site is there but is not
// ours, or there are rows at a site whose entry is missing, or a post office is
// there twice and only one of the two says that it is Exchange's. Exchange's own rows
// would be taken for cc:Mail's (Q167830), or cc:Mail's for Exchange's, so no
// cycle may run.
type OwnershipError struct {
	Row   Row
	Owner Owner
	Twin  *Row // a second post office of the name, when that is what is wrong
}

func (e *OwnershipError) Error() string {
	if e.Twin != nil {
		return fmt.Sprintf("the cc:Mail directory has the post office %q twice, with the comments %q and %q, so whose the entries at it are cannot be told; "+
			"delete the one of the two that is wrong (%s and %s)",
			e.Row.Name, e.Twin.Comment, e.Row.Comment, e.Twin.Place, e.Row.Place)
	}
	if e.Row.Location == "r" && Fold(e.Row.Name) != Fold(e.Owner.Site) {
		return fmt.Sprintf("the cc:Mail directory has the entry %q at %s, but no post office of that name, so whose it is cannot be told; "+
			"either delete all entries at %s from cc:Mail so that the next run makes them anew, "+
			"or add the post office with the comment %q (%s)",
			e.Row.Name, e.Row.PostOffice, e.Row.PostOffice, e.Owner.Comment(), e.Row.Place)
	}
	if !isPostOffice(e.Row) {
		return fmt.Sprintf("the cc:Mail directory has an entry %q that is not a post office (location %s), so the Exchange site cannot have that name; "+
			"either rename the entry in cc:Mail or give the site another name (%s)", e.Row.Name, e.Row.Location, e.Row.Place)
	}
	claim := "put the comment back"
	if isExchange(e.Row) {
		claim += ", or name that server in exchange.former_servers"
	}
	return fmt.Sprintf("the cc:Mail directory has an entry %q that is not this connector's: its comment is %q, expected a post office with the comment %q; "+
		"either delete it and the entries at it from cc:Mail so that the next run makes them anew, "+
		"or, if it is this connector's, %s (%s)",
		e.Row.Name, e.Row.Comment, e.Owner.Comment(), claim, e.Row.Place)
}

// NewOwnership finds the owners of the rows. It fails with an
// [*OwnershipError] when the entry of our own site is there and is not ours,
// when rows are at a site of ours that has no entry, or when a post office of
// Exchange is there twice with different comments.
func NewOwnership(owner Owner, rows []Row) (Ownership, error) {
	o := Ownership{Owner: owner, postOffices: map[string]Row{}, ours: map[string]bool{}, others: map[string]bool{}}
	for _, row := range rows {
		if !isPostOffice(row) {
			if same(row.Name, owner.Site) {
				return o, &OwnershipError{Row: row, Owner: owner}
			}
			continue
		}
		name := Fold(row.Name)
		if twin, there := o.postOffices[name]; there && Fold(twin.Comment) != Fold(row.Comment) && (isExchange(twin) || isExchange(row)) {
			return o, &OwnershipError{Row: row, Owner: owner, Twin: &twin}
		}
		o.postOffices[name] = row
		switch {
		case owner.made(row.Comment):
			o.ours[name] = true
		case isExchange(row):
			o.others[name] = true
		}
	}
	if row, there := o.postOffices[Fold(owner.Site)]; there && !o.ours[Fold(owner.Site)] {
		return o, &OwnershipError{Row: row, Owner: owner}
	}
	for _, row := range rows {
		if row.Location == "r" && o.lost(row.PostOffice) {
			return o, &OwnershipError{Row: row, Owner: owner}
		}
	}
	return o, nil
}

// lost reports whether the post office is a site of ours that has no entry.
func (o Ownership) lost(postOffice string) bool {
	if _, there := o.postOffices[Fold(postOffice)]; there {
		return false
	}
	return slices.ContainsFunc(append([]string{o.Site}, o.Sites...), func(site string) bool { return Fold(site) == Fold(postOffice) })
}

// isExchange reports whether a connector made the post office, this one or
// another.
func isExchange(row Row) bool { return strings.HasPrefix(Fold(row.Comment), Fold(commentPrefix)) }

func isPostOffice(row Row) bool { return row.Location == "P" || row.Location == "p" }

// Owns reports whether the row is an Exchange entry of this connector: a
// remote user at a post office of ours. Post offices, local users and aliases
// never are.
func (o Ownership) Owns(row Row) bool {
	return row.Location == "r" && o.ours[Fold(row.PostOffice)]
}

// FormerSites returns the names, sorted, of the post office entries with our
// comment that are none of our sites: those of sites that got another name or
// are no longer served (Q197255).
func (o Ownership) FormerSites() []string {
	var former []string
	for name := range o.ours {
		if !slices.ContainsFunc(append([]string{o.Site}, o.Sites...), func(site string) bool { return Fold(site) == name }) {
			former = append(former, o.postOffices[name].Name)
		}
	}
	slices.Sort(former)
	return former
}

// OwnPostOffices returns the post office entries of ours, by name.
func (o Ownership) OwnPostOffices() []Row {
	var rows []Row
	for name, row := range o.postOffices {
		if o.ours[name] {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return compareNames(&a, &b) })
	return rows
}

// ExchangePostOffices returns the names of all post offices behind which
// Exchange is: ours, those of other connectors, and the sites of the owner.
// Rows at them are not cc:Mail's.
func (o Ownership) ExchangePostOffices() []string {
	names := slices.Clone(o.Sites)
	names = append(names, o.Site)
	for name, row := range o.postOffices {
		if o.ours[name] || o.others[name] {
			names = append(names, row.Name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Compare(Fold(a), Fold(b)), strings.Compare(a, b))
	})
	return slices.CompactFunc(names, func(a, b string) bool { return Fold(a) == Fold(b) })
}
