package exchange55

import (
	"context"
	"net"
	"runtime/debug"

	"github.com/glauth/glauth/v2/pkg/config"
	"github.com/glauth/glauth/v2/pkg/handler"
	"github.com/glauth/ldap"
)

// backend serves glauth's handler interface from the store. The requests that
// glauth passes in are the neutral ones; the real one is on the connection.
// So is who is bound: the library keeps the old name when a rebind fails.
type backend struct{ directory *Directory }

var (
	_ handler.Handler = backend{}
	_ ldap.Comparer   = backend{}
	_ ldap.ModifyDNr  = backend{}
	_ ldap.Extender   = backend{}
)

// answer does the work of one request and leaves the result on the
// connection. A panic becomes an answer: the library recovers from it in some
// operations only, and a test has other connections to finish.
func answer[operation any](b backend, nc net.Conn, work func(*conn, operation) result) (code ldap.LDAPResultCode, _ error) {
	c, ok := nc.(*conn)
	if !ok {
		return ldap.LDAPResultOther, nil
	}
	defer func() {
		if p := recover(); p != nil {
			r := refused(refuse(ldap.LDAPResultOther, "panic: %v\n%s", p, debug.Stack()))
			c.result, code = &r, r.code
		}
	}()
	r := refused(refuse(ldap.LDAPResultOther, "request %d is of another kind", c.request.id))
	cut := b.directory.faults.cut()
	if cut != never {
		defer c.cut()
	}
	if cut == beforeWork {
		return r.code, nil
	}
	if op, ok := c.request.operation.(operation); ok {
		r = work(c, op)
	}
	c.result = &r
	return r.code, nil
}

// Bind checks a name and password.
func (b backend) Bind(_, _ string, nc net.Conn) (ldap.LDAPResultCode, error) {
	return answer(b, nc, func(c *conn, op bindOperation) result {
		user, r := b.directory.authenticate(op)
		if r != nil {
			return refused(r)
		}
		c.user = user
		return result{}
	})
}

// Search finds entries.
func (b backend) Search(_ string, _ ldap.SearchRequest, nc net.Conn) (ldap.ServerSearchResult, error) {
	var found page
	code, err := answer(b, nc, func(c *conn, op searchOperation) result {
		found = b.directory.search(op, c)
		return found.result
	})
	return ldap.ServerSearchResult{Entries: found.entries, ResultCode: code}, err
}

// Add makes an entry.
func (b backend) Add(_ string, _ ldap.AddRequest, nc net.Conn) (ldap.LDAPResultCode, error) {
	return answer(b, nc, func(c *conn, op addOperation) result {
		return b.directory.write(ChangeRecord{DN: op.dn, Type: Add, Attributes: op.attributes}, c.user)
	})
}

// Modify changes an entry.
func (b backend) Modify(_ string, _ ldap.ModifyRequest, nc net.Conn) (ldap.LDAPResultCode, error) {
	return answer(b, nc, func(c *conn, op modifyOperation) result {
		return b.directory.write(ChangeRecord{DN: op.dn, Type: Modify, Changes: op.changes}, c.user)
	})
}

// Delete turns an entry into a tombstone.
func (b backend) Delete(_, _ string, nc net.Conn) (ldap.LDAPResultCode, error) {
	return answer(b, nc, func(c *conn, op deleteOperation) result {
		return b.directory.write(ChangeRecord{DN: op.dn, Type: Delete}, c.user)
	})
}

// ModifyDN refuses: a directory name is fixed for life (seen: SELF). The code
// is our choice; 67 would be the other candidate.
func (b backend) ModifyDN(_ string, _ ldap.ModifyDNRequest, nc net.Conn) (ldap.LDAPResultCode, error) {
	return answer(b, nc, func(_ *conn, op renameOperation) result {
		return refused(refuse(ldap.LDAPResultUnwillingToPerform,
			"%s cannot be renamed or moved; delete it and create it anew", op.dn))
	})
}

// Compare tells whether an entry has a value.
func (b backend) Compare(_ string, _ ldap.CompareRequest, nc net.Conn) (ldap.LDAPResultCode, error) {
	return answer(b, nc, func(c *conn, op compareOperation) result {
		return b.directory.store.compare(op, c.user.view)
	})
}

// Extended refuses: no extended operation is known, StartTLS included (it is
// younger than Exchange 5.5).
func (b backend) Extended(_ string, _ ldap.ExtendedRequest, nc net.Conn) (ldap.LDAPResultCode, error) {
	return answer(b, nc, func(_ *conn, op extendedOperation) result {
		return refused(refuse(ldap.LDAPResultProtocolError, "extended operation %q is not supported", op.oid))
	})
}

// Close does nothing; the library closes the connection itself.
func (b backend) Close(string, net.Conn) error { return nil }

// FindUser is of use to glauth's own programs only.
func (b backend) FindUser(context.Context, string, bool) (bool, config.User, error) {
	return false, config.User{}, nil
}

// FindGroup is of use to glauth's own programs only.
func (b backend) FindGroup(context.Context, string) (bool, config.Group, error) {
	return false, config.Group{}, nil
}
