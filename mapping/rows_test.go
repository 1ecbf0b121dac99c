package mapping

import (
	"testing"

	"ccdirsync/ccmail"
	"ccdirsync/reconcile"
)

func TestRows(t *testing.T) {
	t.Parallel()
	place := ccmail.Position{File: "CCMDIR.EXP", Line: 9, Column: 7}
	for _, tc := range []struct {
		reason string
		record ccmail.Record
		want   reconcile.Row
	}{
		{
			"a local user has no address",
			ccmail.Record{Name: "Doe, John", Location: "L", Comment: "Room 7", Pos: place},
			reconcile.Row{Name: "Doe, John", Location: "L", PostOffice: "NORTHHUB", Comment: "Room 7", Place: "CCMDIR.EXP:9:7"},
		},
		{
			"nor does a mobile one",
			ccmail.Record{Name: "Doe, John", Location: "R"},
			reconcile.Row{Name: "Doe, John", Location: "R", PostOffice: "NORTHHUB"},
		},
		{
			"nor an alias",
			ccmail.Record{Name: "Jack", Location: "A", Address: " "},
			reconcile.Row{Name: "Jack", Location: "A", PostOffice: "NORTHHUB"},
		},
		{
			"a remote one without an address is nowhere",
			ccmail.Record{Name: "Doe, John", Location: "r"},
			reconcile.Row{Name: "Doe, John", Location: "r"},
		},
		{
			"the first word is the post office",
			ccmail.Record{Name: "root", Location: "r", Address: "PO9 root@example.com at Internet"},
			reconcile.Row{Name: "root", Location: "r", PostOffice: "PO9", Foreign: "root@example.com at Internet"},
		},
		{
			"a known post office may have blanks in its name",
			ccmail.Record{Name: "Vale, Vera", Location: "l", Address: "South Hub Vera"},
			reconcile.Row{Name: "Vale, Vera", Location: "l", PostOffice: "South Hub", Foreign: "Vera"},
		},
		{
			"a post office is at itself",
			ccmail.Record{Name: "South Hub", Location: "p", Address: "NORTHHUB", Comment: "MSExchangeCCMC X"},
			reconcile.Row{Name: "South Hub", Location: "p", PostOffice: "South Hub", Comment: "MSExchangeCCMC X"},
		},
		{
			"a code nobody knows is kept",
			ccmail.Record{Name: "x", Location: "Z", Address: "PO9"},
			reconcile.Row{Name: "x", Location: "Z", PostOffice: "PO9"},
		},
	} {
		rows := Rows([]ccmail.Record{tc.record, {Name: "South Hub", Location: "p", Address: "NORTHHUB"}}, "NORTHHUB")
		if rows[0] != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.reason, rows[0], tc.want)
		}
	}
}
