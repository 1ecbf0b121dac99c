package reconcile_test

import (
	"fmt"
	"log"

	"ccdirsync/reconcile"
)

// One entry is new, one is gone from Exchange, and one wants a name that
// cc:Mail has; its own entries are never touched.
func ExamplePlanCCMail() {
	owner := reconcile.Owner{Server: "MAILSRV7", Site: "EXSITE1", Sites: []string{"EXSITE1"}}
	rows := []reconcile.Row{
		{Name: "EXSITE1", Location: "P", PostOffice: "EXSITE1", Comment: owner.Comment()},
		{Name: "Leaver, Leo", Location: "r", PostOffice: "EXSITE1", Foreign: "Leaver, Leo"},
		{Name: "Okafor, Ben", Location: "L", PostOffice: "NORTHHUB"},
	}
	ownership, err := reconcile.NewOwnership(owner, rows)
	if err != nil {
		log.Fatal(err)
	}
	side := reconcile.PlanCCMail(reconcile.CCMailInput{
		Ownership: ownership, Rows: rows,
		Wanted: []reconcile.Wanted{
			{Kind: reconcile.Mailbox, Name: "Quist, Marta", Site: "EXSITE1", DirectoryName: "marta"},
			{Kind: reconcile.Mailbox, Name: "OKAFOR, BEN", Site: "EXSITE1", DirectoryName: "ben"},
		},
	})
	for _, s := range side.Steps {
		fmt.Printf("%s %s: %s\n", s.Op, s.Subject(), s.Reason)
	}
	// Output:
	// delete Leaver, Leo at EXSITE1: gone from Exchange
	// add Quist, Marta at EXSITE1: not in cc:Mail yet
	// refuse OKAFOR, BEN at EXSITE1: the name is taken by the cc:Mail user "Okafor, Ben"; case and post office do not count in cc:Mail, choose a unique name
}
