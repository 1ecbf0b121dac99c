package main

import (
	"flag"
	"testing"

	"ccdirsync/testenv/scenario"
)

var update = flag.Bool("update", false, "rewrite the expected files in the scripts")

// TestMain makes the code under test the ccdirsync that scripts find in PATH.
func TestMain(m *testing.M) {
	scenario.Main(m, map[string]func() int{"ccdirsync": mainExit})
}

// TestScripts runs testdata/script/*.txtar; package scenario has the verbs.
func TestScripts(t *testing.T) {
	t.Parallel()
	scenario.Run(t, scenario.Options{Dir: "testdata/script", Update: *update})
}
