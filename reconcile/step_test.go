package reconcile_test

import (
	"testing"

	"ccdirsync/reconcile"
)

func TestSubject(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		step   reconcile.Step
		want   string
	}{
		{
			"a row of cc:Mail, by its post office",
			reconcile.Step{Op: reconcile.Add, Kind: reconcile.Mailbox, Name: "Quist, Marta", Address: "EXSITE1", DN: "cn=mq"},
			"Quist, Marta at EXSITE1",
		},
		{
			"a post office, which is at none",
			reconcile.Step{Op: reconcile.Add, Kind: reconcile.PostOffice, Name: "EXSITE2", Address: "EXSITE1"},
			"EXSITE2",
		},
		{
			"a custom recipient, by its target",
			reconcile.Step{Op: reconcile.Modify, Kind: reconcile.User, Name: "Quist, Marta", Address: "CCMAIL:Marta Quist at NORTHHUB", DN: "cn=1"},
			"Quist, Marta  <CCMAIL:Marta Quist at NORTHHUB>",
		},
		{
			"a refusal that has a name and nothing else",
			reconcile.Step{Op: reconcile.Refuse, Kind: reconcile.List, Name: "Sales Team"},
			"Sales Team",
		},
		{
			"a refusal that has not even a name",
			reconcile.Step{Op: reconcile.Refuse, Kind: reconcile.Mailbox, Address: "EXSITE1", DN: "cn=mq,o=Contoso"},
			"cn=mq,o=Contoso",
		},
	} {
		if got := c.step.Subject(); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
