package ccmail_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccdirsync/ccmail"
)

func TestWriteDirectory(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(crlf(sample), written(t, sampleRecords(), lotus(t, "437"))); diff != "" {
		t.Errorf("lotus: %s", diff)
	}
	want := "Name: Müller\nAddr: \nLocn: r\nCmts: x\n\nName: Weber\nAddr: B\nLocn: A\nCmts: \n\x1a"
	o := ccmail.Options{CodePage: page(t, "utf-8"), Dialect: unlike()}
	got := written(t, []ccmail.Record{{Name: "Müller", Location: "r", Comment: "x"}, {Name: "Weber", Location: "A", Address: "B"}}, o)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unlike: %s", diff)
	}
}

func TestWriteTitles(t *testing.T) {
	t.Parallel()
	lists := []ccmail.List{{Title: "Sales", Members: []string{"Quist, Marta", "Weber at SOUTH"}}, {Title: "#News"}}
	boards := []ccmail.Board{{Title: "Cafeteria"}, {Title: "##directory updates"}}
	for want, write := range map[string]func(io.Writer) error{
		"Name: Sales\r\n Quist, Marta\r\n Weber at SOUTH\r\nName: #News\r\n": func(w io.Writer) error { return ccmail.WriteLists(w, lists, tagged(t)) },
		"Sales\n Quist, Marta\n Weber at SOUTH\n\n#News\n\x1a":               func(w io.Writer) error { return ccmail.WriteLists(w, lists, bare(t)) },
		"Name: Cafeteria\r\nName: ##directory updates\r\n":                   func(w io.Writer) error { return ccmail.WriteBoards(w, boards, tagged(t)) },
		"Cafeteria\n\n##directory updates\n\x1a":                             func(w io.Writer) error { return ccmail.WriteBoards(w, boards, bare(t)) },
		"":                                                                   func(w io.Writer) error { return ccmail.WriteBoards(w, nil, tagged(t)) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 127)
	for name, c := range map[string]struct {
		rec   ccmail.Record
		field string
		want  string
	}{
		"no name":                       {ccmail.Record{Location: "r"}, "Name", `Name "" is empty`},
		"31 bytes":                      {ccmail.Record{Name: "1234567890123456789012345678901", Location: "r"}, "Name", "is too long: 31 bytes, at most 30 fit"},
		"address of 127 bytes":          {ccmail.Record{Name: "Quist", Location: "r", Address: long}, "Addr", "127 bytes, at most 126 fit"},
		"comment of 127 bytes":          {ccmail.Record{Name: "Quist", Location: "r", Comment: long}, "Cmts", "127 bytes, at most 126 fit"},
		"not in the code page":          {ccmail.Record{Name: "Łukasz", Location: "r"}, "Name", `Name "Łukasz" cannot be written: character 'Ł' (U+0141) is not in code page cp437`},
		"line end in a comment":         {ccmail.Record{Name: "Quist", Location: "r", Comment: "a\nName: b"}, "Cmts", "has a control character at offset 1"},
		"carriage return in an address": {ccmail.Record{Name: "Quist", Location: "r", Address: "a\r"}, "Addr", "has a control character at offset 1"},
		"end mark in a comment":         {ccmail.Record{Name: "Quist", Location: "r", Comment: "ab\x1a"}, "Cmts", "has a control character at offset 2"},
		"tab in a name":                 {ccmail.Record{Name: "Quist\tMarta", Location: "r"}, "Name", "has a control character at offset 5"},
		"blank before a name":           {ccmail.Record{Name: " Quist", Location: "r"}, "Name", `Name " Quist" begins or ends with a blank`},
		"blank after a comment":         {ccmail.Record{Name: "Quist", Location: "r", Comment: "x "}, "Cmts", "begins or ends with a blank"},
		"unknown location":              {ccmail.Record{Name: "Quist", Location: "X"}, "Locn", `Locn "X" is not one of P p L l R r A a`},
		"two locations":                 {ccmail.Record{Name: "Quist", Location: "rR"}, "Locn", "is not one of"},
		"bracket in a name":             {ccmail.Record{Name: "Quist [x]", Location: "r"}, "Name", `Name "Quist [x]" has the character '[', which the dialect forbids in an address`},
		"bracket in an address":         {ccmail.Record{Name: "Quist", Location: "r", Address: "A x]"}, "Addr", `Addr "A x]" has the character ']', which the dialect forbids`},
		"not Unicode":                   {ccmail.Record{Name: "M\x81ller", Location: "r"}, "Name", "is not valid Unicode text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := lotus(t, "437")
			err := o.Check(c.rec)
			wantError(t, err, c.want)
			var bad *ccmail.ValueError
			if !errors.As(err, &bad) || bad.Field != c.field {
				t.Errorf("%#v, want field %s", err, c.field)
			}
			var b bytes.Buffer
			err = ccmail.WriteDirectory(&b, append(sampleRecords(), c.rec), o)
			if !errors.As(err, &bad) || b.Len() > 0 {
				t.Errorf("wrote %q, %v", b.String(), err)
			}
		})
	}
}

// An entry of cc:Mail itself can be named in a file of deletions, whatever
// our limits say of new entries.
func TestWriteAsRead(t *testing.T) {
	t.Parallel()
	file := "Name: " + strings.Repeat("M\x81", 40) + "[\tx\x07\r\nLocn: X?\r\nAddr: " + strings.Repeat("a", 300) +
		"\r\nCmts: " + strings.Repeat("c\x00", 300) + "\r\n"
	o := lotus(t, "437")
	records, _, err := ccmail.ReadDirectory(strings.NewReader(file), o)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, ccmail.WriteDirectory(io.Discard, records, o), "cannot be written")
	o.AsRead = true
	if diff := cmp.Diff(file, written(t, records, o)); diff != "" {
		t.Error(diff)
	}
	for want, rec := range map[string]ccmail.Record{
		"is empty":                                  {Location: "r"},
		`Name "a\rb" has a control character at`:    {Name: "a\rb", Location: "r"},
		`Addr "ab\n" has a control character at`:    {Name: "a", Location: "r", Address: "ab\n"},
		`Cmts "\x1a" has a control character at`:    {Name: "a", Location: "r", Comment: "\x1a"},
		`Locn "r\n" has a control character at`:     {Name: "a", Location: "r\n"},
		`Name "\ta" begins or ends with a blank`:    {Name: "\ta", Location: "r"},
		"(U+0141) is not in code page cp437":        {Name: "Łukasz", Location: "r"},
		"is too long: 4091 bytes, at most 4090 fit": {Name: strings.Repeat("x", 4091), Location: "r"},
	} {
		wantError(t, ccmail.WriteDirectory(io.Discard, []ccmail.Record{rec}, o), want)
	}
}

// Lengths count in bytes of the file: fifteen characters of 932 fill a name.
func TestCheckCountsBytes(t *testing.T) {
	t.Parallel()
	rec := ccmail.Record{Name: strings.Repeat("ソ", 15), Location: "L"}
	if err := lotus(t, "932").Check(rec); err != nil {
		t.Error(err)
	}
	wantError(t, lotus(t, "utf-8").Check(rec), "45 bytes, at most 30 fit")
	rec.Name = strings.Repeat("ü", 30)
	if err := lotus(t, "437").Check(rec); err != nil {
		t.Error(err)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	o := lotus(t, "437")
	err := ccmail.WriteDirectory(io.Discard, nil, o)
	if !errors.Is(err, ccmail.ErrNoRecords) {
		t.Error(err)
	}
	twice := []ccmail.Record{{Name: "Quist", Location: "r"}, {Name: "QUIST", Location: "L"}}
	wantError(t, ccmail.WriteDirectory(io.Discard, twice, o), `entry "QUIST" cannot be written: Name "QUIST" is already taken by "Quist"`)
	for want, list := range map[string]ccmail.List{
		`Title "" is empty`:               {},
		"31 bytes, at most 30 fit":        {Title: strings.Repeat("x", 31)},
		"begins or ends with a blank":     {Title: "x", Members: []string{"Quist "}},
		`Member "" is empty`:              {Title: "x", Members: []string{""}},
		`title "sales" cannot be written`: {Title: "sales"},
	} {
		wantError(t, ccmail.WriteLists(io.Discard, []ccmail.List{{Title: "Sales"}, list}, o), want)
	}
	for title, want := range map[string]string{"name: x": "like a Name line", "Locn:": "like a Locn line", "ADDR: x": "like a Addr line"} {
		wantError(t, ccmail.WriteBoards(io.Discard, []ccmail.Board{{Title: title}}, bare(t)), want)
	}
	o.File = "x/CCMDIR.IMP"
	wantError(t, ccmail.WriteDirectory(fullDisk{}, sampleRecords(), o), "cannot write x/CCMDIR.IMP: short write")
	var many []ccmail.Record
	for i := range 1000 {
		many = append(many, ccmail.Record{Name: strconv.Itoa(i), Location: "L"})
	}
	wantError(t, ccmail.WriteDirectory(fullDisk{}, many, o), "cannot write x/CCMDIR.IMP: short write")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// A file in strict form comes back byte for byte.
func TestStrictFilesAreWrittenAsTheyWere(t *testing.T) {
	t.Parallel()
	for file, o := range map[string]ccmail.Options{
		"lotus_cp437.exp":  {CodePage: page(t, "437"), Dialect: ccmail.Lotus()},
		"lotus_cp932.exp":  {CodePage: page(t, "932"), Dialect: ccmail.Lotus()},
		"unlike_cp850.exp": {CodePage: page(t, "850"), Dialect: unlike()},
	} {
		raw, err := os.ReadFile("testdata/raw/" + file)
		if err != nil {
			t.Fatal(err)
		}
		records, warnings, err := ccmail.ReadDirectory(bytes.NewReader(raw), o)
		if err != nil || len(warnings) > 0 {
			t.Fatal(file, err, warnings)
		}
		if diff := cmp.Diff(string(raw), written(t, records, o)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

// drawOptions draws a dialect and a code page, and returns with them a
// generator of values of at most 20 bytes that both can hold.
func drawOptions(t *rapid.T, chars map[string][]rune) (ccmail.Options, *rapid.Generator[string]) {
	name := rapid.SampledFrom([]string{"cp437", "cp850", "cp866", "cp932", "cp949", "utf-8"}).Draw(t, "code page")
	p, err := ccmail.CodePageByName(name)
	if err != nil {
		t.Fatal(err)
	}
	o := ccmail.Options{CodePage: p, Dialect: rapid.SampledFrom([]ccmail.Dialect{ccmail.Lotus(), unlike()}).Draw(t, "dialect")}
	value := rapid.Custom(func(t *rapid.T) string {
		text := rapid.OneOf(
			rapid.StringOfN(rapid.RuneFrom(chars[name]), 0, 20, 20),
			rapid.StringOfN(rapid.RuneFrom([]rune("Nname: AdrLocnCmts\":,#~")), 0, 20, 20),
		).Draw(t, "value")
		allowed := strings.Map(func(r rune) rune {
			if strings.ContainsRune(o.Dialect.Forbidden, r) {
				return -1
			}
			return r
		}, text)
		return strings.Trim(allowed, " ")
	})
	return o, value
}

// repertoires returns the characters of some pages that a value may have.
func repertoires(t *testing.T) map[string][]rune {
	t.Helper()
	chars := map[string][]rune{}
	for _, name := range allPages {
		p := page(t, name)
		for r := rune(0x20); r < 0xD800; r++ {
			if b, err := p.Encode(string(r)); err == nil && len(b) <= 2 && !unicode.IsControl(r) {
				chars[name] = append(chars[name], r)
			}
		}
	}
	return chars
}

func TestWhatIsWrittenReadsBackEqual(t *testing.T) {
	t.Parallel()
	chars := repertoires(t)
	rapid.Check(t, func(t *rapid.T) {
		o, value := drawOptions(t, chars)
		o.Dialect.MaxName, o.Dialect.MaxAddress, o.Dialect.MaxComment = 20, 20, 20
		fits := rapid.Custom(func(t *rapid.T) ccmail.Record {
			return ccmail.Record{
				Name:     value.Draw(t, "name"),
				Location: rapid.SampledFrom([]ccmail.Location{"P", "p", "L", "l", "R", "r", "A", "a"}).Draw(t, "location"),
				Address:  value.Draw(t, "address"),
				Comment:  value.Draw(t, "comment"),
			}
		}).Filter(func(rec ccmail.Record) bool { return o.Check(rec) == nil })
		records := rapid.SliceOfNDistinct(fits, 1, 5, func(rec ccmail.Record) string {
			return strings.ToLower(strings.ToUpper(rec.Name))
		}).Draw(t, "records")

		var first, second bytes.Buffer
		if err := ccmail.WriteDirectory(&first, records, o); err != nil {
			if !strings.Contains(err.Error(), "is already taken by") {
				t.Fatal(err)
			}
			t.Skip(err) // folding knows a few letters that ToLower does not
		}
		got, warnings, err := ccmail.ReadDirectory(bytes.NewReader(first.Bytes()), o)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v %v in %q", err, warnings, first.String())
		}
		if diff := cmp.Diff(records, withoutPositions(got)); diff != "" {
			t.Fatal(diff)
		}
		if err := ccmail.WriteDirectory(&second, got, o); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%q became %q, %v", first.String(), second.String(), err)
		}
	})
}

func TestTitlesReadBackEqual(t *testing.T) {
	t.Parallel()
	chars := repertoires(t)
	rapid.Check(t, func(t *rapid.T) {
		o, value := drawOptions(t, chars)
		list := ccmail.List{Title: value.Draw(t, "title")}
		for _, member := range rapid.SliceOfN(value, 0, 4).Draw(t, "members") {
			if member != "" {
				list.Members = append(list.Members, member)
			}
		}
		var b bytes.Buffer
		if err := ccmail.WriteLists(&b, []ccmail.List{list}, o); err != nil {
			var bad *ccmail.ValueError
			if !errors.As(err, &bad) {
				t.Fatal(err)
			}
			t.Skip(err)
		}
		got, warnings, err := ccmail.ReadLists(bytes.NewReader(b.Bytes()), o)
		if err != nil || len(warnings) > 0 || len(got) != 1 {
			t.Fatalf("%v %v %v in %q", got, err, warnings, b.String())
		}
		got[0].Pos = ccmail.Position{}
		if diff := cmp.Diff(list, got[0]); diff != "" {
			t.Fatal(diff)
		}
		b.Reset()
		if err = ccmail.WriteBoards(&b, []ccmail.Board{{Title: list.Title}}, o); err != nil {
			t.Fatal(err)
		}
		boards, _, err := ccmail.ReadBoards(&b, o)
		if err != nil || len(boards) != 1 || boards[0].Title != list.Title {
			t.Fatal(boards, err)
		}
	})
}
