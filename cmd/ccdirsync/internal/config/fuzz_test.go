package config

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Whatever the file holds, reading it neither panics nor depends on anything
// but the file, and every problem has a place or is one of the whole file.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../../example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", good, string(example), "version: 1\nconnectors: [{name: *x}]\n", "&a [*a]", "{<<: {a: b}}", "? [a]\n: b\n", "- - -", "!!map {}",
		"version: |\n  1\n", "%YAML 1.2\n---\nversion: 1\n", "a: {b: [c, {d: ", "\t", "\xef\xbb\xbfversion: 1", "\xff", "version: 1\n---\n---\nb: 1\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4<<10 {
			t.Skip("longer than what shows anything new")
		}
		file, err := Parse("c.yaml", "/", data)
		again, err2 := Parse("c.yaml", "/", data)
		if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("two readings differ:\n%v\n%v", err, err2)
		}
		if diff := cmp.Diff(file, again, cmpopts.IgnoreUnexported(File{})); diff != "" {
			t.Fatalf("two readings differ:\n%s", diff)
		}
		if err == nil && (file.Version != 1 || len(file.Connectors) == 0) {
			t.Fatalf("a file without version or connectors was accepted: %+v", file)
		}
		var invalid *InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Fatalf("the error is a %T: %v", err, err)
		}
		if err == nil {
			return
		}
		for i, p := range invalid.Problems {
			if p.Message == "" || p.File != "c.yaml" || p.Path != "" && (p.Line < 1 || p.Column < 1) {
				t.Errorf("a problem without text or place: %+v", p)
			}
			if i > 0 && invalid.Problems[i-1].Line > p.Line {
				t.Errorf("out of order: %s", p)
			}
		}
	})
}
