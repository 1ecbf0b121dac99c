package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccdirsync/testenv/slapd"
)

// TestMain makes this test binary the program that only reads.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == readArgument {
		main()
		return
	}
	os.Exit(m.Run())
}

// Every row runs to its end and finds what it is to find, on a directory that
// is too small to mean anything.
func TestRows(t *testing.T) {
	t.Parallel()
	if err := slapd.Available(); err != nil {
		t.Skipf("needs a real slapd: %v", err)
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+string(filepath.Separator), "ccdirsync/cmd/ccdirsync", "ccdirsync/cmd/ccpo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var table bytes.Buffer
			args := []string{"-entries", "60", "-pairs", "1", "-bin", bin, "-dir", filepath.Join(t.TempDir(), "bench"), "-rows", r.name}
			if err := command(t.Context(), args, &table, os.Stderr); err != nil {
				t.Fatal(err)
			}
			lines := 0
			for line := range strings.Lines(table.String()) {
				if strings.HasSuffix(line, "| 1 | met |\n") || strings.HasSuffix(line, "| 1 | missed |\n") {
					lines++
				}
			}
			if least := map[string]int{"read": 4, "incremental": 2, "load": 1, "loadsync": 1, "unchanged": 1}[r.name]; lines < least {
				t.Errorf("%d numbers have a bound, want %d:\n%s", lines, least, table.String())
			}
		})
	}
}

func TestTableShowsWhatIsMissed(t *testing.T) {
	t.Parallel()
	var r results
	r.add(
		finding{what: "slow", bound: 1.15, values: []float64{1.2, 1.1, 3}},
		finding{what: "fast", bound: 1.15, values: []float64{1.16, 1.1, 1.15}},
		finding{what: "many", bound: 1.3, atLeast: true, values: []float64{1.2, 1.3, 1.4}},
		finding{what: "few", bound: 1.3, atLeast: true, values: []float64{1.2}},
		finding{what: "big", unit: "MB", bound: 120, values: []float64{120.04}},
		finding{what: "unbound", values: []float64{7}},
	)
	r.account("ours", "theirs", []pair{
		{usage{wall: time.Second, cpu: 2 * time.Second, peak: 5e6}, usage{wall: 4 * time.Second}},
	})
	var table bytes.Buffer
	if err := r.print(&table); err != nil {
		t.Fatal(err)
	}
	want := `| what | bound | median | least to most | pairs | |
| --- | --- | --- | --- | --- | --- |
| slow | at most 1.15 | 1.20 | 1.10 to 3.00 | 3 | missed |
| fast | at most 1.15 | 1.15 | 1.10 to 1.16 | 3 | met |
| many | at least 1.30 | 1.30 | 1.20 to 1.40 | 3 | met |
| few | at least 1.30 | 1.20 | 1.20 to 1.20 | 1 | missed |
| big | at most 120.0 MB | 120.0 MB | 120.0 MB to 120.0 MB | 1 | missed |
| unbound |  | 7.00 | 7.00 to 7.00 | 1 |  |

| run, medians | wall time | CPU time | peak memory |
| --- | --- | --- | --- |
| ours | 1.00 s | 2.00 s | 5 MB |
| theirs | 4.00 s | 0.00 s | 0 MB |
`
	if table.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", table.String(), want)
	}
}

// The time of a program that another one started is not counted as its own.
func TestUsageIsThatOfTheProcessAlone(t *testing.T) {
	t.Parallel()
	const busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
	alone, err := invocation{args: []string{"/bin/sh", "-c", busy}}.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	through, err := invocation{args: []string{"/bin/sh", "-c", "/bin/sh -c '" + busy + "'; true"}}.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if through.cpu > alone.cpu/2 || alone.cpu < 50*time.Millisecond {
		t.Errorf("a shell that counts takes %v, one that has another count %v", alone.cpu, through.cpu)
	}
	if _, err = (invocation{args: []string{"/bin/sh", "-c", "echo what went wrong >&2; exit 3"}}).measure(t.Context()); err == nil || !strings.Contains(err.Error(), "what went wrong") {
		t.Errorf("a program that failed: %v", err)
	}
}

func TestStepTook(t *testing.T) {
	t.Parallel()
	const told = "hq  9/10 update Exchange: users: 3 added (1.5s)\nhq 10/10 update Exchange: lists and boards: nothing (2ms)\n"
	if took, err := stepTook(told, 10); took != 2*time.Millisecond || err != nil {
		t.Errorf("step 10 took %v, %v", took, err)
	}
	if took, err := stepTook(told, 9); took != 1500*time.Millisecond || err != nil {
		t.Errorf("step 9 took %v, %v", took, err)
	}
	if _, err := stepTook(told, 8); err == nil {
		t.Error("a step that is not there has no error")
	}
}
