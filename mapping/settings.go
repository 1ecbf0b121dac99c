package mapping

import (
	"fmt"
	"strings"
)

// What an empty setting means: the original connector's rules (DOC: Q183058,
// CP:09031).
const (
	defaultDisplayName = "%F %L"
	defaultAlias       = "%F%1L"
	defaultCCMailName  = "%s, %g"
)

// Settings are the rules as a person writes them. An empty rule or choice is
// the default, which stands after it.
type Settings struct {
	DisplayName    string // of custom recipients, name tokens; "%F %L"
	Alias          string // of custom recipients, name tokens; "%F%1L"
	Comment        string // must be empty: the whole comment becomes the notes
	SecondaryProxy bool   // "Last, First" is the primary CCMAIL address (Q154053)

	CCMailName    string // of Exchange entries, address tokens; "%s, %g"
	CCMailComment string // of Exchange entries, address tokens; none
	Prefer        string // proxy | rule: where the cc:Mail name comes from; proxy
	WithoutProxy  string // refuse | rule: recipients without a CCMAIL address; refuse

	SMTP string // template with address tokens, such as "%m@ccmail.example.com"; no SMTP addresses
	X400 string // likewise, such as "c=US;a= ;p=Contoso;o=HQ;s=%m;"; no X.400 addresses

	FilterMode    string   // all | only | except; all
	FilterFormats []string // such as "* at NORTHHUB"
	Aliases       bool     // import the aliases of cc:Mail too
}

// Rules are compiled settings. The zero value is not usable, see [Compile].
//
// What becomes of the literal text of a rule when tokens have no value is OURS:
// the text between two tokens parts them and is written only between two
// values; where a token between two values is empty, the first separator with
// more than blanks in it stays, else the first of blanks. A pair of brackets
// right around a token goes with that token. The text before the first and
// after the last token stays as long as any token has a value; when none has,
// the result is empty. Blanks around the result are dropped, and blanks inside
// a value are single.
//
//	%F %I %L         without initials    First Last
//	%L, %F           without first name  Last
//	%L %I, %F        without initials    Last, First
//	%L, %F - CCMail  without first name  Last - CCMail
type Rules struct {
	displayName, alias rule
	secondaryProxy     bool

	ccmailName, ccmailComment rule
	preferRule                bool
	ruleWithoutProxy          bool

	smtp *smtpTemplate
	x400 x400Template

	filter  filter
	aliases bool
}

// Problem is one thing that is wrong with the settings.
type Problem struct {
	Field   string // as in the configuration, from the connector down
	Column  int    // in characters from 1 on; 0 = all of the value
	Message string
	Hint    string // what to do about it
}

func (p Problem) String() string {
	place := p.Field
	if p.Column > 0 {
		place = fmt.Sprintf("%s: column %d", p.Field, p.Column)
	}
	return fmt.Sprintf("%s: %s: %s", place, p.Message, p.Hint)
}

// SettingsError is everything that is wrong with the settings, in the order of
// the fields.
type SettingsError struct {
	Problems []Problem
}

func (e *SettingsError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Compile checks the settings and makes rules of them. The error is a
// [*SettingsError] that holds all problems.
func Compile(s Settings) (Rules, error) {
	var c compiler
	r := Rules{
		displayName:    c.naming("mapping.exchange.display_name", s.DisplayName, defaultDisplayName, nameTokens()),
		alias:          c.naming("mapping.exchange.alias", s.Alias, defaultAlias, nameTokens()),
		secondaryProxy: s.SecondaryProxy,
	}
	if s.Comment != "" {
		c.add("mapping.exchange.comment", &Problem{
			Message: "comment rules are not supported by this version",
			Hint:    "leave it empty: the whole comment goes to the notes",
		})
	}
	r.preferRule = c.choice("mapping.ccmail.prefer", s.Prefer, "proxy", "rule") == "rule"
	r.ruleWithoutProxy = c.choice("mapping.ccmail.without_proxy", s.WithoutProxy, "refuse", "rule") == "rule"
	r.ccmailName = c.naming("mapping.ccmail.name", s.CCMailName, defaultCCMailName, addressTokens())
	r.ccmailComment = c.rule("mapping.ccmail.comment", s.CCMailComment, addressTokens())
	r.filter = c.filter(s.FilterMode, s.FilterFormats)
	r.aliases = s.Aliases
	c.addresses(&r, s)
	if len(c.problems) > 0 {
		return Rules{}, &SettingsError{Problems: c.problems}
	}
	return r, nil
}

// MakesSMTP reports whether custom recipients get an SMTP address.
func (r Rules) MakesSMTP() bool { return r.smtp != nil }

// MakesX400 reports whether custom recipients get an X.400 address.
func (r Rules) MakesX400() bool { return r.x400 != nil }

// compiler collects problems.
type compiler struct {
	problems []Problem
}

func (c *compiler) add(field string, p *Problem) {
	if p != nil {
		p.Field = field
		c.problems = append(c.problems, *p)
	}
}

func (c *compiler) rule(field, text string, known vocabulary) rule {
	parsed, problem := parseRule(text, known)
	c.add(field, problem)
	return parsed
}

// naming compiles a rule that must tell one entry from another.
func (c *compiler) naming(field, text, standard string, known vocabulary) rule {
	if text == "" {
		text = standard
	}
	parsed, problem := parseRule(text, known)
	if problem == nil && len(parsed.fields) == 0 {
		problem = &Problem{
			Message: fmt.Sprintf("the rule %q has no token, it would name all entries the same", text),
			Hint:    known.String(),
		}
	}
	c.add(field, problem)
	return parsed
}

// choice checks that the value is one of the known ones, and returns it or
// nothing. The first of them is the default.
func (c *compiler) choice(field, value string, known ...string) string {
	if value == "" {
		return known[0]
	}
	for _, k := range known {
		if value == k {
			return value
		}
	}
	c.add(field, &Problem{
		Message: fmt.Sprintf("%q is not a known value", value),
		Hint:    "use " + strings.Join(known[:len(known)-1], ", ") + " or " + known[len(known)-1],
	})
	return ""
}

// filter compiles the import filter. Formats that would have no effect and
// modes that would want nothing are problems, not something to guess about.
func (c *compiler) filter(mode string, formats []string) filter {
	const field = "exchange.import.filter"
	f := filter{mode: c.choice(field+".mode", mode, filterAll, filterOnly, filterExcept)}
	for i, text := range formats {
		if strings.TrimSpace(text) == "" {
			c.add(fmt.Sprintf("%s.formats[%d]", field, i), &Problem{
				Message: "the format is empty",
				Hint:    `write an address with wildcards such as "* at NORTHHUB", or remove it`,
			})
		}
		f.formats = append(f.formats, newFormat(text))
	}
	switch {
	case f.mode == filterAll && len(formats) > 0:
		c.add(field+".formats", &Problem{
			Message: "there are formats, but the mode is all, which does not look at them",
			Hint:    "set the mode to only or except, or remove the formats",
		})
	case f.mode != filterAll && f.mode != "" && len(formats) == 0:
		c.add(field+".formats", &Problem{
			Message: fmt.Sprintf("the mode is %s, but there are no formats", f.mode),
			Hint:    `add a format such as "* at NORTHHUB", or set the mode to all`,
		})
	}
	return f
}

func (c *compiler) addresses(r *Rules, s Settings) {
	const field = "exchange.import.addresses"
	var problem *Problem
	if s.SMTP != "" {
		r.smtp, problem = parseSMTP(s.SMTP)
		c.add(field+".smtp", problem)
	}
	if s.X400 != "" {
		r.x400, problem = parseX400(s.X400)
		c.add(field+".x400", problem)
	}
}
