package postoffice

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// long is a text of n bytes in a single-byte code page.
func long(n int) string { return strings.Repeat("é", n) }

// rows are records in the strict form, from lines "L name | address | comment".
func rows(l layout, lines ...string) string {
	var records []string
	for _, line := range lines {
		values := strings.Split(line+"||", "|")
		location, name, _ := strings.Cut(values[0], " ")
		records = append(records, l.record(Entry{
			Name: trim(name), Location: Location(strings.Trim(location, "-")),
			Address: trim(values[1]), Comment: trim(values[2]),
		}))
	}
	return l.file(records)
}

// encoded is text in the code page of the lotus shape.
func encoded(t *testing.T, text string) string {
	t.Helper()
	page, err := codePageByName("cp850")
	if err != nil {
		t.Fatal(err)
	}
	data, err := page.encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func lotusLayout(t *testing.T) layout {
	t.Helper()
	l, err := Lotus.layout()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Every reason for which IMPORT refuses an addition; the record after the
// refused one is imported.
func TestRefusedAdditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, row string
		want        string // reason line; empty if it is taken
	}{
		{"a user is taken by name only", "r MÜLLER, JÖRG | EXSITE1", "Duplicate name: MÜLLER, JÖRG"},
		{"an alias holds the name", "L postmaster", "Duplicate name: postmaster"},
		{"a list holds the name", "r sales team | EXSITE1", "Duplicate name: sales team"},
		{"a post office holds the name", "L exsite1", "Duplicate name: exsite1"},
		{"post office rows are not updated", "p EXSITE1 | NORTHHUB | MSExchangeCCMC OTHER", "Duplicate name: EXSITE1"},
		{"the own post office neither", "P NORTHHUB || new comment", "Duplicate name: NORTHHUB"},
		{"a board has a name of its own", "L Social", ""},
		{"no name", "L", "No name"},
		{"no location", "- Okafor, Ben", "No location: Okafor, Ben"},
		{"unknown location", "X Okafor, Ben", "Unknown location: Okafor, Ben"},
		{"two letters", "rr Okafor, Ben | EXSITE1", "Unknown location: Okafor, Ben"},
		{"r without address", "r Okafor, Ben", "No post office in address: Okafor, Ben"},
		{"l without address", "l Okafor, Ben", "No post office in address: Okafor, Ben"},
		{"p without address", "p SOUTHHUB", "No post office in address: SOUTHHUB"},
		{"a without address", "a boss", "No post office in address: boss"},
		{"unknown post office", "r Okafor, Ben | EXSITE2 Okafor, Ben", "Unknown post office: Okafor, Ben"},
		{"a name that only starts like one", "r Okafor, Ben | EXSITE11 Okafor, Ben", "Unknown post office: Okafor, Ben"},
		{"a user is no post office", "r Okafor, Ben | Quist, Marta", "Unknown post office: Okafor, Ben"},
		{"post office in another case", "r Okafor, Ben | exsite1 Okafor, Ben", ""},
		{"post office alone", "r Okafor, Ben | EXSITE1", ""},
		{"L needs no post office", "L Okafor, Ben | anything", ""},
		{"R as it is: only ADMIN makes it r", "R Okafor, Ben | EXSITE1 Okafor", ""},
		{"longest name", "L " + long(30), ""},
		{"name too long", "L " + long(31), "Name too long: " + long(31)},
		{"longest address", "r Okafor, Ben | EXSITE1 " + long(118), ""},
		{"address too long", "r Okafor, Ben | EXSITE1 " + long(119), "Address too long: Okafor, Ben"},
		{"longest comment", "L Okafor, Ben || " + long(126), ""},
		{"comment too long", "L Okafor, Ben || " + long(127), "Comment too long: Okafor, Ben"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			checkRefused(t, "/DIRECTORY", c.row, "L Good, Guy", c.want)
		})
	}
}

// Every reason for which IMPORT refuses a deletion.
func TestRefusedDeletions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, row, want string }{
		{"not there", "r Okafor, Ben", "Name not in directory: Okafor, Ben"},
		{"a list is no row", "r Sales Team", "Name not in directory: Sales Team"},
		{"no name", "r", "No name"},
		{"a local user", "r Müller, Jörg", "Not a remote user: Müller, Jörg"},
		{"a local user, said to be one", "L Müller, Jörg", "Not a remote user: Müller, Jörg"},
		{"a mobile user", "R Homer", "Not a remote user: Homer"},
		{"a user of another post office", "l Lila", "Not a remote user: Lila"},
		{"an alias", "A Postmaster", "Not a remote user: Postmaster"},
		{"another post office's alias", "a Pseudo", "Not a remote user: Pseudo"},
		{"a post office", "p EXSITE1 | NORTHHUB", "Not a remote user: EXSITE1"},
		{"the own post office", "P NORTHHUB", "Not a remote user: NORTHHUB"},
		{"another location", "l Quist, Marta", "Location differs: Quist, Marta"},
		{"another address", "r Quist, Marta | EXSITE1 Quist, M", "Address differs: Quist, Marta"},
		{"an address in another case", "r Quist, Marta | EXSITE1 quist, marta", "Address differs: Quist, Marta"},
		{"name alone", "- Quist, Marta", ""},
		{"name in another case", "- QUIST, MARTA", ""},
		{"all said; the comment is not looked at", "r Quist, Marta | EXSITE1 Quist, Marta | other", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			checkRefused(t, "/DIRECTORY/DELETE", c.row, "r Good, Guy", c.want)
		})
	}
}

// checkRefused imports one record and a good one after it, and compares what
// was refused with the reason line.
func checkRefused(t *testing.T, switches, row, good, want string) {
	t.Helper()
	seed := hubSeed + "Name: Homer\nLocn: R\nName: Lila\nLocn: l\nAddr: EXSITE1\nName: Pseudo\nLocn: a\nAddr: EXSITE1\n"
	if strings.HasSuffix(switches, "DELETE") {
		seed += "Name: Good, Guy\nLocn: r\nAddr: EXSITE1\n"
	}
	dir := hub(t, Lotus, seed)
	l := lotusLayout(t)
	write(t, dir, "in", encoded(t, rows(l, row, good)))
	code, console := program(t, dir, "import "+slashStart+"/@in "+switches)

	wantCode, wantFile := CodeDone, ""
	if want != "" {
		wantCode, wantFile = CodeRefused, encoded(t, want+"\r\n"+rows(l, row))
	}
	if code != wantCode {
		t.Errorf("code %d, want %d\n%s", code, wantCode, console)
	}
	var refused string
	if code == CodeRefused {
		refused = contentsOf(t, dir, UndeliveredFile)
	}
	if diff := cmp.Diff(wantFile, refused); diff != "" {
		t.Errorf("%s: %s", UndeliveredFile, diff)
	}
	edit(t, dir, func(po *PostOffice) error {
		if _, there := po.Lookup("Good, Guy"); there != (switches == "/DIRECTORY") {
			t.Error("the good record after it was not imported")
		}
		return nil
	})
}

// An address can name a post office added earlier in the file, not a later one.
func TestOrderMatters(t *testing.T) {
	t.Parallel()
	l := lotusLayout(t)
	office, user := "p EXSITE2 | NORTHHUB", "r Okafor, Ben | EXSITE2 Okafor, Ben"
	for code, text := range map[int]string{CodeDone: rows(l, office, user), CodeRefused: rows(l, user, office)} {
		dir := hub(t, Lotus, "")
		write(t, dir, "in", text)
		if got, console := program(t, dir, "import "+slashStart+"/@in /DIRECTORY"); got != code {
			t.Errorf("%q: code %d, want %d\n%s", text, got, code, console)
		}
	}
}

// Of two names that differ in case, the first of a file stays.
func TestFirstOfTwoNamesStays(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "Name: EX1\nLocn: p\nAddr: NORTHHUB\nName: EX2\nLocn: p\nAddr: NORTHHUB\n")
	write(t, dir, "in", rows(lotusLayout(t), "r user | EX1 user", "r USER | EX2 USER"))
	code, _ := program(t, dir, "import "+slashStart+"/@in /DIRECTORY")
	edit(t, dir, func(po *PostOffice) error {
		if e, _ := po.Lookup("User"); code != CodeRefused || e.Address != "EX1 user" {
			t.Errorf("code %d, row %+v", code, e)
		}
		return nil
	})
}

// The longest known post office name counts, blanks and all.
func TestPostOfficeNameWithBlanks(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "Name: EX\nLocn: p\nAddr: NORTHHUB\nName: EX SITE 1\nLocn: p\nAddr: NORTHHUB\n")
	edit(t, dir, func(po *PostOffice) error {
		for address, want := range map[string][2]string{
			"EX SITE 1 Quist, Marta": {"EX SITE 1", "Quist, Marta"},
			"ex site 1":              {"EX SITE 1", ""},
			"EX SITE 2 Quist":        {"EX", "SITE 2 Quist"},
			"EX  two blanks":         {"EX", "two blanks"},
			"SITE 1":                 {"", "SITE 1"},
			"":                       {"", ""},
		} {
			if office, rest := po.splitAddress(address); office != want[0] || rest != want[1] {
				t.Errorf("%q: %q, %q; want %q", address, office, rest, want)
			}
		}
		return nil
	})
}

func TestUndeliveredFileGrows(t *testing.T) {
	t.Parallel()
	dir := hub(t, Alt, "Name: Weber\nLocn: L\n")
	write(t, dir, "in", "Name: WEBER\nLocn: L\nCmts: K\x94ln\n\x1a")
	write(t, dir, "in2", "Name: Gone\nName: Weber\n\x1a")
	write(t, dir, UndeliveredFile, "left over\n")
	for _, line := range []string{"in DIRECTORY", "in2 DIRECTORY/DELETE"} {
		if code, console := program(t, dir, "import "+positionalStart+line); code != CodeRefused {
			t.Fatalf("%s: code %d\n%s", line, code, console)
		}
	}
	want := "left over\n" +
		"Duplicate name: WEBER\nName: WEBER\nAddr: \nLocn: L\nCmts: K\x94ln\n\n" +
		"Name not in directory: Gone\nName: Gone\nAddr: \nLocn: \nCmts: \n\n" +
		"Not a remote user: Weber\nName: Weber\nAddr: \nLocn: \nCmts: \n\n"
	if diff := cmp.Diff(want, contentsOf(t, dir, UndeliveredFile)); diff != "" {
		t.Error(diff)
	}
}

// Refused records that cannot be written down: nothing is imported.
func TestUndeliveredFileNotWritable(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	write(t, dir, "in", rows(lotusLayout(t), "L Okafor, Ben", "L OKAFOR, BEN"))
	if err := os.Mkdir(filepath.Join(dir, UndeliveredFile), 0o777); err != nil {
		t.Fatal(err)
	}
	before := contentsOf(t, dir, "po/CCPO.DAT")
	if code, console := program(t, dir, "import "+slashStart+"/@in /DIRECTORY"); code != CodeFailed {
		t.Errorf("code %d, want %d\n%s", code, CodeFailed, console)
	}
	if before != contentsOf(t, dir, "po/CCPO.DAT") {
		t.Error("the post office changed")
	}
}

// What the reader takes: both line ends, blank lines, both orders, Ctrl-Z, a
// last line without an end.
func TestTolerance(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"strict":            "Name: Okafor, Ben\r\nLocn: L\r\nAddr:\r\nCmts: Room 12\r\n",
		"LF":                "Name: Okafor, Ben\nLocn: L\nAddr:\nCmts: Room 12\n",
		"other order":       "Name: Okafor, Ben\r\nAddr: \r\nLocn: L\r\nCmts: Room 12\r\n",
		"blank lines":       "\r\nName: Okafor, Ben\r\n\r\nLocn: L\r\n \t\r\nCmts: Room 12\r\n\r\n",
		"Ctrl-Z and a tail": "Name: Okafor, Ben\r\nLocn: L\r\nCmts: Room 12\r\n\x1agarbage",
		"no last line end":  "Name: Okafor, Ben\r\nLocn: L\r\nCmts: Room 12",
		"padded":            "Name: Okafor, Ben  \r\nLocn: L \r\nCmts: Room 12\t\r\n",
	} {
		for _, shape := range []Shape{Lotus, Alt} {
			dir := hub(t, shape, "")
			write(t, dir, "in", text)
			line := map[Shape]string{Lotus: slashStart + "/@in /DIRECTORY", Alt: positionalStart + "in DIRECTORY"}[shape]
			code, console := program(t, dir, "import "+line)
			edit(t, dir, func(po *PostOffice) error {
				e, _ := po.Lookup("Okafor, Ben")
				if code != CodeDone || e.Comment != "Room 12" || e.Location != LocalUser || e.Address != "" {
					t.Errorf("%s, %s: code %d, row %+v\n%s", name, shape, code, e, console)
				}
				return nil
			})
		}
	}
}

// A record in the middle that has no Name line, or a line twice, is refused by
// itself.
func TestRecordsOutOfShape(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	write(t, dir, "in", "Locn: L\r\nCmts: who?\r\nName: Twice\r\nLocn: L\r\nLocn: R\r\nName: Good\r\nLocn: L\r\n")
	if code, console := program(t, dir, "import "+slashStart+"/@in /DIRECTORY"); code != CodeRefused {
		t.Errorf("code %d\n%s", code, console)
	}
	want := "No name\r\nName:\r\nLocn: L\r\nAddr:\r\nCmts: who?\r\n" +
		"Repeated line: Twice\r\nName: Twice\r\nLocn: L\r\nAddr:\r\nCmts:\r\n"
	if diff := cmp.Diff(want, contentsOf(t, dir, UndeliveredFile)); diff != "" {
		t.Error(diff)
	}
	edit(t, dir, func(po *PostOffice) error {
		if n := len(po.Entries()); n != 2 {
			t.Errorf("%d rows, want 2", n)
		}
		return nil
	})
}

func TestPropagateIsRemembered(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	for name, option := range map[string]string{"With": "/PROP", "Without": ""} {
		write(t, dir, "in", rows(lotusLayout(t), "L "+name))
		program(t, dir, "import "+slashStart+"/@in /DIRECTORY"+option)
	}
	edit(t, dir, func(po *PostOffice) error {
		with, _ := po.Lookup("With")
		without, ok := po.Lookup("Without")
		if !with.Propagate || without.Propagate || !ok {
			t.Errorf("%+v, %+v", with, without)
		}
		return nil
	})
}
