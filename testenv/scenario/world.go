package scenario

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/postoffice"
)

// worldKey finds the world of a script among its values.
type worldKey struct{}

// world is what a script works on.
type world struct {
	shape       shape
	dir         string // of the script
	password    string // of the accounts; no other script's directory takes it
	exchange    *exchange55.Directory
	looked      int64    // LDAP writes at the last look
	postOffices []string // their folders, relative to dir
	stores      []string // of the connectors, likewise
	snapshots   map[string]snapshot
}

// What every world has.
const (
	configFile   = "ccdirsync.yaml"
	domain       = "CONTOSO"
	bindName     = "cn=dirsync,cn=" + domain + ",cn=admin"
	readerName   = "cn=reader,cn=" + domain + ",cn=admin"
	poPassword   = "secret"
	organization = `dn: o=Contoso
objectClass: organization
o: Contoso

dn: ou=HQ,o=Contoso
objectClass: organizationalUnit
ou: HQ

dn: cn=Recipients,ou=HQ,o=Contoso
objectClass: Container
cn: Recipients
Container-Info: -2147483647

dn: cn=ccMail,cn=Recipients,ou=HQ,o=Contoso
objectClass: Container
cn: ccMail
Container-Info: -2147483647
`
)

var errNoWorld = errors.New("there is no world yet")

// makeWorld starts from nothing.
func (c *call) makeWorld() error {
	if c.exchange == nil {
		c.ts.Defer(func() { c.ts.Check(c.exchange.Close()) })
	}
	if err := c.tearDown(); err != nil {
		return err
	}
	if err := c.startExchange([]byte(organization)); err != nil {
		return err
	}
	if err := c.applyChanges(c.args[0]); err != nil {
		return err
	}
	return c.furnish(c.ts.ReadFile(c.args[1]))
}

// furnish makes what a world has besides its directory, which has started.
func (w *world) furnish(seed string) error {
	// The line end is not part of a password; one file has it. ldapmodify
	// takes it for a part, so the other has none.
	for name, password := range map[string]string{"exchange.pw": w.password, "po.pw": poPassword + "\n"} {
		if err := os.WriteFile(w.path(name), []byte(password), 0o600); err != nil {
			return err
		}
	}
	if err := w.makePostOffice("po", "NORTHHUB", seed); err != nil {
		return err
	}
	w.stores = append(w.stores, "CCMCDATA")
	return os.WriteFile(w.path(configFile), []byte("version: 1\nconnectors:\n"+w.connectorConfig("hq", "MAILSRV7", "ccMail")+
		w.shape.postOfficeConfig("NORTHHUB", "po", "CCMCDATA")), 0o600)
}

// tearDown removes what an earlier world made.
func (w *world) tearDown() error {
	if w.exchange == nil {
		return nil
	}
	err := w.exchange.Close()
	for _, folder := range slices.Concat(w.postOffices, w.stores, []string{"state"}) {
		err = errors.Join(err, os.RemoveAll(w.path(folder)))
	}
	w.postOffices, w.stores, w.snapshots = nil, nil, nil
	return err
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// connectorConfig is a connector of the configuration up to its post office.
func (w *world) connectorConfig(name, server, container string) string {
	return strings.NewReplacer("NAME", name, "URL", w.exchange.URL(), "BIND", bindName, "SERVER", server, "CONTAINER", container).Replace(
		`  - name: NAME
    exchange:
      url: URL
      tls: {mode: none}
      plaintext: true
      bind_dn: BIND
      password_file: ./exchange.pw
      server: SERVER
      site: EXSITE1
      base: ou=HQ,o=Contoso
      export:
        containers: ["cn=Recipients,ou=HQ,o=Contoso"]
      import:
        container: cn=CONTAINER,cn=Recipients,ou=HQ,o=Contoso
`)
}

// addConnector appends a connector to the configuration.
func (c *call) addConnector() error {
	name, postOffice, seed := c.args[0], c.args[1], c.args[2]
	if err := c.makePostOffice(name, postOffice, c.ts.ReadFile(seed)); err != nil {
		return err
	}
	config, err := os.ReadFile(c.path(configFile))
	if err != nil {
		return err
	}
	c.stores = append(c.stores, name+".store")
	more := c.connectorConfig(name, name, name) + c.shape.postOfficeConfig(postOffice, name, name+".store")
	return os.WriteFile(c.path(configFile), append(config, more...), 0o600)
}

func (w *world) makePostOffice(folder, name, seed string) (err error) {
	po, err := postoffice.Create(w.path(folder), postoffice.Settings{
		Name: name, Password: poPassword, CodePage: w.shape.codePage, Shape: w.shape.name,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, po.Close()) }()
	w.postOffices = append(w.postOffices, folder)
	if err := po.Seed(folder, seed); err != nil {
		return err
	}
	return po.Save()
}

// changeConfig replaces a text in the configuration.
func (c *call) changeConfig() error {
	return c.replaceInConfig(c.args[0], c.args[1])
}

func (w *world) replaceInConfig(before, after string) error {
	config, err := os.ReadFile(w.path(configFile))
	if err != nil {
		return err
	}
	changed, err := replaceOnce(string(config), before, after)
	if err != nil {
		return err
	}
	return os.WriteFile(w.path(configFile), []byte(changed), 0o600)
}

// replaceOnce replaces the one place of before in text. In before, \n is a line
// end and any indentation; in after, a line end and the indentation of the
// line of that place.
func replaceOnce(text, before, after string) (string, error) {
	pattern, err := regexp.Compile(strings.ReplaceAll(regexp.QuoteMeta(before), `\\n`, "\n *"))
	if err != nil {
		return "", err
	}
	places := pattern.FindAllStringIndex(text, -1)
	if len(places) != 1 {
		return "", fmt.Errorf("%q occurs %d times in %s, not once", before, len(places), configFile)
	}
	start, end := places[0][0], places[0][1]
	line := text[strings.LastIndex(text[:start], "\n")+1:]
	indent := len(line) - len(strings.TrimLeft(line, "- ")) // the dash of a list, too
	return text[:start] + strings.ReplaceAll(after, `\n`, "\n"+strings.Repeat(" ", indent)) + text[end:], nil
}

// exitCode runs a program and requires its exit code.
func (c *call) exitCode() error {
	want, err := strconv.Atoi(c.args[0])
	if err != nil {
		return err
	}
	return c.execute([]int{want}, c.args[1], c.args[2:]...)
}

// execute runs a program and requires one of the exit codes.
func (c *call) execute(codes []int, program string, args ...string) error {
	err := c.ts.Exec(program, args...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		got = exit.ExitCode()
	case err != nil:
		return err
	}
	for _, code := range codes {
		if got == code {
			return nil
		}
	}
	return fmt.Errorf("%s ended with exit code %d, expected %s", program, got, strings.Trim(fmt.Sprint(codes), "[]"))
}

// capture puts what a group of a pattern matches into the environment.
func (c *call) capture() error {
	pattern, err := regexp.Compile("(?m)" + c.args[1])
	if err != nil {
		return err
	}
	if pattern.NumSubexp() != 1 {
		return fmt.Errorf("%q has %d groups, expected one", c.args[1], pattern.NumSubexp())
	}
	file := "stdout"
	if len(c.args) > 2 {
		file = c.args[2]
	}
	found := pattern.FindStringSubmatch(c.ts.ReadFile(file))
	if found == nil {
		return fmt.Errorf("%s holds nothing like %q", file, c.args[1])
	}
	c.ts.Setenv(c.args[0], found[1])
	return nil
}

// settled requires that another run changes nothing and imports nothing.
func (c *call) settled() error {
	var imports []string
	for _, store := range c.stores {
		imports = append(imports, filepath.Join(store, "Import"), filepath.Join(store, "Import.bak"))
	}
	before, err := c.remember(imports)
	if err != nil {
		return err
	}
	writes := c.exchange.Writes()
	if err = c.execute([]int{0, 3}, "ccdirsync", append([]string{"run"}, c.args...)...); err != nil {
		return err
	}
	if n := c.exchange.Writes() - writes; n > 0 {
		return fmt.Errorf("a second run wrote to the directory %d times", n)
	}
	after, err := c.remember(imports)
	if err != nil {
		return err
	}
	if difference := before.difference(after); difference != "" {
		return fmt.Errorf("a second run changed something:\n%s", difference)
	}
	return c.execute([]int{0, 3}, "ccdirsync", append([]string{"plan", "--check"}, c.args...)...)
}
