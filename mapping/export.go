package mapping

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// ccmailType is the type of cc:Mail addresses among proxies (documented:
// K263520).
const ccmailType = "CCMAIL"

// ExportScope says which Exchange entries go out to cc:Mail, and as what.
type ExportScope struct {
	Connector        string   // mark of what this connector imported, which never goes back
	FormerConnectors []string // marks of connectors that this one has taken the place of
	Link             Link     // by which the lists that it made are known
	Site             string   // post office name of the own Exchange site
	Sites            []string // of all sites that may go out; their spelling is the one written
	TrustLevel       int      // entries above it stay (OG:09)
	CustomRecipients bool     // whether custom recipients go out (OG:09)
	Containers       []string // DNs whose subtrees go out
	Expected         int      // about how many recipients there are, so that room is made once; 0 when nobody knows

	// Check refuses a row that the file or cc:Mail cannot hold; nil accepts all.
	Check func(ccmail.Record) error
}

// ExportResult is what cc:Mail ought to hold of Exchange's entries, and what it
// ought not, sorted by name.
type ExportResult struct {
	Wanted   []reconcile.Wanted
	Excluded []reconcile.Excluded
	Refused  []reconcile.Refusal
}

// Export maps Exchange recipients to entries of the cc:Mail directory.
//
// The name is that of the primary CCMAIL address, "name at site", parted at the
// last " at ". A rule takes its place when the settings prefer it or, for a
// recipient without such an address, allow it; the site is then that of the
// address if it may go out, else the own one (OURS). Where the rule gives
// nothing, as for lists and public folders, which have no first and last name,
// the display name is taken (SEEN: Q288420).
//
// What this connector imported does not go back, as long as it has the form in
// which it was imported ([Link.Imported]): one that was made a mailbox, and kept
// the mark, is Exchange's own (OURS).
//
// Two recipients of one name are both wanted; which one stays depends on what
// cc:Mail holds.
//
// What is wanted or refused holds on to no text of the recipients, so that these
// may go before a plan is made from it.
func (r Rules) Export(recipients iter.Seq[ldapsrc.Recipient], scope ExportScope) ExportResult {
	e := exporter{rules: r, scope: scope, sites: map[string]string{}, spelled: map[string]string{}}
	e.result.Wanted = make([]reconcile.Wanted, 0, scope.Expected)
	for _, site := range scope.Sites {
		e.sites[reconcile.Fold(site)] = site
	}
	for recipient := range recipients {
		if !scope.Link.Imported(&recipient) || !scope.imported(&recipient) {
			e.export(&recipient)
		}
	}
	e.sort()
	return e.result
}

// imported reports whether the recipient carries our mark, or that of a
// connector that we have taken the place of.
func (s *ExportScope) imported(recipient *ldapsrc.Recipient) bool {
	is := func(mark string) bool { return reconcile.Fold(mark) == reconcile.Fold(recipient.ImportedFrom) }
	return recipient.ImportedFrom != "" && (is(s.Connector) || slices.ContainsFunc(s.FormerConnectors, is))
}

type exporter struct {
	rules   Rules
	scope   ExportScope
	sites   map[string]string // canonical spelling by folded name
	spelled map[string]string // the same by the spellings that were seen
	result  ExportResult
}

// site returns the canonical spelling of a site that may go out.
func (e *exporter) site(name string) (site string, mayGo bool) {
	if site, mayGo = e.spelled[name]; mayGo {
		return site, true
	}
	if site, mayGo = e.sites[reconcile.Fold(name)]; mayGo {
		e.spelled[strings.Clone(name)] = site
	}
	return site, mayGo
}

func (e *exporter) export(recipient *ldapsrc.Recipient) {
	kind := exchangeKind(recipient.Class)
	address, hasProxy := recipient.PrimaryProxy(ccmailType)
	name, site, problem := e.nameAndSite(recipient, address, hasProxy)
	cause := e.exclusion(recipient)
	if cause == outsideContainers && !hasProxy {
		return // never was a candidate
	}
	if cause != "" {
		e.result.Excluded = append(e.result.Excluded, reconcile.Excluded{Kind: kind, Name: name, DN: recipient.DN, Cause: cause})
		return
	}
	dn := len(recipient.DN)
	own := recipient.DN + name + recipient.DirectoryName // one text that is not the recipient's
	recipient.DN, name, recipient.DirectoryName = own[:dn], own[dn:dn+len(name)], own[dn+len(name):]
	v := exchangeValues(recipient)
	comment := e.rules.ccmailComment.expand(&v)
	if problem == "" {
		problem = e.check(ccmail.Record{Name: name, Location: ccmail.RemoteUser, Address: ccmail.JoinAddress(site, name), Comment: comment})
	}
	if problem != "" {
		e.result.Refused = append(e.result.Refused, reconcile.Refusal{
			Kind: kind, Name: name, Address: site, DN: recipient.DN, Reason: problem,
		})
		return
	}
	e.result.Wanted = append(e.result.Wanted, reconcile.Wanted{
		Kind: kind, Name: name, Site: site, Comment: comment, DN: recipient.DN, DirectoryName: recipient.DirectoryName,
		Imported: e.scope.imported(recipient),
	})
}

// outsideContainers is the cause of what lies in none of the export containers.
const outsideContainers = "not in an export container"

// exclusion tells why a recipient stays; empty when nothing keeps it.
func (e *exporter) exclusion(recipient *ldapsrc.Recipient) string {
	inContainer := slices.ContainsFunc(e.scope.Containers, func(container string) bool {
		return ldapsrc.DNWithin(recipient.DN, container)
	})
	switch {
	case !inContainer:
		return outsideContainers
	case recipient.Class == ldapsrc.CustomRecipient && !e.scope.CustomRecipients:
		return "custom recipients are not exported"
	case recipient.Hidden:
		return "hidden from the address book"
	case recipient.TrustLevel > e.scope.TrustLevel:
		return fmt.Sprintf("its trust level %d is above the connector's %d", recipient.TrustLevel, e.scope.TrustLevel)
	default:
		return ""
	}
}

// nameAndSite finds the cc:Mail name of a recipient and its site. The name is
// given even with a problem, as far as there is one, so that its row can be
// found.
func (e *exporter) nameAndSite(recipient *ldapsrc.Recipient, address string, hasProxy bool) (name, site, problem string) {
	proxyName, proxySite, wellFormed := splitAddress(norm.NFC.String(address))
	known, mayGo := e.site(proxySite)
	switch {
	case e.rules.preferRule || !hasProxy && e.rules.ruleWithoutProxy:
		if name = e.ruleName(recipient); name == "" {
			return "", "", "the rule gives no cc:Mail name and there is no display name; give the entry one"
		}
		if wellFormed && mayGo {
			return name, known, ""
		}
		return name, e.scope.Site, ""
	case !hasProxy:
		return "", "", "it has no primary CCMAIL address; add one, or set without_proxy to rule"
	case !wellFormed:
		// An address that lost its site still tells the row, which stays.
		name = cmp.Or(proxyName, strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(norm.NFC.String(address)), " at")))
		return name, "", fmt.Sprintf("its CCMAIL address %q is not of the form \"name at site\"", address)
	case !mayGo:
		return proxyName, proxySite, fmt.Sprintf("the site %q of its CCMAIL address is not among the sites that may go out: %s",
			proxySite, strings.Join(e.scope.Sites, ", "))
	default:
		return proxyName, known, ""
	}
}

func (e *exporter) ruleName(recipient *ldapsrc.Recipient) string {
	v := exchangeValues(recipient)
	return cmp.Or(e.rules.ccmailName.expand(&v), foldBlanks(v.of('d')))
}

func (e *exporter) check(record ccmail.Record) string {
	if e.scope.Check == nil {
		return ""
	}
	if err := e.scope.Check(record); err != nil {
		return err.Error()
	}
	return ""
}

// sort puts the result into one order, whatever that of the recipients was.
func (e *exporter) sort() {
	sortFolded(e.result.Wanted, func(w *reconcile.Wanted) string { return w.Name }, compareWanted)
	sortFolded(e.result.Excluded, func(e *reconcile.Excluded) string { return e.Name }, compareExcluded)
	sortFolded(e.result.Refused, func(r *reconcile.Refusal) string { return r.Name }, compareRefused)
}

// sortFolded sorts entries by their folded names, and those of one name by rest.
func sortFolded[E any](entries []E, name func(*E) string, rest func(a, b *E) int) {
	type place struct {
		name string // folded
		from int    // where the entry is that goes here
	}
	places := make([]place, len(entries))
	for i := range entries {
		places[i] = place{reconcile.Fold(name(&entries[i])), i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.name != b.name {
			return strings.Compare(a.name, b.name)
		}
		return rest(&entries[a.from], &entries[b.from])
	})
	// Each entry goes to its place, and the one that was there to its own, until
	// one goes where the first was.
	for i := range places {
		moved, at := entries[i], i
		for places[at].from != i {
			from := places[at].from
			entries[at], places[at].from = entries[from], at
			at = from
		}
		entries[at], places[at].from = moved, at
	}
}

func compareWanted(a, b *reconcile.Wanted) int {
	return cmp.Or(
		strings.Compare(reconcile.Fold(a.Site), reconcile.Fold(b.Site)),
		strings.Compare(reconcile.Fold(a.DirectoryName), reconcile.Fold(b.DirectoryName)),
		strings.Compare(a.DN, b.DN),
		strings.Compare(a.Name, b.Name),
	)
}

func compareExcluded(a, b *reconcile.Excluded) int {
	return cmp.Or(
		strings.Compare(a.DN, b.DN),
		strings.Compare(a.Name, b.Name),
		cmp.Compare(a.Kind, b.Kind),
		strings.Compare(a.Cause, b.Cause),
	)
}

func compareRefused(a, b *reconcile.Refusal) int {
	return cmp.Or(
		strings.Compare(reconcile.Fold(a.Address), reconcile.Fold(b.Address)),
		strings.Compare(a.DN, b.DN),
		strings.Compare(a.Name, b.Name),
		strings.Compare(a.Address, b.Address),
		cmp.Compare(a.Kind, b.Kind),
		strings.Compare(a.Reason, b.Reason),
	)
}

// exchangeValues are the values of the address tokens of an Exchange entry.
func exchangeValues(recipient *ldapsrc.Recipient) values {
	return values{
		first: recipient.GivenName, last: recipient.Surname, initials: recipient.Initials,
		display: recipient.DisplayName, alias: recipient.Alias, clean: norm.NFC.String,
	}
}

func exchangeKind(class ldapsrc.Class) reconcile.Kind {
	switch class {
	case ldapsrc.CustomRecipient:
		return reconcile.CustomRecipient
	case ldapsrc.DistributionList:
		return reconcile.List
	case ldapsrc.PublicFolder:
		return reconcile.Folder
	case ldapsrc.Mailbox:
	}
	return reconcile.Mailbox
}

// splitAddress parts "name at place" at its last " at ".
func splitAddress(address string) (name, place string, ok bool) {
	i := strings.LastIndex(address, " at ")
	if i < 0 {
		return "", "", false
	}
	name, place = strings.TrimSpace(address[:i]), strings.TrimSpace(address[i+len(" at "):])
	return name, place, name != "" && place != ""
}

// joinAddress is the reverse of splitAddress; a missing part leaves the other.
func joinAddress(name, place string) string {
	if name == "" || place == "" {
		return name + place
	}
	return name + " at " + place
}
