// Package exchange55 is a test directory that behaves like the directory of
// Exchange Server 5.5 over LDAP. It exists so that the client can be tested,
// and shown, against what that server is documented to do and other servers
// do not: a display name in cn, split proxy addresses, a limit of 100 entries,
// change numbers, tombstones, hidden objects.
//
// # What is imitated
//
// Entries are named by their directory name, which is the attribute rdn; cn is
// the display name and has one value (documented: SDK directry_6fub). The
// addresses of a recipient are spread over mail (also called rfc822Mailbox),
// textEncodedORAddress and otherMailbox, and a primary address cannot be among
// the others, not even the one the same request replaces (documented: K303028).
// Every write takes the next number of one counter and stamps USN-Changed with
// it; an ou entry below the organization, which is a site, shows the highest
// number. A deleted entry stays as a tombstone. Operational attributes are
// returned when asked for by name.
//
// A bind name is an NT account and not an entry: cn=name,cn=DOMAIN, or
// dc=DOMAIN,cn=name, or cn=name,dc=DOMAIN. With ",cn=admin" at its end it gives
// the admin view, in which hidden objects and tombstones appear, if the account
// has the right; if not, nothing is said (documented: K185475). Anonymous users
// see recipients and public attributes only.
//
// # Choices where no source says what 5.5 does
//
// With the admin view tombstones match every search whose filter fits, with
// the few attributes of the list in store.go. Result codes: an overrun of the
// size limit is 4, after the first entries; an unknown attribute 17; a
// system attribute 19; rename 53 (67 would be possible); an unsupported
// LDAP version 2. Values of member need not name an entry. A list that
// loses a deleted member is stamped like any changed entry. Search results come
// in the order of creation. The attributes withheld from anonymous users are
// in the one table of schema.go, with lengths and classes.
//
// # How it is built
//
// The store answers requests; glauth's handler.Handler is the interface to it
// (handler.go), and glauth's protocol library serves that. The library drops
// or mangles parts of many requests, ends connections it should keep, and
// panics on some malformed controls. So its listener hands it connections of
// ours (conn.go): they read and check one message at a time, keep it for the
// handler, pass on a neutral message of the same kind, and put the handler's
// result into the answer. Bytes from clients are decoded by package pdu and
// request.go alone, with limits on size and depth.
//
// # What is left out
//
// LDAP version 2, SASL, StartTLS, referrals, replication between servers,
// address book views, access rights per object, matching rules, the check of
// addresses for uniqueness (5.5 has none either), and everything behind the
// directory: nothing is delivered or generated. Entries live in memory. A
// whole directory can be written as LDIF and started again from it.
package exchange55
