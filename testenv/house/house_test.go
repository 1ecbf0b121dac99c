package house

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	root   = "../.." // of the module
	module = "ccdirsync/"
)

// reasons are what a package may import, or not, with the reason.
type reasons map[string]string

// mayImport are all packages of the module with those of the module that each
// may import. What is not listed is forbidden.
var mayImport = map[string]reasons{
	"reconcile": {},
	"ccmail":    {},
	"ldapsrc":   {},
	"mapping": {
		"ccmail":    "it reads rows, lists and boards",
		"ldapsrc":   "it reads and makes recipients",
		"reconcile": "it makes what the plan is made from",
	},
	"reconcile/ledger": {"reconcile": "it keeps plans and what became of them"},
	"reconcile/cycle": {
		"ccmail":    "it runs and reads EXPORT, writes for IMPORT",
		"ldapsrc":   "it reads and writes the directory",
		"mapping":   "it applies the rules",
		"reconcile": "it has the plan made",
	},
	"cmd/ccdirsync": {
		"ccmail":                        "it makes the post office from the configuration and shows its files",
		"cmd/ccdirsync/internal/config": "it reads the configuration",
		"ldapsrc":                       "it makes the server from the configuration and writes LDIF",
		"mapping":                       "it compiles the rules of the configuration",
		"reconcile":                     "it shows plans",
		"reconcile/cycle":               "it starts cycles",
		"reconcile/ledger":              "it opens the ledger, gives it to cycles and shows what it holds",
	},
	"cmd/ccdirsync/internal/config": {"ldapsrc": "what a setting may be, and is when it is not given, follows the profile"},

	// What stands for the real things in tests shares no code with what it
	// tests: they would agree on one mistake.
	"testenv/bench": {
		"ldapsrc":            "it measures a read alone",
		"testenv/faultproxy": "it counts the bytes of a connection",
		"testenv/slapd":      "it starts the server that everything runs on",
	},
	"testenv": {
		"testenv/exchange55": "it starts one in the test's process",
		"testenv/slapd":      "it starts one as a process, and knows what a container needs",
	},
	"testenv/pdu":        {},
	"testenv/exchange55": {"testenv/pdu": "it reads requests"},
	"testenv/faultproxy": {"testenv/pdu": "it reads what passes"},
	"testenv/postoffice": {},
	"testenv/slapd":      {},
	"testenv/conformance": {
		"ldapsrc":            "it is what has to work on a directory",
		"testenv/exchange55": "it knows the options of one that conforms",
		"testenv/slapd":      "it knows the options of one that conforms",
	},
	"testenv/torture": {},
	"testenv/house":   {},
	"testenv/glauth":  {},
	"testenv/scenario": {
		"testenv/exchange55": "scripts start a directory",
		"testenv/postoffice": "scripts make post offices",
	},
	"cmd/ccpo":       {"testenv/postoffice": "it is the post office as a program"},
	"cmd/exchange55": {"testenv/exchange55": "it is the directory as a program"},
}

// The packages of the module import what they may, and each has its place.
func TestImportsOfOurs(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	for _, p := range packages.ours() {
		name := strings.TrimPrefix(p, module)
		allowed, placed := mayImport[name]
		if !placed {
			t.Errorf("package %s has no place in mayImport; say what it may import and why", name)
		}
		for _, imported := range packages[p].Imports {
			ours, is := strings.CutPrefix(imported, module)
			if _, may := allowed[ours]; is && placed && !may {
				t.Errorf("%s imports %s, which it may not", name, ours)
			}
		}
	}
	for name, allowed := range mayImport {
		if _, there := packages[module+name]; !there {
			t.Errorf("package %s is listed in mayImport and no longer exists", name)
		}
		for imported := range allowed {
			if _, listed := mayImport[imported]; !listed {
				t.Errorf("%s may import %s, which no longer exists", name, imported)
			}
		}
	}
}

// neverReached are packages that others must not reach, not even through a
// third one. Both are prefixes of import paths; what is reached by "only" is.
var neverReached = []struct {
	from, target string
	only         []string // packages of from that may reach the target
	reason       string
}{
	{from: "cmd/ccdirsync", target: module + "testenv", reason: "the program must not carry its own test doubles"},
	{from: "cmd/ccdirsync", target: "github.com/glauth", reason: "glauth is the test directory"},
	{from: "", target: "github.com/sirupsen/logrus", only: []string{"cmd/ccdirsync", "testenv"}, reason: "libraries return errors and call a trace, cmd logs"},
	{from: "", target: "github.com/vbauerster/mpb", only: []string{"cmd/ccdirsync"}, reason: "only the program has a terminal"},
	{from: "ccmail", target: "github.com/go-ldap", reason: "ccmail knows only cc:Mail"},
	{from: "reconcile", target: "github.com", only: []string{"reconcile/cycle", "reconcile/ledger"}, reason: "the core is standard library only"},
	{from: "reconcile", target: "golang.org/x", only: []string{"reconcile/cycle", "reconcile/ledger"}, reason: "the core is standard library only"},
	{from: "", target: "modernc.org", only: []string{"reconcile/ledger", "cmd/ccdirsync"}, reason: "a cycle takes any ledger, so that its users need no database"},
	{from: "testenv/postoffice", target: module + "ccmail", reason: "the post office has a parser of its own"},
	{from: "testenv/exchange55", target: module + "ldapsrc", reason: "the directory must not agree with its client on a mistake"},
}

func TestNeverReached(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	for _, rule := range neverReached {
		exists := slices.ContainsFunc(slices.Collect(maps.Keys(packages)), func(p string) bool { return within(p, rule.target) })
		if !exists {
			t.Errorf("nothing imports %s any more; drop the rule about it", rule.target)
		}
		found := false
		for _, p := range packages.ours() {
			name := strings.TrimPrefix(p, module)
			if rule.from != "" && !within(name, rule.from) {
				continue
			}
			found = true
			excepted := slices.ContainsFunc(rule.only, func(only string) bool { return within(name, only) })
			for _, reached := range packages[p].Deps {
				if !excepted && within(reached, rule.target) {
					t.Errorf("%s reaches %s: %s", name, reached, rule.reason)
				}
			}
		}
		if !found {
			t.Errorf("package %s no longer exists; drop the rule about it", rule.from)
		}
	}
}

// onlyImportedBy are libraries that few packages may import themselves.
var onlyImportedBy = map[string]struct {
	importers []string
	reason    string
}{
	"github.com/go-ldap/ldap":     {[]string{"ldapsrc", "cmd/exchange55", "testenv/conformance"}, "LDAP is spoken in one place, by the program for the test directory, and by tests of servers"},
	"github.com/goccy/go-yaml":    {[]string{"cmd/ccdirsync/internal/config"}, "only the program has a configuration"},
	"github.com/google/renameio":  {[]string{"ccmail", "cmd/exchange55"}, "only the store, and a program, write files"},
	"github.com/spf13/cobra":      {[]string{"cmd/ccdirsync", "cmd/exchange55", "testenv/postoffice"}, "only programs have command lines"},
	"modernc.org/sqlite":          {[]string{"reconcile/ledger"}, "what is kept is in one place"},
	"database/sql":                {[]string{"reconcile/ledger"}, "what is kept is in one place"},
	module + "reconcile/ledger":   {[]string{"cmd/ccdirsync"}, "only the program opens the ledger"},
	"github.com/testcontainers":   {[]string{"testenv"}, "whoever needs no container does not carry the engine's client"},
	"github.com/moby":             {[]string{"testenv"}, "whoever needs no container does not carry the engine's client"},
	"os/exec":                     {[]string{"ccmail", "testenv/bench", "testenv/conformance", "testenv", "testenv/scenario", "testenv/slapd"}, "EXPORT and IMPORT are run in one place"},
	"golang.org/x/text/encoding/": {[]string{"ccmail", "testenv/postoffice", "testenv/scenario"}, "code pages end at the files"},
}

func TestOnlyImportedBy(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	for library, rule := range onlyImportedBy {
		importers := map[string]bool{}
		for _, p := range packages.ours() {
			for _, imported := range packages[p].Imports {
				if within(imported, strings.TrimSuffix(library, "/")) {
					importers[strings.TrimPrefix(p, module)] = true
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(importers)) {
			if !slices.Contains(rule.importers, name) {
				t.Errorf("%s imports %s: %s", name, library, rule.reason)
			}
		}
		for _, name := range rule.importers {
			if !importers[name] {
				t.Errorf("%s no longer imports %s; take it off the list", name, library)
			}
		}
	}
}

// impure is what a package that only computes does not import itself. The
// clock is left to the linter: time.Duration is a value.
var impure = reasons{
	"os": "no I/O", "io/fs": "no I/O", "os/exec": "no programs", "net": "no network", "net/http": "no network", "syscall": "no I/O",
	"log": "the core returns facts, cmd logs them", "log/slog": "the core returns facts, cmd logs them",
	"math/rand": "the same input gives the same output", "math/rand/v2": "the same input gives the same output", "crypto/rand": "the same input gives the same output",
	"runtime": "the core does not know where it runs", "unsafe": "there is no need",
}

func TestPure(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	for _, name := range []string{"reconcile", "mapping"} {
		p, there := packages[module+name]
		if !there {
			t.Errorf("package %s no longer exists", name)
		}
		for _, imported := range p.Imports {
			if reason, is := impure[imported]; is {
				t.Errorf("%s imports %s: %s", name, imported, reason)
			}
		}
	}
}

// linterRules are what .golangci.yml forbids the files of a package.
var linterRules = map[string][]string{
	"reconcile":       {module, "github.com/", "golang.org/x/", "os$", "os/exec", "net$", "log"},
	"mapping":         {module + "cmd", "github.com/go-ldap/ldap", "github.com/sirupsen/logrus", "os$", "os/exec", "net$"},
	"ccmail":          {module, "github.com/sirupsen/logrus"},
	"ldapsrc":         {module, "github.com/sirupsen/logrus"},
	"reconcile/cycle": {module + "cmd", module + "reconcile/ledger", "database/sql", "modernc.org/", "github.com/go-ldap/ldap", "github.com/sirupsen/logrus"},
	"reconcile/ledger": {
		module + "cmd", module + "reconcile/cycle", module + "mapping", module + "ccmail", module + "ldapsrc",
		"github.com/", "net$", "os/exec", "log",
	},
}

// The linter tells of a wrong import while it is written, with the reason.
func TestLinterRules(t *testing.T) {
	t.Parallel()
	rules := readLinterRules(t)
	for name, wanted := range linterRules {
		glob := "**/" + name + "/*.go"
		var denied []string
		for _, rule := range rules {
			if slices.Contains(rule.Files, glob) {
				for _, deny := range rule.Deny {
					denied = append(denied, deny.Pkg)
				}
			}
		}
		for _, pkg := range wanted {
			if !slices.Contains(denied, pkg) {
				t.Errorf(".golangci.yml does not forbid %s in %s", pkg, glob)
			}
		}
	}
	forTests := 0
	for name, rule := range rules {
		for _, deny := range rule.Deny {
			if deny.Desc == "" {
				t.Errorf(".golangci.yml gives no reason for %s in the rule %s", deny.Pkg, name)
			}
			if deny.Pkg == module+"testenv" && slices.Contains(rule.Files, "**/*.go") {
				forTests++
			}
		}
		for _, glob := range rule.Files {
			folder := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(glob, "!"), "**/"), "*.go")
			if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(folder, "**/"))); !strings.HasPrefix(glob, "!$") && err != nil {
				t.Errorf(".golangci.yml has a rule for %s, where nothing is: %v", glob, err)
			}
		}
	}
	if forTests == 0 {
		t.Error(".golangci.yml does not keep testenv out of the program")
	}
}

type linterRule struct {
	Files []string
	Deny  []struct{ Pkg, Desc string }
}

func readLinterRules(t *testing.T) map[string]linterRule {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]linterRule }
			}
		}
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	return config.Linters.Settings.Depguard.Rules
}

// topLevel are the folders of the project.
var topLevel = reasons{
	"ccmail": "cc:Mail's side", "ldapsrc": "Exchange's side", "mapping": "the rules", "reconcile": "the core", "cmd": "the programs",
	"testenv": "what tests run against", "docs": "what users read", "contrib": "the demonstration",
}

// Go files stand in the folders of the design and nowhere else.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range listPackages(t).ours() {
		folder, _, _ := strings.Cut(strings.TrimPrefix(p, module), "/")
		seen[folder] = true
		if _, known := topLevel[folder]; !known {
			t.Errorf("package %s is in the folder %s, which is not one of the project", p, folder)
		}
	}
	for folder := range topLevel {
		if _, err := os.Stat(filepath.Join(root, folder)); err != nil {
			t.Errorf("the folder %s is listed and does not exist: %v", folder, err)
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %d folders have packages; was the whole module listed?", len(seen))
	}
}

// within reports whether a path is the other one or below it.
func within(path, above string) bool {
	rest, is := strings.CutPrefix(path, above)
	return is && (rest == "" || rest[0] == '/')
}

// importing is a package as go list sees it, without its tests.
type importing struct {
	ImportPath string
	Imports    []string
	Deps       []string // everything it reaches
}

// packageGraph are all packages of the module and what they reach, by path.
type packageGraph map[string]importing

func (g packageGraph) ours() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(g)), func(p string) bool { return !strings.HasPrefix(p, module) })
}

func listPackages(t *testing.T) packageGraph {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	graph := packageGraph{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p importing
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return graph
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		graph[p.ImportPath] = p
	}
}
