package slapd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed" // for the schemas
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Where Debian puts the server and its modules.
const (
	serverProgram = "/usr/sbin/slapd"
	loadProgram   = "/usr/sbin/slapadd"
	moduleFolder  = "/usr/lib/ldap"
	schemaFolder  = "/etc/ldap/schema"
)

//go:embed exchange55.schema
var exchange55Schema []byte

//go:embed activedirectory.schema
var activeDirectorySchema []byte

// Schema says what entries may hold.
type Schema string

// The schemas. Those but Exchange55 hide nothing and keep no lengths.
const (
	Exchange55      Schema = ""         // what the package makes up
	Standard        Schema = "standard" // core, cosine and inetorgperson as the package slapd brings them
	ActiveDirectory Schema = "ad"       // names of Active Directory; cn has one value
)

// Available says why slapd cannot be started on this machine; nil if it can.
// Tests give it as the reason when they skip.
func Available() error {
	if _, err := os.Stat(serverProgram); err != nil {
		return fmt.Errorf("package slapd is not installed: %w", err)
	}
	if _, err := exec.LookPath("ldapadd"); err != nil {
		return fmt.Errorf("package ldap-utils is not installed: %w", err)
	}
	return nil
}

// defaultMaxSize is enough for some 100,000 recipients.
const defaultMaxSize = 1 << 30

// Options say what the server is to be like.
type Options struct {
	Dir    string // for its files; must exist, and nothing else may use it
	Suffix string // such as o=Contoso
	Users  []User
	Schema Schema
	// ReadOnly refuses every write with code 53. Entries to start with then come
	// by Bulk.
	ReadOnly bool

	// LDIF are content records to start with, added over LDAP, so that every
	// one is checked. Bulk are content records loaded by slapadd before the
	// server starts: tens of thousands a second, hardly checked, in the order
	// parents first. With both, Bulk comes first.
	LDIF string
	Bulk io.Reader

	// Hide keeps these entries and all below them from every account, Conceal only
	// what is below. A search then succeeds without them; one that begins at a
	// hidden entry fails with code 32.
	Hide, Conceal []string

	SizeLimit int   // entries in an answer that is not paged, and in a page; 0 means 100, negative no limit
	MaxSize   int64 // of the database, in bytes; 0 means 1 GiB. 1,000,000 recipients need about 6 GiB
	Sync      bool  // write every change to the disk before it is answered; without it, slapd lets the system do that

	// Syncrepl offers the content synchronization of RFC 4533 to users without
	// limits. SessionLog is how many changes the server remembers, so that it
	// can name deleted entries; 0 is none.
	Syncrepl   bool
	SessionLog int

	// Certificate is what the server shows, with its key; nil makes one for
	// 127.0.0.1 that signs itself. Clients is the authority of certificates
	// whose bearers may bind with SASL EXTERNAL, as the subject; nil for none.
	Certificate *tls.Certificate
	Clients     *x509.Certificate
}

// User is an account. Those whose name ends in ",cn=admin" see hidden and
// deleted objects.
type User struct {
	Name     string // bind name, such as cn=dirsync,cn=CONTOSO,cn=admin
	Password string
	Write    bool
	// Unlimited lifts the limits of entries and time for this account, as the
	// synchronization of Syncrepl needs it.
	Unlimited bool
}

// Server is a server that runs.
type Server struct {
	URL       string         // ldap://127.0.0.1:port, with StartTLS
	SecureURL string         // ldaps://127.0.0.1:port
	SocketURL string         // ldapi://path, on this machine only
	CA        *x509.CertPool // the authority that signed its certificate, for 127.0.0.1
	CAFile    string         // the same, in PEM form

	setup   *Setup
	command *exec.Cmd
	output  bytes.Buffer
	exited  chan struct{} // closed when the process has ended
}

// Start starts a server, waits until it answers, and loads the seed. The
// server runs until Close or until ctx ends.
func Start(ctx context.Context, o Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	s := &Server{}
	if err := s.prepare(ctx, o); err != nil {
		return nil, fmt.Errorf("prepare slapd in %s: %w", o.Dir, err)
	}
	// Another program may take a free port before slapd does; then try others.
	const attempts = 3
	var err error
	for range attempts {
		if err = s.run(ctx); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if o.LDIF != "" {
		if err := s.Load(ctx, o.LDIF); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// prepare writes all files that the server needs, and fills its database.
func (s *Server) prepare(ctx context.Context, o Options) (err error) {
	if s.setup, err = NewSetup(o); err != nil {
		return err
	}
	s.CA, s.CAFile = s.setup.CA, s.setup.CAFile
	for _, folder := range s.setup.Folders {
		if err = os.Mkdir(folder, 0o700); err != nil {
			return err
		}
	}
	for name, content := range s.setup.Files {
		if err = os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
	if o.Bulk == nil {
		return nil
	}
	_, err = s.carryOut(ctx, s.setup.BulkCommand(""), o.Bulk)
	return err
}

// carryOut runs a command of the setup and returns what it prints.
func (s *Server) carryOut(ctx context.Context, command []string, input io.Reader) (string, error) {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	var errs bytes.Buffer
	c.Stdin, c.Stderr = input, &errs
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s of slapd: %w: %s%s", command[0], err, out, errs.Bytes())
	}
	return string(out), nil
}

// Close stops the server and waits until it has ended.
func (s *Server) Close() error {
	select {
	case <-s.exited:
		return nil
	default:
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop slapd: %w", err)
	}
	<-s.exited
	return nil
}

// Load adds the entries of a text in LDIF, parents first. It may be a text with
// change records too, when they are additions. Sizes and rights have no limit.
func (s *Server) Load(ctx context.Context, ldif string) error {
	_, err := s.carryOut(ctx, s.setup.AddCommand(s.URL, ""), strings.NewReader(ldif))
	return err
}

// Dump returns the LDIF of all entries, with operational attributes, parents
// first.
func (s *Server) Dump(ctx context.Context) (string, error) {
	return s.carryOut(ctx, s.setup.DumpCommand(s.URL), nil)
}

// Process is that of the server, to be stopped, continued or killed.
func (s *Server) Process() *os.Process { return s.command.Process }

// run starts the process on free ports and waits until it listens.
func (s *Server) run(ctx context.Context) error {
	var addresses []string
	for range 2 {
		address, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	s.URL, s.SecureURL = "ldap://"+addresses[0], "ldaps://"+addresses[1]
	s.SocketURL = "ldapi://" + url.PathEscape(s.setup.file("ldapi"))
	s.output.Reset()
	command := s.setup.ServeCommand(s.URL, s.SecureURL, s.SocketURL)
	s.command = exec.CommandContext(ctx, command[0], command[1:]...)
	s.command.Stdout, s.command.Stderr = &s.output, &s.output
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start slapd: %w", err)
	}
	s.exited = make(chan struct{})
	go func() {
		_ = s.command.Wait() // how it ended is of no interest, that it did is
		close(s.exited)
	}()
	for _, address := range addresses {
		if err := s.await(ctx, address); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return nil
}

// await tries to connect until it succeeds.
func (s *Server) await(ctx context.Context, address string) error {
	const patience, interval = 20 * time.Second, 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ticks.C:
		case <-s.exited:
			return fmt.Errorf("slapd ended at once: %s", s.output.String())
		case <-ctx.Done():
			return fmt.Errorf("slapd does not answer at %s: %w", address, err)
		}
	}
}

func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
