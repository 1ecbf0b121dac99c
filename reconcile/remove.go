package reconcile

// removed is why everything of ours goes.
const removed = "the connector is removed"

// RemoveCCMail plans to delete every row of ours from the post office
// directory. It returns the post office entries of ours as well, which are never
// deleted (Q197255): somebody has to do it by hand in cc:Mail. What Exchange
// wants is not looked at.
func RemoveCCMail(in CCMailInput) (side Side, left []Row) {
	d := newDirectory(in)
	plan := newDraft(ToCCMail, len(d.ours))
	for key := range d.ours {
		row, _ := d.our(key)
		plan.add(Step{
			Op: Delete, Kind: User, Name: row.Name, Address: row.PostOffice, OldRow: &row, Key: key, Reason: removed,
		})
	}
	return plan.side(), in.Ownership.OwnPostOffices()
}

// RemoveExchange plans to delete every custom recipient of ours: in the import
// container and in former ones those with our mark, or with that of a connector
// that we have taken the place of; elsewhere those that also have a link to a
// cc:Mail entry. What cc:Mail wants is not looked at.
func RemoveExchange(in ExchangeInput) Side {
	ours := append(in.oursAmong(in.Present), in.oursAmong(in.Former)...)
	if in.Others != nil {
		for _, r := range in.oursAmong(in.Others()) {
			if r.Key != "" {
				ours = append(ours, r)
			}
		}
	}
	plan := newDraft(ToExchange, len(ours))
	for _, r := range ours {
		plan.add(deletion(r, removed))
	}
	return plan.side()
}
