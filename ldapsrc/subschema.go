package ldapsrc

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Unknown is what a server does not know of a profile.
type Unknown struct {
	// Needed are classes and attributes without which no custom recipient can be
	// written, Others those that are only read; each as "the class NAME" or "the
	// attribute NAME", in the order of the profile.
	Needed, Others []string
}

// Unknown compares the profile with the schema that the server publishes (RFC
// 4512 4.2 and 4.4). Told is false when the server publishes none, as Exchange
// 5.5 probably does not (its root is not documented).
func (c *Conn) Unknown(ctx context.Context) (unknown Unknown, told bool, err error) {
	classes, attributes, err := c.schemaNames(ctx)
	if err != nil || len(classes) == 0 || len(attributes) == 0 {
		return Unknown{}, false, err
	}
	p := c.server.Profile
	unknown.compare("the class ", p.classNames(), classes, p.Write.RecipientClasses)
	unknown.compare("the attribute ", p.attributes(), attributes, p.writtenAttributes())
	return unknown, true, nil
}

// compare adds the names that are not among the known ones.
func (u *Unknown) compare(what string, names []string, known map[string]bool, needed []string) {
	for _, name := range names {
		switch {
		case known[strings.ToLower(name)]:
		case holds(needed, name):
			u.Needed = append(u.Needed, what+name)
		default:
			u.Others = append(u.Others, what+name)
		}
	}
}

// writtenAttributes are those of fields and keys that custom recipients are
// written with.
func (p Profile) writtenAttributes() []string {
	names := []string{p.Fields.DirectoryName, p.Fields.RichText, p.Fields.Proxies, p.Write.Naming, p.KeyAttribute}
	for _, v := range p.single(Recipient{Class: CustomRecipient}) {
		names = append(names, v.name)
	}
	return names
}

// holds reports whether a name is among others, whatever its case.
func holds(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// classNames are all classes that are read or written, each once.
func (p Profile) classNames() []string {
	var names []string
	for _, class := range p.Classes {
		names = append(names, class.Name)
	}
	if !p.Write.ReadOnly {
		names = append(names, p.Write.RecipientClasses...)
	}
	return once(names)
}

// schemaNames reads the names, in lower case, of all classes and attributes
// that the server knows; none when it does not tell.
func (c *Conn) schemaNames(ctx context.Context) (classes, attributes map[string]bool, err error) {
	root, err := c.entryAt(ctx, "", "(objectClass=*)", "subschemaSubentry")
	if root == nil || err != nil {
		return nil, nil, err
	}
	at := root.GetEqualFoldAttributeValue("subschemaSubentry")
	if at == "" {
		return nil, nil, nil
	}
	subschema, err := c.entryAt(ctx, at, "(objectClass=subschema)", "objectClasses", "attributeTypes")
	if subschema == nil || err != nil {
		return nil, nil, err
	}
	return schemaNames(subschema.GetEqualFoldAttributeValues("objectClasses")),
		schemaNames(subschema.GetEqualFoldAttributeValues("attributeTypes")), nil
}

// entryAt reads one entry; nil when the server has none there or does not show
// it.
func (c *Conn) entryAt(ctx context.Context, dn, filter string, attributes ...string) (*ldap.Entry, error) {
	request := &ldap.SearchRequest{BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: filter, Attributes: attributes}
	result, err := c.searchAgain(ctx, opRead, request)
	var answer *Error
	switch {
	case errors.As(err, &answer) && answer.Code != 0: // the server answered that it does not show it
		return nil, nil //nolint:nilnil // that there is none is an answer
	case err != nil:
		return nil, err
	case len(result.Entries) == 0:
		return nil, nil //nolint:nilnil // likewise
	}
	return result.Entries[0], nil
}

// schemaNames are the names, in lower case, in descriptions of classes or
// attributes such as ( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name ).
func schemaNames(descriptions []string) map[string]bool {
	names := map[string]bool{}
	for _, description := range descriptions {
		_, rest, found := strings.Cut(description, " NAME ")
		if !found {
			continue
		}
		rest = strings.TrimLeft(rest, " ")
		one := !strings.HasPrefix(rest, "(")
		if list, _, whole := strings.Cut(strings.TrimPrefix(rest, "("), ")"); !one && whole {
			rest = list
		}
		for i, part := range strings.Split(rest, "'") {
			if i%2 == 1 {
				names[strings.ToLower(part)] = true
			}
			if one && i == 1 {
				break
			}
		}
	}
	return names
}
