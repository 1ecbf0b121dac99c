package ldapsrc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Exists says whether an entry is there. The error is ErrNoSuchObject when it
// is not, when it is a leftover of a deletion, or when this account may not
// see it.
func (c *Conn) Exists(ctx context.Context, dn string) error {
	deleted := c.server.Profile.Fields.Deleted
	request := &ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: []string{deleted},
	}
	result, err := c.searchAgain(ctx, opRead, request)
	if err != nil {
		return err
	}
	if len(result.Entries) == 0 || isTrue(result.Entries[0].GetEqualFoldAttributeValue(deleted)) {
		e := newError(c.URL(), opRead, dn, ErrNoSuchObject)
		e.Hint = "it does not exist, or this account may not see it; check the name"
		return e
	}
	return nil
}

// AdminView proves that hidden and deleted objects are seen: it is true when
// there is one below base that can be read. False means that it is not proved,
// either because the account has no admin view or because there is no hidden
// or deleted object at all.
func (c *Conn) AdminView(ctx context.Context, base string) (bool, error) {
	f := c.server.Profile.Fields
	request := &ldap.SearchRequest{
		BaseDN: base, Scope: ldap.ScopeWholeSubtree, SizeLimit: 1,
		Filter:     fmt.Sprintf("(|(%s=TRUE)(%s=TRUE))", f.Deleted, f.Hidden),
		Attributes: []string{f.Deleted, f.Hidden},
	}
	result, err := c.searchAgain(ctx, opSearch, request)
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return false, err
	}
	// Look at the entry too: a server may take the filter loosely.
	return slices.ContainsFunc(result.Entries, func(e *ldap.Entry) bool {
		return isTrue(e.GetEqualFoldAttributeValue(f.Deleted)) || isTrue(e.GetEqualFoldAttributeValue(f.Hidden))
	}), nil
}

// Recipients reads all recipients below base (and base itself, if it is one),
// sorted by name. The read is whole or it is an error; an entry that cannot be
// understood is an error that names it. Leftovers of deletions are left out.
//
// An empty result proves nothing: ask Exists for base before believing it.
func (c *Conn) Recipients(ctx context.Context, base string) ([]Recipient, error) {
	p := c.server.Profile
	request := &ldap.SearchRequest{
		BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: p.filter(), Attributes: p.attributes(),
	}
	var found map[string]Recipient // by the normal form of the name
	err := c.server.repeat(ctx, func() error {
		found = map[string]Recipient{}
		err := c.eachPage(ctx, request, func(entries []*ldap.Entry) error {
			for _, entry := range entries {
				if err := p.collect(entry, found); err != nil {
					return &entryError{entry.DN, err}
				}
			}
			return nil
		})
		if err != nil {
			return c.readError(base, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	recipients := make([]Recipient, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		recipients = append(recipients, found[name])
	}
	return recipients, nil
}

// entryError is an entry that spoils the read.
type entryError struct {
	dn  string
	err error
}

func (e *entryError) Error() string { return fmt.Sprintf("entry %s: %v", quote(e.dn), e.err) }
func (e *entryError) Unwrap() error { return e.err }

var (
	errReferral = errors.New("the server answered with a referral")
	errNoPaging = errors.New("the server did not say whether there are more pages")
	errSamePage = errors.New("the server gave the same page mark twice")
)

// readError makes the error of a read that is not whole.
func (c *Conn) readError(base string, err error) error {
	e := c.fail(opSearch, base, err)
	var entry *entryError
	switch {
	case errors.As(err, &entry):
		e.Hint = "correct this entry; nothing was taken from this read"
	case errors.Is(err, errReferral):
		e.Hint = "part of this container is on another server; use containers that this server holds"
	case errors.Is(err, errNoPaging), errors.Is(err, errSamePage):
		e.Hint = "the read may not be whole, so nothing was taken from it; use a server that can page answers"
	}
	return e
}

// eachPage searches page by page (RFC 2696) until the server says that there
// is no more.
func (c *Conn) eachPage(ctx context.Context, request *ldap.SearchRequest, do func([]*ldap.Entry) error) error {
	release, err := c.hold(ctx) // the page marks are worth nothing on another connection
	if err != nil {
		return err
	}
	defer release()
	paging := ldap.NewControlPaging(uint32(c.server.PageSize))
	request.Controls = []ldap.Control{paging}
	c.trace(request)
	for {
		result, err := c.search(ctx, request)
		if err != nil {
			return err
		}
		if len(result.Referrals) > 0 {
			return fmt.Errorf("%w to %s", errReferral, strings.Join(result.Referrals, ", "))
		}
		if err := do(result.Entries); err != nil {
			return err
		}
		answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		switch {
		case !ok:
			return errNoPaging
		case len(answer.Cookie) == 0:
			return nil
		case bytes.Equal(answer.Cookie, paging.Cookie):
			return errSamePage
		}
		paging.SetCookie(answer.Cookie)
	}
}

// searchAgain does a search that is one request, and may thus be repeated.
func (c *Conn) searchAgain(ctx context.Context, op string, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	c.trace(request)
	var result *ldap.SearchResult
	err := c.server.repeat(ctx, func() (err error) {
		if result, err = c.search(ctx, request); err != nil {
			return c.fail(op, request.BaseDN, err)
		}
		return nil
	})
	return result, err
}

// search sends one search request and returns the answer, or what came of it
// with the error.
func (c *Conn) search(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	var result *ldap.SearchResult
	err := c.request(ctx, c.server.ReadTimeout, func() (err error) {
		result, err = c.ldap.Search(request)
		return err
	})
	return result, err
}
