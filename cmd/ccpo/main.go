// Command ccpo is a cc:Mail post office for tests, with stand-ins for Lotus's
// EXPORT and IMPORT; see package ccdirsync/testenv/postoffice for what it does
// and what it leaves out.
package main

import (
	"os"

	"ccdirsync/testenv/postoffice"
)

func main() {
	os.Exit(postoffice.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
