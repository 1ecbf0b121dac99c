package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// ImportScope says which cc:Mail entries come into Exchange, and where.
type ImportScope struct {
	Connector string // becomes the mark of ownership
	Container string // DN of the import container
	// ExchangePostOffices are the post offices behind which Exchange is: ours
	// and those of other connectors. Rows at them are not cc:Mail's.
	ExchangePostOffices []string
	// Forbidden are characters that an address in cc:Mail must not have.
	Forbidden string
	// Profile says how entries are named and how long values may be; the zero
	// value means Exchange 5.5.
	Profile ldapsrc.Profile
	// Groups makes distribution lists of the mailing lists, with their members.
	// The fields below are looked at only then.
	Groups bool
	// Recipients are those of the Exchange directory, and Exported those of them
	// that go out, by the names that they have in cc:Mail: who of them is on a list
	// of cc:Mail is found among them.
	Recipients iter.Seq[ldapsrc.Recipient]
	Exported   []reconcile.Wanted
	// TitlesOnly says that the export of the lists has no members.
	TitlesOnly bool
}

// ImportResult is what Exchange ought to hold of cc:Mail's entries, sorted by
// key, and what it ought not, sorted by name. No address in it is there twice.
type ImportResult struct {
	Wanted   []reconcile.WantedRecipient
	Excluded []reconcile.Excluded
	Refused  []reconcile.Refusal
	// MembersUnknown says that nothing is known of who is on the lists, because
	// the export has titles only, or because not one of them has a member: success
	// with nothing proves nothing.
	MembersUnknown bool
}

// Import maps cc:Mail's users, mailing lists and bulletin boards to custom
// recipients, or the lists to groups.
//
// The address of a user is "First Initials Last at PO", also when the cc:Mail
// name is "Last, First" (Q154053). Where another entry of the directory has
// that very name, or another user the same address and a smaller key, it is the
// name as cc:Mail has it (OURS). With a secondary proxy the name as it stands
// is the address of "Last, First" users, and the other one is added when it is
// free.
//
// Lists and boards have the address "#Title" (DOC for boards: RN 2.6.7, INF for
// lists). A number sign before the title is not doubled and not part of the
// key. A board whose title a list has is refused; titles that differ only in
// case are one.
//
// Post offices, entries at Exchange's post offices, and hidden ones, which
// begin with ~ or ## (DOC: ADE), are passed over.
func (r Rules) Import(rows []reconcile.Row, lists []ccmail.List, boards []ccmail.Board, scope ImportScope) ImportResult {
	im := newImporter(r, scope)
	im.titles(lists, boards)
	slices.SortFunc(im.result.Wanted, func(a, b reconcile.WantedRecipient) int { return strings.Compare(a.Key, b.Key) })
	if scope.Groups {
		im.members(rows, lists)
	}
	im.users(rows) // whose keys are greater, and in order
	sortFolded(im.result.Excluded, func(e *reconcile.Excluded) string { return e.Name }, compareExcluded)
	sortFolded(im.result.Refused, func(r *reconcile.Refusal) string { return r.Name }, compareRefused)
	return im.result
}

func newImporter(r Rules, scope ImportScope) *importer {
	if scope.Profile.Name == "" {
		scope.Profile = ldapsrc.Exchange55()
	}
	im := &importer{rules: r, scope: scope, exchange: map[string]bool{}, names: r.names, most: newLengths(scope.Profile)}
	for _, po := range scope.ExchangePostOffices {
		im.exchange[reconcile.Fold(po)] = true
	}
	return im
}

type importer struct {
	rules    Rules
	scope    ImportScope
	exchange map[string]bool // folded names of the post offices behind which Exchange is
	names    func(*reconcile.Recipient, int) reconcile.Names
	most     lengths
	result   ImportResult
}

// lengths are how many characters of a field fit; 0 is no limit.
type lengths struct{ displayName, givenName, surname, notes, target int }

func newLengths(p ldapsrc.Profile) lengths {
	return lengths{
		displayName: p.Length(p.Fields.DisplayName), givenName: p.Length(p.Fields.GivenName), surname: p.Length(p.Fields.Surname),
		notes: p.Length(p.Fields.Notes), target: p.Length(p.Fields.Target),
	}
}

// isExchange reports whether Exchange is behind a post office.
func (im *importer) isExchange(postOffice string) bool {
	return im.exchange[reconcile.Fold(postOffice)]
}

// user is a row on its way into Exchange.
type user struct {
	*reconcile.Row
	name       string // as cc:Mail has it, composed
	postOffice string // likewise
	key        string
	parts      Name
	raw        string // address with the name as cc:Mail has it
	generated  string // address made from the parts of the name; of candidates only
	foldedRaw  string
}

func newUser(row *reconcile.Row) user {
	u := user{
		Row:        row,
		name:       norm.NFC.String(strings.TrimSpace(row.Name)),
		postOffice: norm.NFC.String(strings.TrimSpace(row.PostOffice)),
	}
	u.key = reconcile.Key(reconcile.User, u.name)
	u.raw = joinAddress(u.name, u.postOffice)
	u.foldedRaw = reconcile.Fold(u.raw)
	return u
}

func (im *importer) users(rows []reconcile.Row) {
	sorted := sortedUsers(rows)
	candidates, others := make([]*user, 0, len(sorted)), []*user{}
	for _, u := range sorted {
		if im.admits(u) {
			candidates = append(candidates, u)
		} else {
			others = append(others, u)
		}
	}
	candidates, namesakes := im.dropNamesakes(candidates)
	owners := addressOwners(candidates, append(others, namesakes...))
	im.result.Wanted = slices.Grow(im.result.Wanted, len(candidates))
	for _, u := range candidates {
		if owner := owners[u.foldedRaw]; owner != u.key {
			im.refuse(reconcile.User, u.name, ccmailType+":"+u.raw, fmt.Sprintf("its address is that of %q too", owner), reconcile.EventAddressTaken)
			continue
		}
		e := im.userRecipient(u, owners)
		im.want(&e)
	}
}

// sortedUsers orders rows by key and then by everything that makes a
// difference, so that their order in the file does not matter.
func sortedUsers(rows []reconcile.Row) []*user {
	users := make([]user, len(rows))
	sorted := make([]*user, len(rows))
	for i := range rows {
		users[i] = newUser(&rows[i])
		sorted[i] = &users[i]
	}
	slices.SortFunc(sorted, func(a, b *user) int {
		if a.key != b.key {
			return strings.Compare(a.key, b.key)
		}
		return cmp.Or(
			strings.Compare(reconcile.Fold(a.postOffice), reconcile.Fold(b.postOffice)),
			strings.Compare(a.name, b.name),
			strings.Compare(a.postOffice, b.postOffice),
			strings.Compare(a.Location, b.Location),
			strings.Compare(a.Comment, b.Comment),
		)
	})
	return sorted
}

// admits reports whether the user comes into Exchange. What is cc:Mail's own
// and does not is recorded with the cause.
func (im *importer) admits(u *user) bool {
	if isHidden(u.name) || im.isExchange(u.postOffice) {
		return false
	}
	cause := ""
	switch ccmail.Location(u.Location) {
	case ccmail.LocalUser, ccmail.ForeignUser, ccmail.MobileUser, ccmail.RemoteUser:
	case ccmail.LocalAlias, ccmail.ForeignAlias:
		if !im.rules.aliases {
			cause = "aliases are not imported"
		}
	case ccmail.DirectPostOffice, ccmail.IndirectPostOffice:
		return false
	default:
		// What is not understood must not look like somebody who left.
		im.refuse(reconcile.User, u.name, ccmailType+":"+u.raw, fmt.Sprintf("its location code %q is not known; see what it is in cc:Mail", u.Location), 0)
		return false
	}
	if cause = cmp.Or(cause, im.rules.filter.cause(u.raw)); cause != "" {
		im.result.Excluded = append(im.result.Excluded, reconcile.Excluded{Kind: reconcile.User, Name: u.name, Cause: cause})
		return false
	}
	u.parts = SplitName(u.name)
	switch {
	case u.parts == Name{}:
		im.refuse(reconcile.User, u.name, ccmailType+":"+u.raw, "there is nothing in its name", 0)
	case u.postOffice == "":
		im.refuse(reconcile.User, u.name, "", "there is no post office in its address", 0)
	default:
		u.generated = joinAddress(u.parts.String(), u.postOffice)
		return true
	}
	return false
}

// isHidden reports whether cc:Mail hides the entry from its users.
func isHidden(name string) bool {
	return strings.HasPrefix(name, "~") || strings.HasPrefix(name, "##")
}

// dropNamesakes refuses all but the first of users, sorted, that have one name.
// cc:Mail does not allow that; a damaged directory may hold it.
func (im *importer) dropNamesakes(sorted []*user) (kept, dropped []*user) {
	kept = sorted[:0]
	for _, u := range sorted {
		if len(kept) > 0 && kept[len(kept)-1].key == u.key {
			dropped = append(dropped, u)
			im.refuse(reconcile.User, u.name, ccmailType+":"+u.raw,
				fmt.Sprintf("cc:Mail has its name twice, the entry %q is imported", kept[len(kept)-1].raw), reconcile.EventAddressTaken)
			continue
		}
		kept = append(kept, u)
	}
	return kept, dropped
}

// addressOwners says which key owns each folded address: names as cc:Mail has
// them come first, since mail to them goes there, then generated ones.
// Entries that are not imported own theirs too.
func addressOwners(imported, others []*user) map[string]string {
	owners := make(map[string]string, 2*len(imported)+len(others))
	claim := func(folded, key string) {
		if _, owned := owners[folded]; !owned {
			owners[folded] = key
		}
	}
	for _, u := range imported {
		claim(u.foldedRaw, u.key)
	}
	for _, u := range others {
		claim(u.foldedRaw, u.key)
	}
	for _, u := range imported {
		claim(reconcile.Fold(u.generated), u.key)
	}
	return owners
}

// userRecipient makes the custom recipient of a user, with the generated
// address if the user owns it.
func (im *importer) userRecipient(u *user, owners map[string]string) reconcile.Recipient {
	target, secondary := u.raw, ""
	if owners[reconcile.Fold(u.generated)] == u.key {
		target = u.generated
		if im.rules.secondaryProxy && strings.Contains(u.name, ",") {
			target, secondary = u.raw, u.generated
		}
	}
	e := im.recipient(reconcile.User, u.key, u.name, target)
	if secondary != "" && reconcile.Fold(secondary) != reconcile.Fold(target) {
		e.Proxies = append(e.Proxies, reconcile.Proxy{Type: ccmailType, Address: secondary})
	}
	e.PostOffice = u.postOffice
	e.Notes = strings.TrimSpace(norm.NFC.String(u.Comment))
	e.GivenName, e.Surname, e.Initials = u.parts.First, u.parts.Last, u.parts.Initials
	e.DisplayName = cmp.Or(im.rules.displayName.expand(u.parts.values()), foldBlanks(u.name))
	e.Alias = cmp.Or(usableAlias(im.rules.alias.expand(u.parts.values())), e.DirectoryName)
	return e
}

// titles imports mailing lists and boards.
func (im *importer) titles(lists []ccmail.List, boards []ccmail.Board) {
	listTitles := make([]string, len(lists))
	for i, list := range lists {
		listTitles[i] = list.Title
	}
	boardTitles := make([]string, len(boards))
	for i, board := range boards {
		boardTitles[i] = board.Title
	}
	taken := map[string]bool{}
	for _, title := range distinctTitles(listTitles) {
		e := im.titleRecipient(reconcile.List, title)
		e.Group = im.scope.Groups
		taken[reconcile.Fold(e.Target)] = true
		im.want(&e)
	}
	for _, title := range distinctTitles(boardTitles) {
		e := im.titleRecipient(reconcile.Board, title)
		if taken[reconcile.Fold(e.Target)] {
			im.refuse(e.Kind, e.Name, e.Target, "a mailing list has its title", reconcile.EventAddressTaken)
			continue
		}
		im.want(&e)
	}
}

// distinctTitles returns the titles that are not hidden, sorted, each once.
func distinctTitles(titles []string) []string {
	var visible []string
	for _, title := range titles {
		title = norm.NFC.String(strings.TrimSpace(title))
		if !isHidden(title) && plainTitle(title) != "" {
			visible = append(visible, title)
		}
	}
	slices.SortFunc(visible, func(a, b string) int {
		return cmp.Or(cmp.Compare(reconcile.Fold(plainTitle(a)), reconcile.Fold(plainTitle(b))), cmp.Compare(a, b))
	})
	return slices.CompactFunc(visible, func(a, b string) bool {
		return reconcile.Fold(plainTitle(a)) == reconcile.Fold(plainTitle(b))
	})
}

// plainTitle is the title without the number sign that addresses have.
func plainTitle(title string) string {
	return strings.TrimSpace(strings.TrimPrefix(title, "#"))
}

func (im *importer) titleRecipient(kind reconcile.Kind, title string) reconcile.Recipient {
	name := plainTitle(title)
	e := im.recipient(kind, reconcile.Key(kind, name), name, "#"+name)
	e.DisplayName = title
	e.Alias = cmp.Or(usableAlias(title), e.DirectoryName)
	return e
}

// recipient makes what all kinds have in common.
func (im *importer) recipient(kind reconcile.Kind, key, name, address string) reconcile.Recipient {
	directoryName := directoryName(im.scope.Connector, key)
	return reconcile.Recipient{
		Kind:          kind,
		Key:           key,
		Name:          name,
		DN:            im.scope.Profile.Write.DN(directoryName, im.scope.Container),
		DirectoryName: directoryName,
		Target:        ccmailType + ":" + address,
		Proxies:       []reconcile.Proxy{{Type: ccmailType, Address: address, Primary: true}},
		Owner:         im.scope.Connector,
	}
}

// directoryName is stable for a key, and safe: ASCII letters and digits, and
// not made from the person's name (documented: K264552).
func directoryName(connector, key string) string {
	sum := sha256.Sum256([]byte(reconcile.Fold(connector) + "\x00" + key))
	return "CC" + strings.ToUpper(hex.EncodeToString(sum[:8]))
}

// want records a recipient, unless Exchange cannot hold it. Its alias becomes
// the first proposal.
func (im *importer) want(e *reconcile.Recipient) {
	if strings.ContainsFunc(e.Target, unicode.IsControl) || strings.ContainsFunc(e.DisplayName, unicode.IsControl) {
		im.refuse(e.Kind, e.Name, e.Target, "its name has control characters; take them out in cc:Mail", 0)
		return
	}
	if i := strings.IndexAny(e.Target, im.scope.Forbidden); i >= 0 {
		char, _ := utf8.DecodeRuneInString(e.Target[i:])
		im.refuse(e.Kind, e.Name, e.Target, fmt.Sprintf("its address has the character %q, which the dialect forbids; rename it in cc:Mail", char), 0)
		return
	}
	for _, limit := range []struct {
		what, value string
		most        int
	}{
		{"display name", e.DisplayName, im.most.displayName},
		{"first name", e.GivenName, im.most.givenName},
		{"last name", e.Surname, im.most.surname},
		{"comment", e.Notes, im.most.notes},
		{"target address", e.Target, im.most.target},
	} {
		if limit.most == 0 || len(limit.value) <= limit.most {
			continue
		}
		if n := utf8.RuneCountInString(limit.value); n > limit.most {
			im.refuse(e.Kind, e.Name, e.Target,
				fmt.Sprintf("its %s has %d characters, Exchange takes %d; shorten it in cc:Mail or change the rule", limit.what, n, limit.most), 0)
			return
		}
	}
	im.result.Wanted = append(im.result.Wanted, reconcile.WantedRecipient{Recipient: *e, Names: im.names})
}

// names is the nth proposal for the names of a recipient.
func (r *Rules) names(recipient *reconcile.Recipient, n int) reconcile.Names {
	names := reconcile.Names{Alias: numberedAlias(recipient.Alias, n)}
	v := values{
		first: recipient.GivenName, last: recipient.Surname, initials: recipient.Initials,
		display: recipient.DisplayName, alias: names.Alias,
	}
	if localPart(recipient.Alias) == "" { // it would be the number alone
		v.alias = recipient.DirectoryName
	}
	if r.smtp != nil || r.x400 != nil {
		names.Proxies = make([]reconcile.Proxy, 0, 2)
	}
	if r.smtp != nil {
		names.Proxies = append(names.Proxies, reconcile.Proxy{Type: "SMTP", Address: r.smtp.expand(&v, recipient.DirectoryName), Primary: true})
	}
	if r.x400 != nil {
		names.Proxies = append(names.Proxies, reconcile.Proxy{Type: "X400", Address: r.x400.expand(&v, recipient.DirectoryName), Primary: true})
	}
	return names
}

func (im *importer) refuse(kind reconcile.Kind, name, address, reason string, event int) {
	im.result.Refused = append(im.result.Refused, reconcile.Refusal{Kind: kind, Name: name, Address: address, Reason: reason, Event: event})
}
