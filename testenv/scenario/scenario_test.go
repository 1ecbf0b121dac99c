package scenario

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ccdirsync/testenv/postoffice"
)

// TestMain takes programs of its own for ccdirsync.
func TestMain(m *testing.M) {
	Main(m, map[string]func() int{"ccdirsync": standIn, "fail": func() int { return 4 }})
}

// standIn does nothing, or what the environment asks for.
func standIn() int {
	switch {
	case os.Getenv("RUN") == "writes" && os.Args[1] == "run":
		if postoffice.Edit("po", func(po *postoffice.PostOffice) error { return po.AddBoard("Social") }) != nil {
			return 1
		}
	case os.Getenv("PLAN") == "finds work" && os.Args[1] == "plan":
		return 5
	}
	return 0
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	Run(t, Options{Dir: "testdata/script"})
}

// failing is a script that fails in a world of one mailbox, and what it says.
var failing = map[string]struct{ line, want string }{
	"one occurrence":      {"config nowhere x", `"nowhere" occurs 0 times in ccdirsync.yaml, not once`},
	"several occurrences": {"config ccpo x", `"ccpo" occurs 5 times`},
	"exit code":           {"exitcode 3 fail", "fail ended with exit code 4, expected 3"},
	"success":             {"exitcode 1 ccdirsync plan", "ccdirsync ended with exit code 0, expected 1"},
	"not a number":        {"exitcode x fail", "invalid syntax"},
	"no such program":     {"exitcode 1 not-there", "not-there"},
	"writes":              {"exchange writes 1", "0 writes since the last look, expected 1"},
	"unknown exchange":    {"exchange what", "usage: exchange apply|dump"},
	"unknown fault":       {"exchange fault what", "usage: exchange fault conceal DN"},
	"bad change":          {"exchange apply bad.ldif", "bad.ldif:1:1: "},
	"no snapshot":         {"same nothing", `there is no snapshot "nothing"`},
	"changed":             {"snapshot s\nexchange apply more.ldif\nsame s", "+cn: Zoe"},
	"unchanged":           {"snapshot s\n! same s", "nothing changed since the snapshot"},
	"post office changed": {"snapshot s\nexec ccpo board add po Social\nsame s", `+    "Social"`},
	"file touched":        {"snapshot s po.pw\nchmod 644 po.pw\nsame s", "-rw-r--r--"},
	"not negatable":       {"! settled", "unsupported: ! settled"},
	"run changes":         {"env RUN=writes\nsettled", `+    "Social"`},
	"plan finds work":     {"env PLAN='finds work'\nsettled", "ended with exit code 5, expected 0 3"},
	"too few arguments":   {"decode one", "usage: decode FILE OUT"},
	"not a report":        {"json po.pw hq", "line 1: "},
	"nothing to capture":  {"capture ID 'plan (x+)' po.pw", `po.pw holds nothing like "plan (x+)"`},
	"no group":            {"capture ID plan po.pw", `"plan" has 0 groups, expected one`},
	"not the shape":       {"decode po.pw out", "po.pw is not a directory file of shape lotus: "},
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range failing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(t.TempDir(), "failing.txtar")
			text := "# fails\nworld exchange.ldif postoffice.txt\n" + tc.line + "\n" + `-- exchange.ldif --
dn: cn=marta,cn=Recipients,ou=HQ,o=Contoso
objectClass: organizationalPerson
cn: Marta
mailPreferenceOption: 0
-- more.ldif --
dn: cn=marta,cn=Recipients,ou=HQ,o=Contoso
changetype: modify
replace: cn
cn: Zoe
-
-- bad.ldif --
cn: no name
-- postoffice.txt --
`
			if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			p := params(Options{}, shapes[0])
			p.Files = []string{script}
			r := &recorder{}
			r.run(func() { testscript.RunT(r, p) })
			if !r.failed || !strings.Contains(r.log.String(), tc.want) {
				t.Fatalf("failed: %v, want a failure with %q:\n%s", r.failed, tc.want, &r.log)
			}
		})
	}
}

// recorder is a test that notes how it ends.
type recorder struct {
	log    strings.Builder
	failed bool
}

var errEnded = errors.New("the test ended")

func (r *recorder) run(f func()) {
	defer func() {
		if e := recover(); e != nil && e != any(errEnded) {
			panic(e)
		}
	}()
	f()
}

func (r *recorder) Skip(args ...any)  { fmt.Fprintln(&r.log, args...); panic(errEnded) }
func (r *recorder) Fatal(args ...any) { fmt.Fprintln(&r.log, args...); r.FailNow() }
func (r *recorder) Log(args ...any)   { fmt.Fprintln(&r.log, args...) }
func (r *recorder) FailNow()          { r.failed = true; panic(errEnded) }
func (r *recorder) Parallel()         {}
func (r *recorder) Verbose() bool     { return false }

func (r *recorder) Run(_ string, f func(testscript.T)) { r.run(func() { f(r) }) }

func TestScriptsAreChecked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ script, want string }{
		"good":               {"# shows it\nworld a b\nsettled\n", ""},
		"comment at the end": {"# shows it\nworld a b\nsettled hq # again\n\n# done\n", ""},
		"no world":           {"# shows it\nexec ccdirsync version\n", ""},
		"no comment":         {"world a b\nsettled\n", "does not begin with a comment"},
		"empty comment":      {"#  \nsettled\n", "does not begin with a comment"},
		"unsettled":          {"# shows it\nworld a b\nexec ccdirsync run\n", "does not end with settled"},
		"settled too early":  {"# shows it\nworld a b\nsettled\nexec ccdirsync run\n", "does not end with settled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := checkScript(tc.script)
			if got := fmt.Sprint(err); (err == nil) != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
		})
	}
	if err := checkScripts(t.TempDir()); err == nil {
		t.Fatal("a folder without scripts passed")
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const want = "Name: Müller, Jürgen\nLocn: r\nAddr: EXSITE1\nCmts:\n\nName: B\nLocn: L\nAddr:\nCmts: c: d\n"
	const lotus = "Name: M\x81ller, J\x81rgen\r\nLocn: r\r\nAddr: EXSITE1\r\nCmts:\r\nName: B\r\nLocn: L\r\nAddr:\r\nCmts: c: d\r\n"
	const alt = "Name: M\x81ller, J\x81rgen\nAddr: EXSITE1\nLocn: r\nCmts: \n\nName: B\nAddr: \nLocn: L\nCmts: c: d\n\x1a"
	replace := strings.Replace
	for name, tc := range map[string]struct {
		shape      int
		file, fail string
	}{
		"lotus":                       {0, lotus, ""},
		"alt":                         {1, alt, ""},
		"line end LF":                 {0, replace(lotus, "Locn: r\r\n", "Locn: r\n", 1), "holds a control character"},
		"line end CR LF":              {1, replace(alt, "Locn: r\n", "Locn: r\r\n", 1), "holds a control character"},
		"no last line end":            {0, strings.TrimSuffix(lotus, "\r\n"), "last line"},
		"end mark that must not be":   {0, lotus + "\x1a", "last line"},
		"end mark that is missing":    {1, strings.TrimSuffix(alt, "\x1a"), "0x1A"},
		"end mark in the middle":      {1, replace(alt, "r\nCmts", "r\x1a\nCmts", 1), "control character"},
		"blank line":                  {0, replace(lotus, "Name: B", "\r\nName: B", 1), "is not a line Name"},
		"no blank line":               {1, replace(alt, "\n\n", "\n", 1), "no blank line"},
		"other order":                 {0, replace(lotus, "Locn: r\r\nAddr: EXSITE1", "Addr: EXSITE1\r\nLocn: r", 1), "is not a line Locn"},
		"no blank in an empty value":  {1, replace(alt, "Cmts: \n", "Cmts:\n", 1), "after one blank"},
		"blank in an empty value":     {0, replace(lotus, "Cmts:\r", "Cmts: \r", 1), "after one blank"},
		"two blanks":                  {0, replace(lotus, "Locn: r", "Locn:  r", 1), "after one blank"},
		"line missing":                {0, replace(lotus, "Cmts: c: d\r\n", "", 1), "has 3 lines"},
		"no name":                     {0, replace(lotus, "Name: B", "Name:", 1), "no name"},
		"empty":                       {0, "", "last line"},
		"more than the records, text": {0, lotus + "Name: C\r\n", "has 1 lines"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := shapes[tc.shape].decode([]byte(tc.file))
			switch {
			case tc.fail == "" && (err != nil || got != want):
				t.Fatalf("%q, %v; want %q", got, err, want)
			case tc.fail != "" && (err == nil || !strings.Contains(err.Error(), tc.fail)):
				t.Fatalf("%q, error %v; want one with %q", got, err, tc.fail)
			}
		})
	}
}

func TestReportsAreChecked(t *testing.T) {
	t.Parallel()
	const good = `{"connector":"hq","plan_id":"0123456789ab","counts":{},"to_ccmail":[{"op":"add","kind":"user","name":"A","reason":"new",` +
		`"changes":[{"attr":"Name","old":"","new":"A"}],"outcome":"done"}],"to_exchange":[],` +
		`"guards":[{"name":"deletes","limit":1,"found":0,"tripped":false}],"warnings":["w"]}`
	if err := checkReport(good, "hq"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"unknown field":         {`"counts"`, `"x":1,"counts"`},
		"field missing":         {`"to_exchange":[],`, ``},
		"null instead of array": {`"to_exchange":[]`, `"to_exchange":null`},
		"other connector":       {`"hq"`, `"HQ"`},
		"plan id":               {`0123456789ab`, `0123456789AB`},
		"a step that is a keep": {`"add"`, `"keep"`},
		"unknown kind":          {`"user"`, `"person"`},
		"unknown outcome":       {`"outcome":"done"`, `"outcome":"ok"`},
		"step without reason":   {`"reason":"new"`, `"reason":""`},
		"step without name":     {`"name":"A",`, ``},
		"name of another type":  {`"name":"A"`, `"name":1`},
		"change without old":    {`"old":"",`, ``},
		"guard without limit":   {`"limit":1,`, ``},
		"two objects":           {`["w"]}`, `["w"]} {}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line := strings.Replace(good, change[0], change[1], 1)
			if err := checkReport(line, "hq"); line == good || err == nil {
				t.Fatalf("accepted %s", line)
			}
		})
	}
}

func TestReplaceOnce(t *testing.T) {
	t.Parallel()
	const text = "a:\n  - name: hq\n    b: [x]\n    c: d\n"
	for name, tc := range map[string]struct{ before, after, want string }{
		"in a line":          {"[x]", "[y]", "a:\n  - name: hq\n    b: [y]\n    c: d\n"},
		"a line more":        {"c: d", `c: d\ne: f`, "a:\n  - name: hq\n    b: [x]\n    c: d\n    e: f\n"},
		"after a list dash":  {"name: hq", `name: hq\ne: f`, "a:\n  - name: hq\n    e: f\n    b: [x]\n    c: d\n"},
		"over lines":         {`b: [x]\nc: d`, "", "a:\n  - name: hq\n    \n"},
		"the end of a value": {"x]", `x]\ne: f`, "a:\n  - name: hq\n    b: [x]\n    e: f\n    c: d\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := replaceOnce(text, tc.before, tc.after); err != nil || got != tc.want {
				t.Fatalf("%q, %v; want %q", got, err, tc.want)
			}
		})
	}
}
