package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
	"ccdirsync/reconcile/ledger"
)

// approveOptions are the flags of approve.
type approveOptions struct {
	span   time.Duration
	only   string
	revoke bool
}

func (s surroundings) approveCommand(ctx context.Context) *cobra.Command {
	var o approveOptions
	cmd := &cobra.Command{
		Use:   "approve [PLAN]",
		Short: "Let a plan through that a guard stopped",
		Long: `approve lets a plan through that a guard stopped (exit code 4), once a person has
looked at it: run it again afterwards. PLAN is the ID of a plan that a run kept, or a
file with the JSON that plan printed. Without PLAN the approvals in force are listed.

An approval expires. Until then it holds for later plans of the connector too, as
long as each step that the guards count is one of those that were approved: a plan
with one more deletion is stopped again.

` + exitCodesHelp,
		Example: `  ccdirsync approve 3f9c2b7a1e04
  ccdirsync approve 3f9c2b7a1e04 --for 2h --only deletes
  ccdirsync approve 3f9c2b7a1e04 --revoke`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.approve(ctx, cmd, args, o)
		},
	}
	cmd.Flags().DurationVar(&o.span, "for", 24*time.Hour, "`time` until the approval expires")
	cmd.Flags().StringVar(&o.only, "only", "", "approve one `class` of guards: deletes, changes or reads")
	cmd.Flags().BoolVar(&o.revoke, "revoke", false, "take the approvals of the plan back")
	return cmd
}

func (s surroundings) approve(ctx context.Context, cmd *cobra.Command, args []string, o approveOptions) error {
	if o.span <= 0 {
		return usageError{fmt.Errorf("--for %v is not a time to come", o.span)}
	}
	if o.revoke && len(args) == 0 {
		return usageError{errors.New("--revoke needs the PLAN whose approvals it takes back")}
	}
	file, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	return s.withLedger(ctx, file, func(kept *ledger.Ledger) error {
		if len(args) == 0 {
			return s.listApprovals(ctx, kept)
		}
		if o.revoke {
			return s.revoke(ctx, kept, args[0])
		}
		plan, err := savedPlan(ctx, kept, args[0])
		if err != nil {
			return err
		}
		return s.grant(ctx, kept, plan, o)
	})
}

// grant records the approval of a plan.
func (s surroundings) grant(ctx context.Context, kept *ledger.Ledger, plan reconcile.Plan, o approveOptions) error {
	approval, err := reconcile.NewApproval(plan, o.only)
	if err != nil {
		return usageError{err}
	}
	approval.By, approval.Given = s.account, s.now()
	approval.Expires = approval.Given.Add(o.span)
	if approval.ID, err = kept.Approve(ctx, approval); err != nil {
		return err
	}
	return s.tell("approved until %s: %s\n", approval.Expires.UTC().Format(timeForm), describe(approval))
}

// tell writes a line for people to standard output.
func (s surroundings) tell(format string, args ...any) error {
	if _, err := io.WriteString(s.stdout, printable(strings.TrimSuffix(fmt.Sprintf(format, args...), "\n"))+"\n"); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// describe says what an approval lets through.
func describe(a reconcile.Approval) string {
	names := make([]string, len(a.Guards))
	for i, g := range a.Guards {
		names[i] = g.Name
	}
	steps := "1 step"
	if n := len(a.Steps); n != 1 {
		steps = fmt.Sprintf("%d steps", n)
	}
	return fmt.Sprintf("plan %s of connector %s, %s, %s", a.PlanID, a.Connector, steps, strings.Join(names, ", "))
}

func (s surroundings) revoke(ctx context.Context, kept *ledger.Ledger, id string) error {
	n, err := kept.Revoke(ctx, id, s.now())
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("plan %s has no approval in force; ccdirsync approve lists those there are", id)
	}
	return s.tell("revoked: plan %s is stopped by its guards again", id)
}

func (s surroundings) listApprovals(ctx context.Context, kept *ledger.Ledger) error {
	approvals, err := kept.Approvals(ctx, nil, s.now())
	if err != nil {
		return err
	}
	if len(approvals) == 0 {
		return s.tell("no approval is in force")
	}
	rows := [][]string{{"PLAN", "CONNECTOR", "EXPIRES", "GIVEN", "BY", "ONLY", "PURPOSE", "STEPS"}}
	for _, a := range approvals {
		rows = append(rows, []string{
			a.PlanID, a.Connector, a.Expires.Format(timeForm), a.Given.Format(timeForm), dash(a.By), dash(a.Only), dash(a.Purpose), fmt.Sprint(len(a.Steps)),
		})
	}
	return printTable(s.stdout, rows)
}

// printTable writes rows, the first of which is the head.
func printTable(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
		}
		if _, err := fmt.Fprintln(table, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}

// planID is the form of the ID of a plan.
var planID = regexp.MustCompile(`^[0-9a-f]{12}$`)

// savedPlan reads a plan: one that the ledger keeps, by its ID, or else one in a
// file, as plan -o json prints it.
func savedPlan(ctx context.Context, kept *ledger.Ledger, argument string) (reconcile.Plan, error) {
	if planID.MatchString(argument) {
		record, err := kept.HeldPlan(ctx, argument)
		if errors.Is(err, ledger.ErrNoPlan) {
			err = fmt.Errorf("%w; ccdirsync run keeps the plan that a guard stops, ccdirsync plan does not: name the file with its JSON", err)
		}
		return record.Plan, err
	}
	data, err := os.ReadFile(argument)
	if err != nil {
		return reconcile.Plan{}, usageError{fmt.Errorf("%q is neither the ID of a plan, twelve hexadecimal digits, nor a file that can be read: %w", argument, err)}
	}
	var plan reconcile.Plan
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	if err = decoder.Decode(&plan); err == nil && decoder.More() {
		err = errors.New("it holds more than one plan")
	}
	if err == nil {
		err = genuine(plan)
	}
	if err != nil {
		return reconcile.Plan{}, usageError{fmt.Errorf("read the plan in %s, which plan -o json should have written: %w", argument, err)}
	}
	return plan, nil
}

// genuine reports a plan whose steps are not those that its ID stands for.
func genuine(plan reconcile.Plan) error {
	again := plan
	if err := again.Identify(); err != nil {
		return err
	}
	if plan.ID == "" || again.ID != plan.ID {
		return errors.New("its plan_id does not belong to its steps: it was changed, or it is the report of a run")
	}
	return nil
}

func (s surroundings) applyCommand(ctx context.Context) *cobra.Command {
	o := cycleOptions{output: "text"}
	cmd := &cobra.Command{
		Use:   "apply PLAN",
		Short: "Carry out exactly a saved plan",
		Long: `apply reads both sides, makes the plan anew, and carries it out if it is the saved
one. When either side has moved on, so that the plan would be another one, it writes
nothing and says what differs. PLAN is the ID of a plan that a guard stopped, or a file
with the JSON that plan printed. Guards judge it like any other plan: what they stop
has to be approved first.

` + exitCodesHelp,
		Example: `  ccdirsync plan hq -o json > hq.plan
  ccdirsync apply hq.plan`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.apply(ctx, cmd, args[0], o)
		},
	}
	reportFlags(cmd, &o)
	return cmd
}

func (s surroundings) apply(ctx context.Context, cmd *cobra.Command, argument string, o cycleOptions) error {
	file, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	var plan reconcile.Plan
	if planID.MatchString(argument) {
		err = s.withLedger(ctx, file, func(kept *ledger.Ledger) (err error) {
			plan, err = savedPlan(ctx, kept, argument)
			return err
		})
	} else {
		plan, err = savedPlan(ctx, nil, argument)
	}
	if err != nil {
		return err
	}
	if plan.Purpose != "" {
		return usageError{fmt.Errorf("plan %s is not one of a synchronization; carry it out with: ccdirsync %s", plan.ID, plan.Purpose)}
	}
	o.task = cycle.Apply(plan)
	return s.cycles(ctx, cmd, []string{plan.Connector}, o)
}
