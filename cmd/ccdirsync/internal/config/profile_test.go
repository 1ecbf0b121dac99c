package config

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ldapsrc"
)

var update = flag.Bool("update", false, "rewrite the table of docs/profiles.md")

// The table of docs/profiles.md shows the built-in profiles as they are, key by
// key, and leaves out no key.
func TestDocumentedProfiles(t *testing.T) {
	t.Parallel()
	const name, begin, end = "../../../../docs/profiles.md", "<!-- begin of the table -->\n", "<!-- end of the table -->\n"
	page := readFile(t, name)
	before, rest, found := strings.Cut(page, begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", name)
	}
	want := profileTable(t)
	if *update {
		if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("the table of docs/profiles.md is stale (-code +page); rewrite it with go test ./cmd/ccdirsync/internal/config -run TestDocumentedProfiles -update:\n%s", diff)
	}
}

// profileTable is the table of all keys of the built-in profiles.
func profileTable(t *testing.T) string {
	t.Helper()
	columns := []map[string]string{profileCells(ldapsrc.Exchange55()), profileCells(ldapsrc.OpenLDAP())}
	keys := map[string]reflect.Value{}
	collect(keys, "", reflect.ValueOf(Profile{}))
	delete(keys, "base")
	delete(keys, "name")
	var b strings.Builder
	b.WriteString("| key | `exchange55` | `openldap` |\n| --- | --- | --- |\n")
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&b, "| `%s` |", key)
		for _, column := range columns {
			cell, known := column[key]
			if !known {
				t.Errorf("the table does not know %s", key)
			}
			if cell != "" {
				cell = "`" + cell + "`"
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// profileCells are the values of a profile by key.
func profileCells(p ldapsrc.Profile) map[string]string {
	cells := map[string]string{
		"filter": p.Filter, "proxy_form": string(p.Proxies), "other_attributes": shortened(p.Other), "lengths": lengths(p.Lengths),
		"page_size": strconv.Itoa(p.PageSize), "changes": string(p.Changes), "admin_suffix": p.AdminSuffix, "key_attribute": p.KeyAttribute,
		"ccmail_addresses": strconv.FormatBool(p.CCMailAddresses), "writable": strconv.FormatBool(!p.Write.ReadOnly),
		"object_classes.custom_recipient":  strings.Join(p.Write.RecipientClasses, ", "),
		"object_classes.distribution_list": strings.Join(p.Write.ListClasses, ", "),
		"naming":                           p.Write.Naming,
		"members.attribute":                p.Fields.Members, "members.empty": strconv.FormatBool(p.EmptyLists),
	}
	var required []string
	for _, r := range p.Write.Required {
		required = append(required, r.Attribute+": "+r.From)
	}
	cells["required"] = strings.Join(required, ", ")
	for key, class := range map[string]ldapsrc.Class{
		"mailbox": ldapsrc.Mailbox, "custom_recipient": ldapsrc.CustomRecipient,
		"distribution_list": ldapsrc.DistributionList, "public_folder": ldapsrc.PublicFolder,
	} {
		var names []string
		for _, c := range p.Classes {
			if c.Class == class {
				names = append(names, c.Name)
			}
		}
		cells["classes."+key] = strings.Join(names, ", ")
	}
	fields := reflect.ValueOf(p.Fields)
	for f := range reflect.TypeFor[ProfileAttributes]().Fields() {
		cells["attributes."+f.Tag.Get("yaml")] = fields.FieldByName(f.Name).String()
	}
	return cells
}

// shortened joins names; those that only count on are one.
func shortened(names []string) string {
	var shown []string
	for _, name := range names {
		if n := strings.TrimPrefix(name, "Extension-Attribute-"); n != name && n != "1" && n != "15" {
			continue
		}
		shown = append(shown, name)
	}
	return strings.Replace(strings.Join(shown, ", "), "Extension-Attribute-1, ", "Extension-Attribute-1 to ", 1)
}

func lengths(all map[string]int) string {
	var shown []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(name, "extension-attribute-") || strings.HasSuffix(name, "-10") || strings.HasSuffix(name, "-15") {
			shown = append(shown, fmt.Sprintf("%s: %d", name, all[name]))
		}
	}
	return strings.NewReplacer("extension-attribute-10", "extension-attribute-1 to -10", "extension-attribute-15", "extension-attribute-11 to -15").
		Replace(strings.Join(shown, ", "))
}

// good with a profile, and what the directory side makes of it.
func directoryOf(t *testing.T, profile string) ldapsrc.Profile {
	t.Helper()
	p, err := mustParse(t, edit(t, "      server:", "      "+profile+"\n      admin_view: false\n      server:")).Exchange.Profile.Directory()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A profile of one's own is its base with what is unlike it; what is empty is
// not there, and what has no value is the base's.
func TestProfileOfOnesOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, profile string
		want            func(*ldapsrc.Profile)
	}{
		{"a name alone", "profile: openldap", func(*ldapsrc.Profile) {}},
		{"a base alone", "profile: {base: openldap}", func(*ldapsrc.Profile) {}},
		{"keys without a value", "profile: {base: openldap, filter: , attributes: {target: }, classes: , page_size: ~}", func(*ldapsrc.Profile) {}},
		{
			"a field that is not there", `profile: {base: openldap, name: mine, attributes: {alias: "", notes: info}, other_attributes: ou}`,
			func(p *ldapsrc.Profile) {
				p.Name, p.Fields.Alias, p.Fields.Notes, p.Other = "mine", "", "info", []string{"ou"}
			},
		},
		{
			"classes: one of them, none of them, several", "profile: {base: openldap, classes: {mailbox: [user, posixAccount], distribution_list: []}}",
			func(p *ldapsrc.Profile) {
				p.Classes = []ldapsrc.ObjectClass{
					{Name: "inetOrgPerson", Class: ldapsrc.CustomRecipient},
					{Name: "user", Class: ldapsrc.Mailbox},
					{Name: "posixAccount", Class: ldapsrc.Mailbox},
				}
			},
		},
		{
			"what is written", "profile: {base: openldap, object_classes: {custom_recipient: [top, inetOrgPerson]}, naming: cn, required: {o: uid}, members: {attribute: uniqueMember, empty: true}}",
			func(p *ldapsrc.Profile) {
				p.Write.RecipientClasses, p.Write.Naming = []string{"top", "inetOrgPerson"}, "cn"
				p.Write.Required = []ldapsrc.Required{{Attribute: "o", From: "uid"}}
				p.Fields.Members, p.EmptyLists = "uniqueMember", true
			},
		},
		{
			"a lower length and another", "profile: {base: openldap, lengths: {MAIL: 64, sn: 20}, changes: none, page_size: 7, writable: false}",
			func(p *ldapsrc.Profile) {
				p.Lengths["mail"], p.Lengths["sn"], p.Changes, p.PageSize, p.Write.ReadOnly = 64, 20, ldapsrc.NoChanges, 7, true
			},
		},
	} {
		want := ldapsrc.OpenLDAP()
		test.want(&want)
		if diff := cmp.Diff(want, directoryOf(t, test.profile)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// Settings that the file leaves out are those that fit the profile; those that
// it gives stay.
func TestSettingsFollowTheProfile(t *testing.T) {
	t.Parallel()
	const importing = "\n      import: {container: \"o=x\"}\n      server:"
	c := mustParse(t, edit(t, "      server:", "      profile: openldap"+importing))
	if e := c.Exchange; e.AdminView || e.PageSize != 500 || e.Import.KeyAttribute != "employeeNumber" || c.Mapping.CCMail.WithoutProxy != "rule" {
		t.Errorf("with openldap: %+v %+v %+v", e, *e.Import, c.Mapping.CCMail)
	}
	c = mustParse(t, edit(t, "      server:", "      page_size: 20\n      profile: {base: openldap, key_attribute: o, ccmail_addresses: true}"+importing))
	if e := c.Exchange; e.PageSize != 20 || e.Import.KeyAttribute != "o" || c.Mapping.CCMail.WithoutProxy != "refuse" {
		t.Errorf("with one of one's own: %+v %+v %+v", e, *e.Import, c.Mapping.CCMail)
	}
}

// What is wrong with a profile is told where it stands, all at once.
func TestProfileProblems(t *testing.T) {
	t.Parallel()
	const own = "      profile: {base: openldap, %s}\n      server:"
	for _, test := range []struct{ reason, text, want string }{
		{"an unknown base", "      profile: {base: openldp}\n      server:", `c.yaml:8:17: connectors[0].exchange.profile.base: "openldp" is not known; did you mean "openldap"?`},
		{"an unknown key", fmt.Sprintf(own, "attributes: {targte: x}"), `c.yaml:8:46: connectors[0].exchange.profile.attributes.targte: unknown key; did you mean "target"?`},
		{"a form that is not known", fmt.Sprintf(own, "proxy_form: halves"), `c.yaml:8:33: connectors[0].exchange.profile.proxy_form: "halves" is not known; known: split, whole, none`},
		{"proxies without an attribute", fmt.Sprintf(own, "proxy_form: whole"), `c.yaml:8:7: connectors[0].exchange.profile.attributes.proxies: is needed for proxies in the form "whole"`},
		{"a filter that is none", fmt.Sprintf(own, "filter: mail=*)("), `c.yaml:8:33: connectors[0].exchange.profile.filter: "mail=*)(" is not a filter of LDAP such as (mail=*)`},
		{"what is written is read as nothing", fmt.Sprintf(own, "classes: {custom_recipient: contact}"), `c.yaml:8:7: connectors[0].exchange.profile.object_classes.custom_recipient: does not hold "contact", so what is written would not be read as a custom recipient`},
		{"a length that is no number", fmt.Sprintf(own, "lengths: {mail: long}"), `c.yaml:8:49: connectors[0].exchange.profile.lengths.mail: "long" is not a whole number`},
		{"a length that is none", fmt.Sprintf(own, "lengths: {mail: }"), `c.yaml:8:43: connectors[0].exchange.profile.lengths.mail: is empty`},
		{"a mapping that is a text", fmt.Sprintf(own, "lengths: long"), `c.yaml:8:42: connectors[0].exchange.profile.lengths: is a single value, a mapping is wanted`},
		{"required from what is no field", fmt.Sprintf(own, "required: {o: nothing}"), `c.yaml:8:33: connectors[0].exchange.profile.required: "nothing", from which o is taken, is the attribute of no field`},
		{"an admin view that it does not know", "      profile: openldap\n      admin_view: true\n      server:", `c.yaml:9:7: connectors[0].exchange.admin_view: is true, and the profile openldap knows no such view; leave it out`},
		{
			"an import into what cannot be written", fmt.Sprintf(own, "writable: false}\n      import: {container: o=x"),
			`c.yaml:9:7: connectors[0].exchange.import: has a container, and the profile openldap is one of directories that cannot be written; leave the section out; what is in the directory can go to cc:Mail all the same`,
		},
		{
			"addresses and a time of grace that it has no attribute for",
			"      profile: openldap\n      import: {container: o=x, grace: 1h, addresses: {x400: \"c=US;a= ;s=%m;\"}}\n      server:",
			"c.yaml:9:32: connectors[0].exchange.import.grace: hides entries, which are not seen again without the admin view; set admin_view: true, or leave it out\n" +
				"c.yaml:9:55: connectors[0].exchange.import.addresses.x400: has no attribute in the profile openldap; leave it out",
		},
	} {
		if diff := cmp.Diff(test.want+"\n", problemsOf(t, edit(t, "      server:", test.text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
