package reconcile

import "time"

// Snapshot is what was read below one base of a directory, and how far, so that
// a later run needs only what has changed since. Its parts and its mark belong
// together; what is in them only the directory's reader knows.
type Snapshot struct {
	Base        string // DN
	Server      string // URL of the server that was read
	Mark        string // how far
	Fingerprint string // of how it was read: who reads in another way finds other entries
	Entries     int
	Taken       time.Time // when the run that read it last began
	Run         int64     // that run; a ledger fills it in
	Whole       time.Time // when the run began that last read everything
	WholeRun    int64     // that run; a ledger takes 0 for the run at hand
	// Parts are everything, then what changed, then what changed after that.
	Parts [][]byte
	// Continues is the run of the snapshot that the parts follow on; 0 means
	// that they take its place. A ledger does not return it.
	Continues int64
}
