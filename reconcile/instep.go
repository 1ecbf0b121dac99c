package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// inStep makes the recipient as it ought to be and says why it differs from what
// is there. Names are set on creation only; what is kept in step are the
// target with its cc:Mail addresses, the notes, the key and the mark. A value
// of somebody else's where the key would be stays. It is shown again when it
// was hidden because nothing wanted it.
func (c *container) inStep(p pair, after *Recipient) (reasons []string) {
	*after = *p.before
	after.Kind = p.want.Kind
	if !p.adopt && !same(p.before.Owner, c.Owner) {
		reasons = append(reasons, "taken over from connector "+p.before.Owner)
	}
	if p.adopt {
		reasons = append(reasons, "adopted: it has the exact address and nobody's mark")
	} else if p.before.Key == "" && !p.before.KeyTaken {
		reasons = append(reasons, "the link to its cc:Mail entry was missing")
	}
	after.Owner = c.Owner
	if !p.before.KeyTaken {
		after.Key = p.want.Key
	}
	if !editedByHand(p) {
		reasons = append(reasons, inStepAddresses(p, after)...)
	}
	if notes := strings.TrimSpace(p.want.Notes); strings.TrimSpace(p.before.Notes) != notes {
		after.Notes = notes
		reasons = append(reasons, "comment changed in cc:Mail")
	}
	if !c.hiddenByUs(p.before, p.want.Key).since.IsZero() {
		after.Hidden = false
		reasons = append(reasons, "wanted again: no longer hidden")
	}
	if len(c.Renew) > 0 && (c.Renew[p.want.Key] || c.Renew[Fold(p.before.DN)]) {
		reasons = append(reasons, c.renew(p, after)...)
	}
	return reasons
}

// renew puts everything in step as if the recipient were added now, and says
// what differs. An alias that it has stays, and with it the addresses made from
// that alias. Addresses that are not cc:Mail's survive, those that were primary
// as secondary ones.
func (c *container) renew(p pair, after *Recipient) []string {
	var differs []string
	set := func(what string, field *string, value string) {
		if *field != value {
			*field = value
			differs = append(differs, what)
		}
	}
	names := c.namesOf(p)
	set("display name", &after.DisplayName, p.want.DisplayName)
	set("first name", &after.GivenName, p.want.GivenName)
	set("last name", &after.Surname, p.want.Surname)
	set("initials", &after.Initials, p.want.Initials)
	set("alias", &after.Alias, names.Alias)
	set("notes", &after.Notes, p.want.Notes)
	set("target address", &after.Target, p.want.Target)
	if p.before.Owner != c.Owner && same(p.before.Owner, c.Owner) {
		differs = append(differs, "mark")
	}
	if after.Hidden {
		after.Hidden = false
		differs = append(differs, "hidden")
	}
	if Fold(p.before.Key) == p.want.Key && p.before.Key != p.want.Key {
		differs = append(differs, "key")
	}
	generated := slices.DeleteFunc(names.Proxies, func(generated Proxy) bool {
		holder, _ := c.book.holder(addresses(&Recipient{Proxies: []Proxy{generated}}), p.before.DN)
		return holder != ""
	})
	for _, w := range slices.Concat(p.want.Proxies, generated) {
		if !slices.Contains(after.Proxies, w) {
			after.Proxies = putProxy(after.Proxies, w)
			differs = append(differs, "address "+w.Type+":"+w.Address)
		}
	}
	if len(differs) == 0 {
		return nil
	}
	return []string{"put in step again: " + strings.Join(differs, ", ")}
}

// namesOf returns the alias of a pair's recipient and the addresses that go
// with it: those of the proposal that has its alias, the first that is free when
// it has none, and no address when the alias was given by hand.
func (c *container) namesOf(p pair) Names {
	if p.before.Alias == "" {
		c.book.leave(p.before) // its own addresses are free for it
		defer c.book.enter(p.before)
		names, _, _ := c.book.freeNames(p.want)
		return names
	}
	for n := 1; n <= maxNames; n++ {
		if names := p.want.Names(&p.want.Recipient, n); same(names.Alias, p.before.Alias) {
			return Names{Alias: p.before.Alias, Proxies: slices.Clone(names.Proxies)}
		}
	}
	return Names{Alias: p.before.Alias}
}

// putProxy puts an address among others in the place of its other spellings. A
// primary address that gives way stays as a secondary one, unless it is
// cc:Mail's.
func putProxy(proxies []Proxy, w Proxy) []Proxy {
	var rest []Proxy
	for _, p := range proxies {
		givesWay := w.Primary && p.Primary && p.Type == w.Type
		if sameProxy(p, w) || givesWay && p.Type == addressType {
			continue
		}
		p.Primary = p.Primary && !givesWay
		rest = append(rest, p)
	}
	return append(rest, w)
}

// editedByHand reports whether an administrator gave a board's target a post
// office by hand, to reach the board's home post office. Such an edit stays
// (RN 2.6.7).
func editedByHand(p pair) bool {
	return p.want.Kind == Board && strings.HasPrefix(Fold(p.before.Target), Fold(p.want.Target)+" at ")
}

func inStepAddresses(p pair, after *Recipient) (reasons []string) {
	if !same(p.before.Target, p.want.Target) {
		after.Target = p.want.Target
		switch {
		case moved(p):
			reasons = append(reasons, moveReason(p))
		case !p.want.Group: // which has none but its cc:Mail address
			reasons = append(reasons, fmt.Sprintf("target address differs: %q", p.before.Target))
		}
	}
	proxies := inStepProxies(p)
	if !slices.Equal(proxies, p.before.Proxies) {
		after.Proxies = proxies
		if len(reasons) == 0 {
			reasons = append(reasons, "cc:Mail address among its proxies differs")
		}
	}
	return reasons
}

// inStepProxies puts the wanted cc:Mail addresses in the place of those that
// stood for the old target; all other addresses survive.
func inStepProxies(p pair) []Proxy {
	isThere := func(w Proxy) bool {
		return slices.ContainsFunc(p.before.Proxies, func(b Proxy) bool { return sameProxy(b, w) && b.Primary == w.Primary })
	}
	if !slices.ContainsFunc(p.want.Proxies, func(w Proxy) bool { return !isThere(w) }) {
		return p.before.Proxies
	}
	replaced := func(b Proxy) bool {
		return b.Type == addressType && (b.Primary || slices.ContainsFunc(p.want.Proxies, func(w Proxy) bool {
			return sameProxy(b, w) || same(b.Address, p.formerAddress(w))
		}))
	}
	return append(slices.DeleteFunc(slices.Clone(p.before.Proxies), replaced), p.want.Proxies...)
}

// formerAddress is a wanted address as it was at the old target's post office.
func (p pair) formerAddress(w Proxy) string {
	name, _ := splitAddress(w.Address)
	_, formerly := splitAddress(p.before.Target)
	return name + " at " + formerly
}

func sameProxy(a, b Proxy) bool {
	return a.Type == b.Type && same(a.Address, b.Address)
}
