package cycle

import (
	"fmt"

	"ccdirsync/reconcile"
)

// largestList is the number of members beyond which a distribution list does not
// replicate well (documented: K247654, K146566).
const largestList = 5000

// warnOfMembers tells of what the plan does not say about the members of groups.
func (r *run) warnOfMembers(in reconcile.ExchangeInput) {
	if !r.connector.Exchange.Import.Groups {
		return
	}
	if in.MembersUnknown && len(r.lists) > 0 {
		why := "none of them has a member, which proves nothing"
		if r.connector.PostOffice.Dialect.TitlesOnly {
			why = "post_office.dialect.titles_only is set"
		}
		r.warn(fmt.Sprintf("the export does not tell who is on the mailing lists (%s): groups keep the members that they have, and new ones have none", why))
	}
	for i := range r.toExchange.Steps {
		if s := &r.toExchange.Steps[i]; s.After != nil && len(s.After.Members) > largestList {
			r.warn(fmt.Sprintf("the list %q gets %d members; Exchange does not replicate one of more than %d well (Q247654): part it in cc:Mail, and put the parts on it",
				s.Name, len(s.After.Members), largestList))
		}
	}
}
