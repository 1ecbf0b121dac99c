package mapping

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

func TestImport(t *testing.T) {
	t.Parallel()
	for name, file := range cases(t, "import") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sections := readCase(t, file, "settings", "CCMDIR.EXP", "CCMLIST.EXP", "CCMBB.EXP", "want")
			rules := readSettings(t, sections["settings"])
			rows := readRows(t, sections["CCMDIR.EXP"])
			lists, _, err := ccmail.ReadLists(asWritten(t, sections["CCMLIST.EXP"]), options(t, "CCMLIST.EXP"))
			if err != nil {
				t.Fatal(err)
			}
			boards, _, err := ccmail.ReadBoards(asWritten(t, sections["CCMBB.EXP"]), options(t, "CCMBB.EXP"))
			if err != nil {
				t.Fatal(err)
			}
			compareLines(t, sections["want"], importLines(rules.Import(rows, lists, boards, importScope())))
			for _, order := range shuffled(rows) {
				compareLines(t, sections["want"], importLines(rules.Import(order, lists, boards, importScope())))
			}
		})
	}
}

func importScope() ImportScope {
	return ImportScope{
		Connector: "hq", Container: "cn=ccMail,cn=Recipients,ou=HQ,o=Contoso", ExchangePostOffices: []string{"EXSITE1", "EXSITE2"},
	}
}

func readRows(t *testing.T, text string) []reconcile.Row {
	t.Helper()
	if text == "" {
		return nil // a directory file without entries is no export
	}
	records, _, err := ccmail.ReadDirectory(asWritten(t, text), options(t, "CCMDIR.EXP"))
	if err != nil {
		t.Fatal(err)
	}
	return Rows(records, "NORTHHUB")
}

// importLines writes a result in the corpus's notation. Names are their first
// proposal.
func importLines(result ImportResult) []string {
	var lines []string
	for _, w := range result.Wanted {
		names := w.Names(&w.Recipient, 1)
		lines = append(lines, fmt.Sprintf("want %s -> %s", w.Key, w.Target),
			fmt.Sprintf("  name %q%s%s%s alias %s", w.DisplayName, quoted("first", w.GivenName), quoted("initials", w.Initials),
				quoted("last", w.Surname), names.Alias))
		for _, p := range append(w.Proxies[1:], names.Proxies...) {
			lines = append(lines, fmt.Sprintf("  proxy %s:%s", p.Type, p.Address))
		}
		if w.Notes != "" {
			lines = append(lines, "  notes "+w.Notes)
		}
	}
	for _, e := range result.Excluded {
		lines = append(lines, fmt.Sprintf("exclude %s %q: %s", e.Kind, e.Name, e.Cause))
	}
	for _, r := range result.Refused {
		line := fmt.Sprintf("refuse %s %q %q: %s", r.Kind, r.Name, r.Address, r.Reason)
		if r.Event != 0 {
			line += fmt.Sprintf(" (%d)", r.Event)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestImportedRecipient(t *testing.T) {
	t.Parallel()
	rules := readSettings(t, "smtp: %m@ccmail.contoso.example\nx400: c=US;a= ;p=Contoso;o=HQ;s=%m;")
	row := reconcile.Row{Name: "Doe, John Q.", Location: "l", PostOffice: "PO2", Comment: " Room 7 "}
	result := rules.Import([]reconcile.Row{row}, nil, nil, importScope())
	if len(result.Wanted) != 1 {
		t.Fatalf("%+v", result)
	}
	got := result.Wanted[0]
	if !regexp.MustCompile("^CC[0-9A-F]{16}$").MatchString(got.DirectoryName) {
		t.Errorf("directory name %q", got.DirectoryName)
	}
	want := reconcile.Recipient{
		Kind:          reconcile.User,
		Key:           "user:doe, john q.",
		Name:          "Doe, John Q.",
		PostOffice:    "PO2",
		DN:            "cn=" + got.DirectoryName + ",cn=ccMail,cn=Recipients,ou=HQ,o=Contoso",
		DirectoryName: got.DirectoryName,
		Target:        "CCMAIL:John Q. Doe at PO2",
		Proxies:       []reconcile.Proxy{{Type: "CCMAIL", Address: "John Q. Doe at PO2", Primary: true}},
		Notes:         "Room 7",
		Owner:         "hq",
		DisplayName:   "John Doe",
		Alias:         "JohnD",
		GivenName:     "John",
		Surname:       "Doe",
		Initials:      "Q.",
	}
	if diff := compare(want, got.Recipient); diff != "" {
		t.Error(diff)
	}
	wantNames := reconcile.Names{Alias: "JohnD2", Proxies: []reconcile.Proxy{
		{Type: "SMTP", Address: "JohnD2@ccmail.contoso.example", Primary: true},
		{Type: "X400", Address: "c=US;a= ;p=Contoso;o=HQ;s=JohnD2;", Primary: true},
	}}
	if diff := compare(wantNames, got.Names(&got.Recipient, 2)); diff != "" {
		t.Error(diff)
	}
}

// A moved or renamed-in-case user keeps the directory name; a user of another
// connector, another user and a list of the same name have another.
func TestDirectoryNamesFollowTheKey(t *testing.T) {
	t.Parallel()
	name := func(connector string, row reconcile.Row) string {
		scope := importScope()
		scope.Connector = connector
		return readSettings(t, "").Import([]reconcile.Row{row}, nil, nil, scope).Wanted[0].DirectoryName
	}
	john := name("hq", reconcile.Row{Name: "Doe, John", Location: "L", PostOffice: "PO1"})
	for _, same := range []string{
		name("hq", reconcile.Row{Name: "DOE, JOHN", Location: "l", PostOffice: "PO2", Comment: "moved"}),
		name("HQ", reconcile.Row{Name: "Doe, John", Location: "L", PostOffice: "PO1"}),
	} {
		if same != john {
			t.Errorf("directory name changed from %s to %s", john, same)
		}
	}
	list := readSettings(t, "").Import(nil, []ccmail.List{{Title: "Doe, John"}}, nil, importScope()).Wanted[0].DirectoryName
	for _, other := range []string{
		name("branch", reconcile.Row{Name: "Doe, John", Location: "L", PostOffice: "PO1"}),
		name("hq", reconcile.Row{Name: "Doe, Jane", Location: "L", PostOffice: "PO1"}),
		list,
	} {
		if other == john {
			t.Errorf("directory name %s is there twice", john)
		}
	}
}

func TestImportRefusesWhatExchangeCannotHold(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	row := func(name, comment string) reconcile.Row {
		return reconcile.Row{Name: name, Location: "L", PostOffice: "PO1", Comment: comment}
	}
	for _, tc := range []struct {
		settings string
		row      reconcile.Row
		reason   string
	}{
		{"", row("Doe, John "+long[:60], ""), "its display name has 69 characters, Exchange takes 64; shorten it in cc:Mail or change the rule"},
		{"display_name: %L", row("Doe, "+long, ""), "its first name has 65 characters, Exchange takes 64; shorten it in cc:Mail or change the rule"},
		{"display_name: %F", row(long+", John", ""), "its last name has 65 characters, Exchange takes 64; shorten it in cc:Mail or change the rule"},
		{"", row("Doe, John", strings.Repeat(long, 16)), "its comment has 1040 characters, Exchange takes 1024; shorten it in cc:Mail or change the rule"},
		{"", row(" ,", ""), "there is nothing in its name"},
		{"", reconcile.Row{Name: "Doe, John", Location: "r"}, "there is no post office in its address"},
	} {
		result := readSettings(t, tc.settings).Import([]reconcile.Row{tc.row}, nil, nil, importScope())
		if len(result.Wanted) != 0 || len(result.Refused) != 1 || result.Refused[0].Reason != tc.reason {
			t.Errorf("%q: %+v, want it refused: %s", tc.row.Name, result, tc.reason)
		}
	}
	fits := row(strings.Repeat("ö", 30)+", "+strings.Repeat("ö", 33), "")
	if result := readSettings(t, "").Import([]reconcile.Row{fits}, nil, nil, importScope()); len(result.Wanted) != 1 {
		t.Errorf("64 characters do not fit: %+v", result.Refused)
	}
}

// cc:Mail does not allow one name twice (Q237588), and neither does the reader
// of its files.
func TestImportDropsNamesakes(t *testing.T) {
	t.Parallel()
	rows := []reconcile.Row{
		{Name: "DOE, JOHN", Location: "l", PostOffice: "PO2"},
		{Name: "Doe, John", Location: "L", PostOffice: "NORTHHUB"},
	}
	compareLines(t, `want user:doe, john -> CCMAIL:John Doe at NORTHHUB
  name "John Doe" first="John" last="Doe" alias JohnD
refuse user "DOE, JOHN" "CCMAIL:DOE, JOHN at PO2": cc:Mail has its name twice, the entry "Doe, John at NORTHHUB" is imported (14018)`,
		importLines(readSettings(t, "").Import(rows, nil, nil, importScope())))
}

// A post office with " at " in its name makes two names one address.
func TestImportRefusesAnAddressOfTwoNames(t *testing.T) {
	t.Parallel()
	rows := []reconcile.Row{
		{Name: "Doe at PO1", Location: "l", PostOffice: "PO2"},
		{Name: "Doe", Location: "l", PostOffice: "PO1 at PO2"},
	}
	compareLines(t, `want user:doe -> CCMAIL:Doe at PO1 at PO2
  name "Doe" last="Doe" alias D
refuse user "Doe at PO1" "CCMAIL:Doe at PO1 at PO2": its address is that of "user:doe" too (14018)`,
		importLines(readSettings(t, "").Import(rows, nil, nil, importScope())))
}

// Whatever cc:Mail holds: no address is there twice, nobody gets an address
// that is another entry's name, every key is there once, the order of arrival
// does not matter, and a second look gives the same.
func TestImportIsDeterministicAndUnique(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{
		"Doe, John", "John Doe", "DOE, john", "Doe,  John", "John  Doe", "Doe, John Q.", "John Q. Doe", "Q. Doe, John", "Doe", ", Doe", "Do\u0308e", "Döe", "Doz",
		"Doe, John, Jr", "Jr Doe, John", "John Doe at PO1", "#Social", "~hidden", "##x", "", ",",
	})
	row := rapid.Custom(func(t *rapid.T) reconcile.Row {
		return reconcile.Row{
			Name:       name.Draw(t, "name"),
			Location:   rapid.SampledFrom([]string{"L", "l", "R", "r", "A", "a", "P", "X"}).Draw(t, "location"),
			PostOffice: rapid.SampledFrom([]string{"PO1", "po1", "PO2", "PO1 at PO2", "EXSITE1", ""}).Draw(t, "post office"),
		}
	})
	title := rapid.SampledFrom([]string{"Social", "#social", "# SOCIAL", "##hidden", "Sales", "#", ""})
	settings := rapid.SampledFrom([]string{"", "secondary_proxy: true", "aliases: true", "mode: except\nformat: *q* at *", "mode: only\nformat: * at PO1"})
	rapid.Check(t, func(rt *rapid.T) {
		rules := readSettings(t, settings.Draw(rt, "settings"))
		rows := rapid.SliceOfN(row, 0, 10).Draw(rt, "rows")
		var lists []ccmail.List
		var boards []ccmail.Board
		for _, t := range rapid.SliceOfN(title, 0, 4).Draw(rt, "lists") {
			lists = append(lists, ccmail.List{Title: t})
		}
		for _, t := range rapid.SliceOfN(title, 0, 4).Draw(rt, "boards") {
			boards = append(boards, ccmail.Board{Title: t})
		}
		result := rules.Import(rows, lists, boards, importScope())
		checkUnique(rt, result, rows)
		again := rules.Import(rapid.Permutation(rows).Draw(rt, "order"), rapid.Permutation(lists).Draw(rt, "lists"),
			rapid.Permutation(boards).Draw(rt, "boards"), importScope())
		if diff := compare(importLines(result), importLines(again)); diff != "" {
			rt.Fatalf("the order matters:\n%s", diff)
		}
	})
}

func checkUnique(t *rapid.T, result ImportResult, rows []reconcile.Row) {
	t.Helper()
	holders := map[string]string{}
	for _, w := range result.Wanted {
		unique := []string{w.Key, w.DN, strings.TrimPrefix(reconcile.Fold(w.Target), "ccmail:")}
		for _, p := range w.Proxies[1:] {
			unique = append(unique, reconcile.Fold(p.Address))
		}
		for _, u := range unique {
			if holder, there := holders[u]; there {
				t.Fatalf("%q is that of %s and %s", u, holder, w.Key)
			}
			holders[u] = w.Key
		}
	}
	for _, row := range rows {
		owner := reconcile.Key(reconcile.User, row.Name)
		holder := holders[reconcile.Fold(row.Name+" at "+row.PostOffice)]
		ambiguous := strings.Contains(row.Name+row.PostOffice, " at ") // two entries may then have one address
		if row.Location != "P" && holder != "" && holder != owner && !ambiguous {
			t.Fatalf("%s has the address of %s at %s", holder, owner, row.PostOffice)
		}
	}
}

// What the dialect forbids is looked for in the post office too, and in titles.
func TestImportRefusesForbiddenCharacters(t *testing.T) {
	t.Parallel()
	rules, err := Compile(Settings{})
	if err != nil {
		t.Fatal(err)
	}
	scope := importScope()
	scope.Forbidden = "[]"
	result := rules.Import(
		[]reconcile.Row{
			{Name: "Quist [x], Marta", Location: "L", PostOffice: "NORTHHUB"},
			{Name: "Zola, Zoe", Location: "l", PostOffice: "FAR]"},
			{Name: "Okafor, Ben", Location: "L", PostOffice: "NORTHHUB", Comment: "[Room 12]"},
		},
		[]ccmail.List{{Title: "[Sales]"}}, nil, scope)
	if len(result.Wanted) != 1 || result.Wanted[0].Key != "user:okafor, ben" || len(result.Refused) != 3 {
		t.Errorf("want Okafor only and three refusals, got\n%s", strings.Join(importLines(result), "\n"))
	}
}

// A name that upsets terminals and address books must not spread.
func TestImportRefusesControlCharacters(t *testing.T) {
	t.Parallel()
	rules, err := Compile(Settings{})
	if err != nil {
		t.Fatal(err)
	}
	result := rules.Import(
		[]reconcile.Row{
			{Name: "Quist, \x1bMarta", Location: "L", PostOffice: "NORTHHUB"},
			{Name: "Okafor, Ben", Location: "L", PostOffice: "NORTHHUB", Comment: "a tab\tin the comment"},
		},
		nil, []ccmail.Board{{Title: "So\x07cial"}}, ImportScope{Connector: "hq", Container: "o=Contoso"})
	if len(result.Wanted) != 1 || result.Wanted[0].Name != "Okafor, Ben" || len(result.Refused) != 2 {
		t.Errorf("wanted %+v, refused %+v", result.Wanted, result.Refused)
	}
}

// Names of entries and the lengths that fit are those of the kind of directory.
func TestImportFollowsTheProfile(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70)
	row := reconcile.Row{Name: long, Location: "L", PostOffice: "NORTHHUB"}
	scope := ImportScope{Connector: "hq", Container: "ou=ccmail,o=x"}
	for _, test := range []struct {
		profile ldapsrc.Profile
		fits    bool
	}{{ldapsrc.Profile{}, false}, {ldapsrc.Exchange55(), false}, {ldapsrc.OpenLDAP(), true}} {
		scope.Profile = test.profile
		result := readSettings(t, "").Import([]reconcile.Row{row}, nil, nil, scope)
		if fits := len(result.Wanted) == 1; fits != test.fits || !fits && !strings.Contains(result.Refused[0].Reason, "has 70 characters, Exchange takes 64") {
			t.Errorf("profile %q: %+v", test.profile.Name, result)
		} else if fits && !strings.HasPrefix(result.Wanted[0].DN, "uid=CC") {
			t.Errorf("profile %q names it %s", test.profile.Name, result.Wanted[0].DN)
		}
	}
}
