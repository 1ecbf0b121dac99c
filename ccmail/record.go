package ccmail

import "fmt"

// Location is the one-letter location code of a directory entry (the Locn
// field). Case matters: upper case means that the mail is stored in this post
// office's own database (DOC, PMDF-S). A code this package does not know is
// kept as it was read.
type Location string

// The location codes. DOC: RM51 for P p L R A a, ADE for l and r.
const (
	DirectPostOffice   Location = "P" // post office reached directly
	IndirectPostOffice Location = "p" // post office reached through another one
	LocalUser          Location = "L" // user whose mailbox is in this post office
	ForeignUser        Location = "l" // user who is L at another post office
	MobileUser         Location = "R" // mobile user homed on this post office
	RemoteUser         Location = "r" // mobile or gateway user of another post office
	LocalAlias         Location = "A" // alias, local
	ForeignAlias       Location = "a" // alias of another post office
)

// Record is one entry of the post office directory: the four fields of the
// directory file, decoded.
type Record struct {
	Name     string
	Location Location
	Address  string // post office, and after a blank the foreign alias name; may be empty
	Comment  string
	Pos      Position // of its Name line; zero for a record that was not read from a file
}

// List is one public mailing list.
type List struct {
	Title   string
	Members []string // as written, one per line; empty when the file holds titles only
	Pos     Position
}

// Board is one bulletin board.
type Board struct {
	Title string
	Pos   Position
}

// Position is a place in a file. Line and Column count from 1; the column
// counts bytes. File is used in messages only.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}
