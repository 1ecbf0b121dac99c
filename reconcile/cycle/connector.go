package cycle

import (
	"slices"
	"time"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// Connector is everything that a cycle needs to know.
type Connector struct {
	Name       string // also the mark in Imported-From
	Server     ldapsrc.Server
	Exchange   Exchange
	PostOffice ccmail.PostOffice
	Store      ccmail.Store
	Rules      mapping.Rules
	// CompareComment makes a comment that differs from the one the rules give
	// a reason to replace a cc:Mail entry of ours.
	CompareComment bool
	Limits         reconcile.Limits
	// Scope tells what is synchronized and by which rules. It is kept with
	// each good run, so that a later one can tell that it was changed.
	Scope     []reconcile.Setting
	Sentinels Sentinels
	Recording Recording
	// Cautions are what a run warns of and Check tells: files that others can
	// read, for example, which a cycle does not know.
	Cautions []string
}

// Exchange is what is synchronized of the Exchange directory.
type Exchange struct {
	Owner reconcile.Owner
	Base  string // DN of the entry under which addresses and aliases must be unique
	// AdminView says that the bind name is one that sees hidden entries.
	AdminView bool
	// Incremental lets runs read only what has changed since the last one, where
	// the profile knows a source of changes and the ledger has what was read;
	// FullReadEvery is after which time all is read again and compared with
	// that, 0 for never.
	Incremental   bool
	FullReadEvery time.Duration
	Export        *Export // nil: nothing goes to cc:Mail and nothing is deleted there
	Import        *Import // nil: nothing comes from cc:Mail and nothing is deleted in Exchange
}

// link is how entries of Exchange that came from cc:Mail are known.
func (e Exchange) link() mapping.Link {
	if e.Import == nil {
		return mapping.Link{}
	}
	link := mapping.Link{Attribute: e.Import.KeyAttribute, Containers: slices.Clone(e.Import.FormerContainers)}
	if e.Import.Container != "" {
		link.Containers = append(link.Containers, e.Import.Container)
	}
	return link
}

// Export is the direction from Exchange to cc:Mail.
type Export struct {
	Containers       []string // DNs
	TrustLevel       int      // highest that goes out
	CustomRecipients bool
	// Grace is how long an entry that is no longer wanted stays in cc:Mail
	// before it is deleted; 0 deletes it at once.
	Grace time.Duration
}

// Import is the direction from cc:Mail to Exchange.
type Import struct {
	Container    string // DN
	KeyAttribute string // holds the link to the cc:Mail entry
	Moves        reconcile.Moves
	Adopt        bool
	Groups       bool // mailing lists become distribution lists with their members
	// FormerContainers are DNs of import containers before this one, and
	// FormerNames the names that the connector had.
	FormerContainers, FormerNames []string
	// Grace is how long a custom recipient that is no longer wanted is hidden
	// before it is deleted; 0 deletes it at once.
	Grace time.Duration
}

// Trace is told what a cycle does. Functions that are nil are not called.
type Trace struct {
	// StepStarts is called before each of the ten steps, StepEnds after it
	// with a short account of what it found or did.
	StepStarts func(number int, title string)
	StepEnds   func(number int, account string, err error)
	// Event is called for what is worth a line in a log.
	Event func(Event)
}

// Level says how much an event matters.
type Level string

// The levels.
const (
	Info    Level = "info"
	Warning Level = "warning"
	Error   Level = "error"
)

// Event is something worth a line in a log. ID is the original connector's
// number for it, 0 when it has none.
type Event struct {
	ID    int
	Level Level
	Text  string
}

func (t Trace) event(level Level, id int, text string) {
	if t.Event != nil {
		t.Event(Event{ID: id, Level: level, Text: text})
	}
}

// Events of the original that a cycle reports (documented: Q181186, Q167830,
// Q197258, Q212773, Q180641). Those of EXPORT and IMPORT that fail come with
// the error.
const (
	eventImported         = 58
	eventRefused          = 63
	eventExported         = 67
	eventStarted          = 14001
	eventUnreadable       = 14005
	eventContainerMissing = 14015
	eventFinished         = 14031
)

// Report is a plan and, after a run, what became of its steps.
type Report struct {
	// Run is the number of the run in the ledger and State how it ended; both
	// are empty when nothing was recorded.
	Run   int64              `json:"run,omitempty"`
	State reconcile.RunState `json:"state,omitempty"`
	// Started and Ended are set in the report of an earlier run.
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	reconcile.Plan
	Reads    []Reading `json:"reads,omitempty"`    // how the directory was read
	Warnings []string  `json:"warnings,omitempty"` // oddities that did not stop the cycle
	// Error is what ended the cycle early, empty when nothing did. A report
	// without a plan ID is one of a cycle that ended before it had a plan.
	Error string `json:"error,omitempty"`
	// Changes are the LDAP requests of the plan, in the order in which a run
	// sends them.
	Changes []ldapsrc.Change `json:"-"`
}

// Failed reports whether a step of a run failed or was held.
func (r Report) Failed() bool {
	for _, steps := range [][]reconcile.Step{r.ToCCMail, r.ToExchange} {
		for _, s := range steps {
			if s.Outcome == reconcile.Failed || s.Outcome == reconcile.Held {
				return true
			}
		}
	}
	return false
}

// GuardError says that guards stopped the cycle before the first write.
type GuardError struct {
	Connector string
	PlanID    string
	Guards    []reconcile.Guard // the tripped ones
}

func (e *GuardError) Error() string {
	text := "connector " + e.Connector + ": plan " + e.PlanID + " needs a person, nothing was written"
	for _, g := range e.Guards {
		text += "; " + g.Name + ": " + g.Detail
	}
	return text + "; to let it through: ccdirsync approve " + e.PlanID
}
