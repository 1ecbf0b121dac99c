package cycle_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile/cycle"
)

// Every two connectors are compared, each pair once.
func TestOverlaps(t *testing.T) {
	t.Parallel()
	imports := func(names ...string) map[string]string {
		all := map[string]string{}
		for _, name := range names {
			all["ccmail:"+name] = name
		}
		return all
	}
	got := cycle.Overlaps([]cycle.Neighbour{
		{Connector: "a", PostOffice: "HUB", Path: "/po", Imports: imports("x", "y", "z")},
		{Connector: "b", PostOffice: "HUB", Path: "/po2", Imports: imports("w")},
		{Connector: "c", PostOffice: "hub", Path: "/po/", Imports: imports("z")},
		{Connector: "d", PostOffice: "OTHER", Path: "/po", Imports: imports("w", "z", "y", "x")},
		{Connector: "unread", PostOffice: "FAR", Path: "/far"},
	})
	const entry = ` that this connector imports too, such as `
	const end = `; one of the two has them refused, or they are in the address book twice; part them with import.filter`
	want := []cycle.Overlap{}
	for _, o := range [][3]string{
		{"a", "c", "c works on the same post office, HUB in /po; one connector is enough for a post office, and two that run at once disturb each other's EXPORT and IMPORT"},
		{"a", "c", `c imports 1 entry` + entry + `"z"` + end},
		{"a", "d", `d imports 3 entries` + entry + `"x" and "y"` + end},
		{"b", "d", `d imports 1 entry` + entry + `"w"` + end},
		{"c", "d", `d imports 1 entry` + entry + `"z"` + end},
	} {
		want = append(want, cycle.Overlap{First: o[0], Second: o[1], Finding: cycle.Finding{Check: "overlap", Detail: o[2], Warning: true}})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("overlaps (-want +got):\n%s", diff)
	}
}
