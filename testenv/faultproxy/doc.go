// Package faultproxy stands between an LDAP client and any LDAP server and does
// to their connection what networks, limits and broken servers do: it cuts,
// delays and stalls, rewrites results, drops, repeats and damages entries, and
// plays with the cookies of pages. It exists for tests.
//
//	proxy, err := faultproxy.Start("ldap://127.0.0.1:389")
//	...
//	proxy.SetFaults(
//		faultproxy.Fault{At: faultproxy.Point{Op: pdu.SearchEntry, Skip: 150, Times: 1}, Do: faultproxy.Cut()},
//	)
//
// A fault is a point and an effect. A point picks messages: by operation, by
// the name in them, by how many of that kind went by before, or by how many
// bytes did. An effect changes what becomes of a message. The faults
// hold for all connections together, those that are open included, and their
// counts begin when they are set. The first fault that fits a message is the
// only one that happens to it.
//
// # What can be told of it by a client, and what cannot
//
// An entry that is dropped, and a last page that is not the last, are answers
// that a healthy server gives too. No client can tell; what guards against
// them has to be elsewhere.
//
// # TLS
//
// What is encrypted passes as bytes in no units that mean anything: faults that
// pick messages do not fit, those that count bytes do. The proxy finds out by
// itself, for ldaps and after StartTLS.
package faultproxy
