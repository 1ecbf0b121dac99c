package cycle_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// sides is all that both sides hold at one time.
type sides struct {
	objects map[string]object           // Exchange's, by DN in lower case, tombstones too
	rows    map[string]postoffice.Entry // cc:Mail's, by name in lower case
	lists   map[string]postoffice.List  // likewise
	boards  map[string]string           // likewise
}

// object is an entry of the Exchange directory.
type object struct {
	dn     string
	text   string              // all of it
	core   string              // without members and the stamps of changes
	values map[string][]string // by attribute in lower case
}

func (o object) first(attribute string) string {
	if values := o.values[strings.ToLower(attribute)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func (o object) alive() bool { return o.first("Is-Deleted") != "TRUE" }

// class is the structural class of a recipient, empty for other objects.
func (o object) class() string {
	for _, class := range []string{"organizationalPerson", "Remote-Address", "groupOfNames", "Public-Folder"} {
		if slices.Contains(o.values["objectclass"], class) {
			return class
		}
	}
	return ""
}

func (o object) imported() bool { return strings.HasSuffix(o.dn, ","+imported) }

// ours reports whether the connector made the recipient.
func (o object) ours() bool {
	form := o.class() == "Remote-Address" || o.group() && (o.key() == "" || strings.HasPrefix(o.key(), "list:"))
	return o.alive() && form && o.imported() && o.first("Imported-From") == "hq"
}

func (o object) group() bool { return o.class() == "groupOfNames" }

// target is where mail goes in cc:Mail. A group has none, so it is its address
// there.
func (o object) target() string {
	if !o.group() {
		return o.first("Target-Address")
	}
	for _, value := range o.values["othermailbox"] {
		if address, primary := strings.CutPrefix(value, "CCMAIL$"); primary {
			return "CCMAIL:" + address
		}
	}
	return ""
}

// adoptable reports whether the recipient is nobody's and could be made ours.
func (o object) adoptable() bool {
	taken := o.first("Extension-Attribute-15") != "" && o.key() == ""
	return o.alive() && o.class() == "Remote-Address" && o.imported() && o.first("Imported-From") == "" && !taken
}

func (o object) hidden() bool { return o.first("Hide-From-Address-Book") == "TRUE" }

// key is the link of a recipient to cc:Mail, empty when it has lost it.
func (o object) key() string {
	key := o.first("Extension-Attribute-15")
	for _, kind := range []string{"user:", "list:", "board:"} {
		if strings.HasPrefix(key, kind) {
			return key
		}
	}
	return ""
}

// addresses are all addresses of a recipient, TYPE:address in lower case.
func (o object) addresses() []string {
	all := []string{o.target()}
	for _, value := range o.values["othermailbox"] {
		all = append(all, strings.Replace(value, "$", ":", 1))
	}
	for typ, attribute := range map[string]string{"smtp:": "mail", "x400:": "textEncodedORAddress"} {
		if value := o.first(attribute); value != "" {
			all = append(all, typ+value)
		}
	}
	for i := range all {
		all[i] = strings.ToLower(all[i])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ours reports whether a row is one of Exchange's.
func ours(row postoffice.Entry) bool {
	return row.Location == postoffice.RemoteUser && homeOf(row) == "EXSITE1"
}

// homeOf is the post office of a user or alias.
func homeOf(row postoffice.Entry) string {
	if row.Address == "" {
		return "NORTHHUB"
	}
	home, _, _ := strings.Cut(row.Address, " ")
	return home
}

// look reads both sides.
func look(t rapid.TB, directory *exchange55.Directory, c cycle.Connector) sides {
	t.Helper()
	s := sides{objects: map[string]object{}, rows: map[string]postoffice.Entry{}, lists: map[string]postoffice.List{}, boards: map[string]string{}}
	records, err := exchange55.ReadLDIF(strings.NewReader(string(directory.Dump())), "dump")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		o := object{dn: r.DN, values: map[string][]string{}}
		for _, a := range r.Attributes {
			o.values[strings.ToLower(a.Name)] = a.Values
		}
		o.text = fmt.Sprintf("%q", slices.DeleteFunc(slices.Clone(r.Attributes), func(a exchange55.Attribute) bool {
			// A site shows the highest number of all that is below it.
			return a.Name == "USN-Changed" && slices.Contains(o.values["objectclass"], "organizationalUnit")
		}))
		o.core = fmt.Sprintf("%q", slices.DeleteFunc(slices.Clone(r.Attributes), func(a exchange55.Attribute) bool {
			stamps := []string{"member", "usn-changed", "usn-source", "object-version", "when-changed", "modifytimestamp"}
			return slices.Contains(stamps, strings.ToLower(a.Name))
		}))
		s.objects[strings.ToLower(r.DN)] = o
	}
	po, err := postoffice.Open(c.PostOffice.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range po.Entries() {
		s.rows[strings.ToLower(e.Name)] = e
	}
	for _, l := range po.Lists() {
		s.lists[strings.ToLower(l.Title)] = l
	}
	for _, b := range po.Boards() {
		s.boards[strings.ToLower(b)] = b
	}
	if err = po.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// lines are everything, a line each: what the connector must never touch, which
// is in Exchange all but its own recipients and what is left of them, and in
// cc:Mail all but Exchange's rows and their post office; and all else.
func (s sides) lines() (native, own map[string]string) {
	native, own = map[string]string{}, map[string]string{}
	for _, o := range s.objects {
		if o.ours() || o.imported() && !o.alive() {
			own["Exchange "+o.dn] = o.text
		} else {
			native["Exchange "+o.dn] = o.text
		}
	}
	for _, row := range s.rows {
		if ours(row) || row.Name == "EXSITE1" {
			own["cc:Mail "+row.Name] = fmt.Sprintf("%+v", row)
		} else {
			native["cc:Mail "+row.Name] = fmt.Sprintf("%+v", row)
		}
	}
	for _, l := range s.lists {
		native["list "+l.Title] = fmt.Sprintf("%q", l)
	}
	for _, b := range s.boards {
		native["board "+b] = ""
	}
	return native, own
}

// differences says what is unlike in two sets of lines.
func differences(before, after map[string]string) []string {
	var found []string
	for name, text := range before {
		if now, there := after[name]; !there {
			found = append(found, fmt.Sprintf("%s is gone: %s", name, text))
		} else if now != text {
			found = append(found, fmt.Sprintf("%s was %s and is %s", name, text, now))
		}
	}
	for name, text := range after {
		if _, there := before[name]; !there {
			found = append(found, fmt.Sprintf("%s is new: %s", name, text))
		}
	}
	slices.Sort(found)
	return found
}

// wantNativeSame requires that nothing has changed that is not the
// connector's.
func wantNativeSame(t rapid.TB, before, after sides) {
	t.Helper()
	former, _ := before.lines()
	now, _ := after.lines()
	for _, d := range differences(former, now) {
		t.Errorf("not the connector's, and touched: %s", d)
	}
}

// wantSame requires that nothing at all has changed.
func wantSame(t rapid.TB, before, after sides) {
	t.Helper()
	wantNativeSame(t, before, after)
	_, former := before.lines()
	_, now := after.lines()
	for _, d := range differences(former, now) {
		t.Errorf("changed: %s", d)
	}
}
