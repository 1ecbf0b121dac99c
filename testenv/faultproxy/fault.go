package faultproxy

import (
	"strings"
	"time"

	"ccdirsync/testenv/pdu"
)

// Side is where a message comes from.
type Side int

// The sides. Neither, the zero value, stands for both.
const (
	Neither Side = iota
	Client
	Server
)

// Fault is something that goes wrong at some messages.
type Fault struct {
	At Point
	Do Effect
}

// Point picks messages. The zero value fits all.
type Point struct {
	From  Side
	Op    pdu.Op // of this operation; 0 is any, what is encrypted included
	DN    string // only of this entry or, of a search or bind, with this name
	Skip  int    // let so many pass that would fit
	Times int    // then fit so many; 0 is all that follow

	// Bytes fits the message or the encrypted piece that has this byte of a
	// connection, counted from 1 for each side of each connection. Effects that
	// cut or stall let pass what comes before the byte. 0 is any.
	Bytes int64
}

// Passing is a message on its way, as an effect gets it.
type Passing struct {
	From Side
	Raw  []byte      // all of it
	LDAP pdu.Message // its parts; the zero value for what is encrypted
	// Before is how many bytes of it come before the byte that a Point picked.
	Before int
	// Asked is the cookie of the last request for a page on this connection.
	Asked []byte
}

// Outcome is what an effect makes of a message.
type Outcome struct {
	Pass []byte // what goes on in its place, of whatever length
	Back []byte // what the sender gets in answer
	Then Then   // what becomes of the connection after that
	// Wait is how long the message is held up before anything of this happens.
	Wait time.Duration
	// Until holds it up until the channel is closed, if there is one.
	Until <-chan struct{}
}

// Then is what becomes of a connection after a message.
type Then int

// The ends of a connection.
const (
	GoOn  Then = iota
	Close      // both sides find it closed
	Reset      // both sides find it reset, as by a machine that has restarted
	Stall      // nothing passes from this side any more until the faults are set anew
)

// Effect says what becomes of a message. It may be called for several
// connections at once.
type Effect func(Passing) Outcome

// Cut closes the connection before the message.
func Cut() Effect { return ending(Close) }

// CutHard resets the connection before the message.
func CutHard() Effect { return ending(Reset) }

// Hang keeps the message, and all after it from the same side, until the faults
// are set anew.
func Hang() Effect { return ending(Stall) }

func ending(then Then) Effect {
	return func(m Passing) Outcome { return Outcome{Pass: m.Raw[:m.Before], Then: then} }
}

// Truncate lets so many bytes of the message pass and closes the connection.
func Truncate(bytes int) Effect {
	return func(m Passing) Outcome { return Outcome{Pass: m.Raw[:min(bytes, len(m.Raw))], Then: Close} }
}

// Delay holds the message up for so long.
func Delay(d time.Duration) Effect {
	return func(m Passing) Outcome { return Outcome{Pass: m.Raw, Wait: d} }
}

// Hold holds the message up until the channel is closed.
func Hold(until <-chan struct{}) Effect {
	return func(m Passing) Outcome { return Outcome{Pass: m.Raw, Until: until} }
}

// Call runs something before the message goes on.
func Call(do func()) Effect {
	return func(m Passing) Outcome {
		do()
		return Outcome{Pass: m.Raw}
	}
}

// Drop keeps the message to itself.
func Drop() Effect { return func(Passing) Outcome { return Outcome{} } }

// Repeat sends the message twice.
func Repeat() Effect {
	return func(m Passing) Outcome { return Outcome{Pass: append(append([]byte{}, m.Raw...), m.Raw...)} }
}

// Damage makes the message's operation something that cannot be decoded: its
// length stays, its content becomes ones.
func Damage() Effect {
	return edit(func(m *pdu.Message) {
		m.Body = []byte(strings.Repeat("\xff", len(m.Body)))
	})
}

// edit passes a message that was changed.
func edit(change func(*pdu.Message)) Effect {
	return func(m Passing) Outcome {
		change(&m.LDAP)
		return Outcome{Pass: m.LDAP.Encode()}
	}
}

// Result replaces the result in an answer by one of this code and text. What
// was asked for has been done all the same. The controls of the answer go, as a
// server that breaks off gives no cookie.
func Result(code int, diagnostic string) Effect {
	return edit(func(m *pdu.Message) { m.Body, m.Controls = result(code, diagnostic), nil })
}

// Referral replaces the result in an answer by a referral to these URLs.
func Referral(urls ...string) Effect {
	const referral, tag = 10, 0xa3
	return edit(func(m *pdu.Message) {
		m.Body, m.Controls = append(result(referral, ""), pdu.Encode(tag, texts(urls))...), nil
	})
}

// Refuse answers a request with a result of this code and text in the server's
// place. The server does not see the request.
func Refuse(code int, diagnostic string) Effect {
	return func(m Passing) Outcome {
		answer := pdu.Message{ID: m.LDAP.ID, Op: answers[m.LDAP.Op], Body: result(code, diagnostic)}
		return Outcome{Back: answer.Encode()}
	}
}

// answers are the operations that end the answer to a request.
var answers = map[pdu.Op]pdu.Op{
	pdu.BindRequest: pdu.BindResponse, pdu.SearchRequest: pdu.SearchDone, pdu.ModifyRequest: pdu.ModifyResponse,
	pdu.AddRequest: pdu.AddResponse, pdu.DeleteRequest: pdu.DeleteResponse, pdu.RenameRequest: pdu.RenameResponse,
	pdu.CompareRequest: pdu.CompareResponse, pdu.ExtendedRequest: pdu.ExtendedResponse,
}

// result is the body of a result without a matched name.
func result(code int, diagnostic string) []byte {
	body := pdu.EncodeInteger(pdu.Enumerated, int64(code))
	body = append(body, pdu.EncodeString("")...)
	return append(body, pdu.EncodeString(diagnostic)...)
}

func texts(all []string) (data []byte) {
	for _, s := range all {
		data = append(data, pdu.EncodeString(s)...)
	}
	return data
}

// Rename gives an entry of an answer another name, or none.
func Rename(dn string) Effect {
	return edit(func(m *pdu.Message) {
		if elements, err := pdu.Parse(m.Body); err == nil && len(elements) == 2 {
			m.Body = append(pdu.EncodeString(dn), pdu.Encode(elements[1].Tag, elements[1].Content)...)
		}
	})
}

// Refer puts references to other servers before an entry or the end of an
// answer.
func Refer(urls ...string) Effect {
	return func(m Passing) Outcome {
		reference := pdu.Message{ID: m.LDAP.ID, Op: pdu.SearchReference, Body: texts(urls)}
		return Outcome{Pass: append(reference.Encode(), m.Raw...)}
	}
}

// Before puts a whole message of the fault's own before this one, with the same
// number.
func Before(op pdu.Op, body []byte) Effect {
	return func(m Passing) Outcome {
		other := pdu.Message{ID: m.LDAP.ID, Op: op, Body: body}
		return Outcome{Pass: append(other.Encode(), m.Raw...)}
	}
}

const pagingOID = "1.2.840.113556.1.4.319" // RFC 2696

// Cookie puts another cookie into the end of a page or into a request for one.
// An empty one says that this page is the last or, in a request, the first.
func Cookie(cookie string) Effect {
	return edit(func(m *pdu.Message) { m.Controls = paging([]byte(cookie)) })
}

// SameCookie gives the client the cookie that it asked with.
func SameCookie() Effect {
	return func(m Passing) Outcome {
		m.LDAP.Controls = paging(m.Asked)
		return Outcome{Pass: m.LDAP.Encode()}
	}
}

// NoControls takes the controls of a message away: a page without any word on
// whether there are more.
func NoControls() Effect {
	return edit(func(m *pdu.Message) { m.Controls = nil })
}

// paging is the control of a page with a cookie. The size means nothing in an
// answer; in a request this is a page of 100.
func paging(cookie []byte) []byte {
	const size = 100
	value := pdu.Encode(pdu.Sequence, pdu.EncodeInteger(pdu.Integer, size), pdu.Encode(pdu.String, cookie))
	return pdu.Encode(pdu.Sequence, pdu.EncodeString(pagingOID), pdu.Encode(pdu.String, value))
}

// cookieOf is the cookie in the controls of a message; ok is false when it has
// no word on pages.
func cookieOf(m pdu.Message) (cookie []byte, ok bool) {
	elements, err := pdu.Parse(m.Controls)
	if err != nil {
		return nil, false
	}
	for _, e := range elements {
		control := pdu.Cursor{Rest: e.Children}
		if control.Text() != pagingOID {
			continue
		}
		if control.More(pdu.Boolean) {
			control.Boolean()
		}
		value, err := pdu.Parse(control.Next(pdu.String).Content)
		if err != nil || len(value) != 1 {
			return nil, false
		}
		page := pdu.Cursor{Rest: value[0].Children}
		page.Number(pdu.Integer)
		cookie = page.Next(pdu.String).Content
		return cookie, page.Err == nil
	}
	return nil, false
}

// nameOf is the name in a message: of the entry, the base or the account.
func nameOf(m pdu.Message) string {
	if m.Op == pdu.DeleteRequest {
		return string(m.Body)
	}
	elements, err := pdu.Parse(m.Body)
	if err != nil {
		return ""
	}
	for _, e := range elements {
		if e.Tag == pdu.String {
			return string(e.Content)
		}
	}
	return ""
}
