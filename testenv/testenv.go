package testenv

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Kind is what a directory is.
type Kind string

// The kinds of directories. The zero value is Exchange55.
const (
	Exchange55 Kind = "exchange55" // package exchange55
	Slapd      Kind = "slapd"      // package slapd
)

// Where is where a directory runs.
type Where string

// The places. The zero value is InProcess, for slapd Process.
const (
	InProcess Where = "in process" // not slapd
	Process   Where = "process"    // on this machine
	Container Where = "container"  // in a container of its own
)

// Account is an account that may bind, as cn=Name,cn=Domain.
type Account struct {
	Domain, Name, Password string
	// Write lets it add, modify and delete, and see hidden and deleted entries
	// when its bind name ends in ,cn=admin.
	Write bool
}

// BindName is the name that the account binds with.
func (a Account) BindName() string { return "cn=" + a.Name + ",cn=" + a.Domain }

// AdminName is the name that the account binds with for the admin view.
func (a Account) AdminName() string { return a.BindName() + ",cn=admin" }

// Options say what a directory is to be like.
type Options struct {
	Kind     Kind
	Where    Where
	LDIF     string // content records to start with, parents first; the first names the top
	Accounts []Account
	// SizeLimit is the most entries in one answer; 0 is 100, as Exchange has it
	// (documented: K243786), a negative number no limit.
	SizeLimit int
	// Dir is a folder for files, which must exist; empty is one that goes when
	// the directory is closed.
	Dir string
}

// Directory is a directory that runs.
type Directory struct {
	server server
	tidy   func() error // after it
}

// server is a directory of some kind in some place.
type server interface {
	URL() string
	SecureURL() (string, *x509.CertPool)
	Add(ctx context.Context, ldif string) error
	Dump(ctx context.Context) (string, error)
	Close() error
}

// interruptible is a server that can be taken away from under its clients.
type interruptible interface {
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	Kill(ctx context.Context) error
}

// Start starts a directory and returns when it answers. The context bounds the
// start, an image that has to be built included; the directory runs until
// Close.
func Start(ctx context.Context, o Options) (*Directory, error) {
	d := &Directory{tidy: func() error { return nil }}
	if err := d.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start a directory: %w", err), d.tidy())
	}
	return d, nil
}

func (d *Directory) start(ctx context.Context, o Options) (err error) {
	if o.Kind == "" {
		o.Kind = Exchange55
	}
	if o.Where == "" && o.Kind == Exchange55 {
		o.Where = InProcess
	} else if o.Where == "" {
		o.Where = Process
	}
	begin, known := starters[place{o.Kind, o.Where}]
	if !known {
		return fmt.Errorf("there is no %q of kind %q", o.Where, o.Kind)
	}
	if o.Dir == "" {
		if o.Dir, d.tidy, err = temporaryFolder(); err != nil {
			return err
		}
	}
	d.server, err = begin(ctx, o)
	return err
}

type place struct {
	kind  Kind
	where Where
}

var starters = map[place]func(context.Context, Options) (server, error){
	{Exchange55, InProcess}: startInProcess,
	{Exchange55, Process}:   startExchangeProcess,
	{Exchange55, Container}: startExchangeContainer,
	{Slapd, Process}:        startSlapdProcess,
	{Slapd, Container}:      startSlapdContainer,
}

// URL is where clients find the directory, such as ldap://127.0.0.1:40001.
func (d *Directory) URL() string { return d.server.URL() }

// SecureURL is where a slapd answers with TLS from the start, and the authority
// that signed its certificate, which is for the name 127.0.0.1 wherever it runs;
// it takes StartTLS at URL too. Empty for Exchange, which has no certificate.
func (d *Directory) SecureURL() (string, *x509.CertPool) { return d.server.SecureURL() }

// Add adds content records in LDIF, parents first.
func (d *Directory) Add(ctx context.Context, ldif string) error { return d.server.Add(ctx, ldif) }

// Dump returns all entries as LDIF, with operational attributes.
func (d *Directory) Dump(ctx context.Context) (string, error) { return d.server.Dump(ctx) }

// errNotInterruptible is what a directory in process says to being interrupted.
var errNotInterruptible = errors.New("a directory in process cannot be paused or killed; use a process or a container, or package faultproxy")

// Pause stops the directory where it is. Its connections stay open and nothing
// is answered until Resume.
func (d *Directory) Pause(ctx context.Context) error {
	return d.interrupt(func(s interruptible) error { return s.Pause(ctx) })
}

// Resume lets a paused directory go on.
func (d *Directory) Resume(ctx context.Context) error {
	return d.interrupt(func(s interruptible) error { return s.Resume(ctx) })
}

// Kill ends the directory at once, as when its machine loses power. Its
// connections end. Close it all the same.
func (d *Directory) Kill(ctx context.Context) error {
	return d.interrupt(func(s interruptible) error { return s.Kill(ctx) })
}

func (d *Directory) interrupt(do func(interruptible) error) error {
	s, can := d.server.(interruptible)
	if !can {
		return errNotInterruptible
	}
	return do(s)
}

// Close ends the directory and removes what it left.
func (d *Directory) Close() error { return errors.Join(d.server.Close(), d.tidy()) }

// top is the name of the first entry of an LDIF text.
func top(ldif string) string {
	for line := range strings.Lines(ldif) {
		if dn, is := strings.CutPrefix(line, "dn:"); is {
			return strings.TrimSpace(dn)
		}
	}
	return ""
}
