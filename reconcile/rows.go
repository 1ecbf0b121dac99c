package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Event numbers of the original connector that steps carry (Q167830).
const (
	EventNameTaken    = 14013 // Exchange entry not written, conflicts with a cc:Mail entry
	EventAddressTaken = 14018 // not added to Exchange, the address already exists
)

// CCMailInput is what [PlanCCMail] decides from.
type CCMailInput struct {
	Ownership Ownership
	Rows      []Row    // the whole post office directory
	Lists     []string // titles of the public mailing lists; they occupy names too
	Wanted    []Wanted
	Excluded  []Excluded // Exchange's entries that are out of scope, for the reason of a delete
	Refused   []Refusal  // Exchange's entries that cannot be written
	// CompareComment makes a differing comment a reason to replace a row.
	CompareComment bool
	Grace          Grace
	// Renew are the folded names of entries whose rows are replaced when they
	// differ in anything from what would be added now.
	Renew map[string]bool
}

// PlanCCMail decides what to change in the post office directory:
//
//	wanted  in cc:Mail, ours    in cc:Mail, not ours   step
//	yes     no                  no                     add
//	yes     same                -                      keep
//	yes     changed             -                      replace
//	yes     -                   yes                    refuse (14013)
//	no      yes                 -                      delete; with a time of grace hold, then delete
//	no      -                   yes                    nothing: not ours
//
// Of two wanted with one name the one that is there stays, else the first by
// site and directory name; the other is refused (14013, Q237588). A wanted
// entry that could not be written keeps its row: hold. Missing post office
// entries of the owner's sites are added; existing ones are never changed
// (Q197255).
func PlanCCMail(in CCMailInput) Side {
	d := newDirectory(in)
	plan := newDraft(ToCCMail, max(0, len(in.Wanted)-len(d.ours)))
	plan.add(d.postOfficeSteps()...)
	for rest := byName(in.Wanted); len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].key == rest[0].key {
			n++
		}
		rivals := rest[:n]
		rest = rest[n:]
		plan.add(d.losers(rivals)...)
		d.decide(rivals[0], plan)
	}
	plan.add(d.refusals(in.Refused)...)
	plan.add(d.leftovers(in.Excluded)...)
	return plan.side()
}

// directory is the post office directory by name, as one plan sees it.
type directory struct {
	Ownership
	compareComment bool
	grace          Grace
	renew          map[string]bool
	rows           []Row
	ours           map[string]int    // folded names of our rows -> their places
	others         map[string]int    // folded names that are not ours -> the place of the row that holds it
	lists          map[string]string // folded titles of the public mailing lists -> titles
	added          map[string]string // folded names of the post offices that this plan adds -> names
	unusable       map[string]string // folded site -> why nothing can be written at it
	asked          map[string]bool   // folded names of sites that an Exchange entry has, writable or not
	claimed        []bool            // our rows that a step speaks of, by place
}

func newDirectory(in CCMailInput) *directory {
	d := &directory{
		Ownership:      in.Ownership,
		compareComment: in.CompareComment,
		grace:          in.Grace,
		renew:          in.Renew,
		rows:           in.Rows,
		lists:          make(map[string]string, len(in.Lists)),
		added:          map[string]string{},
		unusable:       map[string]string{},
		asked:          map[string]bool{},
		claimed:        make([]bool, len(in.Rows)),
	}
	d.indexRows()
	for _, title := range slices.Sorted(slices.Values(in.Lists)) {
		d.lists[Fold(title)] = title
	}
	d.findAsked(in)
	return d
}

// indexRows finds out who holds which name.
func (d *directory) indexRows() {
	ours := 0
	for i := range d.rows {
		if d.Owns(d.rows[i]) {
			ours++
		}
	}
	d.ours, d.others = make(map[string]int, ours), make(map[string]int, len(d.rows)-ours)
	for i := range d.rows {
		key := Fold(d.rows[i].Name)
		first, twice := d.ours[key]
		if !twice {
			first, twice = d.others[key]
		}
		switch {
		case twice:
			// A directory that holds a name twice is damaged, and a deletion by
			// name could hit either entry: such a name is nobody's.
			delete(d.ours, key)
			if compareNames(&d.rows[first], &d.rows[i]) < 0 {
				first = i
			}
			d.others[key] = first
		case d.Owns(d.rows[i]):
			d.ours[key] = i
		default:
			d.others[key] = i
		}
	}
}

// findAsked notes the sites whose names Exchange's entries have.
func (d *directory) findAsked(in CCMailInput) {
	sites := map[string]bool{}
	for _, site := range d.sites() {
		sites[Fold(site)] = true
	}
	note := func(name string) {
		if key := Fold(name); sites[key] {
			d.asked[key] = true
		}
	}
	for i := range in.Wanted {
		note(in.Wanted[i].Name)
	}
	for i := range in.Refused {
		note(in.Refused[i].Name)
	}
}

// our returns our row of that name.
func (d *directory) our(key string) (row Row, there bool) {
	i, there := d.ours[key]
	if !there {
		return Row{}, false
	}
	return d.rows[i], true
}

// holder says what holds a name that is not ours, empty when nothing does.
func (d *directory) holder(key string) string {
	if name, there := d.added[key]; there {
		return fmt.Sprintf("the post office %q", name)
	}
	if title, there := d.lists[key]; there {
		return fmt.Sprintf("the cc:Mail mailing list %q", title)
	}
	if i, there := d.others[key]; there {
		return fmt.Sprintf("the cc:Mail %s %q", rowNoun(d.rows[i]), d.rows[i].Name)
	}
	return ""
}

func compareNames(a, b *Row) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Location, b.Location))
}

func rowNoun(row Row) string {
	switch row.Location {
	case "P", "p":
		return "post office"
	case "A", "a":
		return "alias"
	default:
		return "user"
	}
}

// postOfficeSteps adds the post office entries of our sites that are missing.
func (d *directory) postOfficeSteps() []Step {
	var steps []Step
	for _, site := range d.sites() {
		key := Fold(site)
		row := Row{Name: site, Location: "p", PostOffice: d.Site, Comment: d.Comment()}
		if key == Fold(d.Site) {
			row.Location, row.PostOffice = "P", ""
		}
		step := Step{Op: Add, Kind: PostOffice, Name: site, Address: row.PostOffice, Row: &row, Key: key}
		switch holder := d.siteHolder(key); {
		case d.Ownership.ours[key]:
			continue
		case holder != "":
			step.Op, step.Row, step.Event = Refuse, nil, EventNameTaken
			step.Reason = fmt.Sprintf("the name of this Exchange site is held by %s without the comment %q", holder, d.Comment())
			d.unusable[key] = fmt.Sprintf("its site %s has no post office entry of ours: the name is held by %s", site, holder)
		default:
			step.Reason = "post office entry of this Exchange site is missing"
			d.added[key] = site
		}
		steps = append(steps, step)
	}
	return steps
}

// siteHolder says what holds the name of a site, empty when it is free: a row
// of ours gives it up only when no Exchange entry asks for it any more.
func (d *directory) siteHolder(key string) string {
	if row, there := d.our(key); there && d.asked[key] {
		return fmt.Sprintf("the entry of Exchange %q", row.Name)
	}
	return d.holder(key)
}

// sites returns the own site and the others, each once.
func (d *directory) sites() []string {
	sites := append([]string{d.Site}, d.Sites...)
	seen := map[string]bool{}
	return slices.DeleteFunc(sites, func(site string) bool {
		key := Fold(site)
		defer func() { seen[key] = true }()
		return seen[key]
	})
}

// candidate is a wanted entry and its folded name.
type candidate struct {
	*Wanted
	key string
}

// byName sorts the wanted entries by name.
func byName(wanted []Wanted) []candidate {
	all := make([]candidate, len(wanted))
	for i := range wanted {
		all[i] = candidate{&wanted[i], Fold(wanted[i].Name)}
	}
	slices.SortFunc(all, func(a, b candidate) int { return strings.Compare(a.key, b.key) })
	return all
}

// losers puts the one of several wanted entries of one name first that is to be
// there, and refuses the others.
func (d *directory) losers(rivals []candidate) []Step {
	if len(rivals) == 1 {
		return nil
	}
	slices.SortFunc(rivals, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(d.presence(a), d.presence(b)),
			cmp.Compare(Fold(a.Site), Fold(b.Site)),
			cmp.Compare(Fold(a.DirectoryName), Fold(b.DirectoryName)),
			cmp.Compare(a.DN, b.DN),
		)
	})
	winner := rivals[0]
	steps := make([]Step, 0, len(rivals)-1)
	for _, loser := range rivals[1:] {
		steps = append(steps, Step{
			Op: Refuse, Kind: loser.Kind, Name: loser.Name, Address: loser.Site, DN: loser.DN, Event: EventNameTaken, Key: loser.key,
			Reason: fmt.Sprintf("the name is taken by %q at %s (%s); case and post office do not count in cc:Mail, choose a unique name",
				winner.Name, winner.Site, winner.DN),
		})
	}
	return steps
}

// presence sorts the entry that is in cc:Mail already before those that are
// not.
func (d *directory) presence(w candidate) int {
	if row, there := d.our(w.key); there && same(row.PostOffice, w.Site) {
		return 0
	}
	return 1
}

// decide puts what is to be done for an entry into the plan.
func (d *directory) decide(w candidate, plan *draft) {
	row := Row{Name: w.Name, Location: "r", PostOffice: w.Site, Foreign: w.Name, Comment: w.Comment}
	place, there := d.ours[w.key]
	difference := ""
	if there {
		d.claimed[place] = true
		if difference = d.difference(&d.rows[place], &row, w.key); difference == "" {
			plan.keep(w.Kind)
			return
		}
	}
	step := Step{Kind: w.Kind, Name: w.Name, Address: w.Site, DN: w.DN, Key: w.key}
	switch conflict := d.conflict(w); {
	case there && conflict != "":
		old := d.rows[place]
		step.Op, step.OldRow, step.Event, step.Reason = Hold, &old, EventNameTaken, staysAsItIs+conflict
	case there:
		old, now := d.rows[place], row
		step.Op, step.OldRow, step.Row, step.Reason = Replace, &old, &now, difference
	case conflict != "":
		step.Op, step.Event, step.Reason = Refuse, EventNameTaken, conflict
	default:
		now := row
		step.Op, step.Row, step.Reason = Add, &now, "not in cc:Mail yet"
	}
	plan.add(step)
}

// staysAsItIs begins the reason of a row that is held.
const staysAsItIs = "its row in cc:Mail stays as it is: "

// conflict says why nothing can be written for the entry, empty when it can.
func (d *directory) conflict(w candidate) string {
	if len(d.unusable) > 0 && d.unusable[Fold(w.Site)] != "" {
		return d.unusable[Fold(w.Site)]
	}
	holder := d.holder(w.key)
	switch {
	case holder == "":
		return ""
	case w.Imported:
		return fmt.Sprintf("the name is taken by %s, from which %s was imported; that one is Exchange's own now, so delete the entry from cc:Mail once its mail is moved", holder, w.DN)
	default:
		return fmt.Sprintf("the name is taken by %s; case and post office do not count in cc:Mail, choose a unique name", holder)
	}
}

// difference says what makes the old row unlike the wanted one, empty when
// nothing does. Case does not count (Q237588).
func (d *directory) difference(old, want *Row, key string) string {
	switch {
	case !same(old.PostOffice, want.PostOffice):
		return fmt.Sprintf("post office changed from %s to %s", old.PostOffice, want.PostOffice)
	case !same(old.Foreign, want.Foreign):
		return fmt.Sprintf("foreign alias name changed from %q to %q", old.Foreign, want.Foreign)
	case d.compareComment && !same(old.Comment, want.Comment):
		return fmt.Sprintf("comment changed from %q to %q", old.Comment, want.Comment)
	case d.renew[key]:
		return respelled(old, want)
	default:
		return ""
	}
}

// respelled says what the old row writes otherwise than the wanted one, empty
// when nothing does.
func respelled(old, want *Row) string {
	var differs []string
	for _, f := range []struct{ what, old, want string }{
		{"name", old.Name, want.Name},
		{"address", old.Address(), want.Address()},
		{"comment", old.Comment, want.Comment},
	} {
		if f.old != f.want {
			differs = append(differs, fmt.Sprintf("%s %q", f.what, f.old))
		}
	}
	if len(differs) == 0 {
		return ""
	}
	return "put in step again: " + strings.Join(differs, ", ")
}

// refusals turns what could not be written into steps. A row that is there
// stays.
func (d *directory) refusals(refused []Refusal) []Step {
	steps := make([]Step, 0, len(refused))
	for _, r := range slices.SortedFunc(slices.Values(refused), compareRefusals) {
		key := Fold(r.Name)
		step := Step{Op: Refuse, Kind: r.Kind, Name: r.Name, Address: r.Address, DN: r.DN, Reason: r.Reason, Event: r.Event, Key: key}
		if i, there := d.ours[key]; there && !d.claimed[i] {
			d.claimed[i] = true
			old := d.rows[i]
			step.Op, step.OldRow, step.Reason = Hold, &old, staysAsItIs+r.Reason
		}
		steps = append(steps, step)
	}
	return steps
}

func compareRefusals(a, b Refusal) int {
	return cmp.Or(
		cmp.Compare(Fold(a.Name), Fold(b.Name)),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Address, b.Address),
		cmp.Compare(a.DN, b.DN),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Event, b.Event),
	)
}

// leftovers deletes our rows that nothing wants.
func (d *directory) leftovers(excluded []Excluded) []Step {
	var unclaimed []string
	for key, i := range d.ours {
		if !d.claimed[i] {
			unclaimed = append(unclaimed, key)
		}
	}
	if len(unclaimed) == 0 {
		return nil
	}
	causes := causesByName(excluded)
	known := d.grace.known(ToCCMail)
	needed := map[string]bool{} // names of sites, which become post offices
	for _, site := range d.sites() {
		needed[Fold(site)] = true
	}
	steps := make([]Step, 0, len(unclaimed))
	for _, key := range unclaimed {
		row := d.rows[d.ours[key]]
		step := Step{
			Op: Delete, Kind: User, Name: row.Name, Address: row.PostOffice, OldRow: &row, Key: key,
			Reason: "gone from Exchange", cause: goneFromSource,
		}
		if e, there := causes[key]; there {
			step.Kind, step.DN, step.Reason, step.cause = e.Kind, e.DN, "left the scope: "+e.Cause, leftScope
		}
		if !needed[key] {
			step = d.grace.retire(step, known.find(key))
		}
		steps = append(steps, step)
	}
	return steps
}

// causesByName are the causes to tell of, by folded name.
func causesByName(excluded []Excluded) map[string]Excluded {
	causes := make(map[string]Excluded, len(excluded))
	for _, e := range excluded {
		key := Fold(e.Name)
		if known, there := causes[key]; !there || compareCauses(e, known) < 0 {
			causes[key] = e
		}
	}
	return causes
}

// compareCauses decides which of several entries with one name is told of, so
// that the order of arrival does not show.
func compareCauses(a, b Excluded) int {
	return cmp.Or(cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.DN, b.DN), cmp.Compare(a.Kind, b.Kind))
}
