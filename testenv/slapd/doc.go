// Package slapd runs OpenLDAP's server as a child process, made up to look like
// an Exchange 5.5 directory, so that tests can talk to a real LDAP server that
// is not ours.
//
// What it has of Exchange 5.5: the schema, the limit of 100 entries for an
// answer that is not paged, the greatest lengths of values (code 19), anonymous
// users that see neither the configuration nor operational attributes, and
// accounts in Exchange's form of bind names, of which only those that end in
// ",cn=admin" see hidden and deleted objects.
//
// What it has not: it stamps no USNs and leaves nothing behind when an entry is
// deleted, so a seed writes USN-Changed and Is-Deleted itself; it adds the
// directory name to cn as a second value, refuses to lose it again, and does
// not fill in rdn; it takes an address that is both primary and secondary.
//
// Options.Schema makes it a plain server instead, with the schema that the
// package brings along or with names of Active Directory; neither stands in for
// another product than OpenLDAP.
//
// It needs Debian's packages slapd and ldap-utils; [Available] says what is
// missing. It is for tests only.
package slapd
