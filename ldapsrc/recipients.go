package ldapsrc

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
)

// Recipients are what one read found, leftovers of deletions left out: one
// entry for a name, sorted by the normal form of their names. They do not
// change. The zero value and nil hold nothing.
type Recipients struct{ entries []Entry }

// Len returns how many there are.
func (r *Recipients) Len() int {
	if r == nil {
		return 0
	}
	return len(r.entries)
}

// All are the entries in the order of their names.
func (r *Recipients) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range r.Len() {
			if !yield(r.entries[i]) {
				return
			}
		}
	}
}

// Find returns the entry with that name, however it is written.
func (r *Recipients) Find(dn string) (Entry, bool) {
	key, err := NormalizeDN(dn)
	if err != nil || r == nil {
		return Entry{}, false
	}
	at, found := r.search(key)
	if !found {
		return Entry{}, false
	}
	return r.entries[at], true
}

// find returns the entry that has the name of another one.
func (r *Recipients) find(e Entry) (Entry, bool) {
	if r == nil {
		return Entry{}, false
	}
	at, found := r.search(e.normal())
	if !found {
		return Entry{}, false
	}
	return r.entries[at], true
}

func (r *Recipients) search(key string) (int, bool) {
	return slices.BinarySearchFunc(r.entries, key, func(e Entry, key string) int { return compareFold(e.normal(), key) })
}

// Read reads all recipients below base (and base itself, if it is one), as
// Entries does. Leftovers of deletions are left out. The mark is for Changes.
func (c *Conn) Read(ctx context.Context, base string) (*Recipients, Mark, error) {
	mark, err := c.markBefore(ctx, base)
	if err != nil {
		return nil, Mark{}, err
	}
	var blocks []block
	err = c.server.repeat(ctx, func() error {
		blocks = nil
		return c.eachBlock(ctx, base, 0, func(b block) bool {
			blocks = append(blocks, b)
			return true
		})
	})
	if err != nil {
		return nil, Mark{}, err
	}
	mark.USN = highest(blocks)
	r, err := gather(blocks)
	if err != nil {
		return nil, Mark{}, c.readError(base, err)
	}
	return r, mark, nil
}

// highest is the highest change number of all entries; 0 when one has none: then
// nobody gives numbers to all changes.
func highest(blocks []block) (usn int64) {
	for _, b := range blocks {
		for _, record := range b.records {
			one := Entry{record, b.names}.USNChanged()
			if one == 0 {
				return 0
			}
			usn = max(usn, one)
		}
	}
	return usn
}

// markBefore is what is to be known of a server before all is read.
func (c *Conn) markBefore(ctx context.Context, base string) (mark Mark, err error) {
	switch c.server.Profile.Changes {
	case USNChanges:
		return c.baseMark(ctx, base)
	case SyncreplChanges:
		return c.syncMark(ctx, base)
	case NoChanges:
	}
	return Mark{Server: c.URL(), Base: base}, nil
}

// gather makes a set of what was read.
func gather(blocks []block) (*Recipients, error) {
	n := 0
	for _, b := range blocks {
		n += len(b.records)
	}
	entries := make([]Entry, 0, n)
	for _, b := range blocks {
		for _, record := range b.records {
			if e := (Entry{record, b.names}); !e.Deleted() {
				entries = append(entries, e)
			}
		}
	}
	return setOf(entries)
}

// setOf makes a set of entries of which no two have the same name.
func setOf(entries []Entry) (*Recipients, error) {
	entries = sorted(entries)
	for i := 1; i < len(entries); i++ {
		if a, b := entries[i-1], entries[i]; compareFold(a.normal(), b.normal()) == 0 {
			return nil, &entryError{b.DN(), fmt.Errorf("%w, also as %s", errTwice, quote(a.DN()))}
		}
	}
	return &Recipients{entries}, nil
}

// sorted returns the entries in the order of their names.
func sorted(entries []Entry) []Entry {
	byName := func(a, b Entry) int { return compareFold(a.normal(), b.normal()) }
	if slices.IsSortedFunc(entries, byName) {
		return entries
	}
	// Names mostly differ in the bytes after what all begin with ("cn="), which
	// are compared as one number.
	type place struct {
		prefix uint64
		at     uint32
	}
	common := commonPrefix(entries)
	places := make([]place, len(entries))
	for i, e := range entries {
		places[i] = place{prefixAt(e.normal(), common), uint32(i)}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		// Entries that have the same name stay in the order in which they came.
		return cmp.Or(byName(entries[a.at], entries[b.at]), cmp.Compare(a.at, b.at))
	})
	inOrder := make([]Entry, len(entries))
	for i, p := range places {
		inOrder[i] = entries[p.at]
	}
	return inOrder
}

// commonPrefix is the number of bytes with which all names begin.
func commonPrefix(entries []Entry) int {
	first := entries[0].normal()
	common := len(first)
	for _, e := range entries {
		name := e.normal()
		common = min(common, len(name))
		for i := range common {
			if lowerByte[name[i]] != lowerByte[first[i]] {
				common = i
				break
			}
		}
	}
	return common
}

// prefixAt is the number that eight bytes of a name are, those after its end
// being 0.
func prefixAt(name string, at int) uint64 {
	var b [8]byte
	copy(b[:], name[at:])
	for i, c := range b {
		b[i] = lowerByte[c]
	}
	return binary.BigEndian.Uint64(b[:])
}
