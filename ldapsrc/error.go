package ldapsrc

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/go-ldap/ldap/v3"
)

// ErrNoSuchObject is found by errors.Is in the error of an operation on an
// entry that does not exist, or that the account is not allowed to know of.
var ErrNoSuchObject = errors.New("no such object")

// Error is what every operation on a server returns when it fails.
type Error struct {
	Op   string // what was attempted: connect, start TLS, bind, read, search, add, modify, delete, test write access, close
	URL  string // which server
	DN   string // on which entry, below which base or under which bind name; may be empty
	Code uint16 // LDAP result code; 0 when the server gave none
	Err  error
	Hint string // what to do next; may be empty
}

const (
	opConnect  = "connect"
	opStartTLS = "start TLS"
	opBind     = "bind"
	opRead     = "read"
	opSearch   = "search"
	opAdd      = "add"
	opModify   = "modify"
	opDelete   = "delete"
	opProbe    = "test write access"
	opClose    = "close"
)

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.URL + ": " + e.Op)
	if e.DN != "" {
		b.WriteString(" " + quote(e.DN))
	}
	b.WriteString(": " + e.Cause())
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports that the error is ErrNoSuchObject when the server said so.
func (e *Error) Is(target error) bool {
	return target == ErrNoSuchObject && e.Code == ldap.LDAPResultNoSuchObject
}

// Cause is the text of the cause, in the terms of LDAP where the server
// answered.
func (e *Error) Cause() string {
	var answer *ldap.Error
	if !errors.As(e.Err, &answer) {
		return e.Err.Error()
	}
	if e.Code == 0 {
		return strings.TrimPrefix(answer.Err.Error(), "ldap: ")
	}
	text := fmt.Sprintf("%s (code %d)", strings.ToLower(ldap.LDAPResultCodeMap[e.Code]), e.Code)
	if said := answer.Err.Error(); said != "" {
		text += ", the server says " + quote(said)
	}
	if answer.MatchedDN != "" {
		text += ", what exists is " + quote(answer.MatchedDN)
	}
	return text
}

// quote puts quotes around a text from outside. Backslashes stay single so
// that a distinguished name can be copied, unless there are control
// characters that could upset a terminal or a log.
func quote(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Sprintf("%q", s)
	}
	return `"` + s + `"`
}

// newError makes the error of an operation, with the hint that fits it.
func newError(url, op, dn string, err error) *Error {
	e := &Error{Op: op, URL: url, DN: dn, Err: err}
	var answer *ldap.Error
	// From 200 on they are go-ldap's own codes and no answers of a server.
	if errors.As(err, &answer) && answer.ResultCode < ldap.ErrorNetwork {
		e.Code = answer.ResultCode
	}
	e.Hint = hint(e)
	return e
}

// hints say what to do about a result code; the first row that fits is used.
// An empty op fits every operation.
var hints = []struct {
	code uint16
	op   string
	text string
}{
	{ldap.LDAPResultProtocolError, opStartTLS, "the server knows no StartTLS, as Exchange 5.5 does not; use ldaps, or a trusted wire without TLS"},
	{ldap.LDAPResultTimeLimitExceeded, "", "the server's time limit is too low for this search; raise it, or use smaller containers"},
	{ldap.LDAPResultSizeLimitExceeded, "", "the server's limit is below the page size; use a smaller page size"},
	{ldap.LDAPResultAuthMethodNotSupported, opBind, "switch on basic (clear text) authentication for LDAP on the server (Q278600)"},
	{ldap.LDAPResultReferral, "", "this server does not hold that part of the directory; use a server of the site that does"},
	{ldap.LDAPResultAdminLimitExceeded, "", "a limit of the server is too low; use a smaller page size or smaller containers, or raise it"},
	{ldap.LDAPResultConfidentialityRequired, "", "the server wants an encrypted connection; use ldaps or StartTLS"},
	{ldap.LDAPResultNoSuchAttribute, "", "the entry was changed by someone else; read it again"},
	{ldap.LDAPResultConstraintViolation, "", "a value is too long or out of range; shorten it"},
	{ldap.LDAPResultAttributeOrValueExists, "", "a value is there already, or an address is both primary and secondary (Q303028)"},
	{ldap.LDAPResultInvalidAttributeSyntax, "", "a value has characters that the attribute cannot hold, or rdn differs from the name"},
	{ldap.LDAPResultNoSuchObject, opAdd, "the container of the new entry does not exist; create it with the Administrator program"},
	{ldap.LDAPResultNoSuchObject, opDelete, "the entry is gone already"},
	{ldap.LDAPResultNoSuchObject, "", "it does not exist, or this account may not see it; check the name"},
	{ldap.LDAPResultInvalidDNSyntax, "", "the name is not a distinguished name; check how it is written"},
	{ldap.LDAPResultInappropriateAuthentication, opBind, "switch on basic (clear text) authentication for LDAP on the server (Q255791)"},
	{ldap.LDAPResultInvalidCredentials, opBind, "the name or the password is wrong; the name has the form cn=ACCOUNT,cn=DOMAIN or cn=ACCOUNT,cn=DOMAIN,cn=admin"},
	{ldap.LDAPResultInsufficientAccessRights, "", "give this account the rights it needs on the container, then restart the directory service (Q192306)"},
	{ldap.LDAPResultBusy, "", "the directory is busy or is being restored; try again later"},
	{ldap.LDAPResultUnavailable, "", "the directory is not available now; try again later"},
	{ldap.LDAPResultUnwillingToPerform, "", "the directory is read-only here; use a server of the site that owns the container"},
	{ldap.LDAPResultEntryAlreadyExists, "", "another entry has this name"},
}

func hint(e *Error) string {
	for _, h := range hints {
		if h.code == e.Code && (h.op == "" || h.op == e.Op) {
			return h.text
		}
	}
	if e.Code != 0 {
		return ""
	}
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(e.Err, context.Canceled):
		return unanswered(e)
	case errors.Is(e.Err, errPin):
		return "find out why the key is another one before you pin it: somebody may stand between"
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return "the server needs a certificate that is valid today; look at the clocks of both, too"
	case e.Op == opStartTLS && strings.Contains(e.Err.Error(), "certificate"):
		return "give the certificate of the authority that signed the server's, and use a host name that stands in it"
	case e.Op == opStartTLS:
		return "this port may not offer it; use the port for ldaps, StartTLS on the other one, or no TLS"
	case e.Op == opConnect:
		return "check the host, the port and that the directory service runs; Exchange 5.5 beside Active Directory often uses port 390 or 379 (Q224447)"
	case ldap.IsErrorWithCode(e.Err, ldap.ErrorEmptyPassword):
		return "the password is empty; give one, or bind without a name"
	}
	return unanswered(e)
}

// unanswered is the hint for an operation that got no answer.
func unanswered(e *Error) string {
	switch {
	case e.Op == opAdd, e.Op == opModify, e.Op == opDelete:
		return "whether the server carried it out is not known; read the entry before you try again"
	case errors.Is(e.Err, context.Canceled):
		return ""
	case errors.Is(e.Err, context.DeadlineExceeded):
		return "raise the time limit, or use a smaller page size"
	}
	if e.Op == opBind {
		return "the connection was lost; this may be a port for ldaps"
	}
	return "the connection was lost; try again"
}
