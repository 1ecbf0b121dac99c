package reconcile

import (
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the JSON of the step as [json.Marshal] writes it, at a
// small part of its cost: plans are hashed, and may be printed, with all their
// steps.
func (s *Step) AppendJSON(b []byte) []byte {
	b = append(b, `{"op":`...)
	b = appendText(b, string(s.Op))
	b = appendField(b, `,"kind":`, string(s.Kind))
	b = appendField(b, `,"name":`, s.Name)
	b = appendGiven(b, `,"address":`, s.Address)
	b = appendGiven(b, `,"dn":`, s.DN)
	b = appendField(b, `,"reason":`, s.Reason)
	if s.Event != 0 {
		b = strconv.AppendInt(append(b, `,"event":`...), int64(s.Event), 10)
	}
	for i := range s.Changes {
		c := &s.Changes[i]
		if b = append(b, ','); i == 0 {
			b = append(b, `"changes":[`...)
		}
		b = appendField(b, `{"attr":`, c.Attr)
		b = appendField(b, `,"old":`, c.Old)
		b = appendField(b, `,"new":`, c.New)
		b = append(b, '}')
	}
	if len(s.Changes) > 0 {
		b = append(b, ']')
	}
	b = appendGiven(b, `,"outcome":`, string(s.Outcome))
	b = appendGiven(b, `,"error":`, s.Error)
	return append(b, '}')
}

func appendField(b []byte, name, value string) []byte {
	return appendText(append(b, name...), value)
}

// appendGiven appends a field that is left out when it is empty.
func appendGiven(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendField(b, name, value)
}

// appendText appends a text in quotes.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	start := 0 // of what needs no escapes
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		if isPlain(r, size) {
			i += size
			continue
		}
		b = appendEscape(append(b, text[start:i]...), r)
		i += size
		start = i
	}
	return append(append(b, text[start:]...), '"')
}

// isPlain reports whether a character of this many bytes stands for itself.
func isPlain(r rune, size int) bool {
	switch r {
	case '"', '\\', '<', '>', '&', '\u2028', '\u2029':
		return false
	case utf8.RuneError:
		return size > 1 // else it stands for a byte that is no character
	}
	return r >= ' '
}

func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
