package ldapsrc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unique"

	"github.com/go-ldap/ldap/v3"
)

// collect adds an entry to what was found, unless it is the leftover of a
// deletion.
func (p Profile) collect(entry *ldap.Entry, found map[string]Recipient) error {
	r := Recipient{DN: entry.DN, Attributes: make(map[string][]string, len(entry.Attributes))}
	for _, a := range entry.Attributes {
		name := unique.Make(strings.ToLower(a.Name)).Value() // one text for all entries
		if values, twice := r.Attributes[name]; twice {
			r.Attributes[name] = append(values, a.Values...)
		} else {
			r.Attributes[name] = a.Values
		}
	}
	if deleted, err := boolean(r, p.Fields.Deleted); err != nil || deleted {
		return err
	}
	if err := p.decode(&r); err != nil {
		return err
	}
	key, err := NormalizeDN(r.DN)
	if err != nil {
		return err
	}
	if first, twice := found[key]; twice {
		return fmt.Errorf("it came twice, first as %s", quote(first.DN))
	}
	found[key] = r
	return nil
}

// decode fills the fields of a recipient from its attributes.
func (p Profile) decode(r *Recipient) error {
	var err error
	if r.Class, err = p.class(*r); err != nil {
		return err
	}
	if r.DirectoryName, err = DirectoryName(r.DN); err != nil {
		return err
	}
	f := p.Fields
	if r.Hidden, err = boolean(*r, f.Hidden); err != nil {
		return err
	}
	trust, err := integer(*r, f.TrustLevel, DefaultTrustLevel)
	if err != nil {
		return err
	}
	r.TrustLevel = int(trust)
	if r.USNChanged, err = integer(*r, f.USNChanged, 0); err != nil {
		return err
	}
	r.DisplayName = displayName(r.Attributes[strings.ToLower(f.DisplayName)], r.DirectoryName)
	r.Alias = r.Attribute(f.Alias)
	r.GivenName = r.Attribute(f.GivenName)
	r.Surname = r.Attribute(f.Surname)
	r.Initials = r.Attribute(f.Initials)
	r.Target = r.Attribute(f.Target)
	r.Notes = r.Attribute(f.Notes)
	r.ImportedFrom = r.Attribute(f.ImportedFrom)
	r.Proxies = p.proxies(*r)
	return nil
}

// class finds the class of an entry among its objectClass values, whose order
// and case are not fixed.
func (p Profile) class(r Recipient) (Class, error) {
	values := r.Attributes["objectclass"]
	for _, class := range p.Classes {
		if slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, class.Name) }) {
			return class.Class, nil
		}
	}
	return "", fmt.Errorf("its objectClass %q is that of no recipient", values)
}

// displayName is the value that is not the directory name; else the first. A
// server other than Exchange adds the directory name to cn, because it is the
// naming attribute.
func displayName(values []string, directoryName string) string {
	values = slices.Sorted(slices.Values(values))
	for _, v := range values {
		if fold(v) != fold(directoryName) {
			return v
		}
	}
	if len(values) > 0 {
		return values[0]
	}
	return ""
}

// proxies puts the e-mail addresses together: the primary SMTP and X.400
// addresses first, then the others in order, each address once. Those two are
// primary only where they have an attribute of their own; among the others they
// may be repeated (sources differ on it).
func (p Profile) proxies(r Recipient) []Proxy {
	f := p.Fields
	var all []Proxy
	for _, primary := range []struct{ typ, attribute string }{
		{"SMTP", f.SMTP}, {"SMTP", f.SMTPSynonym}, {"X400", f.X400},
	} {
		if address := r.Attribute(primary.attribute); address != "" {
			all = append(all, Proxy{Type: primary.typ, Address: address, Primary: true})
		}
	}
	// Upper case sorts first, and with it the primary addresses.
	for _, value := range slices.Sorted(slices.Values(r.Attributes[strings.ToLower(f.Proxies)])) {
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

// distinct leaves out addresses that came before, whatever their case.
func distinct(proxies []Proxy) []Proxy {
	seen := map[Proxy]bool{}
	var once []Proxy
	for _, p := range proxies {
		key := Proxy{Type: p.Type, Address: fold(p.Address)}
		if !seen[key] {
			seen[key] = true
			once = append(once, p)
		}
	}
	return once
}

// parseProxy reads a value TYPE$address. A type in upper case marks a primary
// address (documented: K263520).
func parseProxy(value string) (Proxy, bool) {
	typ, address, found := strings.Cut(value, "$")
	upper := strings.ToUpper(typ)
	if !found || !isAddressType(upper) || address == "" {
		return Proxy{}, false
	}
	return Proxy{Type: upper, Address: address, Primary: typ == upper}, true
}

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
func boolean(r Recipient, name string) (bool, error) {
	value := r.Attribute(name)
	if value != "" && !isTrue(value) && !strings.EqualFold(value, "FALSE") {
		return false, fmt.Errorf("%s %q is neither TRUE nor FALSE", name, value)
	}
	return isTrue(value), nil
}

func integer(r Recipient, name string, absent int64) (int64, error) {
	value := r.Attribute(name)
	if value == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s %q is not a number", name, value)
	}
	return n, nil
}
