package ldapsrc_test

import (
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/pdu"
)

func patient(s *ldapsrc.Server) { s.Retry = ldapsrc.Retry{Times: 2, Backoff: time.Millisecond} }

// Wherever the connection is cut once, a read is whole: it begins anew.
func TestReadAfterLostConnection(t *testing.T) {
	t.Parallel()
	d := startExchange55(t)
	for request := 1; request <= 5; request++ { // the bind, an entry, three pages
		for _, late := range []bool{false, true} {
			var traced []string
			d.SetFaults(exchange55.Faults{CutAt: request, CutLate: late})
			c := directory{url: d.URL()}.dial(t, patient, func(s *ldapsrc.Server) {
				s.Trace = func(line string) { traced = append(traced, line) }
			})
			if err := c.Exists(t.Context(), recipients); err != nil {
				t.Errorf("cut at request %d: %v", request, err)
			}
			got, err := conformance.Read(t.Context(), c, recipients)
			if err != nil || len(got) != mailboxes {
				t.Errorf("cut at request %d: %d entries, %v", request, len(got), err)
			}
			told := func(line string) bool {
				return strings.HasPrefix(line, "# ") && strings.Contains(line, "trying again, 1 of 2")
			}
			if !slices.ContainsFunc(traced, told) {
				t.Errorf("cut at request %d: nothing tells of it: %q", request, traced)
			}
		}
	}
}

// A write that got no answer may have been carried out, so it is not sent
// again; the next one finds the connection open.
func TestWriteAfterLostConnection(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		d := startExchange55(t)
		c := directory{url: d.URL()}.dial(t, patient)
		change, err := ldapsrc.Exchange55().Add(bea())
		if err != nil {
			t.Fatal(err)
		}
		d.SetFaults(exchange55.Faults{CutAt: 1, CutLate: late})
		if err = c.Apply(t.Context(), change); err == nil || !strings.Contains(err.Error(), "whether the server carried it out is not known") {
			t.Errorf("carried out %t: %v", late, err)
		}
		err = c.Apply(t.Context(), change)
		var answer *ldapsrc.Error
		if late != (errors.As(err, &answer) && answer.Code == 68) || !late && err != nil {
			t.Errorf("carried out %t, then %v", late, err)
		}
	}
}

// An idle connection is closed before the server does it, and is there again
// when it is needed; never in the middle of a search.
func TestIdleConnection(t *testing.T) {
	t.Parallel()
	var binds atomic.Int32
	left := make(chan struct{}, 100)
	d, _ := behind(
		t, conformance.Directory{URL: startExchange55(t).URL()},
		faultproxy.Fault{At: faultproxy.Point{Op: pdu.BindRequest}, Do: faultproxy.Call(func() { binds.Add(1) })},
		faultproxy.Fault{At: faultproxy.Point{Op: pdu.UnbindRequest}, Do: faultproxy.Call(func() { left <- struct{}{} })},
	)
	c := d.Dial(t, func(s *ldapsrc.Server) { s.IdleTimeout, s.PageSize = time.Millisecond, 7 })
	for n := int32(1); n <= 3; n++ {
		<-left
		if got := binds.Load(); got != n {
			t.Fatalf("%d connections, want %d", got, n)
		}
		got, err := conformance.Read(t.Context(), c, recipients)
		if err != nil || len(got) != mailboxes {
			t.Fatalf("%d entries, %v", len(got), err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Exists(t.Context(), recipients); err == nil || !strings.Contains(err.Error(), "was closed") {
		t.Errorf("after Close: %v", err)
	}
}

// The first server that answers is taken and stays; one whose certificate is
// wrong gives way to no other.
func TestSeveralServers(t *testing.T) {
	t.Parallel()
	const nobody = "ldap://127.0.0.1:1"
	d := startExchange55(t)
	c := directory{}.dial(t, func(s *ldapsrc.Server) { s.URLs = []string{nobody, d.URL(), "ldap://127.0.0.1:2"} })
	if c.URL() != d.URL() {
		t.Errorf("%s answered", c.URL())
	}
	another, err := c.Another(t.Context())
	if err != nil || another.URL() != d.URL() {
		t.Fatalf("another connection: %v", err)
	}
	if err = errors.Join(another.Exists(t.Context(), recipients), another.Close(), c.Exists(t.Context(), recipients)); err != nil {
		t.Error(err)
	}
	_, err = ldapsrc.Dial(t.Context(), directory{}.server(func(s *ldapsrc.Server) { s.URLs = []string{nobody, "ldap://127.0.0.1:2"} }))
	if err == nil || !strings.Contains(err.Error(), nobody) || !strings.Contains(err.Error(), "then ldap://127.0.0.1:2: connect: ") {
		t.Errorf("nobody answers: %v", err)
	}
	certificate := authority{}.sign(t, asIs)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, failed := listener.Accept()
			if failed != nil {
				return
			}
			_, _ = io.Copy(io.Discard, conn) // the handshake is made on the first read
			_ = conn.Close()
		}
	}()
	_, err = ldapsrc.Dial(t.Context(), directory{}.server(patient, func(s *ldapsrc.Server) {
		s.URLs = []string{"ldaps://" + listener.Addr().String(), d.URL()}
	}))
	if err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
}

// Pauses grow and end, and chance takes at most half of one away.
func TestPauses(t *testing.T) {
	t.Parallel()
	half := func() float64 { return 0.5 }
	for _, test := range []struct {
		reason string
		retry  ldapsrc.Retry
		want   []time.Duration
	}{
		{"by default", ldapsrc.Retry{Times: 3}, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}},
		{"none", ldapsrc.Retry{}, nil},
		{"up to half a minute", ldapsrc.Retry{Times: 3, Backoff: 16 * time.Second}, []time.Duration{16 * time.Second, 30 * time.Second, 30 * time.Second}},
		{"by chance", ldapsrc.Retry{Times: 2, Backoff: time.Second, Jitter: half}, []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var pauses []time.Duration
			last := time.Now()
			_, err := ldapsrc.Dial(t.Context(), ldapsrc.Server{URLs: []string{"ldap://127.0.0.1:1"}, Retry: test.retry, Trace: func(string) {
				pauses = append(pauses, time.Since(last))
				last = time.Now()
			}})
			pauses = append(pauses, time.Since(last))[1:]
			if err == nil || !slices.Equal(pauses, test.want) {
				t.Errorf("%s: paused %v, want %v; %v", test.reason, pauses, test.want, err)
			}
		})
	}
}

// What is traced of a read of several pages brings the same entries when it is
// pasted into a shell.
func TestPastedSearch(t *testing.T) {
	t.Parallel()
	s := startSlapd(t)
	for _, server := range []func(*ldapsrc.Server){
		func(*ldapsrc.Server) {},
		func(s *ldapsrc.Server) { s.BindDN, s.Password = "", "" },
		func(server *ldapsrc.Server) {
			server.StartTLS, server.TLS, server.Files.CA = true, &tls.Config{RootCAs: s.CA}, s.CAFile
		},
		func(server *ldapsrc.Server) {
			server.URLs, server.TLS, server.Files.CA = []string{s.SecureURL}, &tls.Config{RootCAs: s.CA}, s.CAFile
		},
	} {
		var traced []string
		c := directory{url: s.URL}.dial(t, server, func(s *ldapsrc.Server) { s.Trace = func(line string) { traced = append(traced, line) } })
		got, err := conformance.Read(t.Context(), c, recipients)
		if err != nil || len(traced) == 0 {
			t.Fatalf("%d entries, %v, %q", len(got), err, traced)
		}
		out, err := paste(t, traced[len(traced)-1])
		if n := strings.Count("\n"+out, "\ndn: "); err != nil || n != len(got) || strings.Contains(strings.Join(traced, ""), password) {
			t.Errorf("%s\nbrings %d entries, want %d: %v", traced[len(traced)-1], n, len(got), err)
		}
	}
	var traced []string
	c := directory{url: s.URL}.dial(t, func(s *ldapsrc.Server) { s.Trace = func(line string) { traced = append(traced, line) } })
	_ = c.Exists(t.Context(), "cn=\x1b[2J\n'quoted' \\ü,o=Contoso")
	if strings.ContainsAny(traced[0], "\x1b\n") {
		t.Errorf("control characters came through: %q", traced[0])
	}
	words, err := paste(t, strings.Replace(traced[0], "ldapsearch ", "printf '<%s>' ", 1))
	if err != nil || !strings.Contains(words, "<cn=\x1b[2J\n'quoted' \\ü,o=Contoso>") {
		t.Errorf("the shell reads %q, %v", words, err)
	}
}
