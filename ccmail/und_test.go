package ccmail_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

func TestReadRefused(t *testing.T) {
	t.Parallel()
	pos := func(line int) ccmail.Position { return ccmail.Position{File: "CCMDIR.EXP", Line: line, Column: 1} }
	for name, c := range map[string]struct {
		file string
		want []ccmail.Refused
	}{
		"nothing": {"\r\n", nil},
		"a reason and its entry": {
			"Name already exists\r\nName: Quist\r\nLocn: r\r\nAddr: EXSITE1 Quist\r\nCmts: x\r\n",
			[]ccmail.Refused{{
				Reason: "Name already exists",
				Record: ccmail.Record{Name: "Quist", Location: "r", Address: "EXSITE1 Quist", Comment: "x", Pos: pos(2)},
			}},
		},
		"reasons of two lines, entries of one": {
			"Unknown post office:\nEXSITE9\nName: Quist\nNote: locked\nName: Weber\n",
			[]ccmail.Refused{
				{Reason: "Unknown post office:; EXSITE9", Record: ccmail.Record{Name: "Quist", Pos: pos(3)}},
				{Reason: "Note: locked", Record: ccmail.Record{Name: "Weber", Pos: pos(5)}},
			},
		},
		"no reason": {"Name: Quist\r\n", []ccmail.Refused{{Record: ccmail.Record{Name: "Quist", Pos: pos(1)}}}},
		"a reason inside the entry": {
			"Name: Quist\nbad address\nAddr: X\n",
			[]ccmail.Refused{{Reason: "bad address", Record: ccmail.Record{Name: "Quist", Address: "X", Pos: pos(1)}}},
		},
		"an entry without a name, a reason without an entry": {
			"Addr: X\nout of space",
			[]ccmail.Refused{{Record: ccmail.Record{Address: "X", Pos: pos(1)}}, {Reason: "out of space"}},
		},
		"a file that was appended to after its end mark": {
			"Name: Quist\r\n\x1aName: Weber\r\n\x1a",
			[]ccmail.Refused{{Record: ccmail.Record{Name: "Quist", Pos: pos(1)}}, {Record: ccmail.Record{Name: "Weber", Pos: pos(3)}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused, err := ccmail.ReadRefused(strings.NewReader(c.file), lotus(t, "437"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, refused); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadRefusedShowsWhatItCannotDecode(t *testing.T) {
	t.Parallel()
	refused, err := ccmail.ReadRefused(strings.NewReader("Name: \x83\x65\xff\r\n"), lotus(t, "932"))
	if err != nil || len(refused) != 1 || refused[0].Record.Name != "テ\ufffd" {
		t.Errorf("%v, %v", refused, err)
	}
	_, err = ccmail.ReadRefused(strings.NewReader(strings.Repeat("x", 5000)), lotus(t, "437"))
	wantError(t, err, "cannot tell which entries were refused: CCMDIR.EXP:1:4097: the line is longer")
	var pos *ccmail.ParseError
	if !errors.As(err, &pos) {
		t.Errorf("%v has no position", err)
	}
}
