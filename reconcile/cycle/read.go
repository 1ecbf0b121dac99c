package cycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	var now time.Time // not known when nothing is recorded
	if r.connector.Recording.Now != nil {
		now = r.connector.Recording.Now()
	}
	unlock, died, err := store.Lock(now)
	if err != nil {
		return nil, err
	}
	if died != nil {
		r.warn(fmt.Sprintf("the lock of %s was left by a run that died; it was taken over", died))
	}
	for _, caution := range r.connector.Cautions {
		r.warn(caution)
	}
	if err = store.CheckWritable(); err != nil {
		return nil, errors.Join(err, unlock())
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
	if err == nil {
		err = r.connector.Sentinels.findInCCMail(r.rows)
	}
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
	r.warnOfFormerSites()
	return nil
}

// warnOfFormerSites tells of post office entries that earlier cycles made and
// that no cycle deletes (Q197255), so that a person does.
func (r *run) warnOfFormerSites() {
	for _, former := range r.ownership.FormerSites() {
		first := ""
		for _, record := range r.directory {
			through, _ := ccmail.SplitAddress(record.Address, []string{former})
			if record.Location == ccmail.IndirectPostOffice && reconcile.Fold(through) == reconcile.Fold(former) {
				first = fmt.Sprintf("have %s reached another way, then ", record.Name)
				break
			}
		}
		r.warn(fmt.Sprintf("the post office entry %q has this connector's comment but is none of its sites (%s); no cycle changes or deletes it: %sdelete it in cc:Mail",
			former, strings.Join(r.ownership.Sites, ", "), first))
	}
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

// readExchange reads all recipients under the base and in the containers of the
// configuration.
func (r *run) readExchange(ctx context.Context) (string, error) {
	r.lookAtClock()
	var err error
	if r.conn, err = ldapsrc.Dial(ctx, r.connector.Server); err != nil {
		return "", err
	}
	bases, err := r.bases(ctx)
	if err != nil {
		return "", err
	}
	if r.readings, err = r.readBases(ctx, bases); err != nil {
		return "", err
	}
	r.gather()
	r.report.Counts.Recipients = len(r.recipients)
	if err := r.connector.Sentinels.findInExchange(r.recipients); err != nil {
		return "", err
	}
	return accountOf(r.readings), nil
}

// gather takes what was found below the bases. One base may be below another.
func (r *run) gather() {
	for i, one := range r.readings {
		r.report.Reads = append(r.report.Reads, one.Reading)
		for _, warning := range one.warnings {
			r.warn(warning)
		}
		r.recipients = slices.Grow(r.recipients, one.found.Len())
		for entry := range one.found.All() {
			again := slices.ContainsFunc(r.readings[:i], func(earlier *reading) bool {
				_, found := earlier.found.Find(entry.DN())
				return found
			})
			if !again {
				r.recipients = append(r.recipients, entry)
			}
		}
	}
}

// bases are the entries below which recipients are read. It makes sure that
// every container of the configuration is there: one that is gone must not look
// like one without recipients (Q212773).
func (r *run) bases(ctx context.Context) ([]string, error) {
	exchange := r.connector.Exchange
	if err := r.conn.Exists(ctx, exchange.Base); err != nil {
		return nil, fmt.Errorf("base of the Exchange directory: %w", err)
	}
	bases := []string{exchange.Base}
	for _, container := range exchange.containers() {
		if err := r.conn.Exists(ctx, container); err != nil {
			r.trace.event(Error, eventContainerMissing, err.Error())
			return nil, fmt.Errorf("container %q of the configuration: %w", container, err)
		}
		if !ldapsrc.DNWithin(container, exchange.Base) {
			bases = append(bases, container)
		}
	}
	former, err := r.formerContainers(ctx)
	return distinctNames(append(bases, former...)), err
}

// distinctNames leaves out names that came before, however they are written.
func distinctNames(dns []string) (distinct []string) {
	seen := map[string]bool{}
	for _, dn := range dns {
		if normal := mapping.NormalDN(dn); !seen[normal] {
			seen[normal] = true
			distinct = append(distinct, dn)
		}
	}
	return distinct
}

// formerContainers are those of the configuration that are outside the base
// and still there.
func (r *run) formerContainers(ctx context.Context) ([]string, error) {
	if r.connector.Exchange.Import == nil {
		return nil, nil
	}
	var there []string
	for _, container := range r.connector.Exchange.Import.FormerContainers {
		if ldapsrc.DNWithin(container, r.connector.Exchange.Base) {
			continue
		}
		switch err := r.conn.Exists(ctx, container); {
		case err == nil:
			there = append(there, container)
		case !errors.Is(err, ldapsrc.ErrNoSuchObject):
			return nil, fmt.Errorf("former import container %q of the configuration: %w", container, err)
		}
	}
	return there, nil
}

// containers are all that must be there.
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
