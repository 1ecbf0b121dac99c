package ccmail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The files of a cycle (DOC, Q295753) and the one that IMPORT leaves for what
// it refuses (DOC, Q212788). On disk their case does not matter.
const (
	DirectoryExport = "CCMDIR.EXP"
	ListsExport     = "CCMLIST.EXP"
	BoardsExport    = "CCMBB.EXP"
	DeleteImport    = "CCMDEL.IMP"
	AddImport       = "CCMDIR.IMP"
	RefusedFile     = "CCMAIL.UND"
)

// PostOffice is one cc:Mail post office as its two programs see it. Path is
// its data directory. A run that takes longer than Timeout is ended; 0 is ten
// minutes. Propagate lets cc:Mail's own directory exchange pass on imports.
type PostOffice struct {
	Name, Password, Path string
	Programs             Programs
	CodePage             CodePage
	Dialect              Dialect
	Timeout              time.Duration
	Propagate            bool
}

// Export runs EXPORT three times and leaves its three files in folder. None
// of them may be there before, so that an old file is never taken for a new
// one. Every result code but 0 is a *ProgramError, and so is a file that is
// missing afterwards.
func (po PostOffice) Export(ctx context.Context, folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return fmt.Errorf("cannot export: %w", err)
	}
	jobs := []job{
		{what: "the directory", command: po.Programs.ExportDirectory, file: DirectoryExport},
		{what: "mailing lists", command: po.Programs.ExportLists, file: ListsExport},
		{what: "bulletin boards", command: po.Programs.ExportBoards, file: BoardsExport},
	}
	for _, j := range jobs {
		if err := mustBeAbsent(folder, j.file); err != nil {
			return fmt.Errorf("cannot export: %w", err)
		}
	}
	for _, j := range jobs {
		name := j.file
		j.program, j.file = programExport, filepath.Join(folder, name)
		j.what += " to " + j.file
		if err := po.run(ctx, j); err != nil {
			return err
		}
		if _, err := find(folder, name); err != nil {
			return &ProgramError{
				Program: programExport, What: j.what, Event: eventExportNotRun, Err: err,
				Meaning: "reported success but wrote no " + name,
				Advice:  "check that the configured command names {file}",
			}
		}
	}
	return nil
}

// ReadDirectory reads the directory file of an export in folder. A file that
// is missing, holds no entry or looks cut off is an error.
func (po PostOffice) ReadDirectory(folder string) ([]Record, []Warning, error) {
	return readExport(po, folder, DirectoryExport, ReadDirectory)
}

// ReadLists reads the lists file of an export in folder. A post office may
// have no lists; a file that is missing or looks cut off is an error.
func (po PostOffice) ReadLists(folder string) ([]List, []Warning, error) {
	return readExport(po, folder, ListsExport, ReadLists)
}

// ReadBoards reads the boards file of an export in folder, as ReadLists does.
func (po PostOffice) ReadBoards(folder string) ([]Board, []Warning, error) {
	return readExport(po, folder, BoardsExport, ReadBoards)
}

func readExport[T any](
	po PostOffice, folder, name string, read func(io.Reader, Options) ([]T, []Warning, error),
) ([]T, []Warning, error) {
	path, err := find(folder, name)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the export: %w; run the export again", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the export: %w", err)
	}
	defer func() { _ = f.Close() }()
	return read(f, po.options(path))
}

// options leaves the folder out of positions: it is often a temporary one, and
// messages are to be the same in every run.
func (po PostOffice) options(path string) Options {
	return Options{File: filepath.Base(path), CodePage: po.CodePage, Dialect: po.Dialect}
}

// ImportDelete runs IMPORT with a file of entries to delete and returns those
// that it refused. Refusals (result code 5) are not an error as long as the
// .UND file that IMPORT leaves beside file tells of them. An old .UND file
// there is an error, because IMPORT would append to it (DOC, RM51).
func (po PostOffice) ImportDelete(ctx context.Context, file string) ([]Refused, error) {
	return po.importFile(ctx, job{what: "the deletions in ", command: po.Programs.ImportDelete, file: file})
}

// ImportAdd runs IMPORT with a file of entries to add, as ImportDelete does.
func (po PostOffice) ImportAdd(ctx context.Context, file string) ([]Refused, error) {
	return po.importFile(ctx, job{what: "the additions in ", command: po.Programs.ImportAdd, file: file})
}

func (po PostOffice) importFile(ctx context.Context, j job) ([]Refused, error) {
	file, err := filepath.Abs(j.file)
	if err != nil {
		return nil, fmt.Errorf("cannot import: %w", err)
	}
	j.program, j.file, j.what = programImport, file, j.what+file
	folder := filepath.Dir(file)
	if err = mustBeAbsent(folder, RefusedFile); err != nil {
		return nil, fmt.Errorf("cannot import %s: %w", file, err)
	}
	err = po.run(ctx, j)
	var failed *ProgramError
	if errors.As(err, &failed) && failed.Code != codeSomeRefused {
		return nil, err
	}
	refused, readErr := po.readRefused(folder)
	switch {
	case failed == nil && errors.Is(readErr, fs.ErrNotExist):
		return nil, nil
	case readErr == nil && failed != nil && len(refused) == 0:
		readErr = errors.New(RefusedFile + " names no entry")
	}
	if readErr == nil {
		return refused, nil
	}
	if failed == nil {
		return nil, fmt.Errorf("%s of %s: %w", j.program, j.what, readErr)
	}
	failed.Err, failed.Advice = readErr, "look into the post office for what was taken, then run again"
	return nil, failed
}

func (po PostOffice) readRefused(folder string) ([]Refused, error) {
	path, err := find(folder, RefusedFile)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return ReadRefused(f, po.options(path))
}

// find returns the path of the file with that name in folder, whatever its
// case. Without one the error is fs.ErrNotExist.
func find(folder, name string) (string, error) {
	found, err := matches(folder, name)
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", &fs.PathError{Op: "find", Path: filepath.Join(folder, name), Err: fs.ErrNotExist}
	case 1:
		return filepath.Join(folder, found[0]), nil
	default:
		return "", fmt.Errorf("%s in %s differ only in case; move one of them away", strings.Join(found, " and "), folder)
	}
}

func mustBeAbsent(folder, name string) error {
	found, err := matches(folder, name)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%s is there from an earlier run; move it away first", filepath.Join(folder, found[0]))
	}
	return err
}

// matches returns the names in folder that match pattern, whatever their
// case, in order.
func matches(folder, pattern string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if ok, err := filepath.Match(strings.ToUpper(pattern), strings.ToUpper(entry.Name())); err != nil {
			return nil, err
		} else if ok {
			found = append(found, entry.Name())
		}
	}
	return found, nil
}
