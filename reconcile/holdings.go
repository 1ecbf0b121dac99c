package reconcile

import (
	"slices"
	"strings"
)

// holding is a recipient that a wanted entry may find to be its own.
type holding struct {
	*Recipient
	claimed bool // a step speaks of it
}

// holdings are recipients of ours and how they are found.
type holdings struct {
	all     []holding
	byKey   index // by folded key
	keyless index // without a key, by folded target
	edited  index // the same, by folded target without its post office
}

func newHoldings(ours []*Recipient) holdings {
	h := holdings{all: make([]holding, len(ours)), byKey: newIndex(len(ours))}
	for i, r := range ours {
		h.all[i].Recipient = r
		if r.Key != "" {
			h.byKey.put(Fold(r.Key), &h.all[i])
			continue
		}
		h.keyless.put(Fold(r.Target), &h.all[i])
		title, _ := splitAddress(r.Target)
		h.edited.put(Fold(title), &h.all[i])
	}
	return h
}

func unclaimed(all []holding) []*holding {
	var free []*holding
	for i := range all {
		if !all[i].claimed {
			free = append(free, &all[i])
		}
	}
	return free
}

// index finds holdings by a text that few of them have in common.
type index struct {
	first map[string]*holding
	more  map[string][]*holding // where there are several
}

func newIndex(size int) index { return index{first: make(map[string]*holding, size)} }

// put adds a holding, unless its text is empty.
func (x *index) put(text string, h *holding) {
	if text == "" {
		return
	}
	if x.first == nil {
		*x = newIndex(0)
	}
	if _, there := x.first[text]; !there {
		x.first[text] = h
		return
	}
	if x.more == nil {
		x.more = map[string][]*holding{}
	}
	x.more[text] = append(x.more[text], h)
}

// all returns the holdings of a text, by DN.
func (x *index) all(text string) []*holding {
	first, there := x.first[text]
	if !there {
		return nil
	}
	all := append([]*holding{first}, x.more[text]...)
	slices.SortFunc(all, func(a, b *holding) int { return byDN(a.Recipient, b.Recipient) })
	return all
}

// free returns the first holding of a text that no step speaks of, nil when
// there is none.
func (x *index) free(text string) *holding {
	if len(x.more[text]) > 0 {
		return firstFree(x.all(text))
	}
	if h := x.first[text]; h != nil && !h.claimed {
		return h
	}
	return nil
}

func firstFree(all []*holding) *holding {
	for _, h := range all {
		if !h.claimed {
			return h
		}
	}
	return nil
}

func byDN(a, b *Recipient) int { return strings.Compare(Fold(a.DN), Fold(b.DN)) }

// way is one of the ways in which wanted entries find the recipients that are
// theirs.
type way struct {
	among index
	by    func(*Recipient) string
}

func wantedKey(w *Recipient) string    { return w.Key }
func wantedTarget(w *Recipient) string { return Fold(w.Target) }

// adoptedTarget is the target by which one to adopt is found. None is for a
// group: it would have to be deleted.
func adoptedTarget(w *Recipient) string {
	if w.Group {
		return ""
	}
	return wantedTarget(w)
}

// ways are those in which the holdings are found, the surest first.
func (h *holdings) ways() []way {
	return []way{{h.byKey, wantedKey}, {h.keyless, wantedTarget}, {h.edited, wantedTarget}}
}

// match tells what is found for each wanted entry, and returns those for which
// nothing is.
func (x way) match(wanted []*WantedRecipient, found func(*WantedRecipient, *Recipient)) (missing []*WantedRecipient) {
	if len(x.among.first) == 0 {
		return wanted
	}
	for _, w := range wanted {
		if h := x.among.free(x.by(&w.Recipient)); h != nil {
			h.claimed = true
			found(w, h.Recipient)
		} else {
			missing = append(missing, w)
		}
	}
	return missing
}
