package reconcile_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"ccdirsync/reconcile"
)

// line is one line of a section. A dash stands for a value that is empty; one
// in quotes keeps the blanks around it.
type line struct {
	where   string
	columns []string
	tagged  map[string][]string
	problem error
}

var (
	gap      = regexp.MustCompile(`\s{2,}`)
	tagValue = regexp.MustCompile(`^([a-z ]+): (.*)$`)
)

// lines reads a section and fails the test when a line holds something that
// the reader of the section does not know.
func (c *archive) lines(t *testing.T, section string) []*line {
	t.Helper()
	var lines []*line
	for i, text := range strings.Split(c.section(section), "\n") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		if !strings.HasPrefix(text, " ") || len(lines) == 0 {
			lines = append(lines, &line{where: fmt.Sprintf("%s: %s, line %d", c.path, section, i+1), tagged: map[string][]string{}})
		}
		l := lines[len(lines)-1]
		for _, part := range gap.Split(strings.TrimSpace(text), -1) {
			if m := tagValue.FindStringSubmatch(part); m != nil {
				l.tagged[m[1]] = append(l.tagged[m[1]], plain(m[2]))
			} else {
				l.columns = append(l.columns, plain(part))
			}
		}
	}
	c.parsed = append(c.parsed, lines...)
	return lines
}

func plain(value string) string {
	if value == "-" {
		return ""
	}
	if quoted, err := strconv.Unquote(value); err == nil {
		return quoted
	}
	return value
}

// allRead fails the test when a line was not understood to its end.
func (c *archive) allRead(t *testing.T) {
	t.Helper()
	for _, l := range c.parsed {
		for tag, values := range l.tagged {
			t.Errorf("%s: %s: %q is unknown here", l.where, tag, values)
		}
		for _, column := range l.columns {
			t.Errorf("%s: column %q is unknown here", l.where, column)
		}
		if l.problem != nil {
			t.Errorf("%s: %v", l.where, l.problem)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// next takes the next column, empty when there is none.
func (l *line) next() string {
	if len(l.columns) == 0 {
		return ""
	}
	column := l.columns[0]
	l.columns = l.columns[1:]
	return column
}

// values takes the values of a tag.
func (l *line) values(tag string) []string {
	values := l.tagged[tag]
	delete(l.tagged, tag)
	return values
}

// value takes the value of a tag that is there at most once.
func (l *line) value(tag, otherwise string) string {
	values := l.values(tag)
	if len(values) > 1 {
		l.problem = fmt.Errorf("%s is there %d times", tag, len(values))
	}
	if len(values) == 0 {
		return otherwise
	}
	return values[0]
}

// row reads "name  location  post office"; the foreign alias name of a remote
// user is its name.
func (l *line) row() reconcile.Row {
	row := reconcile.Row{Name: l.next(), Location: l.next(), PostOffice: l.next()}
	row.Foreign = l.value("foreign", usualForeign(row))
	row.Comment = l.value("comment", "")
	row.Place = l.value("place", "")
	return row
}

func usualForeign(row reconcile.Row) string {
	if row.Location == "r" {
		return row.Name
	}
	return ""
}

// entry reads "kind name at place"; lists, boards and entries that only
// Exchange has may be without a place.
func (l *line) entry() (kind reconcile.Kind, name, place string) {
	first, rest, _ := strings.Cut(l.next(), " ")
	if i := strings.LastIndex(rest, " at "); i >= 0 {
		rest, place = rest[:i], rest[i+len(" at "):]
	}
	known := []reconcile.Kind{
		reconcile.Mailbox, reconcile.List, reconcile.Folder, reconcile.CustomRecipient, reconcile.User, reconcile.Board,
	}
	if kind = reconcile.Kind(first); !slices.Contains(known, kind) {
		l.problem = fmt.Errorf("the kind %q is unknown", first)
	}
	return kind, rest, place
}

// letters are the letters and digits of a name, as directory names and aliases
// are made.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name)
}

// wanted reads "kind name at site"; the directory name is the letters of the
// name.
func (l *line) wanted() reconcile.Wanted {
	kind, name, site := l.entry()
	directoryName := l.value("directory name", letters(name))
	return reconcile.Wanted{
		Kind: kind, Name: name, Site: site, DirectoryName: directoryName,
		DN:       l.value("dn", "cn="+directoryName+",ou="+site),
		Comment:  l.value("comment", ""),
		Imported: l.value("imported", "no") == "yes",
	}
}

// time takes a time.
func (l *line) time(tag string) time.Time {
	text := l.value(tag, "")
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		l.problem = err
	}
	return at
}

// retirement reads "key  since: time".
func (l *line) retirement(d reconcile.Direction) reconcile.Retirement {
	return reconcile.Retirement{Direction: d, Key: l.next(), Since: l.time("since"), Hid: l.value("hid", "no") == "yes"}
}

// grace reads the options of a time of grace.
func (l *line) grace(g *reconcile.Grace) {
	period, err := time.ParseDuration(l.value("grace", g.Period.String()))
	if err != nil {
		l.problem = err
	}
	g.Period = period
	if now := l.time("now"); !now.IsZero() {
		g.Now = now
	}
}

func (l *line) excluded() reconcile.Excluded {
	kind, name, _ := l.entry()
	return reconcile.Excluded{Kind: kind, Name: name, DN: l.value("dn", ""), Cause: l.value("cause", "")}
}

func (l *line) refusal() reconcile.Refusal {
	kind, name, place := l.entry()
	event, err := strconv.Atoi(l.value("event", "0"))
	if err != nil {
		l.problem = err
	}
	return reconcile.Refusal{
		Kind: kind, Name: name, Address: l.value("address", place), DN: l.value("dn", ""),
		Reason: l.value("reason", ""), Event: event,
	}
}

// recipient reads "kind name at post office". A user, list or board is one of
// ours unless its fields say otherwise, and has the address of its kind and
// nothing else; what is Exchange's own has no address at all.
func (l *line) recipient() reconcile.Recipient {
	kind, name, place := l.entry()
	if kind != reconcile.User && place != "" { // part of the title
		name, place = name+" at "+place, ""
	}
	r := reconcile.Recipient{
		Kind: kind, Name: name, PostOffice: place, DisplayName: name,
		DirectoryName: string(kind) + "." + reconcile.Fold(letters(name)),
	}
	address := ""
	switch kind {
	case reconcile.User:
		address = name + " at " + place
	case reconcile.List, reconcile.Board:
		address = "#" + name
	case reconcile.Mailbox, reconcile.Folder, reconcile.CustomRecipient, reconcile.PostOffice, reconcile.MemberKind:
	}
	if address != "" {
		r.Owner, r.Key, r.Target = "hq", reconcile.Key(kind, name), "CCMAIL:"+address
		r.Proxies = []reconcile.Proxy{{Type: "CCMAIL", Address: address, Primary: true}}
	}
	r.DN = l.value("dn", "cn="+r.DirectoryName)
	r.Owner = l.value("owner", r.Owner)
	r.Key = l.value("key", r.Key)
	r.KeyTaken = l.value("key taken", "no") == "yes"
	r.Target = l.value("target", r.Target)
	r.Alias = l.value("alias", letters(name))
	r.Notes = l.value("notes", "")
	r.DisplayName = l.value("display name", r.DisplayName)
	r.GivenName, r.Surname, r.Initials = l.value("first name", ""), l.value("last name", ""), l.value("initials", "")
	r.Hidden = l.value("hidden", "no") == "yes"
	r.MadeBy = l.value("made by", "")
	r.Group = l.value("group", "no") == "yes"
	r.Members = l.values("member")
	if proxies := l.values("proxy"); len(proxies) > 0 {
		r.Proxies = nil
		for _, p := range proxies {
			r.Proxies = append(r.Proxies, proxy(p)...)
		}
	}
	for _, p := range l.values("also") {
		r.Proxies = append(r.Proxies, proxy(p)...)
	}
	return r
}

// onList reads who is on a wanted list: entries of cc:Mail by their keys,
// recipients of Exchange by their DNs, and those who are neither.
func (l *line) onList() []reconcile.Member {
	var members []reconcile.Member
	for _, key := range l.values("on list") {
		_, name, _ := strings.Cut(key, ":")
		members = append(members, reconcile.Member{Name: name, Key: key})
	}
	for _, dn := range l.values("in exchange") {
		members = append(members, reconcile.Member{Name: dn, DN: dn})
	}
	for _, name := range l.values("nobody") {
		members = append(members, reconcile.Member{Name: name, Problem: "there is no entry of that name"})
	}
	return members
}

// proxy reads an address the way Exchange writes it: the type of a primary one
// is in upper case.
func proxy(s string) []reconcile.Proxy {
	if s == "" {
		return nil
	}
	typ, address, _ := strings.Cut(s, ":")
	return []reconcile.Proxy{{Type: strings.ToUpper(typ), Address: address, Primary: typ == strings.ToUpper(typ)}}
}

func printProxy(p reconcile.Proxy) string {
	if p.Primary {
		return p.Type + ":" + p.Address
	}
	return strings.ToLower(p.Type) + ":" + p.Address
}

// wantedRecipient proposes the alias of the recipient, then with the numbers
// from 2 on. An SMTP address that begins with the at sign is made from the
// alias, any other is the same in all proposals.
func wantedRecipient(r reconcile.Recipient, smtp string) reconcile.WantedRecipient {
	alias := r.Alias
	r.Owner = "" // the mark is the plan's to set
	return reconcile.WantedRecipient{Recipient: r, Names: func(_ *reconcile.Recipient, n int) reconcile.Names {
		names := reconcile.Names{Alias: alias}
		if n > 1 {
			names.Alias += strconv.Itoa(n)
		}
		if smtp != "" {
			address := smtp
			if strings.HasPrefix(smtp, "@") {
				address = names.Alias + smtp
			}
			names.Proxies = []reconcile.Proxy{{Type: "SMTP", Address: address, Primary: true}}
		}
		return names
	}}
}

// printer writes a plan.
type printer struct{ strings.Builder }

func (p *printer) step(s reconcile.Step, subject string) {
	fmt.Fprintf(&p.Builder, "%s %s %s", s.Op, s.Kind, subject)
	if s.DN != "" {
		fmt.Fprintf(&p.Builder, "  %s", s.DN)
	}
	if s.Event != 0 {
		fmt.Fprintf(&p.Builder, "  [%d]", s.Event)
	}
	fmt.Fprintf(&p.Builder, "\n    %s\n", s.Reason)
}

// retirements writes what is in its time of grace after the plan.
func (p *printer) retirements(all []reconcile.Retirement) {
	for _, r := range all {
		fmt.Fprintf(&p.Builder, "~ %s  since: %s", r.Key, r.Since.Format(time.RFC3339))
		if r.Hid {
			p.WriteString("  hid: yes")
		}
		p.WriteString("\n")
	}
}

// tallies writes what the guards go by, one line for each kind.
func (p *printer) tallies(side reconcile.Side) {
	for _, kind := range []reconcile.Kind{reconcile.PostOffice, reconcile.User, reconcile.List, reconcile.Board, reconcile.MemberKind} {
		tally, there := side.Tally[kind]
		if !there {
			continue
		}
		fmt.Fprintf(&p.Builder, "= %s:", kind)
		for _, count := range []struct {
			n    int
			what string
		}{
			{tally.Owned, "owned"},
			{tally.Wanted, "wanted"},
			{tally.Keep, "keep"},
			{tally.Add, "add"},
			{tally.Delete, "delete"},
			{tally.Change, "change"},
			{tally.Refused, "refused"},
			{tally.Held, "held"},
			{tally.Members, "members"},
			{tally.MembersGone, "gone"},
		} {
			if count.n > 0 {
				fmt.Fprintf(&p.Builder, " %d %s", count.n, count.what)
			}
		}
		fmt.Fprintln(&p.Builder)
	}
}

func printPostOfficePlan(side reconcile.Side) string {
	p := &printer{}
	for _, s := range side.Steps {
		subject := s.Name
		if s.Address != "" {
			subject += " at " + s.Address
		}
		p.step(s, subject)
		if s.OldRow != nil {
			fmt.Fprintf(&p.Builder, "    - %s\n", printRow(*s.OldRow))
		}
		if s.Row != nil {
			fmt.Fprintf(&p.Builder, "    + %s\n", printRow(*s.Row))
		}
	}
	p.retirements(side.Retirements(reconcile.ToCCMail))
	p.tallies(side)
	return p.String()
}

func printRow(row reconcile.Row) string {
	text := row.Name + "  " + row.Location
	if row.PostOffice != "" {
		text += "  " + row.PostOffice
	}
	if row.Foreign != usualForeign(row) {
		text += "  foreign: " + dash(row.Foreign)
	}
	if row.Comment != "" {
		text += "  comment: " + row.Comment
	}
	return text
}

func dash(value string) string {
	if value == "" {
		return "-"
	}
	return value
}

func printDirectoryPlan(side reconcile.Side) string {
	p := &printer{}
	for _, s := range side.Steps {
		p.step(s, s.Name+"  "+dash(s.Address))
		for _, dn := range s.Needs {
			fmt.Fprintf(&p.Builder, "    needs %s\n", dn)
		}
		if s.After != nil {
			if s.Before == nil {
				p.changes(nil, fields(*s.After))
			} else {
				p.changes(append(names(*s.Before), fields(*s.Before)...), append(names(*s.After), fields(*s.After)...))
			}
		}
		for _, dn := range s.Leaving {
			fmt.Fprintf(&p.Builder, "    - member: %s\n", dn)
		}
		for _, dn := range s.Joining {
			fmt.Fprintf(&p.Builder, "    + member: %s\n", dn)
		}
	}
	p.retirements(side.Retirements(reconcile.ToExchange))
	p.tallies(side)
	return p.String()
}

// names are the values of a recipient that are set on creation.
func names(r reconcile.Recipient) []string {
	return []string{"display name: " + r.DisplayName, "first name: " + r.GivenName, "last name: " + r.Surname, "initials: " + r.Initials}
}

// fields are the other values of a recipient as they are written, in one order.
func fields(r reconcile.Recipient) []string {
	var values []string
	for _, f := range []struct{ tag, value string }{
		{"owner", r.Owner},
		{"key", r.Key},
		{"target", r.Target},
		{"alias", r.Alias},
		{"notes", r.Notes},
	} {
		if f.value != "" {
			values = append(values, f.tag+": "+f.value)
		}
	}
	for _, proxy := range r.Proxies {
		values = append(values, "proxy: "+printProxy(proxy))
	}
	if r.Hidden {
		values = append(values, "hidden: yes")
	}
	if r.Group {
		values = append(values, "group: yes")
	}
	return values
}

func (p *printer) changes(before, after []string) {
	for _, value := range before {
		if !slices.Contains(after, value) {
			fmt.Fprintf(&p.Builder, "    - %s\n", value)
		}
	}
	for _, value := range after {
		if !slices.Contains(before, value) {
			fmt.Fprintf(&p.Builder, "    + %s\n", value)
		}
	}
}
