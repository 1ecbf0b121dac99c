package postoffice

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// names is a small set, so that equal names in other case come up often.
func names() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"Quist, Marta", "QUIST, MARTA", "Okafor, Ben", "okafor, ben", "Müller, Jörg", "MÜLLER, JÖRG", "Weber", "EX1", "ex2", "EX2", "~ADE_Mailbox",
	})
}

func entries() *rapid.Generator[Entry] {
	return rapid.Custom(func(t *rapid.T) Entry {
		return Entry{
			Name:     names().Draw(t, "name"),
			Location: rapid.SampledFrom([]Location{"P", "p", "L", "l", "R", "r", "r", "r", "A", "a", ""}).Draw(t, "location"),
			Address:  rapid.SampledFrom([]string{"", "NORTHHUB", "EX1", "ex1 Weber", "EX2 Quist, Marta", "NOWHERE"}).Draw(t, "address"),
			Comment:  rapid.SampledFrom([]string{"", "Büro 12", "a:b; c"}).Draw(t, "comment"),
		}
	})
}

// rapidHub is a post office for one rapid check, with a folder of its own.
type rapidHub struct {
	t   *rapid.T
	dir string
	l   layout
}

func newRapidHub(t *rapid.T, root string) rapidHub {
	dir, err := os.MkdirTemp(root, "hub")
	if err != nil {
		t.Fatal(err)
	}
	po, err := Create(filepath.Join(dir, "po"), Settings{Name: "NORTHHUB", Password: "secret", CodePage: "cp850"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{{Name: "EX1", Location: DirectOffice}, {Name: "Local, User", Location: LocalUser}} {
		if err := po.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := po.Save(); err != nil {
		t.Fatal(err)
	}
	if err := po.Close(); err != nil {
		t.Fatal(err)
	}
	return rapidHub{t, dir, po.layout}
}

func (h rapidHub) run(line string) int {
	var console bytes.Buffer
	code := Run(h.t.Context(), h.dir, strings.Fields(line), &console)
	if code != CodeDone && code != CodeRefused {
		h.t.Fatalf("%s: code %d\n%s", line, code, console.String())
	}
	return code
}

// imports runs IMPORT over entries and returns the names it refused.
func (h rapidHub) imports(task string, list []Entry) (refused int) {
	var records []string
	for _, e := range list {
		records = append(records, h.l.record(e))
	}
	page, err := codePageByName("cp850")
	if err != nil {
		h.t.Fatal(err)
	}
	data, err := page.encode(h.l.file(records))
	if err != nil {
		h.t.Fatal(err)
	}
	if err = os.WriteFile(filepath.Join(h.dir, "in"), data, 0o666); err != nil {
		h.t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(h.dir, UndeliveredFile)) // there may be none
	code := h.run("import " + slashStart + "/@in " + task)
	und, err := os.ReadFile(filepath.Join(h.dir, UndeliveredFile))
	if (err == nil) != (code == CodeRefused) {
		h.t.Fatalf("code %d, but %s: %v", code, UndeliveredFile, err)
	}
	return strings.Count(string(und), "\nLocn:")
}

func (h rapidHub) export() string {
	h.run("export " + slashStart + "/@out /DIRECTORY")
	data, err := os.ReadFile(filepath.Join(h.dir, "out"))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(data)
}

// What IMPORT takes, EXPORT shows; what it refuses is counted in the .UND
// file; and every row can be told apart by name and finds its post office.
func TestImportThenExport(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		h := newRapidHub(t, root)
		before := strings.Count(h.export(), "Name: ")
		list := rapid.SliceOfN(entries(), 0, 12).Draw(t, "entries")
		refused := h.imports("/DIRECTORY", list)

		text := h.export()
		if after := strings.Count(text, "Name: "); after != before+len(list)-refused {
			t.Errorf("%d rows before, %d imported, %d refused, %d after", before, len(list), refused, after)
		}
		po, err := read(filepath.Join(h.dir, "po"))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, e := range po.Entries() {
			if seen[strings.ToLower(e.Name)] {
				t.Errorf("%s is there twice", e.Name)
			}
			seen[strings.ToLower(e.Name)] = true
			if office, _ := po.splitAddress(e.Address); e.Location.isElsewhere() && office == "" {
				t.Errorf("%+v has no post office", e)
			}
		}
		for _, e := range list {
			if e.Location == "" && seen[strings.ToLower(e.Name)] {
				continue // another record of that name was taken
			}
			if !seen[strings.ToLower(e.Name)] && e.Location == LocalUser {
				t.Errorf("%+v is neither there nor taken by another", e)
			}
		}
	})
}

// Deleting what was added gives the bytes of before; doing it again is refused
// for every record and changes nothing.
func TestAddThenDelete(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		h := newRapidHub(t, root)
		before := h.export()
		var list []Entry
		for i := range rapid.IntRange(1, 8).Draw(t, "records") {
			name := fmt.Sprintf("%s %d", names().Draw(t, "name"), i)
			list = append(list, Entry{Name: name, Location: RemoteUser, Address: "EX1 " + name})
		}
		if refused := h.imports("/DIRECTORY", list); refused != 0 {
			t.Fatalf("%d refused of %+v", refused, list)
		}
		added := h.export()
		if again := h.imports("/DIRECTORY", list); again != len(list) || h.export() != added {
			t.Errorf("adding again: %d of %d refused", again, len(list))
		}
		if refused := h.imports("/DIRECTORY/DELETE", list); refused != 0 {
			t.Errorf("%d deletions refused", refused)
		}
		if diff := cmp.Diff(before, h.export()); diff != "" {
			t.Error(diff)
		}
		if again := h.imports("/DIRECTORY/DELETE", list); again != len(list) || h.export() != before {
			t.Errorf("deleting again: %d of %d refused", again, len(list))
		}
	})
}

// Whatever an administrator does, names stay unique among rows and lists, and
// what is saved opens as the same post office.
func TestEditsKeepTheRules(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		h := newRapidHub(t, root)
		po, err := Open(filepath.Join(h.dir, "po"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = po.Close() }()
		// Refusals are as good as edits here: only what is left counts.
		name := func(t *rapid.T) string { return names().Draw(t, "name") }
		t.Repeat(map[string]func(*rapid.T){
			"add":         func(t *rapid.T) { _ = po.Add(entries().Draw(t, "entry")) },
			"delete":      func(t *rapid.T) { _ = po.Delete(name(t)) },
			"move":        func(t *rapid.T) { _ = po.Move(name(t), name(t)) },
			"comment":     func(t *rapid.T) { _ = po.SetComment(name(t), "x") },
			"list":        func(t *rapid.T) { _ = po.AddList(List{Title: name(t)}) },
			"delete list": func(t *rapid.T) { _ = po.DeleteList(name(t)) },
			"": func(t *rapid.T) {
				seen := map[string]bool{}
				for _, e := range po.Entries() {
					if office, _ := po.splitAddress(e.Address); e.Location.isElsewhere() && office == "" {
						t.Errorf("%+v has no post office", e)
					}
					seen[strings.ToLower(e.Name)] = true
				}
				for _, list := range po.Lists() {
					seen[strings.ToLower(list.Title)] = true
				}
				if len(seen) != len(po.Entries())+len(po.Lists()) {
					t.Error("two rows or lists share a name")
				}
			},
		})
		if err = po.Save(); err != nil {
			t.Fatal(err)
		}
		again, err := read(filepath.Join(h.dir, "po"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(po.document(), again.document()); diff != "" {
			t.Error(diff)
		}
	})
}
