// Package ldapsrc reads recipients from the directory of an Exchange 5.5
// server over LDAP and writes custom recipients and distribution lists to it. It knows Exchange and
// nothing else; other directories are read and written in Exchange's terms, as
// far as a [Profile] finds a place for them there.
//
// # The directory
//
// Exchange names an entry cn=<directory name>, but the attribute cn holds the
// display name; the directory name is the attribute rdn and the alias is uid
// (documented: SDK directry_6fub). E-mail addresses are spread over three
// attributes: the primary SMTP address is mail, the primary X.400 address is
// textEncodedORAddress, and all others are values of otherMailbox in the form
// TYPE$address, where a type in upper case marks the primary address of that
// type and one in lower case a secondary address (documented: K263520). A
// [Recipient] has them in one list. What is named how, how long a value may be
// and what can be written is data: a [Profile], such as [Exchange55] or
// [OpenLDAP].
//
// Objects that are hidden from the address book and objects that were deleted
// are seen only under the admin view, that is when the bind name ends in
// ",cn=admin" (documented: SDK directry_1okp). It can fail silently
// (documented: K185475), so [Conn.AdminView] proves it. The bind name is not
// the name of an entry and goes to the server as it was given.
//
// # What is promised
//
// A read is whole or it is an error. [Conn.Entries] asks page by page, since
// a server answers with no more than 100 entries at a time (documented:
// K243786). Any result code but success, a referral, an answer that does not
// say whether there is more, a page that comes twice, an entry that comes
// twice, a lost connection and a cancelled context are errors. So is an entry that cannot be understood: what decides whether
// an entry goes out (its class, its trust level, whether it is hidden or
// deleted) must be readable on every entry, or the whole read fails and names
// the entry. E-mail addresses that cannot be understood are left out of the
// list of addresses and stay in [Recipient.Entry].
//
// [Conn.Read] returns a set of [Recipients], with a [Mark] that says how far it
// goes; [Conn.Changes] reads what was changed since then, or says with a
// [*FullReadError] why only a full read will do. Entries are taken out of what
// the server sends and decoded here, in one pass and without copies; go-ldap is
// in charge of everything else.
//
// A [Change] is one LDAP request, which the server carries out wholly or not at
// all (documented: K303028). Making one and sending it are separate, so that
// what would be sent can be shown as LDIF, and a value that Exchange would
// refuse for its length is refused before anything is sent.
//
// An error is an [*Error]. It says which server, what was attempted on what
// entry, what the server said and what to do about it. It never contains the
// password.
//
// A connection is verified or it is an error: there is no way to switch that
// off, and a server that refuses StartTLS gets nothing in the clear. What may be
// done twice is tried again when the server is away or busy: connecting, and
// reads from their very start, at the same server. See [Retry] and [Conn].
//
// A [Writer] sends many changes, several at a time. It too tries again, and when
// an answer was lost with its connection it finds out what became of the change;
// see [Writer.Write].
//
// # What is left out
//
// Mailboxes and public folders are read, never written.
// The package generates no addresses and checks no uniqueness, which the
// server does not do either (documented: K303028). It follows no referrals and
// does not rename entries, because a directory name is fixed for life.
package ldapsrc
