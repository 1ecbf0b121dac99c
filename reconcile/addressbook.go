package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// addressBook knows which entry holds which address, alias and DN. LDAP checks
// none but the last, so the plan has to (documented: K303028).
type addressBook struct {
	holders map[string][]string // address, alias or DN key -> DNs that hold it
	freed   map[string][]string // the same, for what this plan takes from an entry
	held    map[string]int      // first proposal of an alias -> how many proposals in a row are held

	remarks map[string]string // what to say of a holder, by its DN

	normalDN func(string) string
}

func newAddressBook(normalDN func(string) string) *addressBook {
	return &addressBook{
		holders: map[string][]string{}, freed: map[string][]string{}, held: map[string]int{},
		remarks: map[string]string{}, normalDN: normalDN,
	}
}

// addresses returns the keys of all addresses of a recipient, each once.
func addresses(r Recipient) []string {
	var keys []string
	if r.Target != "" {
		keys = append(keys, "address:"+Fold(r.Target))
	}
	for _, p := range r.Proxies {
		keys = append(keys, "address:"+Fold(p.Type+":"+p.Address))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func aliasKey(alias string) string { return "alias:" + Fold(alias) }

func (b *addressBook) dnKey(dn string) string { return "dn:" + b.normalDN(dn) }

func (b *addressBook) keys(r Recipient) []string {
	keys := append(addresses(r), b.dnKey(r.DN))
	if r.Alias != "" {
		keys = append(keys, aliasKey(r.Alias))
	}
	return keys
}

func (b *addressBook) enter(r Recipient) {
	for _, key := range b.keys(r) {
		b.holders[key] = append(b.holders[key], r.DN)
	}
}

func (b *addressBook) leave(r Recipient) {
	for _, key := range b.keys(r) {
		b.holders[key] = slices.DeleteFunc(b.holders[key], func(dn string) bool { return dn == r.DN })
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
	others := slices.DeleteFunc(slices.Clone(b.holders[key]), func(dn string) bool { return dn == self })
	if len(others) == 0 {
		return "", false
	}
	return slices.Min(others), true
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
func (b *addressBook) freeNames(w WantedRecipient) (names Names, holder, problem string) {
	previous := Names{}
	first := aliasKey(w.Names(1).Alias)
	for n := b.held[first] + 1; n <= maxNames; n++ {
		names = w.Names(n)
		_, aliasHeld := b.heldBy(aliasKey(names.Alias), "")
		if aliasHeld && n == b.held[first]+1 {
			b.held[first] = n
		}
		holder, problem = b.holder(addresses(Recipient{Proxies: names.Proxies}), "")
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
