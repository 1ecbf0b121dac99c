package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

// A tree is an Exchange directory: the values of its entries by DN and by
// lower-case attribute. It does with requests what the server does.
type tree map[string]map[string][]string

func (d tree) clone() tree {
	c := tree{}
	for dn, values := range d {
		c[dn] = maps.Clone(values)
	}
	return c
}

func (d tree) apply(change ldapsrc.Change) error {
	entry, there := d[change.DN]
	switch change.Type {
	case ldapsrc.AddEntry:
		if there {
			return fmt.Errorf("add %s: it is there", change.DN)
		}
		entry = map[string][]string{}
		for _, a := range change.Attributes {
			entry[strings.ToLower(a.Name)] = slices.Clone(a.Values)
		}
		entry["objectclass"] = append(entry["objectclass"], "person") // as a server does
		d[change.DN] = entry
	case ldapsrc.DeleteEntry:
		if !there {
			return fmt.Errorf("delete %s: it is not there", change.DN)
		}
		delete(d, change.DN)
	case ldapsrc.ModifyEntry:
		if !there {
			return fmt.Errorf("modify %s: it is not there", change.DN)
		}
		for _, m := range change.Mods {
			name := strings.ToLower(m.Name)
			if m.Op == ldapsrc.DeleteValues && len(entry[name]) == 0 {
				return fmt.Errorf("modify %s: there is no %s to delete", change.DN, m.Name)
			}
			delete(entry, name)
			if m.Op == ldapsrc.ReplaceValues {
				entry[name] = slices.Clone(m.Values)
			}
		}
	}
	return nil
}

func (d tree) read(t rapid.TB) []ldapsrc.Recipient {
	t.Helper()
	var all []ldapsrc.Recipient
	for _, dn := range slices.Sorted(maps.Keys(d)) {
		r, err := ldapsrc.Exchange55().Decode(dn, maps.Clone(d[dn]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// differences are what a run changed in one entry, as it is recorded.
func differences(before, after map[string][]string) []reconcile.Change {
	var changes []reconcile.Change
	for _, name := range slices.Sorted(maps.Keys(maps.Collect(func(yield func(string, bool) bool) {
		for _, values := range []map[string][]string{before, after} {
			for name := range values {
				if !yield(name, true) {
					return
				}
			}
		}
	}))) {
		for _, v := range before[name] {
			if !slices.Contains(after[name], v) {
				changes = append(changes, reconcile.Change{Attr: name, Old: v})
			}
		}
		for _, v := range after[name] {
			if !slices.Contains(before[name], v) {
				changes = append(changes, reconcile.Change{Attr: name, New: v})
			}
		}
	}
	return changes
}

const importContainer = "cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"

// A directoryRun is one run toward Exchange.
type directoryRun struct {
	rules  Rules
	input  reconcile.ExchangeInput
	rows   []reconcile.Row
	lists  []ccmail.List
	former string // a former import container
}

// plan makes the plan of the run.
func (r directoryRun) plan(t rapid.TB, d tree) reconcile.Side {
	t.Helper()
	result := r.rules.Import(r.rows, r.lists, nil, ImportScope{Connector: "hq", Container: importContainer})
	in := r.input
	in.Owner, in.Wanted, in.Excluded, in.Refused = "hq", result.Wanted, result.Excluded, result.Refused
	var others []reconcile.Recipient
	in.Others = func() []reconcile.Recipient { return others }
	for _, recipient := range d.read(t) {
		model := Present(&recipient, known)
		switch {
		case recipient.Class == ldapsrc.CustomRecipient && ldapsrc.DNWithin(recipient.DN, importContainer):
			in.Present = append(in.Present, model)
		case recipient.Class == ldapsrc.CustomRecipient && r.former != "" && ldapsrc.DNWithin(recipient.DN, r.former):
			in.Former = append(in.Former, model)
		default:
			others = append(others, model)
		}
	}
	return reconcile.PlanExchange(in)
}

// requests are those of a step of the run.
func (directoryRun) requests(t rapid.TB, d tree, s reconcile.Step) []ldapsrc.Change {
	t.Helper()
	profile := ldapsrc.Exchange55()
	switch s.Op {
	case reconcile.Add:
		change, err := profile.Add(ToLDAP(*s.After, keyAttribute))
		if err != nil {
			t.Fatal(err)
		}
		return []ldapsrc.Change{change}
	case reconcile.Delete:
		return []ldapsrc.Change{profile.Delete(s.DN)}
	case reconcile.Modify, reconcile.Adopt, reconcile.Hide:
		before := tree{s.DN: d[s.DN]}.read(t)[0]
		return profile.Modify(before, Update(before, *s.After, keyAttribute))
	case reconcile.Keep, reconcile.Replace, reconcile.Refuse, reconcile.Hold:
	}
	return nil
}

// carryOut makes the requests of a side and returns its steps as they are
// recorded. A step that fails says so for all that need it.
func carryOut(t rapid.TB, d tree, side reconcile.Side, requests func(reconcile.Step) []ldapsrc.Change, fails func(reconcile.Step) bool) []reconcile.Step {
	t.Helper()
	done := map[string]bool{}
	recorded := slices.Clone(side.Steps)
	for i := range recorded {
		s := &recorded[i]
		if !s.Op.Writes() {
			continue
		}
		if slices.ContainsFunc(s.Needs, func(dn string) bool { return !done[dn] }) {
			s.Outcome = reconcile.Held
			continue
		}
		before, after := d[s.DN], d.clone()
		changes := requests(*s)
		for _, change := range changes {
			if err := after.apply(change); err != nil {
				t.Fatal(err)
			}
		}
		s.Changes = differences(before, after[s.DN])
		s.Before, s.After, s.Needs = nil, nil, nil // the record does not have them
		if fails(*s) {
			continue
		}
		for _, change := range changes {
			if err := d.apply(change); err != nil {
				t.Fatal(err)
			}
		}
		s.Outcome, done[s.DN] = reconcile.Done, true
	}
	return recorded
}

func never(reconcile.Step) bool { return false }

// takeBack plans to take recorded steps back and carries that out.
func takeBack(t rapid.TB, d tree, recorded []reconcile.Step) reconcile.Side {
	t.Helper()
	side := Undo(UndoInput{
		Steps: recorded, Recipients: d.read(t), Profile: ldapsrc.Exchange55(), Link: known,
		Connector: "hq", FormerConnectors: []string{"branch"},
	})
	done := carryOut(t, d, side, func(s reconcile.Step) []ldapsrc.Change {
		changes, err := UndoRequests(ldapsrc.Exchange55(), s)
		if err != nil {
			t.Fatal(err)
		}
		return changes
	}, never)
	for _, s := range done {
		if s.Outcome == reconcile.Held {
			t.Errorf("%s %s needs what no step above it gives", s.Op, s.Subject())
		}
	}
	return side
}

// sameTree compares two directories; values have no order.
func sameTree(want, got tree) string {
	sorted := func(d tree) map[string]map[string][]string {
		all := map[string]map[string][]string{}
		for dn, values := range d {
			all[dn] = map[string][]string{}
			for name, v := range values {
				if len(v) > 0 {
					all[dn][name] = slices.Sorted(slices.Values(v))
				}
			}
		}
		return all
	}
	return cmp.Diff(sorted(want), sorted(got))
}

var (
	somePeople  = []string{"Quist, Marta", "Quist, Mart", "Marta Quist", "Ek, Per", "EK, PER", "Roe, Jane R."}
	someOffices = []string{"NORTHHUB", "SOUTHHUB"}
)

func somePostOffice(t *rapid.T) (rows []reconcile.Row, lists []ccmail.List) {
	rows = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) reconcile.Row {
		return reconcile.Row{
			Name: rapid.SampledFrom(somePeople).Draw(t, "name"), Location: "L",
			PostOffice: rapid.SampledFrom(someOffices).Draw(t, "post office"),
			Comment:    rapid.SampledFrom([]string{"", "Room 12"}).Draw(t, "comment"),
		}
	}), 0, 5, func(r reconcile.Row) string { return reconcile.Fold(r.Name) }).Draw(t, "rows")
	for _, title := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"Sales", "Social"}), 0, 2, rapid.ID).Draw(t, "lists") {
		lists = append(lists, ccmail.List{Title: title})
	}
	return rows, lists
}

// someRun draws a run, and the directory that it finds: what earlier runs made,
// a mailbox, and what administrators did by hand.
func someRun(t *rapid.T) (directoryRun, tree) {
	rules, err := Compile(Settings{
		SMTP: "%m@ccmail.contoso.example", X400: "c=US;a= ;p=Contoso;o=HQ;s=%m;",
		SecondaryProxy: rapid.Bool().Draw(t, "secondary proxy"),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := tree{"cn=mq,cn=Recipients,ou=HQ,o=Contoso": {
		"objectclass": {"organizationalPerson"}, "cn": {"Marta Quist"}, "uid": {"MartaQ"}, "mail": {"marta@contoso.example"},
	}}
	earlier := directoryRun{rules: rules}
	earlier.rows, earlier.lists = somePostOffice(t)
	carryOut(t, d, earlier.plan(t, d), func(s reconcile.Step) []ldapsrc.Change { return earlier.requests(t, d, s) }, never)
	for _, dn := range slices.Sorted(maps.Keys(d)) {
		someEdit(t, d, dn)
	}
	run := directoryRun{rules: rules, input: reconcile.ExchangeInput{
		Moves:        rapid.SampledFrom([]reconcile.Moves{reconcile.MoveInPlace, reconcile.MoveRecreate}).Draw(t, "moves"),
		Adopt:        true,
		FormerOwners: []string{"branch"},
		Grace:        reconcile.Grace{Period: rapid.SampledFrom([]reconcile.Grace{{}, {Period: 1}}).Draw(t, "grace").Period},
		Renew:        map[string]bool{"user:ek, per": rapid.Bool().Draw(t, "renew")},
	}}
	run.rows, run.lists = somePostOffice(t)
	return run, d
}

// someEdit does to an entry what an administrator may do between two runs.
func someEdit(t *rapid.T, d tree, dn string) {
	switch rapid.IntRange(0, 9).Draw(t, "edit") {
	case 0:
		d[dn]["title"], d[dn]["replication-sensitivity"] = []string{"Dr."}, []string{"50"}
	case 1:
		d[dn]["othermailbox"] = append(d[dn]["othermailbox"], "smtp$also."+d[dn]["uid"][0]+"@contoso.example", "no address")
	case 2:
		delete(d[dn], "extension-attribute-15")
		d[dn]["imported-from"] = []string{"branch"}
	case 3:
		delete(d[dn], "imported-from")
		delete(d[dn], "extension-attribute-15")
	case 4:
		d[dn]["hide-from-address-book"], d[dn]["info"] = []string{"FALSE"}, []string{"by hand"}
	case 5:
		d[dn]["mail"] = []string{"by.hand." + d[dn]["uid"][0] + "@contoso.example"}
	case 6: // the import container was another one then
		if strings.Contains(dn, "ccMail") {
			d[strings.Replace(dn, "cn=ccMail", "cn=Old", 1)] = d[dn]
			delete(d, dn)
		}
	}
}

// What a run did is taken back to the last value, also when it is not recorded
// of each step whether it was carried out; doing so again changes nothing.
func TestUndo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		run, d := someRun(t)
		run.former = "cn=Old,cn=Recipients,ou=HQ,o=Contoso"
		before := d.clone()
		recorded := carryOut(t, d, run.plan(t, d), func(s reconcile.Step) []ldapsrc.Change { return run.requests(t, d, s) },
			func(reconcile.Step) bool { return rapid.IntRange(0, 4).Draw(t, "fails") == 0 })
		for i := range recorded {
			if recorded[i].Outcome == reconcile.Done && rapid.IntRange(0, 4).Draw(t, "answer lost") == 0 {
				recorded[i].Outcome = rapid.SampledFrom([]reconcile.Outcome{"", reconcile.Failed}).Draw(t, "outcome")
			}
		}
		side := takeBack(t, d, recorded)
		if diff := sameTree(before, d); diff != "" {
			t.Errorf("after the run was taken back (-before the run +now):\n%s", diff)
		}
		for _, s := range side.Steps {
			if !s.Op.Writes() {
				t.Errorf("%s %s: %s", s.Op, s.Subject(), s.Reason)
			}
		}
		for _, s := range takeBack(t, d, recorded).Steps {
			if s.Op != reconcile.Refuse {
				t.Errorf("taken back again: %s %s: %s", s.Op, s.Subject(), s.Reason)
			}
		}
	})
}

// What others changed in the meantime, and the run did not, stays.
func TestUndoTouchesItsOwnValuesOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		run, d := someRun(t)
		want := d.clone()
		recorded := carryOut(t, d, run.plan(t, d), func(s reconcile.Step) []ldapsrc.Change { return run.requests(t, d, s) }, never)
		for _, dn := range slices.Sorted(maps.Keys(d)) {
			if !rapid.Bool().Draw(t, "edited") {
				continue
			}
			d[dn]["telephonenumber"] = []string{"42"}
			d[dn]["othermailbox"] = append(slices.Clone(d[dn]["othermailbox"]), "ms$LATER/"+dn)
			if !slices.ContainsFunc(recorded, func(s reconcile.Step) bool { return s.DN == dn && s.Op == reconcile.Add }) {
				want[dn]["telephonenumber"] = []string{"42"}
				want[dn]["othermailbox"] = append(slices.Clone(want[dn]["othermailbox"]), "ms$LATER/"+dn)
			}
		}
		takeBack(t, d, recorded)
		if diff := sameTree(want, d); diff != "" {
			t.Errorf("after the run was taken back (-before the run +now):\n%s", diff)
		}
	})
}

// Whatever has moved on is left alone, entry by entry, and the reason says what
// it is.
func TestUndoRefuses(t *testing.T) {
	t.Parallel()
	const (
		added   = "cn=CC11,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"
		changed = "cn=CC22,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"
		deleted = "cn=CC33,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"
		moved   = "cn=CC44,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"
		mailbox = "cn=mq,cn=Recipients,ou=HQ,o=Contoso"
	)
	entry := func(n, postOffice string) map[string][]string {
		return map[string][]string{
			"objectclass": {"Remote-Address"}, "rdn": {"CC" + n}, "cn": {"Name " + n}, "uid": {"Alias" + n}, "info": {"Room " + n},
			"target-address": {"CCMAIL:Name " + n + " at " + postOffice}, "othermailbox": {"CCMAIL$Name " + n + " at " + postOffice},
			"imported-from": {"hq"}, "extension-attribute-15": {"user:name " + n},
		}
	}
	step := func(op reconcile.Op, dn, key string, before, after map[string][]string) reconcile.Step {
		return reconcile.Step{Op: op, Kind: reconcile.User, Name: key, DN: dn, Key: key, Reason: "a reason", Changes: differences(before, after), Outcome: reconcile.Done}
	}
	recorded := []reconcile.Step{
		step(reconcile.Delete, deleted, "user:name 33", entry("33", "PO1"), nil),
		step(reconcile.Delete, moved, "user:name 44", entry("44", "PO1"), nil),
		step(reconcile.Modify, changed, "user:name 22", entry("22", "PO1"), entry("22", "PO2")),
		step(reconcile.Add, added, "user:name 11", nil, entry("11", "PO1")),
		step(reconcile.Add, moved, "user:name 44", nil, entry("44", "PO2")),
	}
	for _, test := range []struct {
		reason string
		edit   func(tree)
		want   map[string]string // by DN
	}{
		{"nothing has moved on", func(tree) {}, nil},
		{"the value that was written is another one now", func(d tree) {
			d[added]["info"] = []string{"Room 7"}
			d[changed]["target-address"] = []string{"CCMAIL:by hand"}
		}, map[string]string{
			added:   `changed since: info is "Room 7" now, the run wrote "Room 11"`,
			changed: `changed since: target-address is "CCMAIL:by hand" now, the run wrote "CCMAIL:Name 22 at PO2"`,
		}},
		{"the value that went is back", func(d tree) {
			d[changed]["othermailbox"] = append(d[changed]["othermailbox"], "CCMAIL$Name 22 at PO1")
		}, map[string]string{
			changed: `changed since: othermailbox is "CCMAIL$Name 22 at PO2", "CCMAIL$Name 22 at PO1" now, the run took "CCMAIL$Name 22 at PO1" away`,
		}},
		{"the entry is gone, or another's", func(d tree) {
			delete(d, added)
			d[changed]["imported-from"] = []string{"other"}
		}, map[string]string{
			added:   "changed since: it is not there any more",
			changed: "changed since: it is not ours any more",
		}},
		{"it became a mailbox", func(d tree) {
			d[added]["objectclass"] = []string{"organizationalPerson"}
		}, map[string]string{added: "changed since: it is not ours any more"}},
		{"an address that went is another's now", func(d tree) {
			d[mailbox]["othermailbox"] = []string{"ccmail$Name 22 at PO1", "ccmail$name 33 at PO1"}
		}, map[string]string{
			changed: `the address "ccmail:name 22 at po1" is held by ` + mailbox,
			deleted: `the address "ccmail:name 33 at po1" is held by ` + mailbox,
		}},
		{"the alias is another's now", func(d tree) { d[mailbox]["uid"] = []string{"ALIAS33"} }, map[string]string{
			deleted: `the alias "alias33" is held by ` + mailbox,
		}},
		{"the directory name is another's now", func(d tree) { d[deleted] = entry("55", "PO1") }, map[string]string{
			deleted: "its directory name is held by " + deleted,
		}},
		{"what was deleted for a move cannot come back, so what was added for it stays", func(d tree) {
			d[mailbox]["othermailbox"] = []string{"ccmail$Name 44 at PO1"}
		}, map[string]string{
			moved: `what was deleted for it cannot come back: the address "ccmail:name 44 at po1" is held by ` + mailbox,
		}},
		{"what was added for a move stays, so nothing else comes back", func(d tree) { d[moved]["info"] = nil }, map[string]string{
			moved: `changed since: info is empty now, the run wrote "Room 44"`,
		}},
	} {
		d := tree{
			mailbox: {"objectclass": {"organizationalPerson"}, "rdn": {"mq"}, "uid": {"mq"}},
			added:   entry("11", "PO1"), changed: entry("22", "PO2"), moved: entry("44", "PO2"),
		}
		test.edit(d)
		before := d.clone()
		side := takeBack(t, d, recorded)
		reasons := map[string]string{}
		for _, s := range side.Steps {
			if s.Op == reconcile.Refuse && (reasons[s.DN] == "" || strings.HasPrefix(s.Reason, "what was deleted") || strings.HasPrefix(s.Reason, "changed since")) {
				reasons[s.DN] = s.Reason
			}
		}
		if diff := cmp.Diff(test.want, reasons, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
		for dn := range reasons {
			if diff := sameTree(tree{dn: before[dn]}, tree{dn: d[dn]}); diff != "" {
				t.Errorf("%s: %s is refused and changes (-before +after):\n%s", test.reason, dn, diff)
			}
		}
	}
}

// A delete that was recorded without values cannot be taken back, and a step of
// which nobody knows whether it was carried out only when it looks like that.
func TestUndoOfWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	const dn = "cn=CC11,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"
	values := map[string][]string{"objectclass": {"Remote-Address"}, "info": {"by hand"}, "imported-from": {"hq"}}
	change := []reconcile.Change{{Attr: "info", Old: "old", New: "new"}}
	for _, test := range []struct {
		step reconcile.Step
		want string
	}{
		{reconcile.Step{Op: reconcile.Delete, Outcome: reconcile.Done}, "the values that it had were not recorded"},
		{reconcile.Step{Op: reconcile.Modify, Changes: change}, `it is not known whether the run did this, and changed since: info is "by hand" now, the run wrote "new"`},
		{reconcile.Step{Op: reconcile.Modify, Changes: change, Outcome: reconcile.Failed}, `it is not known whether the run did this, and changed since: info is "by hand" now, the run wrote "new"`},
		{reconcile.Step{Op: reconcile.Modify, Changes: change, Outcome: reconcile.Held}, ""},
		{reconcile.Step{Op: reconcile.Hold, Changes: change}, ""},
	} {
		test.step.DN, test.step.Kind = dn, reconcile.User
		got := ""
		for _, s := range takeBack(t, tree{dn: values}, []reconcile.Step{test.step}).Steps {
			got += s.Reason
		}
		if got != test.want {
			t.Errorf("%s with the outcome %q: %q, want %q", test.step.Op, test.step.Outcome, got, test.want)
		}
	}
}
