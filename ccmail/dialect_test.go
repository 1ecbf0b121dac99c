package ccmail_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

func TestDialectByName(t *testing.T) {
	t.Parallel()
	got, err := ccmail.DialectByName("lotus")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ccmail.Lotus(), got); diff != "" {
		t.Error(diff)
	}
	_, err = ccmail.DialectByName("notes")
	wantError(t, err, `unknown dialect "notes"`, "known is: lotus")
}

func TestValidateDialect(t *testing.T) {
	t.Parallel()
	for _, good := range []ccmail.Dialect{ccmail.Lotus(), unlike()} {
		if err := good.Validate(); err != nil {
			t.Errorf("%s: %v", good.Name, err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(*ccmail.Dialect)
		want  string
	}{
		"unknown field":         {func(d *ccmail.Dialect) { d.FieldOrder[1] = "Loc" }, `field order ["Name" "Loc" "Addr" "Cmts"] must name each of Name, Locn, Addr, Cmts once`},
		"field twice":           {func(d *ccmail.Dialect) { d.FieldOrder[1] = "Addr" }, "once"},
		"field missing":         {func(d *ccmail.Dialect) { d.FieldOrder = d.FieldOrder[:3] }, "once"},
		"name is not first":     {func(d *ccmail.Dialect) { d.FieldOrder = []string{"Locn", "Name", "Addr", "Cmts"} }, "must begin with Name"},
		"line end of old Macs":  {func(d *ccmail.Dialect) { d.LineEnd = "\r" }, `line end "\r"`},
		"negative blank lines":  {func(d *ccmail.Dialect) { d.BlankLines = -1 }, "blank lines -1"},
		"unknown shape":         {func(d *ccmail.Dialect) { d.Boards = "xml" }, `shape "xml" of boards`},
		"no length":             {func(d *ccmail.Dialect) { d.MaxName = 0 }, "longest name of 0 bytes"},
		"longer than any line":  {func(d *ccmail.Dialect) { d.MaxComment = 4091 }, "must be from 1 to 4090"},
		"every problem is told": {func(d *ccmail.Dialect) { d.LineEnd, d.Lists = "", "" }, "\ndialect \"lotus\": shape \"\" of lists"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := ccmail.Lotus()
			c.spoil(&d)
			wantError(t, d.Validate(), c.want)
		})
	}
}
