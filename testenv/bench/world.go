package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ccdirsync/testenv/slapd"
)

// bench is one run of the benchmark.
type bench struct {
	options
	self     string // this program
	password string // file with the password of the directory's account
	results  results
	closers  []func() error
}

// options are the flags.
type options struct {
	entries int    // recipients, and users of cc:Mail
	pairs   int    // runs of each kind
	bin     string // folder of the programs
	dir     string // for everything that is made
}

// path is the path of something of this run.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// close stops what was started.
func (b *bench) close() error {
	var err error
	for _, closer := range b.closers {
		err = errors.Join(err, closer())
	}
	return err
}

// say tells what is under way.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// maxDatabase is the size in bytes to which the database may grow: room for some
// millions of recipients. The file has holes.
const maxDatabase = 16 << 30

// directory starts a server with so many recipients.
func (b *bench) directory(ctx context.Context, name string, n int, sync bool) (*slapd.Server, error) {
	seed := b.path(name + ".ldif")
	if err := writeFile(seed, directoryLDIF(n)); err != nil {
		return nil, err
	}
	folder := b.path(name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.Open(seed)
	if err != nil {
		return nil, err
	}
	server, err := slapd.Start(ctx, slapd.Options{
		Dir: folder, Suffix: suffix, Bulk: entries, MaxSize: maxDatabase, Sync: sync, Users: []slapd.User{{Name: bindName, Password: password, Write: true}},
	})
	if err = errors.Join(err, entries.Close()); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, server.Close)
	return server, nil
}

// connector is a folder with a post office, a configuration and what cycles
// keep.
type connector struct {
	program string // ccdirsync
	folder  string
}

func (c connector) command(args ...string) []string {
	return append([]string{c.program, "--config", filepath.Join(c.folder, "ccdirsync.yaml")}, args...)
}

// connector makes one with so many users in its post office. Of the
// configuration only what the rows differ in is given, as lines below the
// section "exchange".
func (b *bench) connector(ctx context.Context, name, url string, users int, exchange ...string) (connector, error) {
	c := connector{program: filepath.Join(b.bin, "ccdirsync"), folder: b.path(name)}
	if err := os.Mkdir(c.folder, 0o700); err != nil {
		return c, err
	}
	seed := filepath.Join(c.folder, "seed.txt")
	err := writeFile(seed, postOfficeSeed(users))
	if err == nil {
		err = quiet(ctx, strings.NewReader(password), filepath.Join(b.bin, "ccpo"), "init", filepath.Join(c.folder, "po"),
			"--name", "NORTHHUB", "--password-file", "-", "--code-page", "cp850", "--seed", seed)
	}
	if err == nil {
		err = b.configure(c, url, exchange...)
	}
	return c, err
}

// configure writes the configuration of a connector.
func (b *bench) configure(c connector, url string, exchange ...string) error {
	text := strings.NewReplacer("URL", url, "BIN", b.bin, "PASSWORD", b.password, "MORE", strings.Join(exchange, "\n      ")).Replace(configuration)
	return os.WriteFile(filepath.Join(c.folder, "ccdirsync.yaml"), []byte(text), 0o600)
}

const configuration = `version: 1
connectors:
  - name: hq
    exchange:
      url: URL
      tls: {mode: none}
      plaintext: true
      bind_dn: cn=dirsync,cn=CONTOSO,cn=admin
      password_file: PASSWORD
      server: MAILSRV7
      site: EXSITE1
      base: ou=HQ,o=Contoso
      export:
        containers: ["cn=Recipients,ou=HQ,o=Contoso"]
      import:
        container: cn=ccMail,cn=Recipients,ou=HQ,o=Contoso
        addresses: {smtp: "%m@ccmail.contoso.example", x400: "c=US;a= ;p=Contoso;o=HQ;s=%m;"}
      MORE
    post_office:
      name: NORTHHUB
      password_file: PASSWORD
      path: ./po
      store: ./CCMCDATA
      code_page: cp850
      programs:
        export_directory: [BIN/ccpo, export, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /DIRECTORY, /BATCH]
        export_lists:     [BIN/ccpo, export, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /LISTS, /BATCH]
        export_boards:    [BIN/ccpo, export, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /BOARDS, /BATCH]
        import_delete:    [BIN/ccpo, import, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /DIRECTORY/DELETE, /BATCH]
        import_add:       [BIN/ccpo, import, "/N{name}", "/P{password}", "/D{path}", "/@{file}", /DIRECTORY, /BATCH]
`
