package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"ccdirsync/cmd/ccdirsync/internal/config"
)

// exampleConfig is what config init writes.
//
//go:embed example.yaml
var exampleConfig []byte

func (s surroundings) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Write and validate configuration files",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "init",
			Short: "Write an example configuration to --config; an existing file is left alone",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return s.configInit(cmd)
			},
		},
		&cobra.Command{
			Use:   "validate",
			Short: "Report everything that is wrong with the configuration",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return s.configValidate(cmd)
			},
		},
	)
	return cmd
}

func (s surroundings) configInit(cmd *cobra.Command) error {
	name, err := cmd.Flags().GetString("config")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and was left alone; name another file with --config", name)
	}
	if err != nil {
		return fmt.Errorf("write the example configuration: %w", err)
	}
	_, err = file.Write(exampleConfig)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the example configuration: %w", err)
	}
	_, err = fmt.Fprintf(s.stdout, "wrote %s; edit it, then try: ccdirsync check\n", name)
	return err
}

func (s surroundings) configValidate(cmd *cobra.Command) error {
	file, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	problems := make([]error, len(file.Connectors))
	for i, c := range file.Connectors {
		// Whether secrets and certificates are at hand is what check tells.
		c.Exchange.PasswordFile, c.Exchange.PasswordEnv, c.Exchange.TLS.CAFile = "", "", ""
		c.PostOffice.PasswordFile, c.PostOffice.PasswordEnv = "", ""
		_, problems[i] = s.connector(file, c)
	}
	if err = config.Join(problems...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "the configuration is valid; connectors: %d\n", len(file.Connectors))
	return err
}
