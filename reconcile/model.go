package reconcile

import "strings"

// Kind is what a step is about. Exchange's entries are mailbox, list, folder
// or custom_recipient; cc:Mail's are user, list or board; both know
// post_office.
type Kind string

// The kinds.
const (
	Mailbox         Kind = "mailbox"
	List            Kind = "list"
	Folder          Kind = "folder"
	CustomRecipient Kind = "custom_recipient"
	PostOffice      Kind = "post_office"
	User            Kind = "user"
	Board           Kind = "board"
	MemberKind      Kind = "member" // of a mailing list that is a group in Exchange; such a step writes nothing
)

// Op is what a step does. Keep is counted and never listed in a plan.
type Op string

// The operations.
const (
	Keep    Op = "keep"
	Add     Op = "add"
	Delete  Op = "delete"
	Replace Op = "replace" // delete and add in one cycle
	Modify  Op = "modify"
	Adopt   Op = "adopt" // modify that also takes ownership
	Hide    Op = "hide"  // modify that hides what is to be deleted later; guards judge it as a delete
	Refuse  Op = "refuse"
	Hold    Op = "hold" // left as it is until a later cycle
)

// Writes reports whether a step that does this writes something.
func (o Op) Writes() bool {
	switch o {
	case Add, Delete, Replace, Modify, Adopt, Hide:
		return true
	case Keep, Refuse, Hold:
	}
	return false
}

// Change is one value that a step changes. An empty Old means that the value
// is new, an empty New that it goes.
type Change struct {
	Attr string `json:"attr"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Outcome is what became of a step.
type Outcome string

// The outcomes.
const (
	Done   Outcome = "done"
	Failed Outcome = "failed"
	Held   Outcome = "held" // not tried, because another step that it needs failed or the cycle ended; the next one tries again
)

// Step is one decision of a plan. Every step has a reason.
type Step struct {
	Op      Op       `json:"op"`
	Kind    Kind     `json:"kind"`
	Name    string   `json:"name"`
	Address string   `json:"address,omitempty"`
	DN      string   `json:"dn,omitempty"`
	Reason  string   `json:"reason"`
	Event   int      `json:"event,omitempty"` // the original's event number, when it has one
	Changes []Change `json:"changes,omitempty"`

	// Outcome is what became of the step in a run; empty in a plan. Error says
	// why it failed or was held.
	Outcome Outcome `json:"outcome,omitempty"`
	Error   string  `json:"error,omitempty"`

	// Row is the row to write and OldRow the row that is there, in steps
	// toward cc:Mail.
	Row, OldRow *Row `json:"-"`
	// After is the custom recipient to write and Before the one that is
	// there, in steps toward Exchange.
	After, Before *Recipient `json:"-"`
	// Needs are the DNs of entries that must have been deleted or changed
	// before this step may be carried out, because they hold a name or an
	// address that it takes.
	Needs []string `json:"-"`
	// Joining and Leaving are the DNs that the step adds to and deletes from the
	// members of a group, in requests of their own after those of all steps.
	// Joining may name one that is a member now and is deleted and added anew in
	// this plan: the directory drops it from the group in between.
	Joining, Leaving []string `json:"-"`

	// Key is the same in every plan for steps about the same entry: the folded
	// name in cc:Mail, or the key of a custom recipient, or its folded DN when it
	// has none.
	Key string `json:"-"`

	unwanted  bool  // it is held, and would delete else
	recreated bool  // one half of a delete and add of one entry
	members   bool  // it changes members and nothing else
	cause     cause // of a delete, also one that comes later
	grace     grace // of an entry that is to be deleted later
}

// deletes reports whether guards judge the step as a delete: when something is
// taken from people for the first time.
func (s *Step) deletes() bool {
	return s.Op == Delete && s.grace.stage != due || s.Op == Hide
}

// cause is why nothing wants an entry any more that is deleted.
type cause uint8

const (
	otherCause cause = iota // told by the step's reason only
	leftScope               // its source is there, but is not synchronized any more
	goneFromSource
)

// Subject names what a step is about for people: cc:Mail's rows as "name at
// post office", custom recipients with their target address as
// "name  <target>", entries of Exchange that have no name in cc:Mail by their
// DN.
func (s Step) Subject() string { return string(s.AppendSubject(nil)) }

// AppendSubject appends the subject to a text.
func (s *Step) AppendSubject(b []byte) []byte {
	switch {
	case s.Name == "":
		return append(b, s.DN...)
	case s.Kind == PostOffice || s.Address == "":
		return append(b, s.Name...)
	case strings.Contains(s.Address, ":"):
		b = append(append(b, s.Name...), "  <"...)
		return append(append(b, s.Address...), '>')
	default:
		b = append(append(b, s.Name...), " at "...)
		return append(b, s.Address...)
	}
}

// Row is one entry of the post office directory.
type Row struct {
	Name       string
	Location   string // P p L l R r A a
	PostOffice string // where it is: the first part of its address, or this post office
	Foreign    string // foreign alias name: the rest of its address
	Comment    string
	Place      string // where it was read, for messages
}

// Address is the value of the row's address field.
func (r Row) Address() string {
	return strings.TrimSpace(r.PostOffice + " " + r.Foreign)
}

// Wanted is an Exchange entry that the post office directory ought to hold.
type Wanted struct {
	Kind          Kind
	Name          string // cc:Mail name
	Site          string // post office name of its Exchange site
	Comment       string
	DN            string
	DirectoryName string
	// Imported says that it came from cc:Mail and became Exchange's own, as a
	// custom recipient does that is made a mailbox.
	Imported bool
}

// Excluded is an entry that is known to its own side but is not wanted on the
// other; the cause is told when its counterpart is deleted.
type Excluded struct {
	Kind  Kind
	Name  string // its name in cc:Mail
	DN    string
	Cause string // such as "hidden from the address book"
}

// Refusal is an entry that was wanted but cannot be written. Its counterpart,
// if there is one, stays as it is.
type Refusal struct {
	Kind    Kind
	Name    string // its name in cc:Mail, empty when it has none
	Address string // as in a step: its post office in cc:Mail, or its target in Exchange
	DN      string
	Reason  string
	Event   int
}

// Proxy is one e-mail address of a custom recipient.
type Proxy struct {
	Type    string // in upper case
	Address string
	Primary bool
}

// Recipient is what stands for an entry of cc:Mail in Exchange: a custom
// recipient, or a distribution list, which is called a group here to tell it
// from a mailing list. It is one that the directory holds, or one that it ought to
// hold. A group has no target in the directory; its Target here is its cc:Mail
// address.
type Recipient struct {
	Kind          Kind
	Group         bool
	Key           string // links it to its cc:Mail row: "user:", "list:" or "board:" and the folded name
	KeyTaken      bool   // somebody else's value is where the key would be; Key is empty then
	Name          string // the cc:Mail name or title, of wanted ones
	PostOffice    string // where the cc:Mail user is, of wanted ones; empty for lists and boards
	DN            string
	DirectoryName string
	Target        string // TYPE:address
	Proxies       []Proxy
	Notes         string
	Owner         string // mark of the synchronization that made it
	MadeBy        string // the same of what is no custom recipient and has no owner, such as one that became a mailbox
	DisplayName   string
	Alias         string
	GivenName     string
	Surname       string
	Initials      string
	Hidden        bool     // from the address book
	Members       []string // DNs, of a group

	// Values are all values that the directory holds for it, by attribute in
	// lower case. They are there only where a run is taken back ([UndoExchange]).
	Values map[string][]string
}

// Names are an alias and the addresses made from it.
type Names struct {
	Alias   string
	Proxies []Proxy // generated addresses, without the cc:Mail ones
}

// Member is one of a mailing list's, as far as it is known before the plan is
// made.
type Member struct {
	Name string // as the list has it
	// One of these says what it is.
	Key     string // of the cc:Mail entry whose recipient it is
	DN      string // of a recipient of Exchange's own
	Problem string // why it is neither
}

// WantedRecipient is a cc:Mail entry that the Exchange directory ought to hold
// as a custom recipient or a group. Its Proxies hold the cc:Mail addresses only,
// and the members of its Recipient are not looked at.
type WantedRecipient struct {
	Recipient
	OnList []Member // of a group
	// Names proposes the nth alias of this recipient, from 1 on, and the
	// addresses that go with it; the first proposal that is free is taken. It
	// must not be nil and must give the same for the same n: every recipient that
	// is added is named by it.
	Names func(r *Recipient, n int) Names
}
