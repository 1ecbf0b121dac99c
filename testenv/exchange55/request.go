package exchange55

import (
	"errors"
	"fmt"

	"github.com/glauth/ldap"
)

// request is one LDAP message, decoded in full. The protocol library loses
// parts of most requests, so the handler works from this instead.
type request struct {
	id        int64
	tag       byte // of the operation
	operation any  // one of the operation types below
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

const pagingOID = ldap.ControlTypePaging

// The identifier octets of the operations: application class, constructed
// unless marked.
const (
	bindTag     = 0x60
	unbindTag   = 0x42 // primitive
	searchTag   = 0x63
	entryTag    = 0x64
	modifyTag   = 0x66
	addTag      = 0x68
	deleteTag   = 0x4a // primitive
	renameTag   = 0x6c
	compareTag  = 0x6e
	abandonTag  = 0x50 // primitive
	extendedTag = 0x77
)

// Other identifier octets of the context class.
const (
	simpleTag       = 0x80 // of a bind
	saslTag         = 0xa3
	newSuperiorTag  = 0x80 // of a rename
	requestNameTag  = 0x80 // of an extended operation
	requestValueTag = 0x81
	controlsTag     = 0xa0
)

// errEnvelope marks a message that has no usable number or operation; after
// it the two sides cannot understand each other any more.
var errEnvelope = errors.New("no LDAP message")

// decodeRequest decodes one LDAP message. When the error is a *refusal the
// message number and operation are known and the request can be answered.
func decodeRequest(pdu []byte) (request, error) {
	elements, err := parseElements(pdu, 0)
	if err != nil {
		return request{}, fmt.Errorf("%w: %w", errEnvelope, err)
	}
	if len(elements) != 1 || elements[0].tag != tagSequence {
		return request{}, fmt.Errorf("%w: not one sequence", errEnvelope)
	}
	c := cursor{rest: elements[0].children}
	req := request{id: c.number(tagInteger)}
	if c.err != nil || req.id <= 0 || len(c.rest) == 0 {
		return request{}, fmt.Errorf("%w: no message number or no operation", errEnvelope)
	}
	body := c.rest[0]
	c.rest, req.tag = c.rest[1:], body.tag
	decode, ok := decoders[req.tag]
	if !ok {
		return request{}, fmt.Errorf("%w: operation %#02x is unknown", errEnvelope, req.tag)
	}
	if req.operation, err = decode(body); err != nil {
		return req, refuse(ldap.LDAPResultProtocolError, "malformed request: %v", err)
	}
	if req.tag == abandonTag || req.tag == unbindTag {
		return req, nil // they have no answer that could refuse a control
	}
	err = req.readControls(&c)
	return req, err
}

var decoders = map[byte]func(element) (any, error){
	bindTag:     decodeBind,
	unbindTag:   func(element) (any, error) { return unbindOperation{}, nil },
	searchTag:   decodeSearch,
	modifyTag:   decodeModify,
	addTag:      decodeAdd,
	deleteTag:   func(e element) (any, error) { return deleteOperation{dn: string(e.content)}, nil },
	renameTag:   decodeRename,
	compareTag:  decodeCompare,
	abandonTag:  func(element) (any, error) { return abandonOperation{}, nil },
	extendedTag: decodeExtended,
}

func decodeBind(e element) (any, error) {
	c := cursor{rest: e.children}
	bind := bindOperation{version: c.number(tagInteger), name: c.text()}
	if bind.sasl = c.more(saslTag); bind.sasl {
		c.next(saslTag)
	} else {
		bind.password = string(c.next(simpleTag).content)
	}
	return bind, c.end()
}

func decodeSearch(e element) (any, error) {
	c := cursor{rest: e.children}
	search := searchOperation{base: c.text(), scope: c.number(tagEnumerated)}
	c.number(tagEnumerated) // derefAliases is ignored (documented: SDK directry_1tpw)
	search.sizeLimit = c.number(tagInteger)
	c.number(tagInteger) // nothing here takes long enough for a time limit
	search.typesOnly = c.boolean()
	if len(c.rest) > 0 {
		search.rawFilter = c.rest[0].content
	}
	search.filter = decodeFilter(&c)
	search.attributes = c.texts(tagSequence)
	if search.scope < ldap.ScopeBaseObject || search.scope > ldap.ScopeWholeSubtree || search.sizeLimit < 0 {
		c.fail("scope %d, size limit %d", search.scope, search.sizeLimit)
	}
	return search, c.end()
}

func decodeAdd(e element) (any, error) {
	c := cursor{rest: e.children}
	add := addOperation{dn: c.text()}
	c.each(func(item *cursor) {
		attribute := decodeAttribute(item)
		if len(attribute.Values) == 0 {
			item.fail("attribute %s has no values", attribute.Name)
		}
		add.attributes = append(add.attributes, attribute)
	})
	return add, c.end()
}

func decodeAttribute(c *cursor) Attribute {
	return Attribute{Name: c.text(), Values: c.texts(tagSet)}
}

func decodeModify(e element) (any, error) {
	c := cursor{rest: e.children}
	modify := modifyOperation{dn: c.text()}
	c.each(func(item *cursor) {
		op := ChangeOp(item.number(tagEnumerated))
		if op < AddValues || op > ReplaceValues {
			item.fail("modify operation %d", op)
		}
		body := cursor{rest: item.next(tagSequence).children}
		modify.changes = append(modify.changes, Change{Op: op, Attribute: decodeAttribute(&body)})
		item.take(body)
	})
	return modify, c.end()
}

func decodeRename(e element) (any, error) {
	c := cursor{rest: e.children}
	rename := renameOperation{dn: c.text()}
	c.text() // the new name
	c.boolean()
	if c.more(newSuperiorTag) {
		c.next(newSuperiorTag)
	}
	return rename, c.end()
}

func decodeCompare(e element) (any, error) {
	c := cursor{rest: e.children}
	compare := compareOperation{dn: c.text()}
	assertion := cursor{rest: c.next(tagSequence).children}
	compare.attribute, compare.value = assertion.text(), assertion.text()
	c.take(assertion)
	return compare, c.end()
}

func decodeExtended(e element) (any, error) {
	c := cursor{rest: e.children}
	extended := extendedOperation{oid: string(c.next(requestNameTag).content)}
	if c.more(requestValueTag) {
		c.next(requestValueTag)
	}
	return extended, c.end()
}

// readControls takes the paging control of a search and refuses any other
// control that is critical.
func (req *request) readControls(c *cursor) error {
	_, search := req.operation.(searchOperation)
	var unsupported *refusal
	if c.more(controlsTag) {
		list := cursor{rest: c.next(controlsTag).children}
		for len(list.rest) > 0 {
			item := cursor{rest: list.next(tagSequence).children}
			ctl := decodeControl(&item)
			switch {
			case search && ctl.oid == pagingOID:
				req.paging = decodePaging(ctl.value, &item)
			case ctl.critical && unsupported == nil:
				unsupported = refuse(ldap.LDAPResultUnavailableCriticalExtension, "control %s is not supported", ctl.oid)
			}
			list.take(item)
		}
		c.take(list)
	}
	if err := c.end(); err != nil {
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

func decodeControl(c *cursor) control {
	ctl := control{oid: c.text()}
	if c.more(tagBoolean) {
		ctl.critical = c.boolean()
	}
	if c.more(tagString) {
		ctl.value = c.next(tagString).content
	}
	return ctl
}

// decodePaging reads the value of the paging control; what is wrong with it
// goes to the control's cursor.
func decodePaging(value []byte, ctl *cursor) *paging {
	elements, err := parseElements(value, 0)
	if err != nil {
		ctl.fail("paging: %w", err)
		return nil
	}
	outer := cursor{rest: elements}
	c := cursor{rest: outer.next(tagSequence).children}
	p := &paging{size: c.number(tagInteger), cookie: c.next(tagString).content}
	if p.size < 0 {
		c.fail("page size %d", p.size)
	}
	outer.take(c)
	ctl.take(outer)
	return p
}
