package ldapsrc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// displayName is the least value that is not the directory name; else the
// least. A server other than Exchange adds the directory name to cn, because it
// is the naming attribute.
func displayName(values cursor, directoryName string) string {
	var least, best string
	some, found := false, false
	for v, more := values.value(); more; v, more = values.value() {
		if !some || v < least {
			some, least = true, v
		}
		if (!found || v < best) && !equalFold(v, directoryName) {
			found, best = true, v
		}
	}
	if found {
		return best
	}
	return least
}

// allProxies puts the e-mail addresses together: the primary SMTP and X.400
// addresses first, then the others in order, each address once. Those two are
// primary only where they have an attribute of their own; among the others they
// may be repeated (sources differ on it).
func allProxies(first *[roleCount]string, others cursor) []Proxy {
	var room [8]string
	values := others.values(room[:0])
	slices.Sort(values) // upper case sorts first, and with it the primary addresses
	all := make([]Proxy, 0, len(values)+2)
	for _, primary := range []struct {
		typ string
		of  role
	}{{"SMTP", roleSMTP}, {"SMTP", roleSMTPSynonym}, {"X400", roleX400}} {
		if address := first[primary.of]; address != "" {
			all = append(all, Proxy{Type: primary.typ, Address: address, Primary: true})
		}
	}
	for _, value := range values {
		if proxy, ok := parseProxy(value); ok {
			proxy.Primary = proxy.Primary && !hasOwnAttribute(proxy.Type)
			all = append(all, proxy)
		}
	}
	return distinct(all)
}

// hasOwnAttribute says whether the primary address of that type is an attribute
// of its own.
func hasOwnAttribute(typ string) bool { return typ == "SMTP" || typ == "X400" }

// distinct leaves out addresses that came before, whatever their case. Nearly
// all recipients have a few, for which a look at each is cheaper than a set.
func distinct(proxies []Proxy) []Proxy {
	const few = 16
	if len(proxies) == 0 {
		return nil
	}
	var seen map[Proxy]bool
	if len(proxies) > few {
		seen = map[Proxy]bool{}
	}
	once := proxies[:0]
	for _, p := range proxies {
		if seen != nil {
			key := Proxy{Type: p.Type, Address: fold(p.Address)}
			if seen[key] {
				continue
			}
			seen[key] = true
		} else if slices.ContainsFunc(once, func(q Proxy) bool { return p.Type == q.Type && equalFold(p.Address, q.Address) }) {
			continue
		}
		once = append(once, p)
	}
	return once
}

// parseProxy reads a value TYPE$address. A type in upper case marks a primary
// address (documented: K263520).
func parseProxy(value string) (Proxy, bool) {
	typ, address, found := strings.Cut(value, "$")
	upper, known := usualTypes[typ]
	if !known {
		upper = strings.ToUpper(typ)
	}
	if !found || !isAddressType(upper) || address == "" {
		return Proxy{}, false
	}
	return Proxy{Type: upper, Address: address, Primary: typ == upper}, true
}

// usualTypes are the types of most secondary addresses in upper case, so that
// their text is made once.
var usualTypes = map[string]string{"smtp": "SMTP", "x400": "X400", "ccmail": "CCMAIL", "ms": "MS", "x500": "X500", "notes": "NOTES"}

// maxAddressType is the greatest length of a type of addresses (documented:
// K184532 on import files). Longer ones are read but not written.
const maxAddressType = 8

// isAddressType says whether typ can be a type of e-mail addresses.
func isAddressType(typ string) bool {
	return typ != "" && !strings.ContainsFunc(typ, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '$' || r == ':'
	})
}

func isTrue(value string) bool { return strings.EqualFold(value, "TRUE") }

// boolean reads TRUE, FALSE, or nothing, which is FALSE.
func boolean(name, value string) (bool, error) {
	if value != "" && !isTrue(value) && !strings.EqualFold(value, "FALSE") {
		return false, fmt.Errorf("%s %q is neither TRUE nor FALSE", name, value)
	}
	return isTrue(value), nil
}

func integer(name, value string, absent int64) (int64, error) {
	if value == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a number", name, value)
	}
	return n, nil
}
