package exchange55

import "strings"

// syntax is how the values of an attribute are checked and compared.
type syntax int

const (
	textSyntax    syntax = iota // compared without regard to case
	integerSyntax               // decimal, signed, 32 bit
	booleanSyntax               // TRUE or FALSE
	nameSyntax                  // a distinguished name; OR-Names are written as one, too
	octetSyntax                 // hexadecimal text (documented: K255126)
	timeSyntax                  // YYMMDDhhmmssZ (documented: K239639) or with a four-digit year
)

// The Heuristics bits this directory acts on (documented: SDK directry_2mbd).
const (
	readableByAll           = 2 // by anonymous and authenticated users
	readableByAuthenticated = 4 // wins over readableByAll
	operational             = 8 // returned only when asked for by name
)

// The Heuristics values that occur. Where no source gives an attribute's
// value, personal data got public and administration got known (ours).
const (
	public  = readableByAll
	known   = readableByAuthenticated
	system  = operational | readableByAuthenticated
	derived = operational | readableByAll
)

// Which objects may carry an attribute.
const (
	onAny       = 1 << iota // every object
	onRecipient             // Mail-Recipient and all its sub-classes
	onPerson                // mailboxes and custom recipients
	onPlace                 // all recipients, for address book views
	onMailbox
	onCustom
	onList
	onFolder
	onContainer
	onGateway
	onOrganization
	onSite
)

// attributeType is one row of the schema.
type attributeType struct {
	name       string
	syntax     syntax
	length     int // most characters a client may write; 0 is no limit
	multiple   bool
	heuristics int
	on         int
	systemOnly bool // written by the server alone
	alias      string
}

func (t attributeType) key() string { return strings.ToLower(t.name) }

func text(name string, length, heuristics, on int) attributeType {
	return attributeType{name: name, length: length, heuristics: heuristics, on: on}
}

func texts(name string, length, heuristics, on int) attributeType {
	return attributeType{name: name, length: length, heuristics: heuristics, on: on, multiple: true}
}

func typed(name string, syntax syntax, heuristics, on int) attributeType {
	return attributeType{name: name, syntax: syntax, heuristics: heuristics, on: on}
}

func names(name string, on int) attributeType {
	return attributeType{name: name, syntax: nameSyntax, heuristics: known, on: on, multiple: true}
}

func stamped(name string, syntax syntax, alias string) attributeType {
	return attributeType{name: name, syntax: syntax, heuristics: system, on: onAny, systemOnly: true, alias: alias}
}

// attributeTypes is the schema. Names are documented (SDK, RK excc09_35) or
// seen (SELF); lengths are those the vendor's own LDAP agent trims to
// (documented: K259060) and else inferred from the schema that Active
// Directory inherited. A Display-Name may hold 256 characters (K185013), but
// sources disagree, so clients may write only 64.
var attributeTypes = []attributeType{
	texts("objectClass", 0, public, onAny),
	text("cn", 64, public, onRecipient|onContainer|onGateway),
	{name: "rdn", length: 64, heuristics: public, on: onAny},
	text("o", 64, public, onOrganization),
	text("ou", 64, public, onSite),
	texts("description", 1024, public, onAny),
	text("Admin-Display-Name", 256, known, onAny),
	text("Admin-Description", 1024, known, onAny),
	{name: "distinguishedName", syntax: nameSyntax, heuristics: derived, on: onAny, systemOnly: true},

	// Bookkeeping (documented: K182511, SDK directry_36i1).
	stamped("USN-Changed", integerSyntax, ""),
	stamped("USN-Created", integerSyntax, ""),
	stamped("USN-Source", integerSyntax, ""),
	stamped("USN-Last-Obj-Rem", integerSyntax, ""),
	stamped("Object-Version", integerSyntax, ""),
	stamped("Is-Deleted", booleanSyntax, ""),
	stamped("Instance-Type", integerSyntax, ""),
	stamped("DSA-Signature", octetSyntax, ""),
	stamped("When-Changed", timeSyntax, "modifyTimestamp"),
	stamped("When-Created", timeSyntax, "createTimestamp"),
	typed("NT-Security-Descriptor", octetSyntax, system, onAny),

	// Every recipient.
	text("uid", 64, public, onRecipient),
	text("name", 256, public, onRecipient),
	{name: "mail", length: 256, heuristics: public, on: onRecipient, alias: "rfc822Mailbox"},
	text("textEncodedORAddress", 1024, public, onRecipient),
	texts("otherMailbox", 1123, public, onRecipient),
	typed("Hide-From-Address-Book", booleanSyntax, known, onRecipient),
	typed("Replication-Sensitivity", integerSyntax, known, onRecipient|onContainer|onGateway),
	typed("MAPI-Recipient", booleanSyntax, public, onRecipient),
	text("info", 1024, public, onRecipient),
	text("telephoneNumber", 32, public, onRecipient),
	text("Imported-From", 1024, known, onRecipient),
	texts("Protocol-Settings", 256, known, onRecipient),
	text("Folder-Pathname", 1024, known, onRecipient),
	typed("Home-MTA", nameSyntax, known, onRecipient|onGateway),
	typed("Home-MDB", nameSyntax, known, onRecipient),
	{name: "memberOf", syntax: nameSyntax, heuristics: known, on: onAny, multiple: true, systemOnly: true},
	names("Auth-Orig", onRecipient),
	names("Unauth-Orig", onRecipient),
	names("DL-Mem-Submit-Perms", onRecipient),
	names("DL-Mem-Reject-Perms", onRecipient),
	typed("Alt-Recipient", nameSyntax, known, onRecipient),
	typed("Deliver-And-Redirect", booleanSyntax, known, onRecipient),
	typed("Deliv-Cont-Length", integerSyntax, known, onRecipient),
	typed("Submission-Cont-Length", integerSyntax, known, onRecipient),
	text("Extension-Attribute-1", 1024, known, onRecipient),
	text("Extension-Attribute-2", 1024, known, onRecipient),
	text("Extension-Attribute-3", 1024, known, onRecipient),
	text("Extension-Attribute-4", 1024, known, onRecipient),
	text("Extension-Attribute-5", 1024, known, onRecipient),
	text("Extension-Attribute-6", 1024, known, onRecipient),
	text("Extension-Attribute-7", 1024, known, onRecipient),
	text("Extension-Attribute-8", 1024, known, onRecipient),
	text("Extension-Attribute-9", 1024, known, onRecipient),
	text("Extension-Attribute-10", 1024, known, onRecipient),
	text("Extension-Attribute-11", 2048, known, onRecipient),
	text("Extension-Attribute-12", 2048, known, onRecipient),
	text("Extension-Attribute-13", 2048, known, onRecipient),
	text("Extension-Attribute-14", 2048, known, onRecipient),
	text("Extension-Attribute-15", 2048, known, onRecipient),

	// People, and the part of their data that lists and folders share.
	{name: "sn", length: 64, heuristics: public, on: onPerson, alias: "surname"},
	text("givenName", 64, public, onPerson),
	text("initials", 6, public, onPerson),
	text("title", 128, public, onPlace),
	text("Company", 64, public, onPlace),
	text("department", 64, public, onPlace),
	text("physicalDeliveryOfficeName", 128, public, onPlace),
	text("l", 128, public, onPlace),
	text("st", 128, public, onPlace),
	text("co", 128, public, onPlace),
	text("street", 1024, public, onPerson),
	text("postalAddress", 1024, public, onPerson),
	text("postalCode", 40, public, onPerson),
	text("facsimileTelephoneNumber", 64, public, onPerson),
	text("homePhone", 64, public, onPerson),
	text("mobile", 64, public, onPerson),
	text("pager", 64, public, onPerson),
	typed("manager", nameSyntax, known, onPerson),
	text("personalTitle", 64, public, onPerson),
	text("generationQualifier", 64, public, onPerson),
	text("employeeNumber", 512, known, onPerson),
	text("employeeType", 256, known, onPerson),

	typed("mailPreferenceOption", integerSyntax, known, onMailbox|onFolder|onGateway),
	typed("Assoc-NT-Account", octetSyntax, known, onMailbox),
	text("Target-Address", 1123, public, onCustom),
	names("member", onList),
	typed("owner", nameSyntax, known, onList),
	typed("Hide-DL-Membership", booleanSyntax, known, onList),
	typed("Report-To-Originator", booleanSyntax, known, onList),
	typed("Report-To-Owner", booleanSyntax, known, onList),
	typed("OOF-Reply-To-Originator", booleanSyntax, known, onList),
	names("PF-Contacts", onFolder),

	// Containers and connectors.
	typed("Container-Info", integerSyntax, known, onContainer),
	typed("Import-Container", nameSyntax, known, onGateway),
	names("Export-Containers", onGateway),
	typed("Export-Custom-Recipients", booleanSyntax, known, onGateway),
	texts("Routing-List", 2243, known, onGateway),
	typed("Encapsulation-Method", integerSyntax, known, onGateway),
	typed("Activation-Style", integerSyntax, known, onGateway),
	text("Computer-Name", 256, known, onGateway),
}

// attributesByName finds a row by any of its names, in lower case.
var attributesByName = indexAttributes()

func indexAttributes() map[string]attributeType {
	index := make(map[string]attributeType, len(attributeTypes)+4)
	for _, t := range attributeTypes {
		index[t.key()] = t
		if t.alias != "" {
			index[strings.ToLower(t.alias)] = t
		}
	}
	return index
}

// class is one object class. The three standard names person,
// organizationalPerson and groupOfNames stand for Exchange's own classes
// Mail-Recipient, Mailbox and Distribution-List (documented: SDK directry_6fub).
type class struct {
	name       string
	super      []string // from the nearest up, without top
	structural bool
	naming     string // attribute type of the first part of the name
	allows     int
	must       []string
}

var classes = []class{
	{name: "top"},
	{name: "e55Any"}, // what the schema for OpenLDAP calls "allowed everywhere"
	{name: "person"},
	{
		name: "organizationalPerson", super: []string{"person"}, structural: true, naming: "cn",
		allows: onRecipient | onPerson | onPlace | onMailbox, must: []string{"mailPreferenceOption"},
	},
	{
		name: "Remote-Address", super: []string{"person"}, structural: true, naming: "cn",
		allows: onRecipient | onPerson | onPlace | onCustom, must: []string{"Target-Address"},
	},
	{
		name: "groupOfNames", super: []string{"person"}, structural: true, naming: "cn",
		allows: onRecipient | onPlace | onList,
	},
	{
		name: "Public-Folder", super: []string{"person"}, structural: true, naming: "cn",
		allows: onRecipient | onPlace | onFolder, must: []string{"mailPreferenceOption"},
	},
	{name: "organization", structural: true, naming: "o", allows: onOrganization, must: []string{"o"}},
	{name: "organizationalUnit", structural: true, naming: "ou", allows: onSite, must: []string{"ou"}},
	{name: "Container", structural: true, naming: "cn", allows: onContainer},
	{name: "Computer", structural: true, naming: "cn", allows: onContainer},
	{
		name: "Mail-Gateway", structural: true, naming: "cn",
		allows: onGateway, must: []string{"mailPreferenceOption", "Home-MTA"},
	},
}

// namingKey is the attribute that holds the value of the entry's own name.
func (c class) namingKey() string {
	if c.naming == "cn" {
		return "rdn"
	}
	return c.naming
}

// classNamed finds a class without regard to case.
func classNamed(name string) (class, bool) {
	for _, c := range classes {
		if strings.EqualFold(c.name, name) {
			return c, true
		}
	}
	return class{}, false
}
