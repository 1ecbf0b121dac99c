package cycle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
)

// Reading is how the directory was read below one base.
type Reading struct {
	Base       string `json:"base"` // DN
	Recipients int    `json:"recipients"`
	// Since is the run after which only what has changed was read, and Changed
	// and Gone are how many entries that was; Since is 0 when all were read.
	Since   int64 `json:"since_run,omitempty"`
	Changed int   `json:"changed,omitempty"`
	Gone    int   `json:"gone,omitempty"`
	// Whole is why all were read; empty when only changes were, and when the
	// configuration or the kind of directory leaves no choice.
	Whole string `json:"whole_because,omitempty"`
	// Differences counts entries that a scheduled whole read found otherwise
	// than the changes had told.
	Differences int `json:"differences,omitempty"`
}

// account is the reading for people, without the number of recipients.
func (r Reading) account() string {
	switch {
	case r.Since == 0 && r.Whole == "":
		return ""
	case r.Since == 0:
		return "whole, because " + r.Whole
	case r.Changed+r.Gone == 0:
		return fmt.Sprintf("nothing changed since run %d", r.Since)
	case r.Gone == 0:
		return fmt.Sprintf("%d changed since run %d", r.Changed, r.Since)
	}
	return fmt.Sprintf("%d changed and %d gone since run %d", r.Changed, r.Gone, r.Since)
}

// accountOf tells how the bases were read.
func accountOf(readings []*reading) string {
	var parts []string
	recipients := 0
	for _, one := range readings {
		recipients += one.Recipients
		if text := one.account(); text != "" && len(readings) == 1 {
			parts = append(parts, text)
		} else if text != "" {
			parts = append(parts, fmt.Sprintf("below %s %s", one.Base, text))
		}
	}
	return strings.Join(append([]string{count(recipients, "recipient", "recipients")}, parts...), ", ")
}

// reading is what was found below one base.
type reading struct {
	Reading
	found    *ldapsrc.Recipients
	mark     ldapsrc.Mark
	delta    ldapsrc.Delta // when only changes were read
	former   *formerRead
	warnings []string
}

// formerRead is what an earlier run has read below a base.
type formerRead struct {
	reconcile.Snapshot       // without its parts, once they were read
	sizes              []int // of the parts, in bytes
}

// readsIncrementally reports whether changes alone may be read, and what was
// read is kept for that.
func (r *run) readsIncrementally() bool {
	source := r.connector.Server.Profile.Changes
	return r.connector.Exchange.Incremental && source != "" && source != ldapsrc.NoChanges && r.connector.Recording.Ledger != nil
}

// readBases reads all bases, several at a time over connections of their own.
func (r *run) readBases(ctx context.Context, bases []string) ([]*reading, error) {
	former, err := r.formerReads(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	readings, next := make([]*reading, len(bases)), make(chan int, len(bases))
	for i := range bases {
		next <- i
	}
	close(next)
	var readers sync.WaitGroup
	for n := range min(max(r.connector.Server.Connections, 1), len(bases)) {
		readers.Go(func() {
			if err := r.reader(ctx, n, func(conn *ldapsrc.Conn) (err error) {
				for i := range next {
					if readings[i], err = r.readBase(ctx, conn, bases[i], former[bases[i]]); err != nil {
						break
					}
				}
				return err
			}); err != nil {
				cancel(err)
			}
		})
	}
	readers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return readings, nil
}

// reader lets the first of the readers use the connection that is there, and
// others one of their own.
func (r *run) reader(ctx context.Context, n int, read func(*ldapsrc.Conn) error) (err error) {
	if n == 0 {
		return read(r.conn)
	}
	conn, err := r.conn.Another(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return read(conn)
}

// formerReads are what earlier runs have read, by base.
func (r *run) formerReads(ctx context.Context) (map[string]*formerRead, error) {
	if !r.readsIncrementally() || r.task.readAll {
		return nil, nil
	}
	snapshots, err := r.connector.Recording.Ledger.Snapshots(ctx, r.connector.Name)
	former := map[string]*formerRead{}
	for _, s := range snapshots {
		former[s.Base] = &formerRead{Snapshot: s}
	}
	return former, err
}

// readBase reads what has changed below a base since the former snapshot, or
// everything when that will not do.
func (r *run) readBase(ctx context.Context, conn *ldapsrc.Conn, base string, former *formerRead) (*reading, error) {
	one := &reading{Reading: Reading{Base: base}, former: former}
	have, since, reason := r.recover(former)
	if reason == "" {
		var err error
		one.delta, one.mark, err = conn.Changes(ctx, base, have, since)
		switch refusal := refusedChanges(err); {
		case refusal != "":
			reason = refusal
		case err != nil:
			return nil, err
		default:
			one.found = have.Apply(one.delta)
			if !r.isDue(former) {
				one.Since, one.Recipients = former.Run, one.found.Len()
				one.Changed, one.Gone = len(one.delta.Changed), len(one.delta.Gone)
				return one, nil
			}
		}
	}
	return one, r.readWhole(ctx, conn, one, reason)
}

// refusedChanges says why changes cannot be had where everything can still be
// read; empty when that is no way out. A search for changes may meet a limit or a
// refusal that the pages of a whole read do not.
func refusedChanges(err error) string {
	var full *ldapsrc.FullReadError
	if errors.As(err, &full) {
		return full.Reason
	}
	var answer *ldapsrc.Error
	if errors.As(err, &answer) && answer.Code != 0 {
		return fmt.Sprintf("the changes could not be read: %v", answer.Cause())
	}
	return ""
}

// readWhole reads everything below a base. What changes would have given, if
// they were read, is compared with it.
func (r *run) readWhole(ctx context.Context, conn *ldapsrc.Conn, one *reading, reason string) error {
	expected, until := one.found, one.mark
	var err error
	if one.found, one.mark, err = conn.Read(ctx, one.Base); err != nil {
		return err
	}
	one.delta, one.Recipients = ldapsrc.Delta{}, one.found.Len()
	if r.readsIncrementally() {
		one.Whole = reason
	}
	if expected == nil {
		return nil
	}
	one.Whole = fmt.Sprintf("the last time was run %d at %s", one.former.WholeRun, one.former.Whole.Format(time.RFC3339))
	return r.compareReads(ctx, conn, one, expected, until)
}

// compareReads warns of what a whole read has found otherwise than the changes
// had told before. What was changed meanwhile does not count.
func (r *run) compareReads(ctx context.Context, conn *ldapsrc.Conn, one *reading, expected *ldapsrc.Recipients, until ldapsrc.Mark) error {
	later, _, err := conn.Changes(ctx, one.Base, expected, until)
	if refusal := refusedChanges(err); refusal != "" {
		one.Whole += "; it was not compared with what changed: " + refusal
		return nil
	}
	if err != nil {
		return err
	}
	n, first := differences(expected, one.found, later)
	if one.Differences = n; n > 0 {
		one.warnings = append(one.warnings, fmt.Sprintf(
			"below %s all recipients were read, and %s otherwise than the changes since run %d had told: %s; what was read whole counts. If this comes again, set exchange.incremental: false and look for the cause",
			one.Base, count(n, "entry is", "entries are"), one.former.Run, first))
	}
	return nil
}

// differences counts the entries that differ between two reads and are not
// among those that have changed since the first, and tells the first of them.
func differences(expected, found *ldapsrc.Recipients, later ldapsrc.Delta) (n int, first string) {
	moved := map[string]bool{}
	for _, e := range later.Changed {
		moved[mapping.NormalDN(e.DN())] = true
	}
	for _, dn := range later.Gone {
		moved[mapping.NormalDN(dn)] = true
	}
	tell := func(dn, what string) {
		if moved[mapping.NormalDN(dn)] {
			return
		}
		if n++; n == 1 {
			first = dn + " " + what
		}
	}
	for e := range expected.All() {
		if other, there := found.Find(e.DN()); !there {
			tell(e.DN(), "is gone")
		} else if !e.Equal(other) {
			tell(e.DN(), "has other values")
		}
	}
	for e := range found.All() {
		if _, there := expected.Find(e.DN()); !there {
			tell(e.DN(), "is there")
		}
	}
	return n, first
}

// recover makes the recipients of a snapshot again, or says why everything has
// to be read.
func (r *run) recover(former *formerRead) (have *ldapsrc.Recipients, since ldapsrc.Mark, reason string) {
	switch {
	case r.task.readAll:
		return nil, since, "it was asked for"
	case former == nil:
		return nil, since, "nothing was kept of an earlier read"
	case former.Server != r.conn.URL():
		return nil, since, fmt.Sprintf("run %d read from %s, whose change numbers are not those of %s", former.Run, former.Server, r.conn.URL())
	case former.Fingerprint != r.fingerprint():
		return nil, since, fmt.Sprintf("the profile, the attributes or the account are not those of run %d", former.Run)
	}
	have, since, err := parseSnapshot(r.connector.Server.Profile, former)
	if err != nil {
		return nil, since, fmt.Sprintf("what run %d kept cannot be read: %v", former.Run, err)
	}
	return have, since, ""
}

func parseSnapshot(p ldapsrc.Profile, s *formerRead) (have *ldapsrc.Recipients, mark ldapsrc.Mark, err error) {
	if err = json.Unmarshal([]byte(s.Mark), &mark); err != nil || len(s.Parts) == 0 {
		return nil, mark, errors.Join(err, errors.New("the mark or the first part is missing"))
	}
	if have, err = p.ParseRecipients(s.Parts[0]); err != nil {
		return nil, mark, err
	}
	deltas := make([]ldapsrc.Delta, len(s.Parts)-1)
	for i, part := range s.Parts[1:] {
		if deltas[i], err = p.ParseDelta(part); err != nil {
			return nil, mark, err
		}
	}
	have = have.Apply(merge(deltas))
	for _, part := range s.Parts {
		s.sizes = append(s.sizes, len(part))
	}
	s.Parts = nil // what was made of them is as large
	return have, mark, nil
}

// merge makes one of changes that follow each other: there may be many small
// ones, and to apply one costs as much as to go over all recipients.
func merge(deltas []ldapsrc.Delta) (all ldapsrc.Delta) {
	last := map[string]int{} // the last entry with a name among all that have changed, or none
	const none = -1
	for _, d := range deltas {
		for _, dn := range d.Gone {
			last[mapping.NormalDN(dn)] = none
			all.Gone = append(all.Gone, dn)
		}
		for _, e := range d.Changed {
			last[mapping.NormalDN(e.DN())] = len(all.Changed)
			all.Changed = append(all.Changed, e)
		}
	}
	kept := all.Changed[:0]
	for i, e := range all.Changed {
		if last[mapping.NormalDN(e.DN())] == i {
			kept = append(kept, e)
		}
	}
	all.Changed = kept
	return all
}

// isDue reports whether it is time to read everything again.
func (r *run) isDue(former *formerRead) bool {
	every := r.connector.Exchange.FullReadEvery
	set := r.started.Before(former.Whole) // the clock was set back
	return every > 0 && (set || !r.started.Before(former.Whole.Add(every)))
}

// fingerprint tells ways to read apart: what is asked for, and as whom.
func (r *run) fingerprint() string {
	server := r.connector.Server
	// A profile is data.
	text, err := json.Marshal([]any{server.Profile, server.Bind, server.BindDN})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// snapshots are what the run has read, for the next one. Nothing of this
// depends on what the run wrote: that comes again as changes.
func (r *run) snapshots() ([]reconcile.Snapshot, error) {
	kept := []reconcile.Snapshot{}
	if !r.readsIncrementally() {
		return kept, nil
	}
	for _, one := range r.readings {
		s, err := r.snapshot(one)
		if err != nil {
			return nil, fmt.Errorf("keep what was read below %s: %w", one.Base, err)
		}
		kept = append(kept, s)
	}
	return kept, nil
}

func (r *run) snapshot(one *reading) (reconcile.Snapshot, error) {
	mark, err := json.Marshal(one.mark)
	s := reconcile.Snapshot{
		Base: one.Base, Server: r.conn.URL(), Mark: string(mark), Fingerprint: r.fingerprint(), Entries: one.Recipients, Taken: r.started,
		Whole: r.started,
	}
	if err != nil {
		return s, err
	}
	var part []byte
	if one.Since != 0 {
		s.Whole, s.WholeRun = one.former.Whole, one.former.WholeRun
		if part, err = one.delta.AppendBinary(nil); err != nil {
			return s, err
		}
		if !outgrows(one.former.sizes, len(part)) {
			s.Continues = one.Since
			if !one.delta.Empty() {
				s.Parts = [][]byte{part}
			}
			return s, nil
		}
	}
	part, err = one.found.AppendBinary(nil)
	s.Parts = [][]byte{part}
	return s, err
}

// outgrows reports whether what has changed is more than a quarter of what all
// began with, so that it is better to begin anew.
func outgrows(parts []int, changed int) bool {
	for _, part := range parts[1:] {
		changed += part
	}
	return changed > parts[0]/4
}
