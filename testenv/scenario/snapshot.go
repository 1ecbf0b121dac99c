package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"ccdirsync/testenv/postoffice"
)

// snapshot is both sides at one time, and files.
type snapshot struct {
	exchange    string
	postOffices map[string]string // data by folder
	files       string            // a listing
	paths       []string          // what is in it
}

// takeSnapshot remembers both sides under a name.
func (c *call) takeSnapshot() error {
	s, err := c.remember(c.args[1:])
	if err != nil {
		return err
	}
	if c.snapshots == nil {
		c.snapshots = map[string]snapshot{}
	}
	c.snapshots[c.args[0]] = s
	return nil
}

// compareSnapshot compares both sides with what was remembered.
func (c *call) compareSnapshot() error {
	before, there := c.snapshots[c.args[0]]
	if !there {
		return fmt.Errorf("there is no snapshot %q", c.args[0])
	}
	now, err := c.remember(before.paths)
	if err != nil {
		return err
	}
	difference := before.difference(now)
	switch {
	case c.neg && difference == "":
		return errors.New("nothing changed since the snapshot")
	case !c.neg && difference != "":
		return fmt.Errorf("something changed since the snapshot:\n%s", difference)
	default:
		return nil
	}
}

func (c *call) remember(paths []string) (snapshot, error) {
	if c.exchange == nil {
		return snapshot{}, errNoWorld
	}
	s := snapshot{exchange: string(c.exchange.Dump()), postOffices: map[string]string{}, paths: paths}
	for _, folder := range c.postOffices {
		data, err := os.ReadFile(filepath.Join(c.path(folder), postoffice.DataFile))
		if err != nil {
			return s, err
		}
		if s.postOffices[folder], err = withoutFaults(data); err != nil {
			return s, fmt.Errorf("the data of the post office in %s: %w", folder, err)
		}
	}
	for _, path := range paths {
		listing, err := list(c.ts.MkAbs(path))
		if err != nil {
			return s, err
		}
		s.files += listing
	}
	return s, nil
}

// withoutFaults is the data of a post office but the faults to come, which
// runs use up. Everything else stays as it was written.
func withoutFaults(data []byte) (string, error) {
	var document map[string]json.RawMessage
	if err := json.Unmarshal(data, &document); err != nil {
		return "", err
	}
	faults, there := document["faults"]
	if !there {
		return string(data), nil
	}
	return strings.Replace(string(data), ",\n  \"faults\": "+string(faults), "", 1), nil
}

// list is a line for every file and folder at and below a path. The time of a
// folder is left out: making and removing a temporary file changes it.
func list(root string) (string, error) {
	var listing strings.Builder
	if _, err := os.Lstat(root); errors.Is(err, fs.ErrNotExist) {
		return root + " is not there\n", nil
	}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			fmt.Fprintf(&listing, "%s %v\n", path, info.Mode())
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&listing, "%s %v %v %q\n", path, info.Mode(), info.ModTime().UnixNano(), content)
		return nil
	})
	return listing.String(), err
}

// difference shows what changed, empty when nothing did.
func (s snapshot) difference(now snapshot) string {
	var all strings.Builder
	compare := func(what, before, after string) {
		if before != after {
			all.Write(diff.Diff(what+" before", []byte(before), what+" now", []byte(after)))
		}
	}
	compare("directory", s.exchange, now.exchange)
	folders := make([]string, 0, len(s.postOffices))
	for folder := range s.postOffices {
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		compare("post office "+folder, s.postOffices[folder], now.postOffices[folder])
	}
	compare("files", s.files, now.files)
	return all.String()
}
