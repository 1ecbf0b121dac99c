package exchange55

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// rdn is one part of a name. A name of several types in one part (with "+")
// does not occur in Exchange 5.5.
type rdn struct {
	attribute string // in lower case
	value     string // decoded
}

// name is a distinguished name, the entry's own part first.
type name []rdn

// Limits of a name (documented: OAB, K196415): its depth, and the characters
// of all its values together.
const (
	maxLevels     = 16
	maxNameLength = 256
)

// parseName reads a distinguished name in the form of RFC 4514 (backslash) or
// of RFC 1779 (values in quotes, blanks around the separators, semicolons).
// Both are accepted because 5.5 is documented to speak RFC 1779.
func parseName(text string) (name, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("read name %q: not UTF-8", text)
	}
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	s := nameScanner{text: text}
	var n name
	for {
		part, err := s.part()
		if err != nil {
			return nil, fmt.Errorf("read name %q at byte %d: %w", text, s.at, err)
		}
		n = append(n, part)
		if len(n) > maxLevels {
			return nil, fmt.Errorf("read name %q: more than %d levels", text, maxLevels)
		}
		if s.at == len(text) {
			return n, nil
		}
		s.at++ // the separator part stopped at
	}
}

type nameScanner struct {
	text string
	at   int
}

// part reads up to the next separator or the end.
func (s *nameScanner) part() (rdn, error) {
	equals := strings.IndexByte(s.text[s.at:], '=')
	if equals < 0 {
		return rdn{}, fmt.Errorf("no = after the attribute type")
	}
	attribute := strings.ToLower(strings.TrimSpace(s.text[s.at : s.at+equals]))
	if !isKeyword(attribute) {
		return rdn{}, fmt.Errorf("%q is no attribute type", attribute)
	}
	s.at += equals + 1
	s.skipBlanks()
	read := s.plainValue
	if s.at < len(s.text) && s.text[s.at] == '"' {
		read = s.quotedValue
	}
	value, err := read()
	if err != nil {
		return rdn{}, err
	}
	if value == "" {
		return rdn{}, fmt.Errorf("the value of %s is empty", attribute)
	}
	if !utf8.ValidString(value) {
		return rdn{}, fmt.Errorf("the value of %s is not UTF-8", attribute)
	}
	return rdn{attribute: attribute, value: value}, nil
}

func (s *nameScanner) quotedValue() (string, error) {
	s.at++
	var value strings.Builder
	for s.at < len(s.text) && s.text[s.at] != '"' {
		if s.text[s.at] == '\\' {
			if err := s.escape(&value); err != nil {
				return "", err
			}
			continue
		}
		value.WriteByte(s.text[s.at])
		s.at++
	}
	if s.at == len(s.text) {
		return "", fmt.Errorf("the closing quote is missing")
	}
	s.at++
	s.skipBlanks()
	if s.at < len(s.text) && s.text[s.at] != ',' && s.text[s.at] != ';' {
		return "", fmt.Errorf("text after the closing quote")
	}
	return value.String(), nil
}

func (s *nameScanner) plainValue() (string, error) {
	var value strings.Builder
	keep := 0 // length up to the last character that is not an unescaped blank
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ',', ';':
			return value.String()[:keep], nil
		case '+', '"':
			return "", fmt.Errorf("%q must be escaped", c)
		case '\\':
			if err := s.escape(&value); err != nil {
				return "", err
			}
			keep = value.Len()
		default:
			value.WriteByte(c)
			s.at++
			if c != ' ' {
				keep = value.Len()
			}
		}
	}
	return value.String()[:keep], nil
}

// escape reads a backslash and the character or the two hexadecimal digits
// after it.
func (s *nameScanner) escape(value *strings.Builder) error {
	s.at++
	if s.at == len(s.text) {
		return fmt.Errorf("nothing after the backslash")
	}
	if s.at+2 <= len(s.text) {
		if b, err := hex.DecodeString(s.text[s.at : s.at+2]); err == nil {
			value.Write(b)
			s.at += 2
			return nil
		}
	}
	value.WriteByte(s.text[s.at])
	s.at++
	return nil
}

func (s *nameScanner) skipBlanks() {
	for s.at < len(s.text) && s.text[s.at] == ' ' {
		s.at++
	}
}

func isKeyword(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// key is the form of a name by which entries are found: two spellings of one
// name have the same key. A comma inside a value never appears in it, so that
// "ends in a comma and the base's key" means "lies below the base".
func (n name) key() string {
	parts := make([]string, len(n))
	for i, part := range n {
		folded := foldText(part.value)
		parts[i] = part.attribute + "=" + keyEscapes.Replace(folded)
	}
	return strings.Join(parts, ",")
}

var keyEscapes = strings.NewReplacer(`\`, `\5c`, `,`, `\2c`)

// length is the number of characters of all values.
func (n name) length() int {
	length := 0
	for _, part := range n {
		length += utf8.RuneCountInString(part.value)
	}
	return length
}

// parent is the name without its first part.
func (n name) parent() name {
	return n[1:]
}

// nameStyle is how a name is written.
type nameStyle int

const (
	backslashStyle nameStyle = iota // RFC 4514
	quotedStyle                     // RFC 1779
)

// text writes the name with lower-case types and no blanks, as 5.5 does
// (documented: K274229).
func (n name) text(style nameStyle) string {
	parts := make([]string, len(n))
	for i, part := range n {
		value := part.value
		switch {
		case !needsEscape(value):
		case style == quotedStyle:
			value = `"` + quoteEscapes.Replace(value) + `"`
		default:
			value = backslashed(value)
		}
		parts[i] = part.attribute + "=" + value
	}
	return strings.Join(parts, ",")
}

const specials = `,+"\<>;`

var quoteEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x00", `\00`)

func needsEscape(value string) bool {
	return strings.ContainsAny(value, specials+"\x00") || strings.HasPrefix(value, "#") ||
		strings.HasPrefix(value, " ") || strings.HasSuffix(value, " ")
}

func backslashed(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		edge := i == 0 && (c == ' ' || c == '#') || i == len(value)-1 && c == ' '
		switch {
		case c == 0:
			b.WriteString(`\00`)
		case edge || strings.IndexByte(specials, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// foldText is how texts are compared: without regard to case, to blanks at the
// ends and to how many blanks stand in a row.
func foldText(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(s)), " ")
}
