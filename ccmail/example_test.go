package ccmail_test

import (
	"fmt"
	"log"
	"os"
	"strings"

	"ccdirsync/ccmail"
)

// A directory file is read in the code page of its post office.
func ExampleReadDirectory() {
	codePage, err := ccmail.CodePageByName("cp437")
	if err != nil {
		log.Fatal(err)
	}
	file := strings.NewReader("Name: Lindstr\x94m, \x8fsa\r\nLocn: L\r\nAddr:\r\nCmts: Room 12\r\n")
	records, _, err := ccmail.ReadDirectory(file, ccmail.Options{File: "CCMDIR.EXP", CodePage: codePage, Dialect: ccmail.Lotus()})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Printf("%s: %s (%s), %s\n", r.Pos, r.Name, r.Location, r.Comment)
	}
	// Output: CCMDIR.EXP:1:1: Lindström, Åsa (L), Room 12
}

// What a file cannot hold is refused, never cut or replaced.
func ExampleWriteDirectory() {
	codePage, err := ccmail.CodePageByName("cp437")
	if err != nil {
		log.Fatal(err)
	}
	options := ccmail.Options{File: "CCMDIR.IMP", CodePage: codePage, Dialect: ccmail.Lotus()}
	options.Dialect.LineEnd = "\n"
	record := ccmail.Record{Name: "Quist, Marta", Location: ccmail.RemoteUser, Address: "EXSITE1 Quist, Marta"}
	if err := ccmail.WriteDirectory(os.Stdout, []ccmail.Record{record}, options); err != nil {
		log.Fatal(err)
	}
	record.Name = "Dvořák, Jana"
	fmt.Println(options.Check(record))
	// Output:
	// Name: Quist, Marta
	// Locn: r
	// Addr: EXSITE1 Quist, Marta
	// Cmts:
	// Name "Dvořák, Jana" cannot be written: character 'ř' (U+0159) is not in code page cp437
}
