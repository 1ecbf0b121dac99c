package reconcile

import (
	"encoding/json"
	"strconv"
	"strings"
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

// appendText appends a text in quotes. One with characters that are escaped is
// left to the package that knows how.
func appendText(b []byte, text string) []byte {
	plain, ascii := true, true
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&':
			plain = false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if plain && !ascii {
		plain = utf8.ValidString(text) && !strings.ContainsAny(text, "\u2028\u2029")
	}
	if !plain {
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(err) // every text has a form in JSON
		}
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}
