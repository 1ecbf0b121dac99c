package exchange55

import (
	"strings"

	"github.com/glauth/ldap"
)

// authenticate checks a bind. The name is not the name of an entry but an NT
// account (documented: K182507, SDK directry_1tpw).
func (d *Directory) authenticate(op bindOperation) (identity, *refusal) {
	switch {
	case op.version != 3:
		return identity{}, refuse(ldap.LDAPResultProtocolError, "LDAP version %d is not served, only 3", op.version)
	case op.sasl:
		return identity{}, refuse(ldap.LDAPResultAuthMethodNotSupported, "only simple binds are served")
	case op.name == "" && op.password == "":
		return identity{}, nil
	case op.password == "":
		return identity{}, refuse(ldap.LDAPResultUnwillingToPerform, "a name without a password")
	}
	who, r := parseBindName(op.name)
	if r != nil {
		return identity{}, r
	}
	for _, account := range d.accounts {
		if !strings.EqualFold(account.Domain, who.domain) || !strings.EqualFold(account.Name, who.account) ||
			account.Password != op.password {
			continue
		}
		user := identity{view: authenticatedView, write: account.Write}
		if who.admin && account.AdminView { // without the right it fails silently (documented: K185475)
			user.view = adminView
		}
		return user, nil
	}
	return identity{}, refuse(ldap.LDAPResultInvalidCredentials, "unknown account or wrong password")
}

// bindName is a decoded bind name.
type bindName struct {
	domain, account string
	admin           bool
}

// parseBindName reads cn=<account>,cn=<DOMAIN>, dc=<DOMAIN>,cn=<account>
// (documented) and cn=<account>,dc=<DOMAIN> (seen: SMP-vb), each with or
// without ,cn=admin.
func parseBindName(text string) (bindName, *refusal) {
	n, r := parseDN(text)
	if r != nil {
		return bindName{}, r
	}
	var who bindName
	if len(n) == 3 && n[2].attribute == "cn" && strings.EqualFold(n[2].value, "admin") {
		who.admin = true
		n = n[:2]
	}
	unknown := refuse(ldap.LDAPResultInvalidCredentials, "the bind name is not of the form cn=<account>,cn=<DOMAIN>[,cn=admin]")
	if len(n) != 2 {
		return bindName{}, unknown
	}
	switch n[0].attribute + "," + n[1].attribute {
	case "cn,cn", "cn,dc":
		who.account, who.domain = n[0].value, n[1].value
	case "dc,cn":
		who.domain, who.account = n[0].value, n[1].value
	default:
		return bindName{}, unknown
	}
	return who, nil
}

// search answers a search as the client's rights and the faults have it.
func (d *Directory) search(op searchOperation, c *conn) page {
	effect := d.faults.onSearch(op.base)
	if effect.concealed {
		if c.request.paging != nil {
			return page{result: result{controls: pagingControl(nil)}}
		}
		return page{}
	}
	op.hidden = effect.hidden
	if effect.anyAsInitial {
		op.filter = op.filter.anyAsInitial()
	}
	found := d.store.search(op, c.request.paging, c.user.view, d.sizeLimit)
	c.dropAfter = d.faults.dropWithin(len(found.entries))
	return found
}

// write makes a change on behalf of a client.
func (d *Directory) write(record ChangeRecord, user identity) result {
	if !user.write {
		return refused(refuse(ldap.LDAPResultInsufficientAccessRights, "this account may not write"))
	}
	if d.faults.busy(record.DN) {
		return refused(refuse(ldap.LDAPResultBusy, "the directory is busy, try again"))
	}
	if r := d.store.apply(record, writer{view: user.view}); r != nil {
		return refused(r)
	}
	d.noteWrite(record)
	return result{}
}

// compare answers a compare request.
func (s *store) compare(op compareOperation, user view) result {
	n, r := parseDN(op.dn)
	if r != nil {
		return refused(r)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.entries[n.key()]
	if e == nil || !user.finds(e) {
		return refused(refuse(ldap.LDAPResultNoSuchObject, "there is no %s", op.dn))
	}
	t, known := attributesByName[strings.ToLower(op.attribute)]
	if !known {
		return refused(refuse(ldap.LDAPResultUndefinedAttributeType, "attribute %s is unknown", op.attribute))
	}
	values := s.read(e, t)
	switch {
	case len(values) == 0 || !user.reads(t):
		return refused(refuse(ldap.LDAPResultNoSuchAttribute, "%s: the object has none", t.name))
	case t.index(values, op.value) >= 0:
		return result{code: ldap.LDAPResultCompareTrue}
	}
	return result{code: ldap.LDAPResultCompareFalse}
}
