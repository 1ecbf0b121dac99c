package ldapsrc

import (
	"bytes"
	"errors"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"
)

// packet builds a change as go-ldap would.
func packet(id int64, change Change) *ber.Packet {
	text := func(s string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
	}
	attribute := func(name string, values []string) *ber.Packet {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range values {
			set.AppendChild(text(v))
		}
		return sequence(text(name), set)
	}
	var op *ber.Packet
	switch change.Type {
	case AddEntry:
		op = ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationAddRequest, nil, "")
		all := ber.NewSequence("")
		for _, a := range change.Attributes {
			all.AppendChild(attribute(a.Name, a.Values))
		}
		op.AppendChild(text(change.DN))
		op.AppendChild(all)
	case ModifyEntry:
		op = ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationModifyRequest, nil, "")
		all := ber.NewSequence("")
		for _, m := range change.Mods {
			how := map[ModOp]int64{AddValues: ldap.AddAttribute, DeleteValues: ldap.DeleteAttribute, ReplaceValues: ldap.ReplaceAttribute}[m.Op]
			all.AppendChild(sequence(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, how, ""), attribute(m.Name, m.Values)))
		}
		op.AppendChild(text(change.DN))
		op.AppendChild(all)
	case DeleteEntry:
		op = ber.NewString(ber.ClassApplication, ber.TypePrimitive, ldap.ApplicationDelRequest, change.DN, "")
	}
	return sequence(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""), op)
}

func sequence(children ...*ber.Packet) *ber.Packet {
	p := ber.NewSequence("")
	for _, child := range children {
		p.AppendChild(child)
	}
	return p
}

// A request has the bytes that go-ldap's own library makes of it, and comes out
// of a stream whole, with its ID.
func TestRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	var coder encoder
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringN(120, 140, -1), rapid.StringN(65000, 66000, -1))
		change := Change{DN: value.Draw(t, "DN"), Type: rapid.SampledFrom([]ChangeType{AddEntry, ModifyEntry, DeleteEntry}).Draw(t, "type")}
		for range rapid.IntRange(0, 3).Draw(t, "attributes") {
			name, values := rapid.String().Draw(t, "name"), rapid.SliceOfN(value, 0, 3).Draw(t, "values")
			change.Attributes = append(change.Attributes, Attribute{name, values})
			change.Mods = append(change.Mods, Mod{rapid.SampledFrom([]ModOp{AddValues, DeleteValues, ReplaceValues}).Draw(t, "op"), name, values})
		}
		id := rapid.OneOf(rapid.Int64Range(0, 1<<31-1), rapid.Just[int64](firstOwnID)).Draw(t, "ID")
		want := packet(id, change).Bytes()
		got := coder.encode([]byte("before"), id, change)
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Fatalf("%+v is\n%x, want\n%x", change, got, want)
		}
		h, err := readHeader(append(want, "behind"...))
		if err != nil || h.size != len(want) || h.id != id || h.op != writeTags[change.Type].request {
			t.Fatalf("read back %+v, %v", h, err)
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	result := func(tag ber.Tag, code int64, diagnostic string) []byte {
		op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
		op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
		for _, s := range []string{"cn=x", diagnostic} {
			op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, ""))
		}
		return sequence(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(firstOwnID), ""), op).Bytes()
	}
	parse := func(message []byte) (answer, error) {
		h, err := readHeader(message)
		if err != nil {
			t.Fatal(err)
		}
		return parseAnswer(message, h)
	}
	a, err := parse(result(ldap.ApplicationAddResponse, 0, "all is well"))
	if err != nil || a.err != nil || a.tag != tagAdded || a.id != firstOwnID {
		t.Errorf("success: %+v, %v", a, err)
	}
	a, err = parse(result(ldap.ApplicationModifyResponse, 51, "busy, really"))
	var refusal *ldap.Error
	if err != nil || a.tag != tagModified || !errors.As(a.err, &refusal) || refusal.ResultCode != 51 || refusal.MatchedDN != "cn=x" || refusal.Err.Error() != "busy, really" {
		t.Errorf("busy: %+v, %v", a, err)
	}
	for _, broken := range []string{"\x30\x04\x02\x01\x05\x69", "\x30\x05\x02\x01\x05\x69\x00", "\x30\x08\x02\x01\x05\x69\x03\x0a\x01\x33"} {
		if a, err = parse([]byte(broken)); !errors.Is(err, errNotMessage) {
			t.Errorf("%x: %+v, %v", broken, a, err)
		}
	}
}

// FuzzAnswer reads answers as go-ldap does.
func FuzzAnswer(f *testing.F) {
	for _, change := range []Change{
		{DN: "cn=x", Type: DeleteEntry},
		{DN: "cn=x", Type: AddEntry, Attributes: []Attribute{{"cn", []string{"a", "b"}}}},
		{DN: "cn=x", Type: ModifyEntry, Mods: []Mod{{DeleteValues, "cn", nil}}},
	} {
		f.Add(packet(firstOwnID, change).Bytes())
	}
	for _, s := range []string{
		"", "\x30", "\x30\x80", "\x30\x84\xff\xff\xff\xff", "\x30\x85\x00\x00\x00\x00\x00", "\x31\x00",
		"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", "\x30\x81\x0c\x02\x01\x07\x69\x07\x0a\x01\x33\x04\x00\x04\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHeader(data)
		if err != nil || h.size > len(data) {
			return
		}
		message := data[:h.size]
		packet, err := ber.ReadPacket(bytes.NewReader(message))
		if err != nil {
			return // what is in it may be anything
		}
		a, err := parseAnswer(message, h)
		if want := ldap.GetLDAPError(packet); err == nil && a.err != nil && (want == nil || a.err.Error() != want.Error()) {
			t.Fatalf("%x says %v, want %v", message, a.err, want)
		}
	})
}
