package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// The directory's names.
const (
	suffix     = "o=Contoso"
	siteDN     = "ou=HQ,o=Contoso"
	recipients = "cn=Recipients,ou=HQ,o=Contoso"
	imported   = "cn=ccMail,cn=Recipients,ou=HQ,o=Contoso"
	bindName   = "cn=dirsync,cn=CONTOSO,cn=admin"
	password   = "secret"
)

// Names that repeat, as they do among people; some need the code page.
var (
	surnames   = []string{"Quist", "Okafor", "Lindström", "Müller", "Smith", "Ferreira", "Nørgaard", "Dupré", "Rossi", "Jensen", "Ångström", "Walker", "Bloggs"}
	givenNames = []string{"Marta", "Ben", "Åsa", "Jörg", "Ann", "Inês", "Søren", "Zoë", "Luca", "Ida", "Tom"}
)

// person is the name of the nth of them, which no other has.
func person(n int) (given, surname string) {
	number := strings.ToUpper(strconv.FormatInt(int64(n), 36))
	return givenNames[n%len(givenNames)] + " " + number, surnames[n%len(surnames)]
}

// usnOfSeed is the change number of the first recipient; each takes two.
const usnOfSeed = 1000

// writeFile makes a file of what write puts into it.
func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffered := bufio.NewWriter(file)
	return errors.Join(write(buffered), buffered.Flush())
}

// directoryLDIF writes the content records of a directory with so many
// recipients and an import container.
func directoryLDIF(n int) func(io.Writer) error {
	return func(w io.Writer) error {
		r := ldif{w: w}
		r.entry(suffix, "objectClass", "organization", "o", "Contoso")
		r.entry(siteDN, "objectClass", "organizationalUnit", "ou", "HQ", "USN-Changed", strconv.Itoa(usnOfSeed+2*n), "USN-Last-Obj-Rem", "0")
		r.entry(recipients, "objectClass", "Container", "cn", "Recipients")
		r.entry(imported, "objectClass", "Container", "cn", "ccMail")
		for i := range n {
			r.recipient(i)
		}
		return r.err
	}
}

// ldif writes content records until something goes wrong.
type ldif struct {
	w   io.Writer
	err error
}

// entry writes one entry with its attributes and values in turns.
func (l *ldif) entry(dn string, values ...string) {
	l.line("dn", dn)
	for i := 0; i+1 < len(values); i += 2 {
		l.line(values[i], values[i+1])
	}
	l.put("\n")
}

func (l *ldif) line(name, value string) {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		l.put(name + ":: " + base64.StdEncoding.EncodeToString([]byte(value)) + "\n")
		return
	}
	l.put(name + ": " + value + "\n")
}

func (l *ldif) put(text string) {
	if l.err == nil {
		_, l.err = io.WriteString(l.w, text)
	}
}

// dn is the name of the nth recipient.
func dn(n int) string { return fmt.Sprintf("cn=R%07d,%s", n, recipients) }

// recipient writes the nth recipient. The first is hidden, which proves the
// admin view.
func (l *ldif) recipient(n int) {
	given, surname := person(n)
	id := fmt.Sprintf("r%07d", n)
	values := []string{
		"cn", given + " " + surname, "rdn", strings.ToUpper(id), "uid", id, "name", given + " " + surname,
		"mail", id + "@hq.contoso.example", "textEncodedORAddress", "c=US;a= ;p=Contoso;o=HQ;s=" + id + ";",
		"otherMailbox", "CCMAIL$" + surname + ", " + given + " at EXSITE1",
		"otherMailbox", "MS$CONTOSO/HQ/" + strings.ToUpper(id),
		"otherMailbox", "smtp$" + id + "@contoso.example",
		"MAPI-Recipient", "TRUE", "Replication-Sensitivity", "20",
		"USN-Created", strconv.Itoa(usnOfSeed + 2*n), "USN-Changed", strconv.Itoa(usnOfSeed + 2*n + 1), "Object-Version", "2",
	}
	if n == 0 {
		values = append(values, "Hide-From-Address-Book", "TRUE")
	}
	l.entry(dn(n), append(values, ofClass(n, given, surname)...)...)
}

// ofClass are the attributes that recipients of the nth one's class have.
func ofClass(n int, given, surname string) []string {
	switch n % 20 {
	case 17:
		list := []string{"objectClass", "groupOfNames", "owner", dn(0), "Report-To-Originator", "TRUE"}
		for i := range 10 {
			list = append(list, "member", dn((n*7+i)/20*20+i))
		}
		return list
	case 18:
		return []string{
			"objectClass", "Public-Folder", "mailPreferenceOption", "0", "Folder-Pathname", `Departments\IT\` + given,
			"Home-MDB", "cn=Microsoft Public MDB,cn=MAIL1,cn=Servers,cn=Configuration," + siteDN,
		}
	case 19:
		return []string{
			"objectClass", "Remote-Address", "Target-Address", fmt.Sprintf("SMTP:partner%d@example.net", n), "givenName", given, "sn", surname, "Company", "Partner Inc.",
		}
	}
	return []string{
		"objectClass", "organizationalPerson", "mailPreferenceOption", "0", "givenName", given, "sn", surname, "title", "Clerk",
		"Company", "Contoso", "department", "Dispatch " + strconv.Itoa(n%50), "physicalDeliveryOfficeName", "Room " + strconv.Itoa(n%900),
		"telephoneNumber", fmt.Sprintf("+1 555 01%05d", n%100000), "Extension-Attribute-1", fmt.Sprintf("%06d", n),
		"Home-MTA", "cn=Microsoft MTA,cn=MAIL1,cn=Servers,cn=Configuration," + siteDN,
		"Home-MDB", "cn=Microsoft Private MDB,cn=MAIL1,cn=Servers,cn=Configuration," + siteDN,
	}
}

// changesLDIF writes the modification of so many recipients, those of the nth
// turn: every other one gets a new address in cc:Mail. The site has the
// highest change number, as in Exchange.
func changesLDIF(all, changed, turn int) func(io.Writer) error {
	return func(w io.Writer) error {
		l := ldif{w: w}
		usn := usnOfSeed + 2*all + turn*(changed+1)
		for i := range changed {
			n := (1 + turn*changed + i) * 20 % all // a mailbox
			given, surname := person(n)
			modification := []string{
				"changetype", "modify", "replace", "department", "department", fmt.Sprintf("Moved %d", turn),
				"-", "", "replace", "USN-Changed", "USN-Changed", strconv.Itoa(usn + 1 + i), "-", "",
			}
			if i%2 == 0 {
				modification = append(modification, "replace", "otherMailbox",
					"otherMailbox", fmt.Sprintf("CCMAIL$%s, %s%d at EXSITE1", surname, given, turn), "-", "")
			}
			l.change(dn(n), modification...)
		}
		l.change(siteDN, "changetype", "modify", "replace", "USN-Changed", "USN-Changed", strconv.Itoa(usn+1+changed))
		return l.err
	}
}

// change writes a change record; the line of a "-" stands alone.
func (l *ldif) change(dn string, values ...string) {
	l.line("dn", dn)
	for i := 0; i+1 < len(values); i += 2 {
		if values[i] == "-" {
			l.put("-\n")
			continue
		}
		l.line(values[i], values[i+1])
	}
	l.put("\n")
}

// usersOfOffice is how many users share a post office of cc:Mail.
const usersOfOffice = 100

// postOfficeSeed writes a post office with so many users, at post offices
// behind it.
func postOfficeSeed(n int) func(io.Writer) error {
	return func(w io.Writer) error {
		l := ldif{w: w}
		office := func(i int) string { return fmt.Sprintf("PO%05d", i) }
		for i := range (n + usersOfOffice - 1) / usersOfOffice {
			l.put("Name: " + office(i) + "\nLocn: p\nAddr: NORTHHUB\n")
		}
		for i := range n {
			// Five digits: no recipient of the directory has the name.
			given, surname := person(i + 36*36*36*36)
			l.put("Name: " + surname + ", " + given + "\nLocn: l\nAddr: " + office(i/usersOfOffice) + "\n")
			if i%3 == 0 {
				l.put(fmt.Sprintf("Cmts: Zimmer %d, Tür %d\n", i%900, i%4))
			}
		}
		return l.err
	}
}
