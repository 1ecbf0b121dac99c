package ccmail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// What a good cycle leaves in the folders of the backups. Leftovers have
// numbers and are not among them.
var (
	keptExports = []string{DirectoryExport, ListsExport, BoardsExport}
	keptImports = []string{DeleteImport, AddImport, "CCMDEL.UND", "CCMDIR.UND"}
)

// generationName is the form of the name of a folder with the files of one
// cycle, in UTC. Names sort as times do.
const generationName = "20060102T150405Z"

// movingFolder is where a generation is collected before it gets its name.
const movingFolder = ".moving"

// KeepImports makes room in ImportBackup for the import files of a new cycle:
// those of the last cycle that had any go to a folder of their own, see
// Backups. It is called once in a cycle, before its first WriteImport.
func (s Store) KeepImports() error { return s.keep(s.ImportBackup(), keptImports) }

// keepExports is the same for ExportBackup. It does nothing when the new
// exports, which are in ExportFolder, take no file's place: then those that
// are there are of the same cycle, and moving them was interrupted.
func (s Store) keepExports() error {
	inTheWay := []string{filepath.Join(s.ExportBackup(), movingFolder)}
	for _, name := range keptExports {
		found, err := matches(s.ExportFolder(), name)
		if err != nil {
			return fmt.Errorf("cannot look for old files: %w", err)
		}
		if len(found) > 0 {
			inTheWay = append(inTheWay, filepath.Join(s.ExportBackup(), name))
		}
	}
	for _, path := range inTheWay {
		if _, err := os.Lstat(path); err == nil {
			return s.keep(s.ExportBackup(), keptExports)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot look for old files: %w", err)
		}
	}
	return nil
}

// keep makes a generation of the named files of a folder, and removes the
// oldest beyond the number. When it is interrupted, whatever it did last, all
// files are there, and the next call carries on.
func (s Store) keep(folder string, names []string) error {
	var err error
	if s.Backups > 0 {
		err = collect(folder, names)
	}
	if err == nil {
		err = nameGeneration(folder)
	}
	if err == nil {
		err = s.prune(folder)
	}
	if err != nil {
		return fmt.Errorf("cannot keep the files of the last cycle in %s: %w", folder, err)
	}
	return nil
}

// collect moves files of a folder to where a generation is collected.
func collect(folder string, names []string) error {
	moving := filepath.Join(folder, movingFolder)
	for _, name := range names {
		from, to := filepath.Join(folder, name), filepath.Join(moving, name)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		err := os.MkdirAll(moving, 0o700)
		if err == nil {
			to, err = notTaken(to)
		}
		if err == nil {
			err = os.Rename(from, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notTaken returns path, with a number when something is there.
func notTaken(path string) (string, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return freeName(path)
}

// nameGeneration gives what was collected its name: the time of its newest
// file. When the clock went back, or the name is taken, it is the second after
// the newest name, so that the order of names is always that of the cycles.
func nameGeneration(folder string) error {
	moving := filepath.Join(folder, movingFolder)
	files, err := os.ReadDir(moving)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return os.Remove(moving)
	}
	at, err := newest(files)
	if err != nil {
		return err
	}
	earlier, err := generations(folder)
	if err != nil {
		return err
	}
	if len(earlier) > 0 && !at.After(earlier[len(earlier)-1]) {
		at = earlier[len(earlier)-1].Add(time.Second)
	}
	for ; ; at = at.Add(time.Second) {
		name := filepath.Join(folder, at.Format(generationName))
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(moving, name)
		} else if err != nil {
			return err
		}
	}
}

// newest is the latest time of files, to the second.
func newest(files []os.DirEntry) (at time.Time, err error) {
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			return at, err
		}
		if t := info.ModTime().UTC().Truncate(time.Second); t.After(at) {
			at = t
		}
	}
	return at, nil
}

// generations are the folders with the files of one cycle each, oldest first.
// A link to a folder is none.
func generations(folder string) ([]time.Time, error) {
	entries, err := os.ReadDir(folder) // sorted
	if err != nil {
		return nil, err
	}
	var all []time.Time
	for _, entry := range entries {
		at, err := time.Parse(generationName, entry.Name())
		if err == nil && entry.IsDir() && at.Format(generationName) == entry.Name() {
			all = append(all, at)
		}
	}
	return all, nil
}

// prune removes the oldest generations beyond the number.
func (s Store) prune(folder string) error {
	all, err := generations(folder)
	if err != nil {
		return err
	}
	for _, at := range all[:max(0, len(all)-s.Backups)] {
		if err := os.RemoveAll(filepath.Join(folder, at.Format(generationName))); err != nil {
			return err
		}
	}
	return nil
}
