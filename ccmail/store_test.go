package ccmail_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

// list returns the names in folder, in order.
func list(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// tree returns what every file below the store holds.
func tree(t *testing.T, s ccmail.Store) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range list(t, s.Dir) {
		for _, name := range list(t, filepath.Join(s.Dir, folder)) {
			b, err := os.ReadFile(filepath.Join(s.Dir, folder, name))
			if err != nil {
				t.Fatal(err)
			}
			files[folder+"/"+name] = string(b)
		}
	}
	return files
}

func store(t *testing.T) ccmail.Store {
	t.Helper()
	s := ccmail.Store{Dir: filepath.Join(t.TempDir(), "CCMCDATA")}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	s := store(t)
	put(t, s.ExportFolder(), "CCMDIR.EXP", "kept")
	if err := s.Prepare(); err != nil { // as every cycle does
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Export", "Export.bak", "Import", "Import.bak"}, list(t, s.Dir)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"Export/CCMDIR.EXP": "kept"}, tree(t, s)); diff != "" {
		t.Error(diff)
	}
	for _, folder := range []string{s.ExportFolder(), s.ImportFolder(), s.ExportBackup(), s.ImportBackup()} {
		info, err := os.Stat(folder)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", folder, info.Mode(), err)
		}
	}
	wantError(t, ccmail.Store{Dir: put(t, t.TempDir(), "file", "")}.Prepare(), "cannot prepare the store")
}

func TestCheckWritable(t *testing.T) {
	t.Parallel()
	s := store(t)
	if err := s.CheckWritable(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{}, tree(t, s)); diff != "" {
		t.Errorf("left behind: %s", diff)
	}
	remove(t, s.Dir, "Import")
	put(t, s.Dir, "Import", "") // a file in the folder's place, as a damaged volume may have it
	remove(t, s.Dir, "Export.bak")
	err := s.CheckWritable()
	wantError(t, err, "store folder "+s.ImportFolder(), "store folder "+s.ExportBackup(), "check its rights")
	if strings.Contains(err.Error(), s.ImportBackup()) {
		t.Errorf("%v names a good folder", err)
	}
}

func TestSetAside(t *testing.T) {
	t.Parallel()
	s := store(t)
	for name, text := range map[string]string{
		"Export/ccmdir.exp": "new directory", "Export/CCMLIST.EXP": "new lists", "Export/CCMAIL.UND": "und",
		"Import/CCMDEL.IMP": "second", "Import/ccmail.und": "refused", "Import/notes.txt": "not ours",
		"Import/.CCMDEL.IMP8231": "a write that was cut short", "Import/.hidden": "not ours",
		"Export.bak/CCMDIR.EXP": "old directory", "Export.bak/CCMBB.EXP": "old boards",
		"Import.bak/CCMDEL.IMP": "finished", "Import.bak/CCMDEL.IMP.1": "first", "Import.bak/CCMDEL.IMP.3": "third",
	} {
		put(t, s.Dir, name, text)
	}
	moved, err := s.SetAside()
	if err != nil {
		t.Fatal(err)
	}
	under := func(name string) string { return filepath.Join(s.Dir, name) }
	wantMoved := []ccmail.Moved{
		{From: under("Export/ccmdir.exp"), To: under("Export.bak/CCMDIR.EXP")},
		{From: under("Export/CCMLIST.EXP"), To: under("Export.bak/CCMLIST.EXP")},
		{From: under("Export/CCMAIL.UND"), To: under("Export.bak/CCMAIL.UND.1"), Leftover: true},
		{From: under("Import/CCMDEL.IMP"), To: under("Import.bak/CCMDEL.IMP.2"), Leftover: true},
		{From: under("Import/.CCMDEL.IMP8231"), To: under("Import.bak/.CCMDEL.IMP8231.1"), Leftover: true},
		{From: under("Import/ccmail.und"), To: under("Import.bak/CCMAIL.UND.1"), Leftover: true},
	}
	if diff := cmp.Diff(wantMoved, moved); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{
		"Export.bak/CCMDIR.EXP": "new directory", "Export.bak/CCMLIST.EXP": "new lists", "Export.bak/CCMBB.EXP": "old boards",
		"Export.bak/CCMAIL.UND.1": "und",
		"Import.bak/CCMDEL.IMP":   "finished", "Import.bak/CCMDEL.IMP.1": "first", "Import.bak/CCMDEL.IMP.2": "second",
		"Import.bak/CCMDEL.IMP.3": "third", "Import.bak/CCMAIL.UND.1": "refused", "Import/notes.txt": "not ours",
		"Import.bak/.CCMDEL.IMP8231.1": "a write that was cut short", "Import/.hidden": "not ours",
	}
	if diff := cmp.Diff(want, tree(t, s)); diff != "" {
		t.Error(diff)
	}
	if moved, err = s.SetAside(); err != nil || len(moved) > 0 {
		t.Errorf("a second time: %v, %v", moved, err)
	}
}

// A folder that knows case may hold one export twice; neither is lost.
func TestSetAsideKeepsBothSpellings(t *testing.T) {
	t.Parallel()
	s := store(t)
	put(t, s.ExportFolder(), "CCMDIR.EXP", "A")
	put(t, s.ExportFolder(), "ccmdir.exp", "a")
	if _, err := s.SetAside(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Export.bak/CCMDIR.EXP": "A", "Export.bak/CCMDIR.EXP.1": "a"}
	if diff := cmp.Diff(want, tree(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestSetAsideErrors(t *testing.T) {
	t.Parallel()
	s := store(t)
	put(t, s.ExportFolder(), "CCMDIR.EXP", "A")
	put(t, s.ImportFolder(), "CCMDIR.IMP", "B")
	remove(t, s.Dir, "Import.bak")
	moved, err := s.SetAside()
	wantError(t, err, "cannot put "+s.ImportFolder()+"/CCMDIR.IMP aside")
	if len(moved) != 1 || moved[0].From != filepath.Join(s.ExportFolder(), "CCMDIR.EXP") {
		t.Errorf("does not tell what it did: %v", moved)
	}
	_, err = ccmail.Store{Dir: t.TempDir()}.SetAside()
	wantError(t, err, "cannot look for old files")
}

func TestWriteImportAndFinish(t *testing.T) {
	t.Parallel()
	s, o := store(t), lotus(t, "437")
	put(t, s.ImportBackup(), ccmail.AddImport, "of the last cycle")
	path, err := s.WriteImport(ccmail.AddImport, sampleRecords(), o)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || path != filepath.Join(s.ImportFolder(), "CCMDIR.IMP") {
		t.Fatal(path, info, err)
	}
	put(t, s.ImportFolder(), "ccmail.und", "refused")
	if err := s.Finish(ccmail.AddImport); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Import.bak/CCMDIR.IMP": crlf(sample), "Import.bak/CCMDIR.UND": "refused"}
	if diff := cmp.Diff(want, tree(t, s)); diff != "" {
		t.Error(diff)
	}
	wantError(t, s.Finish(ccmail.DeleteImport), "cannot put away CCMDEL.IMP")
}

func TestWriteImportRefuses(t *testing.T) {
	t.Parallel()
	s, o := store(t), lotus(t, "437")
	bad := append(sampleRecords(), ccmail.Record{Name: "Łukasz", Location: "r"})
	_, err := s.WriteImport(ccmail.AddImport, bad, o)
	var value *ccmail.ValueError
	if !errors.As(err, &value) {
		t.Error(err)
	}
	_, err = s.WriteImport(ccmail.AddImport, nil, o)
	if !errors.Is(err, ccmail.ErrNoRecords) {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{}, tree(t, s)); diff != "" {
		t.Errorf("left behind: %s", diff)
	}
	put(t, s.ImportFolder(), "ccmdir.imp", "old")
	_, err = s.WriteImport(ccmail.AddImport, sampleRecords(), o)
	wantError(t, err, "cannot write", "ccmdir.imp is there from an earlier run")
	if diff := cmp.Diff(map[string]string{"Import/ccmdir.imp": "old"}, tree(t, s)); diff != "" {
		t.Error(diff)
	}
}

// A file that IMPORT did not get through must not take the place of the last
// good one.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	s := ccmail.Store{Dir: t.TempDir()}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	put(t, s.ImportBackup(), ccmail.AddImport, "good")
	put(t, s.ImportBackup(), "CCMDIR.UND", "good")
	for _, n := range []string{"1", "2"} {
		put(t, s.ImportFolder(), ccmail.AddImport, "bad "+n)
		put(t, s.ImportFolder(), "ccmail.und", "reasons "+n)
		if err := s.Quarantine(ccmail.AddImport); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"CCMDIR.IMP": "good", "CCMDIR.UND": "good",
		"CCMDIR.IMP.1": "bad 1", "CCMDIR.UND.1": "reasons 1", "CCMDIR.IMP.2": "bad 2", "CCMDIR.UND.2": "reasons 2",
	}
	if diff := cmp.Diff(want, contents(t, s.ImportBackup())); diff != "" {
		t.Error(diff)
	}
	if left := contents(t, s.ImportFolder()); len(left) != 0 {
		t.Errorf("left in the Import folder: %v", left)
	}
}

// contents are the files of a folder by name.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range list(t, folder) {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	return files
}
