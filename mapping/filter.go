package mapping

import (
	"fmt"
	"strings"

	"ccdirsync/reconcile"
)

// The filter modes. DOC: Q153487 for "only"; the other two are INF.
const (
	filterAll    = "all"
	filterOnly   = "only"
	filterExcept = "except"
)

// filter says which cc:Mail users are imported.
type filter struct {
	mode    string
	formats []format
}

// format is an address with wildcards.
type format struct {
	text   string // as configured, for causes
	folded []rune
}

func newFormat(text string) format {
	return format{text: text, folded: []rune(reconcile.Fold(text))}
}

// cause tells why an address, "Name at PO", is filtered out; empty when it is not.
func (f filter) cause(address string) string {
	if f.mode == filterAll {
		return ""
	}
	matched, found := f.match(address)
	switch {
	case f.mode == filterOnly && !found:
		return "no format of the import filter matches (mode only)"
	case f.mode == filterExcept && found:
		return fmt.Sprintf("format %q of the import filter matches (mode except)", matched.text)
	default:
		return ""
	}
}

// match returns the first format that matches the address.
func (f filter) match(address string) (format, bool) {
	folded := []rune(reconcile.Fold(address))
	for _, candidate := range f.formats {
		if matchWildcards(candidate.folded, folded) {
			return candidate, true
		}
	}
	return format{}, false
}

// matchWildcards reports whether the pattern matches all of s. Only the last
// asterisk that was passed is ever tried again, so that the steps are at most
// the product of the lengths, whatever the pattern.
func matchWildcards(pattern, s []rune) bool {
	p, i := 0, 0
	retry, mark := -1, 0 // after the last asterisk, and where s stood then
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			retry, mark = p, i
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == '%' || pattern[p] == s[i]):
			p++
			i++
		case retry >= 0:
			mark++
			p, i = retry, mark
		default:
			return false
		}
	}
	return strings.Trim(string(pattern[p:]), "*") == ""
}
