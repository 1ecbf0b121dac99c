package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// good is a file with what must be given and nothing else.
const good = `version: 1
connectors:
  - name: hq
    exchange:
      url: ldaps://exch1
      bind_dn: cn=dirsync,cn=CONTOSO,cn=admin
      password_file: ./exchange.pw
      server: MAILSRV7
      site: EXSITE1
      base: ou=HQ,o=Contoso
    post_office:
      name: NORTHHUB
      path: ./po
      store: ./CCMCDATA
      code_page: cp437
`

// edit is the good file with a piece of text in the place of another. An
// empty old one puts the text at the end.
func edit(t *testing.T, old, text string) string {
	t.Helper()
	if old == "" {
		return good + text
	}
	if strings.Count(good, old) != 1 {
		t.Fatalf("%q stands %d times in the good file", old, strings.Count(good, old))
	}
	return strings.Replace(good, old, text, 1)
}

func mustParse(t *testing.T, text string) Connector {
	t.Helper()
	file, err := Parse("c.yaml", "/etc/ccdirsync", []byte(text))
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, text)
	}
	return file.Connectors[0]
}

// problemsOf returns what Parse says about the text, one problem a line.
func problemsOf(t *testing.T, text string) string {
	t.Helper()
	_, err := Parse("c.yaml", "/etc/ccdirsync", []byte(text))
	var invalid *InvalidError
	if err != nil && !errors.As(err, &invalid) {
		t.Fatalf("the error is a %T, an *InvalidError is wanted: %v", err, err)
	}
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

func TestParseProblems(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, old, text, want string }{
		// Keys, at every level.
		{
			"unknown at the top", "version: 1", "version: 1\nconector: []",
			`c.yaml:2:1: conector: unknown key; did you mean "connectors"?`,
		},
		{
			"unknown in log", "version: 1", "version: 1\nlog: {levl: info}",
			`c.yaml:2:7: log.levl: unknown key; did you mean "level"?`,
		},
		{
			"unknown in a connector", "    post_office:", "    scheduel: never\n    post_office:",
			`c.yaml:11:5: connectors[0].scheduel: unknown key; did you mean "schedule"?`,
		},
		{
			"unknown in exchange", "      server:", "      pagesize: 50\n      server:",
			`c.yaml:8:7: connectors[0].exchange.pagesize: unknown key; did you mean "page_size"?`,
		},
		{
			"unknown in tls", "      server:", "      tls: {mod: ldaps}\n      server:",
			`c.yaml:8:13: connectors[0].exchange.tls.mod: unknown key; did you mean "mode"?`,
		},
		{
			"unknown in export", "      server:", "      export:\n        trust_levl: 5\n      server:",
			`c.yaml:9:9: connectors[0].exchange.export.trust_levl: unknown key; did you mean "trust_level"?`,
		},
		{
			"unknown in import", "      server:", "      import: {containers: []}\n      server:",
			`c.yaml:8:16: connectors[0].exchange.import.containers: unknown key; did you mean "container"?`,
		},
		{
			"unknown in filter", "      server:", "      import: {filter: {modus: all}}\n      server:",
			`c.yaml:8:25: connectors[0].exchange.import.filter.modus: unknown key; did you mean "mode"?`,
		},
		{
			"unknown in addresses", "      server:", "      import: {addresses: {x500: \"\"}}\n      server:",
			`c.yaml:8:28: connectors[0].exchange.import.addresses.x500: unknown key; did you mean "x400"?`,
		},
		{
			"unknown in post_office", "", "      codepage: cp850\n",
			`c.yaml:16:7: connectors[0].post_office.codepage: unknown key; did you mean "code_page"?`,
		},
		{
			"unknown in programs, like nothing", "", "      programs: {zap: []}\n",
			`c.yaml:16:18: connectors[0].post_office.programs.zap: unknown key; known here: export_boards, export_directory, export_lists, import_add, import_delete`,
		},
		{
			"unknown in dialect", "", "      dialect: {blank_line: 1}\n",
			`c.yaml:16:17: connectors[0].post_office.dialect.blank_line: unknown key; did you mean "blank_lines"?`,
		},
		{
			"unknown in mapping", "", "    mapping: {ccmial: {}}\n",
			`c.yaml:16:15: connectors[0].mapping.ccmial: unknown key; did you mean "ccmail"?`,
		},
		{
			"unknown in mapping.exchange", "", "    mapping: {exchange: {displayname: x}}\n",
			`c.yaml:16:26: connectors[0].mapping.exchange.displayname: unknown key; did you mean "display_name"?`,
		},
		{
			"unknown in mapping.ccmail", "", "    mapping: {ccmail: {pefer: rule}}\n",
			`c.yaml:16:24: connectors[0].mapping.ccmail.pefer: unknown key; did you mean "prefer"?`,
		},
		{
			"unknown in limits", "", "    limits: {delete: 5}\n",
			`c.yaml:16:14: connectors[0].limits.delete: unknown key; did you mean "deletes"?`,
		},
		{
			"the keys of one place are not those of another", "", "      bind_dn: cn=x\n",
			`c.yaml:16:7: connectors[0].post_office.bind_dn: unknown key; known here: backups, code_page, dialect, name, password_env, password_file, path, programs, propagate, sentinel, store, timeout, transport`,
		},
		{
			"case counts in keys", "version: 1", "Version: 1",
			"c.yaml:1:1: Version: unknown key; did you mean \"version\"?\nc.yaml:1:1: version: is 0, this program reads version 1; write version: 1",
		},
		{
			"a field that is no setting", "version: 1", "version: 1\nDir: /tmp\n-: x",
			"c.yaml:2:1: Dir: unknown key; known here: connectors, history, log, state_dir, version\n" +
				"c.yaml:3:1: -: unknown key; known here: connectors, history, log, state_dir, version",
		},
		{
			"a number for a key", "version: 1", "version: 1\n5: x",
			`c.yaml:2:1: 5: unknown key; known here: connectors, history, log, state_dir, version`,
		},

		// Types.
		{
			"text for a number", "      server:", "      page_size: many\n      server:",
			`c.yaml:8:18: connectors[0].exchange.page_size: "many" is not a whole number`,
		},
		{
			"a fraction for a number is not rounded", "version: 1", "version: 1.5",
			`c.yaml:1:10: version: "1.5" is not a whole number`,
		},
		{
			"a number that is too large", "      server:", "      page_size: 99999999999999999999\n      server:",
			`c.yaml:8:18: connectors[0].exchange.page_size: "99999999999999999999" is not a whole number`,
		},
		{
			"yes is not a YAML boolean", "      server:", "      admin_view: yes\n      server:",
			`c.yaml:8:19: connectors[0].exchange.admin_view: "yes" is neither true nor false`,
		},
		{
			"a time span without unit", "      server:", "      timeout: 5\n      server:",
			`c.yaml:8:16: connectors[0].exchange.timeout: "5" is not a time span such as 90s or 10m`,
		},
		{
			"a list for text", "name: hq", "name: [hq]",
			`c.yaml:3:11: connectors[0].name: is a list, a single value is wanted`,
		},
		{
			"text for a list", "      server:", "      sites: EXSITE1\n      server:",
			`c.yaml:8:14: connectors[0].exchange.sites: is a single value, a list is wanted`,
		},
		{
			"a mapping for a list of text", "      server:", "      export:\n        containers:\n          a: b\n      server:",
			`c.yaml:10:11: connectors[0].exchange.export.containers: is a mapping, a list is wanted`,
		},
		{
			"a mapping in a list of text", "      server:", "      sites: [EXSITE1, {a: b}]\n      server:",
			`c.yaml:8:24: connectors[0].exchange.sites[1]: is a mapping, a single value is wanted`,
		},
		{
			"a section that is text tells one problem, not all that is missing in it", "    exchange:\n", "    exchange: corp\n    x:\n",
			"c.yaml:4:15: connectors[0].exchange: is a single value, a mapping is wanted\n" +
				"c.yaml:5:5: connectors[0].x: unknown key; known here: exchange, limits, mapping, name, post_office, schedule",
		},
		{
			"connectors as a mapping", good, "version: 1\nconnectors:\n  hq: {}\n",
			`c.yaml:3:3: connectors: is a mapping, a list is wanted`,
		},
		{
			"a connector that is text", good, "version: 1\nconnectors: [hq]\n",
			`c.yaml:2:14: connectors[0]: is a single value, a mapping is wanted`,
		},
		{
			"a connector that is nothing", good, "version: 1\nconnectors:\n  -\n",
			`c.yaml:3:5: connectors[0]: is empty`,
		},
		{
			"a dialect that is a list", "", "      dialect: [lotus]\n",
			`c.yaml:16:16: connectors[0].post_office.dialect: is a list, a mapping is wanted`,
		},
		{
			"a schedule that is a mapping", "", "    schedule: {at: 5}\n",
			`c.yaml:16:15: connectors[0].schedule: is a mapping, a list is wanted`,
		},

		// Values.
		{
			"another version", "version: 1", "version: 2",
			`c.yaml:1:1: version: is 2, this program reads version 1; write version: 1`,
		},
		{
			"no version", "version: 1\n", "",
			`c.yaml:1:1: version: is 0, this program reads version 1; write version: 1`,
		},
		{
			"log level", "version: 1", "version: 1\nlog: {level: inof}",
			`c.yaml:2:7: log.level: "inof" is not known; did you mean "info"?`,
		},
		{
			"log format", "version: 1", "version: 1\nlog: {format: xml}",
			`c.yaml:2:7: log.format: "xml" is not known; known: text, json`,
		},
		{
			"profile", "      server:", "      profile: exchange2000\n      server:",
			`c.yaml:8:7: connectors[0].exchange.profile: "exchange2000" is not known; did you mean "exchange55"?`,
		},
		{
			"filter mode", "      server:", "      import: {filter: {mode: none}}\n      server:",
			`c.yaml:8:25: connectors[0].exchange.import.filter.mode: "none" is not known; known: all, only, except`,
		},
		{
			"moves", "      server:", "      import: {moves: recreat}\n      server:",
			`c.yaml:8:16: connectors[0].exchange.import.moves: "recreat" is not known; did you mean "recreate"?`,
		},
		{
			"lists", "      server:", "      import: {lists: group}\n      server:",
			`c.yaml:8:16: connectors[0].exchange.import.lists: "group" is not known; did you mean "groups"?`,
		},
		{
			"key attribute", "      server:", "      import: {key_attribute: \"\"}\n      server:",
			`c.yaml:8:16: connectors[0].exchange.import.key_attribute: is empty; name an attribute that nobody else uses, such as Extension-Attribute-15`,
		},
		{
			"transport", "", "      transport: drop\n",
			`c.yaml:16:7: connectors[0].post_office.transport: "drop" is not known; known: exec`,
		},
		{
			"preferred name", "", "    mapping: {ccmail: {prefer: proxies}}\n",
			`c.yaml:16:24: connectors[0].mapping.ccmail.prefer: "proxies" is not known; did you mean "proxy"?`,
		},
		{
			"name without proxy", "", "    mapping: {ccmail: {without_proxy: skip}}\n",
			`c.yaml:16:24: connectors[0].mapping.ccmail.without_proxy: "skip" is not known; known: refuse, rule`,
		},
		{
			"backups", "", "      backups: -1\n",
			`c.yaml:16:7: connectors[0].post_office.backups: is -1, must be 0 or more; 0 keeps the files of the last cycle only`,
		},
		{
			"page size", "      server:", "      page_size: 0\n      server:",
			`c.yaml:8:7: connectors[0].exchange.page_size: must be 1 or more; Exchange 5.5 sends at most 100 at once unless it was told otherwise`,
		},
		{
			"time limits", "      server:", "      timeout: -1s\n      server:",
			`c.yaml:8:7: connectors[0].exchange.timeout: must be more than nothing`,
		},
		{
			"time limit of the programs", "", "      timeout: 0s\n",
			`c.yaml:16:7: connectors[0].post_office.timeout: must be more than nothing`,
		},
		{
			"trust level", "      server:", "      export: {trust_level: 101}\n      server:",
			`c.yaml:8:16: connectors[0].exchange.export.trust_level: is 101, must be from 0 to 100`,
		},
		{
			"percentages", "", "    limits: {delete_percent: 101, shrink_percent: -1}\n",
			"c.yaml:16:14: connectors[0].limits.delete_percent: is 101, must be from 0 to 100\n" +
				"c.yaml:16:35: connectors[0].limits.shrink_percent: is -1, must be from 0 to 100",
		},
		{
			"how much of the past is kept", "connectors:\n", "history: {runs: -1, days: 36501}\nconnectors:\n",
			"c.yaml:2:11: history.runs: is -1, must be from 0 to 1073741824\n" +
				"c.yaml:2:21: history.days: is 36501, must be from 0 to 36500",
		},
		{
			"an empty DN would be the whole directory", "      server:", "      export: {containers: [cn=a, \"\", ]}\n      server:",
			`c.yaml:8:35: connectors[0].exchange.export.containers[1]: is empty`,
		},
		{
			"items without value", "      server:", "      sites:\n        - EXSITE1\n        -\n      import:\n        filter: {formats: [\" \"]}\n      server:",
			"c.yaml:10:10: connectors[0].exchange.sites[1]: is empty\n" +
				"c.yaml:12:28: connectors[0].exchange.import.filter.formats[0]: is empty",
		},

		// What is missing or contradicts.
		{
			"a key without a value is missing", "name: hq", "name:",
			`c.yaml:3:5: connectors[0].name: is missing`,
		},
		{
			"everything required", good, "version: 1\nconnectors:\n  - schedule: never\n",
			`c.yaml:3:5: connectors[0].exchange.base: is missing
c.yaml:3:5: connectors[0].exchange.bind_dn: does not end in ,cn=admin, so hidden entries of ours would not be seen and would look deleted; add ,cn=admin, or set admin_view: false
c.yaml:3:5: connectors[0].exchange.server: is missing
c.yaml:3:5: connectors[0].exchange.site: is missing
c.yaml:3:5: connectors[0].exchange.url: is missing
c.yaml:3:5: connectors[0].name: is missing
c.yaml:3:5: connectors[0].post_office.code_page: is missing
c.yaml:3:5: connectors[0].post_office.name: is missing
c.yaml:3:5: connectors[0].post_office.path: is missing
c.yaml:3:5: connectors[0].post_office.store: is missing`,
		},
		{
			"no dialect", "", "      dialect: \"\"\n",
			`c.yaml:16:7: connectors[0].post_office.dialect.base: is missing`,
		},
		{
			"no connector", good, "version: 1\nconnectors: []\n",
			`c.yaml:2:1: connectors: names no connector; describe at least one`,
		},
		{
			"a url of another kind", "ldaps://exch1", "http://exch1",
			`c.yaml:5:7: connectors[0].exchange.url: "http://exch1" is not an ldap:// or ldaps:// address; write ldap://host:389 or ldaps://host:636`,
		},
		{
			"a url without a host", "ldaps://exch1", "ldaps://:636",
			`c.yaml:5:7: connectors[0].exchange.url: "ldaps://:636" is not an ldap:// or ldaps:// address; write ldap://host:389 or ldaps://host:636`,
		},
		{
			"a url with a base", "ldaps://exch1", "ldaps://exch1/o=Contoso",
			`c.yaml:5:7: connectors[0].exchange.url: "ldaps://exch1/o=Contoso" holds more than a host and a port; write ldap://host:389 or ldaps://host:636`,
		},
		{
			"a url with a password, which is not repeated", "ldaps://exch1", "ldaps://svc:s3cret@exch1",
			`c.yaml:5:7: connectors[0].exchange.url: holds more than a host and a port; write ldap://host:389 or ldaps://host:636, and the account under bind_dn`,
		},
		{
			"plain ldap must be said in words", "ldaps://exch1", "ldap://exch1",
			`c.yaml:4:5: connectors[0].exchange.tls.mode: is not set and the url is plain ldap://; ` +
				`use ldaps:// or tls: {mode: starttls}; a server without TLS needs tls: {mode: none} and plaintext: true`,
		},
		{
			"no TLS without plaintext", "url: ldaps://exch1", "url: ldap://exch1\n      tls: {mode: none}",
			`c.yaml:6:13: connectors[0].exchange.tls.mode: none would send the password and all data in the clear; if the wire is trusted, say so with plaintext: true`,
		},
		{
			"plaintext alone is not enough", "url: ldaps://exch1", "url: ldap://exch1\n      plaintext: true",
			`c.yaml:4:5: connectors[0].exchange.tls.mode: is not set and the url is plain ldap://; ` +
				`use ldaps:// or tls: {mode: starttls}; a server without TLS needs tls: {mode: none} and plaintext: true`,
		},
		{
			"an unknown mode is not lenient", "url: ldaps://exch1", "url: ldap://exch1\n      tls: {mode: off}",
			`c.yaml:6:13: connectors[0].exchange.tls.mode: "off" is not known; known: ldaps, starttls, none`,
		},
		{
			"url and mode contradict", "url: ldaps://exch1", "url: ldaps://exch1\n      tls: {mode: starttls}",
			`c.yaml:6:13: connectors[0].exchange.tls.mode: starttls contradicts the ldaps:// url; ldaps goes with ldaps://host:636, the others with ldap://`,
		},
		{
			"url and mode contradict, the weak way", "url: ldaps://exch1", "url: ldaps://exch1\n      tls: {mode: none}",
			`c.yaml:6:13: connectors[0].exchange.tls.mode: none contradicts the ldaps:// url; ldaps goes with ldaps://host:636, the others with ldap://`,
		},
		{
			"url and mode contradict, the other way", "url: ldaps://exch1", "url: ldap://exch1\n      tls: {mode: ldaps}",
			`c.yaml:6:13: connectors[0].exchange.tls.mode: ldaps contradicts the ldap:// url; ldaps goes with ldaps://host:636, the others with ldap://`,
		},
		{
			"a further url that contradicts the mode", "url: ldaps://exch1", "url: ldaps://exch1\n      urls: [ldap://exch2, http://exch3]",
			"c.yaml:4:5: connectors[0].exchange.tls.mode: ldaps contradicts the ldap:// url; ldaps goes with ldaps://host:636, the others with ldap://\n" +
				`c.yaml:6:28: connectors[0].exchange.urls[1]: "http://exch3" is not an ldap:// or ldaps:// address; write ldap://host:389 or ldaps://host:636`,
		},
		{
			"an empty further url", "url: ldaps://exch1", "url: ldaps://exch1\n      urls: [\"\"]",
			`c.yaml:6:14: connectors[0].exchange.urls[0]: is empty`,
		},
		{
			"TLS on a socket of this machine", "url: ldaps://exch1", "url: ldapi://%2Frun%2Fldapi\n      tls: {mode: starttls}",
			`c.yaml:6:13: connectors[0].exchange.tls.mode: starttls contradicts the ldapi:// url, which is a socket of this machine; leave it out, or keep sockets and servers apart`,
		},
		{
			"a socket without a path", "url: ldaps://exch1", "url: ldapi://run/ldapi",
			`c.yaml:5:7: connectors[0].exchange.url: "ldapi://run/ldapi" does not hold the path of a socket; write ldapi://%2Fvar%2Frun%2Fslapd%2Fldapi`,
		},
		{
			"a client certificate without its key", "url: ldaps://exch1", "url: ldaps://exch1\n      tls: {cert_file: c.pem}",
			`c.yaml:6:13: connectors[0].exchange.tls.cert_file: and key_file go together; set both, or none`,
		},
		{
			"a simple bind without a name", "      bind_dn: cn=dirsync,cn=CONTOSO,cn=admin\n      password_file: ./exchange.pw\n", "      bind: simple\n      admin_view: false\n",
			`c.yaml:4:5: connectors[0].exchange.bind_dn: is missing; a simple bind needs a name; without one write bind: anonymous`,
		},
		{
			"an anonymous bind with a name", "      server:", "      bind: anonymous\n      server:",
			`c.yaml:8:7: connectors[0].exchange.bind: anonymous goes without bind_dn and without a password; leave them out, or write bind: simple`,
		},
		{
			"an external bind with nothing to be known by", "      bind_dn: cn=dirsync,cn=CONTOSO,cn=admin\n      password_file: ./exchange.pw\n", "      bind: external\n      admin_view: false\n",
			`c.yaml:6:7: connectors[0].exchange.bind: external needs a client certificate; set tls.cert_file and tls.key_file`,
		},
		{
			"an external bind in the clear", "url: ldaps://exch1\n      bind_dn: cn=dirsync,cn=CONTOSO,cn=admin\n      password_file: ./exchange.pw\n",
			"url: ldap://exch1\n      plaintext: true\n      tls: {mode: none, cert_file: c, key_file: k}\n      bind: external\n      admin_view: false\n",
			`c.yaml:8:7: connectors[0].exchange.bind: external needs TLS, which tls.mode: none switches off; use ldaps or starttls with tls.cert_file and tls.key_file`,
		},
		{
			"an unknown way to bind", "      server:", "      bind: extern\n      server:",
			"c.yaml:8:7: connectors[0].exchange.bind: \"extern\" is not known; did you mean \"external\"?\n" +
				"c.yaml:8:7: connectors[0].exchange.bind: extern goes without bind_dn and without a password; leave them out, or write bind: simple",
		},
		{
			"time limits, repetitions and connections", "      server:",
			"      timeouts: {connect: -1s, idle: 0s}\n      retries: -1\n      connections: 0\n      server:",
			"c.yaml:8:18: connectors[0].exchange.timeouts.connect: is less than nothing; write a time such as 30s\n" +
				"c.yaml:8:32: connectors[0].exchange.timeouts.idle: must be more than nothing; Exchange 5.5 ends idle connections after 10 minutes\n" +
				"c.yaml:9:7: connectors[0].exchange.retries: is -1, must be from 0 to 100\n" +
				"c.yaml:10:7: connectors[0].exchange.connections: is 0, must be from 1 to 64",
		},
		{
			"a time between full reads that is none", "      server:", "      full_read_every: -1h\n      server:",
			`c.yaml:8:7: connectors[0].exchange.full_read_every: is less than nothing; write a time such as 168h, or 0s for never`,
		},
		{
			"an account without password", "      password_file: ./exchange.pw\n", "",
			`c.yaml:6:7: connectors[0].exchange.bind_dn: has no password; set password_file or password_env`,
		},
		{
			"two passwords", "./exchange.pw", "./exchange.pw\n      password_env: PW",
			`c.yaml:8:7: connectors[0].exchange.password_env: stands beside password_file; keep one of them`,
		},
		{
			"two passwords of the post office", "", "      password_env: PW\n      password_file: f\n",
			`c.yaml:16:7: connectors[0].post_office.password_env: stands beside password_file; keep one of them`,
		},
		{
			"admin view without the name for it", "cn=CONTOSO,cn=admin", "cn=CONTOSO",
			`c.yaml:6:7: connectors[0].exchange.bind_dn: does not end in ,cn=admin, so hidden entries of ours would not be seen and would look deleted; add ,cn=admin, or set admin_view: false`,
		},
		{
			"sites without the own one", "      server:", "      sites: [EXSITE2]\n      server:",
			`c.yaml:8:7: connectors[0].exchange.sites: does not hold the own site "EXSITE1"; add it`,
		},
		{
			"connector names that differ in case only", "", "  - <<: x\n    name: HQ\n",
			`c.yaml:16:5: connectors[1].<<: merge keys are not read; write the settings out, or repeat the whole section with an alias
c.yaml:16:5: connectors[1].exchange.base: is missing
c.yaml:16:5: connectors[1].exchange.bind_dn: does not end in ,cn=admin, so hidden entries of ours would not be seen and would look deleted; add ,cn=admin, or set admin_view: false
c.yaml:16:5: connectors[1].exchange.server: is missing
c.yaml:16:5: connectors[1].exchange.site: is missing
c.yaml:16:5: connectors[1].exchange.url: is missing
c.yaml:16:5: connectors[1].post_office.code_page: is missing
c.yaml:16:5: connectors[1].post_office.name: is missing
c.yaml:16:5: connectors[1].post_office.path: is missing
c.yaml:16:5: connectors[1].post_office.store: is missing
c.yaml:17:5: connectors[1].name: "HQ" is the name of another connector (case does not count); give each its own`,
		},
		{
			"two connectors in one store", "", strings.NewReplacer("version: 1\nconnectors:\n", "", "hq", "two", "./CCMCDATA", "x/../CCMCDATA/").Replace(good),
			`c.yaml:27:7: connectors[1].post_office.store: "x/../CCMCDATA/" is the store of another connector; give each its own`,
		},
		{
			"all problems at once, in the order of the file", good, strings.NewReplacer(
				"version: 1", "version: one\nlog: {level: loud}", "ldaps://exch1", "exch1", "server:", "servr:", "code_page: cp437", "timeout: x",
			).Replace(good),
			`c.yaml:1:10: version: "one" is not a whole number
c.yaml:2:7: log.level: "loud" is not known; known: debug, info, warn, error
c.yaml:5:5: connectors[0].exchange.server: is missing
c.yaml:6:7: connectors[0].exchange.url: "exch1" is not an ldap:// or ldaps:// address; write ldap://host:389 or ldaps://host:636
c.yaml:9:7: connectors[0].exchange.servr: unknown key; did you mean "server"?
c.yaml:12:5: connectors[0].post_office.code_page: is missing
c.yaml:16:16: connectors[0].post_office.timeout: "x" is not a time span such as 90s or 10m`,
		},

		// YAML.
		{
			"an empty file", good, "",
			`c.yaml: the file is empty; write an example with ccdirsync config init`,
		},
		{
			"a file of comments", good, "# version: 1\n",
			`c.yaml: the file is empty; write an example with ccdirsync config init`,
		},
		{
			"a file that is a list", good, "- version: 1\n",
			`c.yaml:1:1: the file is a list, a mapping is wanted; write an example with ccdirsync config init`,
		},
		{
			"a file that is text", good, "\x00\x01 not a configuration",
			`c.yaml:1:1: the file is a single value, a mapping is wanted; write an example with ccdirsync config init`,
		},
		{
			"a file that is null", good, "null\n",
			`c.yaml:1:1: the file is empty, a mapping is wanted; write an example with ccdirsync config init`,
		},
		{
			"an error of syntax", "hq", "[hq",
			`c.yaml:4:5: ',' or ']' must be specified`,
		},
		{
			"a tab for indentation", "    exchange:", "\texchange:",
			`c.yaml:4:1: found character '	' that cannot start any token`,
		},
		{
			"one key twice", "      server:", "      site: A\n      server:",
			`c.yaml:10:7: mapping key "site" already defined at [8:7]`,
		},
		{
			"a second document", "", "---\nversion: 1\n",
			`c.yaml:17:1: a second document begins; keep one of them`,
		},
		{
			"a file in Latin-1", "NORTHHUB", "Zü\xfcrich",
			`c.yaml:12:15: the text is not UTF-8; save the file as UTF-8`,
		},
		{
			"a file in UTF-16", good, "\xff\xfev\x00e\x00",
			`c.yaml:1:1: the text is not UTF-8; save the file as UTF-8`,
		},
		{
			"a file that is something else", good, strings.Repeat("# \n", maxSize/3+1),
			`c.yaml: is longer than 1048576 bytes; name the configuration with --config`,
		},
		{
			"an alias for nothing", "EXSITE1", "*site",
			`c.yaml:9:13: connectors[0].exchange.site: no anchor "site" stands above it`,
		},
		{
			"an unknown key under an anchor", "      server:", "      export: &e {trust_levl: 5}\n      server:",
			`c.yaml:8:19: connectors[0].exchange.export.trust_levl: unknown key; did you mean "trust_level"?`,
		},
		{
			"a wrong type through an alias, told at the alias", "server: MAILSRV7", "sites: &s [EXSITE1]\n      server: *s",
			`c.yaml:9:15: connectors[0].exchange.server: is a list, a single value is wanted`,
		},
		{
			"an anchor that holds itself", "      server:", "      sites: &s [EXSITE1, *s]\n      server:",
			`c.yaml:8:27: connectors[0].exchange.sites[1]: is a list, a single value is wanted`,
		},
		{
			"a tag", "EXSITE1", "!!str EXSITE1",
			`c.yaml:9:13: connectors[0].exchange.site: is a tag, a single value is wanted`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want+"\n", problemsOf(t, edit(t, test.old, test.text))); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// What a file may leave out has the defaults that docs/configuration.md lists;
// a section that is given in part keeps those of the rest.
func TestParseDefaults(t *testing.T) {
	t.Parallel()
	want := Connector{
		Name: "hq", Place: "connectors[0]",
		Exchange: Exchange{
			URL: "ldaps://exch1", BindDN: "cn=dirsync,cn=CONTOSO,cn=admin", PasswordFile: "./exchange.pw",
			Profile: Profile{Base: "exchange55"}, Server: "MAILSRV7", Site: "EXSITE1", Base: "ou=HQ,o=Contoso",
			AdminView: true, PageSize: 100, Timeout: Duration(time.Minute),
			Timeouts: Timeouts{Idle: Duration(5 * time.Minute)}, Retries: 2, Connections: 2, InFlight: 8,
			Incremental: true, FullReadEvery: Duration(168 * time.Hour),
		},
		PostOffice: PostOffice{
			Name: "NORTHHUB", Path: "./po", Store: "./CCMCDATA", CodePage: "cp437", Backups: 10, Transport: "exec",
			Programs: Programs{
				ExportDirectory: []string{"export", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY", "/BATCH"},
				ExportLists:     []string{"export", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/LISTS", "/BATCH"},
				ExportBoards:    []string{"export", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/BOARDS", "/BATCH"},
				ImportDelete:    []string{"import", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY/DELETE{prop}", "/PARTIAL", "/BATCH"},
				ImportAdd:       []string{"import", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY{prop}", "/PARTIAL", "/BATCH"},
			},
			Timeout: Duration(10 * time.Minute), Dialect: Dialect{Base: "lotus"},
		},
		Mapping: Mapping{
			Exchange: MappingExchange{DisplayName: "%F %L", Alias: "%F%1L"},
			CCMail:   MappingCCMail{Prefer: "proxy", WithoutProxy: "refuse", Name: "%s, %g"},
		},
		Limits:   Limits{Deletes: 500, DeletePercent: 20, ChangesPercent: 30, MembersPercent: 30, Floor: 10, ShrinkPercent: 10},
		Schedule: Schedule{"never"},
	}
	for _, test := range []struct {
		name, old, text string
		change          func(*Connector)
	}{
		{"nothing more than is needed", "", "", func(*Connector) {}},
		{"a byte order mark and line ends of Windows", good, "\ufeff" + strings.ReplaceAll(good, "\n", "\r\n"), func(*Connector) {}},
		{"a document between its marks", good, "---\n" + good + "...\n", func(*Connector) {}},
		{"keys in quotes", "site: EXSITE1", `"site": EXSITE1`, func(*Connector) {}},
		{
			"sections and keys without a value keep the defaults", "",
			"      timeout:\n      programs:\n        export_lists:\n      dialect:\n    mapping:\n    limits: {floor: null, deletes: ~}\n    schedule:\n",
			func(*Connector) {},
		},
		{"null turns a direction off", "      server:", "      export:\n      import: ~\n      server:", func(*Connector) {}},
		{
			"a direction without containers is there, with its defaults", "      server:", "      export: {}\n      import: {container: }\n      server:",
			func(c *Connector) {
				c.Exchange.Export = &Export{TrustLevel: 100, CustomRecipients: true}
				c.Exchange.Import = &Import{Filter: Filter{Mode: "all"}, Moves: "modify", Lists: "custom_recipients", KeyAttribute: "Extension-Attribute-15"}
			},
		},
		{
			"an empty list of containers", "      server:", "      export: {containers: [], custom_recipients: false}\n      server:",
			func(c *Connector) { c.Exchange.Export = &Export{Containers: []string{}, TrustLevel: 100} },
		},
		{
			"a part of the import", "      server:", "      import: {container: cn=i, filter: {formats: [\"* at X\"]}}\n      server:",
			func(c *Connector) {
				c.Exchange.Import = &Import{
					Container: "cn=i", Filter: Filter{Mode: "all", Formats: []string{"* at X"}}, Moves: "modify", Lists: "custom_recipients", KeyAttribute: "Extension-Attribute-15",
				}
			},
		},
		{
			"one program of five", "", "      programs: {export_lists: [lists]}\n",
			func(c *Connector) { c.PostOffice.Programs.ExportLists = []string{"lists"} },
		},
		{"a part of the limits", "", "    limits: {floor: 0}\n", func(c *Connector) { c.Limits.Floor = 0 }},
		{
			"a part of the mapping, and text that is empty on purpose", "", "    mapping: {ccmail: {name: \"\"}}\n",
			func(c *Connector) { c.Mapping.CCMail.Name = "" },
		},
		{"the name of a dialect", "", "      dialect: fan\n", func(c *Connector) { c.PostOffice.Dialect.Base = "fan" }},
		{
			"a dialect that is unlike its base", "", "      dialect: {blank_lines: 0, ctrl_z: true}\n",
			func(c *Connector) {
				none, ctrlZ := 0, true
				c.PostOffice.Dialect = Dialect{Base: "lotus", BlankLines: &none, CtrlZ: &ctrlZ}
			},
		},
		{"one schedule", "", "    schedule: always\n", func(c *Connector) { c.Schedule = Schedule{"always"} }},
		{
			"a list of schedules", "", "    schedule: [\"0 8 * * *\", \"0 20 * * *\"]\n",
			func(c *Connector) { c.Schedule = Schedule{"0 8 * * *", "0 20 * * *"} },
		},
		{
			"numbers are text as they are written where text is wanted", "code_page: cp437", "code_page: 0437",
			func(c *Connector) { c.PostOffice.CodePage = "0437" },
		},
		{
			"a number and a boolean in quotes", "      server:", "      page_size: \"50\"\n      plaintext: 'true'\n      server:",
			func(c *Connector) { c.Exchange.PageSize, c.Exchange.Plaintext = 50, true },
		},
		{
			"text over several lines", "base: ou=HQ,o=Contoso", "base: >-\n        ou=HQ,\n        o=Contoso",
			func(c *Connector) { c.Exchange.Base = "ou=HQ, o=Contoso" },
		},
		{
			"an alias", "      server:", "      sites: &sites [EXSITE1]\n      export: {containers: *sites}\n      server:",
			func(c *Connector) {
				c.Exchange.Sites = []string{"EXSITE1"}
				c.Exchange.Export = &Export{Containers: []string{"EXSITE1"}, TrustLevel: 100, CustomRecipients: true}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := want
			test.change(&want)
			if diff := cmp.Diff(want, mustParse(t, edit(t, test.old, test.text))); diff != "" {
				t.Errorf("connector (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseFile(t *testing.T) {
	t.Parallel()
	file, err := Parse("c.yaml", "/etc/ccdirsync", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := File{Version: 1, StateDir: "./state", Log: Log{Level: "info", Format: "text"}, History: History{Runs: 1000, Days: 90}, Dir: "/etc/ccdirsync"}
	if diff := cmp.Diff(want, file, cmpopts.IgnoreUnexported(File{}), cmpopts.IgnoreFields(File{}, "Connectors")); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	for text, want := range map[string]History{"{runs: 0}": {Days: 90}, "{days: 36500}": {Runs: 1000, Days: 36500}, "": {Runs: 1000, Days: 90}} {
		if file, err = Parse("c.yaml", "/", []byte("history: "+text+"\n"+good)); err != nil || file.History != want {
			t.Errorf("history: %s is %+v, %v, want %+v", text, file.History, err, want)
		}
	}
	for path, want := range map[string]string{
		"": "", "po": "/etc/ccdirsync/po", "./po": "/etc/ccdirsync/po", "../po": "/etc/po", "/srv/po": "/srv/po",
		`M:\CCDATA`: `M:\CCDATA`, "m:/ccdata": "m:/ccdata", `\\server\po`: `\\server\po`, "M:": "/etc/ccdirsync/M:",
	} {
		if got := (File{Dir: "/etc/ccdirsync"}).Path(path); got != want {
			t.Errorf("Path(%q) = %q, want %q", path, got, want)
		}
	}
}

// Two connectors may share a section by an alias; each gets its own copy.
func TestParseSharedSection(t *testing.T) {
	t.Parallel()
	text := edit(t, "    exchange:\n", "    limits: &limits {floor: 3}\n    exchange:\n") +
		strings.NewReplacer("version: 1\nconnectors:\n", "", "hq", "two", "CCMCDATA", "TWO", "    exchange:\n", "    limits: *limits\n    exchange:\n").Replace(good)
	file, err := Parse("c.yaml", "/", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Connectors {
		if c.Limits.Floor != 3 || c.Limits.Deletes != 500 {
			t.Errorf("limits of %s are %+v, want a floor of 3 and the other defaults", c.Name, c.Limits)
		}
	}
}

// A problem that is found elsewhere gets the place of its setting, or of the
// nearest one around it that the file has.
func TestInvalid(t *testing.T) {
	t.Parallel()
	file, err := Parse("c.yaml", "/", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"connectors[0].post_office.code_page":      "c.yaml:15:7: connectors[0].post_office.code_page: is odd; change it",
		"connectors[0].post_office.dialect.base":   "c.yaml:11:5: connectors[0].post_office.dialect.base: is odd; change it",
		"connectors[0].mapping.exchange.alias":     "c.yaml:3:5: connectors[0].mapping.exchange.alias: is odd; change it",
		"connectors[0].exchange.import.filter[12]": "c.yaml:4:5: connectors[0].exchange.import.filter[12]: is odd; change it",
		"log.level": "c.yaml:1:1: log.level: is odd; change it",
	} {
		if got := file.Invalid(path, "is odd", "change it").Error(); got != want {
			t.Errorf("Invalid(%q)\n got %s\nwant %s", path, got, want)
		}
	}
	if err := file.Invalid("log", "is odd", ""); strings.Contains(err.Error(), "\n") {
		t.Errorf("problems of earlier calls are told again: %v", err)
	}
}

// However deep a file nests, it is read in reasonable time and without harm.
func TestParseNesting(t *testing.T) {
	t.Parallel()
	const depth = 2000
	for _, opening := range []string{"[", "{a: ", "- ", "? ", "&a ", "!!x ", "*a ", "a: [\n", "version: {", "connectors: [{exchange: "} {
		t.Run(fmt.Sprintf("%q", opening), func(t *testing.T) {
			t.Parallel()
			if problemsOf(t, strings.Repeat(opening, depth)) == "" {
				t.Error("it was taken for a configuration")
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "c.yaml")
	if err := os.WriteFile(name, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := Load(name)
	if err != nil || file.Dir != dir {
		t.Errorf("Load: folder %q, %v; want %q", file.Dir, err, dir)
	}
	for name, hint := range map[string]string{
		filepath.Join(dir, "missing.yaml"): "; write one with ccdirsync config init, or name it with --config",
		dir:                                "is a directory; name it with --config",
	} {
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), name) || !strings.HasSuffix(err.Error(), hint) {
			t.Errorf("Load(%q): %v; want an error with the name that ends in %q", name, err, hint)
		}
	}
}
