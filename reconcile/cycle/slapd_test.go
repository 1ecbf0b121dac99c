package cycle_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/slapd"
)

// asPostOffice makes this test binary EXPORT and IMPORT of the test post
// office when it is set.
const asPostOffice = "CCDIRSYNC_TEST_POST_OFFICE"

func TestMain(m *testing.M) {
	if os.Getenv(asPostOffice) != "" {
		os.Exit(postoffice.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	// The race detector would hold up every program at its end.
	for name, value := range map[string]string{asPostOffice: "1", "GORACE": "atexit_sleep_ms=0"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const (
	bindName   = "cn=dirsync,cn=CONTOSO,cn=admin"
	password   = "secret"
	recipients = "cn=Recipients,ou=HQ,o=Contoso"
	imported   = "cn=ccMail," + recipients
)

const exchangeSeed = `dn: o=Contoso
objectClass: organization
o: Contoso

dn: ou=HQ,o=Contoso
objectClass: organizationalUnit
ou: HQ

dn: cn=Recipients,ou=HQ,o=Contoso
objectClass: Container
cn: Recipients

dn: cn=ccMail,cn=Recipients,ou=HQ,o=Contoso
objectClass: Container
cn: ccMail

dn: cn=marta,cn=Recipients,ou=HQ,o=Contoso
objectClass: organizationalPerson
cn: Marta Quist
uid: marta
otherMailbox: CCMAIL$Quist, Marta at EXSITE1
mailPreferenceOption: 0

dn: cn=leaver,cn=Recipients,ou=HQ,o=Contoso
objectClass: organizationalPerson
cn: Leo Leaver
uid: leo
otherMailbox: CCMAIL$Leaver, Leo at EXSITE1
mailPreferenceOption: 0
`

const postOfficeSeed = `Name: SOUTHPO
Locn: p
Addr: NORTHHUB

Name: Lindström, Åsa
Locn: L
Cmts: Room 12

Name: Goner, Gil
Locn: L

List: Sales Team
Board: Social
`

// A server that is not made for this project agrees with the test directory:
// whole cycles, each followed by one that has nothing to do.
func TestCyclesOnSlapd(t *testing.T) {
	t.Parallel()
	server := startSlapd(t)
	c := connector(t, server)

	run(t, c, reconcile.StepCounts{Add: 3}, reconcile.StepCounts{Add: 4})
	settled(t, c, server)

	conn := dial(t, c)
	if err := conn.Apply(t.Context(), c.Server.Profile.Delete("cn=leaver,"+recipients)); err != nil {
		t.Fatal(err)
	}
	edit(t, c, func(po *postoffice.PostOffice) error {
		if err := po.Move("Lindström, Åsa", "SOUTHPO"); err != nil {
			return err
		}
		if err := po.SetComment("Lindström, Åsa", "in the south: Tür 4"); err != nil {
			return err
		}
		return po.Delete("Goner, Gil")
	})
	run(t, c, reconcile.StepCounts{Keep: 1, Delete: 1}, reconcile.StepCounts{Keep: 2, Modify: 1, Delete: 1})
	settled(t, c, server)

	found, _, err := conn.Read(t.Context(), imported)
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]string{}
	for e := range found.All() {
		r := e.Recipient()
		targets[r.Target] = r.Notes
	}
	if notes := targets["CCMAIL:Åsa Lindström at SOUTHPO"]; found.Len() != 3 || notes != "in the south: Tür 4" {
		t.Errorf("custom recipients and their notes: %q", targets)
	}
}

func startSlapd(t *testing.T) *slapd.Server {
	t.Helper()
	if err := slapd.Available(); err != nil {
		t.Skipf("needs a real slapd: %v", err)
	}
	server, err := slapd.Start(context.WithoutCancel(t.Context()), slapd.Options{
		Dir: t.TempDir(), Suffix: "o=Contoso", LDIF: exchangeSeed,
		Users: []slapd.User{{Name: bindName, Password: password, Write: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func connector(t *testing.T, server *slapd.Server) cycle.Connector {
	t.Helper()
	folder := t.TempDir()
	makePostOffice(t, folder)
	return connectorIn(t, folder, server.URL)
}

// makePostOffice makes the post office of the seed in a folder.
func makePostOffice(t *testing.T, folder string) {
	t.Helper()
	po, err := postoffice.Create(filepath.Join(folder, "po"), postoffice.Settings{Name: "NORTHHUB", Password: password, CodePage: "cp850"})
	if err != nil {
		t.Fatal(err)
	}
	if err = po.Seed("seed", postOfficeSeed); err == nil {
		err = po.Save()
	}
	if err = errors.Join(err, po.Close()); err != nil {
		t.Fatal(err)
	}
}

// connectorIn joins the directory at the URL to the post office in the folder.
func connectorIn(t *testing.T, folder, url string) cycle.Connector {
	t.Helper()
	rules, err := mapping.Compile(mapping.Settings{SMTP: "%m@ccmail.example", X400: "c=US;a= ;p=Contoso;o=HQ;s=%m;"})
	if err != nil {
		t.Fatal(err)
	}
	codePage, err := ccmail.CodePageByName("cp850")
	if err != nil {
		t.Fatal(err)
	}
	return cycle.Connector{
		Name:   "hq",
		Server: ldapsrc.Server{URLs: []string{url}, BindDN: bindName, Password: password, Profile: ldapsrc.Exchange55(), PageSize: 2},
		Exchange: cycle.Exchange{
			Owner: reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1", Sites: []string{"EXSITE1"}}, Base: "ou=HQ,o=Contoso", AdminView: true,
			Incremental: true,
			Export:      &cycle.Export{Containers: []string{recipients}, TrustLevel: 100, CustomRecipients: true},
			Import:      &cycle.Import{Container: imported, KeyAttribute: "Extension-Attribute-15", Moves: reconcile.MoveInPlace},
		},
		PostOffice: ccmail.PostOffice{
			Name: "NORTHHUB", Password: password, Path: filepath.Join(folder, "po"), CodePage: codePage, Dialect: ccmail.Lotus(),
			Programs: ccmail.Programs{
				ExportDirectory: program("export", "/DIRECTORY"), ExportLists: program("export", "/LISTS"), ExportBoards: program("export", "/BOARDS"),
				ImportDelete: program("import", "/DIRECTORY/DELETE"), ImportAdd: program("import", "/DIRECTORY"),
			},
		},
		Store:  ccmail.Store{Dir: filepath.Join(folder, "CCMCDATA")},
		Rules:  rules,
		Limits: reconcile.Limits{Deletes: 500, DeletePercent: 20, ChangesPercent: 30, Floor: 10},
	}
}

func program(name, task string) []string {
	return []string{os.Args[0], name, "/N{name}", "/P{password}", "/D{path}", "/@{file}", task, "/BATCH"}
}

func dial(t *testing.T, c cycle.Connector) *ldapsrc.Conn {
	t.Helper()
	conn, err := ldapsrc.Dial(t.Context(), c.Server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func edit(t *testing.T, c cycle.Connector, change func(*postoffice.PostOffice) error) {
	t.Helper()
	if err := postoffice.Edit(c.PostOffice.Path, change); err != nil {
		t.Fatal(err)
	}
}

// run carries out a cycle and requires its steps, all of them done.
func run(t *testing.T, c cycle.Connector, toCCMail, toExchange reconcile.StepCounts) {
	t.Helper()
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Counts.ToCCMail; got != toCCMail {
		t.Errorf("to cc:Mail %+v, want %+v", got, toCCMail)
	}
	if got := report.Counts.ToExchange; got != toExchange {
		t.Errorf("to Exchange %+v, want %+v", got, toExchange)
	}
	if report.Failed() || report.Open() {
		t.Errorf("not everything was done: %+v %+v", report.ToCCMail, report.ToExchange)
	}
}

// settled requires that a run has nothing to do and changes nothing.
func settled(t *testing.T, c cycle.Connector, server *slapd.Server) {
	t.Helper()
	before, err := server.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := cycle.Run(t.Context(), c, cycle.Trace{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := server.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Writes() || before != after {
		t.Errorf("a second run has something to do: %+v %+v", report.ToCCMail, report.ToExchange)
	}
}
