package postoffice

// Reason is why a record was refused, in the words of the .UND file. How Lotus
// words it is not known (OURS).
type Reason string

// The reasons for which IMPORT refuses a record.
const (
	DuplicateName     Reason = "Duplicate name"
	NoName            Reason = "No name"
	NoLocation        Reason = "No location"
	UnknownLocation   Reason = "Unknown location"
	NoPostOffice      Reason = "No post office in address"
	UnknownPostOffice Reason = "Unknown post office"
	NameTooLong       Reason = "Name too long"
	AddressTooLong    Reason = "Address too long"
	CommentTooLong    Reason = "Comment too long"
	BadCharacter      Reason = "Bad character"
	RepeatedLine      Reason = "Repeated line"
	NotInDirectory    Reason = "Name not in directory"
	NotRemoteUser     Reason = "Not a remote user"
	LocationDiffers   Reason = "Location differs"
	AddressDiffers    Reason = "Address differs"
	ByRequest         Reason = "Refused by request" // a Fault
)

// The further reasons for which an administrator's edit is refused.
const (
	OwnPostOffice   Reason = "Own post office"
	PostOfficeInUse Reason = "Post office in use"
	NotMovable      Reason = "Not a user or alias"
)

// RefusedError is a record or edit that the post office does not take. Name is
// empty when the record has none.
type RefusedError struct {
	Reason Reason
	Name   string
}

// Error is the reason line of the .UND file.
func (e *RefusedError) Error() string {
	if e.Name == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Name
}

func refuse(reason Reason, name string) error { return &RefusedError{Reason: reason, Name: name} }
