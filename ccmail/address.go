package ccmail

import (
	"strings"
	"unicode/utf8"
)

// SplitAddress splits the address of a directory entry into the post office
// that it goes through and the foreign alias name that is handed on there.
// The post office is the longest of postOffices that addr begins with,
// whatever its case (OURS: a name might hold blanks), else the first word
// (DOC, PMDF-S 38.5.6). It is returned as addr spells it.
func SplitAddress(addr string, postOffices []string) (po, foreign string) {
	addr = strings.Trim(addr, blanks)
	end := strings.IndexAny(addr, blanks)
	if end < 0 {
		end = len(addr)
	}
	known := -1
	for _, name := range postOffices {
		if n, ok := prefixFold(addr, strings.Trim(name, blanks)); ok && n > known {
			known = n
		}
	}
	if known > 0 {
		end = known
	}
	return addr[:end], strings.TrimLeft(addr[end:], blanks)
}

// prefixFold reports whether s begins with the words of prefix, whatever
// their case, and how many bytes of s those are.
func prefixFold(s, prefix string) (int, bool) {
	end, missing := len(s), utf8.RuneCountInString(prefix)
	for i := range s {
		if missing == 0 {
			end = i
			break
		}
		missing--
	}
	whole := end == len(s) || strings.IndexByte(blanks, s[end]) >= 0
	return end, whole && strings.EqualFold(s[:end], prefix)
}

// JoinAddress is the inverse of SplitAddress.
func JoinAddress(po, foreign string) string {
	if foreign == "" {
		return po
	}
	return po + " " + foreign
}
