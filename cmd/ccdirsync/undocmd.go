package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"ccdirsync/mapping"
	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
)

func (s surroundings) undoCommand(ctx context.Context) *cobra.Command {
	o := cycleOptions{output: "text"}
	cmd := &cobra.Command{
		Use:   "undo RUN",
		Short: "Take back what one run has done",
		Long: `undo carries out the inverse of what a run has done, entry by entry: what it added
is deleted, what it deleted is added again, what it changed is changed back. An entry
that has changed since is refused. The plan goes through the same guards and steps as
any other.

Later cycles would do the same again, so the entries are paused: they are left alone
until ccdirsync resume names them. RUN is the number that history lists.

` + exitCodesHelp,
		Example: `  ccdirsync undo 12 --dry-run
  ccdirsync undo 12`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.undo(ctx, cmd, args[0], o)
		},
	}
	reportFlags(cmd, &o)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show the plan and write nothing")
	return cmd
}

func (s surroundings) undo(ctx context.Context, cmd *cobra.Command, number string, o cycleOptions) error {
	record, err := s.recordedRun(ctx, cmd, number)
	if err != nil {
		return err
	}
	if !record.Run.State.Over() {
		return fmt.Errorf("run %d is %s; wait until it has ended, or start the next run, which finds out whether it died", record.Run.ID, record.Run.State)
	}
	if record.Run.State == reconcile.RunStopped {
		return usageError{fmt.Errorf("run %d was stopped by a guard and wrote nothing, so there is nothing to take back; ccdirsync history lists the runs that wrote", record.Run.ID)}
	}
	o.task = cycle.Undo(record.Run, record.Plan)
	return s.cycles(ctx, cmd, []string{record.Run.Connector}, o)
}

func (s surroundings) resumeCommand(ctx context.Context) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "resume [ENTRY...]",
		Short: "Let cycles work on entries again that an undo has paused",
		Long: `resume ends the pause of entries, which undo has begun: the next cycle brings them in
step again. ENTRY is a name as the cycle shows it, or a DN. Without an ENTRY the paused
entries are listed.

` + exitCodesHelp,
		Example: `  ccdirsync resume
  ccdirsync resume "Quist, Marta"
  ccdirsync resume --all`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.resume(ctx, cmd, args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all entries of all connectors")
	return cmd
}

func (s surroundings) resume(ctx context.Context, cmd *cobra.Command, entries []string, all bool) error { //nolint:revive // all is what the user said
	if all && len(entries) > 0 {
		return usageError{errors.New("--all leaves no entry to name")}
	}
	file, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	return s.withLedger(ctx, file, func(kept *ledger.Ledger) error {
		paused, err := kept.Pauses(ctx, nil)
		if err != nil {
			return err
		}
		if len(entries) == 0 && !all {
			return s.listPauses(paused)
		}
		chosen := paused
		if !all {
			if chosen, err = choose(paused, entries); err != nil {
				return err
			}
		}
		return s.endPauses(ctx, kept, chosen)
	})
}

// choose returns the pauses of the entries that were named.
func choose(paused []ledger.Pause, entries []string) ([]ledger.Pause, error) {
	var chosen []ledger.Pause
	for _, entry := range entries {
		found := slices.DeleteFunc(slices.Clone(paused), func(p ledger.Pause) bool { return !isEntry(entry, p.Name, p.DN, p.Key) })
		if len(found) == 0 {
			return nil, fmt.Errorf("no entry %q is paused; ccdirsync resume lists those that are", entry)
		}
		chosen = append(chosen, found...)
	}
	return chosen, nil
}

// isEntry reports whether somebody who named an entry meant one of these
// names or DNs.
func isEntry(entry string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return name != "" && (reconcile.Fold(name) == reconcile.Fold(entry) || mapping.NormalDN(name) == mapping.NormalDN(entry))
	})
}

func (s surroundings) endPauses(ctx context.Context, kept *ledger.Ledger, chosen []ledger.Pause) error {
	byConnector := map[string][]reconcile.Pause{}
	for _, p := range chosen {
		byConnector[p.Connector] = append(byConnector[p.Connector], p.Pause)
	}
	n := 0
	for connector, pauses := range byConnector {
		ended, err := kept.Resume(ctx, connector, pauses)
		if err != nil {
			return err
		}
		n += ended
	}
	if n == 1 {
		return s.tell("1 entry is no longer paused")
	}
	return s.tell("%d entries are no longer paused", n)
}

func (s surroundings) listPauses(paused []ledger.Pause) error {
	if len(paused) == 0 {
		return s.tell("no entry is paused")
	}
	rows := [][]string{{"CONNECTOR", "TOWARD", "KIND", "NAME", "DN", "SINCE", "UNDONE RUN"}}
	for _, p := range paused {
		rows = append(rows, []string{
			p.Connector, toward(p.Direction), string(p.Kind), p.Name, dash(p.DN), p.Since.Format(timeForm), strconv.FormatInt(p.Undone, 10),
		})
	}
	return printTable(s.stdout, rows)
}
