package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// World is what the verb world makes, for tests that are not scripts: a
// directory, a post office and the configuration of a connector hq that joins
// them, in a folder.
type World struct{ world }

// NewWorld makes a world in a folder that is there: with the records of an LDIF
// text besides the containers that every world has, and a post office of the
// shape with a seed in the notation of ccpo. Close it.
func NewWorld(dir string, form postoffice.Shape, exchange, seed string) (*World, error) {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == form })
	if i < 0 {
		return nil, fmt.Errorf("shape %q is not known", form)
	}
	w := &World{world{shape: shapes[i], dir: dir, password: "exchange of " + filepath.Base(dir)}}
	if err := w.start([]byte(organization)); err != nil {
		return nil, err
	}
	changes, err := exchange55.ReadLDIF(strings.NewReader(exchange), "exchange.ldif")
	if err == nil {
		err = w.exchange.Apply(changes)
	}
	if err == nil {
		err = w.furnish(seed)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Copy makes the same world in another folder: all files, with their modes, and
// a directory of its own with all that this one holds. No program may be at
// work. Close the copy too.
func (w *World) Copy(dir string) (*World, error) {
	other := &World{world{
		shape: w.shape, dir: dir, password: w.password, postOffices: slices.Clone(w.postOffices), stores: slices.Clone(w.stores),
	}}
	if err := copyFiles(dir, w.dir); err != nil {
		return nil, err
	}
	if err := other.start(w.exchange.Dump()); err != nil {
		return nil, err
	}
	if err := other.replaceInConfig(w.exchange.URL(), other.exchange.URL()); err != nil {
		return nil, errors.Join(err, other.Close())
	}
	return other, nil
}

// copyFiles copies the files and folders below a folder into another. Folders
// may be there already.
func copyFiles(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, info.Mode().Perm())
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, info.Mode().Perm())
	})
}

// Close ends the directory. The files stay.
func (w *World) Close() error { return w.exchange.Close() }

// Exchange is the directory.
func (w *World) Exchange() *exchange55.Directory { return w.exchange }

// Path is that of a file or folder of the world: ccdirsync.yaml, the post
// office po, the store CCMCDATA, the state folder state.
func (w *World) Path(name string) string { return w.path(name) }

// Configure replaces a text in ccdirsync.yaml, as the verb config does.
func (w *World) Configure(before, after string) error { return w.replaceInConfig(before, after) }

// Change applies LDIF changes as Exchange's own programs make them.
func (w *World) Change(ldif string) error {
	changes, err := exchange55.ReadLDIF(strings.NewReader(ldif), "changes.ldif")
	if err != nil {
		return err
	}
	return w.exchange.Apply(changes)
}

// PostOffice is what the post office holds, without the faults to come.
func (w *World) PostOffice() (string, error) {
	data, err := os.ReadFile(filepath.Join(w.path("po"), postoffice.DataFile))
	if err != nil {
		return "", err
	}
	return withoutFaults(data)
}
