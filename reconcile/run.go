package reconcile

import "time"

// RunState says how far a run got.
type RunState string

// The states. A run that is over is done, failed, stopped or died; one that is
// found in another state when the next run begins has died in it.
const (
	RunReading RunState = "reading" // it has begun and has no plan yet
	RunPlanned RunState = "planned" // its plan is recorded, nothing is written
	RunWriting RunState = "writing" // the first write may have been made
	RunDone    RunState = "done"    // it came to its end; single steps may have failed
	RunFailed  RunState = "failed"  // an error or an interrupt ended it
	RunStopped RunState = "stopped" // a guard stopped it before the first write
	RunDied    RunState = "died"    // the program ended without a word
)

// Over reports whether a run in this state has come to an end.
func (s RunState) Over() bool {
	switch s {
	case RunDone, RunFailed, RunStopped, RunDied:
		return true
	case RunReading, RunPlanned, RunWriting:
	}
	return false
}

// Run is one run of a cycle as a ledger remembers it, without its steps.
type Run struct {
	ID        int64     `json:"run"` // counts up, over all connectors
	Connector string    `json:"connector"`
	PlanID    string    `json:"plan_id"`           // empty when it had no plan
	Purpose   string    `json:"purpose,omitempty"` // as in its plan
	State     RunState  `json:"state"`
	Started   time.Time `json:"started"`        // UTC, to the millisecond
	Ended     time.Time `json:"ended,omitzero"` // likewise; zero while it runs, and when it died
	Counts    Counts    `json:"counts"`
	// NotDone counts the steps that failed or were held when they were carried
	// out.
	NotDone int `json:"not_done"`
	// Error is what ended the run early, or how far it was when it died.
	Error string `json:"error,omitempty"`
}

// DiedRun is a run that was found unfinished.
type DiedRun struct {
	Run              // as it was left: its state is the one in which it died
	Open      int    // steps that write and have no outcome
	FirstOpen []Step // the first few of these, in the order of the plan
}

// StepOutcome is what became of one step of a run.
type StepOutcome struct {
	Number  int // of the step: from 1 on, those toward cc:Mail first
	Outcome Outcome
	Error   string
}

// RunEnd is how a run ended.
type RunEnd struct {
	At    time.Time // when
	State RunState  // one that is over
	Error string    // empty when it is done
	// Counts are what was read, also by a run that ended before it had a plan.
	Counts   Counts
	Warnings []string // oddities that did not stop it
	// Good makes a run that is done or failed the one that later ones are
	// compared with, if [Writing] has not done so; Last is what it left.
	Good bool
	Last Baseline
	// Snapshots, of a good run that is done, take the place of those of the
	// connector, also of those of other bases; nil leaves them.
	Snapshots []Snapshot
	// Open takes the place of the open cases of the connector, and Retiring of
	// its retirements; nil leaves those of earlier runs.
	Open     []OpenCase
	Retiring []Retirement
}

// Writing is what a run leaves to later ones from its first write on, whatever
// becomes of it.
type Writing struct {
	Found    Baseline     // the counts as if every deletion of the plan were made, and the scope
	Pauses   []Pause      // that begin
	Resumed  []Pause      // that end
	Retiring []Retirement // as in [RunEnd]
}
