package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environment := map[string]string{"PO_PASSWORD": "from the environment\n", "EMPTY": ""}
	lookup := func(name string) (string, bool) {
		value, set := environment[name]
		return value, set
	}
	for _, test := range []struct{ name, content, want string }{
		{"no line end", "s3cret", "s3cret"},
		{"one line end", "s3cret\n", "s3cret"},
		{"a line end of DOS", "s3cret\r\n", "s3cret"},
		{"several line ends", "s3cret\n\r\n\n", "s3cret"},
		{"blanks belong to it", " s3 cret \n", " s3 cret "},
		{"a line end inside belongs to it", "s3\ncret\n", "s3\ncret"},
		{"an empty file", "", ""},
		{"bytes of another code page", "M\xfcller\n", "M\xfcller"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := strings.ReplaceAll(test.name, " ", "-")
			if err := os.WriteFile(filepath.Join(dir, file), []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := (File{Dir: dir}).Secret(file, "", lookup); got != test.want || err != nil {
				t.Errorf("Secret = %q, %v; want %q", got, err, test.want)
			}
		})
	}

	f := File{Dir: dir}
	if got, err := f.Secret("", "PO_PASSWORD", lookup); got != "from the environment\n" || err != nil {
		t.Errorf("from the environment: %q, %v; want it as it is", got, err)
	}
	if got, err := f.Secret("", "EMPTY", lookup); got != "" || err != nil {
		t.Errorf("an empty variable: %q, %v; want it to be set", got, err)
	}
	if got, err := f.Secret("", "", lookup); got != "" || err != nil {
		t.Errorf("without file and variable: %q, %v; want none", got, err)
	}
	_, err := f.Secret("missing.pw", "", lookup)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), filepath.Join(dir, "missing.pw")) {
		t.Errorf("a missing file: %v; want one that names it", err)
	}
	if _, err = f.Secret("", "NOBODY", lookup); err == nil || !strings.Contains(err.Error(), "NOBODY") {
		t.Errorf("a missing variable: %v; want one that names it", err)
	}
	if _, err = f.Secret(".", "", lookup); err == nil {
		t.Error("a folder was taken for a password file")
	}
}
