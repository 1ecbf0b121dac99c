package mapping

import (
	"fmt"
	"strings"
)

// maxLocalPart is the length of what stands before the @ of an SMTP address
// (RFC 5321 4.5.3.1.1).
const maxLocalPart = 64

// The longest templates. Exchange holds 256 characters of an SMTP and 1024 of
// an X.400 address (documented: K259060; inferred); these leave room for what
// takes the place of the tokens, so that no address can be too long.
const (
	longestDomain = 256 - maxLocalPart - len("@")
	mostX400Parts = 12
)

// smtpTemplate makes SMTP addresses.
type smtpTemplate struct {
	local  rule
	domain string
}

// parseSMTP reads a template such as "%m@ccmail.contoso.example". Tokens may
// stand before the @ only.
func parseSMTP(text string) (*smtpTemplate, *Problem) {
	at := strings.LastIndex(text, "@")
	if at < 0 {
		return nil, &Problem{Message: "there is no @ in it", Hint: `write it like "%m@ccmail.example.com"`}
	}
	column := len([]rune(text[:at])) + 2
	domain := text[at+1:]
	if len(domain) > longestDomain {
		return nil, &Problem{Column: column, Message: fmt.Sprintf("the domain has %d characters, at most %d fit", len(domain), longestDomain), Hint: "shorten it"}
	}
	if domain == "" || strings.Trim(domain, ".-") != domain || strings.ContainsFunc(domain, notDomain) {
		return nil, &Problem{
			Column:  column,
			Message: fmt.Sprintf("%q is not the name of a domain", domain),
			Hint:    "after the @ stand letters, digits, hyphens and periods, and no tokens",
		}
	}
	local, problem := parseRule(text[:at], addressTokens())
	if problem != nil {
		return nil, problem
	}
	// Tokens are made of letters, digits and the percent sign: what else is not
	// allowed is literal text.
	i := strings.IndexFunc(text[:at], func(r rune) bool { return r != '%' && notLocal(r) })
	if i < 0 {
		i = strings.Index(text[:at], "%%")
	}
	if i >= 0 {
		return nil, &Problem{
			Column:  len([]rune(text[:i])) + 1,
			Message: fmt.Sprintf("%q cannot stand before the @", []rune(text[i:])[0]),
			Hint:    "use letters, digits, hyphens, underscores, periods and tokens there",
		}
	}
	if singlePeriods(text[:at]) == "" {
		return nil, &Problem{Column: 1, Message: "nothing stands before the @", Hint: "the usual token there is %m, the alias"}
	}
	return &smtpTemplate{local: local, domain: domain}, nil
}

func notDomain(r rune) bool {
	return !isASCIIAlphanumeric(r) && r != '-' && r != '.'
}

func notLocal(r rune) bool {
	return !isASCIIAlphanumeric(r) && !strings.ContainsRune("-_.", r)
}

// expand makes the address. Where the template gives nothing or too much, the
// alias stands before the @, and where that has no ASCII characters the
// directory name, which always has.
func (t *smtpTemplate) expand(v *values, directoryName string) string {
	local := localPart(t.local.expand(v.cleaned(localPart)))
	for _, fallback := range []string{localPart(v.alias), directoryName} {
		if local == "" || len(local) > maxLocalPart {
			local = fallback
		}
	}
	return local + "@" + t.domain
}

// localPart keeps of s what may stand before an @ without quotes, less what
// invites trouble (OURS).
func localPart(s string) string {
	return singlePeriods(strings.Map(func(r rune) rune {
		if notLocal(r) {
			return -1
		}
		return r
	}, ascii(s)))
}

// x400Template makes X.400 addresses in Exchange's notation, parts "key=value"
// with a semicolon after each (documented: K263520).
type x400Template []x400Part

type x400Part struct {
	key   string
	value rule
	blank bool // a value of blanks only, as in "a= ;"
}

// parseX400 reads a template such as "c=US;a= ;p=Contoso;o=HQ;s=%m;".
func parseX400(text string) (x400Template, *Problem) {
	if !strings.HasSuffix(text, ";") {
		return nil, &Problem{
			Column:  len([]rune(text)) + 1,
			Message: "it does not end in a semicolon",
			Hint:    `write it like "c=US;a= ;p=Contoso;o=HQ;s=%m;"`,
		}
	}
	var template x400Template
	if n := strings.Count(text, ";"); n > mostX400Parts {
		return nil, &Problem{Column: 1, Message: fmt.Sprintf("it has %d parts, at most %d fit", n, mostX400Parts), Hint: "leave some out"}
	}
	column := 1
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ";"), ";") {
		key, value, found := strings.Cut(part, "=")
		if !found || key == "" || strings.ContainsFunc(key, func(r rune) bool { return notDomain(r) && r != ':' }) {
			return nil, &Problem{
				Column:  column,
				Message: fmt.Sprintf("%q is not of the form key=value", part),
				Hint:    `a part is like "s=%m"; tokens stand after the equals sign only`,
			}
		}
		parsed, problem := parseRule(value, addressTokens())
		if problem != nil {
			problem.Column += column + len([]rune(key))
			return nil, problem
		}
		if literals := strings.Join(parsed.literals, ""); strings.ContainsFunc(literals, notX400) {
			return nil, &Problem{
				Column:  column,
				Message: fmt.Sprintf("%q holds a character that an X.400 address cannot hold", part),
				Hint:    "use ASCII letters, digits, blanks and '()+,-.:?",
			}
		}
		template = append(template, x400Part{key: key, value: parsed, blank: strings.TrimSpace(value) == ""})
		column += len([]rune(part)) + 1
	}
	return template, template.lacks()
}

// lacks reports which part that Exchange requires is missing.
func (t x400Template) lacks() *Problem {
	for _, required := range []struct{ key, meaning string }{
		{"c", "the country"},
		{"a", "the administration domain, a blank when there is none"},
		{"s", "the surname, usually %m"},
	} {
		found := false
		for _, part := range t {
			found = found || strings.EqualFold(part.key, required.key)
		}
		if !found {
			return &Problem{
				Message: fmt.Sprintf("the part %s= is missing", required.key),
				Hint:    fmt.Sprintf("Exchange requires %s=, %s", required.key, required.meaning),
			}
		}
	}
	return nil
}

// expand makes the address. A part without a value is left out, but for the
// surname: where that is empty or too long the alias takes its place, then the
// directory name.
func (t x400Template) expand(v *values, directoryName string) string {
	var out strings.Builder
	cleaned := v.cleaned(x400Value)
	for i := range t {
		part := &t[i]
		value := part.value.expand(cleaned)
		limit := x400Limit(part.key)
		if strings.EqualFold(part.key, "s") {
			for _, fallback := range []string{cleaned.of('m'), directoryName} {
				if value == "" || len(value) > limit {
					value = fallback
				}
			}
		}
		value = strings.TrimSpace(cut(value, limit))
		if part.blank {
			value = " "
		}
		if value != "" {
			out.WriteString(part.key)
			out.WriteString("=")
			out.WriteString(value)
			out.WriteString(";")
		}
	}
	return out.String()
}

// x400Limit is how many characters of a value X.400 allows (X.411, upper
// bounds).
func x400Limit(key string) int {
	switch strings.ToLower(key) {
	case "s":
		return 40
	case "g":
		return 16
	case "i":
		return 5
	default:
		return 64
	}
}

// x400Value keeps of s the characters of a printable string less those that
// part an address: the semicolon, the equals sign and the slash.
func x400Value(s string) string {
	return foldBlanks(strings.Map(func(r rune) rune {
		if notX400(r) {
			return -1
		}
		return r
	}, ascii(s)))
}

func notX400(r rune) bool {
	return !isASCIIAlphanumeric(r) && !strings.ContainsRune(" '()+,-.:?", r)
}
