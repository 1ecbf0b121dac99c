package postoffice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files in the folder of a post office.
const (
	DataFile = "CCPO.DAT" // all that the post office holds, JSON
	LockFile = "CCPO.LCK" // locked while a program runs; for good when not empty
	DownFile = "CCPODOWN" // while it exists, programs are turned away (DOC Q282172)
)

// Why a post office does not open.
var (
	ErrNoPostOffice = errors.New("there is no post office here")
	ErrLocked       = errors.New("the post office is locked by another process")
	ErrDamaged      = errors.New("the post office data is damaged")
	errDown         = errors.New("the post office is temporarily shut down")
)

// document is the data file.
type document struct {
	Settings
	Entries []Entry  `json:"entries"`
	Lists   []List   `json:"lists,omitempty"`
	Boards  []string `json:"boards,omitempty"`
	Faults  []Fault  `json:"faults,omitempty"`
}

func (po *PostOffice) document() document {
	return document{po.settings, po.Entries(), po.Lists(), po.Boards(), po.faults}
}

// write writes the document for people too: names in <> stay as they are.
func (d document) write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(d)
}

// restore is the opposite of document. Addresses are not looked at again: the
// order in which post offices were added is not kept.
func (d document) restore() (*PostOffice, error) {
	po, err := newPostOffice(d.Settings)
	if err != nil {
		return nil, err
	}
	po.faults = d.Faults
	po.entries = make(map[string]Entry, len(d.Entries))
	for _, e := range d.Entries { // before there are lists
		if err := po.check(e); err != nil {
			return nil, err
		}
		key := fold(e.Name)
		if _, twice := po.entries[key]; twice {
			return nil, refuse(DuplicateName, e.Name)
		}
		po.entries[key] = e
	}
	for _, list := range d.Lists {
		if err := po.AddList(list); err != nil {
			return nil, err
		}
	}
	for _, board := range d.Boards {
		if err := po.AddBoard(board); err != nil {
			return nil, err
		}
	}
	return po, nil
}

// Create makes a post office in dir, which is made too if need be, and holds
// its lock. It has one entry, the post office itself. Save it, then Close it.
func Create(dir string, s Settings) (*PostOffice, error) {
	po, err := newPostOffice(s)
	if err != nil {
		return nil, fmt.Errorf("create post office %s: %w", s.Name, err)
	}
	if err = po.insert(Entry{Name: s.Name, Location: DirectOffice}); err != nil {
		return nil, fmt.Errorf("create post office %q: %w", s.Name, err)
	}
	po.settings.Name = trim(s.Name)
	if err = os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("create post office %s: %w", s.Name, err)
	}
	if _, err = os.Stat(filepath.Join(dir, DataFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create post office %s: %s has one already; choose another folder", s.Name, dir)
	}
	po.dir = dir
	if po.lock, err = acquire(dir); err != nil {
		return nil, fmt.Errorf("create post office %s: %w", s.Name, err)
	}
	return po, nil
}

// Open reads the post office in dir and holds its lock until Close. The error
// is ErrNoPostOffice, ErrLocked, ErrDamaged or one of the file system.
func Open(dir string) (*PostOffice, error) {
	if _, err := os.Stat(filepath.Join(dir, DataFile)); err != nil {
		return nil, fmt.Errorf("open %s: %w (%w)", dir, ErrNoPostOffice, err)
	}
	l, err := acquire(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	po, err := read(dir)
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	po.lock = l
	return po, nil
}

// read reads without the lock; the file is always a whole one.
func read(dir string) (*PostOffice, error) {
	data, err := os.ReadFile(filepath.Join(dir, DataFile))
	if err != nil {
		return nil, fmt.Errorf("read post office: %w", err)
	}
	entries, rest, laidOut := cutEntries(data)
	if !laidOut {
		rest = data
	}
	var d document
	decoder := json.NewDecoder(bytes.NewReader(rest))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(&d); err == nil && laidOut {
		d.Entries = entries
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", filepath.Join(dir, DataFile), ErrDamaged, err)
	}
	po, err := d.restore()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", filepath.Join(dir, DataFile), ErrDamaged, err)
	}
	po.dir = dir
	return po, nil
}

// Save writes the post office to disk, whole or not at all.
func (po *PostOffice) Save() error {
	var data bytes.Buffer
	err := po.document().write(&data)
	if err == nil {
		err = replace(filepath.Join(po.dir, DataFile), data.Bytes())
	}
	if err != nil {
		return fmt.Errorf("save post office: %w", err)
	}
	return nil
}

// Close gives the lock back. What was not saved is gone.
func (po *PostOffice) Close() error { return po.lock.release() }

// Edit opens the post office in dir, edits it, and saves it unless the edit
// failed.
func Edit(dir string, edit func(*PostOffice) error) (err error) {
	po, err := Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, po.Close()) }()
	if err := edit(po); err != nil {
		return err
	}
	return po.Save()
}

// Seed adds what a text in the seed notation lists: the fields of directory
// files, then "List: title" with indented members and "Board: title". The post
// office's own P entry may be among them, to give it a comment. The first thing
// refused ends it with an error that has the line.
func (po *PostOffice) Seed(file, text string) error {
	c, err := parse(file, text, seedFile)
	if err != nil {
		return err
	}
	for _, r := range c.Records {
		if err := po.seedRecord(r); err != nil {
			return fmt.Errorf("%s:%d:1: %w", file, r.Line, err)
		}
	}
	for _, list := range c.Lists {
		if err := po.AddList(list); err != nil {
			return fmt.Errorf("%s: list %q: %w", file, list.Title, err)
		}
	}
	for _, board := range c.Boards {
		if err := po.AddBoard(board); err != nil {
			return fmt.Errorf("%s: board %q: %w", file, board, err)
		}
	}
	return nil
}

func (po *PostOffice) seedRecord(r record) error {
	switch {
	case r.Problem != "":
		return refuse(r.Problem, r.Name)
	case fold(r.Name) == fold(po.settings.Name) && r.Location == DirectOffice && r.Address == "":
		return po.SetComment(r.Name, r.Comment)
	}
	return po.insert(r.Entry)
}

// seedText is what Seed reads to make the same post office again.
func (po *PostOffice) seedText() string {
	plain := layout{order: []string{tagName, tagLocn, tagAddr, tagCmts}, lineEnd: "\n", indent: "    "}
	var text strings.Builder
	for _, e := range po.Entries() {
		text.WriteString(plain.record(e))
	}
	for _, list := range po.Lists() {
		text.WriteString("List: " + plain.titled(list.Title, list.Members))
	}
	for _, board := range po.Boards() {
		text.WriteString("Board: " + plain.titled(board, nil))
	}
	return text.String()
}

// down reports whether a file DownFile, in any case, is in dir.
func down(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false // Open says what is wrong with the folder
	}
	for _, entry := range entries {
		if strings.EqualFold(entry.Name(), DownFile) {
			return true
		}
	}
	return false
}

// replace writes a file under a temporary name and renames it.
func replace(path string, data []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
