package reconcile

import "slices"

// removed is why everything of ours goes.
const removed = "the connector is removed"

// RemoveCCMail plans to delete every row of ours from the post office
// directory. It returns the post office entries of ours as well, which are never
// deleted (Q197255): somebody has to do it by hand in cc:Mail. What Exchange
// wants is not looked at.
func RemoveCCMail(in CCMailInput) (side Side, left []Row) {
	var steps []Step
	for key, row := range newDirectory(in).ours {
		steps = append(steps, Step{
			Op: Delete, Kind: User, Name: row.Name, Address: row.PostOffice, OldRow: &row, Key: key, Reason: removed,
		})
	}
	return newSide(steps, rowGroup), in.Ownership.OwnPostOffices()
}

// RemoveExchange plans to delete every custom recipient of ours: in the import
// container and in former ones those with our mark, or with that of a connector
// that we have taken the place of; elsewhere those that also have a link to a
// cc:Mail entry. What cc:Mail wants is not looked at.
func RemoveExchange(in ExchangeInput) Side {
	ours := in.oursAmong(slices.Concat(in.Present, in.Former))
	for _, r := range in.oursAmong(in.Others) {
		if r.Key != "" {
			ours = append(ours, r)
		}
	}
	var steps []Step
	for _, r := range ours {
		steps = append(steps, deletion(r, removed))
	}
	return newSide(steps, recipientGroup)
}
