package reconcile_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
)

func TestOwns(t *testing.T) {
	t.Parallel()
	owner := reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1", Sites: []string{"EXSITE1", "EXSITE2"}}
	ownership, err := reconcile.NewOwnership(owner, []reconcile.Row{
		{Name: "EXSITE1", Location: "P", Comment: " msexchangeccmc MAILSRV7 "},
		{Name: "exsite2", Location: "p", PostOffice: "EXSITE1", Comment: "MSExchangeCCMC MAILSRV7"},
		{Name: "FORMER", Location: "p", PostOffice: "EXSITE1", Comment: "MSExchangeCCMC MAILSRV7"},
		{Name: "EXSITE9", Location: "P", Comment: "MSExchangeCCMC MAILSRV9"},
		{Name: "EXSITE7", Location: "P", Comment: "MSExchangeCCMC"},
		{Name: "NORTHHUB", Location: "P", Comment: "a hub of MSExchangeCCMC MAILSRV7"},
		{Name: "Okafor, Ben", Location: "r", PostOffice: "NORTHHUB", Comment: "MSExchangeCCMC MAILSRV7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		row    reconcile.Row
		owns   bool
	}{
		{"a remote user at our own site", reconcile.Row{Location: "r", PostOffice: "EXSITE1"}, true},
		{"case does not count", reconcile.Row{Location: "r", PostOffice: "ExSite2"}, true},
		{"a site that is not served any more, by the comment", reconcile.Row{Location: "r", PostOffice: "FORMER"}, true},
		{"a mobile user is not remote", reconcile.Row{Location: "R", PostOffice: "EXSITE1"}, false},
		{"a local user", reconcile.Row{Location: "L", PostOffice: "EXSITE1"}, false},
		{"a user of another post office", reconcile.Row{Location: "l", PostOffice: "EXSITE1"}, false},
		{"an alias", reconcile.Row{Location: "A", PostOffice: "EXSITE1"}, false},
		{"an alias of another post office", reconcile.Row{Location: "a", PostOffice: "EXSITE1"}, false},
		{"our post office entry itself", reconcile.Row{Location: "P", PostOffice: "EXSITE1"}, false},
		{"an indirect one", reconcile.Row{Location: "p", PostOffice: "EXSITE1"}, false},
		{"a user of another connector", reconcile.Row{Location: "r", PostOffice: "EXSITE9"}, false},
		{"a comment without a server is not ours", reconcile.Row{Location: "r", PostOffice: "EXSITE7"}, false},
		{"a comment that holds the mark but does not begin with it", reconcile.Row{Location: "r", PostOffice: "NORTHHUB"}, false},
		{"the comment of a user says nothing", reconcile.Row{Location: "r", PostOffice: "Okafor, Ben"}, false},
		{"a gateway that is not in the directory", reconcile.Row{Location: "r", PostOffice: "SMTPGATE"}, false},
		{"no post office at all", reconcile.Row{Location: "r"}, false},
	} {
		if got := ownership.Owns(c.row); got != c.owns {
			t.Errorf("%s: Owns is %v", c.reason, got)
		}
	}
	if diff := cmp.Diff([]string{"FORMER"}, ownership.FormerSites()); diff != "" {
		t.Errorf("former sites (-want +got):\n%s", diff)
	}
	want := []string{"EXSITE1", "EXSITE2", "EXSITE7", "EXSITE9", "FORMER"}
	if diff := cmp.Diff(want, ownership.ExchangePostOffices()); diff != "" {
		t.Errorf("post offices of Exchange (-want +got):\n%s", diff)
	}
}

// A site that cc:Mail does not know yet is Exchange's too: nothing at it is
// cc:Mail's.
func TestExchangePostOfficesOfAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	ownership, err := reconcile.NewOwnership(reconcile.Owner{Server: "S", Site: "B", Sites: []string{"b", "A", "a"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "B"}, ownership.ExchangePostOffices()); diff != "" {
		t.Errorf("post offices of Exchange (-want +got):\n%s", diff)
	}
}

// The error tells which entry it is, so that it can be shown in the file.
func TestOwnershipErrorHasTheRow(t *testing.T) {
	t.Parallel()
	owner := reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1"}
	foreign := reconcile.Row{Name: "exsite1", Location: "p", PostOffice: "HUB", Place: "CCMDIR.EXP:9"}
	_, err := reconcile.NewOwnership(owner, []reconcile.Row{{Name: "HUB", Location: "P"}, foreign})
	var ownershipError *reconcile.OwnershipError
	if !errors.As(err, &ownershipError) {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff(&reconcile.OwnershipError{Row: foreign, Owner: owner}, ownershipError); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A post office that is there twice stops the cycle when only one of the two is
// Exchange's, whichever comes first.
func TestPostOfficeTwice(t *testing.T) {
	t.Parallel()
	owner := reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1"}
	for _, c := range []struct {
		reason   string
		comments [2]string
		refused  bool
	}{
		{"ours and cc:Mail's", [2]string{"MSExchangeCCMC MAILSRV7", "a hub"}, true},
		{"ours and one without a comment", [2]string{"MSExchangeCCMC MAILSRV7", ""}, true},
		{"ours and another connector's", [2]string{"MSExchangeCCMC MAILSRV7", "MSExchangeCCMC MAILSRV9"}, true},
		{"another connector's and cc:Mail's", [2]string{"MSExchangeCCMC MAILSRV9", "a hub"}, true},
		{"both ours", [2]string{"MSExchangeCCMC MAILSRV7", "msexchangeccmc mailsrv7 "}, false},
		{"both cc:Mail's", [2]string{"a hub", "a gateway"}, false},
	} {
		rows := []reconcile.Row{
			{Name: "SITE", Location: "p", Comment: c.comments[0]},
			{Name: "Site", Location: "P", Comment: c.comments[1]},
		}
		for range 2 {
			_, err := reconcile.NewOwnership(owner, rows)
			var ownershipError *reconcile.OwnershipError
			if errors.As(err, &ownershipError) != c.refused {
				t.Errorf("%s: error %v", c.reason, err)
			}
			if c.refused && (ownershipError.Twin == nil || *ownershipError.Twin != rows[0] || ownershipError.Row != rows[1]) {
				t.Errorf("%s: the error is about %+v", c.reason, ownershipError)
			}
			rows[0], rows[1] = rows[1], rows[0]
		}
	}
}
