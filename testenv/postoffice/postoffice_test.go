package postoffice

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const edits = hubSeed + `
Name: SOUTHHUB
Locn: P

Name: Homer
Locn: R
Addr: x@y at PO

Name: Lila
Locn: l
Addr: SOUTHHUB Lila L.

Name: Pseudo
Locn: a
Addr: SOUTHHUB
`

// What an administrator does to one row, in the notation of show.
func TestEdits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		edit   func(*PostOffice) error
		name   string
		want   string // the row afterwards; empty if there is none
	}{
		{
			"ADMIN makes an R at another post office r",
			func(po *PostOffice) error { return po.Add(Entry{"Ben", MobileUser, "southhub Ben", "", false}) },
			"Ben", "r southhub Ben",
		},
		{
			"an R at the own post office stays R",
			func(po *PostOffice) error { return po.Add(Entry{"Ben", MobileUser, "NORTHHUB Ben", "", false}) },
			"Ben", "R NORTHHUB Ben",
		},
		{
			"blanks around values are no part of them",
			func(po *PostOffice) error { return po.Add(Entry{" Ben ", LocalUser, "", "\tx ", false}) },
			"Ben", "L  x",
		},
		{"L leaves home", func(po *PostOffice) error { return po.Move("Müller, Jörg", "southhub") }, "Müller, Jörg", "l SOUTHHUB Büro 12"},
		{"l comes home", func(po *PostOffice) error { return po.Move("Lila", "NORTHHUB") }, "Lila", "L"},
		{"l moves on with its foreign alias name", func(po *PostOffice) error { return po.Move("Lila", "EXSITE1") }, "Lila", "l EXSITE1 Lila L."},
		{"R leaves home", func(po *PostOffice) error { return po.Move("homer", "EXSITE1") }, "Homer", "r EXSITE1 x@y at PO"},
		{"a comes home", func(po *PostOffice) error { return po.Move("Pseudo", "NORTHHUB") }, "Pseudo", "A"},
		{"the mark of ownership is taken away", func(po *PostOffice) error { return po.SetComment("exsite1", "") }, "EXSITE1", "p NORTHHUB"},
		{"a user goes", func(po *PostOffice) error { return po.Delete("QUIST, MARTA") }, "Quist, Marta", ""},
		{
			"a post office goes after its users",
			func(po *PostOffice) error { return errors.Join(po.Delete("Quist, Marta"), po.Delete("EXSITE1")) }, "EXSITE1", "",
		},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := hub(t, Lotus, edits)
			edit(t, dir, c.edit)
			edit(t, dir, func(po *PostOffice) error {
				e, ok := po.Lookup(c.name)
				got := strings.TrimRight(strings.Join([]string{string(e.Location), e.Address, e.Comment}, " "), " ")
				if e.Address == "" && e.Comment != "" {
					got = string(e.Location) + "  " + e.Comment
				}
				if got != c.want || ok != (c.want != "") {
					t.Errorf("row %q, want %q", got, c.want)
				}
				return nil
			})
		})
	}
}

func TestRefusedEdits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edit func(*PostOffice) error
		want Reason
	}{
		{func(po *PostOffice) error { return po.Add(Entry{"POSTMASTER", LocalUser, "", "", false}) }, DuplicateName},
		{func(po *PostOffice) error { return po.Add(Entry{"two\nlines", LocalUser, "", "", false}) }, BadCharacter},
		{func(po *PostOffice) error { return po.Add(Entry{"Ben", LocalUser, "", "a\x1ab", false}) }, BadCharacter},
		{func(po *PostOffice) error { return po.Delete("nobody") }, NotInDirectory},
		{func(po *PostOffice) error { return po.Delete("northhub") }, OwnPostOffice},
		{func(po *PostOffice) error { return po.Delete("SOUTHHUB") }, PostOfficeInUse},
		{func(po *PostOffice) error { return po.Move("nobody", "SOUTHHUB") }, NotInDirectory},
		{func(po *PostOffice) error { return po.Move("Lila", "Homer") }, UnknownPostOffice},
		{func(po *PostOffice) error { return po.Move("EXSITE1", "SOUTHHUB") }, NotMovable},
		{func(po *PostOffice) error { return po.SetComment("nobody", "x") }, NotInDirectory},
		{func(po *PostOffice) error { return po.SetComment("Lila", long(127)) }, CommentTooLong},
		{func(po *PostOffice) error { return po.AddList(List{"lila", nil}) }, DuplicateName},
		{func(po *PostOffice) error { return po.AddList(List{"SALES team", nil}) }, DuplicateName},
		{func(po *PostOffice) error { return po.AddList(List{" ", nil}) }, NoName},
		{func(po *PostOffice) error { return po.AddList(List{long(31), nil}) }, NameTooLong},
		{func(po *PostOffice) error { return po.AddList(List{"x", []string{""}}) }, NoName},
		{func(po *PostOffice) error { return po.AddList(List{"x", []string{"a\nb"}}) }, BadCharacter},
		{func(po *PostOffice) error { return po.DeleteList("Lila") }, NotInDirectory},
		{func(po *PostOffice) error { return po.AddBoard("SOCIAL") }, DuplicateName},
		{func(po *PostOffice) error { return po.AddBoard("") }, NoName},
		{func(po *PostOffice) error { return po.DeleteBoard("Sales Team") }, NotInDirectory},
	} {
		dir := hub(t, Lotus, edits)
		before := contentsOf(t, dir, "po/CCPO.DAT")
		err := Edit(filepath.Join(dir, "po"), c.edit)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Reason != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		if before != contentsOf(t, dir, "po/CCPO.DAT") {
			t.Errorf("%s: the post office changed", c.want)
		}
	}
}

func TestListsAndBoards(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	edit(t, dir, func(po *PostOffice) error {
		return errors.Join(po.AddList(List{"Staff", []string{"Ben", "Ann at SOUTHHUB"}}), po.AddList(List{"all", nil}),
			po.AddBoard("Staff"), po.AddBoard("##directory updates"))
	})
	edit(t, dir, func(po *PostOffice) error {
		want := []List{{Title: "all"}, {"Staff", []string{"Ben", "Ann at SOUTHHUB"}}}
		if diff := cmp.Diff(want, po.Lists()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"##directory updates", "Staff"}, po.Boards()); diff != "" {
			t.Error(diff)
		}
		return errors.Join(po.DeleteList("STAFF"), po.DeleteBoard("staff"))
	})
	edit(t, dir, func(po *PostOffice) error {
		if len(po.Lists()) != 1 || len(po.Boards()) != 1 {
			t.Errorf("lists %v, boards %v; want one each", po.Lists(), po.Boards())
		}
		return nil
	})
}

func TestCreate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason   string
		settings Settings
		want     string // in the error; empty for none
	}{
		{"what is not said", Settings{Name: "HUB"}, ""},
		{"a code page by its number", Settings{Name: "HUB", CodePage: "437"}, ""},
		{"no name", Settings{}, "No name"},
		{"a name that the page lacks", Settings{Name: "Łódź", CodePage: "cp437"}, "Bad character"},
		{"unknown code page", Settings{Name: "HUB", CodePage: "cp932"}, "choose one of cp437, cp850"},
		{"unknown shape", Settings{Name: "HUB", Shape: "notes"}, "choose lotus or alt"},
		{"long password", Settings{Name: "HUB", Password: "12345678901"}, "longer than 10 bytes"},
	} {
		po, err := Create(filepath.Join(t.TempDir(), "po"), c.settings)
		if err == nil {
			closeOffice(t, po)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
	}
	dir := filepath.Join(hub(t, Alt, ""), "po")
	if _, err := Create(dir, Settings{Name: "HUB"}); err == nil || !strings.Contains(err.Error(), "has one already") {
		t.Errorf("a second one in a folder: %v", err)
	}
	edit(t, filepath.Dir(dir), func(po *PostOffice) error {
		want := Settings{Name: "NORTHHUB", Password: "secret", CodePage: "cp437", Shape: Alt}
		if diff := cmp.Diff(want, po.Settings()); diff != "" {
			t.Error(diff)
		}
		return nil
	})
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(hub(t, Lotus, ""), "po")
	po, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	closeOffice(t, po)
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoPostOffice) {
		t.Errorf("empty folder: %v", err)
	}
	whole := contentsOf(t, dir, DataFile)
	for cut := 0; cut < len(whole)-1; cut += 7 {
		write(t, dir, DataFile, whole[:cut])
		if _, err := Open(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at byte %d: %v", cut, err)
		}
	}
	write(t, dir, DataFile, whole)
	if err := Edit(dir, func(*PostOffice) error { return nil }); err != nil {
		t.Errorf("after so many failures: %v", err)
	}
}

// Saving leaves one file, and the same bytes for the same contents.
func TestSaveIsDeterministic(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, edits)
	before := contentsOf(t, dir, "po/CCPO.DAT")
	edit(t, dir, func(po *PostOffice) error {
		return errors.Join(po.Add(Entry{"Zed", LocalUser, "", "", false}), po.Delete("Zed"))
	})
	if diff := cmp.Diff(before, contentsOf(t, dir, "po/CCPO.DAT")); diff != "" {
		t.Error(diff)
	}
	files, err := os.ReadDir(filepath.Join(dir, "po"))
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v; want %s and %s only", files, err, DataFile, LockFile)
	}
}

// Export, make another post office of it, export again: the same bytes.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, shape := range []Shape{Lotus, Alt} {
		first := hub(t, shape, edits)
		var seed string
		edit(t, first, func(po *PostOffice) error {
			text, _ := po.exportText(TaskDirectory)
			seed = strings.ReplaceAll(strings.TrimSuffix(text, ctrlZ), "\r\n", "\n")
			for _, list := range po.Lists() {
				seed += "List: " + list.Title + "\n\t" + strings.Join(list.Members, "\n\t") + "\n"
			}
			for _, board := range po.Boards() {
				seed += "Board: " + board + "\n"
			}
			return nil
		})
		second := hub(t, shape, seed)
		for _, task := range []string{"DIRECTORY", "LISTS", "BOARDS"} {
			line := map[Shape]string{Lotus: slashStart + "/@out /" + task, Alt: positionalStart + "out " + task}[shape]
			for _, dir := range []string{first, second} {
				if code, console := program(t, dir, "export "+line); code != CodeDone {
					t.Fatalf("%s %s: code %d\n%s", shape, task, code, console)
				}
			}
			if diff := cmp.Diff(contentsOf(t, first, "out"), contentsOf(t, second, "out")); diff != "" {
				t.Errorf("%s %s: %s", shape, task, diff)
			}
		}
	}
}

func TestSeedErrors(t *testing.T) {
	t.Parallel()
	for seed, want := range map[string]string{
		"Name: A\nLocn: L\n\nName: a\nLocn: L\n":                "seed:4:1: Duplicate name: a",
		"Name: A\nLocn: L\nLocn: L\n":                           "seed:1:1: Repeated line: A",
		"Name: A\nLocn: r\nAddr: LATER\nName: LATER\nLocn: P\n": "seed:1:1: Unknown post office: A",
		"Name: NORTHHUB\nLocn: L\n":                             "seed:1:1: Duplicate name: NORTHHUB",
		"List: x\nList: X\n":                                    `seed: list "X": Duplicate name: X`,
		"Board: x\nBoard: X\n":                                  `seed: board "X": Duplicate name: X`,
		"    Member\n":                                          "seed:1:1: a member without a list; put a List: line before it",
		"List: x\nName: A\nLocn: L\n    Member\n":               "seed:4:1: a member without a list; put a List: line before it",
		"Name: \xff\n":                                          "seed:1:1: not UTF-8",
	} {
		po, err := Create(t.TempDir(), Settings{Name: "NORTHHUB"})
		if err != nil {
			t.Fatal(err)
		}
		if err := po.Seed("seed", seed); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", seed, err, want)
		}
		closeOffice(t, po)
	}
}
