// Package pdu frames LDAP messages and takes them apart (RFC 4511, in the BER of
// X.690). The test servers and the proxy of this module read with it what
// comes from the network: sizes and depths have limits, and no input makes it
// panic.
package pdu

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxDepth bounds how deep elements nest. Everything but filters nests five
// deep; a filter of twenty levels is far beyond what clients write.
const maxDepth = 32

// The identifier octets of values.
const (
	Boolean    = 0x01
	Integer    = 0x02
	String     = 0x04
	Enumerated = 0x0a
	Sequence   = 0x30
	Set        = 0x31
	Controls   = 0xa0 // of a message

	// Number is the part of an identifier octet that holds the tag number.
	Number      = 0x1f
	constructed = 0x20
)

// Op is the identifier octet of an operation: application class, constructed
// unless marked. An answer is of another operation than its request.
type Op byte

// The operations.
const (
	BindRequest      Op = 0x60
	BindResponse     Op = 0x61
	UnbindRequest    Op = 0x42 // primitive
	SearchRequest    Op = 0x63
	SearchEntry      Op = 0x64
	SearchDone       Op = 0x65
	SearchReference  Op = 0x73
	ModifyRequest    Op = 0x66
	ModifyResponse   Op = 0x67
	AddRequest       Op = 0x68
	AddResponse      Op = 0x69
	DeleteRequest    Op = 0x4a // primitive
	DeleteResponse   Op = 0x6b
	RenameRequest    Op = 0x6c
	RenameResponse   Op = 0x6d
	CompareRequest   Op = 0x6e
	CompareResponse  Op = 0x6f
	AbandonRequest   Op = 0x50 // primitive
	ExtendedRequest  Op = 0x77
	ExtendedResponse Op = 0x78
)

// Element is one decoded BER element.
type Element struct {
	Tag      byte
	Content  []byte
	Children []Element // of a constructed element
}

// ErrTruncated is the error of data that ends inside an element.
var ErrTruncated = errors.New("the message ends inside an element")

// Read reads the bytes of one LDAP message of at most limit bytes of content.
// The error is io.EOF only when the other side closed the connection between two
// messages.
func Read(r *bufio.Reader, limit int) ([]byte, error) {
	tag, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if tag != Sequence {
		return nil, fmt.Errorf("the message starts with octet %#02x, not with a sequence", tag)
	}
	header := []byte{tag}
	length, err := 0, ErrTruncated
	for errors.Is(err, ErrTruncated) { // until the length is whole
		b, end := r.ReadByte()
		if end != nil {
			return nil, ErrTruncated
		}
		header = append(header, b)
		length, _, err = parseLength(header[1:])
	}
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, fmt.Errorf("the message has %d bytes, more than %d", length, limit)
	}
	message := make([]byte, len(header)+length)
	copy(message, header)
	if _, err := io.ReadFull(r, message[len(header):]); err != nil {
		return nil, ErrTruncated
	}
	return message, nil
}

// parseLength reads a definite length; n is how many octets it took.
func parseLength(data []byte) (length, n int, err error) {
	if len(data) == 0 {
		return 0, 0, ErrTruncated
	}
	if data[0] < 0x80 {
		return int(data[0]), 1, nil
	}
	octets := int(data[0] & 0x7f)
	if octets == 0 || octets > 4 {
		return 0, 0, fmt.Errorf("length of %d octets: LDAP needs one to four", octets)
	}
	if len(data) < 1+octets {
		return 0, 0, ErrTruncated
	}
	var value uint32
	for _, b := range data[1 : 1+octets] {
		value = value<<8 | uint32(b)
	}
	if value > 1<<31-1 {
		return 0, 0, fmt.Errorf("length %d is too large", value)
	}
	return int(value), 1 + octets, nil
}

// Parse decodes data that consists of whole elements.
func Parse(data []byte) ([]Element, error) { return parse(data, 0) }

func parse(data []byte, depth int) ([]Element, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("elements nest more than %d deep", maxDepth)
	}
	var elements []Element
	for len(data) > 0 {
		tag := data[0]
		if tag&Number == Number {
			return nil, fmt.Errorf("tag octet %#02x does not occur in LDAP", tag)
		}
		length, n, err := parseLength(data[1:])
		if err != nil {
			return nil, err
		}
		data = data[1+n:]
		if length > len(data) {
			return nil, ErrTruncated
		}
		e := Element{Tag: tag, Content: data[:length]}
		if tag&constructed != 0 {
			if e.Children, err = parse(e.Content, depth+1); err != nil {
				return nil, err
			}
		}
		elements = append(elements, e)
		data = data[length:]
	}
	return elements, nil
}

// Cursor reads the parts of a constructed element, Rest, one after the other.
// The first thing that is not as wanted stays in Err; what is read after it is
// empty.
type Cursor struct {
	Rest []Element
	Err  error
}

// Fail ends the reading with an error, unless there is one already.
func (c *Cursor) Fail(format string, values ...any) {
	if c.Err == nil {
		c.Err = fmt.Errorf(format, values...)
	}
	c.Rest = nil
}

// More reports whether the next part has the tag.
func (c *Cursor) More(tag byte) bool { return len(c.Rest) > 0 && c.Rest[0].Tag == tag }

// Next takes the next part, which must have the tag.
func (c *Cursor) Next(tag byte) Element {
	if !c.More(tag) {
		found := "nothing"
		if len(c.Rest) > 0 {
			found = fmt.Sprintf("octet %#02x", c.Rest[0].Tag)
		}
		c.Fail("%s where a part of tag %#02x belongs", found, tag)
		return Element{}
	}
	e := c.Rest[0]
	c.Rest = c.Rest[1:]
	return e
}

// End is the outcome: everything must have been read.
func (c *Cursor) End() error {
	if len(c.Rest) > 0 {
		c.Fail("%d parts too many", len(c.Rest))
	}
	return c.Err
}

// Text reads a string.
func (c *Cursor) Text() string { return string(c.Next(String).Content) }

// Number reads an integer or enumerated value of up to 32 bits.
func (c *Cursor) Number(tag byte) int64 {
	content := c.Next(tag).Content
	if len(content) == 0 || len(content) > 4 {
		c.Fail("a number of %d octets", len(content))
		return 0
	}
	value := int64(int8(content[0]))
	for _, b := range content[1:] {
		value = value<<8 | int64(b)
	}
	return value
}

// Boolean reads a truth value.
func (c *Cursor) Boolean() bool {
	content := c.Next(Boolean).Content
	if len(content) != 1 {
		c.Fail("a boolean of %d octets", len(content))
		return false
	}
	return content[0] != 0
}

// Texts reads a sequence or set of strings.
func (c *Cursor) Texts(tag byte) []string {
	list := Cursor{Rest: c.Next(tag).Children}
	var values []string
	for len(list.Rest) > 0 {
		values = append(values, list.Text())
	}
	c.Take(list)
	return values
}

// Each reads a sequence of sequences.
func (c *Cursor) Each(read func(item *Cursor)) {
	list := Cursor{Rest: c.Next(Sequence).Children}
	for len(list.Rest) > 0 {
		item := Cursor{Rest: list.Next(Sequence).Children}
		read(&item)
		list.Take(item)
	}
	c.Take(list)
}

// Take ends the reading of an inner Cursor.
func (c *Cursor) Take(inner Cursor) {
	if err := inner.End(); err != nil {
		c.Fail("%w", err)
	}
}
