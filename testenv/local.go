package testenv

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/slapd"
)

func temporaryFolder() (string, func() error, error) {
	dir, err := os.MkdirTemp("", "testenv-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// inProcess is an Exchange directory inside this program.
type inProcess struct{ *exchange55.Directory }

func startInProcess(_ context.Context, o Options) (server, error) {
	options := exchange55.Options{LDIF: []byte(o.LDIF), SizeLimit: o.SizeLimit}
	for _, a := range o.Accounts {
		options.Accounts = append(options.Accounts, exchange55.Account{
			Domain: a.Domain, Name: a.Name, Password: a.Password, Write: a.Write, AdminView: a.Write,
		})
	}
	d, err := exchange55.Start(options)
	if err != nil {
		return nil, err
	}
	return inProcess{d}, nil
}

func (s inProcess) SecureURL() (string, *x509.CertPool) { return "", nil }

// Add adds entries as Exchange's own programs do.
func (s inProcess) Add(_ context.Context, ldif string) error {
	records, err := exchange55.ReadLDIF(strings.NewReader(ldif), "entries")
	if err != nil {
		return err
	}
	return s.Apply(records)
}

func (s inProcess) Dump(context.Context) (string, error) { return string(s.Directory.Dump()), nil }

// slapdProcess is a slapd on this machine.
type slapdProcess struct{ *slapd.Server }

func startSlapdProcess(ctx context.Context, o Options) (server, error) {
	// The process lives longer than the start.
	s, err := slapd.Start(context.WithoutCancel(ctx), slapdOptions(o, o.Dir))
	if err != nil {
		return nil, err
	}
	return slapdProcess{s}, nil
}

// slapdOptions are the options of a slapd with its files in a folder.
func slapdOptions(o Options, dir string) slapd.Options {
	options := slapd.Options{Dir: dir, Suffix: top(o.LDIF), LDIF: o.LDIF, SizeLimit: o.SizeLimit}
	for _, a := range o.Accounts {
		options.Users = append(options.Users, slapd.User{Name: a.BindName(), Password: a.Password, Write: a.Write})
		if a.Write {
			options.Users = append(options.Users, slapd.User{Name: a.AdminName(), Password: a.Password, Write: true})
		}
	}
	return options
}

func (s slapdProcess) URL() string { return s.Server.URL }

func (s slapdProcess) SecureURL() (string, *x509.CertPool) { return s.Server.SecureURL, s.CA }

func (s slapdProcess) Add(ctx context.Context, ldif string) error { return s.Load(ctx, ldif) }

func (s slapdProcess) Pause(ctx context.Context) error { return pause(ctx, s.Process()) }

func (s slapdProcess) Resume(context.Context) error { return resume(s.Process()) }

// Close ends a server that is paused, too.
func (s slapdProcess) Close() error {
	_ = resume(s.Process()) // it fails when the process has ended
	return s.Server.Close()
}

func (s slapdProcess) Kill(context.Context) error { return s.Process().Kill() }

// exchangeProcess is cmd/exchange55 on this machine.
type exchangeProcess struct {
	client  exchangeClient
	command *exec.Cmd
	output  *bytes.Buffer
	exited  chan struct{}
}

const exchangePackage = "ccdirsync/cmd/exchange55"

// buildExchange builds the program of the Exchange directory, static if it is
// to run where nothing else is.
func buildExchange(ctx context.Context, dir string, environment ...string) (string, error) {
	program := filepath.Join(dir, "exchange55")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, exchangePackage)
	build.Env = append(os.Environ(), environment...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", exchangePackage, err, out)
	}
	return program, nil
}

// exchangeFiles are the files that serve is to be called with, by name.
func exchangeFiles(o Options) map[string][]byte {
	files := map[string][]byte{"seed.ldif": []byte(o.LDIF)}
	for i, a := range o.Accounts {
		files[accountFile(i)] = []byte(a.Password + "\n")
	}
	return files
}

func accountFile(i int) string { return fmt.Sprintf("account%d.pw", i) }

// serveArguments are those of the program, with its files in a folder.
func serveArguments(o Options, dir, listen string) []string {
	args := []string{"serve", "--listen", listen, "--ldif", dir + "/seed.ldif"}
	if o.SizeLimit != 0 {
		args = append(args, "--size-limit", fmt.Sprint(o.SizeLimit))
	}
	for i, a := range o.Accounts {
		kind := "--reader"
		if a.Write {
			kind = "--account"
		}
		args = append(args, kind, fmt.Sprintf("%s/%s:%s/%s", a.Domain, a.Name, dir, accountFile(i)))
	}
	return args
}

func startExchangeProcess(ctx context.Context, o Options) (server, error) {
	program, err := buildExchange(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	for name, content := range exchangeFiles(o) {
		if err = os.WriteFile(filepath.Join(o.Dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	ready := filepath.Join(o.Dir, "ready")
	s := &exchangeProcess{
		command: exec.Command(program, append(serveArguments(o, o.Dir, "127.0.0.1:0"), "--ready-file", ready)...), //nolint:noctx // it lives until Close
		output:  &bytes.Buffer{}, exited: make(chan struct{}),
	}
	s.command.Stdout, s.command.Stderr = s.output, s.output
	if err = s.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.command.Wait() // how it ended is of no interest, that it did is
		close(s.exited)
	}()
	url, err := s.await(ctx, ready)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.client = exchangeClient{program: program, url: url, dir: o.Dir, accounts: o.Accounts}
	return s, nil
}

// await waits for the file with the URL.
func (s *exchangeProcess) await(ctx context.Context, file string) (string, error) {
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for {
		if data, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(data)), nil
		}
		select {
		case <-ticks.C:
		case <-s.exited:
			return "", fmt.Errorf("exchange55 ended at once: %s", s.output)
		case <-ctx.Done():
			return "", fmt.Errorf("exchange55 is not ready: %w", ctx.Err())
		}
	}
}

func (s *exchangeProcess) URL() string { return s.client.url }

func (s *exchangeProcess) SecureURL() (string, *x509.CertPool) { return "", nil }

func (s *exchangeProcess) Add(ctx context.Context, ldif string) error { return s.client.add(ctx, ldif) }

func (s *exchangeProcess) Dump(ctx context.Context) (string, error) { return s.client.dump(ctx) }

func (s *exchangeProcess) Pause(ctx context.Context) error {
	return pause(ctx, s.command.Process)
}

func (s *exchangeProcess) Resume(context.Context) error {
	return resume(s.command.Process)
}

func (s *exchangeProcess) Kill(context.Context) error { return s.command.Process.Kill() }

func (s *exchangeProcess) Close() error {
	// One that is paused takes no other signal.
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop exchange55: %w", err)
	}
	<-s.exited
	return nil
}

// exchangeClient reaches a directory that is elsewhere with the program's own
// commands.
type exchangeClient struct {
	program, url, dir string
	accounts          []Account
}

// add needs an account that may write.
func (c exchangeClient) add(ctx context.Context, ldif string) error {
	_, err := c.run(ctx, ldif, "apply", "-")
	return err
}

func (c exchangeClient) dump(ctx context.Context) (string, error) {
	return c.run(ctx, "", "dump", "--operational")
}

// run runs one of the commands as the first account that may write and, if
// there is none, as nobody.
func (c exchangeClient) run(ctx context.Context, input, command string, args ...string) (string, error) {
	call := []string{command, "--url", c.url}
	for i, a := range c.accounts {
		if a.Write {
			call = append(call, "--bind-dn", a.AdminName(), "--password-file", filepath.Join(c.dir, accountFile(i)))
			break
		}
	}
	process := exec.CommandContext(ctx, c.program, append(call, args...)...)
	var errs bytes.Buffer
	process.Stdin, process.Stderr = strings.NewReader(input), &errs
	out, err := process.Output()
	if err != nil {
		return "", fmt.Errorf("exchange55 %s: %w: %s", command, err, errs.Bytes())
	}
	return string(out), nil
}
