// Package house holds tests of the project's structure: which package may
// import which, and that the linter is told so too. The linter sees direct
// imports only and is easily switched off; these tests see everything that a
// package reaches.
//
// Every rule has its reason, and a rule about something that no longer exists
// fails, so that the list stays true. A new package fails the test until it is
// given a place.
package house
