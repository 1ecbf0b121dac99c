// Package ledger keeps what happened: every run of a cycle, its plan before the
// first write, and what became of every step. It also keeps what the next run
// has to know: what the last good one found and left, what it read of the
// directory and how far, what a person approved or paused, and what is open
// since when.
//
// # Where
//
// One SQLite file, made with mode 0600 in a folder of mode 0700, in WAL mode,
// so that it can be read while a run writes. docs/ledger.md describes the
// tables; they are meant to be read with other programs too. Times are UTC in
// the form of RFC 3339 with milliseconds, and come in as values: the package
// does not read the clock.
//
// # What is on the disk when
//
// What a run is about to do must have reached the disk before it is done, so
// a plan, the note that writing begins and the end of a run are committed with
// synchronous=FULL: each waits for one fsync. So is what a person decides. A run
// that ends leaves all that it leaves in one transaction: that it was good,
// its counts, and what it read with the mark how far, are there together or not
// at all. The outcomes between are
// committed with synchronous=NORMAL, which in WAL mode does not wait: the
// directory takes thousands of entries one by one, and an fsync for each would
// take longer than the entry. A program that dies loses none of them. A
// machine that dies may lose the last ones, never the order nor the plan; the
// run is then found with more open steps than it had, and as the next cycle
// reads both sides afresh it finds out which are done.
//
// # A run that died
//
// [Ledger.Begin] is called while the connector has its store to itself. A run
// of that connector that is not over then cannot be alive: it has died, and is
// marked and returned, with what it left open.
//
// # Versions
//
// PRAGMA user_version is the version of the tables. An older file is brought
// up to date when it is opened, in one transaction; a newer one is refused and
// left as it is.
//
// # To look and not to touch
//
// [OpenReadOnly] reads a ledger of any version and leaves no trace in its
// folder, whatever other programs do at that time.
//
// # How long
//
// [Ledger.Prune] removes old runs; what the next run needs stays. SQLite uses
// their room again and does not shrink the file.
//
// # What it leaves out
//
// Secrets: a plan holds none and nothing else is recorded. Text comes back byte
// for byte, also when it is not valid UTF-8, which the JSON of changes cannot
// hold: it has the bytes of such values in hexadecimal digits. Times are kept
// to the millisecond.
package ledger
