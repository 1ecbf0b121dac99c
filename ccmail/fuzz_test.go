package ccmail_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

// fuzzOptions are tried on every input. They have no tight limits, so that
// what is refused is refused for what it holds.
func fuzzOptions(f *testing.F) []ccmail.Options {
	f.Helper()
	wide, other := ccmail.Lotus(), unlike()
	for _, d := range []*ccmail.Dialect{&wide, &other} {
		d.MaxName, d.MaxAddress, d.MaxComment = 4090, 4090, 4090
	}
	return []ccmail.Options{
		{File: "f", CodePage: page(f, "437"), Dialect: wide},
		{File: "f", CodePage: page(f, "932"), Dialect: other},
		{File: "f", CodePage: page(f, "950"), Dialect: wide},
		{File: "f", CodePage: page(f, "utf-8"), Dialect: other},
	}
}

func seed(f *testing.F, more ...string) {
	f.Helper()
	files, err := filepath.Glob("testdata/raw/*.exp")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, text := range append(more, crlf(sample), sample, "", "\x1a", "Name:\n", "Name: a\nPswd: b\nLocn: ?\nAddr:\nCmts:") {
		f.Add([]byte(text))
	}
}

// hasPosition fails the test for an error of a reader without a position.
func hasPosition(t *testing.T, err error) {
	t.Helper()
	var pos *ccmail.ParseError
	if !errors.As(err, &pos) || pos.Pos.File == "" || pos.Pos.Line < 1 || pos.Pos.Column < 1 {
		t.Fatalf("%v has no position", err)
	}
}

// refusedWithReason fails the test for an error of a writer without a cause
// in a value.
func refusedWithReason(t *testing.T, err error) {
	t.Helper()
	var bad *ccmail.ValueError
	if !errors.As(err, &bad) || bad.Field == "" || bad.Problem == "" {
		t.Fatalf("refused without a reason: %v", err)
	}
}

// What is read can be written and reads back equal, or Check says why not.
func FuzzReadDirectory(f *testing.F) {
	seed(f)
	options := fuzzOptions(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, o := range options {
			records, warnings, err := ccmail.ReadDirectory(bytes.NewReader(file), o)
			// What is read does not depend on how the bytes arrive.
			slowly, sameWarnings, sameErr := ccmail.ReadDirectory(iotest.OneByteReader(bytes.NewReader(file)), o)
			if !slices.Equal(records, slowly) || !slices.Equal(warnings, sameWarnings) || fmt.Sprint(err) != fmt.Sprint(sameErr) {
				t.Fatalf("at once %q, %v, %v\nbyte by byte %q, %v, %v", records, warnings, err, slowly, sameWarnings, sameErr)
			}
			if err != nil {
				hasPosition(t, err)
				continue
			}
			var fit []ccmail.Record
			for _, rec := range records {
				if err = o.Check(rec); err != nil {
					refusedWithReason(t, err)
					continue
				}
				fit = append(fit, rec)
			}
			if len(fit) == 0 {
				continue
			}
			again, warnings, err := ccmail.ReadDirectory(bytes.NewReader([]byte(written(t, fit, o))), o)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			if diff := cmp.Diff(withoutPositions(fit), withoutPositions(again)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func FuzzReadLists(f *testing.F) {
	seed(f, "Name: Sales\r\nCmts:\r\n Quist, Marta\r\n", "Sales\n Quist\n\nNews\n\x1a", "a\nA\n b\n")
	options := fuzzOptions(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, o := range options {
			lists, _, err := ccmail.ReadLists(bytes.NewReader(file), o)
			if err != nil {
				hasPosition(t, err)
				continue
			}
			var b bytes.Buffer
			if err = ccmail.WriteLists(&b, lists, o); err != nil {
				refusedWithReason(t, err)
				continue
			}
			again, warnings, err := ccmail.ReadLists(&b, o)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			if diff := cmp.Diff(lists, again, ignorePositions()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func FuzzReadBoards(f *testing.F) {
	seed(f, "Name: Cafeteria\r\nName: ##x\r\n", "Cafeteria\n\n##x\n\x1a")
	options := fuzzOptions(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, o := range options {
			boards, _, err := ccmail.ReadBoards(bytes.NewReader(file), o)
			if err != nil {
				hasPosition(t, err)
				continue
			}
			var b bytes.Buffer
			if err = ccmail.WriteBoards(&b, boards, o); err != nil {
				refusedWithReason(t, err)
				continue
			}
			again, warnings, err := ccmail.ReadBoards(&b, o)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			if diff := cmp.Diff(boards, again, ignorePositions()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// A whole directory file is also a .UND file that names each of its entries.
func FuzzReadRefused(f *testing.F) {
	seed(f, "no such post office\r\nName: Quist\r\n", "Name: a\nbad\nAddr: x\n\x1aName: b")
	options := fuzzOptions(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, o := range options {
			refused, err := ccmail.ReadRefused(bytes.NewReader(file), o)
			if err != nil {
				hasPosition(t, err)
				continue
			}
			var fit []ccmail.Record
			for _, r := range refused {
				if r.Reason == "" && r.Record.Pos.Line == 0 {
					t.Fatalf("nothing is refused: %v", r)
				}
				if err = o.Check(r.Record); err != nil {
					refusedWithReason(t, err)
					continue
				}
				fit = append(fit, r.Record)
			}
			var b bytes.Buffer
			if err = ccmail.WriteDirectory(&b, fit, o); err != nil {
				if !errors.Is(err, ccmail.ErrNoRecords) {
					refusedWithReason(t, err)
				}
				continue
			}
			again, err := ccmail.ReadRefused(&b, o)
			if err != nil || len(again) != len(fit) {
				t.Fatalf("%v, %v, want %v", again, err, fit)
			}
			for i := range again {
				again[i].Record.Pos = fit[i].Pos
				if again[i].Record != fit[i] {
					t.Fatalf("%v became %v", fit[i], again[i].Record)
				}
			}
		}
	})
}

func ignorePositions() cmp.Option {
	return cmp.Comparer(func(ccmail.Position, ccmail.Position) bool { return true })
}
