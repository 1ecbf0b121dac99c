package mapping

import (
	"fmt"
	"strconv"
	"strings"
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

// values are the values of the tokens for one entry, by letter.
type values map[rune]string

// clean returns the values with f applied to each.
func (v values) clean(f func(string) string) values {
	cleaned := make(values, len(v))
	for letter, value := range v {
		cleaned[letter] = f(value)
	}
	return cleaned
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
func (r rule) expand(v values) string {
	var out strings.Builder
	separator := ""
	for i, f := range r.fields {
		if i > 0 {
			separator = stronger(separator, r.literals[i])
		}
		value := f.value(v)
		if value == "" {
			continue
		}
		if out.Len() == 0 {
			separator = r.literals[0]
		}
		out.WriteString(separator + value)
		separator = ""
	}
	if out.Len() == 0 && len(r.fields) > 0 {
		return ""
	}
	return strings.TrimSpace(out.String() + r.literals[len(r.literals)-1])
}

// value is what the field stands for, with single blanks only, so that a cut
// can leave no blank at its end.
func (f field) value(v values) string {
	value := foldBlanks(v[f.letter])
	if runes := []rune(value); f.width > 0 && f.width < len(runes) {
		value = strings.TrimSpace(string(runes[:f.width]))
	}
	if value == "" {
		return ""
	}
	return f.open + value + f.close
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
	return strings.Join(strings.Fields(s), " ")
}
