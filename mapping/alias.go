package mapping

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxAlias is the length of an alias in characters (documented: LDAP uid, 64).
const maxAlias = 64

// cleanAlias keeps the letters and digits of every script, hyphens, underscores
// and single periods inside, and cuts the rest at 64 characters. OURS: the
// characters that Exchange refuses in an alias are nowhere listed in full;
// these were accepted by every version.
func cleanAlias(s string) string {
	kept := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r) {
			return r
		}
		return -1
	}, norm.NFC.String(s))
	return strings.TrimRight(cut(singlePeriods(kept), maxAlias), ".")
}

// usableAlias is cleanAlias, but empty when the alias begins with CCM: Outlook
// takes such a one for an address type (Q246517).
func usableAlias(s string) string {
	alias := cleanAlias(s)
	if len(alias) >= len("ccm") && strings.EqualFold(alias[:len("ccm")], "ccm") {
		return ""
	}
	return alias
}

// numberedAlias returns the nth proposal for an alias: itself, then with the
// numbers from 2 on. The alias is cut, for the number only, so that both fit.
func numberedAlias(alias string, n int) string {
	if n < 2 {
		return alias
	}
	number := strconv.Itoa(n)
	return cut(alias, maxAlias-len(number)) + number
}

// singlePeriods drops periods at both ends and makes every run of them one.
func singlePeriods(s string) string {
	if !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && !strings.Contains(s, "..") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '.' }), ".")
}

// cut returns the first n characters of s.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n])
	}
	return s
}

// spelledOut are Latin letters that have no decomposition. OURS; letters with
// accents lose them, as the Nordic ones do in Q166572.
var spelledOut = strings.NewReplacer(
	"ß", "ss", "ẞ", "SS", "æ", "ae", "Æ", "AE", "œ", "oe", "Œ", "OE",
	"ø", "o", "Ø", "O", "đ", "d", "Đ", "D", "ð", "d", "Ð", "D",
	"ł", "l", "Ł", "L", "þ", "th", "Þ", "Th", "ı", "i",
)

// ascii writes s with ASCII characters only: accents go, some letters are
// spelled out, everything else that is not ASCII is dropped.
func ascii(s string) string {
	if strings.IndexFunc(s, notPrintableASCII) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if notPrintableASCII(r) {
			return -1
		}
		return r
	}, norm.NFD.String(spelledOut.Replace(norm.NFC.String(s))))
}

func notPrintableASCII(r rune) bool { return r < ' ' || r >= unicode.MaxASCII }

func isASCIIAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}
