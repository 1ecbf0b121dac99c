package ccmail_test

import (
	"bytes"
	"strings"
	"testing"

	"ccdirsync/ccmail"
)

// crlf turns a test's lines into those of a DOS file.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

func page(tb testing.TB, name string) ccmail.CodePage {
	tb.Helper()
	p, err := ccmail.CodePageByName(name)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// unlike is a dialect that differs from Lotus's in everything.
func unlike() ccmail.Dialect {
	return ccmail.Dialect{
		Name:          "unlike",
		FieldOrder:    []string{"Name", "Addr", "Locn", "Cmts"},
		LineEnd:       "\n",
		BlankLines:    1,
		TrailingSpace: true,
		CtrlZ:         true,
		Lists:         ccmail.Bare,
		Boards:        ccmail.Bare,
		MaxName:       40, MaxAddress: 200, MaxComment: 300,
	}
}

func lotus(tb testing.TB, codePage string) ccmail.Options {
	tb.Helper()
	return ccmail.Options{File: "CCMDIR.EXP", CodePage: page(tb, codePage), Dialect: ccmail.Lotus()}
}

// withoutPositions makes records comparable that were read from unlike files.
func withoutPositions(records []ccmail.Record) []ccmail.Record {
	var bare []ccmail.Record
	for _, rec := range records {
		rec.Pos = ccmail.Position{}
		bare = append(bare, rec)
	}
	return bare
}

func written(tb testing.TB, records []ccmail.Record, o ccmail.Options) string {
	tb.Helper()
	var b bytes.Buffer
	if err := ccmail.WriteDirectory(&b, records, o); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// wantError fails the test unless err says every one of parts.
func wantError(tb testing.TB, err error, parts ...string) {
	tb.Helper()
	if err == nil {
		tb.Fatalf("no error, want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			tb.Errorf("error %q does not say %q", err, part)
		}
	}
}
