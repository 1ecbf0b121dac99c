package ldapsrc

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSchemaNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ description, want string }{
		{"( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC 'RFC2256: a (last) name' SUP name )", "sn surname"},
		{"( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' DESC 'RFC2798' SUP organizationalPerson )", "inetorgperson"},
		{"(1.1 NAME('a' 'b'))", ""}, // the blank is required
		{"( 1.1 DESC 'without' SUP top )", ""},
		{"( 1.1 NAME ( 'open", "open"},
		{"", ""},
	} {
		names := slices.Sorted(maps.Keys(schemaNames([]string{test.description})))
		if diff := cmp.Diff(test.want, strings.Join(names, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.description, diff)
		}
	}
}

// Whatever a server publishes, names are parts of it.
func FuzzSchemaNames(f *testing.F) {
	f.Add("( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name )")
	f.Add("( 2.5.4.3 NAME 'cn' )")
	f.Add(" NAME '")
	f.Fuzz(func(t *testing.T, description string) {
		for name := range schemaNames([]string{description}) {
			if !strings.Contains(strings.ToLower(description), name) {
				t.Errorf("%q is no part of %q", name, description)
			}
		}
	})
}
