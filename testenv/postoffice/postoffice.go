package postoffice

import (
	"fmt"
	"strings"
)

// Most bytes of a value in the post office's code page. No document gives
// these numbers; they are what is widely remembered (OURS).
const (
	maxName     = 30
	maxAddress  = 126
	maxComment  = 126
	maxPassword = 10 // DOC XOG08007
)

// Settings are what a post office is made with.
type Settings struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	CodePage string `json:"code_page"` // empty: that of the shape
	Shape    Shape  `json:"shape"`     // empty: Lotus
}

// PostOffice is an open post office. Its methods are what an administrator
// does; they obey the same rules as IMPORT and refuse with a *RefusedError.
// Nothing is on disk before Save.
type PostOffice struct {
	settings Settings
	page     codePage
	layout   layout
	entries  map[string]Entry // by folded name
	lists    map[string]List
	boards   map[string]string
	faults   []Fault
	dir      string
	lock     *lock
}

// newPostOffice checks the settings and fills in what is not said.
func newPostOffice(s Settings) (*PostOffice, error) {
	if s.Shape == "" {
		s.Shape = Lotus
	}
	l, err := s.Shape.layout()
	if err != nil {
		return nil, err
	}
	if s.CodePage == "" {
		s.CodePage = l.codePage
	}
	page, err := codePageByName(s.CodePage)
	if err != nil {
		return nil, err
	}
	s.CodePage = page.name
	if len(s.Password) > maxPassword {
		return nil, fmt.Errorf("the password is longer than %d bytes; shorten it", maxPassword)
	}
	return &PostOffice{
		settings: s, page: page, layout: l,
		entries: map[string]Entry{}, lists: map[string]List{}, boards: map[string]string{},
	}, nil
}

// Settings returns what the post office was made with, the open points filled
// in.
func (po *PostOffice) Settings() Settings { return po.settings }

// Entries returns the directory: P, p, users, aliases, by name in each group.
func (po *PostOffice) Entries() []Entry {
	return sorted(po.entries, func(e Entry) int { return e.Location.rank() })
}

// Lists returns the public mailing lists by title.
func (po *PostOffice) Lists() []List { return sorted(po.lists, unranked) }

// Boards returns the titles of the bulletin boards, sorted.
func (po *PostOffice) Boards() []string { return sorted(po.boards, unranked) }

// Lookup returns the entry of that name, without regard to case.
func (po *PostOffice) Lookup(name string) (Entry, bool) {
	e, ok := po.entries[fold(name)]
	return e, ok
}

// Add enters a row as the ADMIN program does: an R whose address starts with
// another known post office becomes r (DOC ADE, PMDF).
func (po *PostOffice) Add(e Entry) error {
	if e.Location == MobileUser {
		if office, _ := po.splitAddress(e.Address); office != "" && fold(office) != fold(po.settings.Name) {
			e.Location = RemoteUser
		}
	}
	return po.insert(e)
}

// insert adds a row as it is.
func (po *PostOffice) insert(e Entry) error {
	e.Name, e.Address, e.Comment = trim(e.Name), trim(e.Address), trim(e.Comment)
	if err := po.check(e); err != nil {
		return err
	}
	if po.taken(e.Name) {
		return refuse(DuplicateName, e.Name)
	}
	if e.Location.isElsewhere() {
		if e.Address == "" {
			return refuse(NoPostOffice, e.Name)
		}
		if office, _ := po.splitAddress(e.Address); office == "" {
			return refuse(UnknownPostOffice, e.Name)
		}
	}
	po.entries[fold(e.Name)] = e
	return nil
}

// check holds a row against what the directory can store, whatever else is in
// it.
func (po *PostOffice) check(e Entry) error {
	if err := po.checkName(e.Name); err != nil {
		return err
	}
	switch {
	case e.Location == "":
		return refuse(NoLocation, e.Name)
	case e.Location.rank() == 0:
		return refuse(UnknownLocation, e.Name)
	}
	if reason := po.checkValue(e.Address, maxAddress, AddressTooLong); reason != "" {
		return refuse(reason, e.Name)
	}
	if reason := po.checkValue(e.Comment, maxComment, CommentTooLong); reason != "" {
		return refuse(reason, e.Name)
	}
	return nil
}

func (po *PostOffice) checkName(name string) error {
	if name == "" {
		return refuse(NoName, "")
	}
	if reason := po.checkValue(name, maxName, NameTooLong); reason != "" {
		return refuse(reason, name)
	}
	return nil
}

// checkValue returns why a value cannot be stored, or nothing.
func (po *PostOffice) checkValue(value string, limit int, tooLong Reason) Reason {
	length, ok := po.page.length(value)
	switch {
	case !ok, strings.ContainsAny(value, "\r\n\x00"+ctrlZ):
		return BadCharacter
	case length > limit:
		return tooLong
	}
	return ""
}

// taken reports whether a user, alias, post office or list has the name.
func (po *PostOffice) taken(name string) bool {
	key := fold(name)
	_, entry := po.entries[key]
	_, list := po.lists[key]
	return entry || list
}

// splitAddress returns the longest known post office name at the start of an
// address and what follows it; the whole address and no office if it starts
// with none.
func (po *PostOffice) splitAddress(address string) (office, rest string) {
	for end := len(address); end > 0; end = strings.LastIndexByte(address[:end], ' ') {
		if e, ok := po.Lookup(address[:end]); ok && e.Location.isOffice() {
			return e.Name, trim(address[end:])
		}
	}
	return "", address
}

// Delete removes a row of any kind, except the post office's own and post
// offices that other rows still name.
func (po *PostOffice) Delete(name string) error {
	e, ok := po.Lookup(name)
	if !ok {
		return refuse(NotInDirectory, name)
	}
	if fold(name) == fold(po.settings.Name) {
		return refuse(OwnPostOffice, name)
	}
	if e.Location.isOffice() {
		for _, other := range po.entries {
			if office, _ := po.splitAddress(other.Address); other.Location.isElsewhere() && office == e.Name {
				return refuse(PostOfficeInUse, name)
			}
		}
	}
	delete(po.entries, fold(name))
	return nil
}

// deleteImported removes the row that a record in the deletion role names.
func (po *PostOffice) deleteImported(e Entry) error {
	row, ok := po.Lookup(e.Name)
	switch {
	case e.Name == "":
		return refuse(NoName, "")
	case !ok:
		return refuse(NotInDirectory, e.Name)
	case row.Location != RemoteUser:
		return refuse(NotRemoteUser, e.Name)
	case e.Location != "" && e.Location != row.Location:
		return refuse(LocationDiffers, e.Name)
	case e.Address != "" && e.Address != row.Address:
		return refuse(AddressDiffers, e.Name)
	}
	delete(po.entries, fold(e.Name))
	return nil
}

// Move gives a user or alias another home post office; the foreign alias name
// goes along, unless the new home is this post office.
func (po *PostOffice) Move(name, office string) error {
	before, ok := po.Lookup(name)
	if !ok {
		return refuse(NotInDirectory, name)
	}
	target, ok := po.Lookup(office)
	switch {
	case before.Location.isOffice():
		return refuse(NotMovable, name)
	case !ok || !target.Location.isOffice():
		return refuse(UnknownPostOffice, name)
	}
	after := before
	_, alias := po.splitAddress(before.Address)
	after.Location, after.Address = before.Location.elsewhere(), trim(target.Name+" "+alias)
	if fold(target.Name) == fold(po.settings.Name) {
		after.Location, after.Address = before.Location.atHome(), ""
	}
	if err := po.check(after); err != nil {
		return err
	}
	po.entries[fold(name)] = after
	return nil
}

// SetComment replaces the comment of a row, post offices included.
func (po *PostOffice) SetComment(name, text string) error {
	e, ok := po.Lookup(name)
	if !ok {
		return refuse(NotInDirectory, name)
	}
	e.Comment = trim(text)
	if err := po.check(e); err != nil {
		return err
	}
	po.entries[fold(name)] = e
	return nil
}

// AddList makes a public mailing list. Its title shares the directory's names.
func (po *PostOffice) AddList(list List) error {
	list.Title = trim(list.Title)
	if err := po.checkName(list.Title); err != nil {
		return err
	}
	if po.taken(list.Title) {
		return refuse(DuplicateName, list.Title)
	}
	for _, member := range list.Members {
		if err := po.checkMember(member); err != nil {
			return err
		}
	}
	po.lists[fold(list.Title)] = list
	return nil
}

// checkMember allows "Name at PO", so a member is as long as an address.
func (po *PostOffice) checkMember(member string) error {
	if trim(member) == "" {
		return refuse(NoName, "")
	}
	if reason := po.checkValue(member, maxAddress, NameTooLong); reason != "" {
		return refuse(reason, member)
	}
	return nil
}

// DeleteList removes a mailing list.
func (po *PostOffice) DeleteList(title string) error {
	if _, ok := po.lists[fold(title)]; !ok {
		return refuse(NotInDirectory, title)
	}
	delete(po.lists, fold(title))
	return nil
}

// AddBoard makes a bulletin board. Only other boards can have its title.
func (po *PostOffice) AddBoard(title string) error {
	title = trim(title)
	if err := po.checkName(title); err != nil {
		return err
	}
	if _, ok := po.boards[fold(title)]; ok {
		return refuse(DuplicateName, title)
	}
	po.boards[fold(title)] = title
	return nil
}

// DeleteBoard removes a bulletin board.
func (po *PostOffice) DeleteBoard(title string) error {
	if _, ok := po.boards[fold(title)]; !ok {
		return refuse(NotInDirectory, title)
	}
	delete(po.boards, fold(title))
	return nil
}

func trim(value string) string { return strings.Trim(value, " \t") }
