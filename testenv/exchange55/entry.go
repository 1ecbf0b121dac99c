package exchange55

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/glauth/ldap"
)

// entry is one object of the directory. The attribute set is replaced, never
// changed, once the entry is in the store.
type entry struct {
	id       int64 // grows with every creation; the order of search results
	name     name
	key      string
	class    class
	attrs    attributes
	children int // live entries directly below
	deleted  bool
}

func (e *entry) isRecipient() bool { return slices.Contains(e.class.super, "person") }

// isSite reports whether the entry heads a site's naming context.
func (e *entry) isSite() bool { return e.class.naming == "ou" && len(e.name) == 2 }

// newEntry builds an entry from the attributes of an add request and checks
// it whole. The stamps are not yet on it.
func newEntry(n name, given []Attribute, w writer) (*entry, *refusal) {
	attrs, r := collect(given, w)
	if r != nil {
		return nil, r
	}
	c, r := structuralClass(attrs)
	if r != nil {
		return nil, r
	}
	if r := setNaming(attrs, n[0], c); r != nil {
		return nil, r
	}
	if r := checkClass(attrs, c); r != nil {
		return nil, r
	}
	if r := checkProxies(nil, attrs); r != nil {
		return nil, r
	}
	return &entry{name: n, key: n.key(), class: c, attrs: attrs, deleted: attrs.is("is-deleted")}, nil
}

// collect gathers the values of an add request. The two names of one
// attribute may be sent side by side with the same value, as the vendor's
// agents do (documented: FIM27).
func collect(given []Attribute, w writer) (attributes, *refusal) {
	attrs := attributes{}
	sentAs := map[string]string{}
	for _, a := range given {
		t, r := w.writable(a.Name)
		if r != nil {
			return nil, r
		}
		values, r := w.canonicalValues(t, a.Values)
		if r != nil {
			return nil, r
		}
		key := t.key()
		if earlier, twice := sentAs[key]; twice {
			if strings.EqualFold(earlier, a.Name) {
				return nil, refuse(ldap.LDAPResultAttributeOrValueExists, "%s is given twice", t.name)
			}
			if !slices.Equal(attrs[key], values) {
				return nil, refuse(ldap.LDAPResultConstraintViolation, "%s and %s are one attribute with one value", earlier, a.Name)
			}
			continue
		}
		sentAs[key] = a.Name
		attrs[key] = values
	}
	return attrs, nil
}

// structuralClass finds the class of a new entry and completes objectClass
// with the classes above it.
func structuralClass(attrs attributes) (class, *refusal) {
	var found class
	var extra []string
	for _, value := range attrs["objectclass"] {
		c, ok := classNamed(value)
		switch {
		case !ok:
			return class{}, refuse(ldap.LDAPResultObjectClassViolation, "object class %s is unknown", value)
		case c.structural && found.structural:
			return class{}, refuse(ldap.LDAPResultObjectClassViolation, "two structural classes, %s and %s", found.name, c.name)
		case c.structural:
			found = c
		case c.name == "e55Any":
			extra = []string{c.name}
		}
	}
	if !found.structural {
		return class{}, refuse(ldap.LDAPResultObjectClassViolation, "no structural object class")
	}
	attrs["objectclass"] = slices.Concat([]string{found.name}, found.super, extra, []string{"top"})
	return found, nil
}

// setNaming fills the attribute the entry is named by. That is rdn, not cn,
// which is the display name (documented: SDK directry_6fub).
func setNaming(attrs attributes, first rdn, c class) *refusal {
	if first.attribute != c.naming {
		return refuse(ldap.LDAPResultNamingViolation, "a %s is named by %s, not by %s", c.name, c.naming, first.attribute)
	}
	key := c.namingKey()
	t := attributesByName[key]
	if t.length > 0 && utf8.RuneCountInString(first.value) > t.length {
		return refuse(ldap.LDAPResultConstraintViolation, "%s is longer than %d characters", t.name, t.length)
	}
	if values, sent := attrs[key]; sent && t.index(values, first.value) < 0 {
		return refuse(ldap.LDAPResultInvalidAttributeSyntax, "%s is %q, but the name says %q", t.name, values[0], first.value)
	}
	attrs[key] = []string{first.value}
	return nil
}

// checkClass refuses what the entry's class does not allow or must have.
func checkClass(attrs attributes, c class) *refusal {
	for _, key := range sortedKeys(attrs) {
		if t := attributesByName[key]; t.on&(onAny|c.allows) == 0 {
			return refuse(ldap.LDAPResultObjectClassViolation, "a %s has no attribute %s", c.name, t.name)
		}
	}
	if attrs.is("is-deleted") {
		return nil
	}
	for _, must := range c.must {
		if len(attrs[strings.ToLower(must)]) == 0 {
			return refuse(ldap.LDAPResultObjectClassViolation, "a %s needs the attribute %s", c.name, must)
		}
	}
	return nil
}

// checkProxies keeps a primary address out of the other addresses: in
// Exchange all are values of the one attribute Proxy-Addresses. The primary
// from before the request counts too, which is why swapping a primary takes
// two requests (documented: K303028 for SMTP; inferred for X.400).
func checkProxies(before, after attributes) *refusal {
	other := attributesByName["othermailbox"]
	for _, primary := range []struct{ key, kind string }{{"mail", "SMTP"}, {"textencodedoraddress", "X400"}} {
		for _, set := range []attributes{before, after} {
			address := set.first(primary.key)
			if address == "" {
				continue
			}
			if other.index(after["othermailbox"], primary.kind+"$"+address) >= 0 {
				return refuse(ldap.LDAPResultAttributeOrValueExists,
					"otherMailbox: %s is the primary %s address of this object", address, primary.kind)
			}
		}
	}
	return nil
}

// modified applies the changes of a modify request, in order, and returns the
// new attribute set; nothing is changed when any of them is refused.
func (e *entry) modified(changes []Change, w writer) (attributes, *refusal) {
	attrs := e.attrs.clone()
	for _, change := range changes {
		t, r := w.writable(change.Name)
		if r != nil {
			return nil, r
		}
		switch key := t.key(); {
		case key == "rdn" || key == e.class.namingKey(): // documented: SELF, code 67
			return nil, refuse(ldap.LDAPResultNotAllowedOnRDN, "%s: a directory name is fixed for life", t.name)
		case key == "objectclass":
			return nil, refuse(ldap.LDAPResultObjectClassModsProhibited, "objectClass cannot be changed")
		}
		if r := applyChange(attrs, t, change, w); r != nil {
			return nil, r
		}
	}
	if r := checkClass(attrs, e.class); r != nil {
		return nil, r
	}
	return attrs, checkProxies(e.attrs, attrs)
}

func applyChange(attrs attributes, t attributeType, change Change, w writer) *refusal {
	key := t.key()
	switch change.Op {
	case AddValues:
		if len(change.Values) == 0 {
			return refuse(ldap.LDAPResultProtocolError, "%s: nothing to add", t.name)
		}
		have := attrs[key]
		for _, value := range change.Values {
			if t.index(have, value) >= 0 {
				return refuse(ldap.LDAPResultAttributeOrValueExists, "%s: %q is there already", t.name, value)
			}
		}
		if !t.multiple && len(have) > 0 {
			return refuse(ldap.LDAPResultAttributeOrValueExists, "%s has a value already and holds only one", t.name)
		}
		values, r := w.canonicalValues(t, change.Values)
		if r != nil {
			return r
		}
		attrs[key] = slices.Concat(have, values)
	case DeleteValues:
		return deleteValues(attrs, t, change.Values)
	case ReplaceValues:
		values, r := w.canonicalValues(t, change.Values)
		if r != nil {
			return r
		}
		if len(values) == 0 {
			delete(attrs, key)
			return nil
		}
		attrs[key] = values
	}
	return nil
}

func deleteValues(attrs attributes, t attributeType, values []string) *refusal {
	key := t.key()
	left := slices.Clone(attrs[key])
	if len(left) == 0 {
		return refuse(ldap.LDAPResultNoSuchAttribute, "%s: the object has none", t.name)
	}
	for _, value := range values {
		i := t.index(left, value)
		if i < 0 {
			return refuse(ldap.LDAPResultNoSuchAttribute, "%s: the object has no value %q", t.name, value)
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(values) == 0 || len(left) == 0 {
		delete(attrs, key)
		return nil
	}
	attrs[key] = left
	return nil
}

// writer is on whose behalf a change is made.
type writer struct {
	view
	// exchange marks changes that Exchange's own programs make: they set the
	// system's attributes, too, and keep to no LDAP length.
	exchange bool
}

// writable finds the type of an attribute that is to be written.
func (w writer) writable(name string) (attributeType, *refusal) {
	t, ok := attributesByName[strings.ToLower(name)]
	switch {
	case !ok:
		return t, refuse(ldap.LDAPResultUndefinedAttributeType, "attribute %s is unknown", name)
	case t.key() == "memberof" || t.key() == "distinguishedname":
		return t, refuse(ldap.LDAPResultConstraintViolation, "%s is derived and cannot be written", t.name)
	case t.systemOnly && !w.exchange:
		return t, refuse(ldap.LDAPResultConstraintViolation, "%s is written by the system only", t.name)
	}
	return t, nil
}

// canonicalValues checks the new values of an attribute.
func (w writer) canonicalValues(t attributeType, given []string) ([]string, *refusal) {
	var values []string
	seen := make(map[string]bool, len(given))
	for _, value := range given {
		stored, r := t.canonical(value)
		if r != nil {
			return nil, r
		}
		if t.key() == "othermailbox" && !strings.Contains(value, "$") {
			return nil, refuse(ldap.LDAPResultInvalidAttributeSyntax, "otherMailbox: %q is not TYPE$address", value)
		}
		if !w.exchange && t.length > 0 && utf8.RuneCountInString(value) > t.length {
			return nil, refuse(ldap.LDAPResultConstraintViolation, "%s is longer than %d characters", t.name, t.length)
		}
		folded := t.normal(stored)
		if seen[folded] {
			return nil, refuse(ldap.LDAPResultAttributeOrValueExists, "%s: %q is given twice", t.name, value)
		}
		seen[folded] = true
		values = append(values, stored)
	}
	if !t.multiple && len(values) > 1 {
		return nil, refuse(ldap.LDAPResultConstraintViolation, "%s holds only one value", t.name)
	}
	return values, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
