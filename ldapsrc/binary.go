package ldapsrc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"maps"
	"slices"
	"strings"
)

// The binary form of a set is
//
//	its kind, a checksum of the profile, names, entries, names of what is gone,
//	a checksum of all that
//
// with records as recorder makes them, but for their attributes, which are in
// the order of their names. Equal sets have the same form.
const (
	kindRecipients = "recipients 1\n"
	kindDelta      = "changes 1\n"
)

var errProfile = errors.New("it was read under another profile")

// AppendBinary appends the set in a form from which Profile.ParseRecipients
// makes it again. It is about as long as the values.
func (r *Recipients) AppendBinary(to []byte) ([]byte, error) {
	if r.Len() == 0 {
		return appendSet(to, kindRecipients, nil, nil), nil
	}
	return appendSet(to, kindRecipients, r.entries, nil), nil
}

// ParseRecipients makes a set again that AppendBinary wrote. It fails when that
// was damaged, and when another profile gave the entries their meaning.
func (p Profile) ParseRecipients(data []byte) (*Recipients, error) {
	entries, gone, err := p.parseSet(kindRecipients, data)
	if err == nil && len(gone) > 0 {
		err = errors.New("there are entries that are gone")
	}
	for i := 1; err == nil && i < len(entries); i++ {
		if compareFold(entries[i-1].normal(), entries[i].normal()) >= 0 {
			err = fmt.Errorf("the entry %s is not in its place", quote(entries[i].DN()))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("a set of recipients that was kept cannot be used: %w; read all of them again", err)
	}
	return &Recipients{entries}, nil
}

// appendSet appends the binary form.
func appendSet(to []byte, kind string, entries []Entry, gone []string) []byte {
	start := len(to)
	to = append(to, kind...)
	var profile uint32
	if len(entries) > 0 {
		profile = entries[0].names.profile.checksum()
	}
	to = binary.BigEndian.AppendUint32(to, profile)
	lower := usedNames(entries)
	to = appendTexts(to, lower)
	to = appendUint(to, len(entries))
	newNumber := map[*names][]int{} // by old number
	var record []byte
	for _, e := range entries {
		numbers := newNumber[e.names]
		if numbers == nil {
			numbers = e.names.renumber(lower)
			newNumber[e.names] = numbers
		}
		record = e.appendRecord(record[:0], numbers)
		to = append(appendUint(to, len(record)), record...)
	}
	to = appendTexts(to, gone)
	return appendChecksum(to, start)
}

// appendChecksum appends the checksum of what begins at start.
func appendChecksum(to []byte, start int) []byte {
	return binary.BigEndian.AppendUint32(to, crc32.Checksum(to[start:], castagnoli))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum tells profiles apart that give entries another meaning.
func (p *Profile) checksum() uint32 {
	return crc32.Checksum(fmt.Appendf(nil, "%q", []any{p.Classes, p.Fields}), castagnoli)
}

func appendTexts(to []byte, texts []string) []byte {
	to = appendUint(to, len(texts))
	for _, text := range texts {
		to = append(appendUint(to, len(text)), text...)
	}
	return to
}

// usedNames are the names of all attributes that entries have, sorted.
func usedNames(entries []Entry) []string {
	used := map[*names][]bool{}
	for _, e := range entries {
		of := used[e.names]
		if of == nil {
			of = make([]bool, len(e.names.lower))
			used[e.names] = of
		}
		for number := range e.attributes() {
			of[number] = true
		}
	}
	all := map[string]bool{}
	for table, of := range used {
		for number, is := range of {
			if is {
				all[table.lower[number]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// renumber gives the places of a table's names in a sorted list.
func (n *names) renumber(lower []string) []int {
	numbers := make([]int, len(n.lower))
	for number, name := range n.lower {
		numbers[number], _ = slices.BinarySearch(lower, name)
	}
	return numbers
}

// appendRecord appends the record with other numbers, in their order.
func (e Entry) appendRecord(to []byte, numbers []int) []byte {
	type attribute struct {
		number int
		values string // as they stand in the record
	}
	var room [64]attribute
	all := room[:0]
	for number, values := range e.attributes() {
		end := values
		end.skip()
		all = append(all, attribute{numbers[number], e.record[values.at:end.at]})
	}
	slices.SortFunc(all, func(a, b attribute) int { return a.number - b.number })
	to = append(to, e.record[:e.start().at]...)
	for _, a := range all {
		to = append(appendUint(to, a.number), a.values...)
	}
	return to
}

var errDamaged = errors.New("it is damaged")

// parseSet reads the binary form. Entries are parts of a copy of data.
func (p Profile) parseSet(kind string, data []byte) (entries []Entry, gone []string, err error) {
	const checksum = 4 // bytes, of the profile and at the end
	end := len(data) - checksum
	if !bytes.HasPrefix(data, []byte(kind)) || end < len(kind)+checksum {
		return nil, nil, errors.New("it is something else or of another version")
	}
	if crc32.Checksum(data[:end], castagnoli) != binary.BigEndian.Uint32(data[end:]) {
		return nil, nil, errDamaged
	}
	profile := binary.BigEndian.Uint32(data[len(kind):])
	c := &checker{text: string(data[:end]), at: len(kind) + checksum}
	table := p.parseNames(c)
	n := c.uint()
	if n > 0 && profile != p.checksum() {
		return nil, nil, errProfile
	}
	entries = c.entries(n, table)
	for dn := range c.texts() {
		gone = append(gone, dn)
	}
	if c.bad || c.at != len(c.text) {
		return nil, nil, errDamaged
	}
	return entries, gone, nil
}

// parseNames reads the names of attributes, each of which comes once.
func (p Profile) parseNames(c *checker) *names {
	table := emptyNames(p)
	for name := range c.texts() {
		if table.add(name) != len(table.lower)-1 || name != strings.ToLower(name) || len(table.lower) > maxNames {
			c.bad = true
		}
		if c.bad {
			break
		}
	}
	return table
}

// entries reads so many entries.
func (c *checker) entries(n int, table *names) []Entry {
	if c.bad || n > len(c.text)-c.at { // an entry takes more than a byte
		c.bad = true
		return nil
	}
	entries := make([]Entry, 0, n)
	for range n {
		e := Entry{c.next(), table}
		if c.bad = c.bad || !e.valid(); c.bad {
			return nil
		}
		entries = append(entries, e)
	}
	return entries
}

// valid says whether a record that comes from outside can be used.
func (e Entry) valid() bool {
	if len(e.record) < nameAt || e.record[flagsAt]&^allFlags != 0 || int(e.record[classAt]) > len(e.names.profile.Classes) ||
		e.record[classAt] == 0 && e.record[flagsAt]&flagDeleted == 0 {
		return false
	}
	c := checker{text: e.record, at: nameAt}
	if !e.validName(&c) {
		return false
	}
	for last := -1; c.at < len(c.text) && !c.bad; {
		number := c.uint()
		if number <= last || number >= len(e.names.lower) {
			return false
		}
		last = number
		for c.value() {
		}
	}
	return !c.bad
}

// validName reads the name of an entry and says whether it is one.
func (e Entry) validName(c *checker) bool {
	dn := c.next()
	if plain := e.flag(flagPlainDN); plain || isPlainDN(dn) {
		return plain && isPlainDN(dn)
	}
	normal, err := NormalizeDN(dn)
	return err == nil && normal != "" && normal == c.next()
}

// checker is a cursor over a text that may be anything.
type checker struct {
	text string
	at   int
	bad  bool
}

func (c *checker) uint() (n int) {
	const bits = 7
	for shift := 0; c.at < len(c.text) && shift <= 4*bits; shift += bits {
		b := c.text[c.at]
		c.at++
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	c.bad = true
	return 0
}

// next reads a length and a text.
func (c *checker) next() string { return c.take(c.uint()) }

func (c *checker) take(n int) string {
	if n > len(c.text)-c.at {
		c.bad = true
		return ""
	}
	c.at += n
	return c.text[c.at-n : c.at]
}

// value reads a value of an attribute; false at its end.
func (c *checker) value() bool {
	n := c.uint()
	if n == 0 {
		return false
	}
	c.take(n - 1)
	return !c.bad
}

// texts reads a list of texts.
func (c *checker) texts() iter.Seq[string] {
	return func(yield func(string) bool) {
		for range c.uint() {
			if text := c.next(); c.bad || !yield(text) {
				return
			}
		}
	}
}
