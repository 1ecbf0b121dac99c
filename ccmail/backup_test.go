package ccmail_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

// kept returns what every file at and below a folder holds, by its path there.
func kept(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := strings.CutPrefix(path, folder+"/")
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// dated puts a file into a folder that is made when it is missing, as if it
// was written at a time.
func dated(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(put(t, filepath.Dir(path), filepath.Base(path), text), at, at); err != nil {
		t.Fatal(err)
	}
}

// exported is a cycle as the Export folder sees it: what the last one left is
// put aside, then the files are written.
func exported(t *testing.T, s ccmail.Store, text string, at time.Time) {
	t.Helper()
	if _, err := s.SetAside(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ccmail.DirectoryExport, ccmail.ListsExport, ccmail.BoardsExport} {
		dated(t, filepath.Join(s.ExportFolder(), name), text, at)
	}
}

func wantKept(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, kept(t, folder)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", folder, diff)
	}
}

// batchOf are three export files below a folder, all with one text.
func batchOf(folder, text string) map[string]string {
	return map[string]string{
		filepath.Join(folder, "CCMDIR.EXP"): text, filepath.Join(folder, "CCMLIST.EXP"): text, filepath.Join(folder, "CCMBB.EXP"): text,
	}
}

func merge(all ...map[string]string) map[string]string {
	merged := map[string]string{}
	for _, m := range all {
		maps.Copy(merged, m)
	}
	return merged
}

// The newest exports are in Export.bak, those of two cycles before in folders
// of their own, and the oldest go.
func TestBackupsOfExports(t *testing.T) {
	t.Parallel()
	s := store(t)
	s.Backups = 2
	for n := range 6 {
		exported(t, s, fmt.Sprint("cycle ", n), noon.Add(time.Duration(n)*time.Hour))
	}
	wantKept(t, s.ExportBackup(), merge(batchOf("", "cycle 4"), batchOf("19980301T150000Z", "cycle 3"), batchOf("19980301T140000Z", "cycle 2")))
	for _, folder := range []string{"19980301T150000Z", "19980301T140000Z"} {
		if info, err := os.Stat(filepath.Join(s.ExportBackup(), folder)); err != nil || info.Mode().Perm() != 0o700 {
			t.Error(folder, info, err)
		}
	}

	// Fewer, then none.
	s.Backups = 1
	exported(t, s, "cycle 6", noon.Add(6*time.Hour))
	wantKept(t, s.ExportBackup(), merge(batchOf("", "cycle 5"), batchOf("19980301T160000Z", "cycle 4")))
	s.Backups = 0
	exported(t, s, "cycle 7", noon.Add(7*time.Hour))
	wantKept(t, s.ExportBackup(), batchOf("", "cycle 6"))
}

// Whatever the clock does, the order of the names is that of the cycles, so
// that the files of the oldest cycle go first.
func TestBackupsWithoutClock(t *testing.T) {
	t.Parallel()
	s := store(t)
	s.Backups = 3
	for n, at := range []time.Time{
		noon, noon.AddDate(100, 0, 0), noon.AddDate(-20, 0, 0), {}, noon.AddDate(100, 0, 0), noon, noon, noon,
	} {
		exported(t, s, fmt.Sprint("cycle ", n), at)
	}
	wantKept(t, s.ExportBackup(), merge(batchOf("", "cycle 6"),
		batchOf("20980301T120004Z", "cycle 5"), batchOf("20980301T120003Z", "cycle 4"), batchOf("20980301T120002Z", "cycle 3")))

	// The last name that there can be does not end it.
	if err := os.Mkdir(filepath.Join(s.ExportBackup(), "99991231T235959Z"), 0o700); err != nil {
		t.Fatal(err)
	}
	exported(t, s, "cycle 8", noon)
	exported(t, s, "cycle 9", noon)
	for name, text := range merge(batchOf("", "cycle 8"), batchOf("100000101T000000Z", "cycle 6"), batchOf("100000101T000001Z", "cycle 7")) {
		if got := kept(t, s.ExportBackup())[name]; got != text {
			t.Errorf("%s holds %q, want %q", name, got, text)
		}
	}
}

// Only folders whose name has the very form are removed, and nothing behind a
// link. What is not of a good cycle stays where it is.
func TestBackupsRemoveNothingElse(t *testing.T) {
	t.Parallel()
	s := store(t)
	s.Backups = 1
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	dated(t, filepath.Join(elsewhere, "CCMDIR.EXP"), "elsewhere", noon)
	if err := os.Symlink(elsewhere, filepath.Join(s.ExportBackup(), "19970101T000000Z")); err != nil {
		t.Fatal(err)
	}
	others := map[string]string{
		"19970101/x": "", "19970101T000000/x": "", "19970101T000000Z.old/x": "", "19970231T000000Z/x": "", "19970101T000000.5Z/x": "",
		"x19970101T000000Z/x": "", "19970101t000000z/x": "", "19970101T000001Z": "a file", "CCMAIL.UND.1": "leftover", "CCMDIR.EXP.1": "leftover", "notes.txt": "mine",
	}
	for name, text := range others {
		dated(t, filepath.Join(s.ExportBackup(), name), text, noon)
	}
	// A generation with a link in it goes; what the link leads to does not.
	if err := os.Mkdir(filepath.Join(s.ExportBackup(), "19960101T000000Z"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(s.ExportBackup(), "19960101T000000Z", "link")); err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		exported(t, s, fmt.Sprint("cycle ", n), noon.Add(time.Duration(n)*time.Hour))
	}
	wantKept(t, s.ExportBackup(), merge(others, batchOf("", "cycle 2"), batchOf("19980301T130000Z", "cycle 1")))
	if _, err := os.Lstat(filepath.Join(s.ExportBackup(), "19960101T000000Z")); !os.IsNotExist(err) {
		t.Errorf("the oldest generation is still there: %v", err)
	}
	if target, err := os.Readlink(filepath.Join(s.ExportBackup(), "19970101T000000Z")); err != nil || target != elsewhere {
		t.Errorf("the link is %q, %v", target, err)
	}
	wantKept(t, elsewhere, map[string]string{"CCMDIR.EXP": "elsewhere"})
}

// The import files of a cycle stay together: a cycle that has other files than
// the one before does not mix them, and one without any leaves them.
func TestBackupsOfImports(t *testing.T) {
	t.Parallel()
	s := store(t)
	s.Backups = 2
	for n, names := range [][]string{
		{"CCMDEL.IMP", "CCMDIR.IMP"},
		{"CCMDIR.IMP"},
		{},
		{"CCMDEL.IMP", "CCMDIR.IMP"},
		{"CCMDEL.IMP"},
	} {
		if len(names) > 0 {
			if err := s.KeepImports(); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range names {
			text, at := fmt.Sprint("cycle ", n), noon.Add(time.Duration(n)*time.Hour)
			dated(t, filepath.Join(s.ImportFolder(), name), text, at)
			dated(t, filepath.Join(s.ImportFolder(), "CCMAIL.UND"), text, at)
			if err := s.Finish(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	both := func(folder, text string) map[string]string {
		return map[string]string{
			folder + "CCMDEL.IMP": text, folder + "CCMDEL.UND": text, folder + "CCMDIR.IMP": text, folder + "CCMDIR.UND": text,
		}
	}
	wantKept(t, s.ImportBackup(), merge(
		map[string]string{"CCMDEL.IMP": "cycle 4", "CCMDEL.UND": "cycle 4"},
		both("19980301T150000Z/", "cycle 3"),
		map[string]string{"19980301T130000Z/CCMDIR.IMP": "cycle 1", "19980301T130000Z/CCMDIR.UND": "cycle 1"},
	))
}

// A cycle that died at any point of moving its files left all of them, and the
// next one goes on where it ended.
func TestBackupsInterrupted(t *testing.T) {
	t.Parallel()
	rename := func(from, to string) func(ccmail.Store) error {
		return func(s ccmail.Store) error { return os.Rename(filepath.Join(s.Dir, from), filepath.Join(s.Dir, to)) }
	}
	// What SetAside does, an operation at a time.
	operations := []func(ccmail.Store) error{
		func(s ccmail.Store) error { return os.Mkdir(filepath.Join(s.ExportBackup(), ".moving"), 0o700) },
		rename("Export.bak/CCMDIR.EXP", "Export.bak/.moving/CCMDIR.EXP"),
		rename("Export.bak/CCMLIST.EXP", "Export.bak/.moving/CCMLIST.EXP"),
		rename("Export.bak/CCMBB.EXP", "Export.bak/.moving/CCMBB.EXP"),
		rename("Export.bak/.moving", "Export.bak/19980301T130000Z"),
		func(s ccmail.Store) error {
			return os.Remove(filepath.Join(s.ExportBackup(), "19980301T110000Z", "CCMBB.EXP"))
		},
		func(s ccmail.Store) error { return os.RemoveAll(filepath.Join(s.ExportBackup(), "19980301T110000Z")) },
		rename("Export/CCMDIR.EXP", "Export.bak/CCMDIR.EXP"),
		rename("Export/CCMLIST.EXP", "Export.bak/CCMLIST.EXP"),
		rename("Export/CCMBB.EXP", "Export.bak/CCMBB.EXP"),
	}
	for done := range len(operations) + 1 {
		s := store(t)
		s.Backups = 2
		for name := range batchOf("", "") {
			for folder, cycle := range map[string]int{"Export.bak/19980301T110000Z": 11, "Export.bak/19980301T120000Z": 12, "Export.bak": 13, "Export": 14} {
				dated(t, filepath.Join(s.Dir, folder, name), fmt.Sprint("cycle ", cycle), noon.Add(time.Duration(cycle-12)*time.Hour))
			}
		}
		for _, operation := range operations[:done] {
			if err := operation(s); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.SetAside(); err != nil {
			t.Errorf("after %d operations: %v", done, err)
		}
		got := kept(t, s.ExportBackup())
		for name, text := range merge(batchOf("", "cycle 14"), batchOf("19980301T130000Z", "cycle 13"), batchOf("19980301T120000Z", "cycle 12")) {
			if got[name] != text {
				t.Errorf("after %d operations: %s holds %q, want %q", done, name, got[name], text)
			}
		}
		exported(t, s, "cycle 15", noon.Add(3*time.Hour)) // nothing was left to be put aside
		exported(t, s, "cycle 16", noon.Add(4*time.Hour))
		want := merge(batchOf("", "cycle 15"), batchOf("19980301T140000Z", "cycle 14"), batchOf("19980301T130000Z", "cycle 13"))
		if diff := cmp.Diff(want, kept(t, s.ExportBackup())); diff != "" {
			t.Errorf("two cycles after %d operations (-want +got):\n%s", done, diff)
		}
	}
}

// Where two runs collected a file of one name, both are kept.
func TestBackupsNeverOverwrite(t *testing.T) {
	t.Parallel()
	s := store(t)
	s.Backups = 2
	dated(t, filepath.Join(s.ImportBackup(), ".moving", "CCMDIR.IMP"), "one", noon)
	dated(t, filepath.Join(s.ImportBackup(), "CCMDIR.IMP"), "two", noon)
	if err := s.KeepImports(); err != nil {
		t.Fatal(err)
	}
	wantKept(t, s.ImportBackup(), map[string]string{"19980301T120000Z/CCMDIR.IMP": "one", "19980301T120000Z/CCMDIR.IMP.1": "two"})
}

func TestKeepImportsErrors(t *testing.T) {
	t.Parallel()
	s := store(t)
	s.Backups = 2
	put(t, s.ImportBackup(), ".moving", "a file in the folder's place")
	put(t, s.ImportBackup(), "CCMDIR.IMP", "good")
	wantError(t, s.KeepImports(), "cannot keep the files of the last cycle in "+s.ImportBackup(), ".moving")
	if names := list(t, s.ImportBackup()); !slices.Contains(names, "CCMDIR.IMP") {
		t.Errorf("only %q left", names)
	}
}
