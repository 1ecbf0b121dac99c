package ldapsrc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
)

// ChangeType is what a Change does to its entry.
type ChangeType string

// The types of changes.
const (
	AddEntry    ChangeType = "add"
	ModifyEntry ChangeType = "modify"
	DeleteEntry ChangeType = "delete"
)

// Change is one LDAP request that writes.
type Change struct {
	DN         string
	Type       ChangeType
	Attributes []Attribute // of an entry to add
	Mods       []Mod       // of an entry to modify, in this order
}

// Attribute is an attribute with its values.
type Attribute struct {
	Name   string
	Values []string
}

// ModOp is what a Mod does to its attribute.
type ModOp string

// The modifications: all values become others, single values come, or they go.
// Values that come and go singly are those of an attribute with many, such as
// the members of a distribution list (documented: K263520).
const (
	ReplaceValues ModOp = "replace"
	AddValues     ModOp = "add"
	DeleteValues  ModOp = "delete"
)

// Mod is one modification of an attribute. DeleteValues takes all values away
// when it names none, else those.
type Mod struct {
	Op     ModOp
	Name   string
	Values []string
}

// Add makes the request that adds a custom recipient or a distribution list. It
// sends what the vendor's own LDAP agent sends (documented: FIM27, FIM28), with
// rdn equal to the directory name, and Recipient.Attributes on top. TrustLevel
// and USNChanged are not written: a new entry has the default trust level. The
// members of a list come in requests of their own ([Profile.ChangeMembers]),
// unless the profile has no lists without members.
//
// It fails when the profile is one of directories that cannot be written, when
// the recipient is of another class, has no directory name, display name or
// alias, or is a custom recipient without a target address, when its name and
// its directory name differ, when an address is malformed, one too many is
// primary or there is no attribute for it, and when Check refuses a value.
func (p Profile) Add(r Recipient) (Change, error) {
	fail := func(format string, args ...any) (Change, error) {
		return Change{}, fmt.Errorf("add %s: %w", quote(r.DN), fmt.Errorf(format, args...))
	}
	name, err := DirectoryName(r.DN)
	if err != nil {
		return fail("%w", err)
	}
	if name == "" || r.DirectoryName != name {
		return fail("its directory name %q is not the one in its name", r.DirectoryName)
	}
	if err := p.checkRecipient(r); err != nil {
		return fail("%w", err)
	}
	if err := p.checkProxies(r); err != nil {
		return fail("%w", err)
	}
	change := Change{DN: r.DN, Type: AddEntry, Attributes: p.entry(r)}
	return change, p.Check(change)
}

// checkRecipient refuses a recipient that lacks what it must have.
func (p Profile) checkRecipient(r Recipient) error {
	switch {
	case p.Write.ReadOnly:
		return fmt.Errorf("the profile %s is one of directories that cannot be written", p.Name)
	case r.Class != CustomRecipient && r.Class != DistributionList:
		return fmt.Errorf("it is a %s; only custom recipients and distribution lists are added", r.Class)
	case r.DisplayName == "":
		return errors.New("it has no display name")
	case r.Alias == "" && p.Fields.Alias != "":
		return errors.New("it has no alias")
	case r.Class == CustomRecipient && !isTarget(r.Target):
		return fmt.Errorf("its target address %q does not have the form TYPE:address", r.Target)
	case r.Class == DistributionList && !p.EmptyLists && len(r.Members) == 0:
		return errors.New("it has no members, and this directory has no lists without")
	}
	return nil
}

// isTarget reports whether a target address has the form TYPE:address.
func isTarget(target string) bool {
	typ, address, found := strings.Cut(target, ":")
	return found && address != "" && isAddressType(typ) && len(typ) <= maxAddressType
}

// entry is a recipient as attributes, without those that have no value.
func (p Profile) entry(r Recipient) []Attribute {
	f := p.Fields
	all := []Attribute{{"objectClass", p.written(r.Class)}}
	if f.DirectoryName != "" {
		all = append(all, Attribute{f.DirectoryName, []string{r.DirectoryName}})
	}
	named := !p.Write.HoldsName
	for _, a := range p.single(r) {
		if values := append(p.present(r, a.name, a.value), p.secondary(r.Proxies, a.name)...); len(values) > 0 {
			all = append(all, Attribute{a.name, values})
			named = named || strings.EqualFold(a.name, p.Write.Naming)
		}
	}
	if !named {
		all = append(all, Attribute{p.Write.Naming, []string{r.DirectoryName}})
	}
	if others := p.otherProxies(r.Proxies); len(others) > 0 {
		all = append(all, Attribute{f.Proxies, others})
	}
	if r.Class == CustomRecipient && f.RichText != "" {
		// The receiving end does not understand Exchange's rich text (FIM27 sets it always).
		all = append(all, Attribute{f.RichText, []string{"FALSE"}})
	}
	if r.Class == DistributionList {
		all = append(all, p.listOnly(r)...)
	}
	for _, name := range p.further(r) {
		if values := r.Attributes[name]; len(values) > 0 {
			all = append(all, Attribute{p.spelling(name), values})
		}
	}
	return all
}

// listOnly are the attributes that a list has and a custom recipient has not.
// FIM28 always has its senders get non-delivery reports.
func (p Profile) listOnly(r Recipient) []Attribute {
	var all []Attribute
	if p.Fields.Reports != "" {
		all = append(all, Attribute{p.Fields.Reports, []string{"TRUE"}})
	}
	if !p.EmptyLists {
		all = append(all, Attribute{p.Fields.Members, r.Members})
	}
	return all
}

// Modify makes the requests that turn before into after: none, one, or two.
// Written are the fields that Add writes, but for the directory name, which is
// fixed for life, and the members of a list; of Recipient.Attributes those that after names, where an
// empty list takes the attribute away. What is not in before is never deleted,
// because the server refuses that (documented: K255291). Addresses are written
// as a whole set, with those of before.Attributes that could not be understood.
//
// An address that was primary and becomes a secondary one takes two requests:
// the server refuses the present primary address among the others, so the
// first request replaces it and the second replaces the others (documented:
// K303028).
func (p Profile) Modify(before, after Recipient) []Change {
	kept := p.unparsed(before)
	old := append(p.otherProxies(before.Proxies), kept...)
	now := append(p.otherProxies(after.Proxies), kept...)
	first := p.withoutPrimaries(now, before.Proxies)
	// The others go first, so that one of them can become primary.
	mods := appendMod(nil, p.Fields.Proxies, old, first)
	was := p.single(before)
	for i, a := range p.single(after) {
		mods = appendMod(mods, a.name,
			append(p.present(before, a.name, was[i].value), p.secondary(before.Proxies, a.name)...),
			append(p.present(before, a.name, a.value), p.secondary(after.Proxies, a.name)...))
	}
	for _, name := range p.further(after) {
		mods = appendMod(mods, p.spelling(name), before.Values(name), after.Attributes[name])
	}
	var changes []Change
	for _, mods := range [][]Mod{mods, appendMod(nil, p.Fields.Proxies, first, now)} {
		if len(mods) > 0 {
			changes = append(changes, Change{DN: before.DN, Type: ModifyEntry, Mods: mods})
		}
	}
	return changes
}

// present are the values to write for a field: none for an empty one, beside it
// the directory name where the attribute holds that too and the server would
// refuse to lose it, and values that are somebody else's.
func (p Profile) present(before Recipient, attribute, value string) []string {
	there := before.Values(attribute)
	switch {
	case value == "":
		return nil
	case attribute == p.Fields.Target && p.shared():
		return append(slices.DeleteFunc(slices.Clone(there), func(v string) bool { return v == before.Target }), value)
	case value == before.DirectoryName:
	case p.holdsName(attribute), attribute == p.Fields.DisplayName && slices.Contains(there, before.DirectoryName):
		return []string{value, before.DirectoryName}
	}
	return []string{value}
}

// secondary are the values for secondary addresses that stand in the attribute
// of the primary one, as SMTP addresses do where there is no other place.
func (p Profile) secondary(proxies []Proxy, attribute string) []string {
	var values []string
	for _, proxy := range proxies {
		if p.Proxies == NoProxies && attribute == p.Fields.SMTP && proxy.Type == smtpType && !proxy.Primary {
			values = append(values, proxy.Address)
		}
	}
	return values
}

// appendMod adds the modification that turns the old values into the new ones,
// if there is any. The order of values has no meaning.
func appendMod(mods []Mod, name string, old, now []string) []Mod {
	switch {
	case slices.Equal(slices.Sorted(slices.Values(old)), slices.Sorted(slices.Values(now))):
		return mods
	case len(now) == 0:
		return append(mods, Mod{Op: DeleteValues, Name: name})
	}
	return append(mods, Mod{Op: ReplaceValues, Name: name, Values: now})
}

// Delete makes the request that deletes an entry.
func (p Profile) Delete(dn string) Change {
	return Change{DN: dn, Type: DeleteEntry}
}

// Check refuses a change with a value that is empty or longer than the
// directory holds. Apply calls it before it sends anything.
func (p Profile) Check(change Change) error {
	attributes := slices.Clone(change.Attributes)
	for _, m := range change.Mods {
		attributes = append(attributes, Attribute{m.Name, m.Values})
	}
	for _, a := range attributes {
		limit, limited := p.Lengths[strings.ToLower(a.Name)]
		for _, v := range a.Values {
			switch n := utf8.RuneCountInString(v); {
			case n == 0:
				return fmt.Errorf("%s %s: %s has an empty value", change.Type, quote(change.DN), a.Name)
			case limited && n > limit:
				return fmt.Errorf("%s %s: %s has %d characters, at most %d fit; shorten it",
					change.Type, quote(change.DN), a.Name, n, limit)
			}
		}
	}
	return nil
}

// Apply sends a change, after Check.
func (c *Conn) Apply(ctx context.Context, change Change) error {
	if err := c.server.Profile.Check(change); err != nil {
		return err
	}
	var send func() error
	switch change.Type {
	case AddEntry:
		request := ldap.NewAddRequest(change.DN, nil)
		for _, a := range change.Attributes {
			request.Attribute(a.Name, a.Values)
		}
		send = func() error { return c.ldap.Add(request) }
	case ModifyEntry:
		request := ldap.NewModifyRequest(change.DN, nil)
		for _, m := range change.Mods {
			switch m.Op {
			case AddValues:
				request.Add(m.Name, m.Values)
			case DeleteValues:
				request.Delete(m.Name, m.Values)
			case ReplaceValues:
				request.Replace(m.Name, m.Values)
			}
		}
		send = func() error { return c.ldap.Modify(request) }
	case DeleteEntry:
		send = func() error { return c.ldap.Del(ldap.NewDelRequest(change.DN, nil)) }
	default:
		return fmt.Errorf("%q is not a type of change", change.Type)
	}
	if err := c.request(ctx, c.server.ReadTimeout, send); err != nil {
		return c.fail(string(change.Type), change.DN, err)
	}
	return nil
}

// CanWrite tests whether this account may write to an entry, such as the
// container of the recipients to come. It asks the server to delete a value
// that the entry does not have, so nothing can change: the server answers that
// there is no such value, or that the account may not do it (ours). Rights to
// add entries below it may be others still.
func (c *Conn) CanWrite(ctx context.Context, dn string) error {
	request := ldap.NewModifyRequest(dn, nil)
	request.Delete(c.server.Profile.Fields.AdminText, []string{"ccdirsync tests write access; nobody stores this value"})
	err := c.request(ctx, c.server.ReadTimeout, func() error { return c.ldap.Modify(request) })
	if err == nil || ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchAttribute) {
		return nil
	}
	return c.fail(opProbe, dn, err)
}

// value is a field that is one attribute with one value.
type value struct{ name, value string }

// single are the fields with one value each, always in the same order.
func (p Profile) single(r Recipient) []value {
	f := p.Fields
	smtp, _ := r.PrimaryProxy(smtpType)
	x400, _ := r.PrimaryProxy(x400Type)
	hidden := "" // no value and FALSE both mean visible (documented: K268576)
	if r.Hidden {
		hidden = "TRUE"
	}
	fields := []value{
		{f.DisplayName, r.DisplayName},
		{f.Alias, r.Alias},
		{f.GivenName, r.GivenName},
		{f.Surname, r.Surname},
		{f.Initials, r.Initials},
		{f.Target, p.targetOf(r)},
		{f.SMTP, smtp},
		{f.X400, x400},
		{f.Notes, r.Notes},
		{f.ImportedFrom, r.ImportedFrom},
		{f.Hidden, hidden},
	}
	fields = slices.DeleteFunc(fields, func(v value) bool { return v.name == "" })
	for _, required := range p.Write.Required {
		if r.Class == CustomRecipient {
			fields = fill(fields, required)
		}
	}
	return fields
}

// targetOf is the target address to write. A list has none, but where no other
// attribute takes its address in another mail system, it stands there.
func (p Profile) targetOf(r Recipient) string {
	if r.Target != "" || p.Proxies != NoProxies {
		return r.Target
	}
	for _, proxy := range r.Proxies {
		if proxy.Primary && p.ownAttribute(proxy.Type) == "" {
			return proxy.Type + ":" + proxy.Address
		}
	}
	return ""
}

// fill gives a required attribute without a value that of another one.
func fill(fields []value, required Required) []value {
	of := func(name string) int {
		return slices.IndexFunc(fields, func(v value) bool { return strings.EqualFold(v.name, name) })
	}
	from, to := of(required.From), of(required.Attribute)
	switch {
	case from < 0:
	case to < 0:
		return append(fields, value{required.Attribute, fields[from].value})
	case fields[to].value == "":
		fields[to].value = fields[from].value
	}
	return fields
}

// further are the names of Attributes that are not fields and so are written
// from there, sorted.
func (p Profile) further(r Recipient) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.Attributes)), p.isField)
}

// spelling is an attribute's name as the directory spells it, where known.
func (p Profile) spelling(name string) string {
	for _, known := range p.attributes() {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// otherProxies are the values of the attribute of other addresses, sorted, each
// once: all, but for the primary ones that have an attribute of their own.
func (p Profile) otherProxies(proxies []Proxy) []string {
	if p.Fields.Proxies == "" {
		return nil
	}
	// A primary address comes first, so that a secondary one that is equal goes.
	proxies = distinct(slices.SortedStableFunc(slices.Values(proxies), func(a, b Proxy) int {
		switch {
		case a.Primary == b.Primary:
			return 0
		case a.Primary:
			return -1
		}
		return 1
	}))
	var values []string
	for _, proxy := range proxies {
		switch {
		case !proxy.Primary:
			values = append(values, strings.ToLower(proxy.Type)+p.separator()+proxy.Address)
		case p.ownAttribute(proxy.Type) == "":
			values = append(values, proxy.Type+p.separator()+proxy.Address)
		}
	}
	slices.Sort(values)
	return values
}

// unparsed are the values among a recipient's other addresses that are no
// addresses, sorted.
func (p Profile) unparsed(r Recipient) []string {
	values := slices.Sorted(slices.Values(r.Values(p.Fields.Proxies)))
	return slices.DeleteFunc(values, func(v string) bool {
		_, ok := p.parseProxy(v)
		return ok
	})
}

// withoutPrimaries leaves out the values that are addresses which proxies have
// as primary ones in attributes of their own.
func (p Profile) withoutPrimaries(values []string, proxies []Proxy) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		other, _ := p.parseProxy(v)
		return slices.ContainsFunc(proxies, func(q Proxy) bool {
			return q.Primary && p.ownAttribute(q.Type) != "" && q.Type == other.Type && fold(q.Address) == fold(other.Address)
		})
	})
}

// checkProxies refuses malformed addresses, more than one primary of a type, and
// those that the directory has no attribute for.
func (p Profile) checkProxies(r Recipient) error {
	primary := map[string]string{}
	for _, proxy := range r.Proxies {
		if !isAddressType(proxy.Type) || len(proxy.Type) > maxAddressType || proxy.Type != strings.ToUpper(proxy.Type) || proxy.Address == "" {
			return fmt.Errorf("its address %q of type %q is malformed", proxy.Address, proxy.Type)
		}
		if first, found := primary[proxy.Type]; found && proxy.Primary {
			return fmt.Errorf("its addresses %q and %q of type %s are both primary", first, proxy.Address, proxy.Type)
		}
		if proxy.Primary {
			primary[proxy.Type] = proxy.Address
		}
		held := proxy.Primary && (p.HoldsAddress(proxy.Type) || p.targetOf(r) == proxy.Type+":"+proxy.Address) ||
			!proxy.Primary && p.HoldsSecondary(proxy.Type)
		if !held {
			return fmt.Errorf("the profile %s has no attribute for its address %q of type %s", p.Name, proxy.Address, proxy.Type)
		}
	}
	return nil
}
