package ldapsrc

import (
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// Entry is one entry of the directory as it was read. It does not change, and
// copying it copies no text: all its values are parts of a text that it shares
// with the entries read along with it. Whoever keeps a few values of a large
// read for long clones them (strings.Clone), so that the rest can go.
//
// What decides what becomes of an entry was checked when it was read: its name,
// its class, whether it is hidden or deleted, its trust level and its USNs.
// The zero value is no entry and has nothing.
type Entry struct {
	record string // see recorder
	names  *names
}

// What the first byte of a record says.
const (
	flagDeleted = 1 << iota
	flagHidden
	flagPlainDN // the normal form of the name is that in lower case; else it follows
	allFlags    = flagDeleted | flagHidden | flagPlainDN
)

// The places of the first fields of a record.
const (
	flagsAt = iota
	classAt // the number of the class, from 1 on; 0 for none
	nameAt
)

// DN returns the name as the server gave it.
func (e Entry) DN() string {
	if e.record == "" {
		return ""
	}
	c := cursor{e.record, nameAt}
	return c.text()
}

// Class returns what kind of recipient it is; empty for a leftover of a
// deletion that lost its class.
func (e Entry) Class() Class {
	if e.record == "" || e.record[classAt] == 0 {
		return ""
	}
	return e.names.profile.Classes[e.record[classAt]-1].Class
}

// Deleted says whether it is the leftover of a deletion (a tombstone). They are
// seen only under the admin view.
func (e Entry) Deleted() bool { return e.flag(flagDeleted) }

// Hidden says whether it is hidden from the address book.
func (e Entry) Hidden() bool { return e.flag(flagHidden) }

func (e Entry) flag(flag byte) bool { return e.record != "" && e.record[flagsAt]&flag != 0 }

// USNChanged returns the number that the server gave to the last change of the
// entry; 0 if it has none.
func (e Entry) USNChanged() int64 { return e.number(roleUSNChanged) }

// USNCreated returns the number that the server gave to the creation of the
// entry; 0 if it has none.
func (e Entry) USNCreated() int64 { return e.number(roleUSNCreated) }

func (e Entry) number(of role) int64 {
	if e.names == nil {
		return 0
	}
	n, _ := integer("", e.Attribute(e.names.spelling[of]), 0) // checked when it was read
	return n
}

// Attribute returns the first value of the named attribute, without regard to
// the case of the name; empty when there is none.
func (e Entry) Attribute(name string) string {
	c, found := e.find(name)
	if !found {
		return ""
	}
	value, _ := c.value()
	return value
}

// Values returns all values of the named attribute, without regard to the case
// of the name, in the order in which the server sent them.
func (e Entry) Values(name string) []string {
	c, found := e.find(name)
	if !found {
		return nil
	}
	return c.values(nil)
}

// Attributes returns all values by the name of the attribute in lower case.
func (e Entry) Attributes() map[string][]string {
	all := map[string][]string{}
	for number, values := range e.attributes() {
		all[e.names.lower[number]] = values.values(nil)
	}
	return all
}

// Equal says whether two entries have the same name, as it is written, and the
// same values, in whatever order.
func (e Entry) Equal(other Entry) bool {
	if e.record == other.record && e.names == other.names {
		return true
	}
	if e.DN() != other.DN() {
		return false
	}
	mine, theirs := e.Attributes(), other.Attributes()
	if len(mine) != len(theirs) {
		return false
	}
	for name, values := range mine {
		others, has := theirs[name]
		if !has || len(values) != len(others) {
			return false
		}
		slices.Sort(values)
		slices.Sort(others)
		if !slices.Equal(values, others) {
			return false
		}
	}
	return true
}

// Recipient returns the entry with all its fields decoded. Its texts are parts
// of the entry's.
func (e Entry) Recipient() Recipient {
	r := Recipient{DN: e.DN(), Class: e.Class(), Hidden: e.Hidden(), TrustLevel: DefaultTrustLevel, Entry: e}
	if e.record != "" {
		f := e.fields()
		decodeFields(&r, &f, e.names)
	}
	return r
}

// fields are cursors that stand at the values of an entry's fields.
type fields [roleCount]cursor

// fields finds all fields in one pass.
func (e Entry) fields() (f fields) {
	for number, values := range e.attributes() {
		for of := e.names.roles[number]; of != 0; of &= of - 1 {
			f[bits.TrailingZeros32(uint32(of))] = values
		}
	}
	return f
}

// first is the first value of a field.
func (f *fields) first(of role) string {
	c := f[of]
	value, _ := c.value()
	return value
}

// attributes are the numbers of the attributes, each with a cursor that stands
// at its values.
func (e Entry) attributes() iter.Seq2[int, cursor] {
	return func(yield func(int, cursor) bool) {
		for c := e.start(); c.at < len(c.record); c.skip() {
			number := c.uint()
			if !yield(number, c) {
				return
			}
		}
	}
}

// find returns a cursor that stands at the values of an attribute.
func (e Entry) find(name string) (cursor, bool) {
	wanted := e.names.number(name)
	for c := e.start(); c.at < len(c.record); c.skip() {
		if c.uint() == wanted {
			return c, true
		}
	}
	return cursor{}, false
}

// start returns a cursor that stands at the first attribute.
func (e Entry) start() cursor {
	c := cursor{e.record, nameAt}
	if e.record != "" {
		c.text()
		if !e.flag(flagPlainDN) {
			c.text()
		}
	}
	return c
}

// normal returns the normal form of the name, but for the case of ASCII
// letters; compareFold compares it.
func (e Entry) normal() string {
	c := cursor{e.record, nameAt}
	dn := c.text()
	if e.flag(flagPlainDN) {
		return dn
	}
	return c.text()
}

// key is the normal form of the name.
func (e Entry) key() string {
	if e.flag(flagPlainDN) {
		return strings.ToLower(e.normal())
	}
	return e.normal()
}

// cursor reads a record that was checked.
type cursor struct {
	record string
	at     int
}

// uint reads a number: seven bits in a byte, the lowest first, the eighth says
// that more follow.
func (c *cursor) uint() int {
	b := c.record[c.at]
	c.at++
	if b < 0x80 {
		return int(b)
	}
	n := int(b & 0x7f)
	for shift := 7; b >= 0x80; shift += 7 {
		b = c.record[c.at]
		c.at++
		n |= int(b&0x7f) << shift
	}
	return n
}

// text reads a length and a text.
func (c *cursor) text() string {
	n := c.uint()
	c.at += n
	return c.record[c.at-n : c.at]
}

// value reads the next value of the attribute at hand.
func (c *cursor) value() (string, bool) {
	if c.at >= len(c.record) {
		return "", false
	}
	n := c.uint() - 1
	if n < 0 {
		return "", false
	}
	c.at += n
	return c.record[c.at-n : c.at], true
}

// values appends the values that are left of the attribute at hand.
func (c cursor) values(to []string) []string {
	for value, more := c.value(); more; value, more = c.value() {
		to = append(to, value)
	}
	return to
}

// skip goes on to the next attribute.
func (c *cursor) skip() {
	for n := c.uint(); n > 0; n = c.uint() {
		c.at += n - 1
	}
}
