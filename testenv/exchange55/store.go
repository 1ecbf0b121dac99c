package exchange55

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/glauth/ldap"
)

// store is the tree of entries.
type store struct {
	clock func() time.Time
	style nameStyle

	mu      sync.RWMutex
	entries map[string]*entry          // by key
	order   []*entry                   // by id
	lists   map[string]map[string]bool // keys of the lists, by the key of their member
	lastID  int64
	usn     int64 // highest USN given out
}

func newStore(clock func() time.Time, style nameStyle) *store {
	return &store{
		clock: clock, style: style,
		entries: map[string]*entry{}, lists: map[string]map[string]bool{},
	}
}

// apply makes one change; it is the only way in.
func (s *store) apply(record ChangeRecord, w writer) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch record.Type {
	case Content, Add:
		return s.add(record, w)
	case Modify:
		return s.modify(record, w)
	case Delete:
		return s.delete(record, w)
	}
	return refuse(ldap.LDAPResultProtocolError, "change type %d is unknown", record.Type)
}

// parseDN is parseName with the LDAP result for a name that cannot be read.
func parseDN(text string) (name, *refusal) {
	n, err := parseName(text)
	if err != nil {
		return nil, refuse(ldap.LDAPResultInvalidDNSyntax, "%v", err)
	}
	return n, nil
}

func (s *store) add(record ChangeRecord, w writer) *refusal {
	n, r := parseDN(record.DN)
	if r != nil {
		return r
	}
	if len(n) == 0 || len(n) == 1 && !w.exchange {
		return refuse(ldap.LDAPResultUnwillingToPerform, "an entry at the top of the tree cannot be made over LDAP")
	}
	old := s.entries[n.key()]
	if old != nil && !old.deleted {
		return refuse(ldap.LDAPResultEntryAlreadyExists, "%s exists already", record.DN)
	}
	var parent *entry
	if len(n) > 1 {
		parent = s.entries[n.parent().key()]
		if parent == nil || parent.deleted {
			return refuse(ldap.LDAPResultNoSuchObject, "%s has no parent", record.DN)
		}
		n = append(name{n[0]}, parent.name...)
	}
	if n.length() > maxNameLength {
		return refuse(ldap.LDAPResultConstraintViolation, "the parts of the name are longer than %d characters", maxNameLength)
	}
	e, r := newEntry(n, record.Attributes, w)
	if r != nil {
		return r
	}
	if e.deleted {
		e.attrs = buried(e.attrs)
	}
	if old != nil {
		s.remove(old)
	}
	s.stampNew(e, old)
	s.insert(e, parent)
	return nil
}

// stampNew puts the system's attributes on a new entry; those that came with
// it, in test data, stay. An object made on a tombstone's name carries on its
// Object-Version (documented: K239639).
func (s *store) stampNew(e, tombstone *entry) {
	version := int64(1)
	if tombstone != nil {
		version += integer(tombstone.attrs, "object-version")
	}
	usn := integer(e.attrs, "usn-changed")
	if usn == 0 {
		usn = s.usn + 1
	}
	s.usn = max(s.usn, usn)
	now := s.clock().UTC().Format(shortTime)
	for key, value := range map[string]string{
		"usn-changed": strconv.FormatInt(usn, 10), "usn-created": strconv.FormatInt(usn, 10),
		"usn-source": strconv.FormatInt(usn, 10), "object-version": strconv.FormatInt(version, 10),
		"when-created": now, "when-changed": now,
	} {
		if len(e.attrs[key]) == 0 {
			e.attrs[key] = []string{value}
		}
	}
}

// stamp marks a change of an entry.
func (s *store) stamp(attrs attributes) {
	s.usn++
	usn := strconv.FormatInt(s.usn, 10)
	attrs["usn-changed"] = []string{usn}
	attrs["usn-source"] = []string{usn}
	attrs["object-version"] = []string{strconv.FormatInt(integer(attrs, "object-version")+1, 10)}
	attrs["when-changed"] = []string{s.clock().UTC().Format(shortTime)}
}

// integer is the value of a numeric attribute, 0 when there is none.
func integer(attrs attributes, key string) int64 {
	value, err := strconv.ParseInt(attrs.first(key), 10, 64)
	if err != nil {
		return 0
	}
	return value
}

func (s *store) insert(e, parent *entry) {
	s.lastID++
	e.id = s.lastID
	s.entries[e.key] = e
	s.order = append(s.order, e)
	if parent != nil && !e.deleted {
		parent.children++
	}
	s.link(e)
}

// remove takes a tombstone out of the store.
func (s *store) remove(e *entry) {
	delete(s.entries, e.key)
	if i, found := slices.BinarySearchFunc(s.order, e.id, func(e *entry, id int64) int { return int(e.id - id) }); found {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

// link and unlink keep the back links from members to lists.
func (s *store) link(e *entry) {
	for _, member := range e.attrs["member"] {
		key := memberKey(member)
		if s.lists[key] == nil {
			s.lists[key] = map[string]bool{}
		}
		s.lists[key][e.key] = true
	}
}

func (s *store) unlink(e *entry) {
	for _, member := range e.attrs["member"] {
		delete(s.lists[memberKey(member)], e.key)
	}
}

func memberKey(member string) string { return attributesByName["member"].normal(member) }

// target finds the live entry that a change names, as far as the writer may
// see it.
func (s *store) target(dn string, w writer) (*entry, *refusal) {
	n, r := parseDN(dn)
	if r != nil {
		return nil, r
	}
	e := s.entries[n.key()]
	if e == nil || e.deleted || !w.sees(e) {
		return nil, refuse(ldap.LDAPResultNoSuchObject, "there is no %s", dn)
	}
	return e, nil
}

func (s *store) modify(record ChangeRecord, w writer) *refusal {
	e, r := s.target(record.DN, w)
	if r != nil {
		return r
	}
	attrs, r := e.modified(record.Changes, w)
	if r != nil {
		return r
	}
	s.replace(e, attrs)
	return nil
}

// replace gives an entry a new attribute set.
func (s *store) replace(e *entry, attrs attributes) {
	s.unlink(e)
	s.stamp(attrs)
	e.attrs = attrs
	s.link(e)
}

// onTombstone are the attributes that a deleted entry keeps. Which they are on
// a live server is not known (ours).
var onTombstone = []string{
	"objectclass", "cn", "rdn", "target-address", "object-version", "is-deleted",
	"usn-changed", "usn-created", "usn-source", "when-changed", "when-created",
}

// buried is what is left of an attribute set when its entry is deleted.
func buried(attrs attributes) attributes {
	left := attributes{}
	for _, key := range onTombstone {
		if values, ok := attrs[key]; ok {
			left[key] = values
		}
	}
	return left
}

// delete turns an entry into a tombstone of the same name (documented: SDK
// directry_1okp) and drops it from the lists it was on (seen: SMP-vb).
func (s *store) delete(record ChangeRecord, w writer) *refusal {
	e, r := s.target(record.DN, w)
	if r != nil {
		return r
	}
	if e.children > 0 {
		return refuse(ldap.LDAPResultNotAllowedOnNonLeaf, "%s has entries below it", record.DN)
	}
	attrs := buried(e.attrs)
	attrs["is-deleted"] = []string{"TRUE"}
	s.replace(e, attrs)
	e.deleted = true
	if parent := s.entries[e.name.parent().key()]; parent != nil {
		parent.children--
	}
	for _, key := range sortedKeys(s.lists[e.key]) {
		list := s.entries[key]
		left := list.attrs.clone()
		left["member"] = slices.DeleteFunc(slices.Clone(left["member"]), func(m string) bool { return memberKey(m) == e.key })
		if len(left["member"]) == 0 {
			delete(left, "member")
		}
		s.replace(list, left)
	}
	return nil
}

// purge removes all tombstones, as the garbage collection does, and writes
// the highest USN among them to the sites' USN-Last-Obj-Rem (documented:
// compnent_4qnn; on which object is inferred from K182511).
func (s *store) purge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := int64(0)
	for _, e := range slices.Clone(s.order) {
		if e.deleted {
			last = max(last, integer(e.attrs, "usn-changed"))
			s.remove(e)
		}
	}
	for _, e := range s.order {
		if e.isSite() && last > integer(e.attrs, "usn-last-obj-rem") {
			attrs := e.attrs.clone()
			attrs["usn-last-obj-rem"] = []string{strconv.FormatInt(last, 10)}
			e.attrs = attrs
		}
	}
}

// load fills the store with records of a file.
func (s *store) load(records []ChangeRecord) error {
	var problems []error
	for _, record := range records {
		if r := s.apply(record, writer{view: adminView, exchange: true}); r != nil {
			problems = append(problems, fmt.Errorf("%s: load %s: %w", record.Pos, record.DN, r))
		}
	}
	return errors.Join(problems...)
}

// view is what a user may see (documented: K156063, K185475, K230745).
type view int

const (
	anonymousView     view = iota // recipients, and of them public attributes
	authenticatedView             // everything but hidden and deleted entries
	adminView                     // everything
)

// sees reports whether the entry exists for the user.
func (v view) sees(e *entry) bool {
	if v == adminView {
		return true
	}
	return !e.deleted && !e.attrs.is("hide-from-address-book")
}

// finds reports whether a search may return the entry.
func (v view) finds(e *entry) bool {
	return v.sees(e) && (v != anonymousView || e.isRecipient())
}

// reads reports whether the user may read the attribute.
func (v view) reads(t attributeType) bool {
	return v != anonymousView || t.heuristics&readableByAll != 0 && t.heuristics&readableByAuthenticated == 0
}

// read returns an attribute of an entry, the derived ones included.
func (s *store) read(e *entry, t attributeType) []string {
	switch key := t.key(); key {
	case "distinguishedname":
		return []string{e.name.text(s.style)}
	case "memberof":
		var values []string
		for _, list := range sortedKeys(s.lists[e.key]) {
			values = append(values, s.entries[list].name.text(s.style))
		}
		return values
	case "usn-changed":
		if e.isSite() {
			return []string{strconv.FormatInt(s.usn, 10)}
		}
		return e.attrs[key]
	default:
		return s.styled(t, e.attrs[key])
	}
}

// styled writes stored names in the store's style.
func (s *store) styled(t attributeType, values []string) []string {
	if t.syntax != nameSyntax || s.style == backslashStyle {
		return values
	}
	out := make([]string, 0, len(values))
	for _, value := range values {
		if n, err := parseName(value); err == nil {
			value = n.text(s.style)
		}
		out = append(out, value)
	}
	return out
}

// names of the entries at the top of the tree.
func (s *store) namingContexts() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var contexts []string
	for _, e := range s.order {
		if len(e.name) == 1 && !e.deleted {
			contexts = append(contexts, e.name.text(s.style))
		}
	}
	return contexts
}

// region is the part of the tree that a search covers.
type region struct {
	key    string // of the base
	levels int    // of the base's name
	scope  int64
}

func (r region) holds(e *entry) bool {
	below := r.key == "" || strings.HasSuffix(e.key, ","+r.key)
	switch r.scope {
	case ldap.ScopeBaseObject:
		return e.key == r.key
	case ldap.ScopeSingleLevel:
		return below && len(e.name) == r.levels+1
	default:
		return below || e.key == r.key
	}
}
