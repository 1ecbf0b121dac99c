package ldapsrc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// decodeFields fills the fields of a recipient. What can be wrong with them was
// checked when the entry was read.
func decodeFields(r *Recipient, f *fields, n *names) {
	r.DirectoryName, _ = DirectoryName(r.DN)
	trust, _ := integer("", f.first(roleTrustLevel), DefaultTrustLevel)
	r.TrustLevel = int(trust)
	r.USNChanged, _ = integer("", f.first(roleUSNChanged), 0)
	r.DisplayName = beside(f[roleDisplayName], r.DirectoryName)
	r.Alias = f.first(roleAlias)
	r.GivenName = f.first(roleGivenName)
	r.Surname = f.first(roleSurname)
	r.Initials = f.first(roleInitials)
	r.Target = f.first(roleTarget)
	r.Notes = f.first(roleNotes)
	r.ImportedFrom = f.first(roleImportedFrom)
	if n.profile.Proxies == SplitProxies {
		r.Proxies = n.profile.allProxies(f)
	}
	if r.Class == DistributionList {
		r.Members = f[roleMembers].values(nil)
	}
	if n.unlike {
		n.profile.ofProfile(r)
	}
}

// beside is the least value that is not the directory name; else the least. A
// server other than Exchange adds the directory name to the naming attribute.
func beside(values cursor, directoryName string) string {
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

// least is beside of values that are a list.
func least(values []string, directoryName string) string {
	values = slices.Sorted(slices.Values(values))
	if i := slices.IndexFunc(values, func(v string) bool { return !equalFold(v, directoryName) }); i >= 0 {
		return values[i]
	}
	return first(values)
}

// target is the target address among the values of its attribute: the first, or
// where people's own entries may have the attribute, the least that begins with
// an address type in upper case, which no address of the World Wide Web does.
func (p Profile) target(values []string) string {
	if !p.shared() {
		return first(values)
	}
	for _, v := range slices.Sorted(slices.Values(values)) {
		if typ, _, _ := strings.Cut(v, ":"); isTarget(v) && typ == strings.ToUpper(typ) {
			return v
		}
	}
	return ""
}

// holdsName says whether an attribute may hold the directory name beside a
// value of its own, because it is in the names of entries.
func (p Profile) holdsName(attribute string) bool {
	return p.Write.HoldsName && attribute != "" && strings.EqualFold(attribute, p.Write.Naming)
}

// ofProfile fills the fields of a recipient that other directories than
// Exchange's hold in other ways.
func (p Profile) ofProfile(r *Recipient) {
	f := p.Fields
	if p.holdsName(f.Alias) {
		r.Alias = least(r.Entry.Values(f.Alias), r.DirectoryName)
	}
	if p.shared() {
		r.Target = p.target(r.Entry.Values(f.Target))
	}
	switch p.Proxies {
	case NoProxies:
		r.Proxies = p.plainAddresses(*r)
	case WholeProxies:
		r.Proxies = p.wholeProxies(*r)
	case SplitProxies:
	}
	p.dropRequired(r)
}

// dropRequired takes out of a custom recipient the last name that it only has
// because the directory requires one.
func (p Profile) dropRequired(r *Recipient) {
	required := slices.ContainsFunc(p.Write.Required, func(q Required) bool { return strings.EqualFold(q.Attribute, p.Fields.Surname) })
	if required && r.Class == CustomRecipient && r.GivenName == "" && r.Surname == r.DisplayName {
		r.Surname = ""
	}
}

// allProxies puts the e-mail addresses together: the primary SMTP and X.400
// addresses first, then the others in order, each address once. Where those two
// have an attribute of their own, only that is primary; among the others they
// may be repeated (sources differ on it).
func (p *Profile) allProxies(f *fields) []Proxy {
	var room [8]string
	values := f[roleProxies].values(room[:0])
	slices.Sort(values) // upper case sorts first, and with it the primary addresses
	all := make([]Proxy, 0, len(values)+2)
	for _, primary := range []struct {
		typ string
		of  role
	}{{smtpType, roleSMTP}, {smtpType, roleSMTPSynonym}, {x400Type, roleX400}} {
		if address := f.first(primary.of); address != "" {
			all = append(all, Proxy{Type: primary.typ, Address: address, Primary: true})
		}
	}
	for _, value := range values {
		if proxy, ok := p.parseProxy(value); ok {
			proxy.Primary = proxy.Primary && p.ownAttribute(proxy.Type) == ""
			all = append(all, proxy)
		}
	}
	return distinct(all)
}

// wholeProxies are addresses that all stand in one attribute. The SMTP address
// that stands apart is primary where no other one is.
func (p Profile) wholeProxies(r Recipient) []Proxy {
	var all []Proxy
	for _, value := range slices.Sorted(slices.Values(r.Entry.Values(p.Fields.Proxies))) {
		if proxy, ok := p.parseProxy(value); ok {
			all = append(all, proxy)
		}
	}
	if address := r.Entry.Attribute(p.Fields.SMTP); address != "" {
		_, known := Recipient{Proxies: all}.PrimaryProxy(smtpType)
		all = append(all, Proxy{Type: smtpType, Address: address, Primary: !known})
	}
	return distinct(all)
}

// plainAddresses are the SMTP addresses, the first of them primary, the X.400
// address, and what the target address is.
func (p Profile) plainAddresses(r Recipient) []Proxy {
	var all []Proxy
	for i, address := range slices.Sorted(slices.Values(r.Entry.Values(p.Fields.SMTP))) {
		all = append(all, Proxy{Type: smtpType, Address: address, Primary: i == 0})
	}
	if address := r.Entry.Attribute(p.Fields.X400); address != "" {
		all = append(all, Proxy{Type: x400Type, Address: address, Primary: true})
	}
	if typ, address, found := strings.Cut(r.Target, ":"); found && isTarget(r.Target) && p.ownAttribute(typ) == "" {
		all = append(all, Proxy{Type: typ, Address: address, Primary: true})
	}
	return distinct(all)
}

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

// separator stands between the type and the address of a proxy.
func (p *Profile) separator() string {
	if p.Proxies == WholeProxies {
		return ":"
	}
	return "$"
}

// parseProxy reads a value TYPE$address or TYPE:address. A type in upper case
// marks a primary address (documented: K263520).
func (p *Profile) parseProxy(value string) (Proxy, bool) {
	typ, address, found := strings.Cut(value, p.separator())
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
