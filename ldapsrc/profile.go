package ldapsrc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Profile says how a kind of directory names things, what it can hold and what
// can be written to it. It is data; the zero value is of no use. A field that
// has no attribute is empty in every entry that is read, and not written.
type Profile struct {
	Name    string
	Classes []ObjectClass
	Filter  string // what recipients match besides their class, in the form of RFC 4515; empty for nothing
	Fields  Fields
	Proxies ProxyForm
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

	PageSize    int          // entries that a server of this kind gives in one answer
	Changes     ChangeSource // how to learn what was changed since an earlier read
	AdminSuffix string       // what bind names end in that see hidden and deleted entries; empty when there is no such thing
	// KeyAttribute links a recipient that is written to what it was made of,
	// unless somebody chooses another attribute.
	KeyAttribute string
	// CCMailAddresses says that recipients carry their address in cc:Mail. Where
	// they do not, their names there come from a rule.
	CCMailAddresses bool

	Write WriteRules
}

// ObjectClass is the value of objectClass for a class of recipients. Of several
// that fit an entry the first counts. A custom recipient that shares its
// objectClass with another class is one that has a target address.
type ObjectClass struct {
	Name  string
	Class Class
}

// Fields are the attributes that hold the fields of a Recipient; empty where
// there is none.
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

	USNLastRemoved string // on the entry of a site: the USN of the last leftover of a deletion that was purged

	SMTP, SMTPSynonym string // primary SMTP address; the synonym is read, never written
	X400              string // primary X.400 address
	Proxies           string // all other addresses, see ProxyForm
}

// ProxyForm is how a recipient's e-mail addresses are spread over attributes.
type ProxyForm string

// The forms.
const (
	// SplitProxies are TYPE$address, and the primary SMTP and X.400 addresses,
	// which have attributes of their own, are not among them (documented: RK
	// excc09_35, K263520).
	SplitProxies ProxyForm = "split"
	// WholeProxies are TYPE:address, all of them; the attribute of the primary
	// SMTP address repeats it (inferred: Active Directory).
	WholeProxies ProxyForm = "whole"
	// NoProxies has SMTP addresses only, all in their own attribute, and takes
	// the target address for the primary one of its type (ours).
	NoProxies ProxyForm = "none"
)

// ChangeSource is how a directory tells what was changed.
type ChangeSource string

// The sources of changes.
const (
	USNChanges      ChangeSource = "usn"      // a number on every entry that grows with every change
	SyncreplChanges ChangeSource = "syncrepl" // content synchronization (RFC 4533)
	NoChanges       ChangeSource = "none"     // only a full read tells
)

// WriteRules say what can be written, and how.
type WriteRules struct {
	ReadOnly bool   // nothing can
	Naming   string // attribute in the names of entries
	// HoldsName says that the naming attribute holds the directory name, as LDAP
	// wants it. Exchange's holds something else.
	HoldsName bool
	// RecipientClasses and ListClasses are the values of objectClass of custom
	// recipients and of distribution lists.
	RecipientClasses, ListClasses []string
	Required                      []Required
}

// Required is an attribute that an entry must have: without a value of its own
// it takes that of the field in another attribute.
type Required struct{ Attribute, From string }

// Profiles are the names of the profiles that are built in.
func Profiles() []string { return []string{"exchange55", "openldap"} }

// ProfileByName returns the profile with that name. The error lists the names
// that are known.
func ProfileByName(name string) (Profile, error) {
	for _, p := range []Profile{Exchange55(), OpenLDAP()} {
		if name == p.Name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("profile %q is not known; known: %s", name, strings.Join(Profiles(), ", "))
}

// Validate refuses a profile that contradicts itself, or with which what is
// written could not be found again. The error joins a [*ProfileError] for each
// thing that is wrong.
func (p Profile) Validate() error {
	var wrong []error
	check := func(ok bool, part, format string, args ...any) {
		if !ok {
			wrong = append(wrong, &ProfileError{Part: part, Err: fmt.Errorf(format, args...)})
		}
	}
	check(p.objectClass(Mailbox)+p.objectClass(CustomRecipient)+p.objectClass(DistributionList)+p.objectClass(PublicFolder) != "",
		"classes", "names no class, so nothing would be read")
	check(p.Fields.DisplayName != "", "attributes.display_name", "is needed")
	check(p.PageSize > 0, "page_size", "must be 1 or more")
	if p.Filter != "" {
		_, err := ldap.CompileFilter(p.Filter)
		check(err == nil, "filter", "%q is not a filter of LDAP such as (mail=*)", p.Filter)
	}
	f := p.Fields
	check(p.Proxies == NoProxies || f.Proxies != "", "attributes.proxies", "is needed for proxies in the form %q", p.Proxies)
	check(p.Proxies != NoProxies || f.Proxies == "", "attributes.proxies", "has no place with proxies in the form %q", p.Proxies)
	check(p.Changes != USNChanges || f.USNChanged != "", "attributes.usn_changed", "is needed for changes by USN")
	for _, name := range append(p.attributes(), f.AdminText, p.KeyAttribute) {
		check(name == "" || isAttributeName(name), "attributes", "%q is not the name of an attribute", name)
	}
	check(p.AdminSuffix == "" || f.Hidden+f.Deleted != "", "admin_suffix", "needs an attribute for hidden or deleted entries, by which the admin view is proved")
	if !p.Write.ReadOnly {
		p.validateWriting(check)
	}
	return errors.Join(wrong...)
}

// validateWriting checks what an entry that is written needs.
func (p Profile) validateWriting(check func(ok bool, part, format string, args ...any)) {
	const why = "is needed to write, or say writable: false"
	check(p.objectClass(CustomRecipient) != "", "classes.custom_recipient", why)
	check(p.Fields.Target != "", "attributes.target", why)
	check(p.Fields.ImportedFrom != "", "attributes.imported_from", why)
	check(p.KeyAttribute != "", "key_attribute", why)
	check(isAttributeName(p.Write.Naming), "naming", why)
	check(holds(p.Write.RecipientClasses, p.objectClass(CustomRecipient)),
		"object_classes.custom_recipient", "does not hold %q, so what is written would not be read as a custom recipient", p.objectClass(CustomRecipient))
	for _, required := range p.Write.Required {
		check(slices.ContainsFunc(p.single(Recipient{Class: CustomRecipient}), func(v value) bool { return strings.EqualFold(v.name, required.From) }),
			"required", "%q, from which %s is taken, is the attribute of no field", required.From, required.Attribute)
	}
}

// ProfileError is one thing that is wrong with a profile.
type ProfileError struct {
	Part string // of the profile, as a configuration names it
	Err  error
}

func (e *ProfileError) Error() string { return e.Part + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ProfileError) Unwrap() error { return e.Err }

// WithAttribute returns the profile reading and writing one more attribute from
// Recipient.Attributes. One that holds a field of a Recipient is refused,
// because both would be written there.
func (p Profile) WithAttribute(name string) (Profile, error) {
	if p.isField(name) {
		return p, fmt.Errorf("the attribute %s is used for something else; choose another, such as %s", name, p.KeyAttribute)
	}
	if !holds(p.Other, name) {
		p.Other = append(slices.Clone(p.Other), name)
	}
	return p, nil
}

// written are the values of objectClass of entries of a class.
func (p Profile) written(class Class) []string {
	if class == DistributionList {
		return p.Write.ListClasses
	}
	return p.Write.RecipientClasses
}

// DN returns the distinguished name of the entry with that directory name
// directly below container. Characters that have a meaning in distinguished
// names are escaped by a backslash.
func (w WriteRules) DN(directoryName, container string) string {
	return w.Naming + "=" + escapeValue(directoryName) + "," + container
}

// Length returns how many characters a value of an attribute may have; 0 is no
// limit.
func (p Profile) Length(attribute string) int { return p.Lengths[strings.ToLower(attribute)] }

// HoldsAddress reports whether a recipient can have a primary address of that
// type (in upper case) that is not its target.
func (p Profile) HoldsAddress(typ string) bool {
	return p.Fields.Proxies != "" || p.ownAttribute(typ) != ""
}

// HoldsSecondary reports whether a recipient can have secondary addresses of
// that type (in upper case).
func (p Profile) HoldsSecondary(typ string) bool {
	return p.Fields.Proxies != "" || typ == smtpType && p.ownAttribute(typ) != ""
}

// filter matches all recipients.
func (p Profile) filter() string {
	var b strings.Builder
	b.WriteString("(|")
	for i, class := range p.Classes {
		if !slices.ContainsFunc(p.Classes[:i], func(c ObjectClass) bool { return strings.EqualFold(c.Name, class.Name) }) {
			b.WriteString("(objectClass=" + ldap.EscapeFilter(class.Name) + ")")
		}
	}
	b.WriteString(")")
	if p.Filter == "" {
		return b.String()
	}
	return "(&" + b.String() + p.Filter + ")"
}

// KeptByServer reports whether the server alone writes an attribute, for itself.
func (p Profile) KeptByServer(attribute string) bool {
	f := p.Fields
	return holds([]string{f.USNChanged, f.USNCreated, f.Deleted, uuidAttribute}, attribute)
}

// filterSince matches all recipients with that USN or a higher one, and all
// when it is not above 0.
func (p Profile) filterSince(usn int64) string {
	if usn <= 0 {
		return p.filter()
	}
	return fmt.Sprintf("(&(%s>=%d)%s)", p.Fields.USNChanged, usn, p.filter())
}

// attributes are the names of all attributes that are read, each once. They
// are asked for by name, since a server sends operational ones only then
// (documented: SDK directry_36i1).
func (p Profile) attributes() []string {
	names := p.fields()
	if p.ReadMembers {
		names = append(names, p.Fields.Members)
	}
	if p.Changes == SyncreplChanges {
		names = append(names, uuidAttribute)
	}
	return once(append(names, p.Other...))
}

// once leaves out names that are empty or came before, whatever their case.
func once(names []string) []string {
	var different []string
	for _, name := range names {
		if name != "" && !holds(different, name) {
			different = append(different, name)
		}
	}
	return different
}

// fields are the names of the attributes that are fields of every recipient.
func (p Profile) fields() []string {
	f := p.Fields
	return once([]string{
		"objectClass",
		f.DirectoryName, f.DisplayName, f.Alias, f.GivenName, f.Surname, f.Initials, f.Target, f.Notes,
		f.ImportedFrom, f.Hidden, f.TrustLevel, f.Deleted, f.USNChanged, f.USNCreated, f.RichText, f.Reports,
		f.SMTP, f.SMTPSynonym, f.X400, f.Proxies,
	})
}

// isField reports whether an attribute, whatever its case, holds a field of a
// Recipient.
func (p Profile) isField(name string) bool {
	return holds(append(p.fields(), p.Fields.Members), name)
}

// objectClass is the value of objectClass that tells a class.
func (p Profile) objectClass(class Class) string {
	for _, c := range p.Classes {
		if c.Class == class {
			return c.Name
		}
	}
	return ""
}

// shared reports whether custom recipients have the objectClass of another
// class.
func (p Profile) shared() bool {
	custom := p.objectClass(CustomRecipient)
	return slices.ContainsFunc(p.Classes, func(c ObjectClass) bool {
		return c.Class != CustomRecipient && strings.EqualFold(c.Name, custom)
	})
}

// The types of addresses that may have an attribute of their own.
const (
	smtpType = "SMTP"
	x400Type = "X400"
)

// ownAttribute is the attribute of its own that the primary address of a type
// has; empty when it stands among the others, or nowhere.
func (p *Profile) ownAttribute(typ string) string {
	switch {
	case p.Proxies == WholeProxies:
		return ""
	case typ == smtpType:
		return p.Fields.SMTP
	case typ == x400Type:
		return p.Fields.X400
	}
	return ""
}
