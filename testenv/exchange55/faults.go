package exchange55

import (
	"sync"
)

// Faults are what goes wrong with a directory from now on, for tests. The
// zero value is a directory in good health.
type Faults struct {
	// Busy answers the next so many writes of an entry, by DN in any spelling,
	// with busy (51), as a server does after a restore (documented: K201414).
	Busy map[string]int
	// DropAfter closes the connection in the middle of the next search that
	// returns more than so many entries, after that many; 0 is never.
	DropAfter int
	// Conceal answers searches with one of these bases with success and no
	// entries, as a permission does that hides what is below.
	Conceal []string
	// Nothing answers every search with success and no entries.
	Nothing bool
	// Hide keeps these entries out of every search, as a permission does that
	// covers single entries.
	Hide []string
	// CutAt closes the connection at the so manyth request from now on, whoever
	// sends it, binds included; 0 is never. Nobody is answered, and the request
	// is not carried out unless CutLate is set.
	CutAt   int
	CutLate bool
	// AnyAsInitial treats the "any" parts of substring filters as "initial",
	// one of the settings of a site (documented: xog16007, K176743).
	AnyAsInitial bool
}

// SetFaults replaces the faults. Names that cannot be read never match.
func (d *Directory) SetFaults(f Faults) {
	d.faults.mu.Lock()
	defer d.faults.mu.Unlock()
	d.faults.left = map[string]int{}
	for dn, times := range f.Busy {
		d.faults.left[keyOf(dn)] += times
	}
	d.faults.concealed = map[string]bool{}
	for _, base := range f.Conceal {
		d.faults.concealed[keyOf(base)] = true
	}
	d.faults.hidden = map[string]bool{}
	for _, dn := range f.Hide {
		d.faults.hidden[keyOf(dn)] = true
	}
	d.faults.nothing, d.faults.cutAt, d.faults.cutLate = f.Nothing, f.CutAt, f.CutLate
	d.faults.dropAfter, d.faults.anyAsInitial = f.DropAfter, f.AnyAsInitial
}

// faultState is what is left of the faults.
type faultState struct {
	mu           sync.Mutex
	left         map[string]int  // busy answers by key
	concealed    map[string]bool // bases by key
	hidden       map[string]bool // entries by key; replaced, never changed
	nothing      bool
	cutAt        int // requests until the cut, that one included
	cutLate      bool
	dropAfter    int
	anyAsInitial bool
}

// searchEffect is what the faults do to one search.
type searchEffect struct {
	concealed, anyAsInitial bool
	hidden                  map[string]bool
}

func (f *faultState) onSearch(base string) searchEffect {
	f.mu.Lock()
	defer f.mu.Unlock()
	return searchEffect{concealed: f.nothing || f.concealed[keyOf(base)], anyAsInitial: f.anyAsInitial, hidden: f.hidden}
}

// moment is when a connection is cut.
type moment int

const (
	never moment = iota
	beforeWork
	afterWork
)

// cut counts a request and says whether the connection is closed at it.
func (f *faultState) cut() moment {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cutAt == 0 {
		return never
	}
	f.cutAt--
	switch {
	case f.cutAt > 0:
		return never
	case f.cutLate:
		return afterWork
	default:
		return beforeWork
	}
}

// dropWithin decides whether an answer of so many entries is cut, and after
// how many; -1 is not at all.
func (f *faultState) dropWithin(entries int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dropAfter == 0 || entries <= f.dropAfter {
		return -1
	}
	after := f.dropAfter
	f.dropAfter = 0
	return after
}

func (f *faultState) busy(dn string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := keyOf(dn)
	if f.left[key] == 0 {
		return false
	}
	f.left[key]--
	return true
}

func keyOf(dn string) string {
	n, err := parseName(dn)
	if err != nil {
		return "\x00" + dn // no name has this key
	}
	return n.key()
}
