package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"ccdirsync/testenv/exchange55"
)

// serveFlags is how the directory is to be served.
type serveFlags struct {
	listen, ldif        string
	accounts, readers   []string
	sizeLimit           int
	quotedNames         bool
	tlsCert, tlsKey     string
	portFile, readyFile string
}

func (s surroundings) serveCommand(ctx context.Context) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a directory until interrupted",
		Long: `Serve a directory filled from an LDIF file until SIGINT or SIGTERM. Changes are
kept in memory only.

An account is given as DOMAIN/name:FILE, where the first line of FILE is the
password, or as DOMAIN/name:env:VARIABLE. It binds as cn=name,cn=DOMAIN, and as
cn=name,cn=DOMAIN,cn=admin to see hidden and deleted objects too.`,
		Example: `  exchange55 serve --ldif seed.ldif --account CONTOSO/svc:svc.password`,
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return s.serve(ctx, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:3389", "`host:port` to listen on; port 0 takes a free one")
	flags.StringVar(&f.ldif, "ldif", "", "LDIF `file` with the entries, parents first (required)")
	flags.StringArrayVar(&f.accounts, "account", nil, "account that may write and has the admin view, `DOMAIN/name:FILE`; repeatable")
	flags.StringArrayVar(&f.readers, "reader", nil, "account that may only read and has no admin view, `DOMAIN/name:FILE`; repeatable")
	flags.IntVar(&f.sizeLimit, "size-limit", exchange55.DefaultSizeLimit, "most entries in one answer or page; -1 is no limit")
	flags.BoolVar(&f.quotedNames, "quoted-names", false, "write names as RFC 1779 does, with quotes")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "PEM `file` with the certificate; serves ldaps")
	flags.StringVar(&f.tlsKey, "tls-key", "", "PEM `file` with the key of the certificate")
	flags.StringVar(&f.portFile, "port-file", "", "write the port number to this `file` when ready")
	flags.StringVar(&f.readyFile, "ready-file", "", "write the URL to this `file` when ready")
	return cmd
}

func (s surroundings) serve(ctx context.Context, f serveFlags) error {
	options, err := s.options(f)
	if err != nil {
		return err
	}
	// A file of an earlier run must not look like this one's.
	for _, file := range []string{f.portFile, f.readyFile} {
		if err = os.Remove(file); file != "" && err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the file of an earlier run: %w", err)
		}
	}
	directory, err := exchange55.Start(options)
	if err != nil {
		return err
	}
	if err := s.announce(directory.URL(), f); err != nil {
		return errors.Join(err, directory.Close())
	}
	<-ctx.Done()
	if err := directory.Close(); err != nil {
		return fmt.Errorf("stop the directory: %w", err)
	}
	return nil
}

func (s surroundings) options(f serveFlags) (exchange55.Options, error) {
	options := exchange55.Options{
		Listen: f.listen, LDIFName: f.ldif, SizeLimit: f.sizeLimit, QuotedNames: f.quotedNames, Clock: s.now,
	}
	if f.sizeLimit == 0 {
		return options, misuse("--size-limit 0: give a positive number, or -1 for no limit")
	}
	if f.ldif == "" {
		return options, misuse("--ldif is required: over LDAP nothing can be made at the top of the tree")
	}
	var err error
	if options.LDIF, err = os.ReadFile(f.ldif); err != nil {
		return options, fmt.Errorf("read the entries: %w", err)
	}
	for _, given := range f.accounts {
		account, err := s.account(given)
		if err != nil {
			return options, err
		}
		account.Write, account.AdminView = true, true
		options.Accounts = append(options.Accounts, account)
	}
	for _, given := range f.readers {
		account, err := s.account(given)
		if err != nil {
			return options, err
		}
		options.Accounts = append(options.Accounts, account)
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return options, misuse("--tls-cert and --tls-key go together")
	}
	if f.tlsCert != "" {
		certificate, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
		if err != nil {
			return options, fmt.Errorf("read the certificate: %w", err)
		}
		options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	return options, nil
}

// account reads DOMAIN/name:FILE or DOMAIN/name:env:VARIABLE.
func (s surroundings) account(given string) (exchange55.Account, error) {
	who, secret, ok := strings.Cut(given, ":")
	domain, name, named := strings.Cut(who, "/")
	if !ok || !named || domain == "" || name == "" || secret == "" {
		return exchange55.Account{}, misuse("account %q: give it as DOMAIN/name:FILE or DOMAIN/name:env:VARIABLE", given)
	}
	password, err := s.secret(secret)
	if err != nil {
		return exchange55.Account{}, fmt.Errorf("account %s: %w", who, err)
	}
	return exchange55.Account{Domain: domain, Name: name, Password: password}, nil
}

// secret reads a password from the first line of a file or from env:VARIABLE.
func (s surroundings) secret(from string) (string, error) {
	if variable, ok := strings.CutPrefix(from, "env:"); ok {
		password, _ := s.lookup(variable)
		if password == "" {
			return "", fmt.Errorf("read the password: the environment variable %s is not set", variable)
		}
		return password, nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	password := strings.TrimSuffix(line, "\r")
	if password == "" {
		return "", fmt.Errorf("read the password: the first line of %s is empty", from)
	}
	return password, nil
}

// announce says that the directory can be used. The files appear whole and the
// ready file last, so that a script may wait for it.
func (s surroundings) announce(directoryURL string, f serveFlags) error {
	parsed, err := url.Parse(directoryURL)
	if err != nil {
		return fmt.Errorf("announce the directory: %w", err)
	}
	for _, announcement := range []struct{ file, content string }{{f.portFile, parsed.Port()}, {f.readyFile, directoryURL}} {
		if announcement.file == "" {
			continue
		}
		if err := renameio.WriteFile(announcement.file, []byte(announcement.content+"\n"), 0o644); err != nil {
			return fmt.Errorf("announce the directory: %w", err)
		}
	}
	if _, err := fmt.Fprintf(s.stdout, "serving %s\n", directoryURL); err != nil {
		return fmt.Errorf("announce the directory: %w", err)
	}
	return nil
}
