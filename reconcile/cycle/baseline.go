package cycle

import (
	"slices"

	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// The sides and containers of counts. Those of Exchange are DNs.
const (
	sideCCMail      = "ccmail"
	sideExchange    = "exchange"
	ownEntries      = "directory"        // of cc:Mail, in its directory
	exchangeEntries = "exchange entries" // ours, in cc:Mail's directory
	mailingLists    = "lists"
	bulletinBoards  = "boards"
)

// countEntries counts what was read in each container of either side.
func (r *run) countEntries() {
	counts := r.report.Counts
	members := 0
	for _, l := range r.lists {
		members += len(l.Members)
	}
	r.counts = []reconcile.Count{
		{Side: sideCCMail, Container: ownEntries, Entries: counts.CCMailEntries},
		{Side: sideCCMail, Container: exchangeEntries, Entries: counts.ExchangeEntries},
		{Side: sideCCMail, Container: reconcile.OurPostOffices, Entries: len(r.ownership.OwnPostOffices())},
		{Side: sideCCMail, Container: mailingLists, Entries: counts.Lists},
		{Side: sideCCMail, Container: reconcile.ListMembers, Entries: members},
		{Side: sideCCMail, Container: bulletinBoards, Entries: counts.Boards},
	}
	parts := r.sortedOut()
	if in := r.connector.Exchange.Import; in != nil {
		r.counts = append(r.counts, reconcile.Count{Side: sideExchange, Container: in.Container, Entries: parts.ours})
	}
	if out := r.connector.Exchange.Export; out != nil {
		for i, container := range out.Containers {
			r.counts = append(r.counts, reconcile.Count{Side: sideExchange, Container: container, Entries: parts.exportable[i]})
		}
	}
}

// countsLeft are the counts as the run leaves them: what it added, deleted,
// adopted or gave back is not missing or new when the next one reads. What may
// have happened counts when it takes an entry away: before the first write, that
// is every deletion of the plan.
func (r *run) countsLeft() []reconcile.Count {
	left := slices.Clone(r.counts)
	for i := range left {
		switch c := &left[i]; {
		case c.Side == sideCCMail && c.Container == exchangeEntries:
			c.Entries += gainedRows(r.report.ToCCMail)
		case c.Side == sideExchange:
			c.Entries += r.gainedRecipients(*c)
		case c.Side == sideCCMail && c.Container == reconcile.OurPostOffices:
			c.Entries += madePostOffices(r.report.ToCCMail)
		}
	}
	return left
}

// madePostOffices counts the post offices that steps have added.
func madePostOffices(steps []reconcile.Step) int {
	n := 0
	for _, s := range steps {
		if s.Kind == reconcile.PostOffice && s.Op == reconcile.Add && s.Outcome == reconcile.Done {
			n++
		}
	}
	return n
}

// gainedRows is how many rows of ours steps have made more than they may have
// removed.
func gainedRows(steps []reconcile.Step) int {
	n := 0
	for _, s := range steps {
		switch {
		case s.Kind == reconcile.PostOffice:
		case s.Op == reconcile.Add && s.Outcome == reconcile.Done:
			n++
		case s.Op == reconcile.Delete && s.Outcome != reconcile.Held:
			n--
		}
	}
	return n
}

// gainedRecipients is the same for the recipients that a count is of: those of a
// container that carry our mark, or those that do not.
func (r *run) gainedRecipients(c reconcile.Count) int {
	ours := r.connector.Exchange.Import != nil && c.Container == r.connector.Exchange.Import.Container
	counts := func(recipient *reconcile.Recipient) bool {
		return recipient != nil && r.isOurMark(recipient.Owner) == ours && ldapsrc.DNWithin(recipient.DN, c.Container)
	}
	n := 0
	for _, s := range r.report.ToExchange {
		switch before, after := counts(s.Before), counts(s.After); {
		case !s.Op.Writes():
		case after && !before && s.Outcome == reconcile.Done:
			n++
		case before && !after && s.Outcome != reconcile.Held:
			n--
		}
	}
	return n
}
