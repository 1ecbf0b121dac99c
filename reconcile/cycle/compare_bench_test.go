package cycle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// plannedEntries is the number of mailboxes and of users in [BenchmarkCompare].
const plannedEntries = 100_000

// BenchmarkCompare measures what a cycle does between the reads and the first
// write: the first load of either side, and a cycle that finds both in step.
func BenchmarkCompare(b *testing.B) {
	mailboxes, users := benchMailboxes(b, plannedEntries), benchUsers(plannedEntries)
	first := compareAll(b, mailboxes, users)
	for _, world := range []struct {
		name       string
		recipients []ldapsrc.Entry
		rows       []reconcile.Row
		writes     int
	}{
		{"first load of cc:Mail", mailboxes, nil, plannedEntries + 1},
		{"first load of Exchange", nil, users, plannedEntries + 1},
		{"no changes", slices.Concat(mailboxes, benchAdded(b, first)), slices.Concat(users, addedRows(first)), 0},
	} {
		b.Run(world.name, func(b *testing.B) {
			b.ReportAllocs()
			before := usedCPU(b)
			for b.Loop() {
				r := compareAll(b, world.recipients, world.rows)
				if n := r.report.Counts.ToCCMail.Writes() + r.report.Counts.ToExchange.Writes(); n != world.writes {
					b.Fatalf("%d changes, %d expected", n, world.writes)
				}
			}
			b.ReportMetric(float64((usedCPU(b)-before).Nanoseconds())/float64(b.N)/plannedEntries, "cpu-ns/entry")
		})
	}
}

// usedCPU is what this process has used so far.
func usedCPU(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// compareAll does what a cycle does after it has read these entries.
func compareAll(tb testing.TB, recipients []ldapsrc.Entry, rows []reconcile.Row) *run {
	tb.Helper()
	r, err := newRun(Synchronize(), benchConnector(tb), Trace{}, "")
	if err != nil {
		tb.Fatal(err)
	}
	r.recipients, r.rows = recipients, rows
	if err = r.findOwners(); err != nil {
		tb.Fatal(err)
	}
	if _, err = r.compare(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return r
}

const (
	benchRecipients = "cn=Recipients,ou=HQ,o=Contoso"
	benchImported   = "cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"
)

func benchConnector(tb testing.TB) Connector {
	tb.Helper()
	rules, err := mapping.Compile(mapping.Settings{SMTP: "%m@ccmail.example", X400: "c=US;a= ;p=Contoso;o=HQ;s=%m;"})
	if err != nil {
		tb.Fatal(err)
	}
	codePage, err := ccmail.CodePageByName("cp850")
	if err != nil {
		tb.Fatal(err)
	}
	return Connector{
		Name: "hq",
		Exchange: Exchange{
			Owner:  reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1", Sites: []string{"EXSITE1"}},
			Base:   "ou=HQ,o=Contoso",
			Export: &Export{Containers: []string{benchRecipients}, TrustLevel: 100},
			Import: &Import{Container: benchImported, KeyAttribute: "Extension-Attribute-15", Moves: reconcile.MoveInPlace},
		},
		PostOffice: ccmail.PostOffice{Name: "NORTHHUB", CodePage: codePage, Dialect: ccmail.Lotus()},
		Rules:      rules,
		Limits:     reconcile.Limits{Deletes: 500, DeletePercent: 20, ChangesPercent: 30, Floor: 10},
	}
}

// benchPeople are parts of names that occur more than once, also with letters
// beyond ASCII.
var benchPeople = struct{ first, last []string }{
	first: []string{"Marta", "Jürgen", "Ana", "Peter", "Zoë", "Li", "Sven", "Oksana", "Tom", "Ruth"},
	last:  []string{"Schmidt", "Müller", "O'Brien", "Novák", "Ng", "Eriksson", "da Silva", "Smith", "Jones", "Weber"},
}

func benchName(i int) (first, last string) {
	p := benchPeople
	return p.first[i%len(p.first)], fmt.Sprintf("%s%06d", p.last[i/len(p.first)%len(p.last)], i)
}

func benchMailboxes(tb testing.TB, n int) []ldapsrc.Entry {
	tb.Helper()
	mailboxes := make([]ldapsrc.Entry, n)
	for i := range mailboxes {
		first, last := benchName(i)
		alias := fmt.Sprintf("m%06d", i)
		mailboxes[i] = benchDecode(tb, "cn="+alias+","+benchRecipients, map[string][]string{
			"objectclass": {"organizationalPerson", "person", "Top"}, "rdn": {alias},
			"cn": {first + " " + last}, "uid": {alias}, "givenname": {first}, "sn": {last},
			"mail":                 {alias + "@contoso.example"},
			"textencodedoraddress": {"c=US;a= ;p=Contoso;o=HQ;s=" + alias + ";"},
			"othermailbox":         {"CCMAIL$" + last + ", " + first + " at EXSITE1", "MS$CONTOSO/HQ/" + alias},
			"usn-changed":          {fmt.Sprint(1000 + i)}, "department": {"Sales"}, "telephonenumber": {"+1 555 0100"},
		})
	}
	return mailboxes
}

func benchDecode(tb testing.TB, dn string, values map[string][]string) ldapsrc.Entry {
	tb.Helper()
	r, err := ldapsrc.Exchange55().Decode(dn, values)
	if err != nil {
		tb.Fatal(err)
	}
	return r.Entry
}

// benchUsers are the rows of users, and of the post offices where they are.
func benchUsers(n int) []reconcile.Row {
	const ofOffice = 500
	rows := []reconcile.Row{}
	for i := range n / ofOffice {
		rows = append(rows, reconcile.Row{Name: fmt.Sprintf("PO%04d", i), Location: "p", PostOffice: fmt.Sprintf("PO%04d", i)})
	}
	for i := range n {
		first, last := benchName(i)
		rows = append(rows, reconcile.Row{
			Name: last + "c, " + first, Location: "l", PostOffice: fmt.Sprintf("PO%04d", i/ofOffice), Comment: "Sales", Place: fmt.Sprintf("CCMDIR.EXP:%d", 4*i+1),
		})
	}
	return rows
}

// benchAdded are the custom recipients that a plan adds, as they are read back.
func benchAdded(tb testing.TB, r *run) []ldapsrc.Entry {
	tb.Helper()
	var added []ldapsrc.Entry
	for _, change := range r.report.Changes {
		values := map[string][]string{}
		for _, a := range change.Attributes {
			values[strings.ToLower(a.Name)] = a.Values
		}
		added = append(added, benchDecode(tb, change.DN, maps.Clone(values)))
	}
	return added
}

// addedRows are the rows that a plan adds, as they are read back.
func addedRows(r *run) []reconcile.Row {
	var added []reconcile.Row
	for _, s := range r.report.ToCCMail {
		added = append(added, *s.Row)
	}
	return added
}
