package ldapsrc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/slapd"
)

const (
	org   = "o=Contoso"
	kinds = "cn=kinds,ou=HQ,o=Contoso"
)

func remoteAddress(dn string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: dn, Type: exchange55.Add, Attributes: []exchange55.Attribute{
		{Name: "objectClass", Values: []string{"Remote-Address"}},
		{Name: "cn", Values: []string{"New"}},
		{Name: "Target-Address", Values: []string{"CCMAIL:New at PO"}},
	}}
}

func list(dn string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: dn, Type: exchange55.Add, Attributes: []exchange55.Attribute{
		{Name: "objectClass", Values: []string{"groupOfNames"}}, {Name: "cn", Values: []string{"A list"}},
	}}
}

func set(dn, name, value string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: dn, Type: exchange55.Modify, Changes: []exchange55.Change{
		{Op: exchange55.ReplaceValues, Attribute: exchange55.Attribute{Name: name, Values: []string{value}}},
	}}
}

func deletion(dn string) exchange55.ChangeRecord {
	return exchange55.ChangeRecord{DN: dn, Type: exchange55.Delete}
}

func readAll(t *testing.T, c *ldapsrc.Conn, base string) (*ldapsrc.Recipients, ldapsrc.Mark) {
	t.Helper()
	r, mark, err := c.Read(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	return r, mark
}

func names(entries []ldapsrc.Entry) (dns []string) {
	for _, e := range entries {
		dns = append(dns, e.DN())
	}
	return dns
}

// values are those of a few entries that tests change.
func values(entries []ldapsrc.Entry) (all []string) {
	for _, e := range entries {
		if !strings.Contains(e.DN(), "user") {
			all = append(all, fmt.Sprint(e.DN(), e.Attributes()))
		}
	}
	return all
}

// wantEqual compares two sets, entry by entry.
func wantEqual(t interface {
	Helper()
	Errorf(format string, args ...any)
}, want, got *ldapsrc.Recipients,
) {
	t.Helper()
	a, b := slices.Collect(want.All()), slices.Collect(got.All())
	if !slices.EqualFunc(a, b, ldapsrc.Entry.Equal) {
		t.Errorf("read again: %q\nput together: %q", values(a), values(b))
	}
}

func TestChangesByUSN(t *testing.T) {
	t.Parallel()
	for _, base := range []string{org, "ou=HQ,o=Contoso", kinds} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			d := startExchange55(t)
			c := directory{url: d.URL()}.dial(t)
			have, mark := readAll(t, c, base)
			none, again, err := c.Changes(t.Context(), base, have, mark)
			if err != nil || !none.Empty() || again.USN != mark.USN {
				t.Fatalf("nothing was changed: %q, %q, %+v, %v", names(none.Changed), none.Gone, again, err)
			}
			if err = d.Apply([]exchange55.ChangeRecord{
				remoteAddress("cn=new," + kinds),
				remoteAddress("cn=brief," + kinds), deletion("cn=brief," + kinds),
				set("cn=jbloggs,"+kinds, "info", "changed"),
				set("cn=CC00012A,"+kinds, "Hide-From-Address-Book", "TRUE"),
				deletion("cn=helpdesk," + kinds),
				deletion("cn=all," + kinds), remoteAddress("CN=All, " + kinds),
			}); err != nil {
				t.Fatal(err)
			}
			delta, next, err := c.Changes(t.Context(), base, have, mark)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ToLower(fmt.Sprint(len(delta.Changed), delta.Gone)); got != "4 [cn=all,"+kinds0()+" cn=helpdesk,"+kinds0()+"]" || next.USN <= mark.USN {
				t.Errorf("changed %q, gone %q, %+v", names(delta.Changed), delta.Gone, next)
			}
			now := have.Apply(delta)
			if e, found := now.Find("CN=cc00012a," + kinds); !found || !e.Hidden() {
				t.Error("what was hidden is taken for deleted")
			}
			if e, found := now.Find("cn=all," + kinds); !found || e.Class() != ldapsrc.CustomRecipient {
				t.Error("a name that was given to another object still means the first one")
			}
			fresh, _ := readAll(t, c, base)
			wantEqual(t, fresh, now)
		})
	}
}

func kinds0() string { return strings.ToLower(kinds) }

func TestOnlyFullReadWillDo(t *testing.T) {
	t.Parallel()
	plain := func(s *ldapsrc.Server) { s.BindDN = plainName }
	none := func(s *ldapsrc.Server) { s.Profile = ldapsrc.Exchange55(); s.Profile.Changes = ldapsrc.NoChanges }
	for _, test := range []struct {
		reason  string
		between func(*exchange55.Directory, *ldapsrc.Mark)
		server  func(*ldapsrc.Server)
		tells   string
	}{
		{"another server", func(_ *exchange55.Directory, m *ldapsrc.Mark) { m.Server = "ldap://other" }, nil, `from "ldap://other"`},
		{"another base", func(_ *exchange55.Directory, m *ldapsrc.Mark) { m.Base = org }, nil, `below "o=Contoso"`},
		{"no numbers", func(_ *exchange55.Directory, m *ldapsrc.Mark) { m.USN = 0 }, nil, "had a change number"},
		{"tombstones purged", func(d *exchange55.Directory, _ *ldapsrc.Mark) {
			_ = d.Apply([]exchange55.ChangeRecord{deletion("cn=all," + kinds), set("cn=jbloggs,"+kinds, "Hide-From-Address-Book", "TRUE")})
			d.PurgeTombstones()
		}, nil, "were purged up to change"},
		{"a directory restored", func(d *exchange55.Directory, _ *ldapsrc.Mark) { d.FallBack(1000) }, nil, "fell from"},
		{"a last change that is unknown", func(_ *exchange55.Directory, m *ldapsrc.Mark) { m.USN += 50 }, nil, "does not know change"},
		{"no admin view", func(*exchange55.Directory, *ldapsrc.Mark) {}, plain, "admin view"},
		{"no source of changes", func(*exchange55.Directory, *ldapsrc.Mark) {}, none, "no source of changes"},
	} {
		d := startExchange55(t)
		if test.server == nil {
			test.server = func(*ldapsrc.Server) {}
		}
		c := directory{url: d.URL()}.dial(t, test.server)
		have, mark := readAll(t, c, kinds)
		test.between(d, &mark)
		_, _, err := c.Changes(t.Context(), kinds, have, mark)
		var full *ldapsrc.FullReadError
		if !errors.As(err, &full) || !strings.Contains(full.Reason, test.tells) {
			t.Errorf("%s: %v, want it to tell %q", test.reason, err, test.tells)
		}
	}
}

// kept is what a read leaves behind and finds again: the set and the mark, both
// through their stored form.
func kept(t interface{ Fatal(...any) }, r *ldapsrc.Recipients, m ldapsrc.Mark) (*ldapsrc.Recipients, ldapsrc.Mark) {
	data, err := r.AppendBinary([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var mark ldapsrc.Mark
	if err = json.Unmarshal(text, &mark); err != nil {
		t.Fatal(err)
	}
	p := ldapsrc.Exchange55()
	again, err := p.ParseRecipients(bytes.TrimPrefix(data, []byte("before")))
	if err != nil {
		t.Fatal(err)
	}
	return again, mark
}

// Whatever happens in the directory, what was read first and the changes since
// then are what a full read finds.
func TestFullReadIsFoldOfChanges(t *testing.T) {
	t.Parallel()
	d := startExchange55(t)
	c := directory{url: d.URL()}.dial(t)
	rapid.Check(t, func(r *rapid.T) {
		have, mark, err := c.Read(t.Context(), kinds)
		if err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(1, 4).Draw(r, "reads") {
			for range rapid.IntRange(0, 6).Draw(r, "changes") {
				dn := fmt.Sprintf("cn=p%d,%s", rapid.IntRange(0, 5).Draw(r, "who"), kinds)
				_ = d.Apply([]exchange55.ChangeRecord{rapid.SampledFrom([]exchange55.ChangeRecord{ // some are refused
					remoteAddress(dn), list(strings.ToUpper(dn)), deletion(dn), set(dn, "info", rapid.StringN(1, 3, -1).Draw(r, "text")),
					set(dn, "Hide-From-Address-Book", "TRUE"), set(dn, "Hide-From-Address-Book", "FALSE"),
				}).Draw(r, "change")})
			}
			have, mark = kept(r, have, mark)
			delta, next, failed := c.Changes(t.Context(), kinds, have, mark)
			if failed != nil {
				r.Fatal(failed)
			}
			have, mark = have.Apply(delta), next
		}
		fresh, _, err := c.Read(t.Context(), kinds)
		if err != nil {
			r.Fatal(err)
		}
		wantEqual(r, fresh, have)
		a, _ := fresh.AppendBinary(nil)
		if b, _ := have.AppendBinary(nil); !bytes.Equal(a, b) {
			r.Errorf("equal sets have different forms")
		}
	})
}

func dialSyncSlapd(t *testing.T, sessionLog int, change ...func(*ldapsrc.Server)) *ldapsrc.Conn {
	t.Helper()
	s := startSlapdWith(t, func(o *slapd.Options) {
		o.Syncrepl, o.SessionLog = true, sessionLog
		for i := range o.Users {
			o.Users[i].Unlimited = true
		}
	})
	return directory{url: s.URL}.dial(t, append(change, func(s *ldapsrc.Server) {
		s.Profile = ldapsrc.Exchange55()
		s.Profile.Changes = ldapsrc.SyncreplChanges
	})...)
}

// The same by content synchronization, with a server that can name what was
// deleted and one that cannot.
func TestFullReadIsFoldOfSynchronizations(t *testing.T) {
	t.Parallel()
	for _, sessionLog := range []int{0, 100} {
		t.Run(fmt.Sprintf("session log %d", sessionLog), func(t *testing.T) {
			t.Parallel()
			c := dialSyncSlapd(t, sessionLog)
			rapid.Check(t, func(r *rapid.T) {
				have, mark, err := c.Read(t.Context(), container)
				if err != nil {
					r.Fatal(err)
				}
				for range rapid.IntRange(1, 3).Draw(r, "reads") {
					for range rapid.IntRange(0, 4).Draw(r, "changes") {
						someChange(t, r, c)
					}
					have, mark = synchronized(t, r, c, have, mark)
				}
				// The server tells of a change only when the ones before it are
				// behind it (seen), so a few more may be needed.
				const patience = 20
				var fresh *ldapsrc.Recipients
				for range patience {
					touch(t, c)
					have, mark = synchronized(t, r, c, have, mark)
					if fresh, _, err = c.Read(t.Context(), container); err != nil {
						r.Fatal(err)
					}
					if slices.EqualFunc(slices.Collect(fresh.All()), slices.Collect(have.All()), ldapsrc.Entry.Equal) {
						return
					}
				}
				wantEqual(r, fresh, have)
			})
		})
	}
}

func synchronized(t *testing.T, r *rapid.T, c *ldapsrc.Conn, have *ldapsrc.Recipients, mark ldapsrc.Mark) (*ldapsrc.Recipients, ldapsrc.Mark) {
	t.Helper()
	delta, next, err := c.Changes(t.Context(), container, have, mark)
	if err != nil {
		r.Fatal(err)
	}
	return have.Apply(delta), next
}

// touch changes an entry that the histories leave alone.
func touch(t *testing.T, c *ldapsrc.Conn) {
	t.Helper()
	for _, text := range []string{"touched", "again"} {
		if err := c.Apply(t.Context(), ldapsrc.Change{DN: "cn=jbloggs," + kinds, Type: ldapsrc.ModifyEntry, Mods: []ldapsrc.Mod{
			{Op: ldapsrc.ReplaceValues, Name: "info", Values: []string{text}},
		}}); err != nil {
			t.Fatal(err)
		}
	}
}

// someChange adds, changes or deletes one of a few entries; some requests are
// refused.
func someChange(t *testing.T, r *rapid.T, c *ldapsrc.Conn) {
	t.Helper()
	dn := "cn=" + fmt.Sprintf("P%d", rapid.IntRange(0, 3).Draw(r, "who")) + "," + container
	notes := rapid.StringMatching(`[a-z]{1,4}`).Draw(r, "notes")
	add := ldapsrc.Change{DN: dn, Type: ldapsrc.AddEntry, Attributes: []ldapsrc.Attribute{
		{Name: "objectClass", Values: []string{"Remote-Address"}},
		{Name: "Target-Address", Values: []string{"CCMAIL:New at PO"}},
		{Name: "info", Values: []string{notes}},
	}}
	modify := ldapsrc.Change{DN: dn, Type: ldapsrc.ModifyEntry, Mods: []ldapsrc.Mod{{Op: ldapsrc.ReplaceValues, Name: "info", Values: []string{notes}}}}
	change := rapid.SampledFrom([]ldapsrc.Change{add, modify, ldapsrc.Exchange55().Delete(dn)}).Draw(r, "change")
	var answer *ldapsrc.Error
	if err := c.Apply(t.Context(), change); err != nil && !errors.As(err, &answer) {
		r.Fatal(err)
	}
}

func TestSynchronizationRefused(t *testing.T) {
	t.Parallel()
	c := dialSyncSlapd(t, 0)
	have, mark := readAll(t, c, kinds)
	if have.Len() == 0 || len(mark.Cookie) == 0 {
		t.Fatalf("%d entries, cookie %q", have.Len(), mark.Cookie)
	}
	delta, again, err := c.Changes(t.Context(), kinds, have, mark)
	if err != nil || !delta.Empty() || !bytes.Equal(again.Cookie, mark.Cookie) {
		t.Errorf("nothing was changed: %q %q, %+v, %v", names(delta.Changed), delta.Gone, again, err)
	}
	future := mark
	future.Cookie = []byte("rid=000,csn=20990101000000.000000Z#000000#000#000000")
	var full *ldapsrc.FullReadError
	if _, _, err = c.Changes(t.Context(), kinds, have, future); !errors.As(err, &full) || !strings.Contains(err.Error(), "cookie") {
		t.Errorf("a cookie of the future: %v", err)
	}
	garbage := mark
	garbage.Cookie = []byte("rubbish")
	touch(t, c)
	if _, _, err = c.Changes(t.Context(), kinds, have, garbage); !errors.As(err, &full) || !strings.Contains(err.Error(), "cookie") {
		t.Errorf("a cookie that is none: %v", err)
	}
}

// What was traced of a synchronization is one when it is pasted: without a
// cookie it brings what a search finds, with the cookie what was changed since.
func TestPastedSynchronization(t *testing.T) {
	t.Parallel()
	var traced []string
	c := dialSyncSlapd(t, 100, func(s *ldapsrc.Server) { s.Trace = func(line string) { traced = append(traced, line) } })
	have, mark := readAll(t, c, kinds)
	touch(t, c)
	delta, _, err := c.Changes(t.Context(), kinds, have, mark)
	if err != nil || len(delta.Changed) != 1 {
		t.Fatalf("changed %q: %v", names(delta.Changed), err)
	}
	cookie, next := "/"+string(mark.Cookie), traced[len(traced)-1]
	for _, word := range []string{" -E '!sync=ro' ", " -E '!sync=ro" + cookie + "' "} {
		if !strings.Contains(strings.Join(traced, "\n"), word) {
			t.Errorf("no %s in %q", word, traced)
		}
	}
	pasted := func(line string) int {
		out, err := paste(t, line)
		if err != nil {
			t.Errorf("%s: %v: %s", line, err, out)
		}
		return strings.Count("\n"+out, "\ndn: ")
	}
	everything := strings.Replace(next, cookie, "", 1)
	search := strings.Replace(everything, " -E '!sync=ro'", "", 1)
	if changed, all, found := pasted(next), pasted(everything), pasted(search); changed != 1 || all != found || found < have.Len() {
		t.Errorf("with the cookie %d entries, without it %d, by a search %d", changed, all, found)
	}
}
