package reconcile

import "slices"

// leftBehind is why a recipient goes that is in a container which was the
// import container once (Q174732).
const leftBehind = "left behind in the former import container"

// matchFormer finds the recipients in former import containers of the entries
// that have none in the import container.
func (c *container) matchFormer(wanted []*WantedRecipient) (pairs []pair, missing []*WantedRecipient) {
	for _, way := range c.former.ways() {
		wanted = way.match(wanted, func(w *WantedRecipient, before *Recipient) {
			pairs = append(pairs, pair{want: w, before: before, former: true})
		})
	}
	return pairs, wanted
}

// addAnew deletes the recipient in a former import container and adds the entry
// to the import container; free is false when that add would be refused.
func (c *container) addAnew(p pair) (free bool) {
	c.book.leave(p.before)
	add := c.add(p.want)
	if add.Op != Add {
		c.book.enter(p.before)
		return false
	}
	gone := deletion(p.before, leftBehind)
	gone.Key, gone.recreated, gone.grace = add.Key, true, c.hiddenByUs(p.before, add.Key)
	add.Reason, add.recreated = leftBehind+", added anew in the import container", true
	if !slices.Contains(add.Needs, gone.DN) {
		add.Needs = append(add.Needs, gone.DN)
	}
	c.plan.add(gone, add)
	return true
}

// formerBlocked says why the entry of a recipient in a former import container
// cannot be added anew.
func (c *container) formerBlocked(p pair) string {
	c.book.leave(p.before)
	defer c.book.enter(p.before)
	return c.add(p.want).Reason
}
