package exchange55

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/glauth/ldap"
)

// attributes are the values of one entry, by lower-case attribute name.
type attributes map[string][]string

func (a attributes) first(key string) string {
	if values := a[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func (a attributes) is(key string) bool { return strings.EqualFold(a.first(key), "TRUE") }

// clone copies the set; the values are never changed in place.
func (a attributes) clone() attributes {
	c := make(attributes, len(a))
	for key, values := range a {
		c[key] = values
	}
	return c
}

// canonical checks a value against the attribute's syntax and returns it the
// way it is stored.
func (t attributeType) canonical(value string) (string, *refusal) {
	if value == "" || !utf8.ValidString(value) {
		return "", refuse(ldap.LDAPResultInvalidAttributeSyntax, "%s: the value is empty or not UTF-8", t.name)
	}
	var err error
	switch t.syntax {
	case textSyntax:
	case integerSyntax:
		_, err = strconv.ParseInt(value, 10, 32)
	case booleanSyntax:
		value = strings.ToUpper(value)
		if value != "TRUE" && value != "FALSE" {
			err = errors.New("neither TRUE nor FALSE")
		}
	case nameSyntax:
		var n name
		n, err = parseName(value)
		value = n.text(backslashStyle)
	case octetSyntax:
		_, err = hex.DecodeString(value)
	case timeSyntax:
		_, err = parseTime(value)
	}
	if err != nil {
		return "", refuse(ldap.LDAPResultInvalidAttributeSyntax, "%s: %v", t.name, err)
	}
	return value, nil
}

// normal is the form in which values of the attribute are compared.
func (t attributeType) normal(value string) string {
	switch t.syntax {
	case nameSyntax:
		if n, err := parseName(value); err == nil {
			return n.key()
		}
	case timeSyntax:
		if at, err := parseTime(value); err == nil {
			return at.Format(longTime)
		}
	case integerSyntax:
		if i, err := strconv.ParseInt(value, 10, 64); err == nil {
			return strconv.FormatInt(i, 10)
		}
	case textSyntax, booleanSyntax, octetSyntax:
	}
	return foldText(value)
}

// compare orders two values: -1, 0 or 1. Only texts, integers and times have
// an order.
func (t attributeType) compare(a, b string) (order int, ordered bool) {
	switch t.syntax {
	case integerSyntax:
		x, errX := strconv.ParseInt(a, 10, 64)
		y, errY := strconv.ParseInt(b, 10, 64)
		switch {
		case errX != nil || errY != nil:
			return 0, false
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	case textSyntax, timeSyntax:
		return strings.Compare(t.normal(a), t.normal(b)), true
	case booleanSyntax, nameSyntax, octetSyntax:
	}
	return 0, false
}

// index returns where among the values the given one is, -1 when it is not.
func (t attributeType) index(values []string, value string) int {
	wanted := t.normal(value)
	for i, v := range values {
		if t.normal(v) == wanted {
			return i
		}
	}
	return -1
}

const (
	shortTime = "060102150405Z"
	longTime  = "20060102150405Z"
)

func parseTime(s string) (time.Time, error) {
	if len(s) == len(shortTime) {
		return time.Parse(shortTime, s)
	}
	return time.Parse(longTime, s)
}
