package cycle

import (
	"context"
	"fmt"
	"slices"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// compare makes the plan of both directions and has the guards judge it
// (step 6). The plan is recorded in any case.
func (r *run) compare(ctx context.Context) (string, error) {
	r.compareCCMail()
	r.compareExchange()
	r.describe()
	r.countSteps()
	plan := &r.report.Plan
	plan.Guards = reconcile.Judge(r.connector.Limits, r.toCCMail, r.toExchange)
	if err := plan.Identify(); err != nil {
		return "", err
	}
	if err := r.recordPlan(ctx); err != nil {
		return "", fmt.Errorf("nothing was written to either side: %w", err)
	}
	r.tellRefusals()
	account := fmt.Sprintf("%s to cc:Mail, %s to Exchange",
		count(plan.Counts.ToCCMail.Writes(), "change", "changes"), count(plan.Counts.ToExchange.Writes(), "change", "changes"))
	return account, r.guard()
}

// guard stops the cycle when a guard tripped.
func (r *run) guard() error {
	tripped := reconcile.TrippedOf(r.report.Guards)
	if len(tripped) == 0 {
		return nil
	}
	return &GuardError{Connector: r.connector.Name, PlanID: r.report.ID, Guards: tripped}
}

func (r *run) compareCCMail() {
	export := r.connector.Exchange.Export
	if export == nil || len(export.Containers) == 0 {
		return
	}
	owner := r.connector.Exchange.Owner
	result := r.connector.Rules.Export(r.recipients, mapping.ExportScope{
		Connector: r.connector.Name, Site: owner.Site, Sites: owner.Sites,
		TrustLevel: export.TrustLevel, CustomRecipients: export.CustomRecipients, Containers: export.Containers,
		Check: ccmail.Options{CodePage: r.connector.PostOffice.CodePage, Dialect: r.connector.PostOffice.Dialect}.Check,
	})
	titles := make([]string, len(r.lists))
	for i, l := range r.lists {
		titles[i] = l.Title
	}
	r.toCCMail = reconcile.PlanCCMail(reconcile.CCMailInput{
		Ownership: r.ownership, Rows: r.rows, Lists: titles,
		Wanted: result.Wanted, Excluded: result.Excluded, Refused: result.Refused,
		CompareComment: r.connector.CompareComment,
	})
}

func (r *run) compareExchange() {
	settings := r.connector.Exchange.Import
	if settings == nil || settings.Container == "" {
		return
	}
	result := r.connector.Rules.Import(r.rows, r.lists, r.boards, mapping.ImportScope{
		Connector: r.connector.Name, Container: settings.Container, ExchangePostOffices: r.ownership.ExchangePostOffices(),
	})
	present := r.present()
	there := map[string]bool{}
	for _, recipient := range present {
		there[recipient.DN] = true
	}
	others := slices.DeleteFunc(slices.Clone(r.recipients), func(o ldapsrc.Recipient) bool { return there[o.DN] })
	r.toExchange = reconcile.PlanExchange(reconcile.ExchangeInput{
		Owner:   r.connector.Name,
		Present: mapping.Present(present, settings.KeyAttribute), Others: mapping.Present(others, settings.KeyAttribute),
		Wanted: result.Wanted, Excluded: result.Excluded, Refused: result.Refused,
		Moves: settings.Moves, Adopt: settings.Adopt, NormalDN: normalDN,
	})
}

// normalDN is equal for all spellings of a DN. One that cannot be read stands
// for itself.
func normalDN(dn string) string {
	if normal, err := ldapsrc.NormalizeDN(dn); err == nil {
		return normal
	}
	return reconcile.Fold(dn)
}

// present are the custom recipients of the import container, whoever made them.
func (r *run) present() []ldapsrc.Recipient {
	settings := r.connector.Exchange.Import
	if settings == nil || settings.Container == "" {
		return nil
	}
	var present []ldapsrc.Recipient
	for _, recipient := range r.recipients {
		if recipient.Class == ldapsrc.CustomRecipient && ldapsrc.DNWithin(recipient.DN, settings.Container) {
			present = append(present, recipient)
		}
	}
	return present
}

// countSteps puts into the counts of the plan what the steps are.
func (r *run) countSteps() {
	counts := &r.report.Counts
	counts.ToCCMail, counts.ToExchange = r.toCCMail.CountSteps(), r.toExchange.CountSteps()
	for _, recipient := range r.present() {
		if reconcile.Fold(recipient.ImportedFrom) != reconcile.Fold(r.connector.Name) {
			counts.NotOurs++
		}
	}
}

// tellRefusals puts what was refused or held into the log.
func (r *run) tellRefusals() {
	for _, steps := range [][]reconcile.Step{r.report.ToCCMail, r.report.ToExchange} {
		for _, s := range steps {
			if s.Op == reconcile.Refuse || s.Op == reconcile.Hold {
				r.trace.event(Warning, s.Event, fmt.Sprintf("%s %s %s: %s", s.Op, s.Kind, s.Subject(), s.Reason))
			}
		}
	}
}
