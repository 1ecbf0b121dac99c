package ldapsrc

import (
	"bytes"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// replay is a connection on which, once something was asked, these bytes come.
type replay struct {
	net.Conn
	asked   chan struct{}
	answers io.Reader
}

func (r *replay) Write(b []byte) (int, error) {
	select {
	case <-r.asked:
	default:
		close(r.asked)
	}
	return len(b), nil
}

func (r *replay) Read(p []byte) (int, error) {
	<-r.asked
	return r.answers.Read(p)
}

func (r *replay) Close() error                     { return nil }
func (r *replay) SetDeadline(time.Time) error      { return nil }
func (r *replay) SetReadDeadline(time.Time) error  { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }

func element64(tag byte, contents []byte) []byte {
	const long = 0x83 // three bytes of length
	n := len(contents)
	return append([]byte{tag, long, byte(n >> 16), byte(n >> 8), byte(n)}, contents...)
}

// byGoLDAP is the entry as go-ldap decodes it.
func byGoLDAP(contents []byte) (*ldap.Entry, error) {
	const done = "\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
	message := element64(tagSequence, append([]byte("\x02\x01\x01"), element64(tagSearchEntry, contents)...))
	c := ldap.NewConn(&replay{asked: make(chan struct{}), answers: io.MultiReader(bytes.NewReader(message), strings.NewReader(done))}, false)
	c.Start()
	defer func() { _ = c.Close() }()
	result, err := c.Search(&ldap.SearchRequest{Filter: "(objectClass=*)"})
	if err != nil || len(result.Entries) != 1 {
		return nil, io.ErrUnexpectedEOF
	}
	return result.Entries[0], nil
}

// plainForm encodes an entry as RFC 4511 has it.
func plainForm(dn string, names []string, values map[string][]string) []byte {
	text := func(s string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
	}
	list := ber.NewSequence("")
	for _, name := range names {
		attribute, set := ber.NewSequence(""), ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range values[name] {
			set.AppendChild(text(v))
		}
		attribute.AppendChild(text(name))
		attribute.AppendChild(set)
		list.AppendChild(attribute)
	}
	return append(text(dn).Bytes(), list.Bytes()...)
}

// byLowerName are the values of an entry as it is kept.
func byLowerName(e *ldap.Entry) map[string][]string {
	all := map[string][]string{}
	for _, a := range e.Attributes {
		name := strings.ToLower(a.Name)
		all[name] = append(all[name], a.Values...)
	}
	return all
}

// taken is the entry as it is decoded here, before it is checked. known is false
// where its name is none, so that there is no record.
func taken(contents []byte) (e Entry, known bool, err error) {
	r := newRecorder(newNames(Exchange55()))
	if err = r.take(contents); err != nil {
		return e, false, err
	}
	r.close()
	if normal, _ := NormalizeDN(r.dn()); normal == "" { // it is none
		return Entry{}, false, nil
	}
	record := slices.Clone(r.record)
	if r.repeated {
		record = r.merged()
	}
	return Entry{string(record), r.names}, true, nil
}

func sameContent(a, b map[string][]string) bool {
	return maps.EqualFunc(a, b, func(x, y []string) bool { return slices.Equal(x, y) || len(x)+len(y) == 0 })
}

// What go-ldap decodes and what is decoded here are the same, with these
// differences: go-ldap takes indefinite lengths, other tags than those of RFC
// 4511 and attributes without a name, which here are refused, and looks at what
// follows the known parts. In the plain form, both decode whatever one of them
// has decoded.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{})
	f.Add(plainForm("cn=ann,o=Contoso", []string{"cn", "mail"}, map[string][]string{"cn": {"Ann", "ann"}, "mail": {"a@x"}}))
	f.Add(plainForm(`cn="Smith, Ann",o=Contoso`, []string{"cn;lang-de", "CN", "cn", "x"}, map[string][]string{"CN": {"a"}, "cn": {strings.Repeat("b", 300)}}))
	f.Add([]byte("\x04\x01a\x30\x80\x00\x00"))
	f.Add([]byte("\x0c\x01a\x30\x00\x01"))
	f.Add([]byte("\x04\x01a\x30\x06\x30\x04\x04\x00\x31\x00")) // an attribute without a name
	f.Fuzz(func(t *testing.T, contents []byte) {
		theirs, theirError := byGoLDAP(contents)
		ours, known, ourError := taken(contents)
		if ourError == nil && theirError == nil && known && (ours.DN() != theirs.DN || !sameContent(ours.Attributes(), byLowerName(theirs))) {
			t.Errorf("%q %q\ngo-ldap has %q %q", ours.DN(), ours.Attributes(), theirs.DN, byLowerName(theirs))
		}
		switch {
		case ourError == nil && known && theirError != nil:
			values := ours.Attributes()
			e, err := byGoLDAP(plainForm(ours.DN(), slices.Sorted(maps.Keys(values)), values))
			if err != nil || e.DN != ours.DN() || !sameContent(values, byLowerName(e)) {
				t.Errorf("%q %q\ngo-ldap refuses it: %v", ours.DN(), values, err)
			}
		case ourError != nil && theirError == nil:
			values := byLowerName(theirs)
			if _, nameless := values[""]; nameless {
				return
			}
			e, known, err := taken(plainForm(theirs.DN, slices.Sorted(maps.Keys(values)), values))
			if err != nil || known && (e.DN() != theirs.DN || !sameContent(e.Attributes(), values)) {
				t.Errorf("%q %q is refused: %v, then %v", theirs.DN, values, ourError, err)
			}
		}
	})
}

// Whatever comes in whatever pieces, a stream neither fails to end nor loses a
// byte that is go-ldap's.
func FuzzStream(f *testing.F) {
	entry := element64(tagSequence, append([]byte("\x02\x01\x07"), element64(tagSearchEntry, plainForm("cn=ann,o=x", []string{"objectClass"}, map[string][]string{"objectClass": {"groupOfNames"}}))...))
	f.Add([]byte("\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00"), uint8(1))
	f.Add(append(slices.Clone(entry), "\x30\x0c\x02\x01\x07\x65\x07\x0a\x01\x00\x04\x00\x04\x00"...), uint8(5))
	f.Add(append([]byte("\x30\x05\x02\x01\x09\x78\x00"), entry...), uint8(200))
	f.Add([]byte("\x30\x84\x7f\xff\xff\xff\x02\x01\x07\x64"), uint8(3))
	f.Add([]byte("\x30\x80\x02\x01\x07"), uint8(3))
	f.Fuzz(func(t *testing.T, sent []byte, piece uint8) {
		s := newStream(&replay{asked: closedChannel(), answers: &pieces{sent, 1 + int(piece)}})
		q := newSearch(newNames(Exchange55()), 1)
		q.id.Store(7)
		q.blocks = make(chan block, 1+len(sent))
		s.search.Store(q)
		passed, err := io.ReadAll(s)
		if len(s.buffer) > max(2*len(sent), bufferSize) {
			t.Errorf("%d bytes took a buffer of %d", len(sent), len(s.buffer))
		}
		want, whole := notOurs(sent)
		if !bytes.Equal(passed, want) && (whole || !bytes.HasPrefix(want, passed)) {
			t.Errorf("go-ldap got %x, %v, want %x of %x", passed, err, want, sent)
		}
	})
}

func closedChannel() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// pieces is a reader that gives a few bytes at a time.
type pieces struct {
	left []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left[:min(p.size, len(p.left))])
	p.left = p.left[n:]
	return n, nil
}

// notOurs are the messages that are no entries of request 7, and whether the
// bytes are whole messages.
func notOurs(b []byte) (rest []byte, whole bool) {
	for len(b) > 0 {
		h, err := readHeader(b)
		if err != nil {
			return rest, false
		}
		ours := h.id == 7 && (h.op == tagSearchEntry || h.op == tagSearchReference)
		if !ours {
			rest = append(rest, b[:min(h.size, len(b))]...)
		}
		if h.size > len(b) {
			return rest, false
		}
		b = b[h.size:]
	}
	return rest, true
}

func FuzzParseRecipients(f *testing.F) {
	p := Exchange55()
	set, _ := setOf(someEntries(f, p))
	good, _ := set.AppendBinary(nil)
	f.Add(good)
	delta, _ := Delta{Changed: set.entries, Gone: []string{"cn=gone,o=x"}}.AppendBinary(nil)
	f.Add(delta)
	f.Add([]byte(kindRecipients))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, resealed(data)} {
			if r, err := p.ParseRecipients(data); err == nil {
				again, _ := r.AppendBinary(nil)
				second, err := p.ParseRecipients(again)
				if err != nil || !slices.EqualFunc(r.entries, second.entries, Entry.Equal) {
					t.Errorf("%x became %x, and that cannot be read: %v", data, again, err)
				}
				for e := range r.All() {
					_ = e.Recipient()
				}
			}
			if d, err := p.ParseDelta(data); err == nil {
				_ = (&Recipients{}).Apply(d)
			}
		}
	})
}

// resealed is data with the checksum that it ought to have.
func resealed(data []byte) []byte {
	const checksum = 4
	if len(data) < checksum {
		return data
	}
	return appendChecksum(slices.Clone(data[:len(data)-checksum]), 0)
}

func someEntries(tb testing.TB, p Profile) (entries []Entry) {
	tb.Helper()
	for _, dn := range []string{"cn=ann,o=x", `CN="Smith, Bob",o=x`, "cn=Zoë,o=x"} {
		r, err := p.Decode(dn, map[string][]string{"objectClass": {"Remote-Address", "top"}, "cn": {"A", "B"}, "usn-changed": {"7"}, "info": {""}})
		if err != nil {
			tb.Fatal(err)
		}
		entries = append(entries, r.Entry)
	}
	return entries
}

// A set that was kept is refused when a byte of it changed, or the profile did.
func TestKeptSetsAreChecked(t *testing.T) {
	t.Parallel()
	p := Exchange55()
	set, err := setOf(someEntries(t, p))
	if err != nil {
		t.Fatal(err)
	}
	good, _ := set.AppendBinary(nil)
	if again, err := p.ParseRecipients(good); err != nil || again.Len() != set.Len() {
		t.Fatalf("%d entries, %v", again.Len(), err)
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		if _, err := p.ParseRecipients(bad); err == nil || !strings.Contains(err.Error(), "read all of them again") {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	other := Exchange55()
	other.Fields.Hidden = "hidden"
	if _, err := other.ParseRecipients(good); err == nil || !strings.Contains(err.Error(), "another profile") {
		t.Errorf("another profile: %v", err)
	}
}

// The short ways of names lead where the long ones do.
func FuzzPlainDN(f *testing.F) {
	for _, dn := range []string{"cn=A,o=B", "cn= a,o=b", "cn=#a", "CN=a=b,O=", "cn=a;o=b", "cn=a\x7f", "cn.1-2=x,o=y ", ",", "cn=a,", "c n=a"} {
		f.Add(dn, "o=b")
	}
	f.Fuzz(func(t *testing.T, dn, base string) {
		if !isPlainDN(dn) {
			return
		}
		names, err := normalRDNs(dn)
		normal, short := NormalizeDN(dn)
		if want := strings.Join(names, ","); err != nil || short != nil || normal != want {
			t.Errorf("%q became %q, %v, the long way %q, %v", dn, normal, short, want, err)
		}
		parts, err := parseDN(dn)
		if name, short := DirectoryName(dn); err != nil || short != nil || name != parts[0][0].value {
			t.Errorf("the directory name of %q is %q, %v", dn, name, short)
		}
		above, err := normalRDNs(base)
		want := err == nil && len(above) <= len(names) && slices.Equal(names[len(names)-len(above):], above)
		if got := DNWithin(dn, base); got != want {
			t.Errorf("DNWithin(%q, %q) = %t", dn, base, got)
		}
	})
}
