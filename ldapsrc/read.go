package ldapsrc

import (
	"context"
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// Exists says whether an entry is there. The error is ErrNoSuchObject when it
// is not, when it is a leftover of a deletion, or when this account may not
// see it.
func (c *Conn) Exists(ctx context.Context, dn string) error {
	deleted := c.server.Profile.Fields.Deleted
	request := &ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: named(deleted),
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
	request := &ldap.SearchRequest{BaseDN: base, Scope: ldap.ScopeWholeSubtree, SizeLimit: 1, Attributes: named(f.Deleted, f.Hidden)}
	for _, name := range request.Attributes {
		request.Filter += "(" + name + "=TRUE)"
	}
	request.Filter = "(|" + request.Filter + ")"
	result, err := c.searchAgain(ctx, opSearch, request)
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return false, err
	}
	// Look at the entry too: a server may take the filter loosely.
	return slices.ContainsFunc(result.Entries, func(e *ldap.Entry) bool {
		return isTrue(e.GetEqualFoldAttributeValue(f.Deleted)) || isTrue(e.GetEqualFoldAttributeValue(f.Hidden))
	}), nil
}

// named are the attributes to ask for of those that the profile may lack; no
// attribute, in LDAP's words, when it lacks all.
func named(attributes ...string) []string {
	attributes = slices.DeleteFunc(attributes, func(name string) bool { return name == "" })
	if len(attributes) == 0 {
		return []string{"1.1"}
	}
	return attributes
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
