package pdu

import (
	"errors"
	"fmt"
)

// Message is one LDAP message in its parts, none of them taken apart.
type Message struct {
	ID       int64
	Op       Op
	Body     []byte // content of the operation
	Controls []byte // content of the controls; empty for none
}

var errNoMessage = errors.New("no LDAP message")

// ParseMessage takes a message apart as far as its number, its operation and its
// controls. The parts are pieces of data.
func ParseMessage(data []byte) (Message, error) {
	envelope, rest, err := first(data)
	if err != nil || envelope.Tag != Sequence || len(rest) > 0 {
		return Message{}, fmt.Errorf("%w: not one sequence", errNoMessage)
	}
	id, rest, err := first(envelope.Content)
	if err != nil {
		return Message{}, fmt.Errorf("%w: its number: %w", errNoMessage, err)
	}
	number := Cursor{Rest: []Element{id}}
	m := Message{ID: number.Number(Integer)}
	if number.Err != nil {
		return Message{}, fmt.Errorf("%w: its number: %w", errNoMessage, number.Err)
	}
	body, rest, err := first(rest)
	if err != nil {
		return Message{}, fmt.Errorf("%w: its operation: %w", errNoMessage, err)
	}
	m.Op, m.Body = Op(body.Tag), body.Content
	if len(rest) == 0 {
		return m, nil
	}
	controls, rest, err := first(rest)
	if err != nil || controls.Tag != Controls || len(rest) > 0 {
		return Message{}, fmt.Errorf("%w: its controls cannot be read", errNoMessage)
	}
	if len(controls.Content) > 0 {
		m.Controls = controls.Content
	}
	return m, nil
}

// first splits data after its first element, which is not taken apart.
func first(data []byte) (e Element, rest []byte, err error) {
	if len(data) == 0 {
		return Element{}, nil, ErrTruncated
	}
	length, n, err := parseLength(data[1:])
	if err != nil {
		return Element{}, nil, err
	}
	content := data[1+n:]
	if length > len(content) {
		return Element{}, nil, ErrTruncated
	}
	return Element{Tag: data[0], Content: content[:length]}, content[length:], nil
}

// Encode writes the message.
func (m Message) Encode() []byte {
	parts := [][]byte{EncodeInteger(Integer, m.ID), Encode(byte(m.Op), m.Body)}
	if len(m.Controls) > 0 {
		parts = append(parts, Encode(Controls, m.Controls))
	}
	return Encode(Sequence, parts...)
}

// Encode writes an element of an identifier octet and the parts of its content.
func Encode(tag byte, parts ...[]byte) []byte {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	data := append(make([]byte, 0, length+6), tag)
	switch {
	case length < 0x80:
		data = append(data, byte(length))
	default: // four octets are as good as fewer
		data = append(data, 0x84, byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	}
	for _, p := range parts {
		data = append(data, p...)
	}
	return data
}

// EncodeString writes a string.
func EncodeString(s string) []byte { return Encode(String, []byte(s)) }

// EncodeInteger writes an integer or enumerated value of up to 32 bits.
func EncodeInteger(tag byte, value int64) []byte {
	octets := []byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}
	for len(octets) > 1 && (octets[0] == 0 && octets[1] < 0x80 || octets[0] == 0xff && octets[1] >= 0x80) {
		octets = octets[1:]
	}
	return Encode(tag, octets)
}
