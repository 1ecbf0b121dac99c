// Package testenv starts LDAP directories for integration tests, of this project
// and of others: a directory that behaves like Exchange Server 5.5, or a slapd
// made up to look like one, inside the test, as a process of its own, or in a
// container. All are used in the same way:
//
//	d, err := testenv.Start(ctx, testenv.Options{
//		Kind: testenv.Exchange55, Where: testenv.Container,
//		LDIF: seed, Accounts: []testenv.Account{{Domain: "CONTOSO", Name: "sync", Password: "secret", Write: true}},
//	})
//	...
//	defer d.Close()
//	conn, err := ldap.DialURL(d.URL())
//
// What the directories do and do not imitate is told by packages exchange55 and
// slapd. Package conformance holds the tests that all of them pass, and package
// faultproxy puts what goes wrong on a network before any of them. Those
// packages can be used by themselves, without the container engine's client that
// this one brings along.
//
// # Containers
//
// The engine is found as its own command finds it. The images are made when
// they are first needed and kept: the Exchange directory from a static program
// that is built with Go, alone in its image; slapd from a Debian image that is
// pulled when a registry can be reached, and else made with debootstrap, which
// needs root and Debian's mirror once. No other image is needed: the clean-up
// container of testcontainers is switched off, so a directory has to be closed.
// [ContainersAvailable] tells why there are none, for tests that then skip.
package testenv
