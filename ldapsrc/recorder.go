package ldapsrc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// recorder makes the records of entries. A record is
//
//	flags, class, DN, [normal form of the DN], {attribute}
//
// where an attribute is its number, its values and a zero, a value is its
// length plus one and its bytes, and a name is its length and its bytes.
// Numbers and lengths are written as cursor reads them.
//
// For each entry, call begin, attribute and value in turn, and end.
type recorder struct {
	names   *names
	numbers map[string]int // by name as the server writes it

	// A server sends the attributes of one entry as those of the one before:
	// which number came after a number (one up; the first is after none), and
	// how its name was written.
	after    []int
	spelling []string

	record   []byte // of the entry at hand
	nameEnd  int    // where its DN ends
	last     int    // number of its attribute at hand, or noAttribute
	open     bool   // whether the attribute at hand is to be ended
	of       roles
	found    [checkedRoles]span // the first values that are to be checked
	class    int                // the least number of a class whose name came, plus one; 0 for none
	repeated bool
	seen     []uint64 // by number: the serial number of the last entry that had it
	serial   uint64

	chunk strings.Builder // holds records; those that are full belong to their entries only
}

const noAttribute = -1

// span is a part of the record at hand; start is 0 when there is none.
type span struct{ start, end int }

func newRecorder(n *names) *recorder {
	r := &recorder{names: n, numbers: map[string]int{}}
	r.grow()
	return r
}

// grow makes room for all numbers of the table.
func (r *recorder) grow() {
	for len(r.seen) < len(r.names.lower) {
		r.seen = append(r.seen, 0)
		r.spelling = append(r.spelling, "")
	}
	for len(r.after) < len(r.names.lower)+1 {
		r.after = append(r.after, noAttribute)
	}
}

// begin starts an entry. The name is checked at the end.
func (r *recorder) begin(dn []byte) {
	r.record = append(r.record[:0], 0, 0)
	r.record = append(appendUint(r.record, len(dn)), dn...)
	r.nameEnd = len(r.record)
	if isPlainDN(dn) {
		r.record[flagsAt] |= flagPlainDN
	} else if normal, err := NormalizeDN(string(dn)); err == nil {
		r.record = append(appendUint(r.record, len(normal)), normal...)
	}
	r.serial++
	r.last, r.open, r.repeated, r.class = noAttribute, false, false, 0
	r.found = [checkedRoles]span{}
}

// attribute starts an attribute.
func (r *recorder) attribute(name []byte) error {
	r.close()
	guess := r.after[r.last+1]
	if guess == noAttribute || r.spelling[guess] != string(name) {
		number, known := r.numbers[string(name)]
		if !known {
			var err error
			if number, err = r.learn(string(name)); err != nil {
				return err
			}
		}
		r.after[r.last+1], guess = number, number
		r.spelling[number] = string(name)
	}
	r.last, r.open = guess, true
	r.of = r.names.roles[guess]
	r.repeated = r.repeated || r.seen[guess] == r.serial
	r.seen[guess] = r.serial
	r.record = appendUint(r.record, guess)
	return nil
}

// learn gives a name that was not met before its number.
func (r *recorder) learn(name string) (int, error) {
	if name == "" {
		return 0, errors.New("it has an attribute without a name")
	}
	lower := strings.ToLower(name)
	number := r.names.number(lower)
	if number == noNumber {
		more, err := r.names.with(lower)
		if err != nil {
			return 0, err
		}
		r.names = more
		r.grow()
		number = more.number(lower)
	}
	r.numbers[name] = number
	return number, nil
}

// value adds a value to the attribute at hand.
func (r *recorder) value(v []byte) {
	r.record = appendUint(r.record, len(v)+1)
	start := len(r.record)
	r.record = append(r.record, v...)
	if r.of.hasChecked() {
		r.note(start)
	}
}

// note keeps where a value stands that is to be checked.
func (r *recorder) note(start int) {
	if r.of.has(roleClass) {
		r.noteClass(r.record[start:])
	}
	for one := roleDeleted; one < checkedRoles; one++ {
		if r.of.has(one) && r.found[one].start == 0 {
			r.found[one] = span{start, len(r.record)}
		}
	}
}

// noteClass looks up a value of objectClass, whose order and case are not
// fixed.
func (r *recorder) noteClass(value []byte) {
	for i, class := range r.names.profile.Classes {
		if r.class != 0 && r.class <= i {
			return
		}
		if len(class.Name) == len(value) && strings.EqualFold(class.Name, string(value)) {
			r.class = i + 1
		}
	}
}

// close ends the attribute at hand.
func (r *recorder) close() {
	if r.open {
		r.record = append(r.record, 0)
	}
}

// end checks the entry at hand and returns its record, which lies in the same
// chunk as those before it, if there is room.
func (r *recorder) end() (string, error) {
	r.close()
	if err := r.check(); err != nil {
		return "", &entryError{r.dn(), err}
	}
	r.record[classAt] = byte(r.class)
	record := r.record
	if r.repeated {
		record = r.merged()
	}
	r.makeRoom(len(record))
	at := r.chunk.Len()
	r.chunk.Write(record)
	return r.chunk.String()[at:], nil
}

// The sizes of chunks: small for a read that finds little.
const firstChunk, chunkSize = 4 << 10, 256 << 10

func (r *recorder) makeRoom(size int) {
	if r.chunk.Cap()-r.chunk.Len() >= size {
		return
	}
	next := max(firstChunk, size, min(4*r.chunk.Cap(), chunkSize))
	r.chunk = strings.Builder{}
	r.chunk.Grow(next)
}

var errNoName = errors.New("it has no name")

// check says what is wrong with the entry at hand and sets its flags. A leftover
// of a deletion need not be a recipient any more.
func (r *recorder) check() error {
	if err := r.checkName(); err != nil {
		return err
	}
	deleted, err := r.boolean(roleDeleted)
	if err != nil {
		return err
	}
	if deleted {
		r.record[flagsAt] |= flagDeleted
	} else if err := r.checkLiving(); err != nil {
		return err
	}
	if err := r.integer(roleUSNChanged); err != nil {
		return err
	}
	return r.integer(roleUSNCreated)
}

func (r *recorder) checkName() error {
	if r.record[flagsAt]&flagPlainDN != 0 {
		return nil
	}
	normal, err := NormalizeDN(r.dn())
	if err == nil && normal == "" {
		return errNoName
	}
	return err
}

// checkLiving checks what only an entry that is not deleted must have.
func (r *recorder) checkLiving() error {
	if r.names.shared {
		r.parted()
	}
	if r.class == 0 {
		values := Entry{string(r.record), r.names}.Values("objectClass")
		return fmt.Errorf("its objectClass %q is that of no recipient", values)
	}
	hidden, err := r.boolean(roleHidden)
	if err != nil {
		return err
	}
	if hidden {
		r.record[flagsAt] |= flagHidden
	}
	return r.integer(roleTrustLevel)
}

// parted makes a custom recipient without a target address what else has its
// objectClass.
func (r *recorder) parted() {
	profile := r.names.profile
	if r.class == 0 || profile.Classes[r.class-1].Class != CustomRecipient ||
		profile.target(Entry{string(r.record), r.names}.Values(profile.Fields.Target)) != "" {
		return
	}
	name := profile.Classes[r.class-1].Name
	r.class = 1 + slices.IndexFunc(profile.Classes, func(c ObjectClass) bool {
		return c.Class != CustomRecipient && strings.EqualFold(c.Name, name)
	})
}

func (r *recorder) boolean(of role) (bool, error) {
	s := r.found[of]
	if s.start == 0 {
		return false, nil
	}
	return boolean(r.names.spelling[of], string(r.record[s.start:s.end]))
}

func (r *recorder) integer(of role) error {
	s := r.found[of]
	value := r.record[s.start:s.end]
	const short = 18 // digits that surely fit
	if s.start == 0 || len(value) > 0 && len(value) <= short && !slices.ContainsFunc(value, func(c byte) bool { return c < '0' || c > '9' }) {
		return nil
	}
	_, err := integer(r.names.spelling[of], string(value), 0)
	return err
}

// dn is the name of the entry at hand.
func (r *recorder) dn() string {
	c := cursor{string(r.record[:r.nameEnd]), nameAt}
	return c.text()
}

// merged is the record at hand with all values of an attribute that came more
// than once in one place.
func (r *recorder) merged() []byte {
	e := Entry{string(r.record), r.names}
	head := e.start().at
	var order []int
	values := map[int][]string{}
	for number, of := range e.attributes() {
		if _, again := values[number]; !again {
			order = append(order, number)
		}
		values[number] = of.values(values[number])
	}
	merged := []byte(e.record[:head])
	for _, number := range order {
		merged = appendAttribute(merged, number, values[number])
	}
	return merged
}

// appendAttribute appends an attribute as it stands in a record.
func appendAttribute(to []byte, number int, values []string) []byte {
	to = appendUint(to, number)
	for _, value := range values {
		to = append(appendUint(to, len(value)+1), value...)
	}
	return append(to, 0)
}

// appendUint appends a number as cursor reads it.
func appendUint(to []byte, n int) []byte {
	for n >= 0x80 {
		to = append(to, byte(n)|0x80)
		n >>= 7
	}
	return append(to, byte(n))
}
