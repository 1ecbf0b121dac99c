package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxWidth is the largest width of a token. The longest value there is, an
// Exchange display name, has 256 characters (documented: K185013).
const maxWidth = 256

// token is one letter of a vocabulary.
type token struct {
	letter  rune
	meaning string
}

// vocabulary is the set of tokens that a kind of rule knows.
type vocabulary []token

// nameTokens are those of the display name and alias rules (DOC: Q183058,
// Q197254).
func nameTokens() vocabulary {
	return vocabulary{{'F', "first name"}, {'L', "last name"}, {'I', "initials"}}
}

// addressTokens are those of site addressing (DOC: OG:12, Q188680).
func addressTokens() vocabulary {
	return vocabulary{
		{'g', "first name"},
		{'s', "surname"},
		{'i', "initials"},
		{'d', "display name"},
		{'m', "alias"},
	}
}

func (v vocabulary) has(letter rune) bool {
	for _, t := range v {
		if t.letter == letter {
			return true
		}
	}
	return false
}

func (v vocabulary) String() string {
	known := make([]string, len(v))
	for i, t := range v {
		known[i] = fmt.Sprintf("%%%c (%s)", t.letter, t.meaning)
	}
	return "known are " + strings.Join(known, ", ") + "; a percent sign is %%"
}

// values are the values of the tokens for one entry. A rule has tokens of one
// vocabulary only, so both share them.
type values struct {
	first, last, initials string
	display, alias        string
	clean                 func(string) string // what is done to each; nothing when nil
}

// of returns the value of a token.
func (v *values) of(letter rune) string {
	value := ""
	switch letter {
	case 'F', 'g':
		value = v.first
	case 'L', 's':
		value = v.last
	case 'I', 'i':
		value = v.initials
	case 'd':
		value = v.display
	case 'm':
		value = v.alias
	}
	if v.clean != nil && value != "" {
		return v.clean(value)
	}
	return value
}

// cleaned returns the values with clean done to each.
func (v *values) cleaned(clean func(string) string) *values {
	w := *v
	w.clean = clean
	return &w
}

// rule is a parsed rule: literal text around fields, literals[i] before
// fields[i] and the last one after all of them.
type rule struct {
	literals []string
	fields   []field
}

// field is a token as it stands in a rule.
type field struct {
	letter      rune
	width       int    // in characters; 0 = all of it
	open, close string // brackets that belong to it
}

// parseRule reads a rule. The problem's column counts characters from 1.
func parseRule(text string, known vocabulary) (rule, *Problem) {
	var parsed rule
	var literal strings.Builder
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		if runes[i] != '%' {
			literal.WriteRune(runes[i])
			continue
		}
		if i+1 < len(runes) && runes[i+1] == '%' {
			literal.WriteRune('%')
			i++
			continue
		}
		f, next, problem := parseField(runes, i, known)
		if problem != nil {
			return rule{}, problem
		}
		parsed.literals = append(parsed.literals, literal.String())
		parsed.fields = append(parsed.fields, f)
		literal.Reset()
		i = next - 1
	}
	parsed.literals = append(parsed.literals, literal.String())
	parsed.takeBrackets()
	return parsed, nil
}

// parseField reads the token whose percent sign is at start, and returns the
// index after it.
func parseField(runes []rune, start int, known vocabulary) (f field, next int, problem *Problem) {
	next = start + 1
	for next < len(runes) && runes[next] >= '0' && runes[next] <= '9' {
		next++
	}
	if digits := string(runes[start+1 : next]); digits != "" {
		width, err := strconv.Atoi(digits)
		if err != nil || width < 1 || width > maxWidth {
			return field{}, 0, &Problem{
				Column:  start + 2,
				Message: fmt.Sprintf("the width %s is not between 1 and %d", digits, maxWidth),
				Hint:    "leave the number out to take the whole value",
			}
		}
		f.width = width
	}
	expected := "a letter"
	if next == start+1 {
		expected = "a width or a letter"
	}
	if next == len(runes) {
		return field{}, 0, &Problem{
			Column:  next + 1,
			Message: fmt.Sprintf("the rule ends after %q, expected %s", string(runes[start:next]), expected),
			Hint:    known.String(),
		}
	}
	if !known.has(runes[next]) {
		return field{}, 0, &Problem{
			Column:  next + 1,
			Message: fmt.Sprintf("found %q after %q, expected %s", runes[next], string(runes[start:next]), expected),
			Hint:    known.String(),
		}
	}
	f.letter = runes[next]
	return f, next + 1, nil
}

// takeBrackets gives a pair of brackets right around one token to that token,
// so that it goes with it: "%F (%I) %L" without initials is "First Last".
func (r *rule) takeBrackets() {
	for i := range r.fields {
		before, after := r.literals[i], r.literals[i+1]
		for _, pair := range [...]string{"()", "[]", "{}", "<>"} {
			left, right := pair[:1], pair[1:]
			if strings.HasSuffix(before, left) && strings.HasPrefix(after, right) {
				r.fields[i].open, r.fields[i].close = left, right
				r.literals[i] = strings.TrimSuffix(before, left)
				r.literals[i+1] = strings.TrimPrefix(after, right)
			}
		}
	}
}

// expand applies the rule. [Rules] documents what becomes of the literals
// around tokens without a value.
func (r *rule) expand(v *values) string {
	var out strings.Builder
	separator := ""
	for i := range r.fields {
		f := &r.fields[i]
		if i > 0 {
			separator = stronger(separator, r.literals[i])
		}
		value := f.value(v)
		if value == "" {
			continue
		}
		if out.Len() == 0 {
			separator = r.literals[0]
			out.Grow(r.literalsLength() + 2*len(value))
		}
		out.WriteString(separator)
		out.WriteString(f.open)
		out.WriteString(value)
		out.WriteString(f.close)
		separator = ""
	}
	if out.Len() == 0 && len(r.fields) > 0 {
		return ""
	}
	out.WriteString(r.literals[len(r.literals)-1])
	return strings.TrimSpace(out.String())
}

// literalsLength is the length of all literal text.
func (r *rule) literalsLength() int {
	n := 0
	for _, literal := range r.literals {
		n += len(literal)
	}
	return n
}

// value is what the field stands for without its brackets, with single blanks
// only, so that a cut can leave no blank at its end.
func (f *field) value(v *values) string {
	value := foldBlanks(v.of(f.letter))
	if f.width > 0 {
		value = strings.TrimSpace(cut(value, f.width))
	}
	return value
}

// stronger chooses which of two separators stays when the token between them
// is empty: one with more than blanks before one of blanks before none, the
// first of equals. "%L %I, %F" keeps its comma this way.
func stronger(first, second string) string {
	strength := func(s string) int {
		switch {
		case s == "":
			return 0
		case strings.TrimSpace(s) == "":
			return 1
		default:
			return 2
		}
	}
	if strength(second) > strength(first) {
		return second
	}
	return first
}

// foldBlanks drops blanks around s and makes every run of them inside one.
func foldBlanks(s string) string {
	blank := true // a blank here is one too many
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf, c < ' ', c == ' ' && blank:
			return strings.Join(strings.Fields(s), " ")
		default:
			blank = c == ' '
		}
	}
	if blank {
		return strings.Join(strings.Fields(s), " ")
	}
	return s
}
