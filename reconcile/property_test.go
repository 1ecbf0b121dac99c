package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ccdirsync/reconcile"
)

// The alphabets are small, so that names meet: in another case, at another
// site, as a list, a board or a post office.
var (
	someNames  = []string{"Ann", "ann", "ANN", "Bo", "bo", "Cy", "EXSITE2", "ExSite2", "Åsa", "ÅSA"}
	somePlaces = []string{"HUB", "PO1", "po1"}
	someTitles = []string{"Ann", "News", "NEWS", "Tea at PO1", "Tea"}
)

func TestPlansTowardCCMail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := somePostOffice(t)
		next, err := postOfficeLaws(t, world).plan()
		if err != nil {
			t.Fatalf("plan again: %v", err)
		}
		nothingToDo(t, "after the plan was carried out", next)
	})
}

// A run that dies, or of which the post office refuses a part, leaves a world
// that the next run brings in step.
func TestPlansTowardCCMailAfterFailures(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := somePostOffice(t)
		side, err := world.plan()
		if err != nil {
			t.Fatalf("plan: %v", err)
		}
		for _, step := range side.Steps {
			if rapid.Bool().Draw(t, "fails") {
				continue
			}
			if step.Op == reconcile.Replace && rapid.Bool().Draw(t, "deletes only") {
				step.Op = reconcile.Delete
			}
			// Without its post office an entry is refused.
			_ = world.carryOut(step)
		}
		next, err := postOfficeLaws(t, world).plan()
		if err != nil {
			t.Fatalf("plan again: %v", err)
		}
		nothingToDo(t, "after the failures were made up for", next)
	})
}

func TestPostOfficeInStepIsLeftAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := somePostOffice(t)
		world.rows = sites(world.owner)
		world.refused, world.lists = nil, nil
		world.wanted = slices.DeleteFunc(world.wanted, func(w reconcile.Wanted) bool {
			_, known := slices.BinarySearch([]string{"exsite1", "exsite2"}, reconcile.Fold(w.Name))
			return known
		})
		slices.SortFunc(world.wanted, func(a, b reconcile.Wanted) int {
			return strings.Compare(reconcile.Fold(a.Name), reconcile.Fold(b.Name))
		})
		world.wanted = slices.CompactFunc(world.wanted, func(a, b reconcile.Wanted) bool {
			return reconcile.Fold(a.Name) == reconcile.Fold(b.Name)
		})
		for _, w := range world.wanted {
			world.rows = append(world.rows, reconcile.Row{
				Name: w.Name, Location: "r", PostOffice: w.Site, Foreign: w.Name, Comment: w.Comment,
			})
		}
		if side, err := world.plan(); err != nil || len(side.Steps) > 0 {
			t.Errorf("rows and wanted entries are equal, but the plan has %v, %v", side.Steps, err)
		}
	})
}

func TestPlansTowardExchange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nothingToDo(t, "after the plan was carried out", directoryLaws(t, someDirectory(t)).plan())
	})
}

// A run that dies, or of which Exchange refuses a part, doubles no address and
// leaves a world that the next run brings in step. A step is not tried as long
// as one that it needs has not been done.
func TestPlansTowardExchangeAfterFailures(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := someDirectory(t)
		steps := writes(world.plan())
		var done []reconcile.Step
		open := map[string]bool{}
		for _, step := range steps {
			open[step.DN] = true
		}
		for _, step := range steps {
			if rapid.Bool().Draw(t, "fails") || slices.ContainsFunc(step.Needs, func(dn string) bool { return open[dn] }) {
				continue
			}
			if err := world.carryOut(step); err != nil {
				t.Fatalf("carry out %s %s %q: %v", step.Op, step.Kind, step.Name, err)
			}
			delete(open, step.DN)
			done = append(done, step)
		}
		for _, step := range done {
			step.Joining = slices.DeleteFunc(slices.Clone(step.Joining), func(dn string) bool { return world.find(dn) == nil })
			if rapid.Bool().Draw(t, "members fail") {
				continue
			}
			if err := world.carryOutMembers(step); err != nil {
				t.Fatal(err)
			}
		}
		nothingToDo(t, "after the failures were made up for", directoryLaws(t, world).plan())
	})
}

// Whatever turns out to be unwritable, what is left can be carried out.
func TestRefuseAnyStep(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := someDirectory(t)
		side := world.plan()
		for i := range side.Steps {
			if side.Steps[i].Op.Writes() && rapid.IntRange(0, 2).Draw(t, "unwritable") == 0 {
				refuseLaws(t, world, &side, i, "too long")
			}
		}
	})
}

func TestDirectoryInStepIsLeftAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		world := someDirectory(t)
		world.Present, world.Others, world.Former, world.Refused = nil, world.Others[len(world.Others)-1:], nil, nil
		after := world.clone()
		side := world.plan()
		for _, step := range side.Steps {
			if step.Op == reconcile.Refuse {
				after.Wanted = slices.DeleteFunc(slices.Clone(after.Wanted), func(w reconcile.WantedRecipient) bool {
					return w.Name == step.Name && w.Kind == step.Kind && w.Target == step.Address
				})
			} else if err := after.carryOut(step); err != nil {
				t.Fatalf("carry out %s %s %q: %v", step.Op, step.Kind, step.Name, err)
			}
		}
		for _, step := range side.Steps {
			if err := after.carryOutMembers(step); err != nil {
				t.Fatal(err)
			}
		}
		side = after.plan()
		side.Steps = slices.DeleteFunc(side.Steps, func(s reconcile.Step) bool { return s.Kind == reconcile.MemberKind })
		if len(side.Steps) > 0 {
			t.Errorf("recipients and wanted entries are equal, but the plan has %v", side.Steps)
		}
	})
}

func sites(owner reconcile.Owner) []reconcile.Row {
	rows := []reconcile.Row{{Name: owner.Site, Location: "P", PostOffice: owner.Site, Comment: owner.Comment()}}
	for _, site := range owner.Sites {
		if reconcile.Fold(site) != reconcile.Fold(owner.Site) {
			rows = append(rows, reconcile.Row{Name: site, Location: "p", PostOffice: site, Comment: owner.Comment()})
		}
	}
	return rows
}

// somePostOffice draws a world toward cc:Mail. No row is at a site whose post
// office entry is missing: that is the case site_missing_rows_left.
func somePostOffice(t *rapid.T) postOfficeWorld {
	owner := reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1", Sites: []string{"EXSITE1", "exsite1"}}
	if rapid.Bool().Draw(t, "former server") {
		owner.FormerServers = []string{"Other"}
	}
	if rapid.Bool().Draw(t, "two sites") {
		owner.Sites = append(owner.Sites, "EXSITE2")
	}
	world := postOfficeWorld{owner: owner, compareComments: rapid.Bool().Draw(t, "compare comments")}
	postOffices := rapid.SliceOfNDistinct(rapid.SampledFrom([]reconcile.Row{
		{Name: "EXSITE1", Location: "P", Comment: "MSExchangeCCMC MAILSRV7"},
		{Name: "exsite2", Location: "p", PostOffice: "EXSITE1", Comment: "MSExchangeCCMC MAILSRV7"},
		{Name: "EXSITE2", Location: "p", Comment: "MSExchangeCCMC OTHER"},
		{Name: "EXSITE2", Location: "P"},
		{Name: "FORMER", Location: "p", Comment: "msexchangeccmc mailsrv7"},
		{Name: "HUB", Location: "P"},
	}), 0, 4, func(r reconcile.Row) string { return reconcile.Fold(r.Name) }).Draw(t, "post offices")
	places := []string{"ELSEWHERE"}
	for _, po := range postOffices {
		places = append(places, po.Name)
	}
	row := rapid.Custom(func(t *rapid.T) reconcile.Row {
		name := rapid.SampledFrom(someNames).Draw(t, "name")
		return reconcile.Row{
			Name:       name,
			Location:   rapid.SampledFrom([]string{"r", "r", "r", "L", "l", "R", "A", "a"}).Draw(t, "location"),
			PostOffice: rapid.SampledFrom(places).Draw(t, "post office"),
			Foreign:    rapid.SampledFrom([]string{name, strings.ToUpper(name), "", "other"}).Draw(t, "foreign"),
			Comment:    rapid.SampledFrom([]string{"", "x", "X"}).Draw(t, "comment"),
		}
	})
	// A damaged directory holds a name twice.
	identity := func(r reconcile.Row) string { return reconcile.Fold(r.Name) }
	if rapid.IntRange(0, 9).Draw(t, "damaged") == 9 {
		identity = func(r reconcile.Row) string { return fmt.Sprint(r) }
	}
	world.rows = append(postOffices, rapid.SliceOfNDistinct(row, 0, 6, identity).Draw(t, "rows")...)
	if identity(reconcile.Row{Name: "a"}) == "a" {
		world.rows = undamaged(world.rows)
	}
	world.lists = rapid.SliceOfN(rapid.SampledFrom(someTitles), 0, 2).Draw(t, "lists")
	wanted := rapid.Custom(func(t *rapid.T) reconcile.Wanted { return someWanted(t, owner.Sites) })
	world.wanted = rapid.SliceOfNDistinct(wanted, 0, 6, func(w reconcile.Wanted) string { return w.DN }).Draw(t, "wanted")
	world.excluded, world.refused = someLeftOut(t, []reconcile.Kind{reconcile.Mailbox, reconcile.List}, someNames)
	world.grace = someGrace(t, reconcile.ToCCMail, []string{"ann", "bo", "cy", "exsite2", "åsa"})
	world.renew = someKeys(t, []string{"ann", "bo", "cy", "åsa"})
	return world
}

var someDay = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func someGrace(t *rapid.T, d reconcile.Direction, keys []string) reconcile.Grace {
	g := reconcile.Grace{Now: someDay}
	if rapid.Bool().Draw(t, "has grace") {
		g.Period = 48 * time.Hour
	}
	for _, key := range keys {
		if ago := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 100, -100}).Draw(t, "hours of grace"); ago != 0 {
			g.Retiring = append(g.Retiring, reconcile.Retirement{
				Direction: d, Key: key, Since: someDay.Add(-time.Duration(ago) * time.Hour), Hid: rapid.Bool().Draw(t, "hid"),
			})
		}
	}
	return g
}

func someKeys(t *rapid.T, keys []string) map[string]bool {
	some := map[string]bool{}
	for _, key := range keys {
		if rapid.IntRange(0, 4).Draw(t, "renew") == 4 {
			some[key] = true
		}
	}
	return some
}

// undamaged keeps the first row of every name.
func undamaged(rows []reconcile.Row) []reconcile.Row {
	seen := map[string]bool{}
	return slices.DeleteFunc(rows, func(r reconcile.Row) bool {
		twice := seen[reconcile.Fold(r.Name)]
		seen[reconcile.Fold(r.Name)] = true
		return twice
	})
}

func someWanted(t *rapid.T, sites []string) reconcile.Wanted {
	number := rapid.IntRange(1, 12).Draw(t, "number")
	return reconcile.Wanted{
		Kind:          rapid.SampledFrom([]reconcile.Kind{reconcile.Mailbox, reconcile.List}).Draw(t, "kind"),
		Name:          rapid.SampledFrom(someNames).Draw(t, "name"),
		Site:          rapid.SampledFrom(sites).Draw(t, "site"),
		Comment:       rapid.SampledFrom([]string{"", "x"}).Draw(t, "comment"),
		DN:            fmt.Sprintf("cn=%d", number),
		DirectoryName: fmt.Sprint(number % 6),
	}
}

func someLeftOut(t *rapid.T, kinds []reconcile.Kind, names []string) (excluded []reconcile.Excluded, refused []reconcile.Refusal) {
	excluded = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) reconcile.Excluded {
		return reconcile.Excluded{
			Kind:  rapid.SampledFrom(kinds).Draw(t, "kind"),
			Name:  rapid.SampledFrom(names).Draw(t, "name"),
			DN:    rapid.SampledFrom([]string{"", "cn=x", "cn=y"}).Draw(t, "dn"),
			Cause: rapid.SampledFrom([]string{"hidden", "filtered"}).Draw(t, "cause"),
		}
	}), 0, 3).Draw(t, "excluded")
	refused = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) reconcile.Refusal {
		return reconcile.Refusal{
			Kind:    rapid.SampledFrom(kinds).Draw(t, "kind"),
			Name:    rapid.SampledFrom(append([]string{""}, names...)).Draw(t, "name"),
			Address: rapid.SampledFrom([]string{"", "CCMAIL:#News", "Ann at HUB"}).Draw(t, "address"),
			Reason:  rapid.SampledFrom([]string{"too long", "bad character"}).Draw(t, "reason"),
		}
	}), 0, 3).Draw(t, "refused")
	return excluded, refused
}

// someDirectory draws a world toward Exchange. Addresses may be there twice
// already, and targets may have been edited.
func someDirectory(t *rapid.T) directoryWorld {
	world := directoryWorld{ExchangeInput: reconcile.ExchangeInput{
		Owner: "hq",
		Moves: rapid.SampledFrom([]reconcile.Moves{reconcile.MoveInPlace, reconcile.MoveRecreate}).Draw(t, "moves"),
		Adopt: rapid.Bool().Draw(t, "adopt"),

		MembersUnknown: rapid.IntRange(0, 4).Draw(t, "members unknown") == 0,
	}, keepsNames: rapid.Bool().Draw(t, "keeps names")}
	smtp := rapid.SampledFrom([]string{"", "@c.example", "fixed@c.example"}).Draw(t, "smtp")
	identity := func(w reconcile.WantedRecipient) string { return w.Key }
	world.Wanted = rapid.SliceOfNDistinct(rapid.Map(rapid.Custom(someWantedRecipient), func(r reconcile.Recipient) reconcile.WantedRecipient {
		return wantedRecipient(r, smtp)
	}), 0, 5, identity).Draw(t, "wanted")
	if rapid.Bool().Draw(t, "groups") {
		for i := range world.Wanted {
			if w := &world.Wanted[i]; w.Kind == reconcile.List {
				w.Group, w.OnList = true, rapid.SliceOfN(rapid.Custom(someMember), 0, 4).Draw(t, "on list")
			}
		}
	}
	all := rapid.SliceOfNDistinct(rapid.Custom(somePresent), 0, 7, func(r reconcile.Recipient) string { return r.DN }).Draw(t, "recipients")
	outside := rapid.IntRange(0, len(all)).Draw(t, "outside")
	former := rapid.IntRange(outside, len(all)).Draw(t, "former")
	world.Others, world.Former, world.Present = all[:outside], all[outside:former], all[former:]
	world.Others = append(slices.Clone(world.Others), reconcile.Recipient{Kind: reconcile.Mailbox, DN: "cn=mailbox"})
	if rapid.Bool().Draw(t, "former owner") {
		world.FormerOwners = []string{"Branch"}
	}
	keys := []string{"user:ann", "user:bo", "list:news", "list:tea", "board:ann", "cn=1", "cn=2"}
	world.Grace, world.Renew = someGrace(t, reconcile.ToExchange, keys), someKeys(t, keys)
	world.Excluded, world.Refused = someLeftOut(t, []reconcile.Kind{reconcile.User, reconcile.List, reconcile.Board},
		append(slices.Clone(someNames), someTitles...))
	return world
}

// someMember draws a line of a mailing list.
func someMember(t *rapid.T) reconcile.Member {
	kind, name := someCCMailName(t)
	return rapid.SampledFrom([]reconcile.Member{
		{Name: name, Key: reconcile.Key(kind, name)},
		{Name: name, Key: reconcile.Key(kind, name)},
		{Name: name, DN: "cn=mailbox"},
		{Name: name, Problem: "there is no entry of that name"},
	}).Draw(t, "member")
}

func someCCMailName(t *rapid.T) (reconcile.Kind, string) {
	kind := rapid.SampledFrom([]reconcile.Kind{reconcile.User, reconcile.User, reconcile.List, reconcile.Board}).Draw(t, "kind")
	if kind == reconcile.User {
		return kind, rapid.SampledFrom(someNames[:6]).Draw(t, "name")
	}
	return kind, rapid.SampledFrom(someTitles).Draw(t, "title")
}

// someAddress draws the address of a user by its name as it stands or by
// another one, which may be that of another user.
func someAddress(t *rapid.T, kind reconcile.Kind, name, place string) string {
	if kind != reconcile.User {
		return "#" + name
	}
	return rapid.SampledFrom([]string{name, name, "Bo", "Dee"}).Draw(t, "local part") + " at " + place
}

func someWantedRecipient(t *rapid.T) reconcile.Recipient {
	kind, name := someCCMailName(t)
	r := reconcile.Recipient{
		Kind: kind, Name: name, Key: reconcile.Key(kind, name), DisplayName: name,
		Alias: rapid.SampledFrom([]string{"A", "a", "B"}).Draw(t, "alias"),
		Notes: rapid.SampledFrom([]string{"", "x"}).Draw(t, "notes"),
	}
	r.DN = "cn=" + r.Key
	if kind == reconcile.User {
		r.PostOffice = rapid.SampledFrom(somePlaces).Draw(t, "post office")
	}
	address := someAddress(t, kind, name, r.PostOffice)
	r.Target = "CCMAIL:" + address
	r.Proxies = []reconcile.Proxy{{Type: "CCMAIL", Address: address, Primary: true}}
	if second := someAddress(t, kind, name, r.PostOffice); second != address && rapid.Bool().Draw(t, "secondary") {
		r.Proxies = append(r.Proxies, reconcile.Proxy{Type: "CCMAIL", Address: second})
	}
	return r
}

func somePresent(t *rapid.T) reconcile.Recipient {
	kind, name := someCCMailName(t)
	place := rapid.SampledFrom(somePlaces).Draw(t, "post office")
	address := someAddress(t, kind, name, place)
	r := reconcile.Recipient{
		Kind: kind, DisplayName: name, Target: "CCMAIL:" + address,
		Owner: rapid.SampledFrom([]string{"hq", "hq", "HQ", "", "branch"}).Draw(t, "owner"),
		Key:   rapid.SampledFrom([]string{reconcile.Key(kind, name), reconcile.Key(kind, name), ""}).Draw(t, "key"),
		Alias: rapid.SampledFrom([]string{"A", "b", "c", ""}).Draw(t, "alias"),
		Notes: rapid.SampledFrom([]string{"", "x", " x "}).Draw(t, "notes"),
		DN:    rapid.SampledFrom([]string{"cn=1", "cn=2", "cn=3", "cn=4", "cn=" + reconcile.Key(kind, name)}).Draw(t, "dn"),

		Hidden: rapid.Bool().Draw(t, "hidden"),
	}
	if strings.HasPrefix(r.Key, "list:") && r.Owner != "" && rapid.Bool().Draw(t, "group") {
		r.Group = true
		r.Members = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"cn=1", "cn=2", "cn=user:ann", "cn=list:news", "cn=mailbox", "cn=gone"}), 0, 3,
			func(dn string) string { return dn }).Draw(t, "members")
	}
	r.KeyTaken = r.Key == "" && rapid.Bool().Draw(t, "key taken")
	proxies := []reconcile.Proxy{
		{Type: "CCMAIL", Address: address, Primary: true},
		{Type: "CCMAIL", Address: address},
		{Type: "CCMAIL", Address: someAddress(t, kind, name, "PO1")},
		{Type: "SMTP", Address: "A@c.example", Primary: true},
		{Type: "SMTP", Address: "b@c.example"},
	}
	r.Proxies = rapid.SliceOfNDistinct(rapid.SampledFrom(proxies), 0, 3, func(p reconcile.Proxy) string {
		return p.Type + p.Address
	}).Draw(t, "proxies")
	// What an administrator may have made of the target.
	r.Target += rapid.SampledFrom([]string{"", "", "", " at PO5", " at", "x"}).Draw(t, "edit")
	return r
}
