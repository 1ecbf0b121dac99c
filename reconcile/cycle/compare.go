package cycle

import (
	"context"
	"fmt"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// compare makes the plan of both directions and has the guards judge it
// (step 6). The plan is recorded in any case.
func (r *run) compare(ctx context.Context) (string, error) {
	if err := r.recall(ctx); err != nil {
		return "", err
	}
	if err := r.task.decide(r); err != nil {
		return "", err
	}
	r.describe()
	r.countSteps()
	r.countEntries()
	plan := &r.report.Plan
	plan.Guards = reconcile.Judge(reconcile.Basis{
		Purpose: plan.Purpose, Limits: r.connector.Limits, Counts: r.counts, Scope: r.connector.Scope, Known: r.known,
	}, r.toCCMail, r.toExchange)
	if err := plan.Identify(); err != nil {
		return "", err
	}
	if accept := r.task.accept; accept != nil {
		if err := accept(*plan); err != nil {
			return "", err
		}
	}
	if err := r.recordPlan(ctx); err != nil {
		return "", fmt.Errorf("nothing was written to either side: %w", err)
	}
	r.tellRefusals()
	account := fmt.Sprintf("%s to cc:Mail, %s to Exchange",
		count(plan.Counts.ToCCMail.Writes(), "change", "changes"), count(plan.Counts.ToExchange.Writes(), "change", "changes"))
	if err := r.guard(); err != nil {
		return account, err
	}
	r.accepted = true
	return account, nil
}

// guard stops the cycle when a guard tripped.
func (r *run) guard() error {
	tripped := reconcile.TrippedOf(r.report.Guards)
	if len(tripped) == 0 {
		return nil
	}
	return &GuardError{Connector: r.connector.Name, PlanID: r.report.ID, Guards: tripped}
}

// ccMailInput is what the plan toward cc:Mail is made from; on is false when
// nothing goes out.
func (r *run) ccMailInput() (in reconcile.CCMailInput, on bool) {
	export := r.connector.Exchange.Export
	if export == nil || len(export.Containers) == 0 {
		return reconcile.CCMailInput{}, false
	}
	owner, dialect := r.connector.Exchange.Owner, r.connector.PostOffice.Dialect
	result := r.connector.Rules.Export(r.decoded(func(e ldapsrc.Entry) bool { return !r.isOurs(e) }), mapping.ExportScope{
		Connector: r.connector.Name, Site: owner.Site, Sites: owner.Sites,
		TrustLevel: export.TrustLevel, CustomRecipients: export.CustomRecipients, Containers: export.Containers, Expected: len(r.recipients),
		Check:            ccmail.Options{CodePage: r.connector.PostOffice.CodePage, Dialect: dialect}.Check,
		FormerConnectors: r.formerNames(), Link: r.link,
	})
	if in := r.connector.Exchange.Import; in != nil && in.Groups {
		r.exported = result.Wanted
	}
	return reconcile.CCMailInput{
		Ownership: r.ownership, Rows: r.rows, Lists: r.listTitles(),
		Wanted: result.Wanted, Excluded: result.Excluded, Refused: result.Refused,
		CompareComment: r.connector.CompareComment, Renew: r.renewedRows(result.Wanted),
		Grace: reconcile.Grace{Period: export.Grace, Now: r.started, Retiring: r.known.Retiring},
	}, true
}

// renewedRows are the keys of the wanted rows that everything is set anew for.
func (r *run) renewedRows(wanted []reconcile.Wanted) map[string]bool {
	if r.renewed == nil {
		return nil
	}
	keys := map[string]bool{}
	for _, w := range wanted {
		if r.renewed.means(w.Name, w.Site, w.DN) {
			keys[reconcile.Fold(w.Name)] = true
		}
	}
	return keys
}

// renewedRecipients are the keys of the wanted custom recipients that
// everything is set anew for.
func (r *run) renewedRecipients(wanted []reconcile.WantedRecipient) map[string]bool {
	if r.renewed == nil {
		return nil
	}
	keys := map[string]bool{}
	for _, w := range wanted {
		if r.renewed.means(w.Name, w.Target, w.DN) || r.renewed.means(w.Name, w.PostOffice, "") {
			keys[w.Key] = true
		}
	}
	return keys
}

func (r *run) listTitles() []string {
	titles := make([]string, len(r.lists))
	for i, l := range r.lists {
		titles[i] = l.Title
	}
	return titles
}

// formerNames are the names that the connector had.
func (r *run) formerNames() []string {
	if settings := r.connector.Exchange.Import; settings != nil {
		return settings.FormerNames
	}
	return nil
}

// exchangeInput is what the plan toward Exchange is made from; on is false when
// nothing comes in.
func (r *run) exchangeInput() (in reconcile.ExchangeInput, on bool) {
	settings := r.connector.Exchange.Import
	if settings == nil || settings.Container == "" {
		return reconcile.ExchangeInput{}, false
	}
	result, parts := r.imported(), r.sortedOut()
	return reconcile.ExchangeInput{
		Owner: r.connector.Name, FormerOwners: settings.FormerNames,
		Present: r.model(parts.present), Former: r.model(parts.former), Others: func() []reconcile.Recipient { return r.model(r.others()) },
		Wanted: result.Wanted, Excluded: result.Excluded, Refused: result.Refused,
		MembersUnknown: result.MembersUnknown,
		Moves:          settings.Moves, Adopt: settings.Adopt, NormalDN: mapping.NormalDN,
		Renew: r.renewedRecipients(result.Wanted),
		Grace: reconcile.Grace{Period: settings.Grace, Now: r.started, Retiring: r.known.Retiring},
	}, true
}

// imported are cc:Mail's entries as the rules bring them to Exchange.
func (r *run) imported() mapping.ImportResult {
	return r.connector.Rules.Import(r.rows, r.lists, r.boards, mapping.ImportScope{
		Connector: r.connector.Name, Container: r.connector.Exchange.Import.Container, ExchangePostOffices: r.ownership.ExchangePostOffices(),
		Forbidden: r.connector.PostOffice.Dialect.Forbidden, Profile: r.connector.Server.Profile,
		Groups: r.connector.Exchange.Import.Groups, Recipients: r.decoded(func(ldapsrc.Entry) bool { return true }), Exported: r.exported,
		TitlesOnly: r.connector.PostOffice.Dialect.TitlesOnly,
	})
}

// countSteps puts into the counts of the plan what the steps are.
func (r *run) countSteps() {
	counts := &r.report.Counts
	counts.ToCCMail, counts.ToExchange = r.toCCMail.CountSteps(), r.toExchange.CountSteps()
	parts := r.sortedOut()
	counts.NotOurs += parts.notOurs
	for i := range r.toExchange.Steps {
		if s := &r.toExchange.Steps[i]; s.Op == reconcile.Adopt && !r.isOurMark(s.Before.Owner) {
			counts.NotOurs--
		}
	}
}

// tellRefusals puts what was refused or held into the log.
func (r *run) tellRefusals() {
	for _, steps := range [][]reconcile.Step{r.report.ToCCMail, r.report.ToExchange} {
		for i := range steps {
			if s := &steps[i]; s.Op == reconcile.Refuse || s.Op == reconcile.Hold {
				r.trace.event(Warning, s.Event, fmt.Sprintf("%s %s %s: %s", s.Op, s.Kind, s.Subject(), s.Reason))
			}
		}
	}
}
