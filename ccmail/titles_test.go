package ccmail_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

func bare(tb testing.TB) ccmail.Options {
	tb.Helper()
	return ccmail.Options{File: "titles", CodePage: page(tb, "437"), Dialect: unlike()}
}

func tagged(tb testing.TB) ccmail.Options {
	tb.Helper()
	o := lotus(tb, "437")
	o.File = "titles"
	return o
}

func at(line int) ccmail.Position { return ccmail.Position{File: "titles", Line: line, Column: 1} }

func texts(warnings []ccmail.Warning) string {
	var b strings.Builder
	for _, w := range warnings {
		b.WriteString(w.String() + "\n")
	}
	return b.String()
}

func TestReadLists(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o        ccmail.Options
		file     string
		want     []ccmail.List
		warnings string
	}{
		"an empty file is a post office without lists": {o: tagged(t)},
		"only an end mark": {o: bare(t), file: "\x1a"},
		"tagged": {
			o: tagged(t), file: "Name: Sales Team\r\nCmts:\r\n  Quist, Marta\r\n\tWeber, Jan at SOUTH \r\n\r\nname:#Board\r\n",
			want: []ccmail.List{
				{Title: "Sales Team", Members: []string{"Quist, Marta", "Weber, Jan at SOUTH"}, Pos: at(1)},
				{Title: "#Board", Pos: at(6)},
			},
		},
		"bare": {
			o: bare(t), file: "Sales Team\n Quist, Marta\nNews: daily\n",
			want: []ccmail.List{{Title: "Sales Team", Members: []string{"Quist, Marta"}, Pos: at(1)}, {Title: "News: daily", Pos: at(3)}},
		},
		"other tags": {
			o: tagged(t), file: "Name: Sales\nOwnr: Quist\n",
			want:     []ccmail.List{{Title: "Sales", Pos: at(1)}},
			warnings: "titles:2:1: tag Ownr is skipped\n",
		},
		"a title again, with its members": {
			o: bare(t), file: "Sales\n Quist\nSALES\n Weber\nNews\n Jan\n",
			want:     []ccmail.List{{Title: "Sales", Members: []string{"Quist"}, Pos: at(1)}, {Title: "News", Members: []string{"Jan"}, Pos: at(5)}},
			warnings: "titles:3:1: title \"SALES\" repeats line 1 and is dropped\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lists, warnings, err := ccmail.ReadLists(strings.NewReader(c.file), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lists); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.warnings, texts(warnings)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadBoards(t *testing.T) {
	t.Parallel()
	want := []ccmail.Board{{Title: "Cafeteria", Pos: at(1)}, {Title: "##directory updates", Pos: at(2)}}
	for file, o := range map[string]ccmail.Options{
		"Name: Cafeteria\r\nName: ##directory updates\r\n": tagged(t),
		"Cafeteria\n##directory updates\n\x1a":             bare(t),
	} {
		boards, warnings, err := ccmail.ReadBoards(strings.NewReader(file), o)
		if err != nil || len(warnings) > 0 {
			t.Fatal(err, warnings)
		}
		if diff := cmp.Diff(want, boards); diff != "" {
			t.Error(diff)
		}
	}
	boards, warnings, err := ccmail.ReadBoards(strings.NewReader("Name: Cafeteria\n about food\n"), tagged(t))
	if err != nil || len(boards) != 1 {
		t.Fatal(boards, err)
	}
	if diff := cmp.Diff("titles:2:1: indented line is skipped, a bulletin board has no members\n", texts(warnings)); diff != "" {
		t.Error(diff)
	}
}

func TestReadTitlesErrors(t *testing.T) {
	t.Parallel()
	lists := func(file string, o ccmail.Options) error {
		_, _, err := ccmail.ReadLists(strings.NewReader(file), o)
		return err
	}
	boards := func(file string, o ccmail.Options) error {
		_, _, err := ccmail.ReadBoards(strings.NewReader(file), o)
		return err
	}
	const directory = `looks like a directory file; check the switches of export_lists or export_boards in the configuration`
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"directory in place of lists":  {lists(crlf(sample), tagged(t)), "titles:2:1: this " + directory},
		"directory in place of boards": {boards("Name: Quist\nCmts: Addr\n\nADDR:\n", tagged(t)), "titles:4:1: this " + directory},
		"directory, no name before":    {lists("Addr: HUB\nName: Quist\n", tagged(t)), "titles:1:1: this " + directory},
		"directory, bare lists":        {lists("Name: Quist\nCmts: x\nLocn: r\n", bare(t)), "titles:3:1: this " + directory},
		"directory, bare boards":       {boards("Quist\nLocn: r\n", bare(t)), "titles:2:1: this " + directory},
		"text after the end mark":      {lists("Name: Sales\r\n\x1aName: News\r\n", tagged(t)), "titles:2:1: text follows the end-of-file mark 0x1A"},
		"boards after the end mark":    {boards("Sales\n\x1a\x00\x1a \r\nNews\n", bare(t)), "titles:2:1: text follows the end-of-file mark 0x1A"},
		"bare file, tagged dialect":    {lists("Sales\r\n", tagged(t)), `titles:1:1: "Sales" is not a line with a tag; if the file has one title in each line, set the dialect's shape to bare`},
		"tagged file, bare dialect":    {boards("NAME: Sales\r\n", bare(t)), "titles:1:1: Name line in a file of bare titles; if the titles stand in Name lines"},
		"cut off in a title":           {lists("Name: Sales\r\nName: Ne", tagged(t)), "titles:2:9: the last line has no line end"},
		"cut off in a bare title":      {boards("Sales\nNe", bare(t)), "titles:2:3: the last line has no line end"},
		"no title":                     {lists("\nName:\n", tagged(t)), "titles:2:6: the title is empty"},
		"member before a title":        {lists(" Quist\n", bare(t)), "titles:1:1: indented line before the first title"},
		"tag before a title":           {lists("Cmts:\n", tagged(t)), "titles:1:1: Cmts line before the first Name line"},
		"indented title of a board":    {boards("News\n Sales\n", bare(t)), "titles:2:1: the title of a bulletin board must begin in column 1"},
		"a line that never ends":       {boards(strings.Repeat("x", 4097), bare(t)), "titles:1:4097: the line is longer"},
		"undecodable title":            {lists("Name: a\xff\n", ccmail.Options{File: "titles", CodePage: page(t, "932"), Dialect: ccmail.Lotus()}), "titles:1:8: the value cannot be decoded"},
		"undecodable member":           {lists("Name: a\n \tb\xff\n", ccmail.Options{File: "titles", CodePage: page(t, "932"), Dialect: ccmail.Lotus()}), "titles:2:4: the value cannot be decoded"},
		"undecodable title of a board": {boards("a\xff\n", ccmail.Options{File: "titles", CodePage: page(t, "utf-8"), Dialect: unlike()}), "titles:1:2: the value cannot be decoded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, c.err, c.want)
			var pos *ccmail.ParseError
			if !errors.As(c.err, &pos) {
				t.Errorf("%v has no position", c.err)
			}
		})
	}
}
