package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// validate reports what contradicts itself or is missing. It changes nothing.
func (f File) validate(w *walker) {
	if f.Version != 1 && !w.spoilt("version") {
		w.complain("version", fmt.Sprintf("is %d, this program reads version 1", f.Version), "write version: 1")
	}
	oneOf(w, "log.level", f.Log.Level, "debug", "info", "warn", "error")
	oneOf(w, "log.format", f.Log.Format, "text", "json")
	f.History.validate(w, "history")
	if len(f.Connectors) == 0 && !w.spoilt("connectors") {
		w.complain("connectors", "names no connector", "describe at least one")
	}
	names, stores := map[string]bool{}, map[string]bool{}
	for _, c := range f.Connectors {
		at := c.Place
		// The name is the mark in Imported-From, which is compared without case.
		if name := strings.ToLower(c.Name); name != "" && names[name] {
			w.complain(at+".name", fmt.Sprintf("%q is the name of another connector (case does not count)", c.Name), "give each its own")
		} else {
			names[name] = true
		}
		// Files of one would be put aside and taken for its own by the other.
		if store := f.Path(c.PostOffice.Store); store != "" && stores[filepath.Clean(store)] {
			w.complain(at+".post_office.store", fmt.Sprintf("%q is the store of another connector", c.PostOffice.Store), "give each its own")
		} else {
			stores[filepath.Clean(store)] = true
		}
		c.validate(w, at)
	}
}

func (c Connector) validate(w *walker, at string) {
	required(w, map[string]string{
		at + ".name":                     c.Name,
		at + ".exchange.url":             c.Exchange.URL,
		at + ".exchange.server":          c.Exchange.Server,
		at + ".exchange.site":            c.Exchange.Site,
		at + ".exchange.base":            c.Exchange.Base,
		at + ".post_office.name":         c.PostOffice.Name,
		at + ".post_office.path":         c.PostOffice.Path,
		at + ".post_office.store":        c.PostOffice.Store,
		at + ".post_office.code_page":    c.PostOffice.CodePage,
		at + ".post_office.dialect.base": c.PostOffice.Dialect.Base,
	})
	c.Exchange.validate(w, at+".exchange")
	c.validateProfile(w)
	c.PostOffice.validate(w, at+".post_office")
	oneOf(w, at+".mapping.ccmail.prefer", c.Mapping.CCMail.Prefer, "proxy", "rule")
	oneOf(w, at+".mapping.ccmail.without_proxy", c.Mapping.CCMail.WithoutProxy, "refuse", "rule")
	c.Limits.validate(w, at+".limits")
}

func (e Exchange) validate(w *walker, at string) {
	e.validateTransport(w, at)
	e.validateAccount(w, at)
	if e.PageSize < 1 {
		w.complain(at+".page_size", "must be 1 or more", "Exchange 5.5 sends at most 100 at once unless it was told otherwise")
	}
	e.validateTimes(w, at)
	if e.Site != "" && len(e.Sites) > 0 && !slices.ContainsFunc(e.Sites, func(s string) bool { return strings.EqualFold(s, e.Site) }) {
		w.complain(at+".sites", fmt.Sprintf("does not hold the own site %q", e.Site), "add it")
	}
	noneEmpty(w, at+".sites", e.Sites)
	noneEmpty(w, at+".former_servers", e.FormerServers)
	if e.Export != nil {
		noneEmpty(w, at+".export.containers", e.Export.Containers)
		if e.Export.TrustLevel < 0 || e.Export.TrustLevel > 100 {
			w.complain(at+".export.trust_level", fmt.Sprintf("is %d, must be from 0 to 100", e.Export.TrustLevel), "")
		}
		if e.Export.Grace < 0 {
			w.complain(at+".export.grace", "is less than nothing", "write a time such as 168h")
		}
	}
	if e.Import != nil {
		e.Import.validate(w, at+".import")
		if e.Import.Grace > 0 && !e.AdminView {
			w.complain(at+".import.grace", "hides entries, which are not seen again without the admin view", "set admin_view: true, or leave it out")
		}
	}
}

// validateAccount makes sure that everything is there for the way to bind, and
// nothing for another one.
func (e Exchange) validateAccount(w *walker, at string) {
	password := e.PasswordFile != "" || e.PasswordEnv != ""
	switch e.BindMode() {
	case "simple":
		if e.BindDN == "" {
			w.complain(at+".bind_dn", "is missing", "a simple bind needs a name; without one write bind: anonymous")
		} else if !password {
			w.complain(at+".bind_dn", "has no password", "set password_file or password_env")
		}
	case "external":
		e.validateExternal(w, at)
	default:
		oneOf(w, at+".bind", e.BindMode(), "simple", "anonymous", "external")
	}
	if e.Bind != "" && e.Bind != "simple" && (e.BindDN != "" || password) {
		w.complain(at+".bind", e.Bind+" goes without bind_dn and without a password", "leave them out, or write bind: simple")
	}
	if e.PasswordFile != "" && e.PasswordEnv != "" {
		w.complain(at+".password_env", "stands beside password_file", "keep one of them")
	}
}

// validateExternal makes sure that there is something to be known by: a client
// certificate, or the user of the process on a socket of this machine.
func (e Exchange) validateExternal(w *walker, at string) {
	for _, raw := range e.AllURLs() {
		switch {
		case strings.HasPrefix(raw, "ldapi:"):
		case e.TLSMode() == "none":
			w.complain(at+".bind", "external needs TLS, which tls.mode: none switches off", "use ldaps or starttls with tls.cert_file and tls.key_file")
			return
		case e.TLS.CertFile == "":
			w.complain(at+".bind", "external needs a client certificate", "set tls.cert_file and tls.key_file")
			return
		}
	}
}

// BindMode is how to bind, which follows from bind_dn when the file does not
// say.
func (e Exchange) BindMode() string {
	switch {
	case e.Bind != "":
		return e.Bind
	case e.BindDN != "":
		return "simple"
	}
	return "anonymous"
}

// AllURLs are the servers in the order in which they are tried.
func (e Exchange) AllURLs() []string {
	if e.URL == "" {
		return e.URLs
	}
	return append([]string{e.URL}, e.URLs...)
}

// validateURL reports whether a server's address is one, and how it begins.
func validateURL(w *walker, at, raw string) (scheme string, valid bool) {
	const form = "write ldap://host:389 or ldaps://host:636"
	if strings.Contains(raw, "@") {
		// The URL is not repeated: what stands before the @ may be a password.
		w.complain(at, "holds more than a host and a port", form+", and the account under bind_dn")
		return "", false
	}
	if socket, is := strings.CutPrefix(raw, "ldapi://"); is {
		if path, err := url.PathUnescape(socket); err != nil || !filepath.IsAbs(path) || strings.Contains(socket, "/") {
			w.complain(at, fmt.Sprintf("%q does not hold the path of a socket", raw), "write ldapi://%2Fvar%2Frun%2Fslapd%2Fldapi")
			return "", false
		}
		return "ldapi", true
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Hostname() == "" {
		w.complain(at, fmt.Sprintf("%q is not an ldap:// or ldaps:// address", raw), form)
		return "", false
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		w.complain(at, fmt.Sprintf("%q holds more than a host and a port", raw), form)
		return "", false
	}
	return u.Scheme, true
}

// validateTransport makes sure that nothing goes over the wire in the clear
// unless the file says so in words.
func (e Exchange) validateTransport(w *walker, at string) {
	noneEmpty(w, at+".urls", e.URLs)
	if e.URL == "" {
		return // reported as missing
	}
	places, complained := []string{at + ".url"}, false
	for i := range e.URLs {
		places = append(places, fmt.Sprintf("%s.urls[%d]", at, i))
	}
	for i, raw := range e.AllURLs() {
		if w.spoilt(places[i]) {
			continue
		}
		if scheme, valid := validateURL(w, places[i], raw); valid && !complained {
			complained = e.validateMode(w, at, scheme)
		}
	}
	if (e.TLS.CertFile == "") != (e.TLS.KeyFile == "") {
		w.complain(at+".tls.cert_file", "and key_file go together", "set both, or none")
	}
}

// validateMode reports whether it complained of tls.mode.
func (e Exchange) validateMode(w *walker, at, scheme string) bool {
	before := len(w.problems)
	mode := e.TLSMode()
	known := slices.Contains([]string{"ldaps", "starttls", "none"}, mode)
	switch {
	case scheme == "ldapi" && known:
		if mode != "none" {
			w.complain(at+".tls.mode", mode+" contradicts the ldapi:// url, which is a socket of this machine", "leave it out, or keep sockets and servers apart")
		}
	case scheme == "ldapi" && mode == "":
	case mode == "":
		w.complain(at+".tls.mode", "is not set and the url is plain ldap://",
			"use ldaps:// or tls: {mode: starttls}; a server without TLS needs tls: {mode: none} and plaintext: true")
	case known && (mode == "ldaps") != (scheme == "ldaps"):
		w.complain(at+".tls.mode", fmt.Sprintf("%s contradicts the %s:// url", mode, scheme), "ldaps goes with ldaps://host:636, the others with ldap://")
	case mode == "none" && !e.Plaintext:
		w.complain(at+".tls.mode", "none would send the password and all data in the clear", "if the wire is trusted, say so with plaintext: true")
	default:
		oneOf(w, at+".tls.mode", mode, "ldaps", "starttls", "none")
	}
	return len(w.problems) > before
}

// TLSMode is how the connection is protected: ldaps, starttls, none, or empty
// when the file does not say.
func (e Exchange) TLSMode() string {
	if e.TLS.Mode == "" && strings.HasPrefix(strings.ToLower(e.URL), "ldaps:") {
		return "ldaps"
	}
	return e.TLS.Mode
}

// validateTimes bounds what is done with connections.
func (e Exchange) validateTimes(w *walker, at string) {
	if e.Timeout <= 0 {
		w.complain(at+".timeout", "must be more than nothing", "")
	}
	t := e.Timeouts
	for key, span := range map[string]Duration{"connect": t.Connect, "read": t.Read} {
		if span < 0 {
			w.complain(at+".timeouts."+key, "is less than nothing", "write a time such as 30s")
		}
	}
	if t.Idle <= 0 {
		w.complain(at+".timeouts.idle", "must be more than nothing", "Exchange 5.5 ends idle connections after 10 minutes")
	}
	if e.FullReadEvery < 0 {
		w.complain(at+".full_read_every", "is less than nothing", "write a time such as 168h, or 0s for never")
	}
	within(w, at, limit{"retries", e.Retries, 100})
	if e.Connections < 1 || e.Connections > mostConnections {
		w.complain(at+".connections", fmt.Sprintf("is %d, must be from 1 to %d", e.Connections, mostConnections), "")
	}
	if e.InFlight < 1 || e.InFlight > mostInFlight {
		w.complain(at+".writes_in_flight", fmt.Sprintf("is %d, must be from 1 to %d", e.InFlight, mostInFlight), "")
	}
}

// mostConnections is more than any server of these directories is glad of.
const mostConnections = 64

// mostInFlight is more than any server works on at the same time, and as many
// as anybody would look for after a crash.
const mostInFlight = 1000

func (i Import) validate(w *walker, at string) {
	oneOf(w, at+".filter.mode", i.Filter.Mode, "all", "only", "except")
	noneEmpty(w, at+".filter.formats", i.Filter.Formats)
	oneOf(w, at+".moves", i.Moves, "modify", "recreate")
	oneOf(w, at+".lists", i.Lists, "custom_recipients", "groups")
	noneEmpty(w, at+".former_containers", i.FormerContainers)
	noneEmpty(w, at+".former_names", i.FormerNames)
	if i.Grace < 0 {
		w.complain(at+".grace", "is less than nothing", "write a time such as 168h")
	}
	if i.KeyAttribute == "" {
		w.complain(at+".key_attribute", "is empty", "name an attribute that nobody else uses, such as Extension-Attribute-15")
	}
}

func (p PostOffice) validate(w *walker, at string) {
	oneOf(w, at+".transport", p.Transport, "exec")
	if p.Backups < 0 {
		w.complain(at+".backups", fmt.Sprintf("is %d, must be 0 or more", p.Backups), "0 keeps the files of the last cycle only")
	}
	if p.PasswordFile != "" && p.PasswordEnv != "" {
		w.complain(at+".password_env", "stands beside password_file", "keep one of them")
	}
	if p.Timeout <= 0 {
		w.complain(at+".timeout", "must be more than nothing", "")
	}
}

func (h History) validate(w *walker, at string) {
	within(w, at, limit{"runs", h.Runs, 1 << 30}, limit{"days", h.Days, mostDays})
}

// mostDays is a century: more is a slip, and spans of time have an end.
const mostDays = 36500

func (l Limits) validate(w *walker, at string) {
	within(
		w, at,
		limit{"deletes", l.Deletes, 1 << 30},
		limit{"delete_percent", l.DeletePercent, 100},
		limit{"changes_percent", l.ChangesPercent, 100},
		limit{"members_percent", l.MembersPercent, 100},
		limit{"floor", l.Floor, 1 << 30},
		limit{"shrink_percent", l.ShrinkPercent, 100},
	)
}

// limit is a number that has a most.
type limit struct {
	key         string
	value, most int
}

func within(w *walker, at string, limits ...limit) {
	for _, l := range limits {
		if l.value < 0 || l.value > l.most {
			w.complain(at+"."+l.key, fmt.Sprintf("is %d, must be from 0 to %d", l.value, l.most), "")
		}
	}
}

func required(w *walker, settings map[string]string) {
	for path, value := range settings {
		if value == "" && !w.spoilt(path) {
			w.complain(path, "is missing", "")
		}
	}
}

// noneEmpty refuses empty items: an empty DN is the whole directory.
func noneEmpty(w *walker, path string, items []string) {
	for i, item := range items {
		if at := fmt.Sprintf("%s[%d]", path, i); strings.TrimSpace(item) == "" && !w.spoilt(at) {
			w.complain(at, "is empty", "")
		}
	}
}

func oneOf(w *walker, path, value string, known ...string) {
	if slices.Contains(known, value) {
		return
	}
	hint := "known: " + strings.Join(known, ", ")
	if meant := nearest(value, known); meant != "" {
		hint = fmt.Sprintf("did you mean %q?", meant)
	}
	w.complain(path, fmt.Sprintf("%q is not known", value), hint)
}

// dosPath is a path that only programs of DOS understand, such as M:\CCDATA.
var dosPath = regexp.MustCompile(`^([A-Za-z]:[\\/]|\\\\)`)

// Path returns a path of the file, made absolute from the file's folder.
func (f File) Path(path string) string {
	if path == "" || filepath.IsAbs(path) || dosPath.MatchString(path) {
		return path
	}
	return filepath.Join(f.Dir, path)
}
