package ccmail

import (
	"fmt"
	"io"
	"strings"
)

// Refused is an entry that IMPORT did not take. It may lack every field but
// one, and its text may hold U+FFFD where the file could not be decoded.
type Refused struct {
	Record Record
	Reason string // empty when the file gives none
}

// ReadRefused reads the .UND file that IMPORT leaves when it ends with code 5
// (DOC, Q180641). How the file marks a reason is not public: lines without
// a tag are taken as the reason for the entry that follows them or that they
// stand in, and reasons that no entry follows come last with an empty Record
// (OURS). The reader takes entries in every state, for it is better to report
// one half than none. It fails only when the file cannot be read or is not
// text.
func ReadRefused(r io.Reader, o Options) ([]Refused, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := newScanner(r, o.File)
	s.joined = true
	var refused []Refused
	var reasons []string
	for s.next() {
		f, tagged := s.field()
		switch {
		case s.isBlank():
			continue
		case !tagged || !f.known:
			reasons = append(reasons, strings.Trim(o.CodePage.decodeForDisplay(s.text), blanks))
			continue
		case f.tag == "Name" || len(refused) == 0:
			refused = append(refused, Refused{Record: Record{Pos: s.pos(1)}})
		}
		current := &refused[len(refused)-1]
		current.Record.set(f.tag, o.CodePage.decodeForDisplay(f.value))
		current.Reason = joinReasons(current.Reason, reasons)
		reasons = nil
	}
	if s.err != nil {
		return nil, fmt.Errorf("cannot tell which entries were refused: %w", s.err)
	}
	if len(reasons) > 0 {
		refused = append(refused, Refused{Reason: joinReasons("", reasons)})
	}
	return refused, nil
}

func joinReasons(first string, more []string) string {
	return strings.TrimPrefix(strings.Join(append([]string{first}, more...), "; "), "; ")
}
