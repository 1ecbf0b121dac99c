package exchange55

import (
	"strings"

	"ccdirsync/testenv/pdu"
)

// truth is the value of a filter: an item about an attribute that does not
// exist, or that the user may not read, is undefined, and so is its negation.
type truth int

const (
	undefined truth = iota
	no
	yes
)

// filterKind is the choice tag of a filter (RFC 4511 section 4.5.1.7).
type filterKind byte

const (
	andFilter        filterKind = 0
	orFilter         filterKind = 1
	notFilter        filterKind = 2
	equalityFilter   filterKind = 3
	substringFilter  filterKind = 4
	greaterFilter    filterKind = 5
	lessFilter       filterKind = 6
	presentFilter    filterKind = 7
	approxFilter     filterKind = 8 // treated as equality (documented: SDK directry_1tpw)
	extensibleFilter filterKind = 9 // always undefined here (ours)
)

// Identifier octets inside filters.
const (
	classBits    = 0xc0
	contextClass = 0x80

	initialTag = 0x80 // of a substring
	anyTag     = 0x81
	finalTag   = 0x82
)

type filter struct {
	kind      filterKind
	children  []filter
	attribute string
	value     string

	// Of a substring filter; empty parts do not occur on the wire.
	initial, final string
	any            []string
}

// decodeFilter reads the next part as a filter.
func decodeFilter(c *pdu.Cursor) filter {
	if len(c.Rest) == 0 || c.Rest[0].Tag&classBits != contextClass {
		c.Fail("no filter where one belongs")
		return filter{}
	}
	e := c.Next(c.Rest[0].Tag)
	f := filter{kind: filterKind(e.Tag & pdu.Number)}
	body := pdu.Cursor{Rest: e.Children}
	switch f.kind {
	case notFilter, andFilter, orFilter:
		for len(body.Rest) > 0 {
			f.children = append(f.children, decodeFilter(&body))
		}
		if f.kind == notFilter && len(f.children) != 1 {
			body.Fail("a negation of %d filters", len(f.children))
		}
	case equalityFilter, greaterFilter, lessFilter, approxFilter:
		f.attribute, f.value = body.Text(), body.Text()
	case substringFilter:
		f.attribute = body.Text()
		f.decodeSubstrings(&body)
	case presentFilter:
		f.attribute = string(e.Content)
	case extensibleFilter:
		body.Rest = nil
	default:
		body.Fail("filter choice %d is unknown", f.kind)
	}
	c.Take(body)
	return f
}

func (f *filter) decodeSubstrings(c *pdu.Cursor) {
	pieces := c.Next(pdu.Sequence).Children
	if len(pieces) == 0 {
		c.Fail("no substrings")
	}
	for i, piece := range pieces {
		value := string(piece.Content)
		switch {
		case value == "":
			c.Fail("an empty substring")
		case piece.Tag == initialTag && i == 0:
			f.initial = value
		case piece.Tag == anyTag:
			f.any = append(f.any, value)
		case piece.Tag == finalTag && i == len(pieces)-1:
			f.final = value
		default:
			c.Fail("substring %d has tag %#02x", i+1, piece.Tag)
		}
	}
}

// attributeReader returns the type and values of an attribute of the entry in
// question; ok is false when the attribute is unknown or not readable.
type attributeReader func(name string) (t attributeType, values []string, ok bool)

func (f filter) evaluate(read attributeReader) truth {
	switch f.kind {
	case andFilter:
		result := yes
		for _, child := range f.children {
			switch child.evaluate(read) {
			case no:
				return no
			case undefined:
				result = undefined
			case yes:
			}
		}
		return result
	case orFilter:
		result := no
		for _, child := range f.children {
			switch child.evaluate(read) {
			case yes:
				return yes
			case undefined:
				result = undefined
			case no:
			}
		}
		return result
	case notFilter:
		return f.children[0].evaluate(read).negated()
	case extensibleFilter:
		return undefined
	case equalityFilter, substringFilter, greaterFilter, lessFilter, presentFilter, approxFilter:
		return f.evaluateItem(read)
	}
	return undefined
}

func (t truth) negated() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	case undefined:
	}
	return undefined
}

func (f filter) evaluateItem(read attributeReader) truth {
	t, values, ok := read(f.attribute)
	if !ok {
		return undefined
	}
	for _, value := range values {
		if f.kind == presentFilter || f.matches(t, value) {
			return yes
		}
	}
	return no
}

func (f filter) matches(t attributeType, value string) bool {
	switch f.kind {
	case substringFilter:
		return f.matchesSubstrings(t, value)
	case greaterFilter:
		order, ordered := t.compare(value, f.value)
		return ordered && order >= 0
	case lessFilter:
		order, ordered := t.compare(value, f.value)
		return ordered && order <= 0
	case equalityFilter, approxFilter:
		return t.normal(value) == t.normal(f.value)
	case andFilter, orFilter, notFilter, presentFilter, extensibleFilter:
	}
	return false
}

func (f filter) matchesSubstrings(t attributeType, value string) bool {
	if t.syntax != textSyntax {
		return false
	}
	rest, ok := strings.CutPrefix(foldText(value), strings.ToLower(f.initial))
	if !ok {
		return false
	}
	for _, piece := range f.any {
		_, after, found := strings.Cut(rest, strings.ToLower(piece))
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, strings.ToLower(f.final))
}

// anyAsInitial is the filter as a server reads it whose site setting treats
// "any" substrings as "initial" (documented: xog16007, K176743): fast, and
// wrong.
func (f filter) anyAsInitial() filter {
	children := make([]filter, len(f.children))
	for i, child := range f.children {
		children[i] = child.anyAsInitial()
	}
	f.children = children
	if f.kind == substringFilter && f.initial == "" {
		if len(f.any) > 0 {
			f.initial = f.any[0]
		} else {
			f.initial = f.final
		}
		f.any, f.final = nil, ""
	}
	return f
}
