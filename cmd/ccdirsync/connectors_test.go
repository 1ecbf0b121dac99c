package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/cmd/ccdirsync/internal/config"
)

// validConfig is a configuration whose secrets are files that do not exist.
const validConfig = `version: 1
connectors:
  - name: hq
    exchange:
      url: ldaps://127.0.0.1:1
      admin_view: false
      server: MAILSRV7
      site: EXSITE1
      base: ou=HQ,o=Contoso
    post_office:
      name: NORTHHUB
      password_file: ./po.pw
      path: ./po
      store: ./CCMCDATA
      code_page: cp437
`

// config validate reports what the packages say that the settings are for, of
// all connectors, each at its place, and asks for no secret.
func TestConfigValidate(t *testing.T) {
	t.Parallel()
	name := writeFile(t, validConfig)
	if stdout, stderr, code := program(t, "config", "validate", "-c", name); code != exitDone || stdout != "the configuration is valid; connectors: 1\n" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	first := strings.NewReplacer("ou=HQ,o=Contoso", "HQ", "cp437", "cp1", "      server:", "      import: {container: cn=x, key_attribute: cn}\n      server:").Replace(validConfig)
	second := strings.NewReplacer("version: 1\nconnectors:\n", "", "name: hq", "name: two", "CCMCDATA", "two", "./po.pw", "./gone.pw",
		"      server:", "      export: {containers: [cn=a, b]}\n      server:").Replace(validConfig) + `      dialect: {line_end: cr}
      programs: {export_lists: [export, "{nosuch}"], import_add: []}
    mapping: {exchange: {alias: "%Q"}, ccmail: {name: "%z"}}
`
	name = writeFile(t, first+second)
	_, stderr, code := program(t, "config", "validate", "-c", name)
	var places []string
	for line := range strings.Lines(strings.TrimPrefix(stderr, "ccdirsync: ")) {
		place, _, _ := strings.Cut(strings.TrimPrefix(line, name), ": ")
		key, _, _ := strings.Cut(strings.TrimPrefix(line, name+place+": "), ": ")
		places = append(places, place+" "+key)
	}
	want := []string{
		":7:33 connectors[0].exchange.import.key_attribute",
		":10:7 connectors[0].exchange.base",
		":16:7 connectors[0].post_office.code_page",
		":21:35 connectors[1].exchange.export.containers[1]",
		":31:7 connectors[1].post_office.dialect",
		":32:18 connectors[1].post_office.programs.export_lists",
		":32:54 connectors[1].post_office.programs.import_add",
		":33:26 connectors[1].mapping.exchange.alias",
		":33:49 connectors[1].mapping.ccmail.name",
	}
	if diff := cmp.Diff(want, places); diff != "" || code != exitUsage {
		t.Errorf("exit code %d, places (-want +got):\n%s\n%s", code, diff, stderr)
	}
}

// A secret or certificate that is not at hand is told at its setting.
func TestMissingFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ old, text, want string }{
		{"", "", ":12:7: connectors[0].post_office.password_file: read the password file: open "},
		{"password_file: ./po.pw", "password_env: PO_PASSWORD", ":12:7: connectors[0].post_office.password_env: the environment has no variable PO_PASSWORD, which password_env names"},
		{"admin_view: false", "admin_view: false\n      password_file: ./ex.pw", ":7:7: connectors[0].exchange.password_file: read the password file: open "},
		{"admin_view: false", "admin_view: false\n      tls: {ca_file: ca.pem}", ":7:13: connectors[0].exchange.tls.ca_file: open "},
		{"admin_view: false", "admin_view: false\n      tls: {cert_file: c.pem, key_file: c.key}", ":7:13: connectors[0].exchange.tls.cert_file: open "},
	} {
		name := writeFile(t, strings.Replace(validConfig, test.old, test.text, 1))
		_, stderr, code := program(t, "plan", "-c", name)
		if code != exitUsage || !strings.Contains(stderr, name+test.want) {
			t.Errorf("exit code %d, standard error: %s  want %s", code, stderr, name+test.want)
		}
	}
}

func TestCAFileWithoutCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "c.yaml")
	text := strings.Replace(validConfig, "admin_view: false", "admin_view: false\n      tls: {ca_file: ca.pem}", 1)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := program(t, "plan", "-c", name)
	if want := ":7:13: connectors[0].exchange.tls.ca_file: ca.pem holds no certificate in PEM form"; code != exitUsage || !strings.Contains(stderr, name+want) {
		t.Errorf("exit code %d, standard error: %s  want %s", code, stderr, want)
	}
}

// Programs and the post office may be where only DOS programs find them.
func TestPaths(t *testing.T) {
	t.Parallel()
	file := config.File{Dir: "/etc/ccdirsync"}
	for program, want := range map[string]string{
		"export": "export", "./export": "/etc/ccdirsync/export", "bin/export": "/etc/ccdirsync/bin/export", "/opt/export": "/opt/export",
		`M:\LOTUS\EXPORT.EXE`: `M:\LOTUS\EXPORT.EXE`,
	} {
		if got := programLine(file, []string{program, "./x"}); got[0] != want || got[1] != "./x" {
			t.Errorf("programLine(%q) = %q, want %q and its argument", program, got, want)
		}
	}
	if got := programLine(file, nil); got != nil {
		t.Errorf("no program became %q", got)
	}
}

// Connectors come in the order of the file, whatever that of the arguments.
func TestSelectConnectors(t *testing.T) {
	t.Parallel()
	file := config.File{Connectors: []config.Connector{{Name: "b"}, {Name: "a"}, {Name: "c"}}}
	for _, test := range []struct{ names, want []string }{
		{nil, []string{"b", "a", "c"}},
		{[]string{"c", "b", "c"}, []string{"b", "c"}},
	} {
		selected, err := selectConnectors(file, test.names)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range selected {
			got = append(got, c.Name)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("selected by %v (-want +got):\n%s", test.names, diff)
		}
	}
}
