package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"exchange55": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready": awaitFile,
		},
	})
}

// awaitFile waits for the ready file of a directory and puts the URL in it
// into the variable URL.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: ready file")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 { // ten seconds
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil {
			ts.Setenv("URL", string(data[:len(data)-1]))
			return
		}
		if !errors.Is(err, fs.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
		<-tick.C
	}
	ts.Fatalf("%s does not appear", args[0])
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty, bad := file("empty", "\n"), file("bad.ldif", "dn: o=x\nno colon\n")
	seed := file("seed.ldif", "dn: o=x\nobjectClass: organization\n")
	serve := func(args ...string) []string { return append([]string{"serve", "--ldif", seed}, args...) }
	tests := []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "no command given"},
		{[]string{"server"}, 2, `unexpected argument "server"; try exchange55 --help`},
		{[]string{"serve"}, 2, "--ldif is required"},
		{[]string{"serve", "more"}, 2, `unexpected argument "more"`},
		{[]string{"serve", "--nonsense"}, 2, "unknown flag: --nonsense"},
		{[]string{"serve", "--size-limit", "0"}, 2, "--size-limit 0"},
		{serve("--account", "svc"), 2, "give it as DOMAIN/name:FILE"},
		{serve("--tls-cert", "x"), 2, "--tls-cert and --tls-key go together"},
		{serve("--account", "D/svc:"+empty), 1, "account D/svc: read the password: the first line of " + empty + " is empty"},
		{serve("--reader", "D/svc:env:NOWHERE"), 1, "the environment variable NOWHERE is not set"},
		{[]string{"serve", "--ldif", filepath.Join(dir, "none")}, 1, "read the entries"},
		{[]string{"serve", "--ldif", bad}, 1, bad + ":2:1: no colon after the attribute name"},
		{serve("--listen", "nowhere"), 1, "start the directory on nowhere"},
		{[]string{"apply"}, 2, "give one LDIF file, or -"},
		{[]string{"apply", bad}, 1, bad + ":2:1"},
		{[]string{"apply", empty}, 2, "--url is required"},
		{[]string{"apply", "--url", "ldap://127.0.0.1:1", "--bind-dn", "cn=x", empty}, 2, "--bind-dn and --password-file go together"},
		{[]string{"dump", "--url", "ldap://127.0.0.1:1"}, 1, "connect to ldap://127.0.0.1:1"},
		{[]string{"--help"}, 0, ""},
	}
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		s := surroundings{
			stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
			lookup: func(string) (string, bool) { return "", false }, now: time.Now,
		}
		if code := s.run(t.Context(), test.args); code != test.code || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%v: exit code %d, want %d with %q:\n%s", test.args, code, test.code, test.want, stderr.String())
		}
	}
}
