package ldapsrc_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccdirsync/ldapsrc"
)

// ldif is changes in the notation that people read.
func ldif(t *testing.T, changes ...ldapsrc.Change) string {
	t.Helper()
	var b bytes.Buffer
	if err := ldapsrc.WriteLDIF(&b, changes); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantLDIF(t *testing.T, want string, changes ...ldapsrc.Change) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(ldif(t, changes...))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	change, err := ldapsrc.Exchange55().Add(bea())
	if err != nil {
		t.Fatal(err)
	}
	wantLDIF(t, `
version: 1

dn: cn=CC00012B,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso
changetype: add
objectClass: Remote-Address
rdn: CC00012B
cn: Bea New
uid: bnew
givenName: Bea
sn: New
initials: Q.
Target-Address: CCMAIL:Bea New at NORTHHUB
mail: bea.new@contoso.example
textEncodedORAddress: c=GB;a= ;p=Contoso;o=HQ;s=New;g=Bea;
info: desk 7
Imported-From: hq
otherMailbox: CCMAIL$Bea New at NORTHHUB
otherMailbox: ccmail$New, Bea at NORTHHUB
MAPI-Recipient: FALSE
Extension-Attribute-15: user:bea new
`, change)
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, test := range []struct {
		reason string
		change func(*ldapsrc.Recipient)
		tells  string
	}{
		{"a mailbox", func(r *ldapsrc.Recipient) { r.Class = ldapsrc.Mailbox }, "it is a mailbox"},
		{"no name", func(r *ldapsrc.Recipient) { r.DN = "" }, "it is empty"},
		{"another directory name", func(r *ldapsrc.Recipient) { r.DirectoryName = "CC1" }, `"CC1" is not the one in its name`},
		{"no display name", func(r *ldapsrc.Recipient) { r.DisplayName = "" }, "no display name"},
		{"no alias", func(r *ldapsrc.Recipient) { r.Alias = "" }, "no alias"},
		{"no target", func(r *ldapsrc.Recipient) { r.Target = "" }, "TYPE:address"},
		{"a target without a type", func(r *ldapsrc.Recipient) { r.Target = ":x at y" }, "TYPE:address"},
		{"a type of nine letters", func(r *ldapsrc.Recipient) { r.Target = "CCMAILING:x at y" }, "TYPE:address"},
		{"two primary addresses", func(r *ldapsrc.Recipient) { r.Proxies[3].Primary = true }, "are both primary"},
		{"a type in lower case", func(r *ldapsrc.Recipient) { r.Proxies[2].Type = "ccmail" }, "malformed"},
		{"an address that is empty", func(r *ldapsrc.Recipient) { r.Proxies[2].Address = "" }, "malformed"},
		{"65 letters", func(r *ldapsrc.Recipient) { r.DisplayName = long(65) }, "cn has 65 characters, at most 64 fit; shorten it"},
		{"seven initials", func(r *ldapsrc.Recipient) { r.Initials = "ABCDEFG" }, "initials has 7 characters, at most 6 fit"},
		{"a long directory name", func(r *ldapsrc.Recipient) {
			r.DirectoryName = strings.Repeat("x", 65)
			r.DN = ldapsrc.Exchange55().Write.DN(r.DirectoryName, container)
		}, "rdn has 65 characters"},
		{"a long address", func(r *ldapsrc.Recipient) { r.Proxies[2].Address = long(1117) }, "otherMailbox has 1124 characters, at most 1123 fit"},
		{"an empty further value", func(r *ldapsrc.Recipient) { r.Attributes["info2"] = []string{""} }, "info2 has an empty value"},
	} {
		r := bea()
		test.change(&r)
		_, err := ldapsrc.Exchange55().Add(r)
		if err == nil || !strings.Contains(err.Error(), test.tells) || !strings.HasPrefix(err.Error(), `add "`+r.DN) {
			t.Errorf("%s: %v, want it to tell %q", test.reason, err, test.tells)
		}
	}
	r := bea()
	r.DisplayName, r.Initials = long(64), long(6)
	if _, err := ldapsrc.Exchange55().Add(r); err != nil {
		t.Errorf("values of the greatest length, not all ASCII: %v", err)
	}
}

func TestApplyRefusesBeforeSending(t *testing.T) {
	t.Parallel()
	c := misbehave(t).dial(t) // it would answer no change at all
	err := c.Apply(t.Context(), ldapsrc.Change{DN: "cn=x", Type: ldapsrc.ModifyEntry, Mods: []ldapsrc.Mod{
		{Op: ldapsrc.ReplaceValues, Name: "Initials", Values: []string{"ABCDEFG"}},
	}})
	if err == nil || !strings.Contains(err.Error(), "Initials has 7 characters, at most 6 fit") {
		t.Errorf("a value that is too long: %v", err)
	}
	if err := c.Apply(t.Context(), ldapsrc.Change{DN: "cn=x", Type: "rename"}); err == nil {
		t.Error("a change of no known type was sent")
	}
}

func TestModify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		change func(*ldapsrc.Recipient)
		want   []string // one text for each request
	}{
		{"nothing differs", func(*ldapsrc.Recipient) {}, nil},
		{"the order of addresses has no meaning", func(r *ldapsrc.Recipient) { slices.Reverse(r.Proxies) }, nil},
		{"what is not ours to write", func(r *ldapsrc.Recipient) { r.TrustLevel, r.USNChanged = 100, 7 }, nil},
		{"it is hidden", func(r *ldapsrc.Recipient) { r.Hidden = true }, []string{"replace: Hide-From-Address-Book\nHide-From-Address-Book: TRUE\n-\n"}},
		{"a value goes", func(r *ldapsrc.Recipient) { r.Notes = "" }, []string{"delete: info\n-\n"}},
		{"a value that was not there", func(r *ldapsrc.Recipient) { r.Attributes["info2"] = []string{"x"} }, []string{"replace: info2\ninfo2: x\n-\n"}},
		{"nothing instead of nothing", func(r *ldapsrc.Recipient) { r.Attributes["info2"] = nil }, nil},
		{"the key goes", func(r *ldapsrc.Recipient) { r.Attributes["extension-attribute-15"] = nil }, []string{"delete: Extension-Attribute-15\n-\n"}},
		{"the key is not spoken of", func(r *ldapsrc.Recipient) { r.Attributes = nil }, nil},
		{"a user moved", func(r *ldapsrc.Recipient) {
			r.Target, r.Proxies[2].Address = "CCMAIL:Bea New at SOUTHHUB", "Bea New at SOUTHHUB"
		}, []string{
			"replace: otherMailbox\notherMailbox: CCMAIL$Bea New at SOUTHHUB\notherMailbox: ccmail$New, Bea at NORTHHUB\n-\n" +
				"replace: Target-Address\nTarget-Address: CCMAIL:Bea New at SOUTHHUB\n-\n",
		}},
		{"all other addresses go", func(r *ldapsrc.Recipient) { r.Proxies = r.Proxies[:2] }, []string{"delete: otherMailbox\n-\n"}},
		{"the primary address goes", func(r *ldapsrc.Recipient) { r.Proxies = r.Proxies[1:] }, []string{"delete: mail\n-\n"}},
		{"an address twice", func(r *ldapsrc.Recipient) {
			r.Proxies = append(r.Proxies, ldapsrc.Proxy{Type: "SMTP", Address: "BEA.new@contoso.example"})
		}, nil},
		{"the primary address becomes a secondary one", func(r *ldapsrc.Recipient) {
			r.Notes = ""
			r.Proxies[0].Primary = false
			r.Proxies = append(r.Proxies, ldapsrc.Proxy{Type: "SMTP", Address: "b@contoso.example", Primary: true})
		}, []string{
			"replace: mail\nmail: b@contoso.example\n-\ndelete: info\n-\n",
			"replace: otherMailbox\notherMailbox: CCMAIL$Bea New at NORTHHUB\notherMailbox: ccmail$New, Bea at NORTHHUB\n" +
				"otherMailbox: smtp$bea.new@contoso.example\n-\n",
		}},
		{"the same for X.400, with another change of addresses", func(r *ldapsrc.Recipient) {
			r.Proxies[1].Primary = false
			r.Proxies[3] = ldapsrc.Proxy{Type: "X400", Address: "c=GB;a= ;p=Contoso;o=HQ;s=Newer;", Primary: true}
		}, []string{
			"replace: otherMailbox\notherMailbox: CCMAIL$Bea New at NORTHHUB\n-\n" +
				"replace: textEncodedORAddress\ntextEncodedORAddress: c=GB;a= ;p=Contoso;o=HQ;s=Newer;\n-\n",
			"replace: otherMailbox\notherMailbox: CCMAIL$Bea New at NORTHHUB\n" +
				"otherMailbox: x400$c=GB;a= ;p=Contoso;o=HQ;s=New;g=Bea;\n-\n",
		}},
	} {
		before, after := bea(), bea()
		test.change(&after)
		changes := ldapsrc.Exchange55().Modify(before, after)
		var want strings.Builder
		for _, mods := range test.want {
			want.WriteString("\ndn: " + before.DN + "\nchangetype: modify\n" + mods)
		}
		got := strings.TrimPrefix(ldif(t, changes...), "version: 1\n")
		if diff := cmp.Diff(want.String(), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestModifyKeepsWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	before := bea()
	before.Attributes = map[string][]string{
		"othermailbox": {"CCMAIL$Bea New at NORTHHUB", "ccmail$New, Bea at NORTHHUB", "no address"},
		"cn":           {"Bea New", "CC00012B"}, // as slapd has it
	}
	after := bea()
	after.DisplayName, after.Proxies = "Bea Newer", after.Proxies[:3]
	wantLDIF(t, `
version: 1

dn: cn=CC00012B,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso
changetype: modify
replace: otherMailbox
otherMailbox: CCMAIL$Bea New at NORTHHUB
otherMailbox: no address
-
replace: cn
cn: Bea Newer
cn: CC00012B
-
replace: Extension-Attribute-15
Extension-Attribute-15: user:bea new
-
`, ldapsrc.Exchange55().Modify(before, after)...)
}

// Hidden entries are shown again by taking the value away, which is as good as
// FALSE (documented: K268576); FALSE is no reason to write.
func TestModifyHidden(t *testing.T) {
	t.Parallel()
	hidden, visible := bea(), bea()
	hidden.Hidden = true
	hidden.Attributes = map[string][]string{"hide-from-address-book": {"TRUE"}}
	visible.Attributes = map[string][]string{"hide-from-address-book": {"FALSE"}}
	wantLDIF(t, `
version: 1

dn: cn=CC00012B,cn=ccMail,cn=Recipients,ou=HQ,o=Contoso
changetype: modify
delete: Hide-From-Address-Book
-
`, ldapsrc.Exchange55().Modify(hidden, visible)...)
	if changes := ldapsrc.Exchange55().Modify(visible, visible); len(changes) > 0 {
		t.Errorf("nothing differs, written is %v", changes)
	}
	add, err := ldapsrc.Exchange55().Add(hidden)
	if err != nil || !slices.ContainsFunc(add.Attributes, func(a ldapsrc.Attribute) bool { return a.Name == "Hide-From-Address-Book" }) {
		t.Errorf("a hidden entry is added as %v (%v)", add, err)
	}
}

// Rewrite puts exactly the values that it is given, also those that are no
// addresses; one that was primary and becomes secondary takes two requests.
func TestRewrite(t *testing.T) {
	t.Parallel()
	before, err := ldapsrc.Exchange55().Decode("cn=CC1,o=x", map[string][]string{
		"objectclass": {"Remote-Address"}, "mail": {"new@x"}, "othermailbox": {"CCMAIL$A at PO", "odd"}, "info": {"Room 12"},
	})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := ldapsrc.Exchange55().Rewrite(before, map[string][]string{
		"mail": {"old@x"}, "othermailbox": {"CCMAIL$A at PO", "smtp$new@x", "Odd"}, "info": nil, "title": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantLDIF(t, `
version: 1

dn: cn=CC1,o=x
changetype: modify
replace: otherMailbox
otherMailbox: CCMAIL$A at PO
otherMailbox: Odd
-
delete: info
-
replace: mail
mail: old@x
-

dn: cn=CC1,o=x
changetype: modify
replace: otherMailbox
otherMailbox: CCMAIL$A at PO
otherMailbox: smtp$new@x
otherMailbox: Odd
-
`, changes...)
	if _, err := ldapsrc.Exchange55().Rewrite(before, map[string][]string{"initials": {"ABCDEFG"}}); err == nil {
		t.Error("a value that is too long was taken")
	}
}

// Restore adds an entry with everything that was read of it, but for what the
// server keeps by itself.
func TestRestore(t *testing.T) {
	t.Parallel()
	values := map[string][]string{
		"objectclass": {"top", "person", "remote-address"}, "rdn": {"CC1"}, "cn": {"A"}, "uid": {"a"}, "target-address": {"CCMAIL:A at PO"},
		"mail": {"a@x"}, "rfc822mailbox": {"a@x"}, "othermailbox": {"odd"}, "usn-changed": {"7"}, "is-deleted": {"FALSE"}, "title": {"Dr."},
		"replication-sensitivity": {"50"}, "mapi-recipient": {"TRUE"}, "hide-from-address-book": {"TRUE"},
	}
	change, err := ldapsrc.Exchange55().Restore("cn=CC1,o=x", values)
	if err != nil {
		t.Fatal(err)
	}
	wantLDIF(t, `
version: 1

dn: cn=CC1,o=x
changetype: add
objectClass: Remote-Address
cn: A
Hide-From-Address-Book: TRUE
mail: a@x
MAPI-Recipient: TRUE
otherMailbox: odd
rdn: CC1
Replication-Sensitivity: 50
Target-Address: CCMAIL:A at PO
title: Dr.
uid: a
`, change)
	values["objectclass"] = []string{"organizationalPerson"}
	if _, err := ldapsrc.Exchange55().Restore("cn=CC1,o=x", values); err == nil || !strings.Contains(err.Error(), "only custom recipients and distribution lists are added") {
		t.Errorf("a mailbox: %v", err)
	}
}

func TestWriteLDIF(t *testing.T) {
	t.Parallel()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	notes := []string{" leading", "trailing ", ":colon", "<file", "a\nb", "Grüße", "\x1b[31m", "plain: <ok>"}
	want := "\nversion: 1\n\ndn:: " + b64("cn=Zoë,o=x") + "\nchangetype: add\n"
	for _, n := range notes[:len(notes)-1] {
		want += "info:: " + b64(n) + "\n"
	}
	want += "info: plain: <ok>\n" +
		"info: " + strings.Repeat("x", 70) + "\n" + // 76 columns
		"info: " + strings.Repeat("y", 70) + "\n " + strings.Repeat("y", 75) + "\n y\n" +
		"\ndn: cn=gone,o=x\nchangetype: delete\n"
	wantLDIF(t, want,
		ldapsrc.Change{DN: "cn=Zoë,o=x", Type: ldapsrc.AddEntry, Attributes: []ldapsrc.Attribute{
			{Name: "info", Values: append(notes, strings.Repeat("x", 70), strings.Repeat("y", 146))},
		}},
		ldapsrc.Exchange55().Delete("cn=gone,o=x"))

	if got := ldif(t); got != "" {
		t.Errorf("no changes make %q", got)
	}
	for reason, change := range map[string]ldapsrc.Change{
		"a name that would start a line of its own": {Type: ldapsrc.AddEntry, Attributes: []ldapsrc.Attribute{{Name: "a\nb", Values: []string{"x"}}}},
		"the same in a modification":                {Type: ldapsrc.ModifyEntry, Mods: []ldapsrc.Mod{{Op: ldapsrc.DeleteValues, Name: "a: b"}}},
		"no type":                                   {DN: "o=x"},
	} {
		var b bytes.Buffer
		if err := ldapsrc.WriteLDIF(&b, []ldapsrc.Change{change}); err == nil || b.Len() > 0 {
			t.Errorf("%s: %v, %q", reason, err, b.String())
		}
	}
}

// Whatever the values are, a reader of LDIF finds the same, in lines of at most
// 76 columns.
func TestLDIFIsReadBack(t *testing.T) {
	t.Parallel()
	hostile := rapid.SampledFrom([]string{"", " ", ":", "<", "\n", "\r\n-\n ", "dn: o=y", "#comment", "é\x00\xff", strings.Repeat("words ", 30)})
	rapid.Check(t, func(r *rapid.T) {
		dn := "cn=" + rapid.String().Draw(r, "dn")
		values := rapid.SliceOf(rapid.OneOf(hostile, rapid.String())).Draw(r, "values")
		text := ldif(t, ldapsrc.Change{DN: dn, Type: ldapsrc.AddEntry, Attributes: []ldapsrc.Attribute{{Name: "info", Values: values}}})
		for _, line := range strings.Split(text, "\n") {
			if len(line) > 76 {
				r.Fatalf("%q has %d columns", line, len(line))
			}
		}
		want := [][2]string{{"version", "1"}, {}, {"dn", dn}, {"changetype", "add"}}
		for _, v := range values {
			want = append(want, [2]string{"info", v})
		}
		if diff := cmp.Diff(want, readLDIF(r, text)); diff != "" {
			r.Fatalf("%s\n(-want +got):\n%s", text, diff)
		}
	})
}

// readLDIF reads names and values; an empty line is an empty pair.
func readLDIF(t *rapid.T, text string) [][2]string {
	var pairs [][2]string
	unfolded := strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n ", "")
	for _, line := range strings.Split(unfolded, "\n") {
		name, value, found := strings.Cut(line, ":")
		if encoded, ok := strings.CutPrefix(value, ": "); ok {
			decoded, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			value = string(decoded)
		} else if found && value != "" {
			value = strings.TrimLeft(value, " ")
		}
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs
}

func TestProfileByName(t *testing.T) {
	t.Parallel()
	if p, err := ldapsrc.ProfileByName("exchange55"); err != nil || p.Name != "exchange55" {
		t.Errorf("exchange55: %q, %v", p.Name, err)
	}
	if _, err := ldapsrc.ProfileByName("exchange2000"); err == nil || !strings.Contains(err.Error(), "known: exchange55, openldap") {
		t.Errorf("an unknown name: %v", err)
	}
}
