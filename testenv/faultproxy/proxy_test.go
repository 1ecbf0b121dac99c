package faultproxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/pdu"
)

// answerer is a server that answers every search with three entries and every
// other request with success. It says nothing of its own.
func answerer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return "ldap://" + listener.Addr().String()
}

func serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for in := bufio.NewReader(conn); ; {
		data, err := pdu.Read(in, 1<<20)
		if err != nil {
			return
		}
		m, err := pdu.ParseMessage(data)
		if err != nil {
			return
		}
		if m.Op == pdu.SearchRequest {
			for n := range 3 {
				_, _ = conn.Write(entry(m.ID, fmt.Sprintf("cn=%d", n)))
			}
			_, _ = conn.Write(pdu.Message{ID: m.ID, Op: pdu.SearchDone, Body: success(), Controls: cookie("later")}.Encode())
			continue
		}
		_, _ = conn.Write(pdu.Message{ID: m.ID, Op: m.Op + 1, Body: success()}.Encode())
	}
}

func success() []byte {
	return append(pdu.EncodeInteger(pdu.Enumerated, 0), append(pdu.EncodeString(""), pdu.EncodeString("")...)...)
}

func entry(id int64, dn string) []byte {
	return pdu.Message{ID: id, Op: pdu.SearchEntry, Body: append(pdu.EncodeString(dn), pdu.Encode(pdu.Sequence)...)}.Encode()
}

func cookie(value string) []byte {
	inner := pdu.Encode(pdu.Sequence, pdu.EncodeInteger(pdu.Integer, 0), pdu.EncodeString(value))
	return pdu.Encode(pdu.Sequence, pdu.EncodeString("1.2.840.113556.1.4.319"), pdu.Encode(pdu.String, inner))
}

func start(t *testing.T, target string, faults ...faultproxy.Fault) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(target)
	if err != nil {
		t.Fatal(err)
	}
	p.SetFaults(faults...)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// client is what talks through the proxy.
type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, p *faultproxy.Proxy) client {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL(), "ldap://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return client{conn, bufio.NewReader(conn)}
}

func (c client) send(t *testing.T, id int64, op pdu.Op, body, controls []byte) {
	t.Helper()
	if _, err := c.Write(pdu.Message{ID: id, Op: op, Body: body, Controls: controls}.Encode()); err != nil {
		t.Fatal(err)
	}
}

func (c client) search(t *testing.T) {
	t.Helper()
	c.send(t, 7, pdu.SearchRequest, pdu.EncodeString("o=Contoso"), cookie("asked"))
}

// answer is what comes back until the end of an answer or of the connection, in
// short.
func (c client) answer() string {
	var b strings.Builder
	for {
		data, err := pdu.Read(c.in, 1<<20)
		if err != nil {
			return b.String() + "| " + reason(err)
		}
		m, err := pdu.ParseMessage(data)
		if err != nil {
			return b.String() + "| " + err.Error()
		}
		elements, err := pdu.Parse(m.Body)
		if err != nil {
			fmt.Fprintf(&b, "%#x damaged ", byte(m.Op))
			continue
		}
		if m.Op == pdu.SearchEntry || m.Op == pdu.SearchReference {
			fmt.Fprintf(&b, "%s ", elements[0].Content)
			continue
		}
		fmt.Fprintf(&b, "%d:%#x code %d%s", m.ID, byte(m.Op), elements[0].Content, elements[2].Content)
		if bytes.Contains(m.Controls, []byte("1.2.840.113556.1.4.319")) {
			fmt.Fprintf(&b, " cookie %s", m.Controls[bytes.LastIndexByte(m.Controls, 4)+2:])
		}
		return b.String()
	}
}

func reason(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "silence"
	case strings.Contains(err.Error(), "ends inside"):
		return "truncated"
	}
	return "reset"
}

func TestEffects(t *testing.T) {
	t.Parallel()
	entries := faultproxy.Point{Op: pdu.SearchEntry}
	second := faultproxy.Point{Op: pdu.SearchEntry, Skip: 1, Times: 1}
	end := faultproxy.Point{Op: pdu.SearchDone}
	request := faultproxy.Point{Op: pdu.SearchRequest}
	for _, test := range []struct {
		name string
		at   faultproxy.Point
		do   faultproxy.Effect
		want string
	}{
		{"nothing", faultproxy.Point{Op: pdu.AddRequest}, faultproxy.Cut(), "cn=0 cn=1 cn=2 7:0x65 code [0] cookie later"},
		{"cut before the second entry", second, faultproxy.Cut(), "cn=0 | closed"},
		{"cut before the request", request, faultproxy.Cut(), "| closed"},
		{"truncated", second, faultproxy.Truncate(4), "cn=0 | truncated"},
		{"truncated after all of it", second, faultproxy.Truncate(1000), "cn=0 cn=1 | closed"},
		{"cut at a byte", faultproxy.Point{From: faultproxy.Server, Bytes: 3}, faultproxy.Cut(), "| truncated"},
		{"cut at a byte of the client", faultproxy.Point{From: faultproxy.Client, Bytes: 3}, faultproxy.Cut(), "| closed"},
		{"dropped", second, faultproxy.Drop(), "cn=0 cn=2 7:0x65 code [0] cookie later"},
		{"dropped by name", faultproxy.Point{DN: "CN=2"}, faultproxy.Drop(), "cn=0 cn=1 7:0x65 code [0] cookie later"},
		{"twice", second, faultproxy.Repeat(), "cn=0 cn=1 cn=1 cn=2 7:0x65 code [0] cookie later"},
		{"without names", entries, faultproxy.Rename(""), "   7:0x65 code [0] cookie later"},
		{"damaged", second, faultproxy.Damage(), "cn=0 0x64 damaged cn=2 7:0x65 code [0] cookie later"},
		{"another result", end, faultproxy.Result(4, " too many"), "cn=0 cn=1 cn=2 7:0x65 code [4] too many"},
		{"a referral", end, faultproxy.Referral("ldap://other"), "cn=0 cn=1 cn=2 7:0x65 code [10]"},
		{"a reference", second, faultproxy.Refer("ldap://other"), "cn=0 ldap://other cn=1 cn=2 7:0x65 code [0] cookie later"},
		{"a message before", end, faultproxy.Before(pdu.SearchEntry, pdu.EncodeString("cn=9")), "cn=0 cn=1 cn=2 cn=9 7:0x65 code [0] cookie later"},
		{"refused", request, faultproxy.Refuse(51, ""), "7:0x65 code [51]"},
		{"another cookie", end, faultproxy.Cookie("other"), "cn=0 cn=1 cn=2 7:0x65 code [0] cookie other"},
		{"the cookie asked with", end, faultproxy.SameCookie(), "cn=0 cn=1 cn=2 7:0x65 code [0] cookie asked"},
		{"no word on pages", end, faultproxy.NoControls(), "cn=0 cn=1 cn=2 7:0x65 code [0]"},
		{"late", second, faultproxy.Delay(time.Millisecond), "cn=0 cn=1 cn=2 7:0x65 code [0] cookie later"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, answerer(t), faultproxy.Fault{At: test.at, Do: test.do})
			c := dial(t, p)
			c.search(t)
			if got := c.answer(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if struck := p.Struck(); (struck == 0) != (test.name == "nothing") {
				t.Errorf("%d messages met the fault", struck)
			}
		})
	}
}

func TestCutHardResets(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, answerer(t), faultproxy.Fault{At: faultproxy.Point{Op: pdu.SearchEntry}, Do: faultproxy.CutHard()}))
	c.search(t)
	if got := c.answer(); got != "| reset" {
		t.Errorf("got %s", got)
	}
}

// What was stalled goes on when the faults are set anew.
func TestStallGoesOn(t *testing.T) {
	t.Parallel()
	for _, at := range []faultproxy.Point{
		{Op: pdu.SearchEntry, Skip: 1},
		{From: faultproxy.Server, Bytes: 5},
		{From: faultproxy.Client, Bytes: 5},
	} {
		p := start(t, answerer(t), faultproxy.Fault{At: at, Do: faultproxy.Hang()})
		c := dial(t, p)
		c.search(t)
		if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		before, err := io.ReadAll(c.in)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%+v: read %x, %v", at, before, err)
		}
		p.SetFaults()
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		c.in = bufio.NewReader(io.MultiReader(bytes.NewReader(before), c.Conn))
		if got := c.answer(); got != "cn=0 cn=1 cn=2 7:0x65 code [0] cookie later" {
			t.Errorf("%+v: %s", at, got)
		}
	}
}

// A message that is held up goes on when the test says so.
func TestHoldAndCall(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}), make(chan struct{})
	p := start(t, answerer(t),
		faultproxy.Fault{At: faultproxy.Point{Op: pdu.SearchEntry, Times: 1}, Do: faultproxy.Call(func() { close(reached) })},
		faultproxy.Fault{At: faultproxy.Point{Op: pdu.SearchDone, Times: 1}, Do: faultproxy.Hold(release)},
	)
	c := dial(t, p)
	c.search(t)
	<-reached
	close(release)
	if got := c.answer(); !strings.HasSuffix(got, "code [0] cookie later") {
		t.Errorf("got %s", got)
	}
}

// Other requests than searches are refused with answers of their kind.
func TestRefuseAnswersInKind(t *testing.T) {
	t.Parallel()
	kinds := []pdu.Op{pdu.AddRequest, pdu.ModifyRequest, pdu.BindRequest, pdu.ExtendedRequest}
	p := start(t, answerer(t), faultproxy.Ops(faultproxy.Point{Times: 1}, faultproxy.Refuse(51, ""), kinds...)...)
	c := dial(t, p)
	for _, op := range kinds {
		for _, code := range []string{"[51]", "[0]"} {
			c.send(t, 3, op, nil, nil)
			if got, want := c.answer(), fmt.Sprintf("3:%#x code %s", byte(op+1), code); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}

// What is encrypted passes, is counted in bytes, and is cut at a byte.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	p := start(t, "ldap://"+listener.Addr().String(),
		faultproxy.Fault{At: faultproxy.Point{From: faultproxy.Server, Bytes: 7}, Do: faultproxy.Cut()},
		faultproxy.Fault{At: faultproxy.Point{Op: pdu.SearchEntry}, Do: faultproxy.Cut()},
	)
	c := dial(t, p)
	if _, err := c.Write([]byte("\x16\x03\x01 not more than this")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c.in); string(got) != "\x16\x03\x01 no" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if n := p.Passed(faultproxy.Client).Bytes; n != 22 {
		t.Errorf("%d bytes came from the client", n)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"127.0.0.1:389", "ldap://host", "http://host:389", "ldap://a b:1"} {
		if p, err := faultproxy.Start(target); err == nil {
			t.Errorf("%s: it started: %v", target, p.Close())
		}
	}
}

// A client of a server that is not there finds the connection closed.
func TestNoServer(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t, "ldap://127.0.0.1:1"))
	if got := c.answer(); got != "| closed" && got != "| reset" {
		t.Errorf("got %s", got)
	}
}

// CutAll and Close end what is open, and nothing of the proxy stays behind.
func TestCloseEndsConnections(t *testing.T) {
	t.Parallel()
	p := start(t, answerer(t))
	first, second := dial(t, p), dial(t, p)
	for _, c := range []client{first, second} {
		c.search(t)
		_ = c.answer()
	}
	p.CutAll()
	if got := first.answer(); got != "| closed" {
		t.Errorf("after CutAll: %s", got)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := second.answer(); got != "| closed" {
		t.Errorf("after Close: %s", got)
	}
	if want := (faultproxy.Traffic{Messages: 2, Bytes: p.Passed(faultproxy.Client).Bytes}); p.Passed(faultproxy.Client) != want || want.Bytes == 0 {
		t.Errorf("from the client came %+v", p.Passed(faultproxy.Client))
	}
}
