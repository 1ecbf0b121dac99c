package ldapsrc

// dnSet remembers the names of entries by a hash of 64 bits: the chance that two
// of a million names have the same one is 1 in 30 million.
type dnSet struct {
	slots []uint64 // 0 is a free one; at most half of them are taken
	n     int
}

func newDNSet() *dnSet { return &dnSet{slots: make([]uint64, 1<<8)} }

// add says whether the name of the entry was there already.
func (s *dnSet) add(e Entry) bool {
	if 2*s.n >= len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, 2*len(old))
		for _, hash := range old {
			if hash != 0 {
				*s.slot(hash) = hash
			}
		}
	}
	hash := hashFold(e.normal())
	slot := s.slot(hash)
	if *slot == hash {
		return true
	}
	*slot = hash
	s.n++
	return false
}

// slot is where the hash is, or where it belongs.
func (s *dnSet) slot(hash uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	at := hash & mask
	for s.slots[at] != 0 && s.slots[at] != hash {
		at = (at + 1) & mask
	}
	return &s.slots[at]
}

// hashFold is FNV-1a over a text with its ASCII letters in lower case; never 0.
func hashFold(text string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	hash := uint64(offset)
	for i := range len(text) {
		hash = (hash ^ uint64(lowerByte[text[i]])) * prime
	}
	return max(hash, 1)
}
