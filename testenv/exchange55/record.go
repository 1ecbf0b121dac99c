package exchange55

import "fmt"

// ChangeRecord is one record of an LDIF file (RFC 2849) or one write
// operation.
type ChangeRecord struct {
	Pos        Position // of the dn line; zero for a record that was not read from a file
	DN         string
	Type       ChangeType
	Attributes []Attribute // of Content and Add
	Changes    []Change    // of Modify, in the order in which they are applied
}

// ChangeType is what a record asks for.
type ChangeType int

// The change types. A content record has no changetype line; it describes an
// entry and is added like one.
const (
	Content ChangeType = iota
	Add
	Modify
	Delete
)

// Attribute is an attribute's name, as written, and its values.
type Attribute struct {
	Name   string
	Values []string
}

// Change is one step of a modify record.
type Change struct {
	Op ChangeOp
	Attribute
}

// ChangeOp is what a step of a modify record does with the values; the
// numbers are those of RFC 4511 section 4.6.
type ChangeOp int

// The operations of a modify record.
const (
	AddValues ChangeOp = iota
	DeleteValues
	ReplaceValues
)

// Position is a place in a file. Line and Column count from 1; the column
// counts bytes. File is used in messages only.
type Position struct {
	File         string
	Line, Column int
}

func (p Position) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}
