package exchange55

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Limits of what is read from a client.
const (
	// maxPDU bounds one LDAP message. A list of 5,000 members, the documented
	// most (K247654), takes half of it.
	maxPDU = 1 << 20
	// maxDepth bounds how deep elements nest. Everything but filters nests
	// five deep; a filter of twenty levels is far beyond what clients write.
	maxDepth = 32
)

// The identifier octets that occur in requests.
const (
	tagBoolean    = 0x01
	tagInteger    = 0x02
	tagString     = 0x04
	tagEnumerated = 0x0a
	tagSequence   = 0x30
	tagSet        = 0x31

	constructed = 0x20
	highNumber  = 0x1f
)

// element is one decoded BER element.
type element struct {
	tag      byte
	content  []byte
	children []element // of a constructed element
}

var errTruncated = errors.New("the message ends inside an element")

// readPDU reads the bytes of one LDAP message. The error is io.EOF only when
// the client closed the connection between two messages.
func readPDU(r *bufio.Reader) ([]byte, error) {
	tag, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if tag != tagSequence {
		return nil, fmt.Errorf("the message starts with octet %#02x, not with a sequence", tag)
	}
	header := []byte{tag}
	length, err := 0, errTruncated
	for errors.Is(err, errTruncated) { // until the length is whole
		b, end := r.ReadByte()
		if end != nil {
			return nil, errTruncated
		}
		header = append(header, b)
		length, _, err = parseLength(header[1:])
	}
	if err != nil {
		return nil, err
	}
	if length > maxPDU {
		return nil, fmt.Errorf("the message has %d bytes, more than %d", length, maxPDU)
	}
	pdu := make([]byte, len(header)+length)
	copy(pdu, header)
	if _, err := io.ReadFull(r, pdu[len(header):]); err != nil {
		return nil, errTruncated
	}
	return pdu, nil
}

// parseLength reads a definite length; n is how many octets it took.
func parseLength(data []byte) (length, n int, err error) {
	if len(data) == 0 {
		return 0, 0, errTruncated
	}
	if data[0] < 0x80 {
		return int(data[0]), 1, nil
	}
	octets := int(data[0] & 0x7f)
	if octets == 0 || octets > 4 {
		return 0, 0, fmt.Errorf("length of %d octets: LDAP needs one to four", octets)
	}
	if len(data) < 1+octets {
		return 0, 0, errTruncated
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

// parseElements decodes data that consists of whole elements.
func parseElements(data []byte, depth int) ([]element, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("elements nest more than %d deep", maxDepth)
	}
	var elements []element
	for len(data) > 0 {
		tag := data[0]
		if tag&highNumber == highNumber {
			return nil, fmt.Errorf("tag octet %#02x does not occur in LDAP", tag)
		}
		length, n, err := parseLength(data[1:])
		if err != nil {
			return nil, err
		}
		data = data[1+n:]
		if length > len(data) {
			return nil, errTruncated
		}
		e := element{tag: tag, content: data[:length]}
		if tag&constructed != 0 {
			if e.children, err = parseElements(e.content, depth+1); err != nil {
				return nil, err
			}
		}
		elements = append(elements, e)
		data = data[length:]
	}
	return elements, nil
}

// cursor reads the parts of a constructed element one after the other. The
// first thing that is not as wanted stays in err; what is read after it is
// empty.
type cursor struct {
	rest []element
	err  error
}

func (c *cursor) fail(format string, values ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, values...)
	}
	c.rest = nil
}

// more reports whether the next part has the tag.
func (c *cursor) more(tag byte) bool { return len(c.rest) > 0 && c.rest[0].tag == tag }

// next takes the next part, which must have the tag.
func (c *cursor) next(tag byte) element {
	if !c.more(tag) {
		found := "nothing"
		if len(c.rest) > 0 {
			found = fmt.Sprintf("octet %#02x", c.rest[0].tag)
		}
		c.fail("%s where a part of tag %#02x belongs", found, tag)
		return element{}
	}
	e := c.rest[0]
	c.rest = c.rest[1:]
	return e
}

// end is the outcome: everything must have been read.
func (c *cursor) end() error {
	if len(c.rest) > 0 {
		c.fail("%d parts too many", len(c.rest))
	}
	return c.err
}

func (c *cursor) text() string { return string(c.next(tagString).content) }

// number reads an integer or enumerated value of up to 32 bits.
func (c *cursor) number(tag byte) int64 {
	content := c.next(tag).content
	if len(content) == 0 || len(content) > 4 {
		c.fail("a number of %d octets", len(content))
		return 0
	}
	value := int64(int8(content[0]))
	for _, b := range content[1:] {
		value = value<<8 | int64(b)
	}
	return value
}

func (c *cursor) boolean() bool {
	content := c.next(tagBoolean).content
	if len(content) != 1 {
		c.fail("a boolean of %d octets", len(content))
		return false
	}
	return content[0] != 0
}

// texts reads a sequence or set of strings.
func (c *cursor) texts(tag byte) []string {
	list := cursor{rest: c.next(tag).children}
	var values []string
	for len(list.rest) > 0 {
		values = append(values, list.text())
	}
	c.take(list)
	return values
}

// each reads a sequence of sequences.
func (c *cursor) each(read func(item *cursor)) {
	list := cursor{rest: c.next(tagSequence).children}
	for len(list.rest) > 0 {
		item := cursor{rest: list.next(tagSequence).children}
		read(&item)
		list.take(item)
	}
	c.take(list)
}

// take ends the reading of an inner cursor.
func (c *cursor) take(inner cursor) {
	if err := inner.end(); err != nil {
		c.fail("%w", err)
	}
}
