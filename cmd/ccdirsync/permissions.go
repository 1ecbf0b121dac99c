package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"ccdirsync/ccmail"
	"ccdirsync/cmd/ccdirsync/internal/config"
)

// access is what others than its owner must not do with a file or folder.
type access struct {
	what, path string
	forbidden  fs.FileMode
	verb       string // what the forbidden bits let them do
	remedy     string // argument of chmod
}

// permissions lists what others than its owner can read or change and should
// not: passwords, the files of the cycles, the ledger, and the configuration,
// which names programs. What is not there is passed over. Windows has no such
// bits.
func permissions(file config.File, c config.Connector) []string {
	if runtime.GOOS == "windows" {
		return nil
	}
	var all []access
	for _, password := range []string{c.Exchange.PasswordFile, c.PostOffice.PasswordFile} {
		if password != "" {
			all = append(all, access{"the password file", file.Path(password), 0o077, "open to", "600"})
		}
	}
	store := ccmail.Store{Dir: file.Path(c.PostOffice.Store)}
	for _, folder := range []string{store.Dir, store.ExportFolder(), store.ImportFolder(), store.ExportBackup(), store.ImportBackup()} {
		all = append(all, access{"the store folder", folder, 0o077, "open to", "700"})
	}
	ledger := ledgerPath(file)
	all = append(all, access{"the state folder", filepath.Dir(ledger), 0o077, "open to", "700"})
	for _, name := range []string{ledger, ledger + "-wal", ledger + "-shm"} {
		all = append(all, access{"the ledger", name, 0o077, "open to", "600"})
	}
	all = append(all, access{"the configuration file", file.Name(), 0o022, "changeable by", "go-w"})

	var found []string
	for _, a := range all {
		if text := a.caution(); text != "" {
			found = append(found, text)
		}
	}
	return found
}

// caution says who can do what should not be done; empty when nobody can.
func (a access) caution() string {
	info, err := os.Stat(a.path)
	if err != nil {
		return "" // who needs it reports that
	}
	var who string
	switch open := info.Mode().Perm() & a.forbidden; {
	case open&0o070 != 0 && open&0o007 != 0:
		who = "its group and others"
	case open&0o070 != 0:
		who = "its group"
	case open != 0:
		who = "others"
	default:
		return ""
	}
	return fmt.Sprintf("%s %s is %s %s (mode %03o); close it: chmod %s %s", a.what, a.path, a.verb, who, info.Mode().Perm(), a.remedy, a.path)
}
