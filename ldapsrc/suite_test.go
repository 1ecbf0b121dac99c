package ldapsrc_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"testing"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/slapd"
)

// What the tests of this package share with the suite.
const (
	adminName  = conformance.AdminName
	plainName  = conformance.PlainName
	password   = conformance.Password
	recipients = conformance.Recipients
	container  = conformance.Container
	mailboxes  = conformance.Mailboxes
)

func bea() ldapsrc.Recipient { return conformance.NewRecipient() }

// directory is a server, of whatever kind, with the accounts of the suite.
type directory struct{ url string }

func (d directory) dial(t *testing.T, change ...func(*ldapsrc.Server)) *ldapsrc.Conn {
	t.Helper()
	return conformance.Directory{URL: d.url}.Dial(t, change...)
}

func (d directory) server(change ...func(*ldapsrc.Server)) ldapsrc.Server {
	return conformance.Directory{URL: d.url}.Server(change...)
}

func startSlapd(t *testing.T) *slapd.Server {
	t.Helper()
	return startSlapdWith(t, func(*slapd.Options) {})
}

func startSlapdWith(t *testing.T, change func(*slapd.Options)) *slapd.Server {
	t.Helper()
	if err := slapd.Available(); err != nil {
		t.Skipf("needs a real slapd: %v", err)
	}
	o := conformance.Slapd(t.TempDir())
	change(&o)
	s, err := slapd.Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func startExchange55(t *testing.T, change ...func(*exchange55.Options)) *exchange55.Directory {
	t.Helper()
	o := conformance.Exchange55()
	for _, c := range change {
		c(&o)
	}
	d, err := exchange55.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// behind puts a proxy before a directory.
func behind(t *testing.T, d conformance.Directory, faults ...faultproxy.Fault) (conformance.Directory, *faultproxy.Proxy) {
	t.Helper()
	p, err := faultproxy.Start(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.SetFaults(faults...)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	d.URL = p.URL()
	return d, p
}

// overTLS are the ways to an encrypted connection.
func overTLS(s *slapd.Server) map[string]conformance.Directory {
	return map[string]conformance.Directory{
		"ldaps":    {URL: s.SecureURL, TLS: &tls.Config{RootCAs: s.CA}},
		"StartTLS": {URL: s.URL, TLS: &tls.Config{RootCAs: s.CA, ServerName: "127.0.0.1"}, StartTLS: true},
	}
}

func TestSlapd(t *testing.T) {
	s := startSlapd(t)
	directories := overTLS(s)
	directories["ldap"] = conformance.Directory{URL: s.URL}
	directories["behind a proxy"], _ = behind(t, directories["ldap"])
	for _, name := range slices.Sorted(maps.Keys(directories)) {
		t.Run(name, func(t *testing.T) { conformance.Run(t, directories[name]) })
	}
}

func TestExchange55(t *testing.T) {
	for _, quoted := range []bool{false, true} {
		d := startExchange55(t, func(o *exchange55.Options) { o.QuotedNames = quoted })
		t.Run(fmt.Sprintf("names in quotes %t", quoted), func(t *testing.T) {
			conformance.Run(t, conformance.Directory{URL: d.URL(), Exchange55: true})
		})
	}
	t.Run("behind a proxy", func(t *testing.T) {
		d, _ := behind(t, conformance.Directory{URL: startExchange55(t).URL(), Exchange55: true})
		conformance.Run(t, d)
	})
}
