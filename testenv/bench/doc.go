// Command bench measures what ccdirsync costs on a real LDAP server, slapd,
// beside OpenLDAP's own tools doing the same, and prints the tables of
// docs/performance.md. "make bench" runs it.
//
// # What is compared
//
// Runs come in pairs, ours and then the other, on the same server with the same
// entries; what counts is the ratio within a pair, of which the tables have the
// median, the least and the most, so that a machine that others use too does
// little harm. CPU time is user and system time of the client process alone:
// neither the server's nor that of EXPORT and IMPORT is in it. Peak memory is
// the kernel's greatest resident set. LDAP bytes are counted by a proxy, in both
// directions. A bound that is missed is shown as missed.
//
// The ldapsearch that ours is compared with is the very command that ldapsrc
// traces: same base, filter, attributes, page size and account.
//
// # The world
//
// The directory holds recipients as Exchange 5.5 shows them: of twenty, 17 are
// mailboxes and one each a distribution list, a public folder and a custom
// recipient. It is loaded with slapadd -q. The post office is the stand-in of
// package postoffice: its programs are part of the wall time of a cycle.
//
// It needs Linux, slapd and ldap-utils.
package main
