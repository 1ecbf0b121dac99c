package ldapsrc

import (
	"fmt"
	"strings"
)

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
			USNChanged: "USN-Changed", USNCreated: "USN-Created", USNLastRemoved: "USN-Last-Obj-Rem",
			RichText: "MAPI-Recipient", AdminText: "Admin-Description", Members: "member", Reports: "Report-To-Originator",
			SMTP: "mail", SMTPSynonym: "rfc822Mailbox", X400: "textEncodedORAddress", Proxies: "otherMailbox",
		},
		Proxies: SplitProxies, EmptyLists: true,
		Other: []string{"Admin-Description", "title", "Company", "department", "physicalDeliveryOfficeName", "telephoneNumber"},
		Lengths: map[string]int{
			"rdn": 64, "cn": 64, "uid": 64, "givenname": 64, "sn": 64, "initials": 6,
			"mail": 256, "textencodedoraddress": 1024, "othermailbox": 1123, "target-address": 1123,
			"info": 1024, "imported-from": 1024, "admin-description": 1024,
			"title": 128, "company": 64, "department": 64, "telephonenumber": 32,
		},
		PageSize: 100, Changes: USNChanges, AdminSuffix: ",cn=admin",
		KeyAttribute: "Extension-Attribute-15", CCMailAddresses: true,
		Write: WriteRules{
			Naming: "cn", RecipientClasses: []string{"Remote-Address"}, ListClasses: []string{"groupOfNames"},
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

// OpenLDAP is any server with the standard schema: people are inetOrgPerson
// (RFC 2798), lists are groupOfNames (RFC 2256, RFC 4519).
//
// What stands where is ours: that schema knows no mail system's own
// attributes, so those were chosen that hold any text, that every entry of these
// classes may have, and that people's own entries seldom use. The target
// address is a labeledURI, which may have other values too; who owns an entry
// is its employeeType, the link to cc:Mail its employeeNumber. A list takes the
// same attributes by extensibleObject (RFC 4512 4.3).
//
// The lengths are the upper bounds that the schema recommends (RFC 4519, RFC
// 4524); OpenLDAP does not keep them. It answers with 500 entries at most as it
// is installed, and counts those of all pages: the account needs limits of its
// own (documented: slapd.conf(5), limits).
func OpenLDAP() Profile {
	return Profile{
		Name: "openldap",
		Classes: []ObjectClass{
			{"inetOrgPerson", CustomRecipient},
			{"inetOrgPerson", Mailbox},
			{"groupOfNames", DistributionList},
		},
		Fields: Fields{
			DisplayName: "cn", Alias: "uid", GivenName: "givenName", Surname: "sn", Initials: "initials",
			Target: "labeledURI", Notes: "description", ImportedFrom: "employeeType",
			AdminText: "description", Members: "member", SMTP: "mail",
		},
		Proxies: NoProxies,
		Other:   []string{"displayName", "title", "o", "ou", "departmentNumber", "physicalDeliveryOfficeName", "telephoneNumber", "employeeNumber"},
		Lengths: map[string]int{
			"mail": 256, "uid": 256, "description": 1024, "title": 128, "physicaldeliveryofficename": 128, "telephonenumber": 32,
		},
		PageSize: 500, Changes: SyncreplChanges, KeyAttribute: "employeeNumber",
		Write: WriteRules{
			Naming: "uid", HoldsName: true,
			RecipientClasses: []string{"top", "person", "organizationalPerson", "inetOrgPerson"},
			ListClasses:      []string{"top", "groupOfNames", "extensibleObject"},
			Required:         []Required{{Attribute: "sn", From: "cn"}},
		},
	}
}
