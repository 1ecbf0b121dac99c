package exchange55

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/glauth/ldap"
	ber "github.com/go-asn1-ber/asn1-ber"
)

// page is one answer to a search.
type page struct {
	entries []*ldap.Entry
	result  result
}

// limits are the bounds of one answer, taken from the request and the server.
type limits struct {
	total  int   // most entries in the answer, all pages taken together; 0 is no limit
	paged  bool  // and with it:
	page   int   // most entries in this page
	after  int64 // only entries with a higher id
	before int   // entries sent in earlier pages
}

// search answers one search request. An answer that overruns the limit holds
// the first entries and sizeLimitExceeded (the code is our choice; the 100
// entries are documented: K243786).
func (s *store) search(req searchOperation, pages *paging, user view, serverLimit int) page {
	base, r := parseDN(req.base)
	if r != nil {
		return page{result: refused(r)}
	}
	if len(base) == 0 && req.scope == ldap.ScopeBaseObject {
		return s.rootDSE(req)
	}
	lim, r := req.limits(pages, user, serverLimit)
	if r != nil {
		return page{result: refused(r)}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(base) > 0 {
		if e := s.entries[base.key()]; e == nil || !user.sees(e) {
			return page{result: refused(refuse(ldap.LDAPResultNoSuchObject, "there is no %s", req.base))}
		}
	}
	if lim.paged && pages.size == 0 {
		return page{result: result{controls: pagingControl(nil)}} // the client gives up the paged search (RFC 2696)
	}
	return s.collectPage(req, base, user, lim)
}

func (s *store) collectPage(req searchOperation, base name, user view, lim limits) page {
	selection := newSelection(req.attributes)
	selection.typesOnly = req.typesOnly
	start, _ := slices.BinarySearchFunc(s.order, lim.after+1, func(e *entry, id int64) int { return int(e.id - id) })
	covered := region{key: base.key(), levels: len(base), scope: req.scope}
	var p page
	var last int64
	for _, e := range s.order[start:] {
		if !user.finds(e) || req.hidden[e.key] || !covered.holds(e) || req.filter.evaluate(s.reader(e, user)) != yes {
			continue
		}
		sent := lim.before + len(p.entries)
		if lim.total > 0 && sent == lim.total {
			p.result = refused(refuse(ldap.LDAPResultSizeLimitExceeded, "more entries match than the limit of %d allows", sent))
			return p
		}
		if lim.paged && len(p.entries) == lim.page {
			p.result.controls = pagingControl(req.cookie(user, last, sent))
			return p
		}
		p.entries = append(p.entries, s.render(e, user, selection))
		last = e.id
	}
	if lim.paged {
		p.result.controls = pagingControl(nil)
	}
	return p
}

// limits reads the paging control. A page larger than the server's limit is
// cut down to it; a size limit that fits into one page makes the control void
// (RFC 2696).
func (req searchOperation) limits(pages *paging, user view, server int) (limits, *refusal) {
	client := int(req.sizeLimit)
	if pages == nil {
		return limits{total: smallest(server, client)}, nil
	}
	lim := limits{total: client, paged: true, page: smallest(server, int(pages.size))}
	if client > 0 && lim.page >= client && pages.size > 0 && len(pages.cookie) == 0 {
		return limits{total: client}, nil
	}
	if len(pages.cookie) == 0 {
		return lim, nil
	}
	if len(pages.cookie) != cookieSize {
		return limits{}, refuse(ldap.LDAPResultUnwillingToPerform, "the paging cookie is not one of this server's")
	}
	lim.after = int64(binary.BigEndian.Uint64(pages.cookie))
	lim.before = int(binary.BigEndian.Uint64(pages.cookie[8:]))
	if !slices.Equal(pages.cookie, req.cookie(user, lim.after, lim.before)) {
		return limits{}, refuse(ldap.LDAPResultUnwillingToPerform, "the paging cookie belongs to another search")
	}
	return lim, nil
}

// smallest of two limits, of which 0 is no limit.
func smallest(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

const cookieSize = 24

// cookie says where the next page starts. It holds the place itself and not a
// number of the server's memory, so it survives writes between two pages.
func (req searchOperation) cookie(user view, after int64, sent int) []byte {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %d %x %q %d", req.base, req.scope, req.rawFilter, req.attributes, user) // a hash takes everything
	cookie := binary.BigEndian.AppendUint64(nil, uint64(after))
	cookie = binary.BigEndian.AppendUint64(cookie, uint64(sent))
	return h.Sum(cookie)
}

func pagingControl(cookie []byte) *ber.Packet {
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "controls")
	c := ldap.NewControlPaging(0)
	c.SetCookie(cookie)
	controls.AppendChild(c.Encode())
	return controls
}

// reader gives a filter the attributes of an entry as the user may read them.
func (s *store) reader(e *entry, user view) attributeReader {
	return func(name string) (attributeType, []string, bool) {
		t, ok := attributesByName[strings.ToLower(name)]
		if !ok || !user.reads(t) {
			return t, nil, false
		}
		return t, s.read(e, t), true
	}
}

// selection is which attributes a search asks for.
type selection struct {
	user, operational bool // all user attributes, all operational ones
	typesOnly         bool
	names             map[string]bool // in lower case
}

func newSelection(requested []string) selection {
	sel := selection{names: map[string]bool{}, user: len(requested) == 0}
	for _, name := range requested {
		switch name {
		case "*":
			sel.user = true
		case "+":
			sel.operational = true
		default:
			base, _, _ := strings.Cut(name, ";") // ";binary" and other options
			sel.names[strings.ToLower(base)] = true
		}
	}
	return sel
}

// wants reports under which of its names an attribute is to be returned.
func (sel selection) wants(t attributeType) []string {
	var as []string
	class := sel.user
	if t.heuristics&operational != 0 {
		class = sel.operational
	}
	if class || sel.names[t.key()] {
		as = append(as, t.name)
	}
	if t.alias != "" && sel.names[strings.ToLower(t.alias)] {
		as = append(as, t.alias)
	}
	return as
}

// render writes an entry the way a search returns it, in the order of the
// schema.
func (s *store) render(e *entry, user view, sel selection) *ldap.Entry {
	out := &ldap.Entry{DN: e.name.text(s.style)}
	for _, t := range attributeTypes {
		as := sel.wants(t)
		if len(as) == 0 || !user.reads(t) {
			continue
		}
		values := s.read(e, t)
		if len(values) == 0 {
			continue
		}
		if sel.typesOnly {
			values = nil
		}
		for _, name := range as {
			out.Attributes = append(out.Attributes, &ldap.EntryAttribute{Name: name, Values: values})
		}
	}
	return out
}

// rootDSE answers a read of the empty name. Nothing is published about the
// real one, except that it has o (seen: an ADSI script). Version 2 is not
// listed because this server does not speak it.
func (s *store) rootDSE(req searchOperation) page {
	contexts := s.namingContexts()
	var organizations []string
	for _, context := range contexts {
		if n, err := parseName(context); err == nil && n[0].attribute == "o" {
			organizations = append(organizations, n[0].value)
		}
	}
	rows := []*ldap.EntryAttribute{
		{Name: "objectClass", Values: []string{"top"}},
		{Name: "o", Values: organizations},
		{Name: "namingContexts", Values: contexts},
		{Name: "supportedLDAPVersion", Values: []string{"3"}},
		{Name: "supportedControl", Values: []string{pagingOID}},
	}
	read := func(name string) (attributeType, []string, bool) {
		for _, row := range rows {
			if strings.EqualFold(row.Name, name) {
				return attributeType{name: row.Name}, row.Values, true
			}
		}
		return attributeType{}, nil, false
	}
	if req.filter.evaluate(read) != yes {
		return page{}
	}
	sel := newSelection(req.attributes)
	out := &ldap.Entry{}
	for _, row := range rows {
		if len(row.Values) > 0 && (sel.user || sel.operational || sel.names[strings.ToLower(row.Name)]) {
			out.Attributes = append(out.Attributes, row)
		}
	}
	return page{entries: []*ldap.Entry{out}}
}
