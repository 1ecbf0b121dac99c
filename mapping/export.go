package mapping

import (
	"cmp"
	"fmt"
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
	Site             string   // post office name of the own Exchange site
	Sites            []string // of all sites that may go out; their spelling is the one written
	TrustLevel       int      // entries above it stay (OG:09)
	CustomRecipients bool     // whether custom recipients go out (OG:09)
	Containers       []string // DNs whose subtrees go out

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
// What this connector imported does not go back, as long as it is a custom
// recipient: one that was made a mailbox, and kept the mark, is Exchange's own
// (OURS).
//
// Two recipients of one name are both wanted; which one stays depends on what
// cc:Mail holds.
func (r Rules) Export(recipients []ldapsrc.Recipient, scope ExportScope) ExportResult {
	e := exporter{rules: r, scope: scope, sites: map[string]string{}}
	for _, site := range scope.Sites {
		e.sites[reconcile.Fold(site)] = site
	}
	for _, recipient := range recipients {
		if recipient.Class != ldapsrc.CustomRecipient || !scope.imported(recipient) {
			e.export(recipient)
		}
	}
	e.sort()
	return e.result
}

// imported reports whether the recipient carries our mark, or that of a
// connector that we have taken the place of.
func (s ExportScope) imported(recipient ldapsrc.Recipient) bool {
	return recipient.ImportedFrom != "" && slices.ContainsFunc(append([]string{s.Connector}, s.FormerConnectors...), func(mark string) bool {
		return reconcile.Fold(mark) == reconcile.Fold(recipient.ImportedFrom)
	})
}

type exporter struct {
	rules  Rules
	scope  ExportScope
	sites  map[string]string // canonical spelling by folded name
	result ExportResult
}

func (e *exporter) export(recipient ldapsrc.Recipient) {
	kind := exchangeKind(recipient.Class)
	_, hasProxy := recipient.PrimaryProxy(ccmailType)
	name, site, problem := e.nameAndSite(recipient)
	cause := e.exclusion(recipient)
	if cause == outsideContainers && !hasProxy {
		return // never was a candidate
	}
	if cause != "" {
		e.result.Excluded = append(e.result.Excluded, reconcile.Excluded{Kind: kind, Name: name, DN: recipient.DN, Cause: cause})
		return
	}
	comment := e.rules.ccmailComment.expand(exchangeValues(recipient))
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
func (e *exporter) exclusion(recipient ldapsrc.Recipient) string {
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
func (e *exporter) nameAndSite(recipient ldapsrc.Recipient) (name, site, problem string) {
	address, hasProxy := recipient.PrimaryProxy(ccmailType)
	proxyName, proxySite, wellFormed := splitAddress(norm.NFC.String(address))
	known, mayGo := e.sites[reconcile.Fold(proxySite)]
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

func (e *exporter) ruleName(recipient ldapsrc.Recipient) string {
	v := exchangeValues(recipient)
	return cmp.Or(e.rules.ccmailName.expand(v), foldBlanks(v['d']))
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
	slices.SortFunc(e.result.Wanted, func(a, b reconcile.Wanted) int {
		return cmp.Or(
			cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)),
			cmp.Compare(reconcile.Fold(a.Site), reconcile.Fold(b.Site)),
			cmp.Compare(reconcile.Fold(a.DirectoryName), reconcile.Fold(b.DirectoryName)),
			cmp.Compare(a.DN, b.DN),
			cmp.Compare(a.Name, b.Name),
		)
	})
	slices.SortFunc(e.result.Excluded, compareExcluded)
	slices.SortFunc(e.result.Refused, compareRefused)
}

func compareExcluded(a, b reconcile.Excluded) int {
	return cmp.Or(
		cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)),
		cmp.Compare(a.DN, b.DN),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Cause, b.Cause),
	)
}

func compareRefused(a, b reconcile.Refusal) int {
	return cmp.Or(
		cmp.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name)),
		cmp.Compare(reconcile.Fold(a.Address), reconcile.Fold(b.Address)),
		cmp.Compare(a.DN, b.DN),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Address, b.Address),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Reason, b.Reason),
	)
}

// exchangeValues are the values of the address tokens of an Exchange entry.
func exchangeValues(recipient ldapsrc.Recipient) values {
	return values{
		'g': recipient.GivenName,
		's': recipient.Surname,
		'i': recipient.Initials,
		'd': recipient.DisplayName,
		'm': recipient.Alias,
	}.clean(norm.NFC.String)
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
