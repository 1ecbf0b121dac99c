package cycle_test

import (
	"maps"
	"strings"
	"unicode/utf8"

	"pgregory.net/rapid"

	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/postoffice"
)

// oracle is what both sides ought to hold, worked out from what the people on
// both sides have in them, with no code of the engine.
type oracle struct {
	rows       map[string]bool   // names in lower case of the rows that cc:Mail must hold
	rowsMay    map[string]bool   // of those that stay if they are there, because Exchange's entry cannot be written now
	recipients map[string]wanted // by key: those that Exchange must hold
	mayStay    map[string]bool   // keys of those that stay if they are there, because somebody else has their address or name
	asked      map[string]wanted // by key: all that cc:Mail has for Exchange, whether they can be written or not
}

// wanted is how a recipient must be.
type wanted struct {
	target string // in lower case; a board's may go on with a post office
	notes  string
}

// foretell works out what the two sides make necessary. dns are the names that
// the recipients of keys have had.
func foretell(s sides, dns map[string]string) oracle {
	o := oracle{rows: map[string]bool{}, rowsMay: map[string]bool{}, recipients: map[string]wanted{}, mayStay: map[string]bool{}}
	o.foretellRows(s)
	o.foretellUsers(s)
	o.foretellTitles(s)
	o.asked = maps.Clone(o.recipients)
	o.yieldToOthers(s, dns)
	return o
}

// foretellRows: what Exchange has and lets out is in cc:Mail, unless somebody
// has the name.
func (o oracle) foretellRows(s sides) {
	for _, r := range s.objects {
		inScope := strings.HasSuffix(r.dn, ","+recipients) && r.first("Hide-From-Address-Book") != "TRUE" && r.first("Replication-Sensitivity") != distrusted
		if r.class() == "" || !r.alive() || r.first("Imported-From") == "hq" || !inScope {
			continue
		}
		for _, value := range r.values["othermailbox"] {
			address, primary := strings.CutPrefix(value, "CCMAIL$")
			name, site, _ := strings.Cut(address, " at ")
			switch {
			case !primary || utf8.RuneCountInString(name) > 30:
			case site == "EXSITE1":
				o.rows[strings.ToLower(name)] = true
			default:
				o.rowsMay[strings.ToLower(name)] = true
			}
		}
	}
	for name, row := range s.rows {
		if !ours(row) {
			delete(o.rows, name)
		}
	}
	for title := range s.lists {
		delete(o.rows, title)
	}
}

// foretellUsers: cc:Mail's own users are in Exchange. The address is their name
// as it is spoken, unless that is how another one's is written.
func (o oracle) foretellUsers(s sides) {
	written := map[string]bool{}
	for _, row := range s.rows {
		written[strings.ToLower(row.Name+" at "+homeOf(row))] = true
	}
	for name, row := range s.rows {
		if !strings.Contains("LlRr", string(row.Location)) || homeOf(row) == "EXSITE1" {
			continue
		}
		address := name
		if last, first, comma := strings.Cut(name, ", "); comma && !written[strings.ToLower(first+" "+last+" at "+homeOf(row))] {
			address = first + " " + last
		}
		o.recipients["user:"+name] = wanted{target: strings.ToLower("ccmail:" + address + " at " + homeOf(row)), notes: row.Comment}
	}
}

// foretellTitles: lists and boards are in Exchange, a board only if no list has
// its title.
func (o oracle) foretellTitles(s sides) {
	for title := range s.lists {
		o.recipients["list:"+title] = wanted{target: "ccmail:#" + title}
	}
	for title := range s.boards {
		if _, list := s.lists[title]; !list {
			o.recipients["board:"+title] = wanted{target: "ccmail:#" + title}
		}
	}
}

// yieldToOthers: what somebody else in Exchange has, an address or the name in
// the directory, cannot be had.
func (o oracle) yieldToOthers(s sides, dns map[string]string) {
	held := map[string]bool{}
	for _, r := range s.objects {
		if r.class() != "" && r.alive() && !r.ours() {
			for _, address := range r.addresses() {
				held[address] = true
			}
		}
	}
	for key, want := range o.asked {
		holder, there := s.objects[strings.ToLower(dns[key])]
		switch {
		case there && holder.alive() && !holder.ours():
			delete(o.recipients, key)
		case held[want.target], there && holder.alive() && o.keyOf(holder) != key:
			delete(o.recipients, key)
			o.mayStay[key] = true
		}
	}
}

// keyOf is the key of a recipient of ours: its link, or that of the entry whose
// address it has.
func (o oracle) keyOf(r object) string {
	if key := r.key(); key != "" {
		return key
	}
	for key, want := range o.asked {
		if want.has(key, r.target()) && (!r.group() || strings.HasPrefix(key, "list:")) {
			return key
		}
	}
	return ""
}

// has reports whether the target of a recipient is right. That of a board may
// have been given a post office by hand.
func (w wanted) has(key, target string) bool {
	target = strings.ToLower(target)
	return target == w.target || strings.HasPrefix(key, "board:") && strings.HasPrefix(target, w.target+" at ")
}

// require compares the sides with what was foretold.
func (o oracle) require(t rapid.TB, s sides) {
	t.Helper()
	o.requireRows(t, s)
	there := map[string]bool{}
	for _, r := range s.objects {
		if !r.ours() {
			continue
		}
		key := o.keyOf(r)
		want, must := o.recipients[key]
		switch {
		case there[key]:
			t.Errorf("Exchange has %q twice", key)
		case !must && !o.mayStay[key]:
			t.Errorf("Exchange has %s for %q, which nobody wants", r.dn, key)
		case must && !want.has(key, r.target()):
			t.Errorf("the target of %q is %q, want %q", key, r.target(), want.target)
		case must && r.first("info") != want.notes:
			t.Errorf("the notes of %q are %q, want %q", key, r.first("info"), want.notes)
		}
		there[key] = true
	}
	for key := range o.recipients {
		if !there[key] {
			t.Errorf("Exchange has no %q", key)
		}
	}
}

// requireAdopted: what has exactly the address of an entry that is nowhere else
// in Exchange was adopted.
func (o oracle) requireAdopted(t rapid.TB, s sides, c cycle.Connector) {
	t.Helper()
	holders := map[string]int{}
	for _, r := range s.objects {
		if r.class() != "" && r.alive() {
			for _, address := range r.addresses() {
				holders[address]++
			}
		}
	}
	own := s.countKeys()
	for key, want := range o.asked {
		for _, r := range s.objects {
			if groups := c.Exchange.Import.Groups && strings.HasPrefix(key, "list:"); groups {
				continue // its class cannot be changed
			}
			if r.adoptable() && own[key] == 0 && holders[want.target] == 1 && strings.ToLower(r.first("Target-Address")) == want.target {
				t.Errorf("%s was not adopted for %q", r.dn, key)
			}
		}
	}
}

// requireGroups: lists have the form that is asked for, and as groups those
// members who have a recipient.
func (o oracle) requireGroups(t rapid.TB, s sides, c cycle.Connector) {
	t.Helper()
	groups := c.Exchange.Import.Groups
	known := false
	for _, list := range s.lists {
		known = known || len(list.Members) > 0
	}
	for _, r := range s.objects {
		key := o.keyOf(r)
		title, isList := strings.CutPrefix(key, "list:")
		if _, must := o.recipients[key]; !r.ours() || !isList || !must {
			continue
		}
		if r.group() != groups {
			t.Errorf("%q is a %s", key, r.class())
		}
		if !groups || !known {
			continue
		}
		want := map[string]bool{}
		for _, name := range s.lists[title].Members {
			if dn := o.member(s, strings.ToLower(name)); dn != "" && dn != strings.ToLower(r.dn) {
				want[dn] = true
			}
		}
		got := map[string]bool{}
		for _, dn := range r.values["member"] {
			got[strings.ToLower(dn)] = true
		}
		if !maps.Equal(want, got) {
			t.Errorf("the members of %q are %v, want %v", key, got, want)
		}
	}
}

// member is the DN in lower case of who is meant by a line of a list, empty when
// it is nobody.
func (o oracle) member(s sides, name string) string {
	row, isRow := s.rows[name]
	_, isList := s.lists[name]
	switch {
	case isRow && strings.Contains("Pp", string(row.Location)):
		return ""
	case isRow && homeOf(row) == "EXSITE1":
		return o.native(s, name)
	case isRow:
		return o.recipientOf(s, "user:"+name)
	case isList:
		return o.recipientOf(s, "list:"+name)
	default:
		return ""
	}
}

func (o oracle) recipientOf(s sides, key string) string {
	for dn, r := range s.objects {
		if r.ours() && o.keyOf(r) == key {
			return dn
		}
	}
	return ""
}

// native is the first recipient of Exchange's own of a name, of those that go out
// before all others.
func (o oracle) native(s sides, name string) string {
	first := map[bool]string{}
	for dn, r := range s.objects {
		if r.class() == "" || !r.alive() || r.ours() {
			continue
		}
		for _, value := range r.values["othermailbox"] {
			if strings.ToLower(value) != "ccmail$"+name+" at exsite1" {
				continue
			}
			goesOut := strings.HasSuffix(r.dn, ","+recipients) && !r.hidden() && r.first("Replication-Sensitivity") != distrusted &&
				utf8.RuneCountInString(name) <= 30
			if first[goesOut] == "" || dn < first[goesOut] {
				first[goesOut] = dn
			}
		}
	}
	if first[true] != "" {
		return first[true]
	}
	return first[false]
}

func (o oracle) requireRows(t rapid.TB, s sides) {
	t.Helper()
	if site := s.rows["exsite1"]; site.Location != postoffice.DirectOffice || site.Comment != "MSExchangeCCMC MAILSRV7" {
		t.Errorf("the post office entry of the site is %+v", site)
	}
	for name, row := range s.rows {
		switch {
		case !ours(row):
		case o.rows[name] && strings.ToLower(row.Address) != "exsite1 "+name:
			t.Errorf("the address of %q is %q", row.Name, row.Address)
		case !o.rows[name] && !o.rowsMay[name]:
			t.Errorf("cc:Mail has %q of Exchange, which nobody wants", row.Name)
		}
	}
	for name := range o.rows {
		if !ours(s.rows[name]) {
			t.Errorf("cc:Mail has no %q of Exchange", name)
		}
	}
}
