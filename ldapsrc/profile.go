package ldapsrc

import (
	"fmt"
	"slices"
	"strings"
)

// Profile says how a kind of directory names things, and what it can hold. It
// is data; the zero value is of no use.
type Profile struct {
	Name    string
	Classes []ObjectClass
	Fields  Fields
	// Other are attributes that are read besides the fields. More may be
	// appended, such as a key attribute.
	Other []string
	// EmptyLists says that a distribution list may be without members, as in
	// Exchange (documented: SDK directry_9zn7) and unlike in RFC 2256. Elsewhere
	// its members stand in the request that adds it.
	EmptyLists bool
	// ReadMembers has the members of distribution lists read.
	ReadMembers bool
	// Lengths are the greatest lengths of values in characters, by lower-case
	// attribute name. A longer value is refused before it is sent.
	Lengths map[string]int
}

// ObjectClass is the value of objectClass for a class of recipients.
type ObjectClass struct {
	Name  string
	Class Class
}

// Fields are the attributes that hold the fields of a Recipient.
type Fields struct {
	DirectoryName, DisplayName, Alias string
	GivenName, Surname, Initials      string
	Target, Notes, ImportedFrom       string
	Hidden, TrustLevel, Deleted       string
	USNChanged, USNCreated            string
	RichText                          string
	AdminText                         string // used to test write access
	Members                           string // of distribution lists, DNs
	Reports                           string // whether senders to a distribution list get non-delivery reports

	SMTP, SMTPSynonym string // primary SMTP address; the synonym is read, never written
	X400              string // primary X.400 address
	Proxies           string // all other addresses, TYPE$address
}

// Exchange55 is the directory of Exchange Server 5.5.
//
// The names are documented (SDK directry_6fub, directry_5ho3; RK excc09_35) or
// seen (SMP-vb, selfadsi). The lengths are those to which the vendor's own LDAP
// agent trims (documented: K259060), which are stricter than the schema's for
// some attributes, and for the others those of the later Active Directory
// schema (inferred).
func Exchange55() Profile {
	p := Profile{
		Name: "exchange55",
		Classes: []ObjectClass{
			{"organizationalPerson", Mailbox},
			{"Remote-Address", CustomRecipient},
			{"groupOfNames", DistributionList},
			{"Public-Folder", PublicFolder},
		},
		Fields: Fields{
			DirectoryName: "rdn", DisplayName: "cn", Alias: "uid",
			GivenName: "givenName", Surname: "sn", Initials: "initials",
			Target: "Target-Address", Notes: "info", ImportedFrom: "Imported-From",
			Hidden: "Hide-From-Address-Book", TrustLevel: "Replication-Sensitivity", Deleted: "Is-Deleted",
			USNChanged: "USN-Changed", USNCreated: "USN-Created", RichText: "MAPI-Recipient", AdminText: "Admin-Description",
			Members: "member", Reports: "Report-To-Originator",
			SMTP: "mail", SMTPSynonym: "rfc822Mailbox", X400: "textEncodedORAddress", Proxies: "otherMailbox",
		},
		Other:      []string{"Admin-Description", "title", "Company", "department", "physicalDeliveryOfficeName", "telephoneNumber"},
		EmptyLists: true,
		Lengths: map[string]int{
			"rdn": 64, "cn": 64, "uid": 64, "givenname": 64, "sn": 64, "initials": 6,
			"mail": 256, "textencodedoraddress": 1024, "othermailbox": 1123, "target-address": 1123,
			"info": 1024, "imported-from": 1024, "admin-description": 1024,
			"title": 128, "company": 64, "department": 64, "telephonenumber": 32,
		},
	}
	for n := 1; n <= 15; n++ {
		name := fmt.Sprintf("Extension-Attribute-%d", n)
		p.Other = append(p.Other, name)
		p.Lengths[strings.ToLower(name)] = 1024
		if n > 10 { // 11 to 15 are new in 5.5 (documented: K176168)
			p.Lengths[strings.ToLower(name)] = 2048
		}
	}
	return p
}

// ProfileByName returns the profile with that name. The error lists the names
// that are known.
func ProfileByName(name string) (Profile, error) {
	if p := Exchange55(); name == p.Name {
		return p, nil
	}
	return Profile{}, fmt.Errorf("profile %q is not known; known is exchange55", name)
}

// WithAttribute returns the profile reading and writing one more attribute from
// Recipient.Attributes. One that holds a field of a Recipient is refused,
// because both would be written there.
func (p Profile) WithAttribute(name string) (Profile, error) {
	if p.isField(name) {
		return p, fmt.Errorf("the attribute %s is used for something else; choose another, such as Extension-Attribute-15", name)
	}
	if !slices.ContainsFunc(p.Other, func(other string) bool { return strings.EqualFold(other, name) }) {
		p.Other = append(slices.Clone(p.Other), name)
	}
	return p, nil
}

// filter matches all recipients.
func (p Profile) filter() string {
	var b strings.Builder
	b.WriteString("(|")
	for _, class := range p.Classes {
		b.WriteString("(objectClass=" + class.Name + ")")
	}
	return b.String() + ")"
}

// filterSince matches all recipients with that USN or a higher one, and all
// when it is not above 0.
func (p Profile) filterSince(usn int64) string {
	if usn <= 0 {
		return p.filter()
	}
	return fmt.Sprintf("(&(%s>=%d)%s)", p.Fields.USNChanged, usn, p.filter())
}

// attributes are the names of all attributes that are read. They are asked
// for by name, since a server sends operational ones only then (documented:
// SDK directry_36i1).
func (p Profile) attributes() []string {
	names := p.fields()
	if p.ReadMembers {
		names = append(names, p.Fields.Members)
	}
	return append(names, p.Other...)
}

// fields are the names of the attributes that are fields of every recipient.
func (p Profile) fields() []string {
	f := p.Fields
	return []string{
		"objectClass",
		f.DirectoryName, f.DisplayName, f.Alias, f.GivenName, f.Surname, f.Initials, f.Target, f.Notes,
		f.ImportedFrom, f.Hidden, f.TrustLevel, f.Deleted, f.USNChanged, f.USNCreated, f.RichText, f.Reports,
		f.SMTP, f.SMTPSynonym, f.X400, f.Proxies,
	}
}

// isField reports whether an attribute, whatever its case, holds a field of a
// Recipient.
func (p Profile) isField(name string) bool {
	return slices.ContainsFunc(append(p.fields(), p.Fields.Members), func(field string) bool { return strings.EqualFold(field, name) })
}

// objectClass is the value of objectClass to write for a class.
func (p Profile) objectClass(class Class) string {
	for _, c := range p.Classes {
		if c.Class == class {
			return c.Name
		}
	}
	return ""
}
