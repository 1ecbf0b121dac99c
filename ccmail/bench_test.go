package ccmail_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"ccdirsync/ccmail"
)

// benchmarkSize is the number of entries of a large post office.
const benchmarkSize = 100_000

// largeDirectory is a directory of which every third name needs the code page.
func largeDirectory() []ccmail.Record {
	surnames := []string{"Lindström", "Okafor", "Quist"}
	records := make([]ccmail.Record, benchmarkSize)
	for i := range records {
		name := fmt.Sprintf("%s, M%06d", surnames[i%len(surnames)], i)
		records[i] = ccmail.Record{Name: name, Location: ccmail.RemoteUser, Address: "EXSITE1 " + name}
	}
	return records
}

func benchmarkOptions(b *testing.B) ccmail.Options {
	b.Helper()
	page, err := ccmail.CodePageByName("cp850")
	if err != nil {
		b.Fatal(err)
	}
	return ccmail.Options{File: ccmail.DirectoryExport, CodePage: page, Dialect: ccmail.Lotus()}
}

func BenchmarkReadDirectory(b *testing.B) {
	var file bytes.Buffer
	if err := ccmail.WriteDirectory(&file, largeDirectory(), benchmarkOptions(b)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		records, _, err := ccmail.ReadDirectory(bytes.NewReader(file.Bytes()), benchmarkOptions(b))
		if err != nil || len(records) != benchmarkSize {
			b.Fatalf("%d records, %v", len(records), err)
		}
	}
}

func BenchmarkWriteDirectory(b *testing.B) {
	records := largeDirectory()
	b.ReportAllocs()
	for b.Loop() {
		if err := ccmail.WriteDirectory(io.Discard, records, benchmarkOptions(b)); err != nil {
			b.Fatal(err)
		}
	}
}
