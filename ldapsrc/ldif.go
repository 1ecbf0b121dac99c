package ldapsrc

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// ldifColumns is the width at which lines are folded, as the tools of OpenLDAP
// do it.
const ldifColumns = 76

// WriteLDIF writes changes as change records (RFC 2849), which ldapmodify
// accepts. Values that are not plain ASCII text are written in base64. No
// changes make no output.
func WriteLDIF(w io.Writer, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	l := &ldifWriter{}
	l.line("version", "1")
	for _, change := range changes {
		l.out.WriteByte('\n')
		if err := l.change(change); err != nil {
			return fmt.Errorf("write %s of %s as LDIF: %w", change.Type, quote(change.DN), err)
		}
	}
	_, err := w.Write(l.out.Bytes())
	return err
}

type ldifWriter struct{ out bytes.Buffer }

func (l *ldifWriter) change(change Change) error {
	l.line("dn", change.DN)
	l.line("changetype", string(change.Type))
	switch change.Type {
	case AddEntry:
		for _, a := range change.Attributes {
			if err := l.values(a.Name, a.Values); err != nil {
				return err
			}
		}
	case ModifyEntry:
		for _, m := range change.Mods {
			l.line(string(m.Op), m.Name)
			if err := l.values(m.Name, m.Values); err != nil {
				return err
			}
			l.out.WriteString("-\n")
		}
	case DeleteEntry:
	default:
		return fmt.Errorf("%q is not a type of change", change.Type)
	}
	return nil
}

func (l *ldifWriter) values(name string, values []string) error {
	if !isAttributeName(name) {
		return fmt.Errorf("%q is not an attribute name", name)
	}
	for _, v := range values {
		l.line(name, v)
	}
	return nil
}

// line writes a name and a value, folded.
func (l *ldifWriter) line(name, value string) {
	text := name + ": " + value
	switch {
	case value == "":
		text = name + ":"
	case !isPlain(value):
		text = name + ":: " + base64.StdEncoding.EncodeToString([]byte(value))
	}
	for len(text) > ldifColumns {
		l.out.WriteString(text[:ldifColumns] + "\n")
		text = " " + text[ldifColumns:]
	}
	l.out.WriteString(text + "\n")
}

// isPlain says whether a value can be written as it is: printable ASCII that
// does not begin like something else and does not end in a blank, which an
// editor may lose.
func isPlain(value string) bool {
	return !strings.ContainsAny(value[:1], " :<") && !strings.HasSuffix(value, " ") &&
		!strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}
