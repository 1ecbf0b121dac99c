package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ccdirsync/testenv/glauth"
	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/slapd"
)

const (
	contoso   = "dc=contoso,dc=example"
	secretary = "of the directory" // password of the account
)

// postOfficeOfProfiles is what the post office of every example holds.
const postOfficeOfProfiles = `Name: SOUTHPO
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

// site is an example from docs/profiles with its post office, in a folder.
type site struct {
	folder string
	slapd  *slapd.Server // nil when it is another server
}

// newSite makes the post office and the configuration of an example. The
// replacements are pairs of a text that the example has once and what is to
// stand there.
func newSite(t *testing.T, example string, replacements ...string) site {
	t.Helper()
	s := site{folder: t.TempDir()}
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "profiles", example))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(replacements); i += 2 {
		if n := strings.Count(text, replacements[i]); n != 1 {
			t.Fatalf("%q stands %d times in %s", replacements[i], n, example)
		}
		text = strings.Replace(text, replacements[i], replacements[i+1], 1)
	}
	const programs = `
      programs:
        export_directory: [ccpo, export, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /DIRECTORY, /BATCH]
        export_lists:     [ccpo, export, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /LISTS, /BATCH]
        export_boards:    [ccpo, export, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /BOARDS, /BATCH]
        import_delete:    [ccpo, import, "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY/DELETE{prop}", /BATCH]
        import_add:       [ccpo, import, "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY{prop}", /BATCH]
`
	for name, content := range map[string]string{
		"ccdirsync.yaml": strings.Replace(text, "code_page: cp850\n", "code_page: cp850"+programs, 1),
		"directory.pw":   secretary, "po.pw": "secret",
	} {
		if err = os.WriteFile(s.path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	po, err := postoffice.Create(s.path("po"), postoffice.Settings{Name: "NORTHHUB", Password: "secret", CodePage: "cp850"})
	if err != nil {
		t.Fatal(err)
	}
	if err = po.Seed("seed", postOfficeOfProfiles); err == nil {
		err = po.Save()
	}
	if err = errors.Join(err, po.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s site) path(name string) string { return filepath.Join(s.folder, name) }

// does runs a command on the site and requires its exit code and the lines that
// its output must have, as patterns.
func (s site) does(t *testing.T, code exitCode, command string, lines ...string) string {
	t.Helper()
	out, errs, got := program(t, append(strings.Fields(command), "-c", s.path("ccdirsync.yaml"))...)
	if got != code {
		t.Fatalf("%s ended with %d, not %d:\n%s%s", command, got, code, out, errs)
	}
	for _, line := range lines {
		if !regexp.MustCompile("(?m)" + line).MatchString(out + errs) {
			t.Errorf("%s does not tell %q:\n%s%s", command, line, out, errs)
		}
	}
	return out
}

// settled requires that there is nothing more to do and that doing it changes
// nothing.
func (s site) settled(t *testing.T) {
	t.Helper()
	before := s.dump(t)
	s.does(t, exitDone, "plan --check", "nothing to do")
	s.does(t, exitDone, "run", "nothing to do")
	if s.dump(t) != before {
		t.Error("a run with nothing to do changed the directory")
	}
}

func (s site) dump(t *testing.T) string {
	t.Helper()
	if s.slapd == nil {
		return ""
	}
	ldif, err := s.slapd.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ldif
}

func (s site) holds(t *testing.T, lines ...string) {
	t.Helper()
	ldif := s.dump(t)
	for _, line := range lines {
		if !strings.Contains(ldif, line+"\n") {
			t.Errorf("the directory does not hold %q:\n%s", line, ldif)
		}
	}
}

func (s site) edit(t *testing.T, change func(*postoffice.PostOffice) error) {
	t.Helper()
	if err := postoffice.Edit(s.path("po"), change); err != nil {
		t.Fatal(err)
	}
}

// onSlapd starts a server for an example and makes its site.
func onSlapd(t *testing.T, example, account string, o slapd.Options, replacements ...string) site {
	t.Helper()
	server := startSlapd(t, account, o)
	url := regexp.MustCompile(`url: (\S+)`).FindString(readExample(t, example))
	s := newSite(t, example, append(replacements, url, "url: "+server.SecureURL, "./ca.pem", server.CAFile)...)
	s.slapd = server
	return s
}

// startSlapd starts a server with an account that may write.
func startSlapd(t *testing.T, account string, o slapd.Options) *slapd.Server {
	t.Helper()
	if err := slapd.Available(); err != nil {
		t.Skipf("needs a real slapd: %v", err)
	}
	o.Dir, o.Suffix, o.SizeLimit = t.TempDir(), contoso, 1000
	o.Users = []slapd.User{{Name: account, Password: secretary, Write: true, Unlimited: o.Syncrepl}}
	server, err := slapd.Start(context.WithoutCancel(t.Context()), o)
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

func readExample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "profiles", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const standardTree = `dn: dc=contoso,dc=example
objectClass: organization
objectClass: dcObject
o: Contoso
dc: contoso

dn: ou=people,dc=contoso,dc=example
objectClass: organizationalUnit
ou: people

dn: uid=marta,ou=people,dc=contoso,dc=example
objectClass: inetOrgPerson
uid: marta
cn: Marta Quist
sn: Quist
givenName: Marta
mail: marta@contoso.example
mail: mq@contoso.example
labeledURI: http://www.example.com/marta her page
employeeType: hq

dn: cn=Leo Leaver,ou=people,dc=contoso,dc=example
objectClass: inetOrgPerson
cn: Leo Leaver
sn: Leaver
givenName: Leo

dn: ou=groups,dc=contoso,dc=example
objectClass: organizationalUnit
ou: groups

dn: cn=All Staff,ou=groups,dc=contoso,dc=example
objectClass: groupOfNames
cn: All Staff
member: uid=marta,ou=people,dc=contoso,dc=example

dn: ou=ccmail,dc=contoso,dc=example
objectClass: organizationalUnit
ou: ccmail
`

// Whole cycles with the profile openldap on a server with the standard schema.
func TestOpenLDAP(t *testing.T) {
	t.Parallel()
	s := onSlapd(t, "openldap.yaml", "cn=dirsync,ou=services,"+contoso, slapd.Options{Schema: slapd.Standard, LDIF: standardTree})
	s.does(t, exitDone, "check", "ok .*knows all classes and attributes of the profile openldap", "ok .*ou=ccmail,"+contoso+" can be written")
	s.does(t, exitDrift, "plan --check", "Quist, Marta", "Leaver, Leo", "All Staff")
	s.does(t, exitDone, "run")
	s.settled(t)
	s.holds(t, "labeledURI: CCMAIL:Gil Goner at NORTHHUB", "employeeType: hq", "employeeNumber: user:goner, gil", "sn: Goner", "cn: Gil Goner", "uid: GilG",
		"mail: GilG@ccmail.example.com", "labeledURI: CCMAIL:#Sales Team", "sn: Sales Team", "labeledURI: CCMAIL:#Social",
		"labeledURI: http://www.example.com/marta her page")

	s.edit(t, func(po *postoffice.PostOffice) error {
		return errors.Join(po.Move("Lindström, Åsa", "SOUTHPO"), po.SetComment("Lindström, Åsa", "in the south"), po.Delete("Goner, Gil"))
	})
	if err := s.slapd.Load(t.Context(), "dn: cn=Leo Leaver,ou=people,"+contoso+"\nchangetype: delete\n"); err != nil {
		t.Fatal(err)
	}
	ran := s.does(t, exitDone, "run -o json")
	s.settled(t)
	s.holds(t, "description: in the south")
	if strings.Contains(s.dump(t), "Goner") {
		t.Error("who left cc:Mail is still in the directory")
	}

	number := regexp.MustCompile(`"run":(\d+)`).FindStringSubmatch(ran)
	if number == nil {
		t.Fatalf("no number of a run in %s", ran)
	}
	s.does(t, exitDone, "undo "+number[1])
	s.holds(t, "labeledURI: CCMAIL:Gil Goner at NORTHHUB", "employeeNumber: user:goner, gil", "description: Room 12")
}

// Mailing lists become groupOfNames with members, which stand in the request
// that adds them, because that class wants one at least; a list without a member
// that is known is refused.
func TestOpenLDAPGroups(t *testing.T) {
	t.Parallel()
	s := onSlapd(t, "openldap.yaml", "cn=dirsync,ou=services,"+contoso, slapd.Options{Schema: slapd.Standard, LDIF: standardTree},
		"addresses: {smtp:", "lists: groups\n        addresses: {smtp:")
	s.edit(t, func(po *postoffice.PostOffice) error {
		return errors.Join(po.DeleteList("Sales Team"), po.AddList(postoffice.List{Title: "Sales Team", Members: []string{"Goner, Gil"}}))
	})
	s.does(t, exitDone, "run")
	s.settled(t)
	s.holds(t, "objectClass: groupOfNames", "labeledURI: CCMAIL:#Sales Team", "employeeNumber: list:sales team")
	if !regexp.MustCompile(`(?m)^member: uid=CC[0-9A-F]+,ou=ccmail,dc=contoso,dc=example$`).MatchString(s.dump(t)) {
		t.Errorf("the list has no member:\n%s", s.dump(t))
	}
}

const adTree = `dn: dc=contoso,dc=example
objectClass: domainDNS
dc: contoso

dn: ou=Staff,dc=contoso,dc=example
objectClass: organizationalUnit
ou: Staff

dn: cn=Marta Quist,ou=Staff,dc=contoso,dc=example
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: user
cn: Marta Quist
displayName: Quist, Marta (Sales)
mailNickname: marta
mail: marta@contoso.example
proxyAddresses: SMTP:marta@contoso.example
proxyAddresses: smtp:mq@contoso.example
proxyAddresses: CCMAIL:Quist, Marta at ADSITE
uSNChanged: 4711

dn: cn=Leo Leaver,ou=Staff,dc=contoso,dc=example
objectClass: user
cn: Leo Leaver
displayName: Leo Leaver
givenName: Leo
sn: Leaver
mailNickname: leo
mail: leo@contoso.example
proxyAddresses: SMTP:leo@contoso.example

dn: cn=Hidden Helga,ou=Staff,dc=contoso,dc=example
objectClass: user
cn: Hidden Helga
displayName: Hidden Helga
mailNickname: helga
msExchHideFromAddressLists: TRUE

dn: cn=PC17,ou=Staff,dc=contoso,dc=example
objectClass: user
objectClass: computer
cn: PC17

dn: cn=All Staff,ou=Staff,dc=contoso,dc=example
objectClass: group
cn: All Staff
groupType: 8
displayName: All Staff
mailNickname: all
member: cn=Marta Quist,ou=Staff,dc=contoso,dc=example

dn: ou=ccMail,dc=contoso,dc=example
objectClass: organizationalUnit
ou: ccMail
`

// Whole cycles with the example for Active Directory, on a server that has its
// names and nothing else of it.
func TestActiveDirectoryExample(t *testing.T) {
	t.Parallel()
	s := onSlapd(t, "active-directory.yaml", "cn=dirsync,ou=Service Accounts,"+contoso, slapd.Options{Schema: slapd.ActiveDirectory, LDIF: adTree})
	s.does(t, exitDone, "check", "ok .*knows all classes and attributes of the profile active-directory", "ok .*ou=ccMail,"+contoso+" can be written")
	plan := s.does(t, exitDrift, "plan --check", "Quist, Marta", "Leaver, Leo", "All Staff")
	if strings.Contains(plan, "PC17") || strings.Contains(plan, "Helga at") {
		t.Errorf("a computer or who is hidden goes out:\n%s", plan)
	}
	s.does(t, exitDone, "run")
	s.settled(t)
	s.holds(t, "targetAddress: CCMAIL:Gil Goner at NORTHHUB", "proxyAddresses: CCMAIL:Gil Goner at NORTHHUB", "proxyAddresses: SMTP:GilG@ccmail.example.com",
		"mail: GilG@ccmail.example.com", "mailNickname: GilG", "displayName: Gil Goner", "extensionAttribute14: hq", "extensionAttribute15: user:goner, gil")

	s.edit(t, func(po *postoffice.PostOffice) error {
		return errors.Join(po.Move("Goner, Gil", "SOUTHPO"), po.SetComment("Lindström, Åsa", "in the south"))
	})
	s.does(t, exitDone, "run")
	s.settled(t)
	s.holds(t, "targetAddress: CCMAIL:Gil Goner at SOUTHPO", "proxyAddresses: CCMAIL:Gil Goner at SOUTHPO", "proxyAddresses: SMTP:GilG@ccmail.example.com", "info: in the south")
}

// onGlauth starts a stock glauth and makes a site of its example.
func onGlauth(t *testing.T, replacements ...string) site {
	t.Helper()
	server, err := glauth.Start(t.Context(), glauth.Options{
		BaseDN: contoso,
		Groups: []glauth.Group{{Name: "staff", Number: 5501}, {Name: "svcaccts", Number: 5502}},
		Users: []glauth.User{
			{Name: "marta", GivenName: "Marta", Surname: "Quist", Mail: "marta@contoso.example", Group: 5501, Password: "m"},
			{Name: "leo", GivenName: "Leo", Surname: "Leaver", Group: 5501, Password: "l"},
			{Name: "dirsync", Group: 5502, Password: secretary, MaySearch: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return newSite(t, "glauth.yaml", append([]string{
		"url: ldaps://glauth.example.com:636", "url: " + server.URL,
		"tls: {ca_file: ./ca.pem}", "tls: {mode: none}\n      plaintext: true",
	}, replacements...)...)
}

// A stock glauth is a source: plan and run work, and check says that it cannot
// be written.
func TestGlauthExample(t *testing.T) {
	t.Parallel()
	s := onGlauth(t)
	s.does(t, exitDone, "check", "warning +import .*the profile glauth is one of directories that cannot be written, and the server refuses it too: insufficient access rights .code 50")
	plan := s.does(t, exitDrift, "plan --check", "Quist, Marta", "Leaver, Leo")
	if strings.Contains(plan, "dirsync") {
		t.Errorf("the service account goes out:\n%s", plan)
	}
	s.does(t, exitDone, "run")
	s.settled(t)
}

// Whoever would write to a server that refuses it learns so from check, whether
// the server takes no writes from this account (50) or from anybody (53).
func TestCheckTellsWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	t.Run("the profile", func(t *testing.T) {
		t.Parallel()
		s := onGlauth(t, "    post_office:\n", "      import: {container: \"ou=users,dc=contoso,dc=example\"}\n    post_office:\n")
		_, errs, code := program(t, "check", "-c", s.path("ccdirsync.yaml"))
		if want := "exchange.import: has a container, and the profile glauth is one of directories that cannot be written"; code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, want %q:\n%s", code, want, errs)
		}
	})
	t.Run("the account", func(t *testing.T) {
		t.Parallel()
		s := onGlauth(t, "    post_office:\n", "      import: {container: \"ou=users,dc=contoso,dc=example\"}\n    post_office:\n",
			"writable: false", "writable: true", "custom_recipient: []", "custom_recipient: inetOrgPerson", `, target: "", imported_from: ""`, "")
		s.does(t, exitFailed, "check", "failed +import .*test write access .*insufficient access rights .code 50")
	})
	t.Run("the server", func(t *testing.T) {
		t.Parallel()
		s := onSlapd(t, "openldap.yaml", "cn=dirsync,ou=services,"+contoso,
			slapd.Options{Schema: slapd.Standard, Bulk: strings.NewReader(standardTree), ReadOnly: true})
		s.does(t, exitFailed, "check", "failed +import .*unwilling to perform .code 53")
		s.does(t, exitDrift, "plan --check")
	})
	t.Run("the schema", func(t *testing.T) {
		t.Parallel()
		s := onSlapd(t, "openldap.yaml", "cn=dirsync,ou=services,"+contoso, slapd.Options{
			Schema: slapd.ActiveDirectory,
			LDIF:   strings.ReplaceAll(adTree, "ou=Staff", "ou=people") + "\ndn: ou=groups,dc=contoso,dc=example\nobjectClass: organizationalUnit\nou: groups\n",
		})
		s.does(t, exitFailed, "check", "failed +schema .*does not know the class inetOrgPerson, the attribute employeeType, the attribute employeeNumber of .*nothing can be written")
	})
}
