package exchange55

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"ccdirsync/testenv/pdu"
)

// request builds the bytes of a message from an operation and controls.
func rawRequest(operation *ber.Packet, controls ...*ber.Packet) []byte {
	message := envelope(7)
	message.AppendChild(operation)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			list.AppendChild(c)
		}
		message.AppendChild(list)
	}
	return message.Bytes()
}

func sequence(children ...*ber.Packet) *ber.Packet {
	s := ber.NewSequence("")
	for _, c := range children {
		s.AppendChild(c)
	}
	return s
}

func operation(tag ber.Tag, children ...*ber.Packet) *ber.Packet {
	op := application(tag)
	for _, c := range children {
		op.AppendChild(c)
	}
	return op
}

func truthValue() *ber.Packet {
	return ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "")
}

func enumerated(value int64) *ber.Packet {
	return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, value, "")
}

func bindRequest(version int64, auth ber.Tag) *ber.Packet {
	kind := ber.TypePrimitive
	if auth == 3 {
		kind = ber.TypeConstructed
	}
	return operation(0,
		ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, version, ""),
		octets("cn=svc,cn=CONTOSO", ""), ber.Encode(ber.ClassContext, kind, auth, nil, ""))
}

// nested is a filter of so many negations.
func nested(depth int) *ber.Packet {
	filter := ber.NewString(ber.ClassContext, ber.TypePrimitive, 7, "cn", "")
	for range depth {
		not := ber.Encode(ber.ClassContext, ber.TypeConstructed, 2, nil, "")
		not.AppendChild(filter)
		filter = not
	}
	return filter
}

func searchRequest(filter *ber.Packet) *ber.Packet {
	op := neutralSearch()
	return operation(3, append(append([]*ber.Packet{}, op.Children[:6]...), filter, op.Children[7])...)
}

// hostile are messages that a client should not send, and what becomes of
// them: a result code with the connection left open, or its end.
var hostile = []struct {
	name string
	data []byte
	code int // -1: the connection ends
}{
	{"not LDAP", []byte("GET / HTTP/1.0\r\n\r\n"), -1},
	{"length of 2 GiB", []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, -1},
	{"length of 2 MiB", []byte{0x30, 0x83, 0x20, 0x00, 0x00}, -1},
	{"length beyond 32 bits", []byte{0x30, 0x88, 1, 2, 3, 4, 5, 6, 7, 8}, -1},
	{"indefinite length", []byte{0x30, 0x80, 0x02, 0x01, 0x01, 0x00, 0x00}, -1},
	{"empty message", []byte{0x30, 0x00}, -1},
	{"message number only", []byte{0x30, 0x03, 0x02, 0x01, 0x01}, -1},
	{"message number is no number", []byte{0x30, 0x05, 0x04, 0x01, 0x01, 0x42, 0x00}, -1},
	{"message number 0", []byte{0x30, 0x05, 0x02, 0x01, 0x00, 0x42, 0x00}, -1},
	{"element longer than the message", []byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x42, 0x7f}, -1},
	{"operation of high tag number", []byte{0x30, 0x06, 0x02, 0x01, 0x01, 0x7f, 0x20, 0x00}, -1},
	{"a response as a request", rawRequest(operation(1, enumerated(0), octets("", ""), octets("", ""))), -1},
	{"filter of 500 levels", rawRequest(searchRequest(nested(500))), -1},
	{"empty control", rawRequest(searchRequest(nested(0)), sequence()), 2},
	{"critical control without value", rawRequest(searchRequest(nested(0)), sequence(octets(pagingOID, ""), truthValue())), 2},
	{"criticality is no boolean", rawRequest(searchRequest(nested(0)), sequence(octets("1.2.3", ""), enumerated(1), octets("", ""))), 2},
	{"control name is no string", rawRequest(searchRequest(nested(0)), sequence(truthValue())), 2},
	{"paging value is rubbish", rawRequest(searchRequest(nested(0)), sequence(octets(pagingOID, ""), octets("rubbish", ""))), 2},
	{"paging value is empty sequence", rawRequest(searchRequest(nested(0)), sequence(octets(pagingOID, ""), octets("\x30\x00", ""))), 2},
	{"negative page size", rawRequest(searchRequest(nested(0)), sequence(octets(pagingOID, ""), octets("\x30\x05\x02\x01\xff\x04\x00", ""))), 2},
	{"critical paging control of a write", rawRequest(ber.NewString(ber.ClassApplication, ber.TypePrimitive, 10, "o=x", ""), sequence(octets(pagingOID, ""), truthValue())), 12},
	{"empty bind", rawRequest(operation(0)), 2},
	{"bind of version 2", rawRequest(bindRequest(2, 0)), 2},
	{"SASL bind", rawRequest(bindRequest(3, 3)), 7},
	{"bind of unknown kind", rawRequest(bindRequest(3, 9)), 2},
	{"empty search", rawRequest(operation(3)), 2},
	{"negation of nothing", rawRequest(searchRequest(ber.Encode(ber.ClassContext, ber.TypeConstructed, 2, nil, ""))), 2},
	{"equality of one part", rawRequest(searchRequest(ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, ""))), 2},
	{"unknown filter", rawRequest(searchRequest(ber.Encode(ber.ClassContext, ber.TypeConstructed, 12, nil, ""))), 2},
	{"filter of the wrong class", rawRequest(searchRequest(octets("cn", ""))), 2},
	{"empty add", rawRequest(operation(8)), 2},
	{"add of an attribute without values", rawRequest(operation(8, octets("cn=x,o=y", ""), sequence(sequence(octets("cn", ""), ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, ""))))), 2},
	{"empty modify", rawRequest(operation(6)), 2},
	{"modify of an unknown kind", rawRequest(operation(6, octets("o=x", ""), sequence(sequence(enumerated(9), sequence(octets("cn", ""), sequence()))))), 2},
	{"empty rename", rawRequest(operation(12)), 2},
	{"empty compare", rawRequest(operation(14)), 2},
	{"compare without a value", rawRequest(operation(14, octets("o=x", ""), sequence(octets("cn", "")))), 2},
	{"empty extended operation", rawRequest(operation(23)), 2},
	{"delete of a name that is not UTF-8", rawRequest(ber.NewString(ber.ClassApplication, ber.TypePrimitive, 10, "cn=\xff", "")), 50},
}

func TestHostileBytes(t *testing.T) {
	t.Parallel()
	d, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	bystander := newRawClient(t, d)
	for _, test := range hostile {
		client := newRawClient(t, d)
		client.send(test.data)
		code, id := client.result()
		if test.code < 0 {
			if code != 2 || id != 0 {
				t.Errorf("%s: result %d of message %d, want the notice of disconnection", test.name, code, id)
			}
			if _, err := client.in.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: the connection is open: %v", test.name, err)
			}
		} else {
			if code != test.code || id != 7 {
				t.Errorf("%s: result %d of message %d, want %d", test.name, code, id, test.code)
			}
			client.mustServe(test.name)
		}
		bystander.mustServe(test.name)
	}
}

func TestTruncatedMessages(t *testing.T) {
	t.Parallel()
	d, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	whole := rawRequest(searchRequest(nested(2)))
	for length := range whole {
		client := newRawClient(t, d)
		client.send(whole[:length])
		if err := client.socket.Close(); err != nil {
			t.Fatal(err)
		}
	}
	newRawClient(t, d).mustServe("truncated messages")
	stuck := newRawClient(t, d) // in the middle of a message when the server closes
	stuck.send(whole[:5])
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := stuck.in.ReadByte(); err == nil {
		t.Error("the half-read connection is open after Close")
	}
}

// The protocol library would close the connection.
func TestAbandonIsIgnored(t *testing.T) {
	t.Parallel()
	d, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := newRawClient(t, d)
	abandon := rawRequest(ber.NewString(ber.ClassApplication, ber.TypePrimitive, 16, "\x05", ""))
	client.send(append(abandon, rawRequest(bindRequest(2, 0))...)) // two messages in one segment
	if code, id := client.result(); code != 2 || id != 7 {
		t.Errorf("result %d of message %d after an abandon", code, id)
	}
	client.mustServe("abandon")
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// rawClient writes bytes and reads results.
type rawClient struct {
	t      *testing.T
	socket net.Conn
	in     *bufio.Reader
}

func newRawClient(t *testing.T, d *Directory) *rawClient {
	t.Helper()
	socket, err := net.Dial("tcp", strings.TrimPrefix(d.URL(), "ldap://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() }) // closed already by some tests
	return &rawClient{t: t, socket: socket, in: bufio.NewReader(socket)}
}

func (c *rawClient) send(data []byte) {
	c.t.Helper()
	if _, err := c.socket.Write(data); err != nil {
		c.t.Fatal(err)
	}
}

// result reads the result that ends the next answer.
func (c *rawClient) result() (code, id int) {
	c.t.Helper()
	for {
		data, err := pdu.Read(c.in, maxPDU)
		if err != nil {
			c.t.Fatal(err)
		}
		if isEntry(data) {
			continue
		}
		message, err := ber.DecodePacketErr(data)
		if err != nil {
			c.t.Fatal(err)
		}
		return resultOf(c.t, message)
	}
}

func resultOf(t *testing.T, message *ber.Packet) (code, id int) {
	t.Helper()
	id64, ok := message.Children[0].Value.(int64)
	code64, ok2 := message.Children[1].Children[0].Value.(int64)
	if !ok || !ok2 {
		t.Fatalf("malformed answer %x", message.Bytes())
	}
	return int(code64), int(id64)
}

// mustServe reads the root entry.
func (c *rawClient) mustServe(after string) {
	c.t.Helper()
	c.send(rawRequest(neutralSearch()))
	if code, id := c.result(); code != 0 || id != 7 {
		c.t.Errorf("after %s: result %d of message %d", after, code, id)
	}
}

// FuzzPDU sends bytes through the whole server, protocol library included.
// Whatever comes, the server must not panic, and must answer in whole
// messages.
func FuzzPDU(f *testing.F) {
	for _, test := range hostile {
		f.Add(test.data)
	}
	f.Add(rawRequest(bindRequest(3, 0)))
	f.Add(rawRequest(searchRequest(nested(3)), sequence(octets(pagingOID, ""), octets("\x30\x05\x02\x01\x02\x04\x00", ""))))
	f.Add(rawRequest(ber.NewString(ber.ClassApplication, ber.TypePrimitive, 2, "", "")))
	d, err := load(Options{LDIF: []byte("dn: o=Contoso\nobjectClass: organization\n")})
	if err != nil {
		f.Fatal(err)
	}
	inner := &queue{conns: make(chan net.Conn), closed: make(chan struct{})}
	d.serve(inner)
	f.Cleanup(func() {
		if err := d.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &script{in: bytes.NewReader(data), closed: make(chan struct{})}
		inner.conns <- s
		<-s.closed
		for answers := bufio.NewReader(&s.out); ; {
			answer, err := pdu.Read(answers, maxPDU)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("the answer is no whole message: %v", err)
			}
			message, err := ber.DecodePacketErr(answer)
			if err != nil {
				t.Fatal(err)
			}
			if isEntry(answer) {
				continue
			}
			if code, _ := resultOf(t, message); code == 80 {
				t.Fatalf("internal error: %x", answer)
			}
		}
	})
}

// script is a client that sends bytes and hangs up.
type script struct {
	net.Conn
	in     *bytes.Reader
	out    bytes.Buffer
	once   sync.Once
	closed chan struct{}
}

func (s *script) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// queue is a listener for scripts.
type queue struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }
