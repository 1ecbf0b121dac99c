package exchange55_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/testenv/exchange55"
)

func TestReadLDIF(t *testing.T) {
	t.Parallel()
	input := "version: 1\r\n" +
		"# a comment\r\n" +
		"#  folded\r\n" +
		"   here\r\n" +
		"dn: cn=a,\r\n" +
		" o=b\r\n" +
		"objectClass: person\r\n" +
		"cn:: w6Q=\r\n" +
		"info:\r\n" +
		"CN:  two  \r\n" +
		"\r\n\r\n" +
		"dn: cn=a,o=b\r\n" +
		"changetype: modify\r\n" +
		"replace: cn\r\n" +
		"cn: x\r\n" +
		"-\r\n" +
		"delete: info\r\n" +
		"-\r\n" +
		"\r\n" +
		"dn: cn=a,o=b\r\n" +
		"changetype: delete\r\n" +
		"\r\n" +
		"dn: cn=c,o=b\r\n" +
		"changetype: add\r\n" +
		"cn: c"
	want := []exchange55.ChangeRecord{
		{Pos: exchange55.Position{File: "f", Line: 5, Column: 1}, DN: "cn=a,o=b", Attributes: []exchange55.Attribute{
			{Name: "objectClass", Values: []string{"person"}}, {Name: "cn", Values: []string{"ä", "two  "}}, {Name: "info", Values: []string{""}},
		}},
		{Pos: exchange55.Position{File: "f", Line: 13, Column: 1}, DN: "cn=a,o=b", Type: exchange55.Modify, Changes: []exchange55.Change{
			{Op: exchange55.ReplaceValues, Attribute: exchange55.Attribute{Name: "cn", Values: []string{"x"}}},
			{Op: exchange55.DeleteValues, Attribute: exchange55.Attribute{Name: "info"}},
		}},
		{Pos: exchange55.Position{File: "f", Line: 21, Column: 1}, DN: "cn=a,o=b", Type: exchange55.Delete},
		{Pos: exchange55.Position{File: "f", Line: 24, Column: 1}, DN: "cn=c,o=b", Type: exchange55.Add, Attributes: []exchange55.Attribute{
			{Name: "cn", Values: []string{"c"}},
		}},
	}
	for _, text := range []string{input, strings.ReplaceAll(input, "\r\n", "\n")} {
		got, err := exchange55.ReadLDIF(strings.NewReader(text), "f")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestReadLDIFErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ input, want string }{
		{" folded", "f:1:1: a continued line without a line before it"},
		{"dn: o=b\ncn x", "f:2:1: no colon after the attribute name"},
		{"dn: o=b\nc n: x", `f:2:1: "c n" is no attribute name`},
		{"dn: o=b\ncn:< file:///x", "f:2:4: values by URL are not read"},
		{"dn: o=b\ncn:: YWJ*", "f:2:9: the value is not base64"},
		{"dn: o=b\ncn: \xff", "f:2:4: the value is neither UTF-8 nor base64"},
		{"cn: a", `f:1:1: a record starts with dn, not with "cn"`},
		{"dn: nonsense\ncn: x", `f:1:1: read name "nonsense" at byte 0: no = after the attribute type`},
		{"version: 2", `f:1:1: LDIF version "2", only 1 is known`},
		{"dn: o=b", `f:1:1: the record of "o=b" has nothing but a name`},
		{"dn: o=b\ncontrol: 1.2.3", "f:2:1: controls are not supported"},
		{"dn: o=b\nchangetype: modrdn\nnewrdn: o=c", `f:2:1: changetype "modrdn", known are add, modify and delete`},
		{"dn: o=b\nchangetype: add", "f:2:1: nothing to add"},
		{"dn: o=b\nchangetype: modify", "f:2:1: nothing to modify"},
		{"dn: o=b\nchangetype: delete\ncn: x", "f:3:1: a delete record ends after changetype"},
		{"dn: o=b\ncn: x\ndn: o=c", "f:3:1: this line does not belong into an entry; is an empty line missing before it?"},
		{"dn: o=b\nchangetype: modify\ncn: x\n-", `f:3:1: a step of a modify starts with add, delete or replace, not with "cn"`},
		{"dn: o=b\nchangetype: modify\nadd:\n-", "f:3:1: add of which attribute?"},
		{"dn: o=b\nchangetype: modify\nadd: cn\nsn: x\n-", `f:4:1: a value of "sn" inside the step for "cn"; is the line "-" missing before it?`},
		{"dn: o=b\nchangetype: modify\nadd: cn\ncn: x", `f:3:1: the step ends without the line "-"`},
	}
	for _, test := range tests {
		_, err := exchange55.ReadLDIF(strings.NewReader(test.input), "f")
		var parse *exchange55.ParseError
		if !errors.As(err, &parse) || err.Error() != test.want {
			t.Errorf("%q: %v\nwant %s", test.input, err, test.want)
		}
	}
}

func TestSeedErrorsNameTheirPlace(t *testing.T) {
	t.Parallel()
	_, err := exchange55.Start(exchange55.Options{
		LDIFName: "bad.ldif",
		LDIF:     []byte("dn: o=Contoso\nobjectClass: organization\n\ndn: cn=a,o=Contoso\nobjectClass: Remote-Address\n\ndn: cn=b,o=Fabrikam\nobjectClass: Container\n"),
	})
	want := `bad.ldif:4:1: load cn=a,o=Contoso: LDAP result 65: a Remote-Address needs the attribute Target-Address
bad.ldif:7:1: load cn=b,o=Fabrikam: LDAP result 32: cn=b,o=Fabrikam has no parent`
	if err == nil || err.Error() != want {
		t.Errorf("error:\n%v\nwant:\n%s", err, want)
	}
}

// Content that is read, written and read again stays the same.
func FuzzReadLDIF(f *testing.F) {
	f.Add(contoso)
	f.Add([]byte("dn:: bz3DpA==\ncn:: IGEg\ncn: b\n\ndn: o=x\nchangetype: delete\n"))
	f.Add([]byte("dn: o=b\nchangetype: modify\nadd: cn\ncn: x\n-\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := exchange55.ReadLDIF(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		for _, record := range records {
			if record.Type != exchange55.Content {
				return
			}
		}
		var first, second bytes.Buffer
		if err = exchange55.WriteContent(&first, records); err != nil {
			t.Fatal(err)
		}
		again, err := exchange55.ReadLDIF(bytes.NewReader(first.Bytes()), "again")
		if err != nil {
			t.Fatalf("%v in\n%s", err, first.Bytes())
		}
		if err = exchange55.WriteContent(&second, again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.String(), second.String()); diff != "" {
			t.Fatal(diff)
		}
	})
}
