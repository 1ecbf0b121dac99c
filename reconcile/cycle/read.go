package cycle

import (
	"context"
	"errors"
	"fmt"

	"ccdirsync/ccmail"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// takeStore makes the folders of the store, keeps other cycles out of it, and
// puts aside what an earlier one left there, so that no old file is taken for a
// fresh one.
func (r *run) takeStore() (unlock func() error, err error) {
	store := r.connector.Store
	if err = store.Prepare(); err != nil {
		return nil, err
	}
	if unlock, err = store.Lock(); err != nil {
		return nil, err
	}
	moved, err := store.SetAside()
	for _, m := range moved {
		if m.Leftover {
			r.warn(fmt.Sprintf("left over from an earlier cycle: %s was moved to %s", m.From, m.To))
		}
	}
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// exportPostOffice has the three files written (step 1).
func (r *run) exportPostOffice(ctx context.Context) (string, error) {
	if err := r.connector.PostOffice.Export(ctx, r.exportFolder); err != nil {
		r.programFailed(err)
		r.trace.event(Error, eventUnreadable, "the post office could not be exported")
		return "", err
	}
	r.trace.event(Info, eventExported, "EXPORT completed")
	return fmt.Sprintf("%s, %s, %s", ccmail.DirectoryExport, ccmail.ListsExport, ccmail.BoardsExport), nil
}

// programFailed reports a run of EXPORT or IMPORT as the original did, by its
// result code.
func (r *run) programFailed(err error) {
	var failed *ccmail.ProgramError
	if errors.As(err, &failed) {
		r.trace.event(Error, failed.Event, failed.Error())
	}
}

// readDirectory reads CCMDIR.EXP and tells Exchange's entries from cc:Mail's
// own (step 2).
func (r *run) readDirectory(context.Context) (string, error) {
	if err := r.readRecords(); err != nil {
		return "", err
	}
	if err := r.findOwners(); err != nil {
		return "", err
	}
	counts := r.report.Counts
	return fmt.Sprintf("%s, %d of Exchange and %d of cc:Mail",
		count(counts.DirectoryEntries, "entry", "entries"), counts.ExchangeEntries, counts.CCMailEntries), nil
}

func (r *run) readRecords() error {
	records, warnings, err := r.connector.PostOffice.ReadDirectory(r.exportFolder)
	r.warnOf(warnings)
	r.directory = records
	r.rows = mapping.Rows(records, r.connector.PostOffice.Name)
	return r.unreadable(err)
}

// findOwners counts whose the entries are. It fails when that cannot be told.
func (r *run) findOwners() (err error) {
	if r.ownership, err = reconcile.NewOwnership(r.connector.Exchange.Owner, r.rows); err != nil {
		return err
	}
	counts := &r.report.Counts
	counts.DirectoryEntries = len(r.rows)
	for _, row := range r.rows {
		if r.ownership.Owns(row) {
			counts.ExchangeEntries++
		}
	}
	counts.CCMailEntries = counts.DirectoryEntries - counts.ExchangeEntries
	return nil
}

// readLists reads CCMLIST.EXP (step 3).
func (r *run) readLists(context.Context) (string, error) {
	lists, warnings, err := r.connector.PostOffice.ReadLists(r.exportFolder)
	r.warnOf(warnings)
	r.lists, r.report.Counts.Lists = lists, len(lists)
	return count(len(lists), "list", "lists"), r.unreadable(err)
}

// readBoards reads CCMBB.EXP (step 4).
func (r *run) readBoards(context.Context) (string, error) {
	boards, warnings, err := r.connector.PostOffice.ReadBoards(r.exportFolder)
	r.warnOf(warnings)
	r.boards, r.report.Counts.Boards = boards, len(boards)
	return count(len(boards), "board", "boards"), r.unreadable(err)
}

func (r *run) warnOf(warnings []ccmail.Warning) {
	for _, w := range warnings {
		r.warn(w.String())
	}
}

// unreadable reports a file that could not be read as the original did.
func (r *run) unreadable(err error) error {
	if err != nil {
		r.trace.event(Error, eventUnreadable, err.Error())
	}
	return err
}

// readExchange reads all recipients under the base, and makes sure that every
// container of the configuration is there: one that is gone must not look like
// one without recipients (Q212773).
func (r *run) readExchange(ctx context.Context) (string, error) {
	conn, err := ldapsrc.Dial(ctx, r.connector.Server)
	if err != nil {
		return "", err
	}
	r.conn = conn
	exchange := r.connector.Exchange
	if err := conn.Exists(ctx, exchange.Base); err != nil {
		return "", fmt.Errorf("base of the Exchange directory: %w", err)
	}
	bases := []string{exchange.Base}
	for _, container := range exchange.containers() {
		if err := conn.Exists(ctx, container); err != nil {
			r.trace.event(Error, eventContainerMissing, err.Error())
			return "", fmt.Errorf("container %q of the configuration: %w", container, err)
		}
		if !ldapsrc.DNWithin(container, exchange.Base) {
			bases = append(bases, container)
		}
	}
	seen := map[string]bool{}
	for _, base := range bases {
		found, err := conn.Recipients(ctx, base)
		if err != nil {
			return "", err
		}
		for _, recipient := range found {
			if key, err := ldapsrc.NormalizeDN(recipient.DN); err != nil {
				return "", err
			} else if !seen[key] {
				seen[key] = true
				r.recipients = append(r.recipients, recipient)
			}
		}
	}
	r.report.Counts.Recipients = len(r.recipients)
	return count(len(r.recipients), "recipient", "recipients"), nil
}

// containers are all that the configuration names.
func (e Exchange) containers() []string {
	var dns []string
	if e.Export != nil {
		dns = append(dns, e.Export.Containers...)
	}
	if e.Import != nil {
		dns = append(dns, e.Import.Container)
	}
	return dns
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
