package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccdirsync/cmd/ccdirsync/internal/config"
	"ccdirsync/ldapsrc"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
)

// cycleOptions say what the commands do that plan or carry out cycles.
type cycleOptions struct {
	task   cycle.Task
	output string // text, json or ldif
	full   bool   // read the whole directory
	check  bool   // plan: work is an exit code of its own
	dryRun bool   // plan only
}

// reportFlags are the flags of commands that carry out a cycle.
func reportFlags(cmd *cobra.Command, o *cycleOptions) {
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "`form` of the report: text or json (one object a line and connector)")
}

// fullFlag is the flag of commands that may read only what has changed.
func fullFlag(cmd *cobra.Command, o *cycleOptions) {
	cmd.Flags().BoolVar(&o.full, "full", false, "read all of the Exchange directory, not only what has changed since the last run")
}

func (s surroundings) planCommand(ctx context.Context) *cobra.Command {
	o := cycleOptions{task: cycle.Synchronize(), dryRun: true}
	cmd := &cobra.Command{
		Use:   "plan [connector...]",
		Short: "Read both sides and show what a run would change; write nothing",
		Long: `plan reads the post office and the Exchange directory, compares them and shows
what a run would change and why. It writes nothing on either side: the export
files go to a temporary folder that is removed.

` + exitCodesHelp,
		Example: `  ccdirsync plan
  ccdirsync plan hq -o json | jq '.to_exchange[] | {op, name, reason}'
  ccdirsync plan -o ldif > steps9-10.ldif`,
		ValidArgsFunction: completeConnectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.cycles(ctx, cmd, args, o)
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "`form` of the plan: text, json (one object a line and connector) or ldif (the changes to Exchange)")
	fullFlag(cmd, &o)
	cmd.Flags().BoolVar(&o.check, "check", false, "exit with 5 when there is something to do")
	return cmd
}

func (s surroundings) runCommand(ctx context.Context) *cobra.Command {
	o := cycleOptions{task: cycle.Synchronize()}
	cmd := &cobra.Command{
		Use:   "run [connector...]",
		Short: "Carry out one synchronization cycle",
		Long: `run carries out one cycle of every connector, or of those that are named: it
reads and plans everything, has the guards judge the plan, and then writes. What
it does is recorded in the ledger, for ccdirsync history and ccdirsync show.

` + exitCodesHelp,
		Example: `  ccdirsync run
  ccdirsync run hq --dry-run`,
		ValidArgsFunction: completeConnectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.cycles(ctx, cmd, args, o)
		},
	}
	reportFlags(cmd, &o)
	fullFlag(cmd, &o)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "the same as plan: write nothing")
	return cmd
}

// completeConnectors completes the names of the configuration's connectors.
func completeConnectors(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	file, err := loadConfig(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, c := range file.Connectors {
		names = append(names, c.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// cycles plans or runs the connectors one after the other. One that fails does
// not keep the others from their turn.
func (s surroundings) cycles(ctx context.Context, cmd *cobra.Command, names []string, o cycleOptions) error {
	forms := []string{"text", "json", "ldif"}
	if cmd.Name() != "plan" {
		forms = forms[:2]
	}
	if !slices.Contains(forms, o.output) {
		return usageError{fmt.Errorf("--output %q is not known; known: %s", o.output, strings.Join(forms, ", "))}
	}
	if o.full {
		o.task = o.task.ReadingAll()
	}
	connectors, file, err := s.connectors(cmd, names)
	if err != nil {
		return err
	}
	if o.output == "ldif" && len(connectors) > 1 {
		return usageError{errors.New("--output ldif is for one server: name one connector")}
	}
	return s.carryOut(ctx, file, connectors, o)
}

// carryOut plans or runs the connectors with the ledger of the configuration.
func (s surroundings) carryOut(ctx context.Context, file config.File, connectors []cycle.Connector, o cycleOptions) error {
	open := openLedger
	if o.dryRun {
		open = lookIntoLedger
	}
	kept, err := open(ctx, file)
	if err != nil && o.dryRun {
		return fmt.Errorf("what earlier runs left is not known: %w", err)
	}
	if err != nil {
		return fmt.Errorf("nothing was written to either side: %w", err)
	}
	if kept == nil { // nothing was recorded yet
		return coded(s.oneByOne(ctx, file.Log, connectors, o))
	}
	for i := range connectors {
		connectors[i].Recording = cycle.Recording{Ledger: kept, Now: s.now}
	}
	code := s.oneByOne(ctx, file.Log, connectors, o)
	if !o.dryRun {
		_, err = kept.Prune(ctx, ledger.Retention{Runs: file.History.Runs, Age: time.Duration(file.History.Days) * 24 * time.Hour}, s.now())
	}
	if err = errors.Join(err, kept.Close()); err != nil {
		s.complain("%v", err)
		code = code.worse(exitFailed)
	}
	return coded(code)
}

// coded returns the error that ends the program with a code.
func coded(code exitCode) error {
	if code == exitDone {
		return nil
	}
	return codeError{code}
}

func (s surroundings) oneByOne(ctx context.Context, log logSettings, connectors []cycle.Connector, o cycleOptions) exitCode {
	code := exitDone
	for _, c := range connectors {
		if ctx.Err() != nil {
			s.complain("connector %s: not begun, because the program was interrupted", c.Name)
			code = code.worse(exitFailed)
			continue
		}
		code = code.worse(s.oneCycle(ctx, log, c, o))
	}
	return code
}

// oneCycle plans or runs one connector, shows its report and returns its exit
// code.
func (s surroundings) oneCycle(ctx context.Context, log logSettings, c cycle.Connector, o cycleOptions) exitCode {
	report, err := s.watchedCycle(ctx, log, c, o)
	code := codeOf(err)
	// Without a plan there is nothing to show to people; a program that reads
	// the report wants its object all the same.
	if report.ID == "" && o.output != "json" {
		return code
	}
	if o.output == "ldif" && code == exitGuard {
		s.complain("connector %s: a guard stopped the plan, so its LDIF is not printed; see the plan as text", c.Name)
		return code
	}
	if err := s.print(report, o); err != nil {
		s.complain("write the report: %v", err)
		return code.worse(exitFailed)
	}
	if report.Open() || report.Failed() {
		code = code.worse(exitOpen)
	}
	if o.check && report.Writes() {
		code = code.worse(exitDrift)
	}
	return code
}

// watchedCycle plans or runs one connector and shows how it gets on.
func (s surroundings) watchedCycle(ctx context.Context, log logSettings, c cycle.Connector, o cycleOptions) (cycle.Report, error) {
	show := s.newProgress(log, c.Name)
	defer show.close() // also before a panic is shown
	defer context.AfterFunc(ctx, show.interrupted)()
	c.Server.Trace = show.search
	carryOut := o.task.Run
	if o.dryRun {
		carryOut = o.task.Plan
	}
	report, err := carryOut(ctx, c, show.trace())
	if err != nil {
		report.Error = err.Error()
		show.failed(err)
	}
	return report, err
}

func (s surroundings) print(report cycle.Report, o cycleOptions) error {
	switch o.output {
	case "json":
		return printJSON(s.stdout, report)
	case "ldif":
		return ldapsrc.WriteLDIF(s.stdout, report.Changes)
	default:
		return printText(s.stdout, report)
	}
}
