package ldapsrc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/slapd"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	pair := authority{}.sign(t, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = name, true, true, x509.KeyUsageCertSign
	})
	key, _ := pair.PrivateKey.(*ecdsa.PrivateKey)
	return authority{pair.Leaf, key}
}

// sign makes a certificate that is good for 127.0.0.1 unless changed. The zero
// authority lets it sign itself.
func (a authority) sign(t *testing.T, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "exch1"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func asIs(*x509.Certificate) {}

// startWith starts slapd with a certificate, and accounts for those signed by
// clients.
func startWith(t *testing.T, o slapd.Options) *slapd.Server {
	t.Helper()
	if err := slapd.Available(); err != nil {
		t.Skipf("needs a real slapd: %v", err)
	}
	o.Dir, o.Suffix, o.LDIF = t.TempDir(), "o=Contoso", conformance.Seed()
	o.Users = []slapd.User{{Name: adminName, Password: password, Write: true}}
	s, err := slapd.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Everything that is set is checked, over ldaps as over StartTLS, and what is
// wrong is never passed by.
func TestWhoTheServerIs(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t, "ours"), newAuthority(t, "others")
	good := ours.sign(t, asIs)
	elsewhere := ours.sign(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"exch2"} })
	expired := ours.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	own := authority{}.sign(t, func(c *x509.Certificate) { c.IPAddresses = nil }) // names nobody, as old ones do
	ownExpired := authority{}.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	pin := func(c *tls.Certificate) []ldapsrc.Pin { return []ldapsrc.Pin{{1}, ldapsrc.PinOf(c.Leaf)} }
	const unknown, name, date, key = "unknown authority", "use a host name that stands in it", "valid today", "not a pinned one"
	for _, test := range []struct {
		reason string
		shown  *tls.Certificate
		trust  *x509.CertPool
		name   string
		pins   []ldapsrc.Pin
		tells  string // empty when the connection is good
	}{
		{"the authority knows it", good, ours.pool(), "", nil, ""},
		{"nobody we know has signed it", good, nil, "", nil, unknown},
		{"another authority", good, others.pool(), "", nil, unknown},
		{"another name", elsewhere, ours.pool(), "", nil, name},
		{"another name that was told", elsewhere, ours.pool(), "exch2", nil, ""},
		{"expired", expired, ours.pool(), "", nil, date},
		{"pinned beside the authority", good, ours.pool(), "", pin(good), ""},
		{"another key, though the authority knows it", good, ours.pool(), "", pin(own), key},
		{"pinned, but the authority does not know it", good, others.pool(), "", pin(good), unknown},
		{"pinned, but of another name", elsewhere, ours.pool(), "", pin(elsewhere), name},
		{"pinned alone", own, nil, "", pin(own), ""},
		{"pinned alone, and a name that it has not", elsewhere, nil, "exch1", pin(elsewhere), name},
		{"pinned alone, and a name that it has", elsewhere, nil, "exch2", pin(elsewhere), ""},
		{"pinned alone, another key", own, nil, "", pin(good), key},
		{"pinned alone, expired", ownExpired, nil, "", pin(ownExpired), date},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := startWith(t, slapd.Options{Certificate: test.shown})
			for url, startTLS := range map[string]bool{s.SecureURL: false, s.URL: true} {
				var traced []string
				c, err := ldapsrc.Dial(t.Context(), directory{url: url}.server(func(s *ldapsrc.Server) {
					s.TLS, s.Pins, s.StartTLS = &tls.Config{RootCAs: test.trust, ServerName: test.name}, test.pins, startTLS
					s.Trace = func(line string) { traced = append(traced, line) }
				}))
				if test.tells != "" {
					if err == nil || !strings.Contains(err.Error(), "start TLS: ") || !strings.Contains(err.Error(), test.tells) {
						t.Errorf("%s: %v, want it to tell %q", url, err, test.tells)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", url, err)
					continue
				}
				// Whoever pastes what was traced is as strict.
				if err := errors.Join(c.Exists(t.Context(), recipients), c.Close()); err != nil {
					t.Error(err)
				}
				if out, err := paste(t, traced[0]); err != nil || !strings.HasPrefix(out, "dn: "+recipients) {
					t.Errorf("%s: %v: %s", traced[0], err, out)
				}
			}
		})
	}
}

func TestPinForms(t *testing.T) {
	t.Parallel()
	pin := ldapsrc.PinOf(newAuthority(t, "x").certificate)
	digits := hex.EncodeToString(pin[:])
	colons := strings.ToUpper(digits[:2] + ":" + digits[2:4] + ":" + digits[4:])
	for _, text := range []string{pin.String(), digits, colons} {
		if got, err := ldapsrc.ParsePin(text); err != nil || got != pin {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "x", digits[2:], digits + "00", pin.String()[1:], "sha1:" + digits[:40]} {
		if _, err := ldapsrc.ParsePin(text); err == nil || !strings.Contains(err.Error(), "is not a SHA-256") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A server that refuses StartTLS gets neither a password nor a question.
func TestNoFallBackToPlainText(t *testing.T) {
	t.Parallel()
	d, proxy := behind(t, conformance.Directory{URL: startExchange55(t).URL()})
	c, err := ldapsrc.Dial(t.Context(), d.Server(func(s *ldapsrc.Server) {
		s.StartTLS, s.Retry = true, ldapsrc.Retry{Times: 3, Backoff: time.Millisecond}
	}))
	if err == nil || !strings.Contains(err.Error(), "start TLS: ") || !strings.Contains(err.Error(), "(code ") || c != nil {
		t.Errorf("%v", err)
	}
	if n := proxy.Passed(faultproxy.Client).Messages; n != 1 {
		t.Errorf("%d requests were sent, not just the one for TLS", n)
	}
	insecure := directory{url: "ldaps://127.0.0.1:1"}.server(func(s *ldapsrc.Server) { s.TLS = &tls.Config{InsecureSkipVerify: true} })
	if _, err := ldapsrc.Dial(t.Context(), insecure); err == nil || !strings.Contains(err.Error(), "verification of the server is switched off") {
		t.Errorf("without verification: %v", err)
	}
}

func TestExternalBind(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	// slapd takes the subject for the name of the account.
	client := ours.sign(t, func(c *x509.Certificate) {
		c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: []int{2, 5, 4, 3}, Value: "admin"}, {Type: []int{2, 5, 4, 3}, Value: "CONTOSO"}, {Type: []int{2, 5, 4, 3}, Value: "dirsync"},
		}}
	})
	files := writePair(t, client)
	server := startWith(t, slapd.Options{Certificate: ours.sign(t, asIs), Clients: ours.certificate})
	files.CA = server.CAFile
	external := func(s *ldapsrc.Server) {
		s.Bind, s.BindDN, s.Password, s.Files = ldapsrc.External, "", "", files
		s.TLS = &tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{*client}}
	}
	for url, startTLS := range map[string]bool{server.SecureURL: false, server.URL: true} {
		var traced []string
		c := directory{url: url}.dial(t, external, func(s *ldapsrc.Server) {
			s.StartTLS, s.Trace = startTLS, func(line string) { traced = append(traced, line) }
			s.Files.CA = "" // the file holds the server's certificate only, which is no authority
		})
		if seen, err := c.AdminView(t.Context(), "o=Contoso"); err != nil || !seen {
			t.Errorf("%s: bound as somebody else: %v", url, err)
		}
		out, err := paste(t, traced[0])
		if err != nil && !strings.Contains(out, "Size limit exceeded") || !strings.Contains(out, "TRUE") {
			t.Errorf("%s: %v: %s", traced[0], err, out)
		}
	}
	// Over the socket it is the user of the process.
	var traced []string
	c := directory{url: server.SocketURL}.dial(t, func(s *ldapsrc.Server) {
		s.Bind, s.BindDN, s.Password, s.Trace = ldapsrc.External, "", "", func(line string) { traced = append(traced, line) }
	})
	got, err := conformance.Read(t.Context(), c, "cn=kinds,ou=HQ,o=Contoso")
	if err != nil || len(got) == 0 || got[0].USNChanged == 0 {
		t.Errorf("%d entries, %v; anonymous users are not shown the USN", len(got), err)
	}
	if out, err := paste(t, traced[len(traced)-1]); err != nil || !strings.Contains(out, "USN-Changed: 1533") {
		t.Errorf("%s: %v: %s", traced[len(traced)-1], err, out)
	}
}

func writePair(t *testing.T, pair *tls.Certificate) ldapsrc.TLSFiles {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := ldapsrc.TLSFiles{Certificate: filepath.Join(dir, "the client's.pem"), Key: filepath.Join(dir, "client.key")}
	for name, block := range map[string]*pem.Block{
		files.Certificate: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, files.Key: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestBindRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		server ldapsrc.Server
		tells  string
	}{
		{ldapsrc.Server{URLs: []string{"ldap://127.0.0.1:1"}, Bind: ldapsrc.Simple}, "a simple bind has no name"},
		{ldapsrc.Server{URLs: []string{"ldap://127.0.0.1:1"}, Bind: ldapsrc.Anonymous, BindDN: plainName}, "goes with a simple bind only"},
		{ldapsrc.Server{URLs: []string{"ldap://127.0.0.1:1"}, Bind: ldapsrc.External}, "needs TLS and a client certificate"},
		{ldapsrc.Server{URLs: []string{"ldaps://127.0.0.1:1"}, Bind: ldapsrc.External}, "needs TLS and a client certificate"},
		{ldapsrc.Server{URLs: []string{"ldap://127.0.0.1:1"}, Bind: "ntlm"}, "known: simple, anonymous, external"},
		{ldapsrc.Server{URLs: []string{"ldapi://tmp/ldapi"}}, "does not hold the path of a socket"},
		{ldapsrc.Server{URLs: []string{"ldapi://%2Fldapi"}, StartTLS: true}, "StartTLS is asked for on a socket"},
		{ldapsrc.Server{}, "no URL is given"},
	} {
		if _, err := ldapsrc.Dial(t.Context(), test.server); err == nil || !strings.Contains(err.Error(), test.tells) {
			t.Errorf("%+v: %v, want it to tell %q", test.server, err, test.tells)
		}
	}
}
