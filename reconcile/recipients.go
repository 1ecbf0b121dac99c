package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Moves says how a user who moved to another post office is followed.
type Moves string

// The ways to follow a move. Recreate is the original's.
const (
	MoveInPlace  Moves = "modify"   // keeps memberships and other addresses
	MoveRecreate Moves = "recreate" // delete and add
)

// addressType is the type of cc:Mail addresses in targets and proxies.
const addressType = "CCMAIL"

// ExchangeInput is what [PlanExchange] decides from.
type ExchangeInput struct {
	Owner string // our mark: the connector's name
	// FormerOwners are marks of connectors that this one has taken the place
	// of; what carries one is ours and gets our mark.
	FormerOwners []string
	// Present are the custom recipients of the import container, whoever made
	// them.
	Present []Recipient
	// Others returns all further recipients among which addresses and aliases
	// must be unique; nil when there are none. It is called when a step is to
	// take a name, which most plans have none of.
	Others func() []Recipient
	// Former are the custom recipients of containers that were the import
	// container once. They are in neither of the two.
	Former   []Recipient
	Wanted   []WantedRecipient
	Excluded []Excluded // cc:Mail's entries that are out of scope, for the reason of a delete
	Refused  []Refusal  // cc:Mail's entries that cannot be written
	Moves    Moves
	// MembersUnknown says that cc:Mail does not tell who is on its lists. Groups
	// keep the members that they have, and new ones have none.
	MembersUnknown bool
	// Adopt lets a recipient of the import container that carries nobody's
	// mark, and nobody's value where our link goes, become ours when it has
	// exactly the wanted address.
	Adopt bool
	Grace Grace
	// Renew are the keys of entries that are put in step as if they were added
	// now; an alias stays.
	Renew map[string]bool
	// NormalDN returns a form of a DN that is equal for all spellings of it;
	// [Fold] when nil.
	NormalDN func(dn string) string
}

// PlanExchange decides what to change among the custom recipients of the
// import container:
//
//	in cc:Mail        custom recipient            step
//	yes               none                        add; refuse (14018) if the address is held
//	yes               ours, same                  keep
//	yes               ours, comment differs       modify
//	yes               ours, other target          modify, or delete and add
//	yes               ours, new address is held   hold (14018)
//	no                ours                        delete; with a time of grace hide, hold, then delete
//	yes               ours, hidden in its grace   modify: it is shown again
//	yes               of a former owner           adopt
//	yes               ours, in a former container delete and add; hold if the add is refused
//	no                ours, in a former container delete
//	-                 not ours                    nothing
//	list              ours, in the other form     delete and add; hold if the add is refused
//	board             target edited to "#t at PO" keep the edit (RN 2.6.7)
//
// The other form of a list is a group, or a custom recipient, see [Recipient].
// Who is on a list of cc:Mail, and has a recipient, is a member of its group;
// all others are not, whoever made them members. Of each line of a list that
// is not a recipient there is a step that says why, and the group has the others.
//
// Deletes come before adds so that a new entry finds its addresses free
// (Q166581). A step that takes a name or an address which another step frees
// names that step's entry in Needs.
func PlanExchange(in ExchangeInput) Side {
	c := newContainer(in)
	pairs, missing := c.match(in.Wanted)
	formers, missing := c.matchFormer(missing)
	c.plan = newDraft(ToExchange, len(missing))
	c.refusals(in.Refused)
	c.leftovers(in.Excluded)
	pairs = c.recreate(pairs)
	c.updates(pairs, formers)
	for _, w := range missing {
		c.plan.add(c.add(w))
	}
	c.membership(pairs)
	return c.plan.side()
}

// KeyKind returns the kind that a key begins with.
func KeyKind(key string) (Kind, bool) {
	prefix, _, found := strings.Cut(key, ":")
	kind := Kind(prefix)
	return kind, found && (kind == User || kind == List || kind == Board)
}

// Key returns the key of the cc:Mail entry of that kind and name.
func Key(kind Kind, name string) string { return string(kind) + ":" + Fold(name) }

// pair is a wanted recipient and the one that stands for it.
type pair struct {
	want   *WantedRecipient
	before *Recipient
	adopt  bool // it has nobody's mark
	former bool // it is in a former import container
}

// container is the import container and what is known around it, as one plan
// sees it.
type container struct {
	*ExchangeInput
	plan   *draft
	ours   holdings // in the import container
	former holdings // in former ones
	// unmarked are nobody's, by folded target; none when nothing is adopted.
	unmarked index
	yields   map[*Recipient]string // ours that stand for a refused entry and give way to a wanted one -> why it is refused
	book     *addressBook
	retiring retirements
	hiding   map[string]string // DNs of ours in their time of grace -> why

	wantedKeys    map[string]bool // of the wanted ones, once somebody asked
	wantedTargets map[string]bool // address keys of their targets, likewise
	after         Recipient       // room for one that is being compared
	kept          []pair          // groups in which nothing differs but maybe the members
}

func newContainer(in ExchangeInput) *container {
	c := &container{
		ExchangeInput: &in, yields: map[*Recipient]string{}, retiring: in.Grace.known(ToExchange), hiding: map[string]string{},
	}
	normalDN := in.NormalDN
	if normalDN == nil {
		normalDN = Fold
	}
	c.book = newAddressBook(normalDN, c.enterAll)
	c.ours = newHoldings(in.oursAmong(in.Present))
	c.former = newHoldings(in.oursAmong(in.Former))
	if in.Adopt {
		for i := range in.Present {
			if r := &in.Present[i]; strings.TrimSpace(r.Owner) == "" && !r.KeyTaken {
				c.unmarked.put(Fold(r.Target), &holding{Recipient: r})
			}
		}
	}
	return c
}

// enterAll enters all that was read into the address book.
func (c *container) enterAll(book *addressBook) {
	parts := [][]Recipient{c.Former, c.Present}
	if c.Others != nil {
		parts = append(parts, c.Others())
	}
	for _, part := range parts {
		for i := range part {
			r := &part[i]
			book.enter(r)
			if c.isOurs(r.MadeBy) {
				book.remarks[r.DN] = fmt.Sprintf(
					", a %s that came from cc:Mail and is Exchange's own now; once its mail is moved, delete the entry from cc:Mail", r.Kind)
			}
		}
	}
}

// isOurs reports whether a mark is ours, or that of a connector that we have
// taken the place of.
func (in *ExchangeInput) isOurs(mark string) bool {
	return strings.TrimSpace(mark) != "" &&
		(same(in.Owner, mark) || slices.ContainsFunc(in.FormerOwners, func(owner string) bool { return same(owner, mark) }))
}

func (in *ExchangeInput) oursAmong(recipients []Recipient) []*Recipient {
	ours := make([]*Recipient, 0, len(recipients))
	for i := range recipients {
		if in.isOurs(recipients[i].Owner) {
			ours = append(ours, &recipients[i])
		}
	}
	return ours
}

// isWanted reports whether an entry of that key is wanted.
func (c *container) isWanted(key string) bool {
	if c.wantedKeys == nil {
		c.wantedKeys = make(map[string]bool, len(c.Wanted))
		for i := range c.Wanted {
			c.wantedKeys[c.Wanted[i].Key] = true
		}
	}
	return c.wantedKeys[key]
}

// isTarget reports whether an address key is that of a wanted entry's target.
func (c *container) isTarget(address string) bool {
	if c.wantedTargets == nil {
		c.wantedTargets = make(map[string]bool, len(c.Wanted))
		for i := range c.Wanted {
			c.wantedTargets[addressMark+Fold(c.Wanted[i].Target)] = true
		}
	}
	return c.wantedTargets[address]
}

// match finds the recipient of every wanted entry: by its key, else by its
// target address, else by one that was edited to name a post office as well, as
// a board's may be (RN 2.6.7), else, when asked for, one to adopt. One that has
// no room for a key ([Recipient].KeyTaken) is found by its address for ever, so
// its user's move is a delete and an add.
func (c *container) match(wanted []WantedRecipient) (pairs []pair, missing []*WantedRecipient) {
	pairs = make([]pair, 0, min(len(wanted), len(c.ours.all)))
	missing = inTurn(wanted)
	for _, way := range append(c.ours.ways(), way{c.unmarked, adoptedTarget}) {
		missing = way.match(missing, func(w *WantedRecipient, before *Recipient) {
			pairs = append(pairs, pair{want: w, before: before, adopt: strings.TrimSpace(before.Owner) == ""})
		})
	}
	return pairs, missing
}

// inTurn returns the wanted entries in the order in which names and addresses
// are given out. They mostly come sorted by key.
func inTurn(wanted []WantedRecipient) []*WantedRecipient {
	all := make([]*WantedRecipient, 0, len(wanted))
	for turn := range turns {
		for i := range wanted {
			if wanted[i].turn() == turn {
				all = append(all, &wanted[i])
			}
		}
	}
	slices.SortFunc(all, compareWanted)
	return all
}

// refusals turns what could not be written into steps. A recipient that is
// there stays, unless it is in the way of one that can be written.
func (c *container) refusals(refused []Refusal) {
	for _, r := range slices.SortedFunc(slices.Values(refused), compareRefusals) {
		key := Key(r.Kind, r.Name)
		step := Step{Op: Refuse, Kind: r.Kind, Name: r.Name, Address: r.Address, DN: r.DN, Reason: r.Reason, Event: r.Event, Key: key}
		if old := firstFree(c.refusedOnes(r)); old != nil {
			old.claimed = true
			step.Op, step.DN, step.Before = Hold, old.DN, old.Recipient
			step.Reason = recipientStays + r.Reason
			step.grace = c.hiddenByUs(old.Recipient, key)
		}
		c.plan.add(step)
	}
}

// recipientStays begins the reason of a recipient that is held.
const recipientStays = "its custom recipient stays as it is: "

// refusedOnes returns the recipients that stand for an entry which cannot be
// written; none does when an entry of its name can. Its address may be without
// the type.
func (c *container) refusedOnes(r Refusal) []*holding {
	if c.isWanted(Key(r.Kind, r.Name)) {
		return nil
	}
	_, address, typed := strings.Cut(r.Address, addressType+":")
	if !typed {
		address = r.Address
	}
	target := Fold(addressType + ":" + address)
	var candidates []*holding
	for _, h := range []holdings{c.ours, c.former} {
		candidates = slices.Concat(candidates, h.byKey.all(Key(r.Kind, r.Name)), h.keyless.all(target), h.edited.all(target))
	}
	return slices.DeleteFunc(candidates, func(old *holding) bool {
		inTheWay := c.inTheWay(old.Recipient)
		if inTheWay {
			c.yields[old.Recipient] = r.Reason
		}
		return inTheWay
	})
}

// inTheWay reports whether the recipient of a refused entry has the target of a
// wanted one, which is another's then: a list keeps its title, and a board of
// that title, whose target may have been edited, gives it up.
func (c *container) inTheWay(r *Recipient) bool {
	if r.Kind == User {
		return c.isTarget(addressMark + Fold(r.Target))
	}
	return slices.ContainsFunc(addresses(r), c.isTarget)
}

// leftovers deletes the recipients of ours that nothing wants, which frees
// their names and addresses.
func (c *container) leftovers(excluded []Excluded) {
	ours, former := unclaimed(c.ours.all), unclaimed(c.former.all)
	if len(ours)+len(former) == 0 {
		return
	}
	causes := map[string]string{}
	for _, e := range excluded {
		key := Key(e.Kind, e.Name)
		if known, there := causes[key]; !there || e.Cause < known {
			causes[key] = e.Cause
		}
	}
	held := map[string]bool{}
	for i := range c.ours.all {
		if h := &c.ours.all[i]; h.claimed {
			held[Fold(h.Key)] = true
		}
	}
	unwanted := func(r *Recipient) Step {
		step := deletion(r, "gone from cc:Mail")
		step.cause = goneFromSource
		if excluded := causes[Fold(r.Key)]; excluded != "" {
			step.Reason, step.cause = "left the scope: "+excluded, leftScope
		} else if refusal, known := c.yields[r]; known {
			step.Reason, step.cause = "its address goes to another entry, because its own is refused: "+refusal, otherCause
		} else if r.Key != "" && held[Fold(r.Key)] {
			step.Reason, step.cause = "a second recipient of ours for one cc:Mail entry", otherCause
		}
		return step
	}
	for _, h := range ours {
		c.plan.add(c.retire(unwanted(h.Recipient)))
	}
	for _, h := range former {
		step := unwanted(h.Recipient)
		step.Reason = leftBehind + "; " + step.Reason
		c.book.leave(h.Recipient)
		c.plan.add(step)
	}
}

// retire gives the entry of a step that deletes it its time of grace, unless
// another entry takes its place. It keeps its addresses and its alias in this
// time.
func (c *container) retire(step Step) Step {
	if step.cause != otherCause && !c.inTheWay(step.Before) {
		step = c.Grace.retire(step, c.retiring.find(step.Key))
	}
	if step.Op == Delete {
		c.book.leave(step.Before)
		return step
	}
	if step.After != nil {
		step.After.Owner = c.Owner
	}
	c.hiding[step.DN] = step.Reason
	return step
}

// hiddenByUs returns the time of grace of a recipient that is wanted again and
// that a step of ours has hidden.
func (c *container) hiddenByUs(r *Recipient, key string) grace {
	if !r.Hidden || len(c.retiring) == 0 {
		return grace{}
	}
	if known := c.retiring.find(Fold(r.Key), Fold(r.DN), key); known.hid {
		return known
	}
	return grace{}
}

func deletion(r *Recipient, reason string) Step {
	name := r.DisplayName
	if _, rest, found := strings.Cut(r.Key, ":"); found && name == "" {
		name = rest
	}
	return Step{Op: Delete, Kind: r.Kind, Name: name, Address: r.Target, DN: r.DN, Before: r, Reason: reason, Key: sortKey(r)}
}

// sortKey is the key of a recipient, or its DN when it has none.
func sortKey(r *Recipient) string { return cmp.Or(Fold(r.Key), Fold(r.DN)) }

// recreate turns into deletes and adds the pairs in which a list changes its
// form, and the moves, when that is how moves are followed. Unlike the original
// it deletes nobody whose add would be refused: a move is left to be brought in
// step in place, or held; a list is held. One
// leaves after the other, so that an add finds its own names free, and none of
// those of a namesake who is still to move: mail for one must not reach the
// other.
func (c *container) recreate(pairs []pair) (rest []pair) {
	if c.Moves != MoveRecreate && !slices.ContainsFunc(pairs, changesForm) {
		return pairs
	}
	for _, p := range pairs {
		reason := c.recreateReason(p)
		if reason == "" {
			rest = append(rest, p)
			continue
		}
		c.book.leave(p.before)
		add := c.add(p.want)
		if add.Op != Add {
			c.book.enter(p.before)
			if changesForm(p) {
				c.plan.add(c.holdFor(p, add))
			} else {
				rest = append(rest, p)
			}
			continue
		}
		gone := deletion(p.before, reason)
		gone.Key, gone.recreated, gone.grace = add.Key, true, c.hiddenByUs(p.before, add.Key)
		add.Reason, add.recreated = reason, true
		c.plan.add(gone, add)
	}
	return rest
}

// recreateReason says why a pair's recipient is deleted and added anew, empty
// when it is brought in step in place.
func (c *container) recreateReason(p pair) string {
	switch {
	case p.adopt:
		return ""
	case changesForm(p) && p.want.Group:
		return "mailing lists are distribution lists now: its custom recipient becomes one"
	case changesForm(p):
		return "mailing lists are custom recipients now: its distribution list becomes one"
	case c.Moves == MoveRecreate && moved(p):
		return moveReason(p)
	default:
		return ""
	}
}

// changesForm reports whether a list is a custom recipient and ought to be a
// group, or the reverse. No entry of the directory changes its class.
func changesForm(p pair) bool { return p.want.Group != p.before.Group }

// moved reports whether the cc:Mail user is at another post office than the
// recipient's target says.
func moved(p pair) bool {
	_, formerly := splitAddress(p.before.Target)
	return p.want.Kind == User && formerly != "" && Fold(formerly) != Fold(p.want.PostOffice)
}

func moveReason(p pair) string {
	_, formerly := splitAddress(p.before.Target)
	return fmt.Sprintf("moved from post office %s to %s", formerly, p.want.PostOffice)
}

// splitAddress parts an address at its last " at "; one without has no post
// office.
func splitAddress(address string) (name, postOffice string) {
	i := strings.LastIndex(address, " at ")
	if i < 0 {
		return address, ""
	}
	return strings.TrimSpace(address[:i]), strings.TrimSpace(address[i+len(" at "):])
}

// updates brings the recipients that are there in step. One that wants an
// address which another one is about to give up waits until that one has been
// decided.
//
// Those of former containers are added anew in the same way.
func (c *container) updates(pairs, formers []pair) {
	waiting := slices.Concat(pairs, formers)
	slices.SortFunc(waiting, func(a, b pair) int {
		return cmp.Or(compareWanted(a.want, b.want), byDN(a.before, b.before))
	})
	for len(waiting) > 0 {
		var blocked []pair
		for _, p := range waiting {
			if free := c.update(p); !free {
				blocked = append(blocked, p)
			}
		}
		if len(blocked) == len(waiting) {
			for _, p := range blocked {
				c.plan.add(c.hold(p))
			}
			break
		}
		waiting = blocked
	}
}

// update decides one pair; free is false when an address is held by another
// entry.
func (c *container) update(p pair) (free bool) {
	if p.former {
		return c.addAnew(p)
	}
	reasons := c.inStep(p, &c.after)
	if len(reasons) == 0 {
		if p.want.Group {
			c.kept = append(c.kept, p) // its members may differ
		} else {
			c.plan.keep(p.want.Kind)
		}
		return true
	}
	if c.taken(p) != "" {
		return false
	}
	after := c.after
	step := Step{
		Op: Modify, Kind: p.want.Kind, Name: p.want.Name, Address: after.Target, DN: p.before.DN, Key: p.want.Key,
		Reason: strings.Join(reasons, "; "), Before: p.before, After: &after, grace: c.hiddenByUs(p.before, p.want.Key),
		Needs: c.book.needs(newNames(p.before, &after), p.before.DN),
	}
	if !same(p.before.Owner, c.Owner) {
		step.Op = Adopt
	}
	c.book.leave(p.before)
	c.book.enter(&after)
	c.plan.add(step)
	return true
}

// hold leaves a recipient whose new address is held by another entry. One that
// is not ours yet is refused.
func (c *container) hold(p pair) Step {
	step := c.refuse(p.want, p.before.DN, c.taken(p))
	if !p.adopt {
		step = c.holdFor(p, step)
	}
	return step
}

// holdFor leaves a recipient as it is for what a refusal says.
func (c *container) holdFor(p pair, refusal Step) Step {
	refusal.Op, refusal.DN, refusal.Before, refusal.Reason = Hold, p.before.DN, p.before, recipientStays+refusal.Reason
	refusal.grace = c.hiddenByUs(p.before, p.want.Key)
	return refusal
}

// taken says who holds an address that the pair's recipient would take, empty
// when nobody does.
func (c *container) taken(p pair) string {
	if p.former {
		return c.formerBlocked(p)
	}
	c.inStep(p, &c.after)
	_, problem := c.book.holder(newNames(p.before, &c.after), p.before.DN)
	return problem
}

// newNames are the addresses, and the alias, that after has and before had not.
func newNames(before, after *Recipient) []string {
	had := addresses(before)
	names := slices.DeleteFunc(addresses(after), func(a string) bool { return slices.Contains(had, a) })
	if !same(before.Alias, after.Alias) {
		names = append(names, aliasKey(after.Alias))
	}
	return names
}

func (c *container) refuse(w *WantedRecipient, dn, reason string) Step {
	return Step{
		Op: Refuse, Kind: w.Kind, Name: w.Name, Address: w.Target, DN: dn, Event: EventAddressTaken, Key: w.Key,
		Reason: reason,
	}
}

// refuseFor refuses an entry for what another one holds, or holds it when that
// one is about to go.
func (c *container) refuseFor(w *WantedRecipient, holder, problem string) Step {
	step := c.refuse(w, "", problem)
	if why, going := c.hiding[holder]; going {
		step.Op, step.Reason = Hold, problem+", which is still there: "+why
	}
	return step
}

// add decides an entry that Exchange does not hold yet.
func (c *container) add(w *WantedRecipient) Step {
	names := addresses(&w.Recipient)
	if holder, problem := c.book.holder(names, ""); problem != "" {
		return c.refuseFor(w, holder, problem)
	}
	dn := c.book.dnKey(w.DN)
	if holder, held := c.book.heldBy(dn, ""); held {
		return c.refuseFor(w, holder, fmt.Sprintf("its directory name is held by %s%s", holder, c.book.remarks[holder]))
	}
	free, holder, problem := c.book.freeNames(w)
	if problem != "" {
		return c.refuseFor(w, holder, problem)
	}
	after := w.Recipient
	after.Owner, after.Alias = c.Owner, free.Alias
	after.Proxies = append(slices.Clone(after.Proxies), free.Proxies...)
	step := Step{
		Op: Add, Kind: w.Kind, Name: w.Name, Address: w.Target, DN: w.DN, After: &after, Key: w.Key,
		Reason: "not in Exchange yet",
	}
	if len(c.book.freed) > 0 {
		step.Needs = c.book.needs(append(addresses(&after), aliasKey(after.Alias), dn), "")
	}
	c.book.enter(&after)
	return step
}

// turns is the number of kinds that come from cc:Mail, and of others.
const turns = 4

// turn is when a recipient gets its names: users first, and a list before the
// board of its title.
func (w *WantedRecipient) turn() int {
	kinds := [turns - 1]Kind{User, List, Board}
	return (slices.Index(kinds[:], w.Kind) + turns) % turns
}

// compareWanted is the order in which names and addresses are given out.
func compareWanted(a, b *WantedRecipient) int {
	if a == b {
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.turn(), b.turn()),
		strings.Compare(a.Key, b.Key),
		strings.Compare(a.Target, b.Target),
		strings.Compare(a.Name, b.Name),
	)
}
