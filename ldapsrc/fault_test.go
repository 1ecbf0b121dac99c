package ldapsrc_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/exchange55"
)

// answer is what a server that misbehaves says to one search: entries, or a
// reference, and a result. No real server can be brought to say these things.
type answer struct {
	entries []*ber.Packet
	code    int
	paged   bool // with the control for pages
	cookie  string
	hangUp  bool // instead of the result
	silence bool // instead of the result
}

func misbehave(t *testing.T, answers ...answer) directory {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for {
			request, err := ber.ReadPacket(conn)
			if err != nil || len(request.Children) < 2 {
				return
			}
			id := request.Children[0]
			if request.Children[1].Tag == ldap.ApplicationBindRequest {
				_, _ = conn.Write(message(id, result(ldap.ApplicationBindResponse, 0)).Bytes())
			}
			if request.Children[1].Tag != ldap.ApplicationSearchRequest {
				continue
			}
			const scope = 1
			if request.Children[1].Children[scope].Value != int64(ldap.ScopeWholeSubtree) { // a look at an entry
				_, _ = conn.Write(answer{}.done(id).Bytes())
				continue
			}
			next := answers[0]
			answers = answers[1:]
			for _, e := range next.entries {
				_, _ = conn.Write(message(id, e).Bytes())
			}
			if next.hangUp {
				return
			}
			if !next.silence {
				_, _ = conn.Write(next.done(id).Bytes())
			}
		}
	}()
	return directory{url: "ldap://" + listener.Addr().String()}
}

func message(id *ber.Packet, op *ber.Packet) *ber.Packet {
	m := ber.NewSequence("")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id.Value, ""))
	m.AppendChild(op)
	return m
}

func text(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}

func result(tag ber.Tag, code int) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	p.AppendChild(text(""))
	p.AppendChild(text(""))
	return p
}

func (a answer) done(id *ber.Packet) *ber.Packet {
	m := message(id, result(ldap.ApplicationSearchResultDone, a.code))
	if a.paged {
		controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		controls.AppendChild((&ldap.ControlPaging{Cookie: []byte(a.cookie)}).Encode())
		m.AppendChild(controls)
	}
	return m
}

// entry is a mailbox with attributes given as "name value".
func entry(dn string, attributes ...string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	p.AppendChild(text(dn))
	list := ber.NewSequence("")
	for _, a := range append([]string{"objectClass ORGANIZATIONALPERSON"}, attributes...) {
		name, value, _ := strings.Cut(a, " ")
		one, values := ber.NewSequence(""), ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		values.AppendChild(text(value))
		one.AppendChild(text(name))
		one.AppendChild(values)
		list.AppendChild(one)
	}
	p.AppendChild(list)
	return p
}

func reference(url string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultReference, nil, "")
	p.AppendChild(text(url))
	return p
}

func packets(p ...*ber.Packet) []*ber.Packet { return p }

func TestReadIsWholeOrAnError(t *testing.T) {
	t.Parallel()
	ann, bob := entry("cn=ann,o=Contoso", "cn Ann"), entry("cn=bob,o=Contoso", "cn Bob")
	for _, test := range []struct {
		reason  string
		answers []answer
		tells   []string // nil when the read is good
	}{
		{"two pages", []answer{{entries: packets(ann), paged: true, cookie: "1"}, {entries: packets(bob), paged: true}}, nil},
		{"an empty page between", []answer{{paged: true, cookie: "1"}, {entries: packets(ann, bob), paged: true}}, nil},
		{"no word on pages", []answer{{entries: packets(ann)}}, []string{"more pages"}},
		{"no word on pages on the second", []answer{{entries: packets(ann), paged: true, cookie: "1"}, {entries: packets(bob)}}, []string{"more pages"}},
		{
			"the same mark for ever",
			[]answer{{entries: packets(ann), paged: true, cookie: "1"}, {paged: true, cookie: "1"}},
			[]string{"same page mark twice"},
		},
		{"an entry twice on two pages", []answer{
			{entries: packets(ann), paged: true, cookie: "1"},
			{entries: packets(entry(`CN="Ann" , O=contoso`)), paged: true},
		}, []string{"came twice", `"cn=ann,o=Contoso"`}},
		{"a reference to another server", []answer{{entries: packets(ann, reference("ldap://other/o=Contoso")), paged: true}}, []string{
			"referral to ldap://other/o=Contoso", "containers that this server holds",
		}},
		{"a size limit in the middle", []answer{{entries: packets(ann), code: 4}}, []string{"size limit exceeded (code 4)", "smaller page size"}},
		{"a time limit", []answer{{entries: packets(ann), code: 3}}, []string{"time limit exceeded (code 3)"}},
		{"an administrative limit", []answer{{entries: packets(ann), code: 11}}, []string{"admin limit exceeded (code 11)"}},
		{"a referral as the answer", []answer{{code: 10}}, []string{"code 10", "use a server of the site"}},
		{"a busy server", []answer{{code: 51}}, []string{"busy (code 51)", "try again later"}},
		{"no rights", []answer{{code: 50}}, []string{"insufficient access rights (code 50)"}},
		{"a connection lost after a page", []answer{{entries: packets(ann), paged: true, cookie: "1"}, {hangUp: true}}, []string{"connection was lost"}},
		{"a connection lost within a page", []answer{{entries: packets(ann), hangUp: true}}, []string{"connection was lost"}},
		{"silence", []answer{{entries: packets(ann), silence: true}}, []string{"no answer within 200ms", "raise the time limit"}},
		{"a trust level that is no number", []answer{{entries: packets(entry("cn=x,o=Contoso", "Replication-Sensitivity high")), paged: true}}, []string{
			`entry "cn=x,o=Contoso"`, `Replication-Sensitivity "high" is not a number`, "correct this entry",
		}},
		{"a USN that is no number", []answer{{entries: packets(entry("cn=x,o=Contoso", "USN-Changed 1.5")), paged: true}}, []string{`USN-Changed "1.5"`}},
		{"neither hidden nor not", []answer{{entries: packets(entry("cn=x,o=Contoso", "Hide-From-Address-Book yes")), paged: true}}, []string{
			`"yes" is neither TRUE nor FALSE`,
		}},
		{"neither deleted nor not", []answer{{entries: packets(entry("cn=x,o=Contoso", "Is-Deleted 1")), paged: true}}, []string{"Is-Deleted"}},
		{"a name that is none", []answer{{entries: packets(entry("nonsense")), paged: true}}, []string{`entry "nonsense"`, "column 1"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			c := misbehave(t, test.answers...).dial(t, func(s *ldapsrc.Server) {
				if test.answers[len(test.answers)-1].silence {
					s.ReadTimeout = 200 * time.Millisecond
				}
			})
			got, err := conformance.Read(t.Context(), c, "o=Contoso")
			if test.tells == nil {
				if err != nil || len(got) != 2 {
					t.Errorf("%d entries, %v", len(got), err)
				}
				return
			}
			if err == nil || got != nil {
				t.Fatalf("%d entries, %v", len(got), err)
			}
			var e *ldapsrc.Error
			if !errors.As(err, &e) || e.DN != "o=Contoso" {
				t.Errorf("the error does not name the base: %v", err)
			}
			for _, part := range test.tells {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not tell %q", err, part)
				}
			}
		})
	}
}

func TestAddressesAsRead(t *testing.T) {
	t.Parallel()
	primary := func(typ, address string) ldapsrc.Proxy {
		return ldapsrc.Proxy{Type: typ, Address: address, Primary: true}
	}
	for _, test := range []struct {
		reason     string
		attributes []string
		want       []ldapsrc.Proxy
	}{
		{"under either name of the attribute", []string{"RFC822mailbox a@x"}, []ldapsrc.Proxy{primary("SMTP", "a@x")}},
		{"under both", []string{"mail a@x", "rfc822Mailbox a@x"}, []ldapsrc.Proxy{primary("SMTP", "a@x")}},
		{"the primary address again among the others", []string{"mail a@x", "otherMailbox SMTP$A@x", "otherMailbox smtp$a@X"}, []ldapsrc.Proxy{
			primary("SMTP", "a@x"),
		}},
		{"another one in upper case among the others", []string{"mail a@x", "otherMailbox SMTP$b@x"}, []ldapsrc.Proxy{
			primary("SMTP", "a@x"), {Type: "SMTP", Address: "b@x"},
		}},
		{"a dollar sign in the address", []string{"otherMailbox NOTES$a$b@c"}, []ldapsrc.Proxy{primary("NOTES", "a$b@c")}},
		{"the same twice, the primary one wins", []string{"otherMailbox ccmail$a at b", "otherMailbox CCMAIL$A at B"}, []ldapsrc.Proxy{
			primary("CCMAIL", "A at B"),
		}},
		{"what is no address", []string{"otherMailbox x", "otherMailbox $x", "otherMailbox MS$", "otherMailbox a b$c"}, nil},
	} {
		c := misbehave(t, answer{entries: packets(entry("cn=x,o=Contoso", test.attributes...)), paged: true}).dial(t)
		got, err := conformance.Read(t.Context(), c, "o=Contoso")
		if err != nil {
			t.Fatalf("%s: %v", test.reason, err)
		}
		if diff := cmp.Diff(test.want, got[0].Proxies); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestCancelledReadIsAnError(t *testing.T) {
	t.Parallel()
	c := misbehave(t, answer{entries: packets(entry("cn=ann,o=Contoso")), silence: true}).dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, _, err := c.Read(ctx, "o=Contoso"); got != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline while waiting: %d entries, %v", got.Len(), err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _, err := c.Read(cancelled, "o=Contoso"); got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %d entries, %v", got.Len(), err)
	}
	if _, err := ldapsrc.Dial(cancelled, directory{url: "ldap://127.0.0.1:1"}.server()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before connecting: %v", err)
	}
}

func TestWriteWithoutAnswerHasUnknownOutcome(t *testing.T) {
	t.Parallel()
	c := misbehave(t).dial(t, func(s *ldapsrc.Server) { s.ReadTimeout = 50 * time.Millisecond })
	err := c.Apply(t.Context(), ldapsrc.Exchange55().Delete("cn=x,o=Contoso"))
	if err == nil || !strings.Contains(err.Error(), "whether the server carried it out is not known") {
		t.Errorf("a deletion without an answer: %v", err)
	}
}

func TestBusyServerIsNamed(t *testing.T) {
	t.Parallel()
	d := startExchange55(t)
	r := bea()
	d.SetFaults(exchange55.Faults{Busy: map[string]int{r.DN: 1}})
	c := directory{url: d.URL()}.dial(t)
	change, err := ldapsrc.Exchange55().Add(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), change); err == nil || !strings.Contains(err.Error(), "busy (code 51)") {
		t.Errorf("while busy: %v", err)
	}
	if err := c.Apply(t.Context(), change); err != nil {
		t.Errorf("after that: %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err = closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reason string
		server ldapsrc.Server
		tells  []string
	}{
		{"nobody listens", ldapsrc.Server{URLs: []string{"ldap://" + closed.Addr().String()}}, []string{"connection refused", "port 390 or 379"}},
		{"a URL with a bad port", ldapsrc.Server{URLs: []string{"ldap://exch1:port"}}, []string{"ldap://exch1:port", "the URL cannot be read", "write it as ldap://host:389"}},
		{"a URL with a control character", ldapsrc.Server{URLs: []string{"ldap://exch1\x00"}}, []string{"the URL cannot be read"}},
		{"another scheme", ldapsrc.Server{URLs: []string{"http://exch1"}}, []string{"does not begin with ldap://"}},
		{"no scheme", ldapsrc.Server{URLs: []string{"exch1:389"}}, []string{"does not begin with ldap://"}},
		{"no host", ldapsrc.Server{URLs: []string{"ldap://:389"}}, []string{"no host"}},
		{"a base in the URL", ldapsrc.Server{URLs: []string{"ldap://exch1/o=Contoso"}}, []string{"more than a host and a port"}},
		{"a user name in the URL", ldapsrc.Server{URLs: []string{"ldap://me:" + password + "@exch1"}}, []string{"ldap://exch1"}},
		{"StartTLS twice", ldapsrc.Server{URLs: []string{"ldaps://exch1"}, StartTLS: true}, []string{"StartTLS is asked for on an ldaps URL"}},
		{"no password", ldapsrc.Server{URLs: []string{misbehave(t).url}, BindDN: plainName}, []string{"the password is empty"}},
	} {
		_, err := ldapsrc.Dial(t.Context(), test.server)
		var e *ldapsrc.Error
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v is not an error with a hint", test.reason, err)
			continue
		}
		for _, part := range test.tells {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not tell %q", test.reason, err, part)
			}
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the password is in %q", test.reason, err)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := startSlapd(t)
	trusted := &tls.Config{RootCAs: s.CA}
	for _, test := range []struct {
		reason   string
		url      string
		startTLS bool
		config   *tls.Config
		tells    []string // nil when the connection is good
	}{
		{"ldaps with the authority", s.SecureURL, false, trusted, nil},
		{"StartTLS with the authority", s.URL, true, trusted, nil},
		{"ldaps by default", s.SecureURL, false, nil, []string{"start TLS", "unknown authority", "give the certificate of the authority"}},
		{"StartTLS by default", s.URL, true, nil, []string{"start TLS", "unknown authority", "give the certificate of the authority"}},
		{"ldaps with another authority", s.SecureURL, false, &tls.Config{RootCAs: x509.NewCertPool()}, []string{"unknown authority"}},
		{
			"ldaps with another name", strings.Replace(s.SecureURL, "127.0.0.1", "localhost", 1), false, trusted,
			[]string{"localhost", "use a host name that stands in it"},
		},
		{
			"ldaps on the plain port", strings.Replace(s.URL, "ldap:", "ldaps:", 1), false, trusted,
			[]string{"start TLS", "this port may not offer it"},
		},
		{"StartTLS where there is none", misbehave(t).url, true, trusted, []string{"start TLS", "no answer within", "may not offer it"}},
		{"ldap on the port for ldaps", strings.Replace(s.SecureURL, "ldaps:", "ldap:", 1), false, nil, []string{"may be a port for ldaps"}},
	} {
		server := directory{url: test.url}.server(func(s *ldapsrc.Server) {
			s.StartTLS, s.TLS = test.startTLS, test.config
			if strings.Contains(strings.Join(test.tells, ""), "may not offer it") {
				s.ConnectTimeout = 500 * time.Millisecond // there will be no answer
			}
		})
		c, err := ldapsrc.Dial(t.Context(), server)
		if test.tells == nil && err == nil {
			err = errors.Join(c.Exists(t.Context(), container), c.Close())
		}
		if (test.tells == nil) != (err == nil) {
			t.Errorf("%s: %v", test.reason, err)
			continue
		}
		for _, part := range test.tells {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not tell %q", test.reason, err, part)
			}
		}
	}
}

// What only slapd does, or does in another way than Exchange.
func TestSlapdOnly(t *testing.T) {
	d := directory{url: startSlapd(t).URL}

	t.Run("an account that may not write", func(t *testing.T) {
		c := d.dial(t, func(s *ldapsrc.Server) { s.BindDN = "cn=reader,cn=CONTOSO" })
		var e *ldapsrc.Error
		if err := c.CanWrite(t.Context(), container); !errors.As(err, &e) || e.Code != ldap.LDAPResultInsufficientAccessRights {
			t.Errorf("CanWrite: %v", err)
		}
		if err := c.Apply(t.Context(), ldapsrc.Exchange55().Delete(container)); !errors.As(err, &e) || e.Code != ldap.LDAPResultInsufficientAccessRights {
			t.Errorf("Apply: %v", err)
		}
	})
	t.Run("an anonymous account reads", func(t *testing.T) {
		c := d.dial(t, func(s *ldapsrc.Server) { s.BindDN, s.Password = "", "" })
		got, err := conformance.Read(t.Context(), c, recipients)
		if err != nil || len(got) != mailboxes {
			t.Errorf("%d entries, %v", len(got), err)
		}
	})
	t.Run("a value longer than we know of", func(t *testing.T) {
		p := ldapsrc.Exchange55()
		delete(p.Lengths, "initials")
		c := d.dial(t, func(s *ldapsrc.Server) { s.Profile = p })
		r := bea()
		r.Initials = "ABCDEFG"
		change, err := p.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		var e *ldapsrc.Error
		if err := c.Apply(t.Context(), change); !errors.As(err, &e) || e.Code != ldap.LDAPResultConstraintViolation {
			t.Errorf("Apply: %v", err)
		}
	})
}

func TestTrace(t *testing.T) {
	t.Parallel()
	var lines []string
	c := misbehave(t,
		answer{paged: true, cookie: "1"}, answer{paged: true}, answer{},
	).dial(t, func(s *ldapsrc.Server) {
		s.BindDN, s.PageSize = "cn=o'brien,cn=CONTOSO", 50
		s.Trace = func(line string) { lines = append(lines, line) }
	})
	_, _ = conformance.Read(t.Context(), c, "cn=a b,o=Contoso")
	_ = c.Exists(t.Context(), "o=Contoso")
	_, _ = c.AdminView(t.Context(), "o=Contoso")
	if len(lines) != 5 {
		t.Fatalf("%d lines for five searches, one of two pages: %q", len(lines), lines)
	}
	for i, want := range []string{
		` -b 'cn=a b,o=Contoso' -s base '(objectClass=*)' USN-Changed USN-Last-Obj-Rem`,
		` -b o=contoso -s base '(objectClass=*)' USN-Changed USN-Last-Obj-Rem`,
		` -D 'cn=o'\''brien,cn=CONTOSO' -W -b 'cn=a b,o=Contoso' -s sub -E pr=50/noprompt '(|(objectClass=organizationalPerson)`,
		` -W -b o=Contoso -s base '(objectClass=*)' Is-Deleted`,
		` -W -b o=Contoso -s sub -z 1 '(|(Is-Deleted=TRUE)(Hide-From-Address-Book=TRUE))' Is-Deleted Hide-From-Address-Book`,
	} {
		if !strings.HasPrefix(lines[i], "ldapsearch -x -LLL -H ldap://127.0.0.1:") || !strings.Contains(lines[i], want) ||
			strings.Contains(lines[i], password) {
			t.Errorf("line %q, want it to hold %q", lines[i], want)
		}
	}
}
