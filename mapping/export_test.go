package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile"
)

func TestExport(t *testing.T) {
	t.Parallel()
	for name, file := range cases(t, "export") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sections := readCase(t, file, "settings", "scope", "exchange.ldif", "want")
			rules := readSettings(t, sections["settings"])
			scope := readExportScope(t, sections["scope"])
			scope.Check = func(record ccmail.Record) error {
				if options(t, "CCMDIR.IMP").Check(record) != nil {
					return errors.New("does not fit") // the words are another package's
				}
				return nil
			}
			recipients := readLDIF(t, sections["exchange.ldif"])
			compareLines(t, sections["want"], exportLines(rules.Export(slices.Values(recipients), scope)))
			for _, order := range shuffled(recipients) {
				compareLines(t, sections["want"], exportLines(rules.Export(slices.Values(order), scope)))
			}
		})
	}
}

// exportLines writes a result in the corpus's notation.
func exportLines(result ExportResult) []string {
	var lines []string
	for _, w := range result.Wanted {
		lines = append(lines, fmt.Sprintf("want %s %q at %s%s", w.Kind, w.Name, w.Site, quoted("comment", w.Comment))+imported(w))
	}
	for _, e := range result.Excluded {
		lines = append(lines, fmt.Sprintf("exclude %s %q: %s", e.Kind, e.Name, e.Cause))
	}
	for _, r := range result.Refused {
		lines = append(lines, fmt.Sprintf("refuse %s %q %q: %s", r.Kind, r.Name, r.Address, r.Reason))
	}
	return lines
}

func imported(w reconcile.Wanted) string {
	if w.Imported {
		return " imported"
	}
	return ""
}

func readExportScope(t *testing.T, text string) ExportScope {
	t.Helper()
	scope := ExportScope{
		Connector: "hq", Site: "EXSITE1", Sites: []string{"EXSITE1"}, TrustLevel: 100, CustomRecipients: true,
		Containers: []string{"cn=Recipients,ou=HQ,o=Contoso"},
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "former connector":
			scope.FormerConnectors = append(scope.FormerConnectors, value)
		case "sites":
			scope.Sites = strings.Fields(value)
		case "trust_level":
			scope.TrustLevel = parseInt(t, value)
		case "custom_recipients":
			scope.CustomRecipients = parseBool(t, value)
		case "container":
			scope.Containers = append(scope.Containers, value)
		default:
			t.Fatalf("unknown scope %q", line)
		}
	}
	return scope
}

func parseInt(t *testing.T, value string) int {
	t.Helper()
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// readLDIF reads entries as an LDAP client would show them: the attributes
// that export looks at, one value to a line.
func readLDIF(t *testing.T, text string) []ldapsrc.Recipient {
	t.Helper()
	var recipients []ldapsrc.Recipient
	for entry := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		r := ldapsrc.Recipient{TrustLevel: ldapsrc.DefaultTrustLevel}
		for line := range strings.SplitSeq(entry, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			readAttribute(t, &r, name, value)
		}
		recipients = append(recipients, r)
	}
	return recipients
}

func readAttribute(t *testing.T, r *ldapsrc.Recipient, name, value string) {
	t.Helper()
	classes := map[string]ldapsrc.Class{
		"organizationalPerson": ldapsrc.Mailbox, "Remote-Address": ldapsrc.CustomRecipient,
		"groupOfNames": ldapsrc.DistributionList, "Public-Folder": ldapsrc.PublicFolder,
	}
	switch name {
	case "dn":
		r.DN = value
		r.DirectoryName, _, _ = strings.Cut(strings.TrimPrefix(value, "cn="), ",")
	case "objectClass":
		r.Class = classes[value]
	case "cn":
		r.DisplayName = value
	case "uid":
		r.Alias = value
	case "givenName":
		r.GivenName = value
	case "sn":
		r.Surname = value
	case "initials":
		r.Initials = value
	case "otherMailbox":
		typ, address, _ := strings.Cut(value, "$")
		r.Proxies = append(r.Proxies, ldapsrc.Proxy{
			Type: strings.ToUpper(typ), Address: address, Primary: typ == strings.ToUpper(typ),
		})
	case "Imported-From":
		r.ImportedFrom = value
	case "Hide-From-Address-Book":
		r.Hidden = value == "TRUE"
	case "Replication-Sensitivity":
		r.TrustLevel = parseInt(t, value)
	default:
		t.Fatalf("unknown attribute %q", name)
	}
}

func TestExportChecksTheRowThatIsWritten(t *testing.T) {
	t.Parallel()
	var checked []ccmail.Record
	scope := readExportScope(t, "")
	scope.Check = func(record ccmail.Record) error {
		checked = append(checked, record)
		return errors.New("too long for cc:Mail")
	}
	result := readSettings(t, "comment: %d").Export(slices.Values([]ldapsrc.Recipient{{
		DN: "cn=MartaQ,cn=Recipients,ou=HQ,o=Contoso", Class: ldapsrc.Mailbox, DisplayName: "Marta Quist",
		Proxies: []ldapsrc.Proxy{{Type: "CCMAIL", Address: "Quist, Marta at exsite1", Primary: true}},
	}}), scope)
	want := ccmail.Record{Name: "Quist, Marta", Location: ccmail.RemoteUser, Address: "EXSITE1 Quist, Marta", Comment: "Marta Quist"}
	if len(checked) != 1 || checked[0] != want {
		t.Errorf("checked %+v, want %+v", checked, want)
	}
	compareLines(t, `refuse mailbox "Quist, Marta" "EXSITE1": too long for cc:Mail`, exportLines(result))
}

// Every recipient ends in one of the three lists or was passed over for a
// stated reason, and the order of arrival does not matter.
func TestExportAccountsForEverybody(t *testing.T) {
	t.Parallel()
	address := rapid.SampledFrom([]string{"Doe, John at EXSITE1", "DOE, JOHN at exsite2", "x at y at EXSITE1", "x", " at ", "a at PO9", "ä at EXSITE1"})
	settings := rapid.SampledFrom([]string{"", "prefer: rule", "without_proxy: rule", "name: %d\nwithout_proxy: rule"})
	recipient := rapid.Custom(func(t *rapid.T) ldapsrc.Recipient {
		r := ldapsrc.Recipient{
			DN:           "cn=" + rapid.StringMatching("[a-e]{1,2}").Draw(t, "rdn") + rapid.SampledFrom([]string{",cn=Recipients,ou=HQ,o=Contoso", ",ou=HQ,o=Contoso"}).Draw(t, "container"),
			Class:        rapid.SampledFrom([]ldapsrc.Class{ldapsrc.Mailbox, ldapsrc.CustomRecipient, ldapsrc.DistributionList, ldapsrc.PublicFolder}).Draw(t, "class"),
			DisplayName:  rapid.SampledFrom([]string{"", "John Doe", "Sales"}).Draw(t, "display name"),
			Surname:      rapid.SampledFrom([]string{"", "Doe"}).Draw(t, "surname"),
			ImportedFrom: rapid.SampledFrom([]string{"", "", "HQ", "other"}).Draw(t, "owner"),
			Hidden:       rapid.Bool().Draw(t, "hidden"),
			TrustLevel:   rapid.SampledFrom([]int{0, 20, 101}).Draw(t, "trust level"),
		}
		if rapid.Bool().Draw(t, "proxy") {
			r.Proxies = []ldapsrc.Proxy{{Type: "CCMAIL", Address: address.Draw(t, "address"), Primary: true}}
		}
		return r
	})
	rapid.Check(t, func(rt *rapid.T) {
		rules := readSettings(t, settings.Draw(rt, "settings"))
		recipients := rapid.SliceOfNDistinct(recipient, 0, 12, func(r ldapsrc.Recipient) string { return r.DN }).Draw(rt, "recipients")
		scope := readExportScope(t, "sites: EXSITE1 EXSITE2\ncustom_recipients: "+strconv.FormatBool(rapid.Bool().Draw(rt, "custom recipients")))
		result := rules.Export(slices.Values(recipients), scope)
		passedOver := 0
		for _, r := range recipients {
			_, hasProxy := r.PrimaryProxy("CCMAIL")
			outside := !strings.Contains(r.DN, "cn=Recipients")
			imported := r.Class == ldapsrc.CustomRecipient && reconcile.Fold(r.ImportedFrom) == "hq"
			if imported || outside && !hasProxy {
				passedOver++
			}
		}
		if got := len(result.Wanted) + len(result.Excluded) + len(result.Refused) + passedOver; got != len(recipients) {
			rt.Fatalf("%d of %d recipients are accounted for", got, len(recipients))
		}
		for _, w := range result.Wanted {
			if w.Name == "" || w.Site != "EXSITE1" && w.Site != "EXSITE2" {
				rt.Fatalf("wanted %+v", w)
			}
		}
		before := strings.Join(exportLines(result), "\n")
		if after := strings.Join(exportLines(rules.Export(slices.Values(rapid.Permutation(recipients).Draw(rt, "order")), scope)), "\n"); after != before {
			rt.Fatalf("the order matters:\n%s\n--\n%s", before, after)
		}
	})
}
