package exchange55

import (
	"errors"
	"fmt"

	"github.com/glauth/ldap"

	"ccdirsync/testenv/pdu"
)

// request is one LDAP message, decoded in full. The protocol library loses
// parts of most requests, so the handler works from this instead.
type request struct {
	id        int64
	op        pdu.Op
	operation any // one of the operation types below
	paging    *paging
}

type (
	bindOperation struct {
		version        int64
		name, password string
		sasl           bool
	}
	searchOperation struct {
		base       string
		scope      int64
		sizeLimit  int64
		typesOnly  bool
		filter     filter
		rawFilter  []byte
		attributes []string
		hidden     map[string]bool // keys of entries that a fault keeps out
	}
	addOperation struct {
		dn         string
		attributes []Attribute
	}
	modifyOperation struct {
		dn      string
		changes []Change
	}
	deleteOperation   struct{ dn string }
	compareOperation  struct{ dn, attribute, value string }
	renameOperation   struct{ dn string }
	extendedOperation struct{ oid string }
	abandonOperation  struct{}
	unbindOperation   struct{}
)

// paging is the value of the paged results control (RFC 2696).
type paging struct {
	size   int64
	cookie []byte
}

// maxPDU bounds one LDAP message. A list of 5,000 members, the documented most
// (K247654), takes half of it.
const maxPDU = 1 << 20

const pagingOID = ldap.ControlTypePaging

// Other identifier octets of the context class.
const (
	simpleTag       = 0x80 // of a bind
	saslTag         = 0xa3
	newSuperiorTag  = 0x80 // of a rename
	requestNameTag  = 0x80 // of an extended operation
	requestValueTag = 0x81
)

// errEnvelope marks a message that has no usable number or operation; after
// it the two sides cannot understand each other any more.
var errEnvelope = errors.New("no LDAP message")

// decodeRequest decodes one LDAP message. When the error is a *refusal the
// message number and operation are known and the request can be answered.
func decodeRequest(message []byte) (request, error) {
	elements, err := pdu.Parse(message)
	if err != nil {
		return request{}, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	if len(elements) != 1 || elements[0].Tag != pdu.Sequence {
		return request{}, fmt.Errorf("%w: not one sequence", errEnvelope)
	}
	c := pdu.Cursor{Rest: elements[0].Children}
	req := request{id: c.Number(pdu.Integer)}
	if c.Err != nil || req.id <= 0 || len(c.Rest) == 0 {
		return request{}, fmt.Errorf("%w: no message number or no operation", errEnvelope)
	}
	body := c.Rest[0]
	c.Rest, req.op = c.Rest[1:], pdu.Op(body.Tag)
	decode, ok := decoders[req.op]
	if !ok {
		return request{}, fmt.Errorf("%w: operation %#02x is unknown", errEnvelope, req.op)
	}
	if req.operation, err = decode(body); err != nil {
		return req, refuse(ldap.LDAPResultProtocolError, "malformed request: %v", err)
	}
	if req.op == pdu.AbandonRequest || req.op == pdu.UnbindRequest {
		return req, nil // they have no answer that could refuse a control
	}
	err = req.readControls(&c)
	return req, err
}

var decoders = map[pdu.Op]func(pdu.Element) (any, error){
	pdu.BindRequest:     decodeBind,
	pdu.UnbindRequest:   func(pdu.Element) (any, error) { return unbindOperation{}, nil },
	pdu.SearchRequest:   decodeSearch,
	pdu.ModifyRequest:   decodeModify,
	pdu.AddRequest:      decodeAdd,
	pdu.DeleteRequest:   func(e pdu.Element) (any, error) { return deleteOperation{dn: string(e.Content)}, nil },
	pdu.RenameRequest:   decodeRename,
	pdu.CompareRequest:  decodeCompare,
	pdu.AbandonRequest:  func(pdu.Element) (any, error) { return abandonOperation{}, nil },
	pdu.ExtendedRequest: decodeExtended,
}

func decodeBind(e pdu.Element) (any, error) {
	c := pdu.Cursor{Rest: e.Children}
	bind := bindOperation{version: c.Number(pdu.Integer), name: c.Text()}
	if bind.sasl = c.More(saslTag); bind.sasl {
		c.Next(saslTag)
	} else {
		bind.password = string(c.Next(simpleTag).Content)
	}
	return bind, c.End()
}

func decodeSearch(e pdu.Element) (any, error) {
	c := pdu.Cursor{Rest: e.Children}
	search := searchOperation{base: c.Text(), scope: c.Number(pdu.Enumerated)}
	c.Number(pdu.Enumerated) // derefAliases is ignored (documented: SDK directry_1tpw)
	search.sizeLimit = c.Number(pdu.Integer)
	c.Number(pdu.Integer) // nothing here takes long enough for a time limit
	search.typesOnly = c.Boolean()
	if len(c.Rest) > 0 {
		search.rawFilter = c.Rest[0].Content
	}
	search.filter = decodeFilter(&c)
	search.attributes = c.Texts(pdu.Sequence)
	if search.scope < ldap.ScopeBaseObject || search.scope > ldap.ScopeWholeSubtree || search.sizeLimit < 0 {
		c.Fail("scope %d, size limit %d", search.scope, search.sizeLimit)
	}
	return search, c.End()
}

func decodeAdd(e pdu.Element) (any, error) {
	c := pdu.Cursor{Rest: e.Children}
	add := addOperation{dn: c.Text()}
	c.Each(func(item *pdu.Cursor) {
		attribute := decodeAttribute(item)
		if len(attribute.Values) == 0 {
			item.Fail("attribute %s has no values", attribute.Name)
		}
		add.attributes = append(add.attributes, attribute)
	})
	return add, c.End()
}

func decodeAttribute(c *pdu.Cursor) Attribute {
	return Attribute{Name: c.Text(), Values: c.Texts(pdu.Set)}
}

func decodeModify(e pdu.Element) (any, error) {
	c := pdu.Cursor{Rest: e.Children}
	modify := modifyOperation{dn: c.Text()}
	c.Each(func(item *pdu.Cursor) {
		op := ChangeOp(item.Number(pdu.Enumerated))
		if op < AddValues || op > ReplaceValues {
			item.Fail("modify operation %d", op)
		}
		body := pdu.Cursor{Rest: item.Next(pdu.Sequence).Children}
		modify.changes = append(modify.changes, Change{Op: op, Attribute: decodeAttribute(&body)})
		item.Take(body)
	})
	return modify, c.End()
}

func decodeRename(e pdu.Element) (any, error) {
	c := pdu.Cursor{Rest: e.Children}
	rename := renameOperation{dn: c.Text()}
	c.Text() // the new name
	c.Boolean()
	if c.More(newSuperiorTag) {
		c.Next(newSuperiorTag)
	}
	return rename, c.End()
}

func decodeCompare(e pdu.Element) (any, error) {
	c := pdu.Cursor{Rest: e.Children}
	compare := compareOperation{dn: c.Text()}
	assertion := pdu.Cursor{Rest: c.Next(pdu.Sequence).Children}
	compare.attribute, compare.value = assertion.Text(), assertion.Text()
	c.Take(assertion)
	return compare, c.End()
}

func decodeExtended(e pdu.Element) (any, error) {
	c := pdu.Cursor{Rest: e.Children}
	extended := extendedOperation{oid: string(c.Next(requestNameTag).Content)}
	if c.More(requestValueTag) {
		c.Next(requestValueTag)
	}
	return extended, c.End()
}

// readControls takes the paging control of a search and refuses any other
// control that is critical.
func (req *request) readControls(c *pdu.Cursor) error {
	_, search := req.operation.(searchOperation)
	var unsupported *refusal
	if c.More(pdu.Controls) {
		list := pdu.Cursor{Rest: c.Next(pdu.Controls).Children}
		for len(list.Rest) > 0 {
			item := pdu.Cursor{Rest: list.Next(pdu.Sequence).Children}
			ctl := decodeControl(&item)
			switch {
			case search && ctl.oid == pagingOID:
				req.paging = decodePaging(ctl.value, &item)
			case ctl.critical && unsupported == nil:
				unsupported = refuse(ldap.LDAPResultUnavailableCriticalExtension, "control %s is not supported", ctl.oid)
			}
			list.Take(item)
		}
		c.Take(list)
	}
	if err := c.End(); err != nil {
		return refuse(ldap.LDAPResultProtocolError, "malformed controls: %v", err)
	}
	if unsupported != nil {
		return unsupported
	}
	return nil
}

type control struct {
	oid      string
	critical bool
	value    []byte
}

func decodeControl(c *pdu.Cursor) control {
	ctl := control{oid: c.Text()}
	if c.More(pdu.Boolean) {
		ctl.critical = c.Boolean()
	}
	if c.More(pdu.String) {
		ctl.value = c.Next(pdu.String).Content
	}
	return ctl
}

// decodePaging reads the value of the paging control; what is wrong with it
// goes to the control's cursor.
func decodePaging(value []byte, ctl *pdu.Cursor) *paging {
	elements, err := pdu.Parse(value)
	if err != nil {
		ctl.Fail("paging: %w", err)
		return nil
	}
	outer := pdu.Cursor{Rest: elements}
	c := pdu.Cursor{Rest: outer.Next(pdu.Sequence).Children}
	p := &paging{size: c.Number(pdu.Integer), cookie: c.Next(pdu.String).Content}
	if p.size < 0 {
		c.Fail("page size %d", p.size)
	}
	outer.Take(c)
	ctl.Take(outer)
	return p
}
