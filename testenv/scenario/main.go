package scenario

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ccdirsync/testenv/postoffice"
)

// Main runs the tests of a package whose scripts start programs, and ends the
// process; TestMain calls it and nothing else. Programs are functions that run
// a program in this process' surroundings and return its exit code; scripts,
// and the programs that they start, find them in PATH under their names. ccpo
// is there already.
func Main(m *testing.M, programs map[string]func() int) {
	commands := map[string]func(){
		"ccpo": func() { os.Exit(postoffice.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	}
	for name, program := range programs {
		commands[name] = func() { os.Exit(program()) }
	}
	testscript.Main(tests{m}, commands)
}

// tests are the tests of a package, with a faster ccpo in PATH.
type tests struct{ *testing.M }

// Run runs the tests. The race detector makes the start of a program four
// times as long, and most programs that scripts start are ccpo, which is not
// what they test. So when the tests run with it, ccpo is built without it. If
// that fails, the ccpo in the test binary serves as well.
func (t tests) Run() int {
	if dir, err := os.MkdirTemp("", "ccpo-"); err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		build := exec.CommandContext(context.Background(), "go", "build", "-race=false", "-o", dir+string(filepath.Separator), "ccdirsync/cmd/ccpo")
		if raceDetector() && build.Run() == nil {
			_ = os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
		}
	}
	return t.M.Run()
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
