package ccmail_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/ccmail"
)

// put writes a file into folder and returns its path.
func put(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exporter is a post office whose EXPORT gives out the files of the returned
// folder: CCMDIR.EXP, CCMLIST.EXP and CCMBB.EXP.
func exporter(t *testing.T) (ccmail.PostOffice, string) {
	t.Helper()
	files := t.TempDir()
	put(t, files, ccmail.DirectoryExport, crlf(sample))
	put(t, files, ccmail.ListsExport, crlf("Name: Sales\n"))
	put(t, files, ccmail.BoardsExport, "Name: Cafeteria\r\n")
	copies := func(name string) []string { return steps("copy=" + filepath.Join(files, name) + ">{file}") }
	return ccmail.PostOffice{
		Name: "NORTHHUB", Password: "Secret", CodePage: page(t, "437"), Dialect: ccmail.Lotus(),
		Programs: ccmail.Programs{
			ExportDirectory: copies(ccmail.DirectoryExport),
			ExportLists:     copies(ccmail.ListsExport),
			ExportBoards:    copies(ccmail.BoardsExport),
		},
	}, files
}

// export is what the three files of an export hold.
type export struct {
	Directory []ccmail.Record
	Lists     []ccmail.List
	Boards    []ccmail.Board
	Warnings  []ccmail.Warning
}

func readExport(po ccmail.PostOffice, folder string) (export, error) {
	var e export
	var warnings [3][]ccmail.Warning
	var errs [3]error
	e.Directory, warnings[0], errs[0] = po.ReadDirectory(folder)
	e.Lists, warnings[1], errs[1] = po.ReadLists(folder)
	e.Boards, warnings[2], errs[2] = po.ReadBoards(folder)
	e.Warnings = slices.Concat(warnings[:]...)
	return e, errors.Join(errs[:]...)
}

func TestExportAndReadIt(t *testing.T) {
	t.Parallel()
	po, _ := exporter(t)
	folder := t.TempDir()
	if err := po.Export(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	got, err := readExport(po, folder)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleRecords(), got.Directory, ignorePositions()); diff != "" {
		t.Error(diff)
	}
	want := export{
		Directory: got.Directory,
		Lists:     []ccmail.List{{Title: "Sales"}},
		Boards:    []ccmail.Board{{Title: "Cafeteria"}},
	}
	if diff := cmp.Diff(want, got, ignorePositions()); diff != "" {
		t.Error(diff)
	}
	if file := got.Lists[0].Pos.File; file != "CCMLIST.EXP" {
		t.Errorf("the position is in %s", file)
	}
}

func TestReadExportWarnings(t *testing.T) {
	t.Parallel()
	po, _ := exporter(t)
	folder := t.TempDir()
	put(t, folder, "ccmdir.exp", "Name: Quist\r\nLocn: X\r\nAddr:\r\nCmts:\r\n")
	put(t, folder, "Ccmlist.exp", "Name: Sales\r\nOwnr: Quist\r\n")
	put(t, folder, "CCMBB.EXP", "Name: Cafeteria\r\nName: Cafeteria\r\n")
	got, err := readExport(po, folder)
	if err != nil {
		t.Fatal(err)
	}
	// The folder of an export may be a temporary one, which tells nobody anything.
	want := "ccmdir.exp:2:7: location \"X\" of \"Quist\" is not one of P p L l R r A a\n" +
		"Ccmlist.exp:2:1: tag Ownr is skipped\n" +
		"CCMBB.EXP:2:1: title \"Cafeteria\" repeats line 1 and is dropped\n"
	if diff := cmp.Diff(want, texts(got.Warnings)); diff != "" {
		t.Error(diff)
	}
}

func TestReadExportErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, folder string)
		want  string
	}{
		"no directory": {
			func(t *testing.T, folder string) { t.Helper(); remove(t, folder, "CCMDIR.EXP") },
			"$FOLDER/CCMDIR.EXP: file does not exist; run the export again",
		},
		"no lists": {
			func(t *testing.T, folder string) { t.Helper(); remove(t, folder, "CCMLIST.EXP") },
			"CCMLIST.EXP: file does not exist",
		},
		"no boards": {
			func(t *testing.T, folder string) { t.Helper(); remove(t, folder, "CCMBB.EXP") },
			"CCMBB.EXP: file does not exist",
		},
		"empty directory": {
			func(t *testing.T, folder string) { t.Helper(); put(t, folder, "CCMDIR.EXP", "") },
			"CCMDIR.EXP:1:1: cannot take this for an export",
		},
		"lists are cut off": {
			func(t *testing.T, folder string) { t.Helper(); put(t, folder, "CCMLIST.EXP", "Name: Sa") },
			"CCMLIST.EXP:1:9: the last line has no line end",
		},
		"one file in two spellings": {
			func(t *testing.T, folder string) { t.Helper(); put(t, folder, "ccmbb.exp", "") },
			"CCMBB.EXP and ccmbb.exp in ",
		},
		"a folder in place of a file": {
			func(t *testing.T, folder string) {
				t.Helper()
				remove(t, folder, "CCMBB.EXP")
				if err := os.Mkdir(filepath.Join(folder, "CCMBB.EXP"), 0o700); err != nil {
					t.Fatal(err)
				}
			},
			"CCMBB.EXP:1:1: cannot read on",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			po, folder := exporter(t)
			c.spoil(t, folder)
			_, err := readExport(po, folder)
			wantError(t, err, strings.ReplaceAll(c.want, "$FOLDER", folder))
		})
	}
}

func remove(t *testing.T, folder, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
}

// No old file may be taken for a new export, whatever its case.
func TestExportRefusesToStartOverOldFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"CCMDIR.EXP", "ccmlist.exp", "Ccmbb.exp"} {
		po, _ := exporter(t)
		folder := t.TempDir()
		put(t, folder, name, "old")
		wantError(t, po.Export(t.Context(), folder), "cannot export", filepath.Join(folder, name)+" is there from an earlier run")
		if names := list(t, folder); len(names) != 1 {
			t.Errorf("a program ran and wrote %v", names)
		}
	}
	po, _ := exporter(t)
	wantError(t, po.Export(t.Context(), filepath.Join(t.TempDir(), "none")), "cannot export", "no such file or directory")
}

func TestExportThatWritesNothing(t *testing.T) {
	t.Parallel()
	po, _ := exporter(t)
	po.Programs.ExportLists = steps("print=done")
	err := po.Export(t.Context(), t.TempDir())
	wantError(t, err, "EXPORT of mailing lists to ", "reported success but wrote no CCMLIST.EXP", "names {file}")
	if failed := programError(t, err); failed.Event != 65 || failed.Code != 0 {
		t.Errorf("%#v", failed)
	}
}

// The programs are asked one after the other and the first failure is the end.
func TestExportStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	po, _ := exporter(t)
	po.Programs.ExportLists = steps("exit=4")
	folder := t.TempDir()
	wantError(t, po.Export(t.Context(), folder), "EXPORT of mailing lists", "result code 4")
	if diff := cmp.Diff([]string{"CCMDIR.EXP"}, list(t, folder)); diff != "" {
		t.Error(diff)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	const refusal = "Name already exists\r\nName: Quist, Marta\r\nLocn: r\r\nAddr: EXSITE1 Quist, Marta\r\nCmts:\r\n"
	und := put(t, t.TempDir(), "refusal", refusal)
	empty := put(t, t.TempDir(), "empty", "")
	long := put(t, t.TempDir(), "long", crlf(sample)+string(make([]byte, 5000)))
	want := []ccmail.Refused{{
		Record: ccmail.Record{Name: "Quist, Marta", Location: "r", Address: "EXSITE1 Quist, Marta"},
		Reason: "Name already exists",
	}}
	for name, c := range map[string]struct {
		steps []string
		want  []ccmail.Refused
		err   string
	}{
		"all taken":                          {steps: []string{"print=ok"}},
		"some refused":                       {steps: []string{"copy=" + und + ">CCMAIL.UND", "exit=5"}, want: want},
		"some refused, other spelling":       {steps: []string{"copy=" + und + ">ccmail.und", "exit=5"}, want: want},
		"success, but some refused":          {steps: []string{"copy=" + und + ">CCMAIL.UND"}, want: want},
		"success with an empty file":         {steps: []string{"copy=" + empty + ">CCMAIL.UND"}},
		"some refused, it is not said which": {steps: []string{"exit=5"}, err: "CCMAIL.UND: file does not exist; look into the post office"},
		"some refused, the file is empty":    {steps: []string{"copy=" + empty + ">CCMAIL.UND", "exit=5"}, err: "CCMAIL.UND names no entry"},
		"some refused, the file is no text":  {steps: []string{"copy=" + long + ">CCMAIL.UND", "exit=5"}, err: "cannot tell which entries were refused"},
		"success, the file is no text":       {steps: []string{"copy=" + long + ">CCMAIL.UND"}, err: "cannot tell which entries were refused"},
		"failed, whatever the file says":     {steps: []string{"copy=" + und + ">CCMAIL.UND", "exit=1"}, err: "result code 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			po, file := importer(t, c.steps...)
			refused, err := po.ImportAdd(t.Context(), file)
			if c.err != "" {
				wantError(t, err, "IMPORT of the additions in "+file, c.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, refused, ignorePositions()); diff != "" {
				t.Error(diff)
			}
			if len(c.want) > 0 {
				if at := refused[0].Record.Pos; !strings.EqualFold(at.File, ccmail.RefusedFile) {
					t.Errorf("the position is %s", at)
				}
				// IMPORT appends, so the file must be put away first.
				_, err = po.ImportDelete(t.Context(), file)
				wantError(t, err, "cannot import "+file, "is there from an earlier run; move it away first")
			}
		})
	}
}

func TestImportDeleteIsItsOwnProgram(t *testing.T) {
	t.Parallel()
	po, file := importer(t)
	po.Programs.ImportDelete = steps("/@{file}", "args", "exit=3")
	_, err := po.ImportDelete(t.Context(), file)
	wantError(t, err, "IMPORT of the deletions in "+file, "/@"+file)
	if failed := programError(t, err); failed.Event != 61 {
		t.Errorf("%#v", failed)
	}
	if _, err = po.ImportAdd(t.Context(), file); err != nil {
		t.Error(err)
	}
}
