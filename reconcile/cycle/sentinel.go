package cycle

import (
	"fmt"
	"slices"

	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// Sentinels are entries that are known to be there. A side that is read
// without its own was not read whole, whatever the reading said. Empty ones are
// not looked for.
type Sentinels struct {
	CCMail   string // name of a directory entry, as cc:Mail has it
	Exchange string // DN of a recipient
}

// findInCCMail returns an error when the rows do not hold the sentinel.
func (s Sentinels) findInCCMail(rows []reconcile.Row) error {
	if s.CCMail == "" || slices.ContainsFunc(rows, func(row reconcile.Row) bool { return reconcile.Fold(row.Name) == reconcile.Fold(s.CCMail) }) {
		return nil
	}
	return fmt.Errorf("the sentinel %q (post_office.sentinel) is not in what EXPORT wrote (%s), so the post office was not exported whole, or it is another one; "+
		"nothing was written to either side; see that name and path of the post office are right; if the entry is gone from cc:Mail for good, name another one",
		s.CCMail, count(len(rows), "entry", "entries"))
}

// findInExchange returns an error when the recipients do not hold the sentinel.
func (s Sentinels) findInExchange(recipients []ldapsrc.Entry) error {
	if s.Exchange == "" {
		return nil
	}
	wanted, err := ldapsrc.NormalizeDN(s.Exchange)
	if err != nil {
		return fmt.Errorf("exchange.sentinel: %w", err)
	}
	if slices.ContainsFunc(recipients, func(e ldapsrc.Entry) bool { return mapping.NormalDN(e.DN()) == wanted }) {
		return nil
	}
	return fmt.Errorf("the sentinel %q (exchange.sentinel) is not in what was read (%s), so the directory was not read whole; "+
		"nothing was written to either side; see that the server is the right one, that the account may see the entry, and that it is below exchange.base or a container; "+
		"if it is gone from Exchange for good, name another one",
		s.Exchange, count(len(recipients), "recipient", "recipients"))
}
