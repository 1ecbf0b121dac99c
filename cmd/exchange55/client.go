package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/spf13/cobra"

	"ccdirsync/testenv/exchange55"
)

const (
	// requestTimeout bounds the wait for one answer of a server.
	requestTimeout = 30 * time.Second
	// pageSize stays below the 100 entries that Exchange 5.5 returns at most
	// (documented: K246567).
	pageSize = 50
)

// clientFlags is which server to talk to, and as whom.
type clientFlags struct {
	url, bindDN, passwordFile string
}

func (f *clientFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "`URL` of the server, ldap:// or ldaps:// (required)")
	flags.StringVar(&f.bindDN, "bind-dn", "", "`name` to bind with; none is anonymous")
	flags.StringVar(&f.passwordFile, "password-file", "", "`file` whose first line is the password, or env:VARIABLE")
}

// dial connects and binds.
func (s surroundings) dial(f clientFlags) (*ldap.Conn, error) {
	if f.url == "" {
		return nil, misuse("--url is required")
	}
	if (f.bindDN == "") != (f.passwordFile == "") {
		return nil, misuse("--bind-dn and --password-file go together")
	}
	password := ""
	if f.bindDN != "" {
		var err error
		if password, err = s.secret(f.passwordFile); err != nil {
			return nil, err
		}
	}
	conn, err := ldap.DialURL(f.url)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", f.url, err)
	}
	conn.SetTimeout(requestTimeout)
	if f.bindDN != "" {
		if err := conn.Bind(f.bindDN, password); err != nil {
			return nil, errors.Join(fmt.Errorf("bind to %s as %s: %w", f.url, f.bindDN, err), conn.Close())
		}
	}
	return conn, nil
}

func (s surroundings) applyCommand() *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "apply --url URL [flags] FILE",
		Short: "Send the records of an LDIF file to an LDAP server",
		Long: `Send the records of an LDIF file to an LDAP server, in order. Records without a
changetype are added. The first record that is refused ends the command; those
before it stay done. FILE may be - for the standard input.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse("%s: give one LDIF file, or -", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return s.apply(f, args[0]) },
	}
	f.add(cmd)
	return cmd
}

func (s surroundings) apply(f clientFlags, file string) error {
	records, err := s.readRecords(file)
	if err != nil {
		return err
	}
	conn, err := s.dial(f)
	if err != nil {
		return err
	}
	for i, record := range records {
		if err = send(conn, record); err != nil {
			err = fmt.Errorf("%s: %w (%d of %d records done)", record.Pos, err, i, len(records))
			return errors.Join(err, conn.Close())
		}
	}
	_, err = fmt.Fprintf(s.stdout, "%d records done\n", len(records))
	return errors.Join(err, conn.Close())
}

func (s surroundings) readRecords(file string) ([]exchange55.ChangeRecord, error) {
	if file == "-" {
		return exchange55.ReadLDIF(s.stdin, "standard input")
	}
	r, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the changes: %w", err)
	}
	records, err := exchange55.ReadLDIF(r, file)
	return records, errors.Join(err, r.Close())
}

// send makes one change.
func send(conn *ldap.Conn, record exchange55.ChangeRecord) error {
	switch record.Type {
	case exchange55.Content, exchange55.Add:
		request := ldap.NewAddRequest(record.DN, nil)
		for _, a := range record.Attributes {
			request.Attribute(a.Name, a.Values)
		}
		if err := conn.Add(request); err != nil {
			return fmt.Errorf("add %s: %w", record.DN, err)
		}
	case exchange55.Modify:
		request := ldap.NewModifyRequest(record.DN, nil)
		for _, change := range record.Changes {
			request.Changes = append(request.Changes, ldap.Change{
				Operation:    uint(change.Op), // both are numbered as in RFC 4511
				Modification: ldap.PartialAttribute{Type: change.Name, Vals: change.Values},
			})
		}
		if err := conn.Modify(request); err != nil {
			return fmt.Errorf("modify %s: %w", record.DN, err)
		}
	case exchange55.Delete:
		if err := conn.Del(ldap.NewDelRequest(record.DN, nil)); err != nil {
			return fmt.Errorf("delete %s: %w", record.DN, err)
		}
	}
	return nil
}

// dumpFlags is what a dump shows.
type dumpFlags struct {
	clientFlags
	base        string
	operational bool
}

func (s surroundings) dumpCommand() *cobra.Command {
	var f dumpFlags
	cmd := &cobra.Command{
		Use:   "dump --url URL [flags]",
		Short: "Print what a user sees of an LDAP server as sorted LDIF",
		Long: `Print all entries that the user can see, as LDIF in a fixed order, without the
attributes that the server derives from others. Deleted entries and operational
attributes are printed with --operational only.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return s.dump(f) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.base, "base", "", "`name` of the entry to start from; none is everything the server names")
	cmd.Flags().BoolVar(&f.operational, "operational", false, "with operational attributes and deleted entries")
	return cmd
}

func (s surroundings) dump(f dumpFlags) error {
	conn, err := s.dial(f.clientFlags)
	if err != nil {
		return err
	}
	records, err := f.read(conn)
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	return exchange55.WriteContent(s.stdout, records)
}

// read fetches the entries below the base, or below all naming contexts.
func (f dumpFlags) read(conn *ldap.Conn) ([]exchange55.ChangeRecord, error) {
	bases := []string{f.base}
	if f.base == "" {
		root, err := conn.Search(&ldap.SearchRequest{
			Scope: ldap.ScopeBaseObject, Filter: "(objectClass=*)", Attributes: []string{"namingContexts"},
		})
		if err != nil {
			return nil, fmt.Errorf("ask %s for its naming contexts: %w; give --base", f.url, err)
		}
		if len(root.Entries) == 0 || len(root.Entries[0].GetAttributeValues("namingContexts")) == 0 {
			return nil, fmt.Errorf("%s names no naming contexts; give --base", f.url)
		}
		bases = root.Entries[0].GetAttributeValues("namingContexts")
	}
	wanted := []string{"*", "Is-Deleted"}
	if f.operational {
		wanted = []string{"*", "+"}
	}
	var records []exchange55.ChangeRecord
	for _, base := range bases {
		found, err := conn.SearchWithPaging(&ldap.SearchRequest{
			BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: "(objectClass=*)", Attributes: wanted,
		}, pageSize)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", base, f.url, err)
		}
		for _, e := range found.Entries {
			if !f.operational && strings.EqualFold(e.GetEqualFoldAttributeValue("Is-Deleted"), "TRUE") {
				continue
			}
			records = append(records, content(e))
		}
	}
	return records, nil
}

// content is an entry without its derived attributes, which no server takes
// back.
func content(e *ldap.Entry) exchange55.ChangeRecord {
	record := exchange55.ChangeRecord{DN: e.DN}
	for _, a := range e.Attributes {
		if !strings.EqualFold(a.Name, "memberOf") && !strings.EqualFold(a.Name, "distinguishedName") {
			record.Attributes = append(record.Attributes, exchange55.Attribute{Name: a.Name, Values: a.Values})
		}
	}
	return record
}
