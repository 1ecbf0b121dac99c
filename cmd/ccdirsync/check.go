package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ccdirsync/reconcile/cycle"
)

func (s surroundings) checkCommand(ctx context.Context) *cobra.Command {
	output := "text"
	cmd := &cobra.Command{
		Use:   "check [connector...]",
		Short: "Test everything that a run needs",
		Long: `check tests the configuration, the folders, the programs, the post office, the
connection to the directory, its containers and the rights of the account. It
runs EXPORT into a temporary folder and writes nothing to either side. It
compares the connectors that it is called for: whether two import the same
entries or work on the same post office.

` + exitCodesHelp,
		Example:           `  ccdirsync check hq`,
		ValidArgsFunction: completeConnectors,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.check(ctx, cmd, args, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`form` of the findings: text or json (one object a line)")
	return cmd
}

func (s surroundings) check(ctx context.Context, cmd *cobra.Command, names []string, output string) error {
	if output != "text" && output != "json" {
		return usageError{fmt.Errorf("--output %q is not known; known: text, json", output)}
	}
	connectors, _, err := s.connectors(cmd, names)
	if err != nil {
		return err
	}
	code := exitDone
	var writing error // the first that failed
	tell := func(connector string, f cycle.Finding) {
		if failed := s.printFinding(connector, f, output); writing == nil {
			writing = failed
		}
	}
	var neighbours []cycle.Neighbour
	for _, c := range connectors {
		neighbour, err := cycle.Check(ctx, c, func(f cycle.Finding) { tell(c.Name, f) })
		neighbours = append(neighbours, neighbour)
		code = code.worse(codeOf(err))
	}
	for _, o := range cycle.Overlaps(neighbours) {
		tell(o.First, o.Finding)
	}
	if writing != nil {
		return fmt.Errorf("write the findings: %w", writing)
	}
	return coded(code)
}

func (s surroundings) printFinding(connector string, f cycle.Finding, output string) error {
	verdict := "ok"
	switch {
	case f.Err != nil:
		verdict = "failed"
	case f.Warning:
		verdict = "warning"
	}
	if output == "json" {
		encoder := json.NewEncoder(s.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(struct {
			Connector string `json:"connector"`
			Check     string `json:"check"`
			Result    string `json:"result"`
			Detail    string `json:"detail"`
		}{connector, f.Check, verdict, f.Detail})
	}
	// One line for a finding, however many things are wrong.
	detail := printable(strings.ReplaceAll(f.Detail, "\n", "; "))
	_, err := fmt.Fprintf(s.stdout, "%s: %-7s  %-14s  %s\n", connector, verdict, f.Check, detail)
	return err
}
