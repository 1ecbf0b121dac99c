package pdu_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/google/go-cmp/cmp"

	"ccdirsync/testenv/pdu"
)

// What is written is read again, and another library reads it too.
func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	for _, m := range []pdu.Message{
		{ID: 1, Op: pdu.UnbindRequest, Body: []byte{}},
		{ID: 127, Op: pdu.DeleteRequest, Body: []byte("cn=x")},
		{ID: 128, Op: pdu.SearchEntry, Body: pdu.Encode(pdu.String, bytes.Repeat([]byte("x"), 70000))},
		{ID: 1<<31 - 1, Op: pdu.SearchDone, Body: pdu.EncodeInteger(pdu.Enumerated, 51), Controls: pdu.EncodeString("c")},
	} {
		data := m.Encode()
		read, err := pdu.Read(bufio.NewReader(bytes.NewReader(append(data, "more"...))), 1<<20)
		if err != nil || !bytes.Equal(read, data) {
			t.Errorf("message %d: read %d bytes of %d, %v", m.ID, len(read), len(data), err)
		}
		got, err := pdu.ParseMessage(read)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("message %d: %v (-want +got):\n%s", m.ID, err, diff)
		}
		other, err := ber.DecodePacketErr(data)
		if err != nil || other.Children[0].Value != m.ID {
			t.Errorf("message %d is %v for another library, %v", m.ID, other, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, 1<<31 - 1, -1 << 31} {
		elements, err := pdu.Parse(pdu.EncodeInteger(pdu.Integer, n))
		c := pdu.Cursor{Rest: elements}
		if got := c.Number(pdu.Integer); err != nil || c.End() != nil || got != n {
			t.Errorf("%d came back as %d, %v, %v", n, got, err, c.Err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, data, tells string
	}{
		{"another protocol", "GET / HTTP/1.0", "starts with octet 0x47"},
		{"too long", "\x30\x82\x10\x00", "has 4096 bytes, more than 1000"},
		{"a length without end", "\x30\x80\x00\x00", "length of 0 octets"},
		{"a length beyond all", "\x30\x84\xff\xff\xff\xff", "too large"},
		{"the end inside the length", "\x30\x82\x01", "ends inside"},
		{"the end inside", "\x30\x05\x02\x01", "ends inside"},
		{"a connection closed between messages", "", io.EOF.Error()},
	} {
		message, err := pdu.Read(bufio.NewReader(strings.NewReader(test.data)), 1000)
		if err == nil || !strings.Contains(err.Error(), test.tells) || (test.data != "" && errors.Is(err, io.EOF)) {
			t.Errorf("%s: %x, %v, want it to tell %q", test.reason, message, err, test.tells)
		}
	}
}

// Whatever is a message comes back with the same parts.
func FuzzParseMessage(f *testing.F) {
	f.Add(pdu.Message{ID: 5, Op: pdu.SearchDone, Body: []byte{0x0a, 1, 0}, Controls: []byte{0x30, 0}}.Encode())
	f.Add([]byte("\x30\x84\x00\x00\x00\x05\x02\x01\x01\x42\x00"))
	f.Add([]byte("\x30\x03\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = pdu.Parse(data) // must not panic
		m, err := pdu.ParseMessage(data)
		if err != nil {
			return
		}
		again, err := pdu.ParseMessage(m.Encode())
		if diff := cmp.Diff(m, again); err != nil || diff != "" {
			t.Errorf("%x: %v (-first +second):\n%s", data, err, diff)
		}
	})
}
