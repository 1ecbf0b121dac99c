package ccmail

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Store is the folder CCMCDATA with the files of a connector (DOC, Q202178):
// Export and Import for the cycle that runs, Export.bak and Import.bak for
// the files of the last ones. Lock keeps cycles apart.
type Store struct {
	Dir string
	// Backups is of how many cycles before the last one the files are kept too
	// (OURS). The newest are in Export.bak and Import.bak themselves; those of
	// each earlier cycle are in a folder of their own there, named by the UTC
	// time of its newest file, such as 19980301T120000Z. The oldest of these
	// folders beyond the number are removed, with all that is in them, and
	// nothing else ever is. With 0 a file is overwritten by a newer one of the
	// same role.
	Backups int
}

// ExportFolder is where EXPORT writes.
func (s Store) ExportFolder() string { return filepath.Join(s.Dir, "Export") }

// ImportFolder is where IMPORT reads.
func (s Store) ImportFolder() string { return filepath.Join(s.Dir, "Import") }

// ExportBackup keeps the last export and what was left over in ExportFolder.
func (s Store) ExportBackup() string { return filepath.Join(s.Dir, "Export.bak") }

// ImportBackup keeps the last imports and what was left over in ImportFolder.
func (s Store) ImportBackup() string { return filepath.Join(s.Dir, "Import.bak") }

func (s Store) folders() []string {
	return []string{s.ExportFolder(), s.ImportFolder(), s.ExportBackup(), s.ImportBackup()}
}

// Prepare makes the folders that are missing, readable to their owner only.
func (s Store) Prepare() error {
	for _, folder := range s.folders() {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("cannot prepare the store: %w", err)
		}
	}
	return nil
}

// CheckWritable reports every folder in which no file can be made. Damaged
// or read-only folders stopped the original without a message (Q202178).
func (s Store) CheckWritable() error {
	var problems []error
	for _, folder := range s.folders() {
		err := tryFile(filepath.Join(folder, ".writable"))
		if err != nil {
			problems = append(problems, fmt.Errorf("no file can be written in the store folder %s: %w; check its rights", folder, err))
		}
	}
	return errors.Join(problems...)
}

// tryFile makes a file and removes it. One that is there already is of a
// process that died, or of one that does the same and may remove it first.
func tryFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// Moved is a file that was put aside.
type Moved struct {
	From, To string
	// Leftover is set for a file that a good cycle would not have left; it
	// comes from one that failed or died.
	Leftover bool
}

// SetAside empties the two working folders for a new cycle and returns what
// it moved, in order. The exports of the last cycle take the place of those in
// Export.bak, see Backups. Files for IMPORT and .UND files are leftovers and are kept under
// a name with a number. Old .UND files stopped the original (Q212788), and
// import files that it left were imported for ever (Q223772).
func (s Store) SetAside() ([]Moved, error) {
	var moved []Moved
	if err := s.keepExports(); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		from, pattern, to string
		leftover          bool
	}{
		{s.ExportFolder(), DirectoryExport, s.ExportBackup(), false},
		{s.ExportFolder(), ListsExport, s.ExportBackup(), false},
		{s.ExportFolder(), BoardsExport, s.ExportBackup(), false},
		{s.ExportFolder(), "*.UND", s.ExportBackup(), true},
		{s.ImportFolder(), "*.IMP", s.ImportBackup(), true},
		{s.ImportFolder(), ".*.IMP[0-9]*", s.ImportBackup(), true}, // see WriteImport
		{s.ImportFolder(), "*.UND", s.ImportBackup(), true},
	} {
		names, err := matches(step.from, step.pattern)
		if err != nil {
			return moved, fmt.Errorf("cannot look for old files: %w", err)
		}
		for i, name := range names {
			// A second spelling of one name is no normal export.
			m := Moved{From: filepath.Join(step.from, name), Leftover: step.leftover || i > 0}
			m.To = filepath.Join(step.to, strings.ToUpper(name))
			if m.Leftover {
				m.To, err = freeName(m.To)
			}
			if err == nil {
				err = os.Rename(m.From, m.To)
			}
			if err != nil {
				return moved, fmt.Errorf("cannot put %s aside: %w", m.From, err)
			}
			moved = append(moved, m)
		}
	}
	return moved, nil
}

// freeName returns path with the smallest number, from 1, that is not taken.
func freeName(path string) (string, error) {
	for n := 1; ; n++ {
		numbered := fmt.Sprintf("%s.%d", path, n)
		switch _, err := os.Lstat(numbered); {
		case errors.Is(err, fs.ErrNotExist):
			return numbered, nil
		case err != nil:
			return "", err
		}
	}
}

// WriteImport writes a file for IMPORT, DeleteImport or AddImport, in the
// strict form, readable to its owner only. It is there whole or not at all.
// It must not be there before.
func (s Store) WriteImport(name string, records []Record, o Options) (path string, err error) {
	path = filepath.Join(s.ImportFolder(), name)
	if err := mustBeAbsent(s.ImportFolder(), name); err != nil {
		return "", fmt.Errorf("cannot write %s: %w", path, err)
	}
	o.File = path
	var b bytes.Buffer
	if err := WriteDirectory(&b, records, o); err != nil {
		return "", err
	}
	// The temporary file must be in the same folder for a rename to be safe. It
	// has a name such as .CCMDIR.IMP8231 and stays when the process dies.
	if err := renameio.WriteFile(path, b.Bytes(), 0o600, renameio.WithTempDir(s.ImportFolder())); err != nil {
		return "", fmt.Errorf("cannot write %s: %w", path, err)
	}
	return path, nil
}

// Finish puts an imported file away, over the one of the last cycle, and
// with it the .UND file that IMPORT left, as CCMDEL.UND or CCMDIR.UND.
func (s Store) Finish(name string) error {
	return s.putAway(name, func(path string) (string, error) { return path, nil })
}

// Quarantine puts away a file that IMPORT did not get through, as Finish does
// but under a number, so that the last good one stays. A file that the
// original left was imported for ever (Q223772).
func (s Store) Quarantine(name string) error { return s.putAway(name, freeName) }

// putAway moves an import file and its .UND file to where they are kept; place
// makes the final path of each.
func (s Store) putAway(name string, place func(string) (string, error)) error {
	move := func(from, to string) error {
		to, err := place(filepath.Join(s.ImportBackup(), to))
		if err != nil {
			return err
		}
		return os.Rename(from, to)
	}
	refused, err := find(s.ImportFolder(), RefusedFile)
	if err == nil {
		err = move(refused, strings.TrimSuffix(name, filepath.Ext(name))+filepath.Ext(RefusedFile))
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = move(filepath.Join(s.ImportFolder(), name), name)
	}
	if err != nil {
		return fmt.Errorf("cannot put away %s: %w", name, err)
	}
	return nil
}
