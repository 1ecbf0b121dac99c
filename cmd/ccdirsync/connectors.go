package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccdirsync/ccmail"
	"ccdirsync/cmd/ccdirsync/internal/config"
	"ccdirsync/ldapsrc"
	"ccdirsync/mapping"
	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
)

// loadConfig reads the configuration that --config names.
func loadConfig(cmd *cobra.Command) (config.File, error) {
	name, err := cmd.Flags().GetString("config")
	if err != nil {
		return config.File{}, err
	}
	file, err := config.Load(name)
	if err != nil {
		return config.File{}, usageError{err}
	}
	return file, nil
}

// selectConnectors returns the named connectors in the order of the file, or
// all when none is named.
func selectConnectors(file config.File, names []string) ([]config.Connector, error) {
	if len(names) == 0 {
		return file.Connectors, nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var selected []config.Connector
	var known []string
	for _, c := range file.Connectors {
		known = append(known, c.Name)
		if wanted[c.Name] {
			selected = append(selected, c)
			delete(wanted, c.Name)
		}
	}
	for _, name := range names {
		if wanted[name] {
			return nil, usageError{fmt.Errorf("the configuration has no connector %q; it has: %s", name, strings.Join(known, ", "))}
		}
	}
	return selected, nil
}

// connectors makes the named connectors of the configuration, or all.
func (s surroundings) connectors(cmd *cobra.Command, names []string) ([]cycle.Connector, config.File, error) {
	file, err := loadConfig(cmd)
	if err != nil {
		return nil, file, err
	}
	selected, err := selectConnectors(file, names)
	if err != nil {
		return nil, file, err
	}
	made := make([]cycle.Connector, len(selected))
	problems := make([]error, len(selected))
	for i, c := range selected {
		made[i], problems[i] = s.connector(file, c)
	}
	return made, file, config.Join(problems...)
}

// connector makes a connector of its configuration, which reads its secrets.
// The error holds everything that is wrong with it.
func (s surroundings) connector(file config.File, c config.Connector) (cycle.Connector, error) {
	rules, rulesErr := mapping.Compile(mappingSettings(c))
	server, serverErr := s.server(file, c)
	postOffice, postOfficeErr := s.postOffice(file, c)
	if err := config.Join(located(file, c, rulesErr), serverErr, names(file, c), postOfficeErr); err != nil {
		return cycle.Connector{}, err
	}
	return cycle.Connector{
		Name: c.Name, Server: server, Exchange: exchange(c.Exchange),
		PostOffice: postOffice, Store: ccmail.Store{Dir: file.Path(c.PostOffice.Store), Backups: c.PostOffice.Backups},
		Sentinels: cycle.Sentinels{CCMail: c.PostOffice.Sentinel, Exchange: c.Exchange.Sentinel},
		Cautions:  permissions(file, c),
		Rules:     rules, CompareComment: c.Mapping.CCMail.Comment != "",
		Limits: reconcile.Limits{
			Deletes: c.Limits.Deletes, DeletePercent: c.Limits.DeletePercent,
			ChangesPercent: c.Limits.ChangesPercent, MembersPercent: c.Limits.MembersPercent,
			Floor: c.Limits.Floor, ShrinkPercent: c.Limits.ShrinkPercent,
		},
		Scope: scope(c),
	}, nil
}

// scope is what of the configuration decides which entries are wanted and how
// they are called, by the names of the settings.
func scope(c config.Connector) []reconcile.Setting {
	lines := func(values []string) string { return strings.Join(values, "\n") }
	e := c.Exchange
	settings := []reconcile.Setting{
		{Name: "exchange.base", Value: e.Base},
		{Name: "exchange.server", Value: e.Server},
		{Name: "exchange.site", Value: e.Site},
		{Name: "exchange.sites", Value: lines(e.Sites)},
		{Name: "post_office.name", Value: c.PostOffice.Name},
		{Name: "mapping.ccmail.prefer", Value: c.Mapping.CCMail.Prefer},
		{Name: "mapping.ccmail.without_proxy", Value: c.Mapping.CCMail.WithoutProxy},
		{Name: "mapping.ccmail.name", Value: c.Mapping.CCMail.Name},
		{Name: "mapping.ccmail.comment", Value: c.Mapping.CCMail.Comment},
		{Name: "mapping.exchange.secondary_proxy", Value: strconv.FormatBool(c.Mapping.Exchange.SecondaryProxy)},
	}
	if out := e.Export; out != nil {
		settings = append(settings,
			reconcile.Setting{Name: "exchange.export.containers", Value: lines(out.Containers)},
			reconcile.Setting{Name: "exchange.export.trust_level", Value: strconv.Itoa(out.TrustLevel)},
			reconcile.Setting{Name: "exchange.export.custom_recipients", Value: strconv.FormatBool(out.CustomRecipients)},
		)
	}
	if in := e.Import; in != nil {
		settings = append(settings,
			reconcile.Setting{Name: "exchange.import.container", Value: in.Container},
			reconcile.Setting{Name: "exchange.import.former_containers", Value: lines(in.FormerContainers)},
			reconcile.Setting{Name: "exchange.import.filter.mode", Value: in.Filter.Mode},
			reconcile.Setting{Name: "exchange.import.filter.formats", Value: lines(in.Filter.Formats)},
			reconcile.Setting{Name: "exchange.import.aliases", Value: strconv.FormatBool(in.Aliases)},
			reconcile.Setting{Name: "exchange.import.moves", Value: in.Moves},
			reconcile.Setting{Name: "exchange.import.lists", Value: in.Lists},
		)
	}
	return settings
}

// located gives the problems of mapping settings their places in the file.
func located(file config.File, c config.Connector, err error) error {
	var settings *mapping.SettingsError
	if !errors.As(err, &settings) {
		return err
	}
	var problems []error
	for _, p := range settings.Problems {
		message := p.Message
		if p.Column > 0 {
			message = fmt.Sprintf("at character %d: %s", p.Column, p.Message)
		}
		problems = append(problems, file.Invalid(c.Place+"."+p.Field, message, p.Hint))
	}
	return config.Join(problems...)
}

// complaints collects what is wrong with a section of the configuration.
type complaints struct {
	file    config.File
	section string
	all     []error
}

// about notes the error, if there is one, at a setting of the section.
func (c *complaints) about(key string, err error) {
	if err != nil {
		c.all = append(c.all, c.file.Invalid(c.section+"."+key, err.Error(), ""))
	}
}

// secret reads a password, which stands under one of two keys.
func (s surroundings) secret(c *complaints, file, env string) string {
	password, err := c.file.Secret(file, env, s.lookup)
	if file != "" {
		c.about("password_file", err)
	} else {
		c.about("password_env", err)
	}
	return password
}

// names checks the distinguished names of the configuration. That of the
// account goes to the server as it is.
func names(file config.File, c config.Connector) error {
	e, wrong := c.Exchange, complaints{file: file, section: c.Place + ".exchange"}
	check := func(key, dn string) {
		_, err := ldapsrc.NormalizeDN(dn)
		wrong.about(key, err)
	}
	check("base", e.Base)
	if e.Sentinel != "" {
		check("sentinel", e.Sentinel)
	}
	if e.Export != nil {
		for i, container := range e.Export.Containers {
			check(fmt.Sprintf("export.containers[%d]", i), container)
		}
	}
	if e.Import != nil && e.Import.Container != "" {
		check("import.container", e.Import.Container)
		for i, container := range e.Import.FormerContainers {
			check(fmt.Sprintf("import.former_containers[%d]", i), container)
		}
	}
	return config.Join(wrong.all...)
}

func exchange(e config.Exchange) cycle.Exchange {
	sites := e.Sites
	if len(sites) == 0 {
		sites = []string{e.Site}
	}
	out := cycle.Exchange{Owner: reconcile.Owner{Server: e.Server, FormerServers: e.FormerServers, Site: e.Site, Sites: sites}, Base: e.Base, AdminView: e.AdminView}
	out.Incremental, out.FullReadEvery = e.Incremental, time.Duration(e.FullReadEvery)
	if e.Export != nil && len(e.Export.Containers) > 0 {
		out.Export = &cycle.Export{
			Containers: e.Export.Containers, TrustLevel: e.Export.TrustLevel, CustomRecipients: e.Export.CustomRecipients,
			Grace: time.Duration(e.Export.Grace),
		}
	}
	if e.Import != nil && e.Import.Container != "" {
		out.Import = &cycle.Import{
			Container: e.Import.Container, KeyAttribute: e.Import.KeyAttribute,
			Moves: reconcile.Moves(e.Import.Moves), Adopt: e.Import.Adopt,
			Groups:           e.Import.Lists == "groups",
			FormerContainers: e.Import.FormerContainers, FormerNames: e.Import.FormerNames, Grace: time.Duration(e.Import.Grace),
		}
	}
	return out
}

func mappingSettings(c config.Connector) mapping.Settings {
	s := mapping.Settings{
		DisplayName: c.Mapping.Exchange.DisplayName, Alias: c.Mapping.Exchange.Alias, Comment: c.Mapping.Exchange.Comment,
		SecondaryProxy: c.Mapping.Exchange.SecondaryProxy,
		CCMailName:     c.Mapping.CCMail.Name, CCMailComment: c.Mapping.CCMail.Comment,
		Prefer: c.Mapping.CCMail.Prefer, WithoutProxy: c.Mapping.CCMail.WithoutProxy,
	}
	if in := c.Exchange.Import; in != nil {
		s.SMTP, s.X400 = in.Addresses.SMTP, in.Addresses.X400
		s.FilterMode, s.FilterFormats, s.Aliases = in.Filter.Mode, in.Filter.Formats, in.Aliases
	}
	return s
}

func (s surroundings) server(file config.File, c config.Connector) (ldapsrc.Server, error) {
	e, wrong := c.Exchange, complaints{file: file, section: c.Place + ".exchange"}
	password := s.secret(&wrong, e.PasswordFile, e.PasswordEnv)
	profile, err := e.Profile.Directory()
	wrong.about("profile", err)
	if e.Import != nil && err == nil {
		profile, err = profile.WithAttribute(e.Import.KeyAttribute)
		wrong.about("import.key_attribute", err)
	}
	security := tlsConfig(&wrong, e.TLS)
	return ldapsrc.Server{
		URLs: e.AllURLs(), Bind: ldapsrc.Bind(e.BindMode()), BindDN: e.BindDN, Password: password,
		TLS: security, Pins: pins(&wrong, e.TLS.PinSHA256), StartTLS: e.TLSMode() == "starttls",
		Files: ldapsrc.TLSFiles{
			CA: file.Path(e.TLS.CAFile), Certificate: file.Path(e.TLS.CertFile), Key: file.Path(e.TLS.KeyFile),
		},
		PageSize:       e.PageSize,
		ConnectTimeout: time.Duration(cmp.Or(e.Timeouts.Connect, e.Timeout)),
		ReadTimeout:    time.Duration(cmp.Or(e.Timeouts.Read, e.Timeout)),
		IdleTimeout:    time.Duration(e.Timeouts.Idle),
		Retry:          ldapsrc.Retry{Times: e.Retries, Jitter: rand.Float64},
		Connections:    e.Connections,
		WritesInFlight: e.InFlight,
		Profile:        profile,
	}, config.Join(wrong.all...)
}

// tlsConfig always verifies the server; a certificate authority of one's own
// takes the place of the system's.
func tlsConfig(c *complaints, t config.TLS) *tls.Config {
	security := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(c.file.Path(t.CAFile))
		security.RootCAs = x509.NewCertPool()
		if err == nil && !security.RootCAs.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s holds no certificate in PEM form", t.CAFile)
		}
		c.about("tls.ca_file", err)
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.file.Path(t.CertFile), c.file.Path(t.KeyFile))
		c.about("tls.cert_file", err)
		security.Certificates = []tls.Certificate{pair}
	}
	return security
}

func pins(c *complaints, texts []string) []ldapsrc.Pin {
	var all []ldapsrc.Pin
	for i, text := range texts {
		pin, err := ldapsrc.ParsePin(text)
		c.about(fmt.Sprintf("tls.pin_sha256[%d]", i), err)
		all = append(all, pin)
	}
	return all
}

func (s surroundings) postOffice(file config.File, c config.Connector) (ccmail.PostOffice, error) {
	p, wrong := c.PostOffice, complaints{file: file, section: c.Place + ".post_office"}
	password := s.secret(&wrong, p.PasswordFile, p.PasswordEnv)
	codePage, err := ccmail.CodePageByName(p.CodePage)
	wrong.about("code_page", err)
	dialect, err := dialect(p.Dialect)
	wrong.about("dialect", err)
	programs := ccmail.Programs{
		ExportDirectory: programLine(file, p.Programs.ExportDirectory),
		ExportLists:     programLine(file, p.Programs.ExportLists),
		ExportBoards:    programLine(file, p.Programs.ExportBoards),
		ImportDelete:    programLine(file, p.Programs.ImportDelete),
		ImportAdd:       programLine(file, p.Programs.ImportAdd),
	}
	for _, err := range causes(programs.Validate()) {
		// The error begins with the key of the command.
		key, problem, _ := strings.Cut(err.Error(), ": ")
		wrong.about(key, errors.New(problem))
	}
	return ccmail.PostOffice{
		Name: p.Name, Password: password, Path: file.Path(p.Path), Programs: programs,
		CodePage: codePage, Dialect: dialect, Timeout: time.Duration(p.Timeout), Propagate: p.Propagate,
	}, config.Join(wrong.all...)
}

// causes are the errors that one error joins.
func causes(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return nil
}

// programLine makes the program of an argument list relative to the
// configuration file when it is a path; a bare name is looked up in PATH.
func programLine(file config.File, args []string) []string {
	if len(args) == 0 || !strings.ContainsAny(args[0], `/\`) {
		return args
	}
	return append([]string{file.Path(args[0])}, args[1:]...)
}

// dialect is the named dialect with what the configuration says is unlike it.
func dialect(d config.Dialect) (ccmail.Dialect, error) {
	out, err := ccmail.DialectByName(d.Base)
	if err != nil {
		return out, err
	}
	if len(d.FieldOrder) > 0 {
		out.FieldOrder = d.FieldOrder
	}
	switch strings.ToLower(d.LineEnd) {
	case "":
	case "crlf":
		out.LineEnd = "\r\n"
	case "lf":
		out.LineEnd = "\n"
	default:
		return out, fmt.Errorf("line_end: %q is not known; known: crlf, lf", d.LineEnd)
	}
	override(&out.BlankLines, d.BlankLines)
	override(&out.TrailingSpace, d.TrailingSpace)
	override(&out.CtrlZ, d.CtrlZ)
	override(&out.TitlesOnly, d.TitlesOnly)
	override(&out.MaxName, d.MaxName)
	override(&out.MaxAddress, d.MaxAddress)
	override(&out.MaxComment, d.MaxComment)
	override(&out.Forbidden, d.Forbidden)
	if d.Lists != "" {
		out.Lists = ccmail.Shape(d.Lists)
	}
	if d.Boards != "" {
		out.Boards = ccmail.Shape(d.Boards)
	}
	return out, out.Validate()
}

func override[T any](setting *T, value *T) {
	if value != nil {
		*setting = *value
	}
}
