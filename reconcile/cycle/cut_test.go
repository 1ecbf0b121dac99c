package cycle_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// Tests of a side that goes away, or that answers with less than there is.

// every returns n in a full test and more, so that fewer cases are tried, in a
// short one.
func every(short int) int {
	if torture() {
		return 1
	}
	return short
}

// A directory that ends the connection at any request ends the cycle; during
// the reading nothing is written. The next run brings both sides to where an
// undisturbed one does, and then there is nothing to do.
func TestDirectoryCutOff(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T) (*exchange55.Directory, cycle.Connector){"first run": world, "changes": changedWorld} {
		undisturbed, c := prepare(t)
		if _, err := cycle.Run(t.Context(), c, cycle.Trace{}); err != nil {
			t.Fatal(err)
		}
		want := content(t, undisturbed, c)
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, carried out %v", name, late), func(t *testing.T) {
				t.Parallel()
				n := 1
				for cut := true; cut; n += every(4) {
					directory, c := prepare(t)
					cut = cutOff(t, directory, c, exchange55.Faults{CutAt: n, CutLate: late})
					if got := content(t, directory, c); got != want {
						t.Errorf("cut at request %d: (-undisturbed +now)\n%s", n, cmp.Diff(want, got))
					}
				}
				if n < 10 {
					t.Errorf("the cycle was whole with %d requests", n)
				}
			})
		}
	}
}

// cutOff carries out a cycle with faults, requires that it wrote nothing if it
// came to no plan, and has the next two carry on and find nothing to do. It
// reports whether the first cycle was cut.
func cutOff(t *testing.T, directory *exchange55.Directory, c cycle.Connector, faults exchange55.Faults) (cut bool) {
	t.Helper()
	before := look(t, directory, c)
	directory.SetFaults(faults)
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	directory.SetFaults(exchange55.Faults{})
	var guard *cycle.GuardError
	switch {
	case err == nil:
		return false
	case errors.As(err, &guard), !strings.Contains(err.Error(), directory.URL()):
		t.Errorf("%+v: %v", faults, err)
	case report.ID == "":
		wantSame(t, before, look(t, directory, c))
	}
	for _, work := range []string{"what is left", "nothing"} {
		before = look(t, directory, c)
		report, err = cycle.Run(t.Context(), c, cycle.Trace{})
		if err != nil || report.Failed() || report.Open() {
			t.Errorf("%+v, then %s to do: %v\n%s", faults, work, err, inWords(report))
		}
	}
	if report.Writes() {
		t.Errorf("%+v: the second cycle after it still has something to do:\n%s", faults, inWords(report))
	}
	wantSame(t, before, look(t, directory, c))
	return true
}

// changedWorld is a world in step in which things were then changed.
func changedWorld(t *testing.T) (*exchange55.Directory, cycle.Connector) {
	t.Helper()
	directory, c := world(t)
	if _, err := cycle.Run(t.Context(), c, cycle.Trace{}); err != nil {
		t.Fatal(err)
	}
	edit(t, c, func(po *postoffice.PostOffice) error {
		return errors.Join(po.Delete("Goner, Gil"), po.Add(postoffice.Entry{Name: "Newman, Nina", Location: "L"}),
			po.Move("Lindström, Åsa", "SOUTHPO"), po.AddBoard("News"), po.Delete("Quist, Marta"),
			po.Add(postoffice.Entry{Name: "Quist, Marta", Location: "r", Address: "EXSITE1 Somebody Else"}))
	})
	err := directory.Apply([]exchange55.ChangeRecord{{DN: "cn=leaver," + recipients, Type: exchange55.Delete}})
	if err != nil {
		t.Fatal(err)
	}
	return directory, c
}

// content is what people and programs have written on both sides.
func content(t *testing.T, directory *exchange55.Directory, c cycle.Connector) string {
	t.Helper()
	var text strings.Builder
	text.Write(directory.DumpContent())
	edit(t, c, func(po *postoffice.PostOffice) error {
		fmt.Fprintf(&text, "%+v\n%+v\n%q\n", po.Entries(), po.Lists(), po.Boards())
		return nil
	})
	return text.String()
}

// An answer that breaks off is no answer, wherever it does.
func TestAnswerCutOff(t *testing.T) {
	t.Parallel()
	entries := 1
	for cut := true; cut; entries++ {
		directory, c := changedWorld(t)
		c.Server.PageSize = 100
		cut = cutOff(t, directory, c, exchange55.Faults{DropAfter: entries})
	}
	if entries < 6 {
		t.Errorf("the answer had no more than %d entries", entries)
	}
}

// population is how many entries are in a world beside those of the seeds.
type population struct{ mailboxes, users, lists, boards int }

// many is more of everything than the floor of the limits.
var many = population{mailboxes: 30, users: 30, lists: 14, boards: 14}

// populated is a world in step with many entries, and a ledger that knows it.
func populated(t *testing.T, n population) (*exchange55.Directory, cycle.Connector) {
	t.Helper()
	directory, c := world(t)
	var changes []exchange55.ChangeRecord
	for i := range n.mailboxes {
		changes = append(changes, mailbox(fmt.Sprintf("m%02d", i), fmt.Sprintf("Mailbox, M%02d", i)))
	}
	if err := directory.Apply(changes); err != nil {
		t.Fatal(err)
	}
	edit(t, c, n.settle("User"))
	c.Server.PageSize = 100
	c.Recording = cycle.Recording{Ledger: ledgerOf(t, c), Now: clock()}
	for range 2 { // the export of the second has all that the first brought over
		if report, err := cycle.Run(t.Context(), c, cycle.Trace{}); err != nil || report.Failed() || report.Open() {
			t.Fatalf("%v\n%s", err, inWords(report))
		}
	}
	return directory, c
}

func mailbox(directoryName, name string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: "cn=" + directoryName + "," + recipients, Type: exchange55.Add, Attributes: []exchange55.Attribute{
		{Name: "objectClass", Values: []string{"organizationalPerson"}},
		{Name: "cn", Values: []string{name}},
		{Name: "uid", Values: []string{directoryName}},
		{Name: "otherMailbox", Values: []string{"CCMAIL$" + name + " at EXSITE1"}},
		{Name: "mailPreferenceOption", Values: []string{"0"}},
	}}
}

// settle adds cc:Mail's part of the population; the names begin with a word.
func (n population) settle(word string) func(*postoffice.PostOffice) error {
	return func(po *postoffice.PostOffice) (err error) {
		for i := range n.users {
			err = errors.Join(err, po.Add(postoffice.Entry{Name: fmt.Sprintf("%s, U%02d", word, i), Location: "L"}))
		}
		for i := range n.lists {
			err = errors.Join(err, po.AddList(postoffice.List{Title: fmt.Sprintf("%s List %02d", word, i)}))
		}
		for i := range n.boards {
			err = errors.Join(err, po.AddBoard(fmt.Sprintf("%s Board %02d", word, i)))
		}
		return err
	}
}

// A side that answers with success, and with less than there is, deletes
// nothing: the read is refused, or a guard stops the plan.
func TestSuccessWithLess(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(*testing.T, *exchange55.Directory, cycle.Connector)
	}{
		{"the directory has nothing", func(_ *testing.T, d *exchange55.Directory, _ cycle.Connector) {
			d.SetFaults(exchange55.Faults{Nothing: true})
		}},
		{"all recipients are hidden", hiding(func(int, object) bool { return true })},
		{"all of Exchange's recipients are hidden", hiding(func(_ int, o object) bool { return !o.ours() })},
		{"half of Exchange's recipients are hidden", hiding(func(i int, o object) bool { return !o.ours() && i%2 == 0 })},
		{"half of all recipients are hidden", hiding(func(i int, _ object) bool { return i%2 == 0 })},
		{"half of the imported recipients are hidden", hiding(func(i int, o object) bool { return o.ours() && i%2 == 0 })},
		{"the directory file is empty", emptyExport(postoffice.TaskDirectory)},
		{"the lists file is empty", emptyExport(postoffice.TaskLists)},
		{"the boards file is empty", emptyExport(postoffice.TaskBoards)},
		{"all files are empty", emptyExport("")},
		{"the post office is locked", postOfficeFile(postoffice.LockFile)},
		{"the post office is shut down", postOfficeFile(postoffice.DownFile)},
		{"the post office is another one", anotherPostOffice(many)},
		{"the post office is a new one", anotherPostOffice(population{})},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			directory, c := populated(t, many)
			before, kept := look(t, directory, c), keepPostOffice(t, c)
			test.spoil(t, directory, c)
			wrong := keepPostOffice(t, c)
			for range 2 { // a second time it is no more believed
				report, err := cycle.Run(t.Context(), c, cycle.Trace{})
				if err == nil && !report.Failed() {
					t.Errorf("the run is %s:\n%s", report.State, inWords(report))
				}
			}
			if now := keepPostOffice(t, c); withoutFaults(now) != withoutFaults(wrong) {
				t.Errorf("the post office (-before +now):\n%s", cmp.Diff(wrong, now))
			}
			directory.SetFaults(exchange55.Faults{})
			repair(t, c, kept)
			wantSame(t, before, look(t, directory, c))

			report, err := cycle.Run(t.Context(), c, cycle.Trace{})
			if err != nil || report.Writes() || report.Open() {
				t.Errorf("when all is well again: %v\n%s", err, inWords(report))
			}
		})
	}
}

// hiding keeps recipients out of searches. They are numbered in the order of
// their names.
func hiding(which func(int, object) bool) func(*testing.T, *exchange55.Directory, cycle.Connector) {
	return func(t *testing.T, d *exchange55.Directory, c cycle.Connector) {
		t.Helper()
		objects := look(t, d, c).objects
		var hidden []string
		i := 0
		for _, dn := range slices.Sorted(maps.Keys(objects)) {
			if o := objects[dn]; o.class() != "" {
				if i++; which(i, o) {
					hidden = append(hidden, o.dn)
				}
			}
		}
		d.SetFaults(exchange55.Faults{Hide: hidden})
	}
}

func emptyExport(task postoffice.Task) func(*testing.T, *exchange55.Directory, cycle.Connector) {
	return func(t *testing.T, _ *exchange55.Directory, c cycle.Connector) {
		t.Helper()
		edit(t, c, func(po *postoffice.PostOffice) error {
			return po.AddFault(postoffice.Fault{Program: "export", Task: task, Output: postoffice.EmptyOutput, Times: 10})
		})
	}
}

func postOfficeFile(name string) func(*testing.T, *exchange55.Directory, cycle.Connector) {
	return func(t *testing.T, _ *exchange55.Directory, c cycle.Connector) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(c.PostOffice.Path, name), []byte("by an administrator"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// anotherPostOffice puts a post office of the same name and password in the
// place of the connector's.
func anotherPostOffice(n population) func(*testing.T, *exchange55.Directory, cycle.Connector) {
	return func(t *testing.T, _ *exchange55.Directory, c cycle.Connector) {
		t.Helper()
		if err := os.RemoveAll(c.PostOffice.Path); err != nil {
			t.Fatal(err)
		}
		po, err := postoffice.Create(c.PostOffice.Path, postoffice.Settings{Name: "NORTHHUB", Password: password, CodePage: "cp850"})
		if err != nil {
			t.Fatal(err)
		}
		if err = errors.Join(n.settle("Stranger")(po), po.Save(), po.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// keepPostOffice returns the data of the post office.
func keepPostOffice(t *testing.T, c cycle.Connector) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.PostOffice.Path, postoffice.DataFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withoutFaults is the data of a post office without the faults at its end,
// which runs use up.
func withoutFaults(data string) string {
	data, _, _ = strings.Cut(data, ",\n  \"faults\": ")
	return strings.TrimSuffix(data, "\n}\n")
}

// repair gives the post office its data back and lets programs in.
func repair(t *testing.T, c cycle.Connector, data string) {
	t.Helper()
	for name, content := range map[string]string{postoffice.DataFile: data, postoffice.LockFile: ""} {
		if err := os.WriteFile(filepath.Join(c.PostOffice.Path, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(c.PostOffice.Path, postoffice.DownFile)); err != nil {
		t.Fatal(err)
	}
}

// An export that is cut within an entry is refused, wherever that is.
func TestExportCutWithinEntries(t *testing.T) {
	t.Parallel()
	directory, c := populated(t, many)
	before := look(t, directory, c)
	for task, file := range exportFiles(t, c) {
		ends := entryEnds(file)
		for keep := 1; keep < len(file); keep += max(every(len(file)/8+1), 7) {
			if ends[keep] {
				continue
			}
			if report, err := cutExport(t, c, task, keep); err == nil || report.ID != "" {
				t.Errorf("%s cut after %d bytes, %q: %v\n%s", task, keep, file[:keep][max(0, keep-20):], err, inWords(report))
			}
		}
	}
	wantSame(t, before, look(t, directory, c))
}

// exportFiles are the three files of the last cycle.
func exportFiles(t *testing.T, c cycle.Connector) map[postoffice.Task]string {
	t.Helper()
	files := map[postoffice.Task]string{}
	for task, name := range map[postoffice.Task]string{
		postoffice.TaskDirectory: "CCMDIR.EXP", postoffice.TaskLists: "CCMLIST.EXP", postoffice.TaskBoards: "CCMBB.EXP",
	} {
		data, err := os.ReadFile(filepath.Join(c.Store.ExportFolder(), name))
		if err != nil {
			t.Fatal(err)
		}
		files[task] = string(data)
	}
	return files
}

// entryEnds are the lengths at which a file ends with a whole entry: with its
// last line, of which one byte may be missing. At these nothing in the file
// tells that it was cut.
func entryEnds(file string) map[int]bool {
	ends := map[int]bool{0: true}
	for i := range file {
		if next := file[i+1:]; file[i] == '\n' && (next == "" || strings.HasPrefix(next, "Name:")) {
			ends[i], ends[i+1] = true, true
		}
	}
	return ends
}

// cutExport runs a cycle whose export of one kind is cut.
func cutExport(t *testing.T, c cycle.Connector, task postoffice.Task, keep int) (cycle.Report, error) {
	t.Helper()
	edit(t, c, func(po *postoffice.PostOffice) error {
		return po.AddFault(postoffice.Fault{Program: "export", Task: task, Output: postoffice.CutOutput, Keep: keep, Times: 1})
	})
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	edit(t, c, func(po *postoffice.PostOffice) error {
		po.ClearFaults()
		return nil
	})
	return report, err
}

// An export that is cut between two entries cannot be told from a whole one:
// the guards stop the plan as soon as more is missing than the floor.
func TestExportCutBetweenEntries(t *testing.T) {
	t.Parallel()
	directory, c := populated(t, many)
	before := look(t, directory, c)
	for task, file := range exportFiles(t, c) {
		tried := 0
		for _, keep := range slices.Sorted(maps.Keys(entryEnds(file))) {
			if missing(task, file[keep:]) <= c.Limits.Floor {
				continue
			}
			if tried++; tried%every(5) != 0 {
				continue
			}
			report, err := cutExport(t, c, task, keep)
			var guard *cycle.GuardError
			if !errors.As(err, &guard) && !errors.Is(err, ccmail.ErrNoRecords) {
				t.Errorf("%s cut after %d bytes: %v\n%s", task, keep, err, inWords(report))
			}
		}
		if tried < 5 {
			t.Errorf("only %d cuts of the %s file", tried, task)
		}
	}
	wantSame(t, before, look(t, directory, c))
}

// missing counts cc:Mail's own entries in the end of a file.
func missing(task postoffice.Task, end string) int {
	if task == postoffice.TaskDirectory {
		return strings.Count(end, "Locn: L")
	}
	return strings.Count(end, "Name:")
}

// A connection that is lost while many entries are written, at whatever request
// and whether that was carried out or not, is opened again: the cycle leaves
// what an undisturbed one does, and its report says so.
func TestConnectionLostWhileWriting(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*testing.T) (*exchange55.Directory, cycle.Connector){"first run": crowd, "changes": changedCrowd} {
		undisturbed, c := prepare(t)
		report, err := cycle.Run(t.Context(), c, cycle.Trace{})
		if err != nil {
			t.Fatal(err)
		}
		want, said := content(t, undisturbed, c), inWords(report)
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, carried out %v", name, late), func(t *testing.T) {
				t.Parallel()
				writes := report.Counts.ToExchange.Writes()
				for n := 1; n <= writes+2; n += every(5) {
					directory, c := prepare(t)
					c.Server.Connections, c.Server.Retry = 2, ldapsrc.Retry{Times: 2, Backoff: time.Millisecond}
					c.Recording = cycle.Recording{Ledger: ledgerOf(t, c), Now: clock()}
					report, err := cycle.Run(t.Context(), c, cycle.Trace{StepStarts: func(number int, _ string) {
						if number == 9 {
							directory.SetFaults(exchange55.Faults{CutAt: n, CutLate: late})
						}
					}})
					if err != nil || content(t, directory, c) != want {
						t.Errorf("cut at request %d: %v (-undisturbed +now)\n%s", n, err, cmp.Diff(want, content(t, directory, c)))
					}
					report.Run, report.State = 0, ""
					if diff := cmp.Diff(said, inWords(report)); diff != "" {
						t.Errorf("cut at request %d: the report (-undisturbed +now)\n%s", n, diff)
					}
				}
			})
		}
	}
}

// crowd is a world with more entries than are written at the same time.
func crowd(t *testing.T) (*exchange55.Directory, cycle.Connector) {
	t.Helper()
	directory, c := world(t)
	c.Limits = unlimited
	edit(t, c, population{users: 12, lists: 3, boards: 3}.settle("User"))
	return directory, c
}

// changedCrowd is a crowd in step in which many things were then changed.
func changedCrowd(t *testing.T) (*exchange55.Directory, cycle.Connector) {
	t.Helper()
	directory, c := crowd(t)
	if _, err := cycle.Run(t.Context(), c, cycle.Trace{}); err != nil {
		t.Fatal(err)
	}
	edit(t, c, func(po *postoffice.PostOffice) (err error) {
		for i := range 12 {
			name := fmt.Sprintf("User, U%02d", i)
			switch i % 3 {
			case 0:
				err = errors.Join(err, po.Delete(name), po.Add(postoffice.Entry{Name: fmt.Sprintf("Newer, N%02d", i), Location: "L"}))
			case 1:
				err = errors.Join(err, po.Move(name, "SOUTHPO"))
			case 2:
				err = errors.Join(err, po.SetComment(name, "Room 7"))
			}
		}
		return errors.Join(err, po.AddBoard("News"))
	})
	return directory, c
}
