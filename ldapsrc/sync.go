package ldapsrc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// uuidAttribute is the name of an entry that stays when its DN changes (RFC
// 4530). Content synchronization names deleted entries by it alone.
const uuidAttribute = "entryUUID"

// refresh is what one content synchronization (RFC 4533, refreshOnly) brought.
type refresh struct {
	entries   []Entry         // new and changed
	mentioned map[string]bool // UUIDs of entries that are there
	deleted   map[string]bool // UUIDs of entries that are not
	complete  bool            // all that is there was mentioned
	cookie    []byte          // of the end; empty when nothing was changed
}

// syncMark asks for a cookie by a synchronization that finds nothing. The
// entries themselves are read page by page after that: a synchronization leaves
// out entries that were written at the same time as others (seen: slapd 2.5.13, for which the
// cookie of one search does for another). A server that thinks otherwise refuses
// the cookie, and everything is read again. Without a cookie is the mark of a
// server that does not synchronize, as a stock slapd (seen: code 12), or not for
// this account.
func (c *Conn) syncMark(ctx context.Context, base string) (Mark, error) {
	const nothing = "(" + uuidAttribute + "=00000000-0000-0000-0000-000000000000)"
	got, err := c.refresh(ctx, base, nothing, nil)
	if hasCode(err) {
		err = nil
	}
	return Mark{Server: c.URL(), Base: base, Cookie: got.cookie}, err
}

// syncChanges is Changes by content synchronization. A cookie that means nothing
// to the server brings everything and no new cookie (seen: slapd 2.5.13).
func (c *Conn) syncChanges(ctx context.Context, base string, have *Recipients, since Mark) (Delta, Mark, error) {
	got, err := c.refresh(ctx, base, c.server.Profile.filter(), since.Cookie)
	var answer *Error
	refused := []uint16{ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultSyncRefreshRequired, ldap.LDAPResultUnavailableCriticalExtension}
	if errors.As(err, &answer) && slices.Contains(refused, answer.Code) {
		return Delta{}, Mark{}, &FullReadError{fmt.Sprintf("the server does not take the cookie of the last read (%v)", answer.Cause())}
	}
	if err != nil {
		return Delta{}, Mark{}, err
	}
	// Without a new cookie the old one stays: nothing was changed, or what came
	// comes again the next time (seen: slapd 2.5.13 does both).
	if len(got.cookie) == 0 {
		got.cookie = since.Cookie
		switch all := len(got.entries) >= have.Len(); {
		case len(got.mentioned)+len(got.deleted) == 0:
			return Delta{}, since, nil
		case all:
			return Delta{}, Mark{}, &FullReadError{"the server does not know the cookie of the last read"}
		}
	}
	delta, missing, err := got.delta(have)
	if err == nil {
		err = c.addGone(ctx, &delta, missing)
	}
	if err != nil {
		return Delta{}, Mark{}, err
	}
	return delta, Mark{Server: c.URL(), Base: base, Cookie: got.cookie}, nil
}

// maxMissing is how many entries may be missing without being named as deleted;
// a full read is cheaper than to look for more.
const maxMissing = 1000

// addGone adds those of the missing entries that are not there.
func (c *Conn) addGone(ctx context.Context, d *Delta, missing []string) error {
	if len(missing) > maxMissing {
		return &FullReadError{fmt.Sprintf("the server did not tell of %d entries", len(missing))}
	}
	for _, dn := range missing {
		result, err := c.searchAgain(ctx, opRead, &ldap.SearchRequest{
			BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: c.server.Profile.filter(), Attributes: []string{noAttributes},
		})
		if err != nil && !errors.Is(err, ErrNoSuchObject) {
			return err
		}
		if err != nil || len(result.Entries) == 0 {
			d.Gone = append(d.Gone, dn)
		}
	}
	d.sort()
	return nil
}

// noAttributes asks for an entry without attributes (RFC 4511, 4.5.1.8).
const noAttributes = "1.1"

// delta is what the refresh changes in what is known, and which of the known
// entries the server did not tell of.
func (r refresh) delta(have *Recipients) (d Delta, missing []string, err error) {
	if _, err := setOf(r.entries); err != nil {
		return d, nil, err
	}
	now := map[string]Entry{} // by UUID
	for _, e := range r.entries {
		now[e.Attribute(uuidAttribute)] = e
		if known, found := have.find(e); !found || !known.Equal(e) {
			d.Changed = append(d.Changed, e)
		}
	}
	for e := range have.All() {
		uuid := e.Attribute(uuidAttribute)
		renamed, came := now[uuid]
		switch {
		case uuid == "":
			return d, nil, &FullReadError{fmt.Sprintf("%s was read without %s", quote(e.DN()), uuidAttribute)}
		case r.deleted[uuid] || came && renamed.key() != e.key():
			d.Gone = append(d.Gone, e.DN())
		case r.complete && !r.mentioned[uuid]:
			missing = append(missing, e.DN())
		}
	}
	d.sort()
	return d, missing, nil
}

// refresh asks what was changed since a cookie; everything without one.
func (c *Conn) refresh(ctx context.Context, base, filter string, cookie []byte) (got refresh, err error) {
	err = c.server.repeat(ctx, func() error {
		release, failed := c.hold(ctx)
		if failed == nil {
			got, failed = c.refreshOnce(ctx, base, filter, cookie)
			release()
		}
		if failed != nil {
			return c.readError(base, failed)
		}
		return nil
	})
	return got, err
}

func (c *Conn) refreshOnce(ctx context.Context, base, filter string, cookie []byte) (refresh, error) {
	p := c.server.Profile
	request := &ldap.SearchRequest{
		BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: filter, Attributes: p.attributes(),
		Controls: []ldap.Control{ldap.NewControlSyncRequest(ldap.SyncRequestModeRefreshOnly, cookie, false)},
	}
	c.trace(request)
	limit := c.server.ReadTimeout
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	raw := c.raw
	silence := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded)) })
	defer silence.Stop()
	// go-ldap does not tell the server that a search is over.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	got := refresh{mentioned: map[string]bool{}, deleted: map[string]bool{}}
	records := newRecorder(newNames(p))
	const waiting = 64 // entries between go-ldap and here
	answer := c.ldap.SearchAsync(ctx, request, waiting)
	done := false
	for answer.Next() {
		silence.Reset(limit)
		over, err := got.take(records, answer)
		if err != nil {
			cancel(err)
			return got, err
		}
		done = done || over
	}
	switch err := answer.Err(); {
	case ctx.Err() != nil: // which go-ldap takes for a good end
		return got, context.Cause(ctx)
	case err != nil && c.ldap.IsClosing():
		return got, lostError{err}
	case err == nil && !done:
		return got, errNoSync
	default:
		return got, err
	}
}

var errNoSync = errors.New("the server did not say how far it went")

// take takes one message of the answer. It says whether it was the last one.
func (r *refresh) take(records *recorder, answer ldap.Response) (done bool, err error) {
	if referral := answer.Referral(); referral != "" {
		return false, fmt.Errorf("%w to %s", errReferral, referral)
	}
	for _, control := range answer.Controls() {
		switch control := control.(type) {
		case *ldap.ControlSyncState:
			if err = r.takeEntry(records, answer.Entry(), control); err != nil {
				return false, err
			}
		case *ldap.ControlSyncInfo:
			r.takeInfo(control)
		case *ldap.ControlSyncDone:
			done = true
			r.cookie = control.Cookie
			r.complete = r.complete || !control.RefreshDeletes
		}
	}
	return done, nil
}

func (r *refresh) takeEntry(records *recorder, entry *ldap.Entry, state *ldap.ControlSyncState) error {
	uuid := state.EntryUUID.String()
	switch state.State {
	case ldap.SyncStateDelete:
		r.deleted[uuid] = true
		return nil
	case ldap.SyncStatePresent:
		r.mentioned[uuid] = true
		return nil
	case ldap.SyncStateAdd, ldap.SyncStateModify:
	}
	r.mentioned[uuid] = true
	records.begin([]byte(entry.DN))
	attributes := entry.Attributes
	if entry.GetEqualFoldAttributeValue(uuidAttribute) == "" {
		attributes = append(attributes, ldap.NewEntryAttribute(uuidAttribute, []string{uuid}))
	}
	for _, a := range attributes {
		if err := records.attribute([]byte(a.Name)); err != nil {
			return &entryError{entry.DN, err}
		}
		for _, value := range a.Values {
			records.value([]byte(value))
		}
	}
	record, err := records.end()
	r.entries = append(r.entries, Entry{record, records.names})
	return err
}

// takeInfo takes UUIDs, and the end of the phase in which all that is there is
// mentioned.
func (r *refresh) takeInfo(info *ldap.ControlSyncInfo) {
	switch info.Value {
	case ldap.SyncInfoRefreshPresent:
		r.complete = true
	case ldap.SyncInfoSyncIdSet:
		to := r.mentioned
		if info.SyncIdSet.RefreshDeletes {
			to = r.deleted
		}
		for _, uuid := range info.SyncIdSet.SyncUUIDs {
			to[strings.ToLower(uuid.String())] = true
		}
	case ldap.SyncInfoNewcookie, ldap.SyncInfoRefreshDelete:
	}
}
