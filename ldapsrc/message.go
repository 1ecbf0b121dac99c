package ldapsrc

import (
	"errors"
	"fmt"
)

// The tags of the parts of a message that are looked at (RFC 4511, 4.1.1,
// 4.5.1, 4.5.2).
const (
	tagInteger         = 0x02
	tagOctetString     = 0x04
	tagSequence        = 0x30
	tagSet             = 0x31
	tagSearchRequest   = 0x63
	tagSearchEntry     = 0x64
	tagSearchReference = 0x73
)

// maxMessage is the greatest size of a message in bytes that is believed. The
// greatest that an honest directory sends is a list with all its members, of
// which there are 5,000 at most by the vendor's advice (documented: K247654).
const maxMessage = 64 << 20

var (
	errTruncated  = errors.New("it ends too early")
	errNotMessage = errors.New("the server sent something that is no LDAP message")
)

// header is the beginning of a message.
type header struct {
	id   int64
	op   byte // the tag of what it holds
	at   int  // where that tag is
	size int  // of the whole message
}

// readHeader reads the beginning of a message. It returns errTruncated when
// more bytes are needed for it.
func readHeader(b []byte) (h header, err error) {
	if len(b) == 0 {
		return h, errTruncated
	}
	if b[0] != tagSequence {
		return h, fmt.Errorf("%w: it begins with %#02x", errNotMessage, b[0])
	}
	length, at, err := readLength(b, 1)
	if err != nil {
		return h, err
	}
	if h.size = at + length; h.size > maxMessage {
		return h, fmt.Errorf("the server announces a message of %d bytes; more than %d are not believed", h.size, maxMessage)
	}
	message := b[:min(len(b), h.size)]
	if at+2 > len(message) {
		return h, h.short(message)
	}
	const longestID = 4 // bytes
	n := int(message[at+1])
	if message[at] != tagInteger || n == 0 || n > longestID {
		return h, fmt.Errorf("%w: it has no number", errNotMessage)
	}
	if at += 2; at+n+1 > len(message) {
		return h, h.short(message)
	}
	for _, c := range message[at : at+n] {
		h.id = h.id<<8 | int64(c)
	}
	h.at = at + n
	h.op = message[h.at]
	return h, nil
}

// short is the error of a message that ends before its header does.
func (h header) short(message []byte) error {
	if len(message) == h.size {
		return fmt.Errorf("%w: it is too short", errNotMessage)
	}
	return errTruncated
}

// readLength reads the length of a BER element at b[at:] and returns it and
// where the contents begin. LDAP allows no indefinite lengths (RFC 4511, 5.1).
func readLength(b []byte, at int) (length, next int, err error) {
	if at >= len(b) {
		return 0, at, errTruncated
	}
	n := int(b[at])
	at++
	if n < 0x80 {
		return n, at, nil
	}
	const longest = 8 // bytes; some servers write leading zeros
	if n -= 0x80; n == 0 || n > longest {
		return 0, at, fmt.Errorf("%w: a length is not written as LDAP wants it", errNotMessage)
	}
	if at+n > len(b) {
		return 0, at, errTruncated
	}
	for _, c := range b[at : at+n] {
		if length = length<<8 | int(c); length > maxMessage {
			return 0, at, fmt.Errorf("%w: a length is above %d bytes", errNotMessage, maxMessage)
		}
	}
	return length, at + n, nil
}

// element reads the element with that tag that begins at b[at:] and returns its
// contents and where the next one begins.
func element(b []byte, at int, tag byte) (contents []byte, next int, err error) {
	if at+1 < len(b) && b[at] == tag && b[at+1] < 0x80 { // nearly all
		start := at + 2
		if next = start + int(b[at+1]); next <= len(b) {
			return b[start:next], next, nil
		}
		return nil, at, errTruncated
	}
	if at >= len(b) {
		return nil, at, errTruncated
	}
	if b[at] != tag {
		return nil, at, fmt.Errorf("it has %#02x where %#02x belongs", b[at], tag)
	}
	length, start, err := readLength(b, at+1)
	if err != nil {
		return nil, at, err
	}
	if next = start + length; next > len(b) {
		return nil, at, errTruncated
	}
	return b[start:next], next, nil
}

// decode makes a record of what a SearchResultEntry holds.
func (r *recorder) decode(contents []byte) (string, error) {
	if err := r.take(contents); err != nil {
		return "", err
	}
	return r.end()
}

// take takes what a SearchResultEntry holds apart. What follows a part that is
// known is not looked at (RFC 4511, 4).
func (r *recorder) take(contents []byte) error {
	dn, at, err := element(contents, 0, tagOctetString)
	if err != nil {
		return fmt.Errorf("an entry that cannot be understood: its name: %w", err)
	}
	r.begin(dn)
	list, _, err := element(contents, at, tagSequence)
	for at = 0; err == nil && at < len(list); {
		var attribute []byte
		if attribute, at, err = element(list, at, tagSequence); err == nil {
			err = r.decodeAttribute(attribute)
		}
	}
	if err != nil {
		return &entryError{string(dn), err}
	}
	return nil
}

func (r *recorder) decodeAttribute(contents []byte) error {
	name, at, err := element(contents, 0, tagOctetString)
	if err != nil {
		return err
	}
	if err = r.attribute(name); err != nil {
		return err
	}
	values, _, err := element(contents, at, tagSet)
	for at = 0; err == nil && at < len(values); {
		var value []byte
		if value, at, err = element(values, at, tagOctetString); err == nil {
			r.value(value)
		}
	}
	return err
}
