package mapping

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Name is a cc:Mail name taken apart. No part has blanks around it or two in a
// row inside it.
type Name struct {
	First, Initials, Last string
}

// SplitName takes the name of a cc:Mail user apart.
//
//   - With a comma it is "Last, First I." (DOC: Q185593). What follows a second
//     comma joins the last name: "Doe, John, Jr." is John, Doe Jr. (OURS).
//   - Without a comma the last word is the last name (OURS; the fixed original
//     is not described, Q185593). A name of one word is a last name only.
//   - Initials are the last word of the first name if it is one letter, with or
//     without a period, which stays (Q241988, Q196255), and is not all of the
//     first name: "J. Doe" has the first name "J." (OURS).
//
// A comma with nothing before or after it does not count. Letters of every
// script are letters; composed and decomposed ones are the same.
func SplitName(name string) Name {
	var room [3]string
	kept := room[:0]
	for part := range strings.SplitSeq(norm.NFC.String(name), ",") {
		if part = foldBlanks(part); part != "" {
			kept = append(kept, part)
		}
	}
	switch len(kept) {
	case 0:
		return Name{}
	case 1:
		first, last := cutLastWord(kept[0])
		return withInitials(first, last)
	case 2:
		return withInitials(kept[1], kept[0])
	default:
		last := append(kept[:1:1], kept[2:]...)
		return withInitials(kept[1], strings.Join(last, " "))
	}
}

// withInitials takes the initials from the end of the first name.
func withInitials(first, last string) Name {
	given, word := cutLastWord(first)
	letter, size := utf8.DecodeRuneInString(word)
	if given == "" || !unicode.IsLetter(letter) || (word[size:] != "" && word[size:] != ".") {
		return Name{First: first, Last: last}
	}
	return Name{First: given, Initials: word, Last: last}
}

// cutLastWord splits s, whose blanks are folded, before its last word.
func cutLastWord(s string) (before, word string) {
	i := strings.LastIndex(s, " ")
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// String returns the name as it is spoken, "First I. Last": every part of it,
// in this order.
func (n Name) String() string {
	if n.Initials == "" {
		return foldBlanks(n.First + " " + n.Last)
	}
	return foldBlanks(n.First + " " + n.Initials + " " + n.Last)
}

func (n Name) values() *values {
	return &values{first: n.First, last: n.Last, initials: n.Initials}
}
