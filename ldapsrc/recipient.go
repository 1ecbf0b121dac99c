package ldapsrc

import "strings"

// Class is what kind of recipient an entry is.
type Class string

// The classes of recipients, after their class in Exchange 5.5.
const (
	Mailbox          Class = "mailbox"           // organizationalPerson
	CustomRecipient  Class = "custom recipient"  // Remote-Address
	DistributionList Class = "distribution list" // groupOfNames
	PublicFolder     Class = "public folder"     // Public-Folder
)

// DefaultTrustLevel is the trust level of an entry that has no
// Replication-Sensitivity (documented: SELF, SMP-vb).
const DefaultTrustLevel = 20

// Proxy is one e-mail address of a recipient. LDAP splits them over three
// attributes (documented: RK excc09_35, K263520); here they are one list.
type Proxy struct {
	Type    string // in upper case: SMTP, X400, CCMAIL, MS, ...
	Address string // without the type
	Primary bool   // one per type
}

// Recipient is one entry of the Exchange directory, in Exchange's own terms.
type Recipient struct {
	DN            string
	Class         Class
	DirectoryName string // first RDN; fixed for life
	DisplayName   string // LDAP cn
	Alias         string // LDAP uid
	GivenName     string
	Surname       string
	Initials      string
	Target        string // Target-Address of a custom recipient, TYPE:address
	Proxies       []Proxy
	Notes         string // LDAP info
	ImportedFrom  string // which directory synchronization owns it
	Hidden        bool   // Hide-From-Address-Book
	TrustLevel    int    // Replication-Sensitivity, DefaultTrustLevel when absent
	USNChanged    int64
	Members       []string // DNs, of a distribution list, when the profile has them read

	// Attributes are values to be written beyond the fields above, such as the
	// key attribute, by lower-case LDAP name.
	Attributes map[string][]string

	// Entry is the entry that was read, with all its values; the zero value for
	// a recipient that was not read.
	Entry Entry
}

// Attribute returns the first value of the named LDAP attribute, without
// regard to the case of the name: that of Attributes, else the one that was
// read. It is empty when there is none.
func (r Recipient) Attribute(name string) string {
	if values, given := r.Attributes[strings.ToLower(name)]; given {
		return first(values)
	}
	return r.Entry.Attribute(name)
}

// Values returns all values of the named LDAP attribute as Attribute does.
func (r Recipient) Values(name string) []string {
	if values, given := r.Attributes[strings.ToLower(name)]; given {
		return values
	}
	return r.Entry.Values(name)
}

func first(values []string) string {
	if len(values) > 0 {
		return values[0]
	}
	return ""
}

// PrimaryProxy returns the primary address of that type (in upper case).
func (r Recipient) PrimaryProxy(typ string) (address string, ok bool) {
	for _, p := range r.Proxies {
		if p.Primary && p.Type == typ {
			return p.Address, true
		}
	}
	return "", false
}
