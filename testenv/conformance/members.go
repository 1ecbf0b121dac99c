package conformance

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ldapsrc"
)

// membersOf reads the members of the list that changesMembers makes.
func membersOf(t *testing.T, d Directory, dn string) []string {
	t.Helper()
	profile := ldapsrc.Exchange55()
	profile.ReadMembers = true
	return written(t, d.Dial(t, func(s *ldapsrc.Server) { s.Profile = profile }), dn).Members
}

// sales is a distribution list as this project makes them.
func sales() ldapsrc.Recipient {
	return ldapsrc.Recipient{
		DN: "cn=CC0LIST," + Container, Class: ldapsrc.DistributionList, DirectoryName: "CC0LIST",
		DisplayName: "Sales", Alias: "Sales", ImportedFrom: "hq", TrustLevel: ldapsrc.DefaultTrustLevel,
		Proxies: []ldapsrc.Proxy{
			{Type: "X400", Address: "c=GB;a= ;p=Contoso;o=HQ;s=Sales;", Primary: true},
			{Type: "CCMAIL", Address: "#Sales", Primary: true},
		},
		Attributes: map[string][]string{"extension-attribute-15": {"list:sales"}},
	}
}

func (d Directory) changesMembers(t *testing.T) {
	const (
		first = "cn=user001," + Recipients
		other = "cn=user002," + Recipients
		third = "cn=user003," + Recipients
	)
	c := d.Dial(t)
	list := sales()
	dn := list.DN
	add(t, c, list)
	wantWritten(t, c, list)
	members := func(op ldapsrc.ModOp, values ...string) ldapsrc.Mod {
		return ldapsrc.Mod{Op: op, Name: "member", Values: values}
	}
	modify := func(mods ...ldapsrc.Mod) ldapsrc.Change {
		return ldapsrc.Change{DN: dn, Type: ldapsrc.ModifyEntry, Mods: mods}
	}

	apply(t, c, modify(members(ldapsrc.AddValues, first)))
	apply(t, c, modify(members(ldapsrc.AddValues, other), members(ldapsrc.DeleteValues, first)))
	if diff := cmp.Diff([]string{other}, membersOf(t, d, dn)); diff != "" {
		t.Errorf("one came, one went (-want +got):\n%s", diff)
	}

	mixed := modify(members(ldapsrc.AddValues, other, third), members(ldapsrc.DeleteValues, first))
	var refused *ldapsrc.Error
	if err := c.Apply(t.Context(), mixed); !errors.As(err, &refused) || refused.Code != 20 {
		t.Errorf("one that is there already, by Apply: %v", err)
	}
	if err := send(t, c, mixed); err != nil {
		t.Errorf("one there already, one gone already: %v", err)
	}
	if diff := cmp.Diff([]string{other, third}, membersOf(t, d, dn)); diff != "" {
		t.Errorf("after what was already so was passed over (-want +got):\n%s", diff)
	}

	mixed.DN = "cn=nobody," + Container
	if err := send(t, c, mixed); !errors.Is(err, ldapsrc.ErrNoSuchObject) {
		t.Errorf("of a list that is not there: %v", err)
	}
	apply(t, c, ldapsrc.Exchange55().Delete(dn))
}

// send has a Writer send a change.
func send(t *testing.T, c *ldapsrc.Conn, change ldapsrc.Change) error {
	t.Helper()
	w := c.Writer()
	var all []error
	for results, err := range w.Write(t.Context(), []ldapsrc.Group{{Changes: []ldapsrc.Change{change}}}) {
		all = append(all, err)
		for _, r := range results {
			all = append(all, r.Err)
		}
	}
	return errors.Join(append(all, w.Close())...)
}
