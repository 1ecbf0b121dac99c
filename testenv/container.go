package testenv

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/wait"

	"ccdirsync/testenv/slapd"
)

const (
	startLimit = time.Minute // for a container whose image is there
	endLimit   = 30 * time.Second
	ldapPort   = "389/tcp"
	ldapsPort  = "636/tcp"
	home       = "/srv/directory" // where the files of a directory are in its container
)

// ContainersAvailable says why no container can be started; nil when an engine
// answers.
func ContainersAvailable(ctx context.Context) error {
	provider, err := newProvider()
	if err != nil {
		return fmt.Errorf("no container engine: %w", err)
	}
	defer func() { _ = provider.Close() }()
	if err := provider.Health(ctx); err != nil {
		return fmt.Errorf("no container engine answers: %w", err)
	}
	return nil
}

// newProvider is the way to the engine. The clean-up container of testcontainers
// is switched off: its image would have to be pulled, and whoever starts a
// directory closes it.
func newProvider() (provider *testcontainers.DockerProvider, err error) {
	if err = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return nil, err
	}
	defer func() { // without an engine, its client panics
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return testcontainers.NewDockerProvider(testcontainers.WithLogger(quiet{}))
}

// quiet keeps what testcontainers tells of each step.
type quiet struct{}

// Printf does nothing.
func (quiet) Printf(string, ...any) {}

var _ log.Logger = quiet{}

// contained is a directory in a container.
type contained struct {
	testcontainers.Container
	engine      client.APIClient
	url, secure string
	authority   *x509.CertPool
	add         func(ctx context.Context, ldif string) error
	dump        func(ctx context.Context) (string, error)
}

// run starts a container and finds out where its ports are.
func run(ctx context.Context, request testcontainers.ContainerRequest) (*contained, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	provider, err := newProvider()
	if err != nil {
		return nil, err
	}
	c := &contained{engine: provider.Client()}
	c.Container, err = provider.RunContainer(ctx, request)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a container of %s: %w", request.Image, err), c.remove(context.WithoutCancel(ctx)))
	}
	if err := c.locate(ctx, request.ExposedPorts); err != nil {
		return nil, errors.Join(err, c.remove(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func (c *contained) locate(ctx context.Context, ports []string) error {
	for _, port := range ports {
		address, err := c.reachable(ctx, port)
		if err != nil {
			return fmt.Errorf("find port %s of the container: %w", port, err)
		}
		if port == ldapsPort {
			c.secure = "ldaps://" + address
		} else {
			c.url = "ldap://" + address
		}
	}
	return nil
}

// reachable is the address at which a port of the container answers. Where that
// is depends on whether the engine is on this machine, and whether this program
// is in a container itself; what testcontainers guesses is tried first.
func (c *contained) reachable(ctx context.Context, port string) (string, error) {
	var addresses []string
	guessed, err := c.PortEndpoint(ctx, port, "")
	if err != nil {
		return "", err
	}
	_, published, err := net.SplitHostPort(guessed)
	if err != nil {
		return "", err
	}
	addresses = append(addresses, guessed, net.JoinHostPort("127.0.0.1", published))
	if own, err := c.ContainerIP(ctx); err == nil {
		addresses = append(addresses, net.JoinHostPort(own, strings.TrimSuffix(port, "/tcp")))
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	var problems []error
	for _, address := range addresses {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return address, conn.Close()
		}
		problems = append(problems, err)
	}
	return "", errors.Join(problems...)
}

func (c *contained) URL() string { return c.url }

func (c *contained) SecureURL() (string, *x509.CertPool) { return c.secure, c.authority }

func (c *contained) Add(ctx context.Context, ldif string) error { return c.add(ctx, ldif) }

func (c *contained) Dump(ctx context.Context) (string, error) { return c.dump(ctx) }

func (c *contained) Pause(ctx context.Context) error {
	_, err := c.engine.ContainerPause(ctx, c.GetContainerID(), client.ContainerPauseOptions{})
	return err
}

func (c *contained) Resume(ctx context.Context) error {
	_, err := c.engine.ContainerUnpause(ctx, c.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

func (c *contained) Kill(ctx context.Context) error {
	_, err := c.engine.ContainerKill(ctx, c.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	return err
}

// Close removes the container, whatever its state.
func (c *contained) Close() error { return c.remove(context.Background()) }

func (c *contained) remove(ctx context.Context) error {
	if c.Container == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	_, err := c.engine.ContainerRemove(ctx, c.GetContainerID(), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return err
}

// output runs a command in the container and returns what it prints.
func (c *contained) output(ctx context.Context, command []string) (string, error) {
	code, out, err := c.Exec(ctx, command, exec.Multiplexed())
	if err != nil {
		return "", fmt.Errorf("run %s in the container: %w", command[0], err)
	}
	text, err := io.ReadAll(out)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s in the container ended with exit code %d: %s", command[0], code, text)
	}
	return string(text), err
}

func startExchangeContainer(ctx context.Context, o Options) (server, error) {
	program, err := exchangeImage(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	request := testcontainers.ContainerRequest{
		Image: exchangeTag, ExposedPorts: []string{ldapPort},
		Cmd:        serveArguments(o, home, ":389"),
		WaitingFor: wait.ForLog("serving ldap://"),
	}
	for name, content := range exchangeFiles(o) {
		if err = os.WriteFile(o.Dir+"/"+name, content, 0o600); err != nil { // for the client
			return nil, err
		}
		request.Files = append(request.Files, file(home+"/"+name, content))
	}
	c, err := run(ctx, request)
	if err != nil {
		return nil, err
	}
	here := exchangeClient{program: program, url: c.url, dir: o.Dir, accounts: o.Accounts}
	c.add, c.dump = here.add, here.dump
	return c, nil
}

func file(path string, content []byte) testcontainers.ContainerFile {
	return testcontainers.ContainerFile{Reader: strings.NewReader(string(content)), ContainerFilePath: path, FileMode: 0o600}
}

func startSlapdContainer(ctx context.Context, o Options) (server, error) {
	if err := slapdImage(ctx); err != nil {
		return nil, err
	}
	setup, err := slapd.NewSetup(slapdOptions(o, home))
	if err != nil {
		return nil, err
	}
	const inside, seed = "ldap://127.0.0.1", home + "/seed.ldif"
	request := testcontainers.ContainerRequest{
		Image: slapdTag, ExposedPorts: []string{ldapPort, ldapsPort},
		Cmd:        []string{"sh", "-c", slapdScript(setup, seed)},
		Files:      []testcontainers.ContainerFile{file(seed, []byte(o.LDIF))},
		WaitingFor: wait.ForExec([]string{"ldapsearch", "-x", "-H", inside, "-b", "", "-s", "base"}).WithPollInterval(100 * time.Millisecond),
	}
	for path, content := range setup.Files {
		request.Files = append(request.Files, file(path, content))
	}
	c, err := run(ctx, request)
	if err != nil {
		return nil, err
	}
	c.authority = setup.CA
	c.dump = func(ctx context.Context) (string, error) { return c.output(ctx, setup.DumpCommand(inside)) }
	c.add = func(ctx context.Context, ldif string) error {
		const more = home + "/more.ldif"
		if err := c.CopyToContainer(ctx, []byte(ldif), more, 0o600); err != nil {
			return fmt.Errorf("copy entries into the container: %w", err)
		}
		_, err := c.output(ctx, setup.AddCommand(inside, more))
		return err
	}
	return c, nil
}

// slapdScript fills the database and serves it. slapd makes room for as many
// connections as it may have files, which in a container can be a thousand
// million.
func slapdScript(setup *slapd.Setup, seed string) string {
	lines := []string{"set -e", "ulimit -n 1024"}
	for _, folder := range setup.Folders {
		lines = append(lines, "mkdir -p -m 700 "+folder)
	}
	lines = append(lines, shell(setup.BulkCommand(seed)), "exec "+shell(setup.ServeCommand("ldap:///", "ldaps:///")))
	return strings.Join(lines, "\n")
}

// shell quotes a command for sh.
func shell(command []string) string {
	words := make([]string, 0, len(command))
	for _, word := range command {
		words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}
