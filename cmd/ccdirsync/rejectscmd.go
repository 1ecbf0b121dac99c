package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
)

// timeForm is the form of times in tables.
const timeForm = time.RFC3339

// toward names a direction for people.
func toward(d reconcile.Direction) string {
	if d == reconcile.ToCCMail {
		return "cc:Mail"
	}
	return "Exchange"
}

func (s surroundings) rejectsCommand(ctx context.Context) *cobra.Command {
	output := "text"
	cmd := &cobra.Command{
		Use:   "rejects [connector...]",
		Short: "List the entries that are refused or held, why and since when",
		Long: `rejects lists the entries that the last cycle of each connector refused, held, or
could not write, with the reason and since when that has been so without a break.

` + exitCodesHelp,
		Example: `  ccdirsync rejects hq
  ccdirsync rejects -o json | jq -r '.name'`,
		ValidArgsFunction: completeConnectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.rejects(ctx, cmd, args, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`form` of the list: text or json (one object a line and entry)")
	return cmd
}

func (s surroundings) rejects(ctx context.Context, cmd *cobra.Command, names []string, output string) error {
	if output != "text" && output != "json" {
		return usageError{fmt.Errorf("--output %q is not known; known: text, json", output)}
	}
	file, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	return s.withLedger(ctx, file, func(kept *ledger.Ledger) error {
		for _, name := range names {
			if err := known(ctx, file, kept, name); err != nil {
				return err
			}
		}
		open, err := kept.OpenCases(ctx, names)
		if err != nil {
			return err
		}
		if output == "json" {
			return s.rejectsJSON(open)
		}
		return s.rejectsText(open)
	})
}

func (s surroundings) rejectsJSON(open []ledger.OpenCase) error {
	encoder := json.NewEncoder(s.stdout)
	encoder.SetEscapeHTML(false)
	for _, c := range open {
		if err := encoder.Encode(c); err != nil {
			return fmt.Errorf("write the list: %w", err)
		}
	}
	return nil
}

func (s surroundings) rejectsText(open []ledger.OpenCase) error {
	if len(open) == 0 {
		return s.tell("nothing is refused or held")
	}
	for _, c := range open {
		subject := reconcile.Step{Kind: c.Kind, Name: c.Name, Address: c.Address, DN: c.DN}.Subject()
		if err := s.tell("%s, to %s, since %s (run %d): %s %s %s: %s",
			c.Connector, toward(c.Direction), c.Since.Format(timeForm), c.SinceRun, c.Op, c.Kind, subject, c.Reason); err != nil {
			return err
		}
	}
	return nil
}

func (s surroundings) resyncCommand(ctx context.Context) *cobra.Command {
	o := cycleOptions{output: "text"}
	cmd := &cobra.Command{
		Use:   "resync ENTRY [connector...]",
		Short: "Bring one entry in step, with everything that the rules say",
		Long: `resync reads both sides and carries out what concerns one entry: unlike a cycle, which
sets names only when it makes an entry, it sets again everything that the rules say,
display name and name parts among them. The alias stays. ENTRY is the name of the entry
in cc:Mail, with or without " at " and its post office, an address, or its DN in
Exchange.

` + exitCodesHelp,
		Example: `  ccdirsync resync "Quist, Marta"
  ccdirsync resync "cn=mquist,cn=Recipients,ou=HQ,o=Contoso" hq --dry-run`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.task = cycle.Resync(args[0])
			return s.cycles(ctx, cmd, args[1:], o)
		},
	}
	reportFlags(cmd, &o)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show the plan and write nothing")
	return cmd
}

func (s surroundings) removeCommand(ctx context.Context) *cobra.Command {
	o := cycleOptions{output: "text"}
	cmd := &cobra.Command{
		Use:   "remove CONNECTOR",
		Short: "Delete everything that a connector has made on both sides",
		Long: `remove deletes all entries of Exchange that the connector made in cc:Mail and all
custom recipients that it made in Exchange, before its section is taken out of the
configuration. Its plan goes through the same guards and steps as any other: they stop
it, and a person approves it. Post office entries are never deleted; those that are
left are named.

` + exitCodesHelp,
		Example: `  ccdirsync remove hq --dry-run
  ccdirsync remove hq
  ccdirsync approve 3f9c2b7a1e04
  ccdirsync remove hq`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeConnectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.task = cycle.Remove(args[0])
			return s.cycles(ctx, cmd, args, o)
		},
	}
	reportFlags(cmd, &o)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show the plan and write nothing")
	return cmd
}
