package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/slapd"
)

// connections are a server and the files that a site needs to talk to it.
type connections struct {
	server *slapd.Server
	pin    string            // of the server's key
	files  map[string][]byte // in the folder of the configuration, by name
}

// newConnections starts a server that knows its account by a password and by a
// client certificate.
func newConnections(t *testing.T) connections {
	t.Helper()
	client, key := clientCertificate(t)
	server := startSlapd(t, "cn=dirsync,ou=services,"+contoso, slapd.Options{Schema: slapd.Standard, LDIF: standardTree, Clients: client})
	authority, err := os.ReadFile(server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(authority)
	shown, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return connections{server, ldapsrc.PinOf(shown).String(), map[string][]byte{
		"ca.pem":     authority,
		"client.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: client.Raw}),
		"client.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}}
}

// clientCertificate makes a certificate that signs itself, with its key. Its
// subject is the account, whose name slapd takes from there.
func clientCertificate(t *testing.T) (certificate *x509.Certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	domain := []int{0, 9, 2342, 19200300, 100, 1, 25}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: domain, Value: "example"},
			{Type: domain, Value: "contoso"},
			{Type: []int{2, 5, 4, 11}, Value: "services"},
			{Type: []int{2, 5, 4, 3}, Value: "dirsync"},
		}},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	key, keyErr := x509.MarshalPKCS8PrivateKey(private)
	if err = errors.Join(err, keyErr); err != nil {
		t.Fatal(err)
	}
	if certificate, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

const byPassword = "bind_dn: cn=dirsync,ou=services,dc=contoso,dc=example\n      password_file: ./directory.pw"

// site makes a site whose configuration says so of the connection: where the
// server is, what follows tls, and how to bind.
func (c connections) site(t *testing.T, where, tls, bind string) site {
	t.Helper()
	s := newSite(t, "openldap.yaml", "url: ldaps://ldap.example.com:636", where, "{ca_file: ./ca.pem}", "{"+tls+"}", byPassword, bind)
	s.slapd = c.server
	for name, content := range c.files {
		if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// silent is the address of a server that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// refusingTLS is a server that refuses StartTLS, as Exchange 5.5 does, behind a
// proxy that counts what is sent to it.
func refusingTLS(t *testing.T) *faultproxy.Proxy {
	t.Helper()
	exchange, err := exchange55.Start(exchange55.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exchange.Close() })
	proxy, err := faultproxy.Start(exchange.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	return proxy
}

// check requires that check names the server and its key, and that the account
// may write, which shows that it bound as who it should.
func (c connections) check(t *testing.T, s site, url string) {
	t.Helper()
	s.does(t, exitDone, "check", "ok +connection +"+regexp.QuoteMeta(url+", verified; the pin of its key is "+c.pin)+"$",
		"ok .*ou=ccmail,"+contoso+" can be written")
}

// refused requires that a run fails and tells this, and changes neither side.
func (s site) refused(t *testing.T, tells string) {
	t.Helper()
	content := func() string {
		data, err := os.ReadFile(filepath.Join(s.path("po"), postoffice.DataFile))
		if err != nil {
			t.Fatal(err)
		}
		return s.dump(t) + string(data)
	}
	before := content()
	s.does(t, exitFailed, "run", tells)
	if content() != before {
		t.Error("a run without a connection changed something")
	}
}

// The connection is as the configuration says, and a server that is not who it
// should be, or does not answer, is a failure that changes nothing.
func TestConnections(t *testing.T) {
	t.Parallel()
	c, refusing, mute := newConnections(t), refusingTLS(t), silent(t)
	secure, plain := c.server.SecureURL, c.server.URL
	// The certificate is for 127.0.0.1 only.
	elsewhere := strings.Replace(secure, "127.0.0.1", "localhost", 1)
	const ca, startTLS, client = "ca_file: ./ca.pem", "mode: starttls, ca_file: ./ca.pem", ", cert_file: ./client.pem, key_file: ./client.key"
	pinned := func(pin string) string { return "pin_sha256: ['" + pin + "']" }
	wrong, otherKey := pinned(ldapsrc.Pin{1}.String()), "start TLS: .*not a pinned one: it has "+regexp.QuoteMeta(c.pin)
	for _, test := range []struct {
		reason, where, tls, bind string
		answers                  string // the URL of the server; or
		tells                    string // why there is none, as a pattern
	}{
		{"ldaps", secure, ca, byPassword, secure, ""},
		{"StartTLS", plain, startTLS, byPassword, plain, ""},
		{"a pin alone", secure, pinned(c.pin), byPassword, secure, ""},
		{"a pin beside the authority", secure, ca + ", " + pinned(c.pin), byPassword, secure, ""},
		{"the name in the certificate", elsewhere, ca + ", server_name: 127.0.0.1", byPassword, elsewhere, ""},
		{"a client certificate", secure, ca + client, "bind: external", secure, ""},
		{"a client certificate and StartTLS", plain, startTLS + client, "bind: external", plain, ""},
		{"the first is not there", "ldaps://127.0.0.1:1\n      urls: [" + secure + "]", ca, byPassword, secure, ""},
		{"the first does not answer", "ldaps://" + mute + "\n      urls: [" + secure + "]\n      timeouts: {connect: 2s}", ca, byPassword, secure, ""},

		{"no authority that is known", secure, "", byPassword, "", "start TLS: .*unknown authority"},
		{"another key, though the authority knows it", secure, ca + ", " + wrong, byPassword, "", otherKey},
		{"another key", secure, wrong, byPassword, "", otherKey},
		{"another name", elsewhere, ca, byPassword, "", "start TLS: .*localhost"},
		{"another name that was told", secure, ca + ", server_name: exch2", byPassword, "", "start TLS: .*exch2"},
		{"no StartTLS", refusing.URL(), startTLS, byPassword, "", "start TLS: .*code 2"},
		{"no greeting in time", "ldaps://" + mute + "\n      retries: 0\n      timeouts: {connect: 50ms}", ca, byPassword, "", "start TLS: no answer within 50ms"},
		{"no answer in time", "ldap://" + mute + "\n      retries: 0\n      plaintext: true\n      timeouts: {read: 50ms}", "mode: none", byPassword, "", "bind .*no answer within 50ms"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := c.site(t, "url: "+test.where, test.tls, test.bind)
			if test.answers != "" {
				c.check(t, s, test.answers)
				return
			}
			s.refused(t, test.tells)
			// At most the request for TLS, and no password, is sent in the clear.
			if n := refusing.Passed(faultproxy.Client).Messages; test.where == refusing.URL() && n != 1 {
				t.Errorf("%d requests were sent, not just the one for TLS", n)
			}
		})
	}
}
