package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ccdirsync/cmd/ccdirsync/internal/config"
	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
)

// openLedger opens the ledger of the configuration, and makes it when it is
// not there.
func openLedger(ctx context.Context, file config.File) (*ledger.Ledger, error) {
	kept, err := ledger.Open(ctx, ledgerPath(file))
	if err != nil {
		return nil, fmt.Errorf("%w; see whether state_dir is right, its folder can be written and its disk has room", err)
	}
	return kept, nil
}

func ledgerPath(file config.File) string {
	return filepath.Join(file.Path(file.StateDir), ledger.File)
}

// readLedger opens the ledger to look into it. There is none, and none is
// made, when nothing was recorded yet.
func readLedger(ctx context.Context, file config.File) (*ledger.Ledger, error) {
	if _, err := os.Stat(ledgerPath(file)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no ledger %s yet: ccdirsync run makes it; if there were runs, see whether state_dir is right", ledgerPath(file))
	}
	return openLedger(ctx, file)
}

// withLedger opens the ledger, which must be there, for something that
// concerns it alone.
func (s surroundings) withLedger(ctx context.Context, file config.File, do func(*ledger.Ledger) error) (failed error) {
	kept, err := readLedger(ctx, file)
	if err != nil {
		return err
	}
	defer func() { failed = errors.Join(failed, kept.Close()) }()
	return do(kept)
}

// lookIntoLedger opens the ledger for a plan, which leaves it and its folder as
// they are. There is none when nothing was recorded yet.
func lookIntoLedger(ctx context.Context, file config.File) (*ledger.Ledger, error) {
	kept, err := ledger.OpenReadOnly(ctx, ledgerPath(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w; see whether state_dir is right and its folder can be read", err)
	}
	return kept, nil
}

// historyOptions are the flags of history.
type historyOptions struct {
	output string // text or json
	limit  int
}

func (s surroundings) historyCommand(ctx context.Context) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history [connector...]",
		Short: "List the runs that were recorded, newest first",
		Long: `history lists the runs of all connectors, or of those that are named, newest
first. Connectors that the configuration no longer has may be named too. A run
that is listed as reading, planned or writing is under way or has died; the
next run of its connector tells.

` + exitCodesHelp,
		Example: `  ccdirsync history hq
  ccdirsync history --limit 0 -o json | jq 'select(.state != "done")'`,
		ValidArgsFunction: completeConnectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.history(ctx, cmd, args, o)
		},
	}
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "`form` of the list: text or json (one object a line and run)")
	cmd.Flags().IntVar(&o.limit, "limit", 20, "most `runs` to list, 0 for all")
	return cmd
}

func (s surroundings) history(ctx context.Context, cmd *cobra.Command, names []string, o historyOptions) error {
	if o.output != "text" && o.output != "json" {
		return usageError{fmt.Errorf("--output %q is not known; known: text, json", o.output)}
	}
	if o.limit < 0 {
		return usageError{fmt.Errorf("--limit %d is less than 0", o.limit)}
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
		runs, err := kept.Runs(ctx, names, o.limit)
		if err != nil {
			return err
		}
		if o.output == "json" {
			err = listJSON(s.stdout, runs)
		} else {
			err = listText(s.stdout, runs)
		}
		if err != nil {
			return fmt.Errorf("write the list of runs: %w", err)
		}
		return nil
	})
}

// known returns an error when neither the configuration nor the ledger has a
// connector of that name.
func known(ctx context.Context, file config.File, kept *ledger.Ledger, name string) error {
	if slices.ContainsFunc(file.Connectors, func(c config.Connector) bool { return c.Name == name }) {
		return nil
	}
	runs, err := kept.Runs(ctx, []string{name}, 1)
	if err == nil && len(runs) == 0 {
		err = usageError{fmt.Errorf("neither the configuration nor the ledger has a connector %q", name)}
	}
	return err
}

func listJSON(w io.Writer, runs []reconcile.Run) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, run := range runs {
		if err := encoder.Encode(run); err != nil {
			return err
		}
	}
	return nil
}

func listText(w io.Writer, runs []reconcile.Run) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "no runs")
		return err
	}
	rows := [][]string{{"RUN", "CONNECTOR", "BEGUN", "TOOK", "STATE", "PLAN", "TO CCMAIL", "TO EXCHANGE", "NOT DONE", "PURPOSE", "ERROR"}}
	for _, run := range runs {
		took := "-"
		if !run.Ended.IsZero() {
			took = run.Ended.Sub(run.Started).String()
		}
		reason, _, _ := strings.Cut(run.Error, "\n")
		rows = append(rows, []string{
			strconv.FormatInt(run.ID, 10), run.Connector, run.Started.Format(timeForm), took, string(run.State), dash(run.PlanID),
			strconv.Itoa(run.Counts.ToCCMail.Writes()), strconv.Itoa(run.Counts.ToExchange.Writes()), strconv.Itoa(run.NotDone), dash(run.Purpose), dash(reason),
		})
	}
	return printTable(w, rows)
}

// dash stands for nothing in a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (s surroundings) showCommand(ctx context.Context) *cobra.Command {
	output := "text"
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show what one run planned and what became of it",
		Long: `show prints the report of one run again: its plan, the outcome of every step and
what ended it. RUN is the number that history lists. A plan that a guard
stopped is shown as it would have been carried out.

` + exitCodesHelp,
		Example: `  ccdirsync show 12
  ccdirsync show 12 -o json | jq '.to_exchange[] | select(.outcome != "done")'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.show(ctx, cmd, args[0], output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`form` of the report: text or json (one object)")
	return cmd
}

func (s surroundings) show(ctx context.Context, cmd *cobra.Command, number, output string) error {
	if output != "text" && output != "json" {
		return usageError{fmt.Errorf("--output %q is not known; known: text, json", output)}
	}
	record, err := s.recordedRun(ctx, cmd, number)
	if err != nil {
		return err
	}
	report := cycle.Report{
		Run: record.Run.ID, State: record.Run.State, Started: record.Run.Started, Ended: record.Run.Ended,
		Plan: record.Plan, Warnings: record.Warnings, Error: record.Run.Error,
	}
	err = s.print(report, cycleOptions{output: output})
	if err == nil && output == "text" {
		err = printError(s.stdout, report.Error)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// recordedRun returns what the ledger has of the run with a number.
func (s surroundings) recordedRun(ctx context.Context, cmd *cobra.Command, number string) (record ledger.Record, err error) {
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || id < 1 {
		return record, usageError{fmt.Errorf("%q is not the number of a run; ccdirsync history lists them", number)}
	}
	file, err := loadConfig(cmd)
	if err != nil {
		return record, err
	}
	err = s.withLedger(ctx, file, func(kept *ledger.Ledger) (err error) {
		record, err = kept.Run(ctx, id)
		if errors.Is(err, ledger.ErrNoRun) {
			err = fmt.Errorf("%w; ccdirsync history lists them", err)
		}
		return err
	})
	return record, err
}

// printError writes what ended a run, if anything did: one with several causes
// has a line for each. A run under way tells it on standard error.
func printError(w io.Writer, text string) error {
	if text == "" {
		return nil
	}
	t := newTextReport(w)
	for line := range strings.SplitSeq(text, "\n") {
		t.line("error: %s", line)
	}
	return t.w.Flush()
}
