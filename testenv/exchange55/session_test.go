package exchange55_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"ccdirsync/testenv/exchange55"
)

// lost reports whether the connection ended instead of an answer.
func lost(err error) bool {
	var e *ldap.Error
	return err != nil && (!errors.As(err, &e) || e.ResultCode == ldap.ErrorNetwork)
}

func asLDAP(err error, target **ldap.Error) bool { return errors.As(err, target) }

// K182507, SDK directry_1tpw, SMP-vb for the forms.
func TestBindNames(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asAnonymous)
	tests := []struct {
		name, password string
		want           uint16
		admin          bool
	}{
		{"cn=svc,cn=CONTOSO", password, 0, false},
		{"dc=CONTOSO,cn=svc", password, 0, false},
		{"cn=svc,dc=CONTOSO", password, 0, false},
		{"CN=SVC, DC=contoso", password, 0, false},
		{"cn=svc,cn=CONTOSO,cn=admin", password, 0, true},
		{"dc=CONTOSO, cn=svc, cn=Admin", password, 0, true},
		{"cn=svc,dc=CONTOSO,cn=admin", password, 0, true},
		{"cn=reader,cn=CONTOSO,cn=admin", password, 0, false}, // fails silently (K185475)
		{"cn=svc,cn=CONTOSO", "wrong", ldap.LDAPResultInvalidCredentials, false},
		{"cn=nobody,cn=CONTOSO", password, ldap.LDAPResultInvalidCredentials, false},
		{"cn=svc,cn=OTHER", password, ldap.LDAPResultInvalidCredentials, false},
		{"cn=svc", password, ldap.LDAPResultInvalidCredentials, false},
		{"dc=CONTOSO,dc=svc", password, ldap.LDAPResultInvalidCredentials, false},
		{"cn=svc,cn=CONTOSO,cn=mailbox", password, ldap.LDAPResultInvalidCredentials, false},
		{"CONTOSO\\svc", password, ldap.LDAPResultInvalidDNSyntax, false},
	}
	for _, test := range tests {
		err := conn.Bind(test.name, test.password)
		if got := code(t, err); got != test.want {
			t.Errorf("%s: result %d, want %d", test.name, got, test.want)
			continue
		}
		if got := exists(t, conn, hidden); got != test.admin {
			t.Errorf("%s: admin view is %t, want %t", test.name, got, test.admin)
		}
	}
	if err := conn.UnauthenticatedBind("cn=svc,cn=CONTOSO"); code(t, err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("name without a password: %v", err)
	}
	if err := conn.UnauthenticatedBind(""); err != nil {
		t.Errorf("anonymous bind: %v", err)
	}
}

// The protocol library would go on with the old identity.
func TestFailedRebindIsAnonymous(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asAdmin)
	if err := conn.Bind(asAdmin, "wrong"); code(t, err) != ldap.LDAPResultInvalidCredentials {
		t.Fatalf("wrong password: %v", err)
	}
	if exists(t, conn, site) {
		t.Error("the old identity is still in force")
	}
}

// K156063, K230745.
func TestAnonymousView(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asAnonymous)
	if diff := cmp.Diff([]string{`Büro\`, "CC0001", "mquist", "staff"}, found(t, conn, "(objectClass=*)")); diff != "" {
		t.Errorf("entries:\n%s", diff)
	}
	e := read(t, conn, marta, "*", "+", "Replication-Sensitivity")
	for _, name := range []string{"cn", "mail", "otherMailbox", "sn"} {
		if e.GetAttributeValue(name) == "" {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"Replication-Sensitivity", "Home-MDB", "mailPreferenceOption", "memberOf", "USN-Changed"} {
		if e.GetAttributeValue(name) != "" {
			t.Errorf("%s shows", name)
		}
	}
	if got := read(t, conn, staff).GetAttributeValues("member"); len(got) > 0 {
		t.Errorf("members show: %v", got)
	}
	for _, filter := range []string{"(USN-Changed>=1)", "(!(USN-Changed>=1))", "(member=" + marta + ")"} {
		if got := found(t, conn, filter); len(got) > 0 {
			t.Errorf("%s finds %v", filter, got)
		}
	}
}

func TestHiddenEntries(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	service, admin := dial(t, d, asService), dial(t, d, asAdmin)
	if exists(t, service, hidden) || len(found(t, service, "(uid=hidden)")) > 0 {
		t.Error("the hidden entry shows without the admin view")
	}
	if !exists(t, admin, hidden) || len(found(t, admin, "(uid=hidden)")) != 1 {
		t.Error("the hidden entry is missing from the admin view")
	}
	mustApply(t, admin, "dn: "+hidden+"\nchangetype: modify\nreplace: Hide-From-Address-Book\nHide-From-Address-Book: FALSE\n-\n")
	if !exists(t, service, hidden) {
		t.Error("FALSE does not unhide (K268576)")
	}
}

func TestControls(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	showDeleted := "1.2.840.113556.1.4.417"
	request := subtree(marta, "(objectClass=*)")
	request.Controls = []ldap.Control{ldap.NewControlString(showDeleted, true, "")}
	_, err := conn.Search(request)
	if got := code(t, err); got != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("critical control: result %d", got)
	}
	deletion := ldap.NewDelRequest(fuchs, []ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.805", true, "")})
	if got := code(t, conn.Del(deletion)); got != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("critical control of a write: result %d", got)
	}
	request.Controls = []ldap.Control{ldap.NewControlString(showDeleted, false, "value")}
	if result, err := conn.Search(request); err != nil || len(result.Entries) != 1 {
		t.Errorf("a control that is not critical is not ignored: %v", err)
	}
}

func TestExtendedOperations(t *testing.T) {
	t.Parallel()
	conn := dial(t, start(t, exchange55.Options{}), asService)
	_, err := conn.WhoAmI(nil)
	if got := code(t, err); got != ldap.LDAPResultProtocolError {
		t.Errorf("who am I: result %d", got)
	}
	if !exists(t, conn, marta) {
		t.Error("the connection is of no use any more")
	}
	if err := conn.StartTLS(&tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12}); code(t, err) != ldap.LDAPResultProtocolError {
		t.Errorf("StartTLS: %v", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	conn := dial(t, d, asService)
	change := "dn: " + fuchs + "\nchangetype: modify\nreplace: info\ninfo: x\n-\n"

	d.SetFaults(exchange55.Faults{Busy: map[string]int{"CN=cc0001, " + imported: 2}})
	for i, want := range []uint16{ldap.LDAPResultBusy, ldap.LDAPResultBusy, ldap.LDAPResultSuccess} {
		if got := code(t, apply(conn, change)); got != want {
			t.Errorf("write %d: result %d, want %d", i+1, got, want)
		}
	}
	if d.Writes() != 1 {
		t.Errorf("%d writes counted, want 1", d.Writes())
	}

	d.SetFaults(exchange55.Faults{Conceal: []string{recipients}})
	if result, err := conn.Search(subtree(recipients, "(objectClass=*)")); err != nil || len(result.Entries) > 0 {
		t.Errorf("concealed: %d entries, %v", len(result.Entries), err)
	}
	if result, err := conn.SearchWithPaging(subtree(recipients, "(objectClass=*)"), 10); err != nil || len(result.Entries) > 0 {
		t.Errorf("concealed, paged: %d entries, %v", len(result.Entries), err)
	}
	if !exists(t, conn, marta) {
		t.Error("an entry below the concealed base does not show by itself")
	}

	d.SetFaults(exchange55.Faults{Nothing: true})
	if result, err := conn.Search(subtree("o=Contoso", "(objectClass=*)")); err != nil || len(result.Entries) > 0 {
		t.Errorf("nothing: %d entries, %v", len(result.Entries), err)
	}

	d.SetFaults(exchange55.Faults{Hide: []string{"CN=mquist, " + recipients}})
	if exists(t, conn, marta) || !exists(t, conn, staff) {
		t.Error("another entry than the hidden one is hidden")
	}

	d.SetFaults(exchange55.Faults{AnyAsInitial: true})
	for filter, want := range map[string]int{"(cn=*Fuchs*)": 0, "(cn=*Max*)": 1, "(|(cn=*s)(uid=sta*))": 1} {
		if got := found(t, conn, filter); len(got) != want {
			t.Errorf("any as initial: %s finds %v, want %d", filter, got, want)
		}
	}

	d.SetFaults(exchange55.Faults{DropAfter: 3})
	if got := len(found(t, conn, "(uid=*t*)")); got != 2 {
		t.Errorf("an answer of 2 entries was cut to %d", got)
	}
	result, err := conn.Search(subtree("o=Contoso", "(objectClass=*)"))
	if !lost(err) || len(result.Entries) != 3 {
		t.Errorf("dropped: %d entries, %v", len(result.Entries), err)
	}
	if got := len(found(t, dial(t, d, asService), "(objectClass=*)")); got != 10 {
		t.Errorf("after the drop: %d entries, want 10", got)
	}
}

// A cut falls before the request is carried out, or after, when its client
// cannot know.
func TestConnectionCut(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	for _, test := range []struct {
		faults exchange55.Faults
		want   bool // the change is there
	}{
		{exchange55.Faults{CutAt: 3}, false},
		{exchange55.Faults{CutAt: 3, CutLate: true}, true},
	} {
		d.SetFaults(test.faults)
		conn := dial(t, d, asService) // binds
		if !exists(t, conn, marta) {
			t.Error("the connection was cut too early")
		}
		note := fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: info\ninfo: %+v\n-\n", marta, test.faults)
		if err := apply(conn, note); !lost(err) {
			t.Errorf("%+v: %v", test.faults, err)
		}
		if got := strings.Contains(string(d.Dump()), fmt.Sprintf("info: %+v", test.faults)); got != test.want {
			t.Errorf("%+v: the request was carried out: %v", test.faults, got)
		}
		if !exists(t, dial(t, d, asService), marta) {
			t.Error("the next connection is cut too")
		}
	}
}

func TestCloseEndsConnections(t *testing.T) {
	t.Parallel()
	d := start(t, exchange55.Options{})
	conns := []*ldap.Conn{dial(t, d, asService), dial(t, d, asAnonymous)}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for i, conn := range conns {
		if _, err := conn.Search(subtree("", "(objectClass=*)")); !lost(err) {
			t.Errorf("connection %d lives on: %v", i, err)
		}
	}
	if _, err := ldap.DialURL(d.URL()); err == nil {
		t.Error("the directory still listens")
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	t.Cleanup(web.Close)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	d := start(t, exchange55.Options{TLS: &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}})
	conn, err := ldap.DialURL(d.URL(), ldap.DialWithTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Bind(asService, password); err != nil {
		t.Fatal(err)
	}
	if !exists(t, conn, marta) {
		t.Error("nothing found over TLS")
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestConcurrentClients(t *testing.T) {
	t.Parallel()
	const clients, rounds = 16, 4
	d := start(t, exchange55.Options{})
	var group sync.WaitGroup
	for client := range clients {
		conn := dial(t, d, asAdmin)
		group.Go(func() {
			for round := range rounds {
				dn := fmt.Sprintf("cn=client%d-%d,%s", client, round, imported)
				steps := []string{
					"dn: " + dn + "\nobjectClass: Remote-Address\nTarget-Address: CCMAIL:x at PO\n",
					"dn: " + staff + "\nchangetype: modify\nadd: member\nmember: " + dn + "\n-\n",
					"dn: " + dn + "\nchangetype: modify\nreplace: cn\ncn: changed\n-\n",
					"dn: " + dn + "\nchangetype: delete\n",
				}
				for _, step := range steps {
					if err := apply(conn, step); err != nil {
						t.Errorf("%v\nfor\n%s", err, step)
					}
				}
				if _, err := conn.SearchWithPaging(subtree("o=Contoso", "(USN-Changed>=1)", "*", "+"), 7); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := d.Writes(); got != clients*rounds*4 {
		t.Errorf("%d writes counted, want %d", got, clients*rounds*4)
	}
	// Each round: add, member, change, delete, and the list that loses the member.
	want := fmt.Sprint(11 + clients*rounds*5)
	if got := read(t, dial(t, d, asAdmin), site, "USN-Changed").GetAttributeValue("USN-Changed"); got != want {
		t.Errorf("highest USN is %s, want %s: every write takes one", got, want)
	}
}

// The same operations with OpenLDAP's programs, whose requests look different
// on the wire.
func TestOpenLDAPTools(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapcompare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("OpenLDAP's %s is not installed", tool)
		}
	}
	d := start(t, exchange55.Options{})
	run := func(tool, input string, args ...string) (string, int) {
		common := []string{"-x", "-H", d.URL(), "-D", asAdmin, "-w", password}
		cmd := exec.CommandContext(t.Context(), tool, append(common, args...)...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	newcomer := `cn=Zoë\, \"Zed\",` + imported
	steps := []struct {
		tool, input string
		args        []string
		exit        int
		output      string
	}{
		{"ldapadd", "dn: " + newcomer + "\nobjectClass: Remote-Address\ncn: Zoë\nTarget-Address: CCMAIL:Zoe at PO\nmail: z@x\nrfc822Mailbox: z@x\n", nil, 0, ""},
		{"ldapadd", "dn: " + newcomer + "\nobjectClass: Remote-Address\nTarget-Address: CCMAIL:Zoe at PO\n", nil, 68, "exists already"},
		{"ldapsearch", "", []string{"-LLL", "-b", "o=Contoso", "(mail=Z@*)", "Target-Address"}, 0, "CCMAIL:Zoe at PO"},
		{"ldapsearch", "", []string{"-LLL", "-b", "o=Contoso", "-E", "!pr=2/noprompt", "(objectClass=*)", "1.1"}, 0, "dn: " + staff},
		{"ldapsearch", "", []string{"-LLL", "-b", "o=Contoso", "-z", "2", "(objectClass=*)", "1.1"}, 4, "Size limit exceeded"},
		{"ldapsearch", "", []string{"-LLL", "-b", "o=Contoso", "-e", "!1.2.3", "(objectClass=*)"}, 12, "control 1.2.3 is not supported"},
		{"ldapmodify", "dn: " + newcomer + "\nchangetype: modify\nreplace: initials\ninitials: TOOLONG\n", nil, 19, "longer than 6"},
		{"ldapcompare", "", []string{newcomer, "cn:zoë"}, 6, ""},
		{"ldapcompare", "", []string{newcomer, "cn:zoe"}, 5, ""},
		{"ldapdelete", "", []string{newcomer}, 0, ""},
		{"ldapdelete", "", []string{newcomer}, 32, "there is no"},
	}
	for _, step := range steps {
		out, exit := run(step.tool, step.input, step.args...)
		if exit != step.exit || !strings.Contains(out, step.output) {
			t.Errorf("%s %q %s: exit %d, want %d with %q:\n%s", step.tool, step.args, step.input, exit, step.exit, step.output, out)
		}
	}
}
