package cycle_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// unlimited lets through every plan that does not take all there is.
var unlimited = reconcile.Limits{Deletes: 100_000, DeletePercent: 100, ChangesPercent: 100, ShrinkPercent: 100, MembersPercent: 100}

// Both sides may hold nothing, one entry, or a hundred thousand: the first run
// brings all of them over, the next has nothing to do, and so it is after
// changes.
func TestSizes(t *testing.T) {
	t.Parallel()
	sizes := []struct{ mailboxes, users int }{{0, 0}, {1, 1}, {10, 10}, {0, 10}, {10, 0}, {1000, 1000}}
	if torture() {
		sizes = append(sizes, struct{ mailboxes, users int }{100_000, 100_000})
	}
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%d mailboxes, %d users", size.mailboxes, size.users), func(t *testing.T) {
			t.Parallel()
			directory, c := sizedWorld(t, size.mailboxes, size.users)
			c.Recording = cycle.Recording{Ledger: ledgerOf(t, c), Now: clock()}
			grown := reconcile.StepCounts{Add: size.mailboxes + 1} // and the post office of the site
			sizedRun(t, c, grown, reconcile.StepCounts{Add: size.users})
			sizedRun(t, c, reconcile.StepCounts{Keep: size.mailboxes}, reconcile.StepCounts{Keep: size.users})

			toCCMail := changeMailboxes(t, directory, size.mailboxes)
			toExchange := changeUsers(t, c, size.users)
			sizedRun(t, c, toCCMail, toExchange)
			now := look(t, directory, c)
			foretell(now, nil).require(t, now)
			sizedRun(t, c,
				reconcile.StepCounts{Keep: toCCMail.Keep + toCCMail.Add}, reconcile.StepCounts{Keep: toExchange.Keep + toExchange.Modify + toExchange.Add})
			wantSame(t, now, look(t, directory, c))
		})
	}
}

// peopleOfOffice is how many users share a post office of cc:Mail.
const peopleOfOffice = 20

// sizedWorld is a world of so many entries that are not yet synchronized, with
// limits that let everything through.
func sizedWorld(t *testing.T, mailboxes, users int) (*exchange55.Directory, cycle.Connector) {
	t.Helper()
	records := make([]exchange55.ChangeRecord, mailboxes)
	for i := range records {
		records[i] = mailbox(fmt.Sprintf("m%06d", i), fmt.Sprintf("Mailbox, M%06d", i))
	}
	directory, err := exchange55.Start(exchange55.Options{
		LDIF:     []byte(exchangeSeed[:strings.Index(exchangeSeed, "dn: cn=marta")]),
		Accounts: []exchange55.Account{{Domain: "CONTOSO", Name: "dirsync", Password: password, AdminView: true, Write: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closing := directory.Close(); closing != nil {
			t.Error(closing)
		}
	})
	if err = directory.Apply(records); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	po, err := postoffice.Create(filepath.Join(folder, "po"), postoffice.Settings{Name: "NORTHHUB", Password: password, CodePage: "cp850"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range users / peopleOfOffice {
		err = errors.Join(err, po.Add(postoffice.Entry{Name: fmt.Sprintf("PO%04d", i), Location: "p", Address: "NORTHHUB"}))
	}
	for i := range users {
		row := postoffice.Entry{Name: fmt.Sprintf("User, U%06d", i), Location: "L"}
		if offices := users / peopleOfOffice; offices > 0 {
			row.Location, row.Address = "l", fmt.Sprintf("PO%04d", i%offices)
		}
		err = errors.Join(err, po.Add(row))
	}
	if err = errors.Join(err, po.Save(), po.Close()); err != nil {
		t.Fatal(err)
	}
	c := connectorIn(t, folder, directory.URL())
	c.Server.PageSize = 100
	c.Limits = unlimited
	return directory, c
}

// sizedRun carries out a cycle, requires its steps, and tells how long it took.
func sizedRun(t *testing.T, c cycle.Connector, toCCMail, toExchange reconcile.StepCounts) {
	t.Helper()
	var account bytes.Buffer
	begun, stepBegun := time.Now(), time.Now()
	report, err := cycle.Run(t.Context(), c, cycle.Trace{
		StepStarts: func(int, string) { stepBegun = time.Now() },
		StepEnds: func(number int, text string, _ error) {
			fmt.Fprintf(&account, "\n%2d %8s %s", number, time.Since(stepBegun).Round(time.Millisecond), text)
		},
	})
	t.Logf("%s%s", time.Since(begun).Round(time.Millisecond), account.String())
	if err != nil || report.Failed() || report.Open() {
		t.Fatalf("%v, %d steps failed or are open", err, len(report.ToCCMail)+len(report.ToExchange))
	}
	if got := report.Counts.ToCCMail; got != toCCMail {
		t.Errorf("to cc:Mail %+v, want %+v", got, toCCMail)
	}
	if got := report.Counts.ToExchange; got != toExchange {
		t.Errorf("to Exchange %+v, want %+v", got, toExchange)
	}
}

// changeMailboxes renames a hundredth of the mailboxes, but one at least, and
// hides, deletes and adds as many.
func changeMailboxes(t *testing.T, directory *exchange55.Directory, n int) reconcile.StepCounts {
	t.Helper()
	part, renamed := n/100, min(n, max(1, n/100))
	var changes []exchange55.ChangeRecord
	dn := func(i int) string { return fmt.Sprintf("cn=m%06d,%s", i, recipients) }
	for i := range renamed {
		changes = append(changes, replace(dn(i), "otherMailbox", fmt.Sprintf("CCMAIL$Renamed, M%06d at EXSITE1", i)))
	}
	for i := range part {
		changes = append(changes,
			replace(dn(renamed+i), "Hide-From-Address-Book", "TRUE"),
			exchange55.ChangeRecord{DN: dn(renamed + part + i), Type: exchange55.Delete},
			mailbox(fmt.Sprintf("new%06d", i), fmt.Sprintf("New, M%06d", i)))
	}
	if err := directory.Apply(changes); err != nil {
		t.Fatal(err)
	}
	return reconcile.StepCounts{Keep: n - renamed - 2*part, Add: renamed + part, Delete: renamed + 2*part}
}

// changeUsers does the same to the users, of which it comments on some instead
// of hiding them.
func changeUsers(t *testing.T, c cycle.Connector, n int) reconcile.StepCounts {
	t.Helper()
	part, renamed := n/100, min(n, max(1, n/100))
	edit(t, c, func(po *postoffice.PostOffice) (err error) {
		user := func(i int) string { return fmt.Sprintf("User, U%06d", i) }
		for i := range renamed {
			err = errors.Join(err, po.Delete(user(i)), po.Add(postoffice.Entry{Name: fmt.Sprintf("Renamed, U%06d", i), Location: "L"}))
		}
		for i := range part {
			err = errors.Join(err, po.SetComment(user(renamed+i), "moved to another room"), po.Delete(user(renamed+part+i)),
				po.Add(postoffice.Entry{Name: fmt.Sprintf("New, U%06d", i), Location: "L"}))
		}
		return err
	})
	return reconcile.StepCounts{Keep: n - renamed - 2*part, Modify: part, Add: renamed + part, Delete: renamed + part}
}
