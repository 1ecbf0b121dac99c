package mapping

import (
	"cmp"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ccdirsync/ccmail"
	"ccdirsync/reconcile"
)

// members gives every list that becomes a group those who are on it. A line of
// a list names an entry of the directory, by its name or as "name at post
// office", or another list, by its title (OURS: no export of lists is public).
//
// It is the recipient of a user of cc:Mail, or of a list; what is at an Exchange
// post office is the recipient of Exchange's that goes by that name, or has that
// address. Titles that differ only in a number sign or in case are one list with
// all their members.
func (im *importer) members(rows []reconcile.Row, lists []ccmail.List) {
	onList := map[string][]string{} // by the key of the list
	known := false
	for _, list := range lists {
		key := reconcile.Key(reconcile.List, plainTitle(norm.NFC.String(strings.TrimSpace(list.Title))))
		onList[key] = append(onList[key], list.Members...)
		known = known || len(list.Members) > 0
	}
	im.result.MembersUnknown = im.scope.TitlesOnly || !known
	if im.result.MembersUnknown {
		return
	}
	r := newMemberReader(im, rows, onList)
	for i := range im.result.Wanted {
		if w := &im.result.Wanted[i]; w.Group {
			w.OnList = r.read(onList[w.Key])
		}
	}
	r.findInExchange(im.result.Wanted, im.scope)
}

// memberReader tells what the lines of lists mean.
type memberReader struct {
	importer *importer
	rows     map[string]*user            // by folded name; the first of namesakes
	exported map[string]reconcile.Wanted // by folded name: what may not be in the directory yet
	lists    map[string]bool             // keys
	// atExchange are the folded addresses of those who are to be found in
	// Exchange.
	atExchange map[string]bool
}

func newMemberReader(im *importer, rows []reconcile.Row, lists map[string][]string) *memberReader {
	r := &memberReader{importer: im, rows: map[string]*user{}, exported: map[string]reconcile.Wanted{}, lists: map[string]bool{}, atExchange: map[string]bool{}}
	named := r.named(lists)
	var known []reconcile.Row
	for _, row := range rows {
		if named[reconcile.Fold(strings.TrimSpace(norm.NFC.String(row.Name)))] {
			known = append(known, row)
		}
	}
	for _, u := range sortedUsers(known) {
		if _, there := r.rows[reconcile.Fold(u.name)]; !there {
			r.rows[reconcile.Fold(u.name)] = u
		}
	}
	for _, w := range im.scope.Exported {
		if name := reconcile.Fold(w.Name); named[name] {
			r.exported[name] = w
		}
	}
	for key := range lists {
		r.lists[key] = true
	}
	return r
}

// named are the folded names that the lines of lists may mean.
func (r *memberReader) named(lists map[string][]string) map[string]bool {
	named := map[string]bool{}
	for _, lines := range lists {
		for _, line := range lines {
			line = norm.NFC.String(strings.TrimSpace(line))
			name, _, _ := splitAddress(line)
			named[reconcile.Fold(line)], named[reconcile.Fold(name)] = true, true
		}
	}
	return named
}

// read tells what the lines of one list mean, each once.
func (r *memberReader) read(lines []string) []reconcile.Member {
	var members []reconcile.Member
	seen := map[string]bool{}
	for _, line := range lines {
		line = norm.NFC.String(strings.TrimSpace(line))
		if line != "" && !seen[reconcile.Fold(line)] {
			seen[reconcile.Fold(line)] = true
			members = append(members, r.member(line))
		}
	}
	return members
}

func (r *memberReader) member(line string) reconcile.Member {
	if row, there := r.rows[reconcile.Fold(line)]; there {
		return r.entry(line, row)
	}
	if key := reconcile.Key(reconcile.List, plainTitle(line)); r.lists[key] {
		return reconcile.Member{Name: line, Key: key}
	}
	if w, goesOut := r.exported[reconcile.Fold(line)]; goesOut {
		return r.inExchange(line, w.Name, w.Site)
	}
	name, postOffice, parted := splitAddress(line)
	row, there := r.rows[reconcile.Fold(name)]
	switch {
	case parted && there && reconcile.Fold(row.postOffice) == reconcile.Fold(postOffice):
		return r.entry(line, row)
	case parted && r.importer.isExchange(postOffice):
		return r.inExchange(line, name, postOffice)
	case parted && there:
		return reconcile.Member{Name: line, Problem: fmt.Sprintf("in the cc:Mail directory it is at %q; correct the list in cc:Mail", row.postOffice)}
	default:
		return reconcile.Member{Name: line, Problem: "the cc:Mail directory has no entry of that name; correct the list in cc:Mail"}
	}
}

// entry tells what an entry of the directory is for a list.
func (r *memberReader) entry(line string, row *user) reconcile.Member {
	switch location := ccmail.Location(row.Location); {
	case location == ccmail.DirectPostOffice || location == ccmail.IndirectPostOffice:
		return reconcile.Member{Name: line, Problem: "it is a post office"}
	case r.importer.isExchange(row.postOffice):
		return r.inExchange(line, row.name, row.postOffice)
	case isHidden(row.name):
		return reconcile.Member{Name: line, Problem: "cc:Mail hides it"}
	default:
		return reconcile.Member{Name: line, Key: row.key}
	}
}

// inExchange is a member that is to be found in Exchange. Its DN is its address
// until then.
func (r *memberReader) inExchange(line, name, postOffice string) reconcile.Member {
	address := reconcile.Fold(joinAddress(name, postOffice))
	r.atExchange[address] = true
	return reconcile.Member{Name: line, DN: address}
}

// findInExchange puts the recipients of Exchange into the lists: those that go
// out by their names in cc:Mail, the others by a CCMAIL address. Of several the
// first by DN is taken.
func (r *memberReader) findInExchange(wanted []reconcile.WantedRecipient, scope ImportScope) {
	if len(r.atExchange) == 0 {
		return
	}
	found := map[string]string{}
	for _, w := range scope.Exported {
		r.note(found, reconcile.Fold(joinAddress(w.Name, w.Site)), w.DN)
	}
	others := map[string]string{}
	for recipient := range scope.Recipients {
		for _, p := range recipient.Proxies {
			if p.Type == ccmailType {
				r.note(others, reconcile.Fold(norm.NFC.String(p.Address)), recipient.DN)
			}
		}
	}
	for i := range wanted {
		for j := range wanted[i].OnList {
			if m := &wanted[i].OnList[j]; m.DN != "" {
				address := m.DN
				if m.DN = cmp.Or(found[address], others[address]); m.DN == "" {
					m.Problem = "it is at an Exchange post office, and no recipient in Exchange has its address"
				}
			}
		}
	}
}

// note remembers who has an address that is looked for.
func (r *memberReader) note(found map[string]string, address, dn string) {
	if known, there := found[address]; r.atExchange[address] && (!there || reconcile.Fold(dn) < reconcile.Fold(known)) {
		found[address] = dn
	}
}
