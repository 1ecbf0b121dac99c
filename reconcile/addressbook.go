package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// addressBook knows which entry holds which address, alias and DN. LDAP checks
// none but the last, so the plan has to (documented: K303028).
//
// Most plans never ask, or ask for a few of the many names that a directory has,
// so the entries that were read are entered when somebody asks first, and found
// by hashes of their names, which are compared only where the hashes are equal.
type addressBook struct {
	unread   func(*addressBook)  // enters what was read; nil when it has done so
	holders  []*Recipient        // all that have been entered
	slots    []slot              // a hash table; its length is a power of two
	used     int                 // slots that are taken
	entries  []bookEntry         // what the slots begin
	freed    map[string][]string // address, alias or DN key -> DNs of the entries that this plan takes it from
	held     map[string]int      // first proposal of an alias -> how many proposals in a row are held
	remarks  map[string]string   // what to say of a holder, by its DN
	normalDN func(string) string
	folded   []byte // room to fold in
}

// slot is where the entries of one hash begin.
type slot struct {
	hash  uint32
	first int32 // place among the entries, from 1 on; 0 when the slot is free
}

// bookEntry says that a holder may hold the names of a hash.
type bookEntry struct {
	holder int32 // its place, from 0 on; -1 where it left
	next   int32 // entry of the same hash, as in a slot
}

// newAddressBook makes a book of the entries that unread enters; nil when there
// are none.
func newAddressBook(normalDN func(string) string, unread func(*addressBook)) *addressBook {
	return &addressBook{
		unread: unread, slots: make([]slot, 1<<6), freed: map[string][]string{}, held: map[string]int{},
		remarks: map[string]string{}, normalDN: normalDN,
	}
}

// read enters what was read, once.
func (b *addressBook) read() {
	if unread := b.unread; unread != nil {
		b.unread = nil
		unread(b)
	}
}

// The beginnings of keys.
const (
	addressMark = "address:"
	aliasMark   = "alias:"
	dnMark      = "dn:"
)

// addresses returns the keys of all addresses of a recipient, each once.
func addresses(r *Recipient) []string {
	keys := make([]string, 0, len(r.Proxies)+1)
	if r.Target != "" {
		keys = append(keys, addressMark+Fold(r.Target))
	}
	for _, p := range r.Proxies {
		keys = append(keys, addressMark+Fold(p.Type+":"+p.Address))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func aliasKey(alias string) string { return aliasMark + Fold(alias) }

func (b *addressBook) dnKey(dn string) string { return dnMark + b.normalDN(dn) }

func (b *addressBook) keys(r *Recipient) []string {
	keys := append(addresses(r), b.dnKey(r.DN))
	if r.Alias != "" {
		keys = append(keys, aliasKey(r.Alias))
	}
	return keys
}

func (b *addressBook) enter(r *Recipient) {
	b.read()
	b.holders = append(b.holders, r)
	holder := int32(len(b.holders) - 1)
	if r.Target != "" {
		b.put(b.hashFolded(addressMark, r.Target, ""), holder)
	}
	for _, p := range r.Proxies {
		b.put(b.hashFolded(addressMark, p.Type+":", p.Address), holder)
	}
	if r.Alias != "" {
		b.put(b.hashFolded(aliasMark, r.Alias, ""), holder)
	}
	b.put(hashOf(dnMark, b.normalDN(r.DN)), holder)
}

// hashFolded is the hash of the key that begins with the mark and goes on with
// the folded text, made without making the key.
func (b *addressBook) hashFolded(mark, text, more string) uint32 {
	b.folded = append(append(b.folded[:0], text...), more...)
	for i, c := range b.folded {
		switch {
		case c >= 0x80, i == 0 && c <= ' ', i == len(b.folded)-1 && c <= ' ':
			return hashOf(mark, Fold(text+more))
		case c >= 'A' && c <= 'Z':
			b.folded[i] = c + 'a' - 'A'
		}
	}
	return hashOf(mark, b.folded)
}

// hashOf is that of FNV-1a, of both texts together.
func hashOf[T string | []byte](mark string, text T) uint32 {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for i := range len(mark) {
		h = (h ^ uint32(mark[i])) * prime
	}
	for i := range len(text) {
		h = (h ^ uint32(text[i])) * prime
	}
	return h
}

// put notes that an entry holds the names of a hash.
func (b *addressBook) put(h uint32, holder int32) {
	s := b.slot(h)
	if s.first == 0 {
		b.used++
	} else if b.entries[s.first-1].holder == holder {
		return // the target is one of the proxies
	}
	b.entries = append(b.entries, bookEntry{holder, s.first})
	*s = slot{h, int32(len(b.entries))}
	if 3*b.used < 2*len(b.slots) {
		return
	}
	old := b.slots
	b.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.first != 0 {
			*b.slot(s.hash) = s
		}
	}
}

// slot finds that of a hash, or a free one for it. At least every third is free.
func (b *addressBook) slot(h uint32) *slot {
	for i := int(h); ; i++ {
		if s := &b.slots[i&(len(b.slots)-1)]; s.first == 0 || s.hash == h {
			return s
		}
	}
}

// eachHolder calls do for every entry that holds the key. Where do returns
// false the entry does not hold it any more.
func (b *addressBook) eachHolder(key string, do func(*Recipient) bool) {
	b.read()
	for i := b.slot(hashOf("", key)).first; i != 0; i = b.entries[i-1].next {
		e := &b.entries[i-1]
		if e.holder < 0 {
			continue
		}
		if r := b.holders[e.holder]; b.holds(r, key) && !do(r) {
			e.holder = -1
		}
	}
}

// holds compares the names of an entry with a key of which it has the hash.
func (b *addressBook) holds(r *Recipient, key string) bool {
	switch {
	case strings.HasPrefix(key, dnMark):
		return b.dnKey(r.DN) == key
	case strings.HasPrefix(key, aliasMark):
		return r.Alias != "" && aliasKey(r.Alias) == key
	default:
		return slices.Contains(addresses(r), key)
	}
}

func (b *addressBook) leave(r *Recipient) {
	for _, key := range b.keys(r) {
		b.eachHolder(key, func(holder *Recipient) bool { return holder.DN != r.DN })
		b.freed[key] = append(b.freed[key], r.DN)
	}
	clear(b.held) // its alias may be free now
}

// holder finds an entry other than self that holds one of the keys, which is
// the problem; there is none when no entry does.
func (b *addressBook) holder(keys []string, self string) (dn, problem string) {
	for _, key := range keys {
		if dn, held := b.heldBy(key, self); held {
			what, name, _ := strings.Cut(key, ":")
			return dn, fmt.Sprintf("the %s %q is held by %s%s", what, name, dn, b.remarks[dn])
		}
	}
	return "", ""
}

// heldBy returns the first entry other than self that holds the key.
func (b *addressBook) heldBy(key, self string) (dn string, held bool) {
	b.eachHolder(key, func(r *Recipient) bool {
		if r.DN != self && (!held || r.DN < dn) {
			dn, held = r.DN, true
		}
		return true
	})
	return dn, held
}

// needs returns the entries that this plan takes one of the keys from.
func (b *addressBook) needs(keys []string, self string) []string {
	var dns []string
	for _, key := range keys {
		for _, dn := range b.freed[key] {
			if dn != self {
				dns = append(dns, dn)
			}
		}
	}
	slices.Sort(dns)
	return slices.Compact(dns)
}

// maxNames bounds the search for a free alias: far more than one name can have
// rivals, and a template that does not vary ends it sooner.
const maxNames = 10_000

// freeNames returns the first proposal whose alias and addresses are free. What
// was found held stays so until an entry leaves, so that many people of one
// name need not be counted again for each.
func (b *addressBook) freeNames(w *WantedRecipient) (names Names, holder, problem string) {
	previous, proposed := Names{}, w.Names(&w.Recipient, 1)
	first := aliasKey(proposed.Alias)
	for n := b.held[first] + 1; n <= maxNames; n++ {
		if names = proposed; n > 1 {
			names = w.Names(&w.Recipient, n)
		}
		_, aliasHeld := b.heldBy(aliasKey(names.Alias), "")
		if aliasHeld && n == b.held[first]+1 {
			b.held[first] = n
		}
		holder, problem = b.holder(addresses(&Recipient{Proxies: names.Proxies}), "")
		if !aliasHeld && problem == "" {
			return names, "", ""
		}
		if problem != "" && slices.Equal(previous.Proxies, names.Proxies) {
			return Names{}, holder, problem + "; its addresses do not vary with the alias"
		}
		previous = names
	}
	return Names{}, "", fmt.Sprintf("no free alias in %d tries", maxNames)
}
