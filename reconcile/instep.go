package reconcile

import (
	"fmt"
	"slices"
	"strings"
)

// inStep returns the recipient as it ought to be and why it differs from what
// is there. Names are set on creation only; what is kept in step are the
// target with its cc:Mail addresses, the notes, the key and the mark. A value
// of somebody else's where the key would be stays.
func inStep(p pair, owner string) (after Recipient, reasons []string) {
	after = p.before
	after.Kind = p.want.Kind
	if p.adopt {
		reasons = append(reasons, "adopted: it has the exact address and nobody's mark")
	} else if p.before.Key == "" && !p.before.KeyTaken {
		reasons = append(reasons, "the link to its cc:Mail entry was missing")
	}
	after.Owner = owner
	if !p.before.KeyTaken {
		after.Key = p.want.Key
	}
	if !editedByHand(p) {
		reasons = append(reasons, inStepAddresses(p, &after)...)
	}
	if notes := strings.TrimSpace(p.want.Notes); strings.TrimSpace(p.before.Notes) != notes {
		after.Notes = notes
		reasons = append(reasons, "comment changed in cc:Mail")
	}
	return after, reasons
}

// editedByHand reports whether an administrator gave a board's target a post
// office by hand, to reach the board's home post office. Such an edit stays
// (RN 2.6.7).
func editedByHand(p pair) bool {
	prefix := Fold(p.want.Target) + " at "
	return p.want.Kind == Board && strings.HasPrefix(Fold(p.before.Target), prefix)
}

func inStepAddresses(p pair, after *Recipient) (reasons []string) {
	if Fold(p.before.Target) != Fold(p.want.Target) {
		after.Target = p.want.Target
		if moved(p) {
			reasons = append(reasons, moveReason(p))
		} else {
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
			return sameProxy(b, w) || Fold(b.Address) == Fold(p.formerAddress(w))
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
	return a.Type == b.Type && Fold(a.Address) == Fold(b.Address)
}
