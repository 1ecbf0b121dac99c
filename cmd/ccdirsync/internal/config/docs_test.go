package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// docs/configuration.md documents exactly the keys that a file may have, and
// the defaults that they have.
func TestDocumentedKeys(t *testing.T) {
	t.Parallel()
	documented := documentedKeys(t, readFile(t, "../../../../docs/configuration.md"))
	settings := map[string]reflect.Value{}
	collect(settings, "", reflect.ValueOf(defaultFile()))
	for key := range settings {
		if _, is := documented[key]; !is {
			t.Errorf("docs/configuration.md does not document %s", key)
		}
	}
	for key, cell := range documented {
		setting, is := settings[key]
		if !is {
			t.Errorf("docs/configuration.md documents %s, which is no key", key)
			continue
		}
		shown := strings.Trim(cell, "`")
		literal := cell == "`"+shown+"`"
		// Other cells are prose, and the keys of a dialect or a profile change its base.
		if cell == "" && setting.IsZero() {
			continue
		}
		ofBase := strings.HasPrefix(key, "post_office.dialect.") || strings.HasPrefix(key, "exchange.profile.")
		if (cell == "" || literal) && !ofBase && shown != text(setting) {
			t.Errorf("docs/configuration.md says that the default of %s is %q, it is %q", key, shown, text(setting))
		}
	}
}

// defaultFile is a file with one connector that has all sections and nothing
// but defaults.
func defaultFile() File {
	var f File
	f.setDefaults()
	c := Connector{}
	c.setDefaults()
	c.Exchange.Export, c.Exchange.Import = &Export{}, &Import{}
	c.Exchange.Export.setDefaults()
	c.Exchange.Import.setDefaults()
	f.Connectors = []Connector{c}
	return f
}

// collect finds all settings in v. Those of a connector go without the name of
// the list.
func collect(settings map[string]reflect.Value, prefix string, v reflect.Value) {
	for f := range v.Type().Fields() {
		key, is := f.Tag.Lookup("yaml")
		if !is || key == "-" {
			continue
		}
		value := v.FieldByIndex(f.Index)
		if value.Kind() == reflect.Pointer && value.Type().Elem().Kind() == reflect.Struct {
			value = value.Elem()
		}
		switch {
		case key == "connectors":
			settings[key] = value
			collect(settings, "", value.Index(0))
		case key == "dialect", key == "profile": // a name or a mapping
			settings[prefix+key] = value.FieldByName("Base")
			collect(settings, prefix+key+".", value)
		case value.Kind() == reflect.Struct:
			collect(settings, prefix+key+".", value)
		default:
			settings[prefix+key] = value
		}
	}
}

// text is a value as docs/configuration.md writes it.
func text(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case string:
		return value
	case Duration:
		text := strings.TrimSuffix(time.Duration(value).String(), "0s")
		if hours, whole := strings.CutSuffix(text, "h0m"); whole {
			return hours + "h"
		}
		return text
	case Schedule:
		return strings.Join(value, ", ")
	case []Connector:
		return ""
	case []string:
		return strings.Join(value, ", ")
	}
	return fmt.Sprint(v)
}

var (
	section  = regexp.MustCompile("^###? (?:`([a-z_.]+)`)?")
	keyTable = regexp.MustCompile("^\\| key(?: of `([a-z_.]+)`)? ")
	keyCell  = regexp.MustCompile("^\\| (`[^|]*`) \\| ([^|]*?) ?\\|")
)

// documentedKeys reads the keys and the cells of their defaults from the
// tables of the documentation, whose sections are those of the file.
func documentedKeys(t *testing.T, page string) map[string]string {
	t.Helper()
	documented := map[string]string{}
	prefix, inTable := "", false
	for line := range strings.Lines(page) {
		if m := section.FindStringSubmatch(line); m != nil {
			prefix = m[1]
		}
		if m := keyTable.FindStringSubmatch(line); m != nil {
			inTable = true
			if m[1] != "" {
				prefix += "." + m[1]
			}
		}
		inTable = inTable && strings.HasPrefix(line, "|")
		cells := keyCell.FindStringSubmatch(line)
		if !inTable || cells == nil {
			continue
		}
		parent := ""
		for key := range strings.SplitSeq(cells[1], ", ") {
			key = strings.Trim(key, "`")
			if rest, short := strings.CutPrefix(key, "."); short {
				key = parent + rest
			}
			parent = key[:strings.LastIndex(key, ".")+1]
			path := strings.TrimPrefix(prefix+"."+key, ".")
			if _, twice := documented[path]; twice {
				t.Errorf("docs/configuration.md documents %s twice", path)
			}
			documented[path] = cells[2]
		}
	}
	return documented
}

// The argument lists that docs/configuration.md shows are the defaults.
func TestDocumentedPrograms(t *testing.T) {
	t.Parallel()
	_, block, found := strings.Cut(readFile(t, "../../../../docs/configuration.md"), "```yaml\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !ended {
		t.Fatal("docs/configuration.md has no block of YAML")
	}
	shown := mustParse(t, good+"      "+strings.ReplaceAll(strings.TrimSpace(block), "\n", "\n      ")+"\n")
	if diff := cmp.Diff(mustParse(t, good).PostOffice.Programs, shown.PostOffice.Programs); diff != "" {
		t.Errorf("programs (-default +documented):\n%s", diff)
	}
	if n := strings.Count(block, ": "); n != 5 {
		t.Errorf("the block shows %d argument lists, there are 5", n)
	}
}

// The example that config init writes is valid, and so is every variant that
// its comments offer.
func TestExample(t *testing.T) {
	t.Parallel()
	example := readFile(t, "../../example.yaml")
	for _, test := range []struct{ name, old, text string }{
		{"as it is", "version: 1", "version: 1"},
		{"log as json", "format: text", "format: json"},
		{"starttls", "tls: {mode: none}\n      plaintext: true", "tls: {mode: starttls}"},
		{"ldaps by its mode", "tls: {mode: none}\n      plaintext: true", "tls: {mode: ldaps}"},
		{"password_env of Exchange", "password_file: ./exchange.pw ", "password_env: NAME "},
		{"filter only", "filter: {mode: all, ", "filter: {mode: only, "},
		{"filter except", "filter: {mode: all, ", "filter: {mode: except, "},
		{"code page cp850", "code_page: cp437 ", "code_page: cp850 "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(example, test.old) != 1 {
				t.Fatalf("%q stands %d times in the example", test.old, strings.Count(example, test.old))
			}
			changed := strings.Replace(example, test.old, test.text, 1)
			if strings.Contains(test.text, "mode: ldaps") {
				changed = strings.Replace(changed, "ldap://exch1.example.com:389", "ldaps://exch1.example.com:636", 1)
			}
			if problems := problemsOf(t, changed); problems != "" {
				t.Error(problems)
			}
		})
	}
	for _, comment := range []string{
		"#\x20tls: {mode: starttls}                 # or ldaps, with an ldaps:// url", "# or password_env: NAME", "# all | only | except",
		"# cp437 in the USA, cp850 elsewhere", "# Exchange -> cc:Mail; without it nothing goes out", "# cc:Mail -> Exchange; without it nothing comes in",
	} {
		if !strings.Contains(example, comment) {
			t.Errorf("the comment %q is gone from the example; so is the reason of a case of this test", comment)
		}
	}
	if c := mustParse(t, example); c.Exchange.Export == nil || c.Exchange.Import == nil {
		t.Error("the example does not synchronize in both directions")
	}
	for _, direction := range []string{"export", "import"} {
		without := regexp.MustCompile(`(?m)^      `+direction+`:.*\n(        .*\n)+`).ReplaceAllString(example, "")
		c := mustParse(t, without)
		if (c.Exchange.Export == nil) != (direction == "export") || (c.Exchange.Import == nil) != (direction == "import") {
			t.Errorf("without its section %s the direction is not off", direction)
		}
	}
}

// What the example gives beside a default is the default, so that leaving it
// out changes nothing.
func TestExampleShowsDefaults(t *testing.T) {
	t.Parallel()
	c := mustParse(t, readFile(t, "../../example.yaml"))
	want := defaultFile().Connectors[0]
	want.Exchange.Export.Containers = c.Exchange.Export.Containers
	want.Exchange.Import.Container, want.Exchange.Import.Addresses = c.Exchange.Import.Container, c.Exchange.Import.Addresses
	want.Exchange.Import.Filter.Formats = []string{}
	if diff := cmp.Diff([]any{want.Exchange.Export, want.Exchange.Import, want.Mapping, want.Limits}, []any{c.Exchange.Export, c.Exchange.Import, c.Mapping, c.Limits}); diff != "" {
		t.Errorf("settings (-default +example):\n%s", diff)
	}
	if !slices.Equal(c.Schedule, want.Schedule) {
		t.Errorf("schedule is %v, the default is %v", c.Schedule, want.Schedule)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
