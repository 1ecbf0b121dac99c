package reconcile

import "time"

// Direction is the target of a step.
type Direction string

// The directions, named as in the JSON form of a plan.
const (
	ToCCMail   Direction = "to_ccmail"
	ToExchange Direction = "to_exchange"
)

// Known is what earlier runs of a connector left behind. The zero value is
// that of a connector that never ran.
type Known struct {
	Last      Baseline
	Approvals []Approval // those that have not expired
	Paused    []Pause
	Retiring  []Retirement
}

// Baseline is what the last good run of a connector found and left: one that
// read both sides whole and that no guard stopped.
type Baseline struct {
	Run    int64 // 0 when there was none
	Ended  time.Time
	Counts []Count
	Scope  []Setting
}

// Count is the number of entries in one container of one side. Of entries
// that are ours the number is that which the run left there, of all others
// that which it read.
type Count struct {
	Side      string // ccmail or exchange
	Container string // a part of the post office, or a DN
	Entries   int
}

// Setting is one part of what is synchronized and how: containers, filters,
// rules and sites. A difference to the last run explains why entries go.
type Setting struct {
	Name  string // as in the configuration, such as exchange.export.containers
	Value string
}

// Approval lets a plan through that guards stopped. It holds for a later plan
// as long as every step that its guards are about is among the approved ones.
type Approval struct {
	ID        int64     `json:"approval"`
	Connector string    `json:"connector"`
	PlanID    string    `json:"plan_id"`
	Purpose   string    `json:"purpose,omitempty"` // of the plan: the approval holds for plans of the same one
	Only      string    `json:"only,omitempty"`    // deletes, changes or reads; empty for all
	By        string    `json:"by"`                // who gave it
	Given     time.Time `json:"given"`
	Expires   time.Time `json:"expires"`
	// Guards are the tripped guards that it is about, Steps the steps that
	// they count.
	Guards []Guard        `json:"guards"`
	Steps  []ApprovedStep `json:"-"`
}

// ApprovedStep is a step as a person saw it.
type ApprovedStep struct {
	Direction Direction
	Step      Step // its op, kind, name, address, DN and changes
}

// Pause keeps cycles from an entry, because a person took back what one had
// done to it.
type Pause struct {
	Direction Direction `json:"direction"`
	Key       string    `json:"key"` // of its steps
	Kind      Kind      `json:"kind"`
	Name      string    `json:"name"`
	DN        string    `json:"dn,omitempty"`
	Since     time.Time `json:"since"`
	Undone    int64     `json:"undone"` // the run that was taken back
}

// Retirement is an entry of ours that nothing wants any more and that is
// deleted when its time of grace is over.
type Retirement struct {
	Direction Direction `json:"direction"`
	Key       string    `json:"key"`
	Name      string    `json:"name"`
	DN        string    `json:"dn,omitempty"`
	Since     time.Time `json:"since"`
	Hid       bool      `json:"hid,omitempty"` // a step of ours hid it from the address book
}

// OpenCase is an entry that a cycle refused, held or failed to write.
type OpenCase struct {
	Direction Direction `json:"direction"`
	Op        Op        `json:"op"`
	Kind      Kind      `json:"kind"`
	Key       string    `json:"-"`
	Name      string    `json:"name"`
	Address   string    `json:"address,omitempty"`
	DN        string    `json:"dn,omitempty"`
	Reason    string    `json:"reason"`
	// Since is when, and SinceRun in which run, it was found open for the
	// first time in a row. A ledger fills them in.
	Since    time.Time `json:"since"`
	SinceRun int64     `json:"since_run"`
}
