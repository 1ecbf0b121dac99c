package scenario

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"ccdirsync/testenv/postoffice"
)

// Options say which scripts run, and how.
type Options struct {
	// Dir is the folder of the scripts, all *.txtar files in it.
	Dir string
	// Update rewrites the files in the scripts that cmp finds different,
	// instead of failing. Only the lotus shape is run then.
	Update bool
}

// Run runs every script of a folder in both shapes, as subtests lotus/<name>
// and alt/<name>, in parallel.
func Run(t *testing.T, o Options) {
	t.Helper()
	if err := checkScripts(o.Dir); err != nil {
		t.Fatal(err)
	}
	for _, s := range shapes {
		if o.Update && s.name != postoffice.Lotus {
			continue // two of a name would write to one file
		}
		t.Run(string(s.name), func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, params(o, s))
		})
	}
}

func params(o Options, s shape) testscript.Params {
	return testscript.Params{
		Dir:                 o.Dir,
		UpdateScripts:       o.Update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                commands(),
		Setup: func(env *testscript.Env) error {
			// Without this, every program sleeps for a second at its end when
			// the tests run with the race detector.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("CODEPAGE", s.codePage)
			env.Values[worldKey{}] = &world{shape: s, dir: env.WorkDir, password: "exchange of " + filepath.Base(env.WorkDir)}
			return nil
		},
		Condition: func(condition string) (bool, error) {
			switch condition {
			case string(postoffice.Lotus), string(postoffice.Alt):
				return condition == string(s.name), nil
			case "root":
				return os.Geteuid() == 0, nil
			default:
				return false, fmt.Errorf("condition %q is not known", condition)
			}
		},
	}
}

// checkScripts reports every script that does not say what it shows, or that
// has a world and does not end with settled.
func checkScripts(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return fmt.Errorf("look for scripts: %w", err)
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no script (*.txtar) in %s", dir)
	}
	var problems []error
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err == nil {
			err = checkScript(string(archive.Comment))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file, err))
		}
	}
	return errors.Join(problems...)
}

func checkScript(script string) error {
	first, _, _ := strings.Cut(script, "\n")
	if text, isComment := strings.CutPrefix(first, "#"); !isComment || strings.TrimSpace(text) == "" {
		return errors.New("it does not begin with a comment that says what it shows")
	}
	last, hasWorld := "", false
	for line := range strings.Lines(script) {
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			last = words[0]
			hasWorld = hasWorld || last == "world"
		}
	}
	if hasWorld && last != "settled" {
		return errors.New("it has a world and does not end with settled: a run after a good one must have nothing to do")
	}
	return nil
}

// verb is a command of the script language.
type verb struct {
	usage       string // after its name
	least, most int    // arguments; most 0 is any number
	negatable   bool
	do          func(*call) error
}

// call is one use of a verb.
type call struct {
	*world
	ts   *testscript.TestScript
	neg  bool
	args []string
}

func verbs() map[string]verb {
	return map[string]verb{
		"world":     {usage: "EXCHANGE.LDIF POSTOFFICE.TXT", least: 2, most: 2, do: (*call).makeWorld},
		"connector": {usage: "NAME POSTOFFICE SEED.TXT", least: 3, most: 3, do: (*call).addConnector},
		"config":    {usage: "OLD NEW", least: 2, most: 2, do: (*call).changeConfig},
		"exchange":  {usage: "apply|dump|writes|fault|stop|start [ARGUMENT...]", least: 1, do: (*call).exchangeVerb},
		"exitcode":  {usage: "N PROGRAM [ARGUMENT...]", least: 2, do: (*call).exitCode},
		"snapshot":  {usage: "NAME [PATH...]", least: 1, do: (*call).takeSnapshot},
		"same":      {usage: "NAME", least: 1, most: 1, negatable: true, do: (*call).compareSnapshot},
		"decode":    {usage: "FILE OUT", least: 2, most: 2, do: (*call).decodeFile},
		"json":      {usage: "FILE CONNECTOR...", least: 2, do: (*call).checkReports},
		"capture":   {usage: "NAME PATTERN [FILE]", least: 2, most: 3, do: (*call).capture},
		"settled":   {usage: "[CONNECTOR...]", do: (*call).settled},
	}
}

// commands are the verbs as testscript wants them.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){}
	for name, v := range verbs() {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			w, ok := ts.Value(worldKey{}).(*world)
			switch {
			case !ok:
				ts.Fatalf("%s: this script was not started by scenario.Run", name)
			case neg && !v.negatable:
				ts.Fatalf("unsupported: ! %s", name)
			case len(args) < v.least || v.most > 0 && len(args) > v.most:
				ts.Fatalf("usage: %s %s", name, v.usage)
			}
			if err := v.do(&call{world: w, ts: ts, neg: neg, args: args}); err != nil {
				ts.Fatalf("%s: %v", name, err)
			}
		}
	}
	return all
}
