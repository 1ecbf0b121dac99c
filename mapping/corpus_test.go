package mapping

import (
	"bufio"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/text/encoding/charmap"

	"ccdirsync/ccmail"
)

// readCase reads an archive of the corpus. Its comment is the reason of the
// case and must be there; sections other than the known ones are errors.
func readCase(t *testing.T, file string, known ...string) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(archive.Comment), "# ") {
		t.Fatalf("%s: the comment must say why the case is there", file)
	}
	sections := map[string]string{}
	for _, f := range archive.Files {
		if !slices.Contains(known, f.Name) {
			t.Fatalf("%s: unknown section %q", file, f.Name)
		}
		sections[f.Name] = string(f.Data)
	}
	return sections
}

// cases returns the archives of a folder of the corpus by their names.
func cases(t *testing.T, folder string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/%s (%v)", folder, err)
	}
	byName := map[string]string{}
	for _, file := range files {
		byName[strings.TrimSuffix(filepath.Base(file), ".txtar")] = file
	}
	return byName
}

// readSettings reads "name: value" lines and compiles them; the names are those
// of the configuration, without the sections.
func readSettings(t *testing.T, text string) Rules {
	t.Helper()
	var s Settings
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "display_name":
			s.DisplayName = value
		case "alias":
			s.Alias = value
		case "secondary_proxy":
			s.SecondaryProxy = parseBool(t, value)
		case "name":
			s.CCMailName = value
		case "comment":
			s.CCMailComment = value
		case "prefer":
			s.Prefer = value
		case "without_proxy":
			s.WithoutProxy = value
		case "smtp":
			s.SMTP = value
		case "x400":
			s.X400 = value
		case "mode":
			s.FilterMode = value
		case "format":
			s.FilterFormats = append(s.FilterFormats, value)
		case "aliases":
			s.Aliases = parseBool(t, value)
		default:
			t.Fatalf("unknown setting %q", line)
		}
	}
	rules, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func parseBool(t *testing.T, value string) bool {
	t.Helper()
	parsed, err := strconv.ParseBool(value)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// options are those of the files in the corpus, which are written in UTF-8 with
// plain line ends and turned into what the programs write.
func options(t *testing.T, file string) ccmail.Options {
	t.Helper()
	codePage, err := ccmail.CodePageByName("cp437")
	if err != nil {
		t.Fatal(err)
	}
	return ccmail.Options{File: file, CodePage: codePage, Dialect: ccmail.Lotus()}
}

func asWritten(t *testing.T, text string) *bufio.Reader {
	t.Helper()
	encoded, err := charmap.CodePage437.NewEncoder().String(strings.ReplaceAll(text, "\n", "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(strings.NewReader(encoded))
}

// compareLines compares what a case says with what came out.
func compareLines(t *testing.T, want string, got []string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), strings.Split(strings.Join(got, "\n"), "\n")); diff != "" {
		t.Errorf("-want +got:\n%s\ngot:\n%s", diff, strings.Join(got, "\n"))
	}
}

// shuffled returns copies of s in other orders, the same ones each time.
func shuffled[T any](s []T) [][]T {
	reversed := slices.Clone(s)
	slices.Reverse(reversed)
	var interleaved []T
	for i := range s {
		if i%2 == 0 {
			interleaved = append(interleaved, s[i])
		} else {
			interleaved = slices.Insert(interleaved, 0, s[i])
		}
	}
	return [][]T{reversed, interleaved}
}

func quoted(name, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf(" %s=%q", name, value)
}
