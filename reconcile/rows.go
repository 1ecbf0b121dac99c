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
	steps := d.postOfficeSteps()
	winners, losers := d.winners(in.Wanted)
	steps = append(steps, losers...)
	for _, w := range winners {
		steps = append(steps, d.decide(w))
	}
	steps = append(steps, d.refusals(in.Refused)...)
	steps = append(steps, d.leftovers(in.Excluded)...)
	return newSide(steps, rowGroup)
}

// rowGroup is the kind that a step toward cc:Mail counts for. A row does not
// say what kind of Exchange entry it stands for, so all but the post offices
// are judged together.
func rowGroup(s Step) Kind {
	if s.Kind == PostOffice {
		return PostOffice
	}
	return User
}

// directory is the post office directory by name, as one plan sees it.
type directory struct {
	Ownership
	compareComment bool
	grace          Grace
	renew          map[string]bool
	ours           map[string]Row    // our rows by folded name
	taken          map[string]string // folded name -> what holds it, for names that are not ours
	unusable       map[string]string // folded site -> why nothing can be written at it
	asked          map[string]bool   // folded names that an Exchange entry has, writable or not
	claimed        map[string]bool   // folded names of our rows that a step speaks of
}

func newDirectory(in CCMailInput) *directory {
	d := &directory{
		Ownership:      in.Ownership,
		compareComment: in.CompareComment,
		grace:          in.Grace,
		renew:          in.Renew,
		ours:           map[string]Row{},
		taken:          map[string]string{},
		unusable:       map[string]string{},
		asked:          map[string]bool{},
		claimed:        map[string]bool{},
	}
	for _, row := range slices.SortedFunc(slices.Values(in.Rows), compareNames) {
		key := Fold(row.Name)
		_, twice := d.ours[key]
		if d.Owns(row) && !twice && d.taken[key] == "" {
			d.ours[key] = row
			continue
		}
		// A directory that holds a name twice is damaged, and a deletion by
		// name could hit either entry: such a name is nobody's.
		delete(d.ours, key)
		d.taken[key] = fmt.Sprintf("the cc:Mail %s %q", rowNoun(row), row.Name)
	}
	for _, title := range slices.Sorted(slices.Values(in.Lists)) {
		d.taken[Fold(title)] = fmt.Sprintf("the cc:Mail mailing list %q", title)
	}
	for _, w := range in.Wanted {
		d.asked[Fold(w.Name)] = true
	}
	for _, r := range in.Refused {
		d.asked[Fold(r.Name)] = true
	}
	return d
}

func compareNames(a, b Row) int {
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
			d.taken[key] = fmt.Sprintf("the post office %q", site)
		}
		steps = append(steps, step)
	}
	return steps
}

// siteHolder says what holds the name of a site, empty when it is free: a row
// of ours gives it up only when no Exchange entry asks for it any more.
func (d *directory) siteHolder(key string) string {
	if row, there := d.ours[key]; there && d.asked[key] {
		return fmt.Sprintf("the entry of Exchange %q", row.Name)
	}
	return d.taken[key]
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

// winners chooses one wanted entry for every name; the others are refused.
func (d *directory) winners(wanted []Wanted) (winners []Wanted, losers []Step) {
	byName := map[string][]Wanted{}
	for _, w := range wanted {
		byName[Fold(w.Name)] = append(byName[Fold(w.Name)], w)
	}
	for key, rivals := range byName {
		slices.SortFunc(rivals, func(a, b Wanted) int {
			return cmp.Or(
				cmp.Compare(d.presence(a), d.presence(b)),
				cmp.Compare(Fold(a.Site), Fold(b.Site)),
				cmp.Compare(Fold(a.DirectoryName), Fold(b.DirectoryName)),
				cmp.Compare(a.DN, b.DN),
			)
		})
		winners = append(winners, rivals[0])
		for _, loser := range rivals[1:] {
			losers = append(losers, Step{
				Op: Refuse, Kind: loser.Kind, Name: loser.Name, Address: loser.Site, DN: loser.DN, Event: EventNameTaken, Key: key,
				Reason: fmt.Sprintf("the name is taken by %q at %s (%s); case and post office do not count in cc:Mail, choose a unique name",
					rivals[0].Name, rivals[0].Site, rivals[0].DN),
			})
		}
	}
	return winners, losers
}

// presence sorts the entry that is in cc:Mail already before those that are
// not.
func (d *directory) presence(w Wanted) int {
	if row, there := d.ours[Fold(w.Name)]; there && Fold(row.PostOffice) == Fold(w.Site) {
		return 0
	}
	return 1
}

func (d *directory) decide(w Wanted) Step {
	key := Fold(w.Name)
	row := Row{Name: w.Name, Location: "r", PostOffice: w.Site, Foreign: w.Name, Comment: w.Comment}
	step := Step{Kind: w.Kind, Name: w.Name, Address: w.Site, DN: w.DN, Key: key}
	conflict := d.conflict(w)
	old, there := d.ours[key]
	d.claimed[key] = there
	switch difference := d.difference(old, row); {
	case there && difference == "":
		step.Op = Keep
	case there && conflict != "":
		step.Op, step.OldRow, step.Event, step.Reason = Hold, &old, EventNameTaken, staysAsItIs+conflict
	case there:
		step.Op, step.OldRow, step.Row, step.Reason = Replace, &old, &row, difference
	case conflict != "":
		step.Op, step.Event, step.Reason = Refuse, EventNameTaken, conflict
	default:
		step.Op, step.Row, step.Reason = Add, &row, "not in cc:Mail yet"
	}
	return step
}

// staysAsItIs begins the reason of a row that is held.
const staysAsItIs = "its row in cc:Mail stays as it is: "

// conflict says why nothing can be written for the entry, empty when it can.
func (d *directory) conflict(w Wanted) string {
	if reason := d.unusable[Fold(w.Site)]; reason != "" {
		return reason
	}
	if holder, taken := d.taken[Fold(w.Name)]; taken {
		if w.Imported {
			return fmt.Sprintf("the name is taken by %s, from which %s was imported; that one is Exchange's own now, so delete the entry from cc:Mail once its mail is moved", holder, w.DN)
		}
		return fmt.Sprintf("the name is taken by %s; case and post office do not count in cc:Mail, choose a unique name", holder)
	}
	return ""
}

// difference says what makes the old row unlike the wanted one, empty when
// nothing does. Case does not count (Q237588).
func (d *directory) difference(old, want Row) string {
	switch {
	case Fold(old.PostOffice) != Fold(want.PostOffice):
		return fmt.Sprintf("post office changed from %s to %s", old.PostOffice, want.PostOffice)
	case Fold(old.Foreign) != Fold(want.Foreign):
		return fmt.Sprintf("foreign alias name changed from %q to %q", old.Foreign, want.Foreign)
	case d.compareComment && Fold(old.Comment) != Fold(want.Comment):
		return fmt.Sprintf("comment changed from %q to %q", old.Comment, want.Comment)
	case d.renew[Fold(want.Name)]:
		return respelled(old, want)
	default:
		return ""
	}
}

// respelled says what the old row writes otherwise than the wanted one, empty
// when nothing does.
func respelled(old, want Row) string {
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
		if old, there := d.ours[key]; there && !d.claimed[key] {
			d.claimed[key] = true
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
	causes := map[string]Excluded{}
	for _, e := range excluded {
		if known, there := causes[Fold(e.Name)]; !there || compareCauses(e, known) < 0 {
			causes[Fold(e.Name)] = e
		}
	}
	known := d.grace.known(ToCCMail)
	needed := map[string]bool{} // names of sites, which become post offices
	for _, site := range d.sites() {
		needed[Fold(site)] = true
	}
	var steps []Step
	for key, row := range d.ours {
		if d.claimed[key] {
			continue
		}
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

// compareCauses decides which of several entries with one name is told of, so
// that the order of arrival does not show.
func compareCauses(a, b Excluded) int {
	return cmp.Or(cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.DN, b.DN), cmp.Compare(a.Kind, b.Kind))
}
