package ccmail

import (
	"strings"
	"unicode/utf8"
)

// SplitAddress is the Split of the post offices with these names. Who has many
// addresses to split makes [PostOfficeNames] once.
func SplitAddress(addr string, postOffices []string) (po, foreign string) {
	return NewPostOfficeNames(postOffices).Split(addr)
}

// PostOfficeNames are the names of post offices that addresses may begin with.
// The zero value knows none.
type PostOfficeNames struct {
	known   map[string]bool // folded
	longest int             // in characters
}

// NewPostOfficeNames makes a set of names.
func NewPostOfficeNames(names []string) PostOfficeNames {
	n := PostOfficeNames{known: make(map[string]bool, len(names))}
	for _, name := range names {
		if name = strings.Trim(name, blanks); name != "" {
			n.known[fold(name)] = true
			n.longest = max(n.longest, utf8.RuneCountInString(name))
		}
	}
	return n
}

// Split splits the address of a directory entry into the post office that it
// goes through and the foreign alias name that is handed on there. The post
// office is the longest known name that addr begins with, whatever its case
// (OURS: a name might hold blanks), else the first word (DOC, PMDF-S 38.5.6).
// It is returned as addr spells it.
func (n PostOfficeNames) Split(addr string) (po, foreign string) {
	addr = strings.Trim(addr, blanks)
	end, known, characters := -1, -1, 0
	for i, r := range addr + " " {
		if characters > n.longest && end >= 0 {
			break
		}
		if strings.ContainsRune(blanks, r) {
			if end < 0 {
				end = i
			}
			if n.known[fold(addr[:i])] {
				known = i
			}
		}
		characters++
	}
	if known > 0 {
		end = known
	}
	return addr[:end], strings.TrimLeft(addr[end:], blanks)
}

// JoinAddress is the inverse of SplitAddress.
func JoinAddress(po, foreign string) string {
	if foreign == "" {
		return po
	}
	return po + " " + foreign
}
