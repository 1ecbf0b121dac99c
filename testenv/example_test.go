package testenv_test

import (
	"context"
	"fmt"
	"strings"

	"ccdirsync/testenv"
)

// Start a directory with two entries, add one, and look at what it holds. With
// Where set to Process or Container the rest stays as it is.
func Example() {
	ctx := context.Background()
	d, err := testenv.Start(ctx, testenv.Options{
		Kind:     testenv.Exchange55,
		Where:    testenv.InProcess,
		LDIF:     "dn: o=Contoso\nobjectClass: organization\n\ndn: ou=HQ,o=Contoso\nobjectClass: organizationalUnit\n",
		Accounts: []testenv.Account{{Domain: "CONTOSO", Name: "sync", Password: "secret", Write: true}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = d.Close() }()
	fmt.Println(strings.HasPrefix(d.URL(), "ldap://127.0.0.1:")) // for any LDAP client
	if err = d.Add(ctx, "dn: cn=Recipients,ou=HQ,o=Contoso\nobjectClass: Container\n"); err != nil {
		fmt.Println(err)
	}
	dump, err := d.Dump(ctx)
	for line := range strings.Lines(dump) {
		if strings.HasPrefix(line, "dn: ") {
			fmt.Print(line)
		}
	}
	fmt.Println(err)
	// Output:
	// true
	// dn: o=Contoso
	// dn: ou=HQ,o=Contoso
	// dn: cn=Recipients,ou=HQ,o=Contoso
	// <nil>
}
