package ldapsrc

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// naming is one attribute=value of a distinguished name; the value has no
// escapes.
type naming struct{ attribute, value string }

// rdn is a relative distinguished name. It has several parts only when they
// are joined by a plus sign.
type rdn []naming

// NormalizeDN returns a form of dn that is equal for names that differ only in
// the case of letters, in blanks around separators, in the separator (comma
// or semicolon) or in how a character is escaped: by a backslash, as two
// hexadecimal digits or by quotes around the value, as RFC 1779 writes it. Use
// it to compare names; send and show the name as it was given.
//
// The form is itself a distinguished name in the syntax of RFC 4514. A value
// that begins with a number sign is taken as text and not as encoded data.
func NormalizeDN(dn string) (string, error) {
	if isPlainDN(dn) {
		return strings.ToLower(dn), nil
	}
	names, err := normalRDNs(dn)
	return strings.Join(names, ","), err
}

// isPlainDN says whether a name differs from its normal form at most in the
// case of ASCII letters. Most names are such; they need not be taken apart.
func isPlainDN[T string | []byte](dn T) bool {
	for at := 0; ; at++ {
		start := at
		for at < len(dn) && isNameByte[dn[at]] {
			at++
		}
		if at == start || at == len(dn) || dn[at] != '=' {
			return false
		}
		start = at + 1
		for at = start; at < len(dn) && isPlainByte[dn[at]]; at++ {
		}
		if at > start && (dn[start] == ' ' || dn[start] == '#' || dn[at-1] == ' ') {
			return false
		}
		if at == len(dn) {
			return true
		}
		if dn[at] != ',' {
			return false
		}
	}
}

// Bytes that stand for themselves, but for the case of letters, in an attribute
// name and in a value of a distinguished name, wherever they stand but for
// blanks and number signs.
var (
	isNameByte  = bytesOf(func(c rune) bool { return c == '-' || c == '.' || isASCIIAlphanumeric(c) })
	isPlainByte = bytesOf(func(c rune) bool { return c >= ' ' && c <= '~' && !strings.ContainsRune(`,+"\<>;`, c) })
)

func isASCIIAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func bytesOf(fits func(rune) bool) (table [256]bool) {
	for c := range table {
		table[c] = fits(rune(c))
	}
	return table
}

// DNWithin says whether dn is base or lies below it. A name that is not a
// distinguished name is within nothing.
func DNWithin(dn, base string) bool {
	if isPlainDN(dn) && isPlainDN(base) {
		above := len(dn) - len(base)
		return above >= 0 && (above == 0 || dn[above-1] == ',') && compareFold(dn[above:], base) == 0
	}
	names, err := normalRDNs(dn)
	if err != nil {
		return false
	}
	above, err := normalRDNs(base)
	if err != nil || len(above) > len(names) {
		return false
	}
	return slices.Equal(names[len(names)-len(above):], above)
}

// DirectoryName returns the value of the first part of dn without escapes,
// which is Exchange's directory name of the entry.
func DirectoryName(dn string) (string, error) {
	if isPlainDN(dn) {
		first, _, _ := strings.Cut(dn, ",")
		_, name, _ := strings.Cut(first, "=")
		return name, nil
	}
	names, err := parseDN(dn)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("distinguished name %q: it is empty, so it has no directory name", dn)
	}
	return names[0][0].value, nil
}

// normalRDNs returns the parts of a name, each in its normal form.
func normalRDNs(dn string) ([]string, error) {
	names, err := parseDN(dn)
	if err != nil {
		return nil, err
	}
	normal := make([]string, len(names))
	for i, name := range names {
		parts := make([]string, len(name))
		for j, n := range name {
			parts[j] = strings.ToLower(n.attribute) + "=" + escapeValue(fold(n.value))
		}
		slices.Sort(parts)
		normal[i] = strings.Join(parts, "+")
	}
	return normal, nil
}

// compareFold compares as if all ASCII letters were in lower case.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			x, y := lowerByte[a[i]], lowerByte[b[i]]
			if x != y {
				return int(x) - int(y)
			}
		}
	}
	return len(a) - len(b)
}

var lowerByte = func() (table [256]byte) {
	for c := range table {
		table[c] = byte(c)
		if c >= 'A' && c <= 'Z' {
			table[c] = byte(c) + 'a' - 'A'
		}
	}
	return table
}()

// equalFold says whether two texts differ only in the case of letters.
func equalFold(a, b string) bool {
	if isASCII(a) && isASCII(b) {
		return strings.EqualFold(a, b) // which makes no text
	}
	return fold(a) == fold(b)
}

// fold maps all letters that differ only in case to one of them. Bytes that
// are not UTF-8 stay as they are, so that two names with such bytes do not
// become one.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			b.WriteByte(s[0])
		} else {
			b.WriteRune(foldRune(r))
		}
		s = s[size:]
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldRune returns one of the letters that differ from r only in case: the
// least, or its lower case, which reads better, where that is one of them.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if lower := unicode.ToLower(least); unicode.ToUpper(lower) == least {
		return lower
	}
	return least // such as the capital I with a dot, which is no i
}

// escapeValue writes a value as RFC 4514 wants it in a distinguished name.
// Control characters and bytes that are not UTF-8 are written in hexadecimal.
func escapeValue(value string) string {
	var b strings.Builder
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRuneInString(value[i:])
		edge := i == 0 || i == len(value)-1
		switch {
		case r == utf8.RuneError && size == 1, unicode.IsControl(r):
			for _, c := range []byte(value[i : i+size]) {
				b.WriteString(`\` + hex.EncodeToString([]byte{c}))
			}
		case strings.ContainsRune(`,+"\<>;`, r), r == ' ' && edge, r == '#' && i == 0:
			b.WriteString(`\` + string(r))
		default:
			b.WriteString(value[i : i+size])
		}
		i += size
	}
	return b.String()
}

// dnParser reads a distinguished name in the syntax of RFC 1779 or RFC 4514.
type dnParser struct {
	dn string
	at int
}

func parseDN(dn string) ([]rdn, error) {
	p := &dnParser{dn: dn}
	if p.skipBlanks(); p.at == len(dn) {
		return nil, nil
	}
	var names []rdn
	var name rdn
	for {
		attribute, err := p.attribute()
		if err != nil {
			return nil, err
		}
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		name = append(name, naming{attribute, value})
		if p.at == len(dn) {
			return append(names, name), nil
		}
		if dn[p.at] != '+' {
			names, name = append(names, name), nil
		}
		p.at++
	}
}

func (p *dnParser) errorf(format string, args ...any) error {
	return fmt.Errorf("distinguished name %q: column %d: %s", p.dn, p.at+1, fmt.Sprintf(format, args...))
}

func (p *dnParser) skipBlanks() {
	for p.at < len(p.dn) && p.dn[p.at] == ' ' {
		p.at++
	}
}

// attribute reads up to and with the equals sign.
func (p *dnParser) attribute() (string, error) {
	p.skipBlanks()
	end := strings.IndexByte(p.dn[p.at:], '=')
	if end < 0 {
		return "", p.errorf("an attribute name and an equals sign are expected")
	}
	name := strings.TrimRight(p.dn[p.at:p.at+end], " ")
	if !isAttributeName(name) {
		return "", p.errorf("%q is not an attribute name", name)
	}
	p.at += end + 1
	return name, nil
}

// isAttributeName says whether a name has only the characters that LDAP allows
// in attribute names, numbers (OID) and options.
func isAttributeName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-.;", r)
	})
}

// value reads up to the next separator or the end, and does not consume it.
func (p *dnParser) value() (string, error) {
	p.skipBlanks()
	if p.at < len(p.dn) && p.dn[p.at] == '"' {
		return p.quoted()
	}
	var b strings.Builder
	end := 0 // length without blanks at the end, which do not count unless escaped
	for p.at < len(p.dn) && !strings.ContainsRune(",;+", rune(p.dn[p.at])) {
		switch c := p.dn[p.at]; c {
		case '\\':
			if err := p.escape(&b); err != nil {
				return "", err
			}
			end = b.Len()
		case '"':
			return "", p.errorf("a quote stands inside a value; put a backslash before it")
		default:
			b.WriteByte(c)
			p.at++
			if c != ' ' {
				end = b.Len()
			}
		}
	}
	return b.String()[:end], nil
}

// quoted reads a value in quotes (RFC 1779) and the blanks after it.
func (p *dnParser) quoted() (string, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.dn); {
		switch c := p.dn[p.at]; c {
		case '\\':
			if err := p.escape(&b); err != nil {
				return "", err
			}
		case '"':
			p.at++
			if p.skipBlanks(); p.at < len(p.dn) && !strings.ContainsRune(",;+", rune(p.dn[p.at])) {
				return "", p.errorf("a separator is expected after the closing quote")
			}
			return b.String(), nil
		default:
			b.WriteByte(c)
			p.at++
		}
	}
	return "", p.errorf("the closing quote is missing")
}

// escape reads a backslash and the character or the two hexadecimal digits
// after it.
func (p *dnParser) escape(b *strings.Builder) error {
	rest := p.dn[p.at+1:]
	if len(rest) >= 2 {
		if c, err := hex.DecodeString(rest[:2]); err == nil {
			b.Write(c)
			p.at += 3
			return nil
		}
	}
	if rest == "" {
		return p.errorf("nothing follows the backslash")
	}
	b.WriteByte(rest[0])
	p.at += 2
	return nil
}
