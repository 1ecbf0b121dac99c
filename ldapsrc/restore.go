package ldapsrc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Decode makes a recipient of the values of an entry by attribute name, as they
// were read once.
func (p Profile) Decode(dn string, values map[string][]string) (Recipient, error) {
	r := newRecorder(newNames(p))
	r.begin([]byte(dn))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := r.attribute([]byte(name)); err != nil {
			return Recipient{}, &entryError{dn, err}
		}
		for _, value := range values[name] {
			r.value([]byte(value))
		}
	}
	record, err := r.end()
	if err != nil {
		return Recipient{}, err
	}
	return Entry{record, r.names}.Recipient(), nil
}

// MultiValued reports whether an attribute may hold values that are not ours
// beside those that are.
func (p Profile) MultiValued(attribute string) bool {
	shared := []string{"objectClass", p.Fields.DisplayName, p.Fields.Proxies, p.Fields.Members}
	if p.shared() {
		shared = append(shared, p.Fields.Target)
	}
	if p.Proxies == NoProxies {
		shared = append(shared, p.Fields.SMTP)
	}
	return p.holdsName(attribute) || holds(shared, attribute)
}

// Restore makes the request that adds a custom recipient or a distribution list
// with the values that it had when it was read, all of them, byte for byte. Left
// out is what the server keeps by itself, the second name of the SMTP address,
// and members, as in Add. It fails when the values are those of something else,
// and when Check refuses one.
func (p Profile) Restore(dn string, values map[string][]string) (Change, error) {
	r, err := p.Decode(dn, values)
	if err != nil {
		return Change{}, err
	}
	if r.Class != CustomRecipient && r.Class != DistributionList {
		return Change{}, fmt.Errorf("add %s: it is a %s; only custom recipients and distribution lists are added", quote(dn), r.Class)
	}
	change := Change{DN: dn, Type: AddEntry, Attributes: []Attribute{{"objectClass", p.restoredClasses(r)}}}
	apart := []string{"objectClass", p.Fields.SMTPSynonym}
	if p.EmptyLists {
		apart = append(apart, p.Fields.Members)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !holds(apart, name) && !p.KeptByServer(name) && len(values[name]) > 0 {
			change.Attributes = append(change.Attributes, Attribute{p.spelling(name), values[name]})
		}
	}
	return change, p.Check(change)
}

// restoredClasses are the values of objectClass to write for an entry that was
// read: those of every such entry, and where they are written in full, what
// somebody added to them, with the attributes that it allows.
func (p Profile) restoredClasses(r Recipient) []string {
	classes := slices.Clone(p.written(r.Class))
	if len(classes) == 1 {
		return classes
	}
	for _, v := range r.Values("objectClass") {
		if !holds(classes, v) {
			classes = append(classes, v)
		}
	}
	return classes
}

// Rewrite makes the requests that give the named attributes of an entry exactly
// these values, an empty list none: no request, one, or two, as Modify says.
// before is the entry as it was read. It fails when Check refuses a value.
func (p Profile) Rewrite(before Recipient, values map[string][]string) ([]Change, error) {
	var mods, last []Mod
	// The other addresses go first, so that one of them can become primary.
	proxies := strings.ToLower(p.Fields.Proxies)
	if now, named := values[proxies]; named && proxies != "" {
		first := p.withoutPrimaries(now, before.Proxies)
		mods = appendMod(mods, p.Fields.Proxies, before.Values(proxies), first)
		last = appendMod(last, p.Fields.Proxies, first, now)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if name != proxies {
			mods = appendMod(mods, p.spelling(name), before.Values(name), values[name])
		}
	}
	var changes []Change
	for _, mods := range [][]Mod{mods, last} {
		if len(mods) == 0 {
			continue
		}
		change := Change{DN: before.DN, Type: ModifyEntry, Mods: mods}
		if err := p.Check(change); err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}
