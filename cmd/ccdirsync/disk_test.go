//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/testenv/scenario"
	"ccdirsync/testenv/torture"
)

// diskPages is the size of a disk that a whole run fits on.
const diskPages = 4096

// Wherever the disk is full, of the store or of the ledger, the run says so and
// ends, what it wrote is whole, and the next one with room enough does the rest.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for i, s := range stages {
		for j, shape := range shapesOf {
			if !wholeTorture && i != j {
				continue
			}
			in := s.make(t, shape)
			for _, folder := range []string{"CCMCDATA", "state"} {
				t.Run(fmt.Sprintf("%s/%s/%s", s.name, shape, folder), func(t *testing.T) {
					t.Parallel()
					failed := 0
					for pages, fits := 0, false; !fits && !t.Failed(); pages = moreRoom(pages) {
						if pages > diskPages/2 {
							t.Fatalf("the run does not even fit into %d pages", pages)
						}
						t.Run(fmt.Sprintf("%d pages", pages), func(t *testing.T) {
							if fits = in.surviveDisk(t, folder, pages); !fits {
								failed++
							}
						})
					}
					if failed == 0 {
						t.Error("the run fitted into no room at all")
					}
				})
			}
		}
	}
}

// moreRoom is the next size to try: the next of all, or of a sample.
func moreRoom(pages int) int {
	if wholeTorture {
		return pages + 1
	}
	return max(pages+1, pages*2)
}

// surviveDisk lets a run go with so many pages left where a folder is, and
// looks at what comes after it. It reports whether they were enough.
func (in inputs) surviveDisk(t *testing.T, folder string, pages int) (fits bool) {
	t.Helper()
	private(t)
	dir := t.TempDir()
	folder = filepath.Join(dir, folder)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := torture.SmallDisk(folder, diskPages)
	if err != nil {
		t.Fatal(err)
	}
	unmountAtEnd(t, folder)
	w := in.copy(t, dir)
	if err = disk.Leave(pages); err != nil {
		t.Fatal(err)
	}
	code, said := ccdirsync(t, w, "run")
	if err = disk.Free(); err != nil {
		t.Fatal(err)
	}
	in.wantWhole(t, w)
	if code == in.code {
		in.wantOracle(t, w, "the run that fitted")
		return true
	}
	if code != 1 || strings.Contains(said, "internal error") || strings.Contains(said, "goroutine ") {
		t.Fatalf("the run ended with %d:\n%s", code, said)
	}
	full := strings.Contains(said, "no space left on device") || strings.Contains(said, "disk is full")
	if !full || !strings.Contains(said, folder) {
		t.Errorf("the run does not say what was full:\n%s", said)
	}
	in.wantNatives(t, w, "when the disk was full")
	in.wantRecovered(t, w)
	return false
}

// private gives the test mounts of its own.
func private(t *testing.T) {
	t.Helper()
	if err := torture.Private(); err != nil {
		t.Skipf("no disk can be filled: %v", err)
	}
}

func unmountAtEnd(t *testing.T, folder string) {
	t.Helper()
	t.Cleanup(func() {
		if err := torture.Unmount(folder); err != nil {
			t.Error(err)
		}
	})
}

// wantWhole requires that every import file is one that an undisturbed run
// writes, or one that was there before.
func (in inputs) wantWhole(t *testing.T, w *scenario.World) {
	t.Helper()
	for path, content := range importFiles(t, w) {
		if !in.imports[content] {
			t.Errorf("%s is not whole:\n%s", path, content)
		}
	}
}

// In a folder that cannot be written, a run ends before its first write, and
// says which it is.
func TestReadOnlyFolders(t *testing.T) {
	t.Parallel()
	s := stages[len(stages)-1]
	in := s.make(t, shapesOf[0])
	for _, folder := range []string{"CCMCDATA", "CCMCDATA/Export", "CCMCDATA/Import", "CCMCDATA/Export.bak", "CCMCDATA/Import.bak", "state"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			private(t)
			w := in.copy(t, t.TempDir())
			if err := torture.ReadOnly(w.Path(folder)); err != nil {
				t.Fatal(err)
			}
			before := everything(t, w)
			code, said := ccdirsync(t, w, "run")
			if code != 1 || !strings.Contains(said, w.Path(folder)) {
				t.Errorf("the run ended with %d:\n%s", code, said)
			}
			if n := w.Exchange().Writes(); n > 0 {
				t.Errorf("it wrote to the directory %d times", n)
			}
			if diff := cmp.Diff(before, everything(t, w)); diff != "" {
				t.Errorf("it changed something (-before +now):\n%s", diff)
			}
			if err := torture.Unmount(w.Path(folder)); err != nil {
				t.Fatal(err)
			}
			in.wantRecovered(t, w)
		})
	}
}
