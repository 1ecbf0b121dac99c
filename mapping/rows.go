package mapping

import (
	"strings"

	"ccdirsync/ccmail"
	"ccdirsync/reconcile"
)

// Rows turns the records of a directory file into rows. The post office of an
// entry is the first part of its address: the longest name at its start that
// is a post office entry of the file or postOffice, the one the file came from,
// else the first word (OURS). Entries of this post office may have an empty
// address (DOC: PMDF-S). A post office entry is at itself.
func Rows(records []ccmail.Record, postOffice string) []reconcile.Row {
	known := []string{postOffice}
	for _, record := range records {
		if isPostOffice(record.Location) {
			known = append(known, record.Name)
		}
	}
	names := ccmail.NewPostOfficeNames(known)
	rows := make([]reconcile.Row, len(records))
	for i, record := range records {
		rows[i] = row(record, postOffice, names)
	}
	return rows
}

func row(record ccmail.Record, postOffice string, known ccmail.PostOfficeNames) reconcile.Row {
	r := reconcile.Row{Name: record.Name, Location: string(record.Location), Comment: record.Comment}
	if record.Pos.Line > 0 {
		r.Place = record.Pos.String()
	}
	switch {
	case isPostOffice(record.Location):
		r.PostOffice = record.Name
	case strings.TrimSpace(record.Address) != "":
		r.PostOffice, r.Foreign = known.Split(record.Address)
	case isLocal(record.Location):
		r.PostOffice = postOffice
	}
	return r
}

func isPostOffice(location ccmail.Location) bool {
	return location == ccmail.DirectPostOffice || location == ccmail.IndirectPostOffice
}

// isLocal reports whether the entry belongs to the post office whose directory
// this is.
func isLocal(location ccmail.Location) bool {
	return location == ccmail.LocalUser || location == ccmail.MobileUser || location == ccmail.LocalAlias
}
