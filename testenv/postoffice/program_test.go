package postoffice

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const hubSeed = `Name: EXSITE1
Locn: p
Addr: NORTHHUB
Cmts: MSExchangeCCMC MAILSRV7

Name: Müller, Jörg
Locn: L
Cmts: Büro 12

Name: Quist, Marta
Locn: r
Addr: EXSITE1 Quist, Marta

Name: Postmaster
Locn: A
Addr: Müller, Jörg

List: Sales Team
    Müller, Jörg
    Quist, Marta at EXSITE1

List: All Staff

Board: Social
Board: ##directory updates
`

// hub makes a post office NORTHHUB with password secret in the folder po of a
// new working directory, and returns that.
func hub(t *testing.T, shape Shape, seed string) string {
	t.Helper()
	dir := t.TempDir()
	po, err := Create(filepath.Join(dir, "po"), Settings{Name: "NORTHHUB", Password: "secret", Shape: shape})
	if err != nil {
		t.Fatal(err)
	}
	defer closeOffice(t, po)
	if err := po.Seed("seed", seed); err != nil {
		t.Fatal(err)
	}
	if err := po.Save(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func closeOffice(t *testing.T, po *PostOffice) {
	t.Helper()
	if err := po.Close(); err != nil {
		t.Error(err)
	}
}

func edit(t *testing.T, dir string, do func(*PostOffice) error) {
	t.Helper()
	if err := Edit(filepath.Join(dir, "po"), do); err != nil {
		t.Fatal(err)
	}
}

// fault puts a fault into the post office of hub.
func fault(t *testing.T, dir string, f Fault) {
	t.Helper()
	f.Times = max(f.Times, 1)
	edit(t, dir, func(po *PostOffice) error { return po.AddFault(f) })
}

// program runs a command line, split at blanks.
func program(t *testing.T, dir, line string) (code int, console string) {
	t.Helper()
	var out bytes.Buffer
	code = Run(t.Context(), dir, strings.Fields(line), &out)
	return code, out.String()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func contentsOf(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const (
	slashStart      = "/NNORTHHUB /Psecret /Dpo "
	positionalStart = "NORTHHUB secret po "
)

func TestExportBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, line string
		shape        Shape
		want         string
	}{
		{
			"lotus: CR LF, nothing after the colon of an empty value, ü and ö in cp850", slashStart + "/@out /DIRECTORY", Lotus,
			"Name: NORTHHUB\r\nLocn: P\r\nAddr:\r\nCmts:\r\n" +
				"Name: EXSITE1\r\nLocn: p\r\nAddr: NORTHHUB\r\nCmts: MSExchangeCCMC MAILSRV7\r\n" +
				"Name: M\x81ller, J\x94rg\r\nLocn: L\r\nAddr:\r\nCmts: B\x81ro 12\r\n" +
				"Name: Quist, Marta\r\nLocn: r\r\nAddr: EXSITE1 Quist, Marta\r\nCmts:\r\n" +
				"Name: Postmaster\r\nLocn: A\r\nAddr: M\x81ller, J\x94rg\r\nCmts:\r\n",
		},
		{
			"lotus: titles are tagged", slashStart + "/@out /LISTS", Lotus,
			"Name: All Staff\r\nName: Sales Team\r\n    M\x81ller, J\x94rg\r\n    Quist, Marta at EXSITE1\r\n",
		},
		{"lotus: boards by title", slashStart + "/@out /BOARDS", Lotus, "Name: ##directory updates\r\nName: Social\r\n"},
		{
			"alt: other field order, LF, blank lines, blank after the colon, Ctrl-Z", positionalStart + "out DIRECTORY", Alt,
			"Name: NORTHHUB\nAddr: \nLocn: P\nCmts: \n\n" +
				"Name: EXSITE1\nAddr: NORTHHUB\nLocn: p\nCmts: MSExchangeCCMC MAILSRV7\n\n" +
				"Name: M\x81ller, J\x94rg\nAddr: \nLocn: L\nCmts: B\x81ro 12\n\n" +
				"Name: Quist, Marta\nAddr: EXSITE1 Quist, Marta\nLocn: r\nCmts: \n\n" +
				"Name: Postmaster\nAddr: M\x81ller, J\x94rg\nLocn: A\nCmts: \n\x1a",
		},
		{
			"alt: titles are bare", positionalStart + "out LISTS", Alt,
			"All Staff\n\nSales Team\n\tM\x81ller, J\x94rg\n\tQuist, Marta at EXSITE1\n\x1a",
		},
		{"alt: boards by title", positionalStart + "out BOARDS", Alt, "##directory updates\n\nSocial\n\x1a"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := hub(t, c.shape, hubSeed)
			if code, console := program(t, dir, "export "+c.line); code != CodeDone {
				t.Fatalf("code %d: %s", code, console)
			}
			if diff := cmp.Diff(c.want, contentsOf(t, dir, "out")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	for shape, line := range map[Shape]string{Lotus: slashStart + "/@out /LISTS", Alt: positionalStart + "out LISTS"} {
		dir := hub(t, shape, "")
		code, _ := program(t, dir, "export "+line)
		want := map[Shape]string{Lotus: "", Alt: "\x1a"}[shape]
		if got := contentsOf(t, dir, "out"); code != CodeDone || got != want {
			t.Errorf("%s: code %d, file %q; want 0, %q", shape, code, got, want)
		}
	}
}

// The code pages differ in a letter that both have: Á is B5 in 850 and missing
// in 437, where B5 is a frame.
func TestCodePageOfFiles(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "Name: Ábel\nLocn: L\n")
	program(t, dir, "export "+slashStart+"/@out /DIRECTORY")
	if got := contentsOf(t, dir, "out"); !strings.Contains(got, "Name: \xb5bel\r\n") {
		t.Errorf("no Ábel in cp850 in %q", got)
	}
	dir = hub(t, Alt, "")
	err := Edit(filepath.Join(dir, "po"), func(po *PostOffice) error { return po.Add(Entry{Name: "Ábel", Location: LocalUser}) })
	if want := refuse(BadCharacter, "Ábel"); err == nil || err.Error() != want.Error() {
		t.Errorf("add to a cp437 post office: %v, want %v", err, want)
	}
}

func TestSortOrder(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, strings.Join([]string{
		"Name: zeta\nLocn: p\nAddr: NORTHHUB", "Name: Alpha\nLocn: p\nAddr: NORTHHUB",
		"Name: ~ADE_Mailbox\nLocn: r\nAddr: zeta", "Name: b\nLocn: l\nAddr: zeta", "Name: C\nLocn: L", "Name: A\nLocn: R",
		"Name: AA\nLocn: a\nAddr: zeta", "Name: ab\nLocn: A", "Name: ZZ\nLocn: P",
	}, "\n"))
	want := []string{"NORTHHUB", "ZZ", "Alpha", "zeta", "A", "b", "C", "~ADE_Mailbox", "AA", "ab"}
	for _, option := range []string{"", "/PROP", "/PROPADD"} {
		if code, console := program(t, dir, "export "+slashStart+"/@out /DIRECTORY"+option); code != CodeDone {
			t.Fatalf("code %d: %s", code, console)
		}
		var got []string
		for line := range strings.Lines(contentsOf(t, dir, "out")) {
			if name, ok := strings.CutPrefix(line, "Name: "); ok {
				got = append(got, strings.TrimSpace(name))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("/DIRECTORY%s: %s", option, diff)
		}
	}
}

func TestConsole(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, hubSeed)
	_, console := program(t, dir, "export "+slashStart+"/@out /DIRECTORY")
	want := "cc:Mail export stand-in, ccpo 1.0\r\nExported: 5\r\nEnded with code 0\r\n"
	if console != want {
		t.Errorf("console %q, want %q", console, want)
	}
	_, console = program(t, dir, "import "+slashStart+"/@Müller /DIRECTORY")
	if !strings.Contains(console, "M\x81ller") {
		t.Errorf("console is not in the code page: %q", console)
	}
	for _, line := range []string{"export " + slashStart + "/@out /FOO", "export /NX /Psecret /Dpo /@out /LISTS"} {
		if _, console = program(t, dir, line); strings.Contains(console, "secret") {
			t.Errorf("%s: the password is on the console: %s", line, console)
		}
	}
}

func TestResultCodes(t *testing.T) {
	t.Parallel()
	up := func(*testing.T, string) {}
	hold := func(t *testing.T, dir string) {
		t.Helper()
		po, err := Open(filepath.Join(dir, "po"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeOffice(t, po) })
	}
	file := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			write(t, dir, name, text)
		}
	}
	for _, c := range []struct {
		reason string
		setup  func(*testing.T, string)
		line   string
		code   int
	}{
		{"help", up, "export /?", CodeDone},
		{"help, IMPORT", up, "import /?", CodeDone},
		{"letters in any case, quotes, harmless options", up, `export /n"northhub" /p"secret" /d"po" /@out /directory/propadd /batch /Format/Fan /itemsize /files/macbin2 /date/1`, CodeDone},
		{"IMPORT with its options", file("in", ""), "import " + slashStart + "/@in /DIRECTORY/PROP /ITEMSIZE /PARTIAL /BATCH /FILES/MACBIN2", CodeDone},
		{"a path whose first letters look like the switch", up, "export /NNORTHHUB /Psecret /Dpo /@out /LISTS", CodeDone},
		{"output not writable", up, "export " + slashStart + "/@no/folder /LISTS", CodeFailed},
		{"output is a folder", up, "export " + slashStart + "/@po /LISTS", CodeFailed},
		{"data damaged", file("po/CCPO.DAT", "{"), "export " + slashStart + "/@out /LISTS", CodeFailed},
		{"data of no bytes", file("po/CCPO.DAT", ""), "export " + slashStart + "/@out /LISTS", CodeFailed},
		{"data that breaks the rules", file("po/CCPO.DAT", `{"name":"NORTHHUB","password":"secret","entries":[{"name":"A","location":"L"},{"name":"a","location":"L"}]}`), "export " + slashStart + "/@out /LISTS", CodeFailed},
		{"data of another program", file("po/CCPO.DAT", `{"name":"NORTHHUB","password":"secret","mailboxes":[]}`), "export " + slashStart + "/@out /LISTS", CodeFailed},
		{"input missing", up, "import " + slashStart + "/@in /DIRECTORY", CodeFailed},
		{"input is not a directory file", file("in", "Message:\r\n120\r\n"), "import " + slashStart + "/@in /DIRECTORY", CodeFailed},
		{"no program", up, "", CodeSwitches},
		{"no switches", up, "export", CodeSwitches},
		{"unknown switch", up, "export " + slashStart + "/@out /DIRECTORY /FOO", CodeSwitches},
		{"unknown directory option", up, "export " + slashStart + "/@out /DIRECTORY/FOO", CodeSwitches},
		{"a word among switches", up, "export " + slashStart + "/@out DIRECTORY", CodeSwitches},
		{"PROPADD is EXPORT's", up, "import " + slashStart + "/@out /DIRECTORY/PROPADD", CodeSwitches},
		{"DELETE is IMPORT's", up, "export " + slashStart + "/@out /DIRECTORY/DELETE", CodeSwitches},
		{"DELETE twice", up, "import " + slashStart + "/@out /DIRECTORY/DELETE/DELETE", CodeSwitches},
		{"PARTIAL is IMPORT's, not password ARTIAL", up, "export /NNORTHHUB /Dpo /@out /LISTS /PARTIAL", CodeSwitches},
		{"messages are not handled", up, "export " + slashStart + "/@out /DELETE/7", CodeSwitches},
		{"nothing to do", up, "export " + slashStart + "/@out /BATCH", CodeSwitches},
		{"two things to do", up, "export " + slashStart + "/@out /LISTS /BOARDS", CodeSwitches},
		{"IMPORT has no lists", up, "import " + slashStart + "/@out /LISTS", CodeSwitches},
		{"a value twice", up, "export " + slashStart + "/NNORTHHUB /@out /LISTS", CodeSwitches},
		{"no file", up, "export " + slashStart + "/LISTS", CodeSwitches},
		{"quotation mark not closed", up, `export /N"NORTHHUB /Psecret /Dpo /@out /LISTS`, CodeSwitches},
		{"positional form at a lotus post office", up, "export " + positionalStart + "out LISTS", CodeSwitches},
		{"positional form without a task", up, "export " + positionalStart + "out", CodeSwitches},
		{"wrong path", up, "export /NNORTHHUB /Psecret /Dother /@out /LISTS", CodeAccess},
		{"wrong name", up, "export /NSOUTHHUB /Psecret /Dpo /@out /LISTS", CodeAccess},
		{"wrong password", up, "export /NNORTHHUB /PSECRET /Dpo /@out /LISTS", CodeAccess},
		{"no password", up, "export /NNORTHHUB /Dpo /@out /LISTS", CodeAccess},
		{"another program is running", hold, "export " + slashStart + "/@out /LISTS", CodeLocked},
		{"locked for good", file("po/CCPO.LCK", "x"), "export " + slashStart + "/@out /LISTS", CodeLocked},
		{"shut down", file("po/CCPODOWN", ""), "export " + slashStart + "/@out /LISTS", CodeLocked},
		{"shut down, other case", file("po/CcpoDown", ""), "import " + slashStart + "/@in /DIRECTORY", CodeLocked},
		{"some refused", file("in", "Name: x\r\nLocn: L\r\nName: X\r\nLocn: L\r\n"), "import " + slashStart + "/@in /DIRECTORY", CodeRefused},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := hub(t, Lotus, "")
			c.setup(t, dir)
			if code, console := program(t, dir, c.line); code != c.code {
				t.Errorf("%s: code %d, want %d\n%s", c.line, code, c.code, console)
			}
		})
	}
}

func TestFormOfAltShape(t *testing.T) {
	t.Parallel()
	dir := hub(t, Alt, "")
	for line, want := range map[string]int{
		"export " + positionalStart + "out DIRECTORY/PROPADD BATCH FORMAT/FAN": CodeDone,
		"export " + positionalStart + "out directory":                          CodeDone,
		"export " + slashStart + "/@out /DIRECTORY":                            CodeSwitches,
		"export " + positionalStart + "out /DIRECTORY":                         CodeSwitches,
		"export " + positionalStart + "out DIRECTORY/DELETE":                   CodeSwitches,
		"export NORTHHUB wrong po out DIRECTORY":                               CodeAccess,
	} {
		if code, console := program(t, dir, line); code != want {
			t.Errorf("%s: code %d, want %d\n%s", line, code, want, console)
		}
	}
}

// A name with blanks: one argument, with or without quotes.
func TestValueWithBlanks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	po, err := Create(filepath.Join(dir, "po"), Settings{Name: "NORTH HUB"})
	if err != nil {
		t.Fatal(err)
	}
	if err := po.Save(); err != nil {
		t.Fatal(err)
	}
	closeOffice(t, po)
	for _, name := range []string{`/N"North Hub"`, "/NNorth Hub"} {
		var out bytes.Buffer
		if code := Run(t.Context(), dir, []string{"export", name, "/P", "/Dpo", "/@out", "/LISTS"}, &out); code != CodeDone {
			t.Errorf("%s: code %d\n%s", name, code, out.String())
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const in = "Name: one\r\nLocn: L\r\nName: two\r\nLocn: L\r\n"
	for _, c := range []struct {
		reason string
		fault  Fault
		line   string
		code   int
		out    string // of EXPORT; "-" if there is none
		rows   int    // afterwards; one before
	}{
		{"code alone: nothing written", Fault{Program: "export", Code: 1}, "export " + slashStart + "/@out /DIRECTORY", 1, "-", 1},
		{"empty output, code 0", Fault{Program: "export", Output: EmptyOutput}, "export " + slashStart + "/@out /DIRECTORY", 0, "", 1},
		{"cut output, code 0", Fault{Program: "export", Output: TruncatedOutput}, "export " + slashStart + "/@out /DIRECTORY", 0, "Name: NORTHHUB\r\nLoc", 1},
		{"output cut after a line, code 0", Fault{Program: "export", Output: CutOutput, Keep: 25}, "export " + slashStart + "/@out /DIRECTORY", 0, "Name: NORTHHUB\r\nLocn: P\r\n", 1},
		{"missing output, code 0", Fault{Program: "export", Output: MissingOutput}, "export " + slashStart + "/@out /DIRECTORY", 0, "-", 1},
		{"cut output and a code", Fault{Program: "export", Output: TruncatedOutput, Code: 4}, "export " + slashStart + "/@out /DIRECTORY", 4, "Name: NORTHHUB\r\nLoc", 1},
		{"of another task", Fault{Program: "export", Task: TaskLists, Code: 1}, "export " + slashStart + "/@out /BOARDS", 0, "", 1},
		{"of the other program", Fault{Program: "import", Code: 1}, "export " + slashStart + "/@out /BOARDS", 0, "", 1},
		{"dies before the first record", Fault{Program: "import", Code: 1}, "import " + slashStart + "/@in /DIRECTORY", 1, "-", 1},
		{"dies after one record", Fault{Program: "import", Code: 1, After: 1}, "import " + slashStart + "/@in /DIRECTORY", 1, "-", 2},
		{"says it is done and did nothing", Fault{Program: "import", Output: MissingOutput}, "import " + slashStart + "/@in /DIRECTORY", 0, "-", 1},
		{"refuses a name", Fault{Program: "import", Refuse: []string{"ONE"}}, "import " + slashStart + "/@in /DIRECTORY", 5, "-", 2},
		{"refuses a name and dies", Fault{Program: "import", Refuse: []string{"ONE"}, Code: 1, After: 2}, "import " + slashStart + "/@in /DIRECTORY", 1, "-", 2},
		{"refuses without a file", Fault{Program: "import", Code: 5}, "import " + slashStart + "/@in /DIRECTORY", 5, "-", 1},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := hub(t, Lotus, "")
			write(t, dir, "in", in)
			fault(t, dir, c.fault)
			if code, console := program(t, dir, c.line); code != c.code {
				t.Errorf("code %d, want %d\n%s", code, c.code, console)
			}
			out := "-"
			if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
				out = contentsOf(t, dir, "out")
			}
			if out != c.out {
				t.Errorf("output %q, want %q", out, c.out)
			}
			edit(t, dir, func(po *PostOffice) error {
				if rows := len(po.Entries()); rows != c.rows {
					t.Errorf("%d rows afterwards, want %d", rows, c.rows)
				}
				return nil
			})
		})
	}
}

// A cut file ends within a line even where half of it is the end of one.
func TestTruncatedOutput(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{"": "", "ab\r\nabcd": "ab", "a\nb\n": "a", "abcdef": "abc", "a\r\nbcd": "a"} {
		if got, ok := (Fault{Output: TruncatedOutput}).apply([]byte(data)); string(got) != want || !ok {
			t.Errorf("%q cut is %q, want %q", data, got, want)
		}
	}
}

func TestFaultIsUsedUp(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	fault(t, dir, Fault{Program: "export", Code: 1, Times: 2})
	for run, want := range []int{1, 1, 0} {
		if code, _ := program(t, dir, "export "+slashStart+"/@out /LISTS"); code != want {
			t.Errorf("run %d: code %d, want %d", run+1, code, want)
		}
	}
	fault(t, dir, Fault{Program: "export", Code: 4})
	if code, _ := program(t, dir, "export /NNORTHHUB /Pwrong /Dpo /@out /LISTS"); code != CodeAccess {
		t.Errorf("wrong password with a fault waiting: code %d, want %d", code, CodeAccess)
	}
	edit(t, dir, func(po *PostOffice) error {
		po.ClearFaults()
		return nil
	})
	if code, _ := program(t, dir, "export "+slashStart+"/@out /LISTS"); code != CodeDone {
		t.Errorf("after clearing: code %d, want 0", code)
	}
}

func TestHangEndsWithContext(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	fault(t, dir, Fault{Program: "export", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	code := Run(ctx, dir, strings.Fields("export "+slashStart+"/@out /LISTS"), &out)
	if code != CodeFailed || !strings.Contains(out.String(), "hung by request") {
		t.Errorf("code %d: %s", code, out.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("a run that hung wrote its output")
	}
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	dir := hub(t, Lotus, "")
	for _, f := range []Fault{
		{Program: "reclaim", Times: 1},
		{Program: "export", Task: TaskDelete, Times: 1},
		{Program: "export", Output: "garbled", Times: 1},
		{Program: "import", Output: EmptyOutput, Times: 1},
		{Program: "export", Refuse: []string{"x"}, Times: 1},
		{Program: "export", Output: EmptyOutput, Keep: 1, Times: 1},
		{Program: "export", Code: 1},
	} {
		err := Edit(filepath.Join(dir, "po"), func(po *PostOffice) error { return po.AddFault(f) })
		if err == nil || !strings.HasPrefix(err.Error(), "fault: ") {
			t.Errorf("%+v: %v, want an error about the fault", f, err)
		}
	}
}
