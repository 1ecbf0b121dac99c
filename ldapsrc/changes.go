package ldapsrc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Mark says how far a read of one server went below one base. It is kept along
// with what was found, after success only, and given to Changes. Its numbers
// mean nothing on another server (documented: ADX ds2exchgd_5vhh).
type Mark struct {
	Server  string `json:"server"` // URL
	Base    string `json:"base"`
	USN     int64  `json:"usn,omitempty"`      // the highest that was seen
	BaseUSN int64  `json:"base_usn,omitempty"` // the highest of the base and of what is above it, before the read
	Removed int64  `json:"removed,omitempty"`  // up to here leftovers of deletions had been purged before the read
	Cookie  []byte `json:"cookie,omitempty"`   // of content synchronization
}

// Delta is what was changed in a set. What is gone goes before what was changed
// comes: an entry that another one replaced under the same name is in both.
type Delta struct {
	Changed []Entry  // new ones too; sorted by name
	Gone    []string // names; sorted by their normal form
}

// Empty says whether nothing was changed.
func (d Delta) Empty() bool { return len(d.Changed) == 0 && len(d.Gone) == 0 }

// AppendBinary appends the changes in a form from which Profile.ParseDelta makes
// them again.
func (d Delta) AppendBinary(to []byte) ([]byte, error) {
	return appendSet(to, kindDelta, d.Changed, d.Gone), nil
}

// ParseDelta makes changes again that AppendBinary wrote; it fails like
// ParseRecipients.
func (p Profile) ParseDelta(data []byte) (Delta, error) {
	entries, gone, err := p.parseSet(kindDelta, data)
	if err != nil {
		return Delta{}, fmt.Errorf("changes that were kept cannot be used: %w; read all recipients again", err)
	}
	return Delta{entries, gone}, nil
}

// Apply returns the set with the changes made.
func (r *Recipients) Apply(d Delta) *Recipients {
	gone := map[string]bool{}
	for _, dn := range d.Gone {
		if key, err := NormalizeDN(dn); err == nil {
			gone[key] = true
		}
	}
	changed := sorted(d.Changed)
	all := make([]Entry, 0, r.Len()+len(changed))
	for e := range r.All() {
		for len(changed) > 0 && compareFold(changed[0].normal(), e.normal()) < 0 {
			all, changed = append(all, changed[0]), changed[1:]
		}
		if len(changed) > 0 && compareFold(changed[0].normal(), e.normal()) == 0 {
			all, changed = append(all, changed[0]), changed[1:]
		} else if len(gone) == 0 || !gone[e.key()] {
			all = append(all, e)
		}
	}
	return &Recipients{append(all, changed...)}
}

// FullReadError says why only a full read will do.
type FullReadError struct{ Reason string }

func (e *FullReadError) Error() string { return "all recipients must be read again: " + e.Reason }

// overlap is how far below the mark entries are asked for again: one that is
// changed while a read is under way, after the read has passed it, has a number
// that may be below the highest that this read meets (ours).
const overlap = 1000

// Changes reads what was changed below base since a mark, which belongs to have.
// A *FullReadError says that only a full read will do: when the mark is not that
// of this server and base, when the profile has no source of changes, and under
// USNs when
//
//   - the admin view is not proved, without which deletions are not seen,
//   - a leftover of a deletion was purged that was not seen (USN-Last-Obj-Rem of
//     the base is above the mark and above what it was; documented: compnent_4qnn, object inferred),
//   - the numbers fell back, as they do when a directory is restored
//     (documented: K201414): USN-Changed of the base is lower than it was, or not
//     even the last entry itself comes again.
//
// Any other error is one of Entries. An entry that comes as it is known is no
// change. Hidden is what has Hide-From-Address-Book, deleted what has
// Is-Deleted; under the admin view both are seen, so that none is taken for the
// other. An entry that was created after the mark under a known name, or that is
// of another class, replaces the one that had it (documented: K239639).
func (c *Conn) Changes(ctx context.Context, base string, have *Recipients, since Mark) (Delta, Mark, error) {
	if reason := c.unfit(base, since); reason != "" {
		return Delta{}, Mark{}, &FullReadError{reason}
	}
	if c.server.Profile.Changes == SyncreplChanges {
		return c.syncChanges(ctx, base, have, since)
	}
	return c.usnChanges(ctx, base, have, since)
}

// unfit says why a mark is of no use.
func (c *Conn) unfit(base string, since Mark) string {
	source := c.server.Profile.Changes
	now, err := NormalizeDN(base)
	then, errThen := NormalizeDN(since.Base)
	switch {
	case source != USNChanges && source != SyncreplChanges:
		return fmt.Sprintf("the profile %s knows no source of changes", c.server.Profile.Name)
	case since.Server != c.URL():
		return fmt.Sprintf("they were last read from %s, and its change numbers are not those of %s", quote(since.Server), c.URL())
	case err != nil || errThen != nil || now != then:
		return fmt.Sprintf("they were last read below %s", quote(since.Base))
	case source == USNChanges && c.server.Profile.Filter != "":
		return "the profile has a filter, and what no longer passes it would not be told"
	case source == USNChanges && since.USN <= 0:
		return "not all of them had a change number"
	case source == SyncreplChanges && len(since.Cookie) == 0:
		return "the server gave no cookie: it does not offer content synchronization, or not to this account"
	}
	return ""
}

func (c *Conn) usnChanges(ctx context.Context, base string, have *Recipients, since Mark) (Delta, Mark, error) {
	fail := func(err error) (Delta, Mark, error) { return Delta{}, Mark{}, err }
	if proved, err := c.AdminView(ctx, base); err != nil {
		return fail(err)
	} else if !proved {
		return fail(&FullReadError{fmt.Sprintf("below %s there is neither a hidden nor a deleted object that proves the admin view, without which deletions are not seen", quote(base))})
	}
	mark, err := c.baseMark(ctx, base)
	if err != nil {
		return fail(err)
	}
	switch seen := max(since.USN, since.Removed); {
	case mark.Removed > seen:
		return fail(&FullReadError{fmt.Sprintf("leftovers of deletions were purged up to change %d, and the last read went up to %d", mark.Removed, seen)})
	case mark.BaseUSN < since.BaseUSN:
		return fail(&FullReadError{fmt.Sprintf("the change number of %s fell from %d to %d, as when a directory is restored", quote(base), since.BaseUSN, mark.BaseUSN)})
	}
	var delta Delta
	for e, err := range c.Entries(ctx, base, max(since.USN-overlap, 1)) {
		if err != nil {
			return fail(err)
		}
		mark.USN = max(mark.USN, e.USNChanged())
		delta.add(e, have, since)
	}
	if mark.USN < since.USN {
		return fail(&FullReadError{fmt.Sprintf("the server does not know change %d, which was the last one read; its numbers fell back", since.USN)})
	}
	after, err := c.baseMark(ctx, base)
	if err != nil {
		return fail(err)
	}
	if after.Removed > max(since.USN, since.Removed) {
		return fail(&FullReadError{"leftovers of deletions were purged while the changes were read"})
	}
	delta.sort()
	return delta, mark, nil
}

// baseMark reads, before a read, the change numbers of the entry of base and of
// those above it; of an organization, also of the sites in it. So the site's is
// among them, wherever base is. No USN-Last-Obj-Rem means that nothing was
// purged.
func (c *Conn) baseMark(ctx context.Context, base string) (mark Mark, err error) {
	mark = Mark{Server: c.URL(), Base: base}
	f := c.server.Profile.Fields
	if f.USNChanged == "" {
		return mark, nil
	}
	attributes := named(f.USNChanged, f.USNLastRemoved)
	requests := []*ldap.SearchRequest{{BaseDN: base, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes}}
	if above, err := normalRDNs(base); err == nil && f.USNLastRemoved != "" {
		for i := 1; i < len(above); i++ {
			name := strings.Join(above[i:], ",")
			requests = append(requests, &ldap.SearchRequest{BaseDN: name, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: attributes})
		}
		if len(above) == 1 { // the sites are below
			requests = append(requests, &ldap.SearchRequest{
				BaseDN: base, Scope: ldap.ScopeSingleLevel, Filter: "(" + f.USNLastRemoved + "=*)", Attributes: attributes,
			})
		}
	}
	for i, request := range requests {
		result, err := c.searchAgain(ctx, opRead, request)
		if i > 0 && isOutOfSight(err) {
			continue
		}
		if err != nil {
			return mark, err
		}
		for _, entry := range result.Entries {
			if err := c.noteUSNs(entry, &mark); err != nil {
				return mark, err
			}
		}
	}
	return mark, nil
}

// isOutOfSight says whether an error is that of an entry that this account need
// not see.
func isOutOfSight(err error) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains([]uint16{
		ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultReferral,
	}, e.Code)
}

// hasCode says whether an error is an answer of the server's.
func hasCode(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code != 0
}

// noteUSNs takes the change numbers of an entry that is at or above a base.
func (c *Conn) noteUSNs(entry *ldap.Entry, mark *Mark) error {
	f := c.server.Profile.Fields
	for _, number := range []struct {
		name string
		to   *int64
	}{{f.USNChanged, &mark.BaseUSN}, {f.USNLastRemoved, &mark.Removed}} {
		if number.name == "" {
			continue
		}
		n, err := integer(number.name, entry.GetEqualFoldAttributeValue(number.name), 0)
		if err != nil {
			return c.fail(opRead, entry.DN, err)
		}
		*number.to = max(*number.to, n)
	}
	return nil
}

// add takes an entry that came, if it is a change.
func (d *Delta) add(e Entry, have *Recipients, since Mark) {
	known, found := have.find(e)
	switch {
	case e.Deleted():
		if found {
			d.Gone = append(d.Gone, known.DN())
		}
		return
	case found && known.Equal(e):
		return
	case found && (e.USNCreated() > since.USN || e.USNCreated() != known.USNCreated() || e.Class() != known.Class()):
		d.Gone = append(d.Gone, known.DN())
	}
	d.Changed = append(d.Changed, e)
}

func (d *Delta) sort() {
	d.Changed = sorted(d.Changed)
	slices.SortFunc(d.Gone, func(a, b string) int { return compareFold(normalized(a), normalized(b)) })
}

// normalized is the normal form of a name that was checked.
func normalized(dn string) string {
	normal, _ := NormalizeDN(dn)
	return normal
}
