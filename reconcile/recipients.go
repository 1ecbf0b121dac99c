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
	// them; Others all further recipients among which addresses and aliases
	// must be unique.
	Present, Others []Recipient
	// Former are the custom recipients of containers that were the import
	// container once. They are in neither of the two.
	Former   []Recipient
	Wanted   []WantedRecipient
	Excluded []Excluded // cc:Mail's entries that are out of scope, for the reason of a delete
	Refused  []Refusal  // cc:Mail's entries that cannot be written
	Moves    Moves
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
//	board             target edited to "#t at PO" keep the edit (RN 2.6.7)
//
// Deletes come before adds so that a new entry finds its addresses free
// (Q166581). A step that takes a name or an address which another step frees
// names that step's entry in Needs.
func PlanExchange(in ExchangeInput) Side {
	c := newContainer(in)
	pairs, missing := c.match(in.Wanted)
	formers, missing := c.matchFormer(missing)
	steps := c.refusals(in.Refused)
	steps = append(steps, c.leftovers(in.Excluded)...)
	pairs, recreated := c.recreate(pairs)
	steps = append(steps, recreated...)
	steps = append(steps, c.updates(pairs, formers)...)
	for _, w := range missing {
		steps = append(steps, c.add(w))
	}
	return newSide(steps, recipientGroup)
}

// recipientGroup is the kind that a step toward Exchange counts for.
func recipientGroup(s Step) Kind { return s.Kind }

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
	want   WantedRecipient
	before Recipient
	adopt  bool // it has nobody's mark
	former bool // it is in a former import container
}

// container is the import container and what is known around it, as one plan
// sees it.
type container struct {
	ExchangeInput
	ours    holdings          // in the import container
	former  holdings          // in former ones
	claimed map[string]bool   // folded DNs of ours that a step speaks of
	wanted  map[string]bool   // keys of the wanted ones
	targets map[string]bool   // address keys of their targets
	yields  map[string]string // folded DNs of ours that stand for a refused entry and give way to a wanted one -> why it is refused
	book    *addressBook

	unmarked map[string][]Recipient // nobody's, by folded target
	retiring retirements
	hiding   map[string]string // DNs of ours in their time of grace -> why
}

// holdings are recipients of ours and how they are found.
type holdings struct {
	all     []Recipient            // sorted by DN
	byKey   map[string][]Recipient // by folded key
	keyless map[string][]Recipient // without a key, by folded target
	edited  map[string][]Recipient // the same, by folded target without its post office
}

func newHoldings(ours []Recipient) holdings {
	keyless := slices.DeleteFunc(slices.Clone(ours), func(r Recipient) bool { return r.Key != "" })
	return holdings{
		all:     ours,
		byKey:   indexBy(ours, func(r Recipient) string { return Fold(r.Key) }),
		keyless: indexBy(keyless, foldedTarget),
		edited: indexBy(keyless, func(r Recipient) string {
			title, _ := splitAddress(r.Target)
			return Fold(title)
		}),
	}
}

func newContainer(in ExchangeInput) *container {
	normalDN := in.NormalDN
	if normalDN == nil {
		normalDN = Fold
	}
	c := &container{
		ExchangeInput: in, claimed: map[string]bool{}, wanted: map[string]bool{}, targets: map[string]bool{}, yields: map[string]string{},
		book: newAddressBook(normalDN), retiring: in.Grace.known(ToExchange), hiding: map[string]string{},
	}
	for _, w := range in.Wanted {
		c.wanted[w.Key] = true
		c.targets["address:"+foldedTarget(w.Recipient)] = true
	}
	for _, r := range slices.Concat(in.Others, in.Former, in.Present) {
		c.book.enter(r)
		if in.isOurs(r.MadeBy) {
			c.book.remarks[r.DN] = fmt.Sprintf(
				", a %s that came from cc:Mail and is Exchange's own now; once its mail is moved, delete the entry from cc:Mail", r.Kind)
		}
	}
	present := slices.SortedFunc(slices.Values(in.Present), byDN)
	c.ours = newHoldings(in.oursAmong(present))
	c.former = newHoldings(in.oursAmong(slices.SortedFunc(slices.Values(in.Former), byDN)))
	c.unmarked = indexBy(slices.DeleteFunc(present, func(r Recipient) bool { return Fold(r.Owner) != "" }), foldedTarget)
	return c
}

// isOurs reports whether a mark is ours, or that of a connector that we have
// taken the place of.
func (in ExchangeInput) isOurs(mark string) bool {
	return Fold(mark) != "" && slices.ContainsFunc(append([]string{in.Owner}, in.FormerOwners...), func(owner string) bool {
		return Fold(owner) == Fold(mark)
	})
}

func (in ExchangeInput) oursAmong(recipients []Recipient) []Recipient {
	return slices.DeleteFunc(slices.Clone(recipients), func(r Recipient) bool { return !in.isOurs(r.Owner) })
}

func foldedTarget(r Recipient) string { return Fold(r.Target) }

func byDN(a, b Recipient) int { return cmp.Compare(Fold(a.DN), Fold(b.DN)) }

// match finds the recipient of every wanted entry: by its key, else by its
// target address, else by one that was edited to name a post office as well, as
// a board's may be (RN 2.6.7), else, when asked for, one to adopt. One that has
// no room for a key ([Recipient].KeyTaken) is found by its address for ever, so
// its user's move is a delete and an add.
func (c *container) match(wanted []WantedRecipient) (pairs []pair, missing []WantedRecipient) {
	missing = slices.SortedFunc(slices.Values(wanted), compareWanted)
	pairs = make([]pair, 0, len(wanted))
	for _, candidates := range []func(Recipient) []Recipient{
		func(w Recipient) []Recipient { return c.ours.byKey[w.Key] },
		func(w Recipient) []Recipient { return c.ours.keyless[Fold(w.Target)] },
		func(w Recipient) []Recipient { return c.ours.edited[Fold(w.Target)] },
		c.adoptable,
	} {
		var rest []WantedRecipient
		for _, w := range missing {
			if before, found := c.claim(candidates(w.Recipient)); found {
				pairs = append(pairs, pair{want: w, before: before, adopt: Fold(before.Owner) == ""})
			} else {
				rest = append(rest, w)
			}
		}
		missing = rest
	}
	return pairs, missing
}

// adoptable returns the recipients that carry nobody's mark and have the
// address, without those whose value the link would overwrite.
func (c *container) adoptable(w Recipient) []Recipient {
	if !c.Adopt {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.unmarked[Fold(w.Target)]), func(r Recipient) bool { return r.KeyTaken })
}

// indexBy groups recipients by what of returns, leaving out empty ones.
func indexBy(recipients []Recipient, of func(Recipient) string) map[string][]Recipient {
	index := map[string][]Recipient{}
	for _, r := range recipients {
		if k := of(r); k != "" {
			index[k] = append(index[k], r)
		}
	}
	return index
}

// claim takes the first of the candidates that no step speaks of yet.
func (c *container) claim(candidates []Recipient) (Recipient, bool) {
	for _, r := range candidates {
		if !c.claimed[Fold(r.DN)] {
			c.claimed[Fold(r.DN)] = true
			return r, true
		}
	}
	return Recipient{}, false
}

// refusals turns what could not be written into steps. A recipient that is
// there stays, unless it is in the way of one that can be written.
func (c *container) refusals(refused []Refusal) []Step {
	steps := make([]Step, 0, len(refused))
	for _, r := range slices.SortedFunc(slices.Values(refused), compareRefusals) {
		key := Key(r.Kind, r.Name)
		step := Step{Op: Refuse, Kind: r.Kind, Name: r.Name, Address: r.Address, DN: r.DN, Reason: r.Reason, Event: r.Event, Key: key}
		if old, there := c.claim(c.refusedOnes(r)); there {
			step.Op, step.DN, step.Before = Hold, old.DN, &old
			step.Reason = recipientStays + r.Reason
			step.grace = c.hiddenByUs(old, key)
		}
		steps = append(steps, step)
	}
	return steps
}

// recipientStays begins the reason of a recipient that is held.
const recipientStays = "its custom recipient stays as it is: "

// refusedOnes returns the recipients that stand for an entry which cannot be
// written; none does when an entry of its name can. Its address may be without
// the type.
func (c *container) refusedOnes(r Refusal) []Recipient {
	if c.wanted[Key(r.Kind, r.Name)] {
		return nil
	}
	_, address, typed := strings.Cut(r.Address, addressType+":")
	if !typed {
		address = r.Address
	}
	target := Fold(addressType + ":" + address)
	var candidates []Recipient
	for _, h := range []holdings{c.ours, c.former} {
		candidates = slices.Concat(candidates, h.byKey[Key(r.Kind, r.Name)], h.keyless[target], h.edited[target])
	}
	return slices.DeleteFunc(candidates, func(old Recipient) bool {
		inTheWay := c.inTheWay(old)
		if inTheWay {
			c.yields[Fold(old.DN)] = r.Reason
		}
		return inTheWay
	})
}

// inTheWay reports whether the recipient of a refused entry has the target of a
// wanted one, which is another's then: a list keeps its title, and a board of
// that title, whose target may have been edited, gives it up.
func (c *container) inTheWay(r Recipient) bool {
	if r.Kind == User {
		return c.targets["address:"+foldedTarget(r)]
	}
	return slices.ContainsFunc(addresses(r), func(address string) bool { return c.targets[address] })
}

// leftovers deletes the recipients of ours that nothing wants, which frees
// their names and addresses.
func (c *container) leftovers(excluded []Excluded) []Step {
	causes := map[string]string{}
	for _, e := range excluded {
		key := Key(e.Kind, e.Name)
		if known, there := causes[key]; !there || e.Cause < known {
			causes[key] = e.Cause
		}
	}
	held := map[string]bool{}
	for _, r := range c.ours.all {
		if c.claimed[Fold(r.DN)] {
			held[Fold(r.Key)] = true
		}
	}
	unwanted := func(r Recipient) Step {
		step := deletion(r, "gone from cc:Mail")
		step.cause = goneFromSource
		if excluded := causes[Fold(r.Key)]; excluded != "" {
			step.Reason, step.cause = "left the scope: "+excluded, leftScope
		} else if refusal, known := c.yields[Fold(r.DN)]; known {
			step.Reason, step.cause = "its address goes to another entry, because its own is refused: "+refusal, otherCause
		} else if r.Key != "" && held[Fold(r.Key)] {
			step.Reason, step.cause = "a second recipient of ours for one cc:Mail entry", otherCause
		}
		return step
	}
	var steps []Step
	for _, r := range c.ours.all {
		if !c.claimed[Fold(r.DN)] {
			steps = append(steps, c.retire(unwanted(r)))
		}
	}
	for _, r := range c.former.all {
		if !c.claimed[Fold(r.DN)] {
			step := unwanted(r)
			step.Reason = leftBehind + "; " + step.Reason
			c.book.leave(r)
			steps = append(steps, step)
		}
	}
	return steps
}

// retire gives the entry of a step that deletes it its time of grace, unless
// another entry takes its place. It keeps its addresses and its alias in this
// time.
func (c *container) retire(step Step) Step {
	if step.cause != otherCause && !c.inTheWay(*step.Before) {
		step = c.Grace.retire(step, c.retiring.find(step.Key))
	}
	if step.Op == Delete {
		c.book.leave(*step.Before)
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
func (c *container) hiddenByUs(r Recipient, key string) grace {
	if known := c.retiring.find(Fold(r.Key), Fold(r.DN), key); r.Hidden && known.hid {
		return known
	}
	return grace{}
}

func deletion(r Recipient, reason string) Step {
	name := r.DisplayName
	if _, rest, found := strings.Cut(r.Key, ":"); found && name == "" {
		name = rest
	}
	return Step{Op: Delete, Kind: r.Kind, Name: name, Address: r.Target, DN: r.DN, Before: &r, Reason: reason, Key: sortKey(r)}
}

// sortKey is the key of a recipient, or its DN when it has none.
func sortKey(r Recipient) string { return cmp.Or(Fold(r.Key), Fold(r.DN)) }

// recreate turns the moves among the pairs into deletes and adds, when that is
// how moves are followed. Unlike the original it deletes nobody whose add would
// be refused: such a pair is left to be brought in step in place, or held. One
// leaves after the other, so that an add finds its own names free, and none of
// those of a namesake who is still to move: mail for one must not reach the
// other.
func (c *container) recreate(pairs []pair) (rest []pair, steps []Step) {
	if c.Moves != MoveRecreate {
		return pairs, nil
	}
	for _, p := range pairs {
		if p.adopt || !moved(p) {
			rest = append(rest, p)
			continue
		}
		c.book.leave(p.before)
		add := c.add(p.want)
		if add.Op != Add {
			c.book.enter(p.before)
			rest = append(rest, p)
			continue
		}
		gone := deletion(p.before, moveReason(p))
		gone.Key, gone.recreated, gone.grace = add.Key, true, c.hiddenByUs(p.before, add.Key)
		add.Reason, add.recreated = moveReason(p), true
		steps = append(steps, gone, add)
	}
	return rest, steps
}

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
func (c *container) updates(pairs, formers []pair) []Step {
	waiting := slices.Concat(pairs, formers)
	slices.SortFunc(waiting, func(a, b pair) int {
		return cmp.Or(compareWanted(a.want, b.want), byDN(a.before, b.before))
	})
	steps := make([]Step, 0, len(waiting))
	for len(waiting) > 0 {
		var blocked []pair
		for _, p := range waiting {
			done, free := c.update(p)
			steps = append(steps, done...)
			if !free {
				blocked = append(blocked, p)
			}
		}
		if len(blocked) == len(waiting) {
			for _, p := range blocked {
				steps = append(steps, c.hold(p))
			}
			break
		}
		waiting = blocked
	}
	return steps
}

// update decides one pair; free is false when an address is held by another
// entry.
func (c *container) update(p pair) (steps []Step, free bool) {
	if p.former {
		return c.addAnew(p)
	}
	after, reasons := c.inStep(p)
	step := Step{Kind: p.want.Kind, Name: p.want.Name, Address: after.Target, DN: p.before.DN, Key: p.want.Key}
	if len(reasons) == 0 {
		step.Op = Keep
		return []Step{step}, true
	}
	if c.taken(p) != "" {
		return nil, false
	}
	step.Op, step.Reason, step.Before, step.After = Modify, strings.Join(reasons, "; "), &p.before, &after
	if Fold(p.before.Owner) != Fold(c.Owner) {
		step.Op = Adopt
	}
	step.grace = c.hiddenByUs(p.before, p.want.Key)
	step.Needs = c.book.needs(newNames(p.before, after), p.before.DN)
	c.book.leave(p.before)
	c.book.enter(after)
	return []Step{step}, true
}

// hold leaves a recipient whose new address is held by another entry. One that
// is not ours yet is refused.
func (c *container) hold(p pair) Step {
	step := c.refuse(p.want, p.before.DN, c.taken(p))
	if !p.adopt {
		step.Op, step.Before, step.Reason = Hold, &p.before, recipientStays+step.Reason
		step.grace = c.hiddenByUs(p.before, p.want.Key)
	}
	return step
}

// taken says who holds an address that the pair's recipient would take, empty
// when nobody does.
func (c *container) taken(p pair) string {
	if p.former {
		return c.formerBlocked(p)
	}
	after, _ := c.inStep(p)
	_, problem := c.book.holder(newNames(p.before, after), p.before.DN)
	return problem
}

// newNames are the addresses, and the alias, that after has and before had not.
func newNames(before, after Recipient) []string {
	had := addresses(before)
	names := slices.DeleteFunc(addresses(after), func(a string) bool { return slices.Contains(had, a) })
	if Fold(before.Alias) != Fold(after.Alias) {
		names = append(names, aliasKey(after.Alias))
	}
	return names
}

func (c *container) refuse(w WantedRecipient, dn, reason string) Step {
	return Step{
		Op: Refuse, Kind: w.Kind, Name: w.Name, Address: w.Target, DN: dn, Event: EventAddressTaken, Key: w.Key,
		Reason: reason,
	}
}

// refuseFor refuses an entry for what another one holds, or holds it when that
// one is about to go.
func (c *container) refuseFor(w WantedRecipient, holder, problem string) Step {
	step := c.refuse(w, "", problem)
	if why, going := c.hiding[holder]; going {
		step.Op, step.Reason = Hold, problem+", which is still there: "+why
	}
	return step
}

// add decides an entry that Exchange does not hold yet.
func (c *container) add(w WantedRecipient) Step {
	if holder, problem := c.book.holder(addresses(w.Recipient), ""); problem != "" {
		return c.refuseFor(w, holder, problem)
	}
	if holder, held := c.book.heldBy(c.book.dnKey(w.DN), ""); held {
		return c.refuseFor(w, holder, fmt.Sprintf("its directory name is held by %s%s", holder, c.book.remarks[holder]))
	}
	after := w.Recipient
	names, holder, problem := c.book.freeNames(w)
	if problem != "" {
		return c.refuseFor(w, holder, problem)
	}
	after.Owner, after.Alias = c.Owner, names.Alias
	after.Proxies = append(slices.Clone(after.Proxies), names.Proxies...)
	step := Step{
		Op: Add, Kind: w.Kind, Name: w.Name, Address: w.Target, DN: w.DN, After: &after, Key: w.Key,
		Reason: "not in Exchange yet",
		Needs:  c.book.needs(append(addresses(after), aliasKey(after.Alias), c.book.dnKey(after.DN)), ""),
	}
	c.book.enter(after)
	return step
}

// compareWanted is the order in which names and addresses are given out: users
// first, and a list before the board of its title.
func compareWanted(a, b WantedRecipient) int {
	kinds := []Kind{User, List, Board}
	return cmp.Or(
		cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Target, b.Target),
		cmp.Compare(a.Name, b.Name),
	)
}
