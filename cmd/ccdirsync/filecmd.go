package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ccdirsync/ccmail"
)

func (s surroundings) fileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "file",
		Short: "Look into the files of EXPORT and IMPORT",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(s.fileShowCommand())
	return cmd
}

// fileOptions are the flags of file show.
type fileOptions struct {
	kind, codePage, dialect, output string
}

// fileKinds are what a file can be.
var fileKinds = []string{"directory", "lists", "boards", "refused"}

func (s surroundings) fileShowCommand() *cobra.Command {
	var o fileOptions
	cmd := &cobra.Command{
		Use:   "show FILE...",
		Short: "Show the entries of directory, lists, boards or .UND files; - is standard input",
		Example: `  ccdirsync file show CCMCDATA/Export/CCMDIR.EXP --code-page cp850
  ccdirsync file show CCMLIST.EXP -o json | jq -r .title`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return s.fileShow(args, o)
		},
	}
	cmd.Flags().StringVar(&o.kind, "kind", "", "what the file holds: "+strings.Join(fileKinds, ", ")+" (default: by its name)")
	cmd.Flags().StringVar(&o.codePage, "code-page", "cp437", "code `page` of the file")
	cmd.Flags().StringVar(&o.dialect, "dialect", "lotus", "`name` of the dialect of the file")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "`form`: text or json (one object a line and entry)")
	return cmd
}

func (s surroundings) fileShow(names []string, o fileOptions) error {
	if o.output != "text" && o.output != "json" {
		return usageError{fmt.Errorf("--output %q is not known; known: text, json", o.output)}
	}
	if o.kind != "" && !slices.Contains(fileKinds, o.kind) {
		return usageError{fmt.Errorf("--kind %q is not known; known: %s", o.kind, strings.Join(fileKinds, ", "))}
	}
	codePage, err := ccmail.CodePageByName(o.codePage)
	if err != nil {
		return usageError{fmt.Errorf("--code-page: %w", err)}
	}
	dialect, err := ccmail.DialectByName(o.dialect)
	if err != nil {
		return usageError{fmt.Errorf("--dialect: %w", err)}
	}
	for _, name := range names {
		if err := s.showFile(name, o, ccmail.Options{File: name, CodePage: codePage, Dialect: dialect}); err != nil {
			return err
		}
	}
	return nil
}

func (s surroundings) showFile(name string, o fileOptions, options ccmail.Options) error {
	in := s.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	kind := o.kind
	if kind == "" {
		kind = kindByName(name)
	}
	show := shower{out: s.stdout, json: o.output == "json"}
	var warnings []ccmail.Warning
	var err error
	switch kind {
	case "lists":
		warnings, err = show.lists(in, options)
	case "boards":
		warnings, err = show.boards(in, options)
	case "refused":
		err = show.refused(in, options)
	default:
		warnings, err = show.directory(in, options)
	}
	for _, w := range warnings {
		s.complain("warning: %s", w)
	}
	return err
}

// kindByName guesses what a file holds from the names that EXPORT files have.
func kindByName(name string) string {
	switch base := strings.ToUpper(filepath.Base(name)); {
	case strings.HasPrefix(base, "CCMLIST"):
		return "lists"
	case strings.HasPrefix(base, "CCMBB"):
		return "boards"
	case strings.HasSuffix(base, ".UND"):
		return "refused"
	default:
		return "directory"
	}
}

// shower shows entries as a table or as lines of JSON.
type shower struct {
	out  io.Writer
	json bool
}

// entryJSON is a directory entry in JSON.
type entryJSON struct {
	Line    int    `json:"line"`
	Name    string `json:"name"`
	Locn    string `json:"locn"`
	Addr    string `json:"addr"`
	Cmts    string `json:"cmts"`
	Refused string `json:"refused,omitempty"` // reason
}

func entryOf(r ccmail.Record, reason string) entryJSON {
	return entryJSON{Line: r.Pos.Line, Name: r.Name, Locn: string(r.Location), Addr: r.Address, Cmts: r.Comment, Refused: reason}
}

func (s shower) directory(in io.Reader, o ccmail.Options) ([]ccmail.Warning, error) {
	records, warnings, err := ccmail.ReadDirectory(in, o)
	if err != nil {
		return warnings, err
	}
	entries := make([]entryJSON, len(records))
	for i, r := range records {
		entries[i] = entryOf(r, "")
	}
	return warnings, s.entries(entries)
}

func (s shower) refused(in io.Reader, o ccmail.Options) error {
	refused, err := ccmail.ReadRefused(in, o)
	if err != nil {
		return err
	}
	entries := make([]entryJSON, len(refused))
	for i, r := range refused {
		entries[i] = entryOf(r.Record, r.Reason)
	}
	return s.entries(entries)
}

func (s shower) entries(entries []entryJSON) error {
	if s.json {
		return writeLines(s.out, entries)
	}
	rows := [][]string{{"NAME", "LOCN", "ADDR", "CMTS"}}
	for _, e := range entries {
		row := []string{e.Name, e.Locn, e.Addr, e.Cmts}
		if e.Refused != "" {
			row = append(row, e.Refused)
		}
		rows = append(rows, row)
	}
	return s.table(rows)
}

// titleJSON is a list or a board in JSON.
type titleJSON struct {
	Line    int      `json:"line"`
	Title   string   `json:"title"`
	Members []string `json:"members,omitempty"`
}

func (s shower) lists(in io.Reader, o ccmail.Options) ([]ccmail.Warning, error) {
	lists, warnings, err := ccmail.ReadLists(in, o)
	if err != nil {
		return warnings, err
	}
	titles := make([]titleJSON, len(lists))
	for i, l := range lists {
		titles[i] = titleJSON{Line: l.Pos.Line, Title: l.Title, Members: l.Members}
	}
	return warnings, s.titles(titles)
}

func (s shower) boards(in io.Reader, o ccmail.Options) ([]ccmail.Warning, error) {
	boards, warnings, err := ccmail.ReadBoards(in, o)
	if err != nil {
		return warnings, err
	}
	titles := make([]titleJSON, len(boards))
	for i, b := range boards {
		titles[i] = titleJSON{Line: b.Pos.Line, Title: b.Title}
	}
	return warnings, s.titles(titles)
}

func (s shower) titles(titles []titleJSON) error {
	if s.json {
		return writeLines(s.out, titles)
	}
	rows := [][]string{{"TITLE", "MEMBERS"}}
	for _, t := range titles {
		rows = append(rows, []string{t.Title, strings.Join(t.Members, "; ")})
	}
	return s.table(rows)
}

func (s shower) table(rows [][]string) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

func writeLines[T any](w io.Writer, values []T) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, v := range values {
		if err := encoder.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
