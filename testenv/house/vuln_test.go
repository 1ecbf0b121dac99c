package house

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A vulnerability that is found is an error, and so is a tool that does not
// work; a tool or a database that is out of reach is a line that says so.
func TestVulnerabilities(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, tool string // a shell script in the place of govulncheck; empty: there is none
		code       int
		want       string
	}{
		{"none", "echo 'No vulnerabilities found.'", 0, "No vulnerabilities found.\n"},
		{"found", "echo 'Vulnerability #1: GO-2024-9999'; exit 3", 3, "Vulnerability #1: GO-2024-9999\n"},
		{
			"no database", `echo 'govulncheck: fetching vulnerabilities: Get "index/modules.json.gz": no such host' >&2; exit 1`, 0,
			`vuln: not checked for known vulnerabilities: the database cannot be reached: govulncheck: fetching vulnerabilities: Get "index/modules.json.gz": no such host` + "\n",
		},
		{"found, and told of fetching", "echo 'fetching vulnerabilities: GO-2024-9999'; exit 3", 3, "fetching vulnerabilities: GO-2024-9999\n"},
		{"does not work", "echo 'govulncheck: loading packages: no Go files' >&2; exit 1", 1, "govulncheck: loading packages: no Go files\n"},
		{"no tool", "", 0, "vuln: not checked for known vulnerabilities: govulncheck v0.0.0 cannot be installed: no network\n"},
		{"another database", `[ "$*" = "-db=file:///mirror ./..." ] || exit 1; echo mirror`, 0, "mirror\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tools := t.TempDir()
			if test.tool != "" {
				script(t, filepath.Join(tools, "govulncheck-v0.0.0"), test.tool)
			}
			noGo := filepath.Join(t.TempDir(), "go")
			script(t, noGo, "echo 'no network' >&2; exit 1")
			check := exec.CommandContext(t.Context(), "bash", "contrib/vuln.sh", "v0.0.0", tools)
			check.Dir, check.Env = root, append(os.Environ(), "GO="+noGo, "VULNDB=")
			if test.name == "another database" {
				check.Env = append(check.Env, "VULNDB=file:///mirror")
			}
			out, err := check.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := check.ProcessState.ExitCode(); code != test.code || string(out) != test.want {
				t.Errorf("exit code %d, want %d\n%s\nwant\n%s", code, test.code, out, test.want)
			}
		})
	}
}

// CI looks for vulnerabilities.
func TestVulnerabilitiesInCI(t *testing.T) {
	t.Parallel()
	ci, err := os.ReadFile(filepath.Join(root, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(ci), "\nmake vuln\n") {
		t.Error(".ci/run does not run make vuln")
	}
}

// script writes a shell script that can be run.
func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}
