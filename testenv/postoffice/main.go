package postoffice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Main is the program ccpo without the process around it; args are those after
// the program's name. It returns the exit code: of export and import, the
// result code of [Run]; of the other commands 0, 1 when they failed, 2 when
// they were called wrongly.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var code int
	var started bool
	root := newRoot(&code)
	noteStart(root, &started)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return code
	}
	_, _ = fmt.Fprintf(stderr, "ccpo: %v\n", err) // nowhere left to report to
	if started {
		return 1
	}
	return 2
}

// noteStart tells a command that failed from one that was called wrongly.
func noteStart(cmd *cobra.Command, started *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		noteStart(sub, started)
	}
}

func newRoot(code *int) *cobra.Command {
	root := &cobra.Command{
		Use:           "ccpo",
		Short:         "A cc:Mail post office for tests, with stand-ins for EXPORT and IMPORT",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          help,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		programCommand(exportProgram, code), programCommand(importProgram, code),
		initCommand(), showCommand(), addCommand(), faultCommand(),
		group("list", "Mailing lists",
			editCommand("add DIR TITLE [MEMBER...]", "Make a public mailing list", cobra.MinimumNArgs(2),
				func(po *PostOffice, args []string) error { return po.AddList(List{args[0], args[1:]}) }),
			editCommand("delete DIR TITLE", "Remove a mailing list", cobra.ExactArgs(2),
				func(po *PostOffice, args []string) error { return po.DeleteList(args[0]) })),
		group("board", "Bulletin boards",
			editCommand("add DIR TITLE", "Make a bulletin board", cobra.ExactArgs(2),
				func(po *PostOffice, args []string) error { return po.AddBoard(args[0]) }),
			editCommand("delete DIR TITLE", "Remove a bulletin board", cobra.ExactArgs(2),
				func(po *PostOffice, args []string) error { return po.DeleteBoard(args[0]) })),
		editCommand("delete DIR NAME", "Remove a directory row", cobra.ExactArgs(2),
			func(po *PostOffice, args []string) error { return po.Delete(args[0]) }),
		editCommand("move DIR NAME POSTOFFICE", "Give a user or alias another home post office", cobra.ExactArgs(3),
			func(po *PostOffice, args []string) error { return po.Move(args[0], args[1]) }),
		editCommand("comment DIR NAME TEXT", "Replace the comment of a row", cobra.ExactArgs(3),
			func(po *PostOffice, args []string) error { return po.SetComment(args[0], args[1]) }),
		fileCommand("lock DIR", "Lock the post office until unlock", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, LockFile), []byte("locked by ccpo lock\n"), 0o666)
		}),
		fileCommand("unlock DIR", "Take the lock of ccpo lock away", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, LockFile), nil, 0o666)
		}),
		fileCommand("down DIR", "Shut the post office down for programs", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, DownFile), nil, 0o666)
		}),
		fileCommand("up DIR", "Let programs in again", func(dir string) error {
			return os.Remove(filepath.Join(dir, DownFile))
		}),
	)
	return root
}

// programCommand hands everything after its name to Run: switches with slashes
// are no business of the flag library.
func programCommand(name string, code *int) *cobra.Command {
	return &cobra.Command{
		Use:                name + " SWITCHES",
		Short:              "Stand-in for " + strings.ToUpper(name) + "; /? lists the switches",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			// A console that is gone must not end the program, nor change its
			// result code: the program that started it may have died.
			signal.Ignore(syscall.SIGPIPE)
			*code = Run(cmd.Context(), ".", append([]string{name}, args...), cmd.OutOrStdout())
			return nil
		},
	}
}

func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: help}
	cmd.AddCommand(commands...)
	return cmd
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// editCommand is a command whose first argument is the post office's folder.
func editCommand(use, short string, check cobra.PositionalArgs, edit func(*PostOffice, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: check,
		RunE: func(_ *cobra.Command, args []string) error {
			return Edit(args[0], func(po *PostOffice) error { return edit(po, args[1:]) })
		},
	}
}

func fileCommand(use, short string, do func(dir string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := read(args[0]); err != nil {
				return err
			}
			return do(args[0])
		},
	}
}

func initCommand() *cobra.Command {
	var s Settings
	var passwordFile, seed, shape string
	cmd := &cobra.Command{
		Use: "init DIR", Short: "Make a post office", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readText(cmd, passwordFile)
			if err != nil {
				return fmt.Errorf("read password: %w", err)
			}
			var text string
			if seed != "" {
				if text, err = readText(cmd, seed); err != nil {
					return fmt.Errorf("read seed: %w", err)
				}
			}
			s.Password, s.Shape = strings.TrimRight(password, "\r\n"), Shape(shape)
			return seeded(args[0], s, seed, text)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.Name, "name", "", "post office name")
	flags.StringVar(&passwordFile, "password-file", "", "file with the password; - reads standard input")
	flags.StringVar(&s.CodePage, "code-page", "", "code page (default: cp850 for lotus, cp437 for alt)")
	flags.StringVar(&shape, "shape", string(Lotus), "how its files and command lines look: lotus or alt")
	flags.StringVar(&seed, "seed", "", "file with what is in it, UTF-8; - reads standard input")
	_ = cmd.MarkFlagRequired("name") // fails for flags that do not exist
	_ = cmd.MarkFlagRequired("password-file")
	return cmd
}

// readText reads a file, or standard input for a dash.
func readText(cmd *cobra.Command, path string) (string, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(cmd.InOrStdin())
	} else {
		data, err = os.ReadFile(path)
	}
	return string(data), err
}

// seeded makes a post office and puts a seed into it.
func seeded(dir string, s Settings, file, text string) (err error) {
	po, err := Create(dir, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, po.Close()) }()
	if err := po.Seed(file, text); err != nil {
		return err
	}
	return po.Save()
}

func showCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show DIR", Short: "Show what is in a post office, in the seed notation", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			po, err := read(args[0])
			if err != nil {
				return err
			}
			if !asJSON {
				_, err = io.WriteString(cmd.OutOrStdout(), po.seedText())
				return err
			}
			po.settings.Password = ""
			return po.document().write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "show it as JSON, without the password")
	return cmd
}

func addCommand() *cobra.Command {
	var e Entry
	var location string
	cmd := editCommand("add DIR", "Add a directory row", cobra.ExactArgs(1), func(po *PostOffice, _ []string) error {
		e.Location = Location(location)
		return po.Add(e)
	})
	flags := cmd.Flags()
	flags.StringVar(&e.Name, "name", "", "name")
	flags.StringVar(&location, "locn", string(LocalUser), "location: P p L l R r A a")
	flags.StringVar(&e.Address, "addr", "", "address: post office and foreign alias name")
	flags.StringVar(&e.Comment, "comment", "", "comment")
	return cmd
}

func faultCommand() *cobra.Command {
	var f Fault
	var task, output string
	var reset bool
	cmd := editCommand("fault DIR", "Make coming runs fail", cobra.ExactArgs(1), func(po *PostOffice, _ []string) error {
		if reset {
			po.ClearFaults()
			return nil
		}
		f.Task, f.Output = Task(task), Output(output)
		return po.AddFault(f)
	})
	flags := cmd.Flags()
	flags.StringVar(&f.Program, "program", "", "export or import")
	flags.StringVar(&task, "task", "", "directory, lists, boards or delete (default: any)")
	flags.IntVar(&f.Code, "code", 0, "result code to end with")
	flags.IntVar(&f.After, "after", 0, "with --code or --die: records that import still takes")
	flags.StringVar(&output, "output", "", "empty, truncated, missing or cut")
	flags.IntVar(&f.Keep, "keep", 0, "with --output cut: bytes that are left")
	flags.StringArrayVar(&f.Refuse, "refuse", nil, "name that import refuses; may be repeated")
	flags.BoolVar(&f.Hang, "hang", false, "do not end (ten minutes at most)")
	flags.BoolVar(&f.Die, "die", false, "end as if killed, when the output is written or the records are taken")
	flags.IntVar(&f.Times, "times", 1, "runs it is good for")
	flags.BoolVar(&reset, "clear", false, "forget all faults")
	return cmd
}
