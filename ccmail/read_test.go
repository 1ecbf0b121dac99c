package ccmail_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

const sample = `Name: NORTHHUB
Locn: P
Addr:
Cmts: Main hub
Name: EXSITE1
Locn: p
Addr: NORTHHUB
Cmts: MSExchangeCCMC MAILSRV7
Name: Quist, Marta
Locn: r
Addr: EXSITE1 Quist, Marta
Cmts:
Name: Weber, Jan
Locn: r
Addr: SMTPGATE "Jan Weber" <jweber@example.org>
Cmts: 10:30 at gate; Addr: none
`

func sampleRecords() []ccmail.Record {
	return []ccmail.Record{
		{Name: "NORTHHUB", Location: ccmail.DirectPostOffice, Comment: "Main hub"},
		{Name: "EXSITE1", Location: ccmail.IndirectPostOffice, Address: "NORTHHUB", Comment: "MSExchangeCCMC MAILSRV7"},
		{Name: "Quist, Marta", Location: ccmail.RemoteUser, Address: "EXSITE1 Quist, Marta"},
		{
			Name: "Weber, Jan", Location: ccmail.RemoteUser, Address: `SMTPGATE "Jan Weber" <jweber@example.org>`,
			Comment: "10:30 at gate; Addr: none",
		},
	}
}

// All of these say the same as the sample.
func TestReadDirectoryTakesEveryForm(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"CR LF":                       crlf(sample),
		"LF":                          sample,
		"CR":                          strings.ReplaceAll(sample, "\n", "\r"),
		"mixed line ends":             strings.Replace(crlf(sample), "\r\n", "\n", 3),
		"blank lines before entries":  "\r\n\n" + strings.ReplaceAll(crlf(sample), "Name:", "\r\n \t\r\nName:"),
		"blank lines inside entries":  strings.ReplaceAll(crlf(sample), "\nAddr:", "\n\r\nAddr:"),
		"tags in capitals":            strings.NewReplacer("Name: ", "NAME: ", "Locn: ", "LOCN: ", "Cmts:\n", "CMTS:\n").Replace(sample),
		"no blank after the colon":    strings.NewReplacer("Name: ", "Name:", "Locn: ", "Locn:").Replace(sample),
		"more blanks and tabs":        strings.NewReplacer("Name: ", "Name: \t ", "Cmts:\n", "Cmts:   \n", "Locn: P\n", "Locn: P \t\n").Replace(sample),
		"end mark":                    crlf(sample) + "\x1a",
		"end marks that fill a block": crlf(sample) + "\x1a\x1a\x1a\x00\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records, warnings, err := ccmail.ReadDirectory(iotest.OneByteReader(strings.NewReader(file)), lotus(t, "437"))
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			if diff := cmp.Diff(sampleRecords(), withoutPositions(records)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadDirectoryInAnyFieldOrder(t *testing.T) {
	t.Parallel()
	file := "Name: Quist, Marta\nCmts: Room 1\nAddr: EXSITE1\nLocn: r\nName: Weber\nAddr:\nLocn: L\nCmts:\n"
	records, _, err := ccmail.ReadDirectory(strings.NewReader(file), lotus(t, "437"))
	if err != nil {
		t.Fatal(err)
	}
	want := []ccmail.Record{
		{Name: "Quist, Marta", Location: "r", Address: "EXSITE1", Comment: "Room 1", Pos: ccmail.Position{File: "CCMDIR.EXP", Line: 1, Column: 1}},
		{Name: "Weber", Location: "L", Pos: ccmail.Position{File: "CCMDIR.EXP", Line: 5, Column: 1}},
	}
	if diff := cmp.Diff(want, records); diff != "" {
		t.Error(diff)
	}
}

func TestReadDirectoryWarnings(t *testing.T) {
	t.Parallel()
	const entry = "Name: Quist\nLocn: r\nAddr:\nCmts:\n"
	for name, c := range map[string]struct {
		file     string
		records  int
		warnings []string
	}{
		"unknown location letter is kept": {
			"Name: Quist\nLocn:  X\nAddr:\nCmts:\n", 1,
			[]string{`CCMDIR.EXP:2:8: location "X" of "Quist" is not one of P p L l R r A a`},
		},
		"empty location is kept": {
			"Name: Quist\nLocn:\nAddr:\nCmts:\n", 1,
			[]string{`CCMDIR.EXP:2:6: location "" of "Quist" is not one of P p L l R r A a`},
		},
		"unknown tag is skipped": {
			"Name: Quist\nPswd: secret\nLocn: r\nAddr:\nCmts:\nXtra:\n", 1,
			[]string{"CCMDIR.EXP:2:1: unknown tag Pswd is skipped", "CCMDIR.EXP:6:1: unknown tag Xtra is skipped"},
		},
		"the same entry again is dropped": {
			entry + "Name: Weber\nLocn: L\nAddr:\nCmts:\n" + entry, 2,
			[]string{`CCMDIR.EXP:9:1: "Quist" repeats line 1 and is dropped`},
		},
		"hidden entries of automatic directory exchange are entries": {
			"Name: ~ADE_Mailbox\nLocn: p\nAddr: HUB\nCmts:\nName: ##directory updates\nLocn: L\nAddr:\nCmts:\n", 2, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records, warnings, err := ccmail.ReadDirectory(strings.NewReader(c.file), lotus(t, "437"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range warnings {
				got = append(got, w.String())
			}
			if diff := cmp.Diff(c.warnings, got); diff != "" {
				t.Error(diff)
			}
			if len(records) != c.records {
				t.Errorf("%d records, want %d", len(records), c.records)
			}
		})
	}
}

func TestReadDirectoryErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, file, want string }{
		"no entry": {
			"437", "", "CCMDIR.EXP:1:1: cannot take this for an export: the file holds no directory entry; export the file again",
		},
		"only blank lines": {"437", "\r\n\r\n\x1a", "CCMDIR.EXP:1:1: cannot take this for an export: the file holds no directory entry"},
		"cut off in a line": {
			"437", "Name: Quist\r\nLocn: r\r\nAddr:\r\nCmts: Roo",
			"CCMDIR.EXP:4:10: the last line has no line end, the file looks cut off; export the file again",
		},
		"cut off in a line, with an end mark": {
			"437", "Name: Quist\r\nLocn: r\r\nAddr:\r\nCmts: Roo\x1a", "CCMDIR.EXP:4:10: the last line has no line end",
		},
		"text after the end mark": {
			"437", crlf(sample) + "\x1a\x1a\x00Name: Zola\r\n",
			"CCMDIR.EXP:17:1: text follows the end-of-file mark 0x1A, so the file is not one whole export; export the file again",
		},
		"cut off between lines": {
			"437", "Name: Quist\r\nLocn: r\r\n",
			`CCMDIR.EXP:3:1: the file ends inside the entry "Quist" of line 1, before its Addr, Cmts line, and looks cut off; export the file again`,
		},
		"a field is missing": {
			"437", "Name: Quist\nLocn: r\nAddr:\nName: Weber\nLocn: r\nAddr:\nCmts:\n",
			`CCMDIR.EXP:4:1: the entry "Quist" of line 1 has no Cmts line`,
		},
		"a field is there twice": {
			"437", "Name: Quist\nLocn: r\nAddr:\nAddr: X\nCmts:\n",
			`CCMDIR.EXP:4:1: second Addr line for "Quist", whose Name line is 1`,
		},
		"a line without a tag": {
			"437", "Name: Quist\nLocn: r\nAddr:\nM\x81ller\nCmts:\n",
			`CCMDIR.EXP:4:1: "Müller" is not a line of a directory entry; check that it is a text file as EXPORT writes it`,
		},
		"an indented tag is none":      {"437", "Name: Quist\n Locn: r\n", `CCMDIR.EXP:2:1: " Locn: r" is not a line`},
		"a tag of five letters":        {"437", "Names: Quist\n", `CCMDIR.EXP:1:1: "Names: Quist" is not a line`},
		"a tag with a digit":           {"437", "Nam3: Quist\n", `CCMDIR.EXP:1:1: "Nam3: Quist" is not a line`},
		"a verb instead of an entry":   {"437", "DELETE\nName: Quist\n", `CCMDIR.EXP:1:1: "DELETE" is not a line`},
		"a field before the first":     {"437", "\nLocn: r\nName: Quist\n", "CCMDIR.EXP:2:1: Locn line before the first Name line"},
		"an unknown tag before all":    {"437", "Vers: 5\nName: Quist\n", "CCMDIR.EXP:1:1: Vers line before the first Name line"},
		"no name":                      {"437", "Name:  \nLocn: r\nAddr:\nCmts:\n", "CCMDIR.EXP:1:8: the entry has no name"},
		"a line that never ends":       {"437", "Name: " + strings.Repeat("x", 4091), "CCMDIR.EXP:1:4097: the line is longer than 4096 bytes"},
		"wrong code page, with a hint": {"932", "Name: Quist\nLocn: r\nAddr:\nCmts: \tab\xff\n", "CCMDIR.EXP:4:10: the value cannot be decoded: byte 0xFF at offset 2 is not a character of code page cp932; check the code page"},
		"one name, other values": {
			"437", "Name: M\x81ller\nLocn: r\nAddr: A\nCmts:\n\nName: M\x9aLLER\nLocn: r\nAddr: A\nCmts:\n",
			`CCMDIR.EXP:6:1: "MÜLLER" is already in line 1 with other values; the file is not one whole export; export the file again`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records, _, err := ccmail.ReadDirectory(strings.NewReader(c.file), lotus(t, c.page))
			wantError(t, err, c.want)
			var at *ccmail.ParseError
			if !errors.As(err, &at) || at.Pos.Line == 0 || at.Pos.Column == 0 {
				t.Errorf("%v has no position", err)
			}
			if records != nil {
				t.Errorf("records of half a file: %v", records)
			}
		})
	}
}

func TestReadDirectoryErrorKinds(t *testing.T) {
	t.Parallel()
	_, _, err := ccmail.ReadDirectory(strings.NewReader(""), lotus(t, "437"))
	if !errors.Is(err, ccmail.ErrNoRecords) {
		t.Errorf("%v is not ErrNoRecords", err)
	}
	for name, text := range map[string]string{"in a line": "Name: Qu", "after the end mark": sample + "\x1a"} {
		broken := io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrClosedPipe))
		_, _, err = ccmail.ReadDirectory(broken, lotus(t, "437"))
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", name, err)
		}
		wantError(t, err, "CCMDIR.EXP:", "cannot read on")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	noPage := ccmail.Options{Dialect: ccmail.Lotus()}
	noDialect := ccmail.Options{CodePage: page(t, "437")}
	for want, o := range map[string]ccmail.Options{"no code page is set": noPage, "field order": noDialect} {
		_, _, err := ccmail.ReadDirectory(strings.NewReader(sample), o)
		wantError(t, err, want)
		_, _, err = ccmail.ReadLists(strings.NewReader(""), o)
		wantError(t, err, want)
		_, _, err = ccmail.ReadBoards(strings.NewReader(""), o)
		wantError(t, err, want)
		_, err = ccmail.ReadRefused(strings.NewReader(""), o)
		wantError(t, err, want)
		wantError(t, ccmail.WriteDirectory(io.Discard, sampleRecords(), o), want)
		wantError(t, ccmail.WriteLists(io.Discard, nil, o), want)
		wantError(t, ccmail.WriteBoards(io.Discard, nil, o), want)
	}
}
