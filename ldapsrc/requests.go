package ldapsrc

import (
	"errors"
	"fmt"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Requests that write, and the answers to them, as bytes (RFC 4511 sections 4.6
// to 4.8, in the encoding of section 5.1). go-ldap builds a tree for each, which
// takes more than twice the CPU time.

// The tags of them and of what they consist of, beside those of all messages.
const (
	tagEnumerated = 0x0a

	tagModify = 0x60 | ldap.ApplicationModifyRequest
	tagAdd    = 0x60 | ldap.ApplicationAddRequest
	tagDelete = 0x40 | ldap.ApplicationDelRequest

	tagModified = 0x60 | ldap.ApplicationModifyResponse
	tagAdded    = 0x60 | ldap.ApplicationAddResponse
	tagDeleted  = 0x60 | ldap.ApplicationDelResponse
)

// operations are how the modifications are called on the wire.
var operations = map[ModOp]int64{AddValues: 0, DeleteValues: 1, ReplaceValues: 2}

// writeTags are the tags of the requests that write, and of their answers.
var writeTags = map[ChangeType]struct{ request, answer byte }{
	AddEntry: {tagAdd, tagAdded}, ModifyEntry: {tagModify, tagModified}, DeleteEntry: {tagDelete, tagDeleted},
}

// encoder writes a message from its end to its beginning, so that each length is
// known when its turn comes. What is written is buf[at:].
type encoder struct {
	buf []byte
	at  int
}

// encode appends the message of a change, whose type is known, to a buffer.
func (e *encoder) encode(to []byte, id int64, change Change) []byte {
	e.at = len(e.buf)
	switch change.Type {
	case AddEntry:
		for i := len(change.Attributes) - 1; i >= 0; i-- {
			e.attribute(change.Attributes[i].Name, change.Attributes[i].Values)
		}
		e.wrap(tagSequence, 0)
		e.text(tagOctetString, change.DN)
		e.wrap(tagAdd, 0)
	case ModifyEntry:
		for i := len(change.Mods) - 1; i >= 0; i-- {
			behind := e.size()
			e.attribute(change.Mods[i].Name, change.Mods[i].Values)
			e.number(tagEnumerated, operations[change.Mods[i].Op])
			e.wrap(tagSequence, behind)
		}
		e.wrap(tagSequence, 0)
		e.text(tagOctetString, change.DN)
		e.wrap(tagModify, 0)
	case DeleteEntry:
		e.text(tagDelete, change.DN)
	}
	e.number(tagInteger, id)
	e.wrap(tagSequence, 0)
	return append(to, e.buf[e.at:]...)
}

// attribute writes a name and a set of values.
func (e *encoder) attribute(name string, values []string) {
	behind := e.size()
	for i := len(values) - 1; i >= 0; i-- {
		e.text(tagOctetString, values[i])
	}
	e.wrap(tagSet, behind)
	e.text(tagOctetString, name)
	e.wrap(tagSequence, behind)
}

func (e *encoder) size() int { return len(e.buf) - e.at }

// wrap makes one element of everything before the last so many bytes.
func (e *encoder) wrap(tag byte, behind int) { e.head(tag, e.size()-behind) }

func (e *encoder) text(tag byte, s string) {
	e.room(len(s))
	e.at -= len(s)
	copy(e.buf[e.at:], s)
	e.head(tag, len(s))
}

// number writes one that is not negative.
func (e *encoder) number(tag byte, n int64) {
	behind := e.size()
	for more := true; more; n >>= 8 {
		e.room(1)
		e.at--
		e.buf[e.at] = byte(n)
		more = n >= 0x80 // a first bit that is set would make it negative
	}
	e.wrap(tag, behind)
}

// head writes a tag and a length.
func (e *encoder) head(tag byte, length int) {
	const longest = 10
	e.room(longest)
	bytes := 0
	for n := length; length >= 0x80 && n > 0; n >>= 8 {
		e.at--
		e.buf[e.at] = byte(n)
		bytes++
	}
	e.at--
	if e.buf[e.at] = byte(length); bytes > 0 {
		e.buf[e.at] = 0x80 | byte(bytes)
	}
	e.at--
	e.buf[e.at] = tag
}

// room makes room for so many bytes.
func (e *encoder) room(bytes int) {
	if e.at >= bytes {
		return
	}
	grown := make([]byte, 2*len(e.buf)+bytes)
	size := copy(grown[len(grown)-e.size():], e.buf[e.at:])
	e.buf, e.at = grown, len(grown)-size
}

// answer is what a server says to a request that writes.
type answer struct {
	id  int64
	tag byte
	err error // of go-ldap; nil for success
}

// parseAnswer reads a message of which h is the header.
func parseAnswer(message []byte, h header) (answer, error) {
	a := answer{id: h.id, tag: h.op}
	result, _, err := element(message, h.at, h.op)
	if err != nil {
		return a, fmt.Errorf("%w: %w", errNotMessage, err)
	}
	code, next, err := element(result, 0, tagEnumerated)
	for range 2 { // the name of what exists, and what the server says
		if err == nil {
			_, next, err = element(result, next, tagOctetString)
		}
	}
	if err != nil {
		return a, fmt.Errorf("%w: %w", errNotMessage, err)
	}
	if len(code) == 1 && code[0] == ldap.LDAPResultSuccess {
		return a, nil
	}
	packet, err := ber.DecodePacketErr(message)
	if err != nil {
		return a, fmt.Errorf("%w: %w", errNotMessage, err)
	}
	a.err = ldap.GetLDAPError(packet)
	var refusal *ldap.Error
	if !errors.As(a.err, &refusal) || refusal.ResultCode >= ldap.ErrorNetwork {
		return a, fmt.Errorf("%w: its result cannot be read", errNotMessage)
	}
	return a, nil
}
