package scenario

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"ccdirsync/testenv/exchange55"
)

// start starts a directory with these entries.
func (w *world) start(ldif []byte) error {
	d, err := exchange55.Start(exchange55.Options{
		LDIF: ldif, LDIFName: "directory", QuotedNames: w.shape.quotedNames,
		Accounts: []exchange55.Account{
			{Domain: domain, Name: "dirsync", Password: w.password, AdminView: true, Write: true},
			{Domain: domain, Name: "reader", Password: w.password, AdminView: true},
		},
	})
	if err != nil {
		return err
	}
	w.exchange, w.looked = d, 0
	return nil
}

// startExchange starts a directory and tells the script about it.
func (c *call) startExchange(ldif []byte) error {
	if err := c.start(ldif); err != nil {
		return err
	}
	c.ts.Setenv("URL", c.exchange.URL())
	c.ts.Setenv("BIND", bindName)
	c.ts.Setenv("READER", readerName)
	return nil
}

// exchangeVerb does what the verb exchange is asked for.
func (c *call) exchangeVerb() error {
	if c.exchange == nil {
		return errNoWorld
	}
	v, known := map[string]verb{
		"apply":  {least: 1, most: 1, do: func(c *call) error { return c.applyChanges(c.args[0]) }},
		"dump":   {least: 1, most: 2, do: (*call).dump},
		"writes": {least: 1, most: 1, do: (*call).countWrites},
		"fault":  {least: 1, most: 2, do: (*call).setFault},
		"stop":   {do: func(c *call) error { return c.exchange.Close() }},
		"start":  {do: (*call).restartExchange},
	}[c.args[0]]
	if c.args = c.args[1:]; !known || len(c.args) < v.least || len(c.args) > v.most {
		return errors.New("usage: exchange " + verbs()["exchange"].usage)
	}
	return v.do(c)
}

func (c *call) applyChanges(file string) error {
	changes, err := exchange55.ReadLDIF(strings.NewReader(c.ts.ReadFile(file)), file)
	if err != nil {
		return err
	}
	return c.exchange.Apply(changes)
}

// dump writes the entries at and below a base, or all, for people.
func (c *call) dump() error {
	file, base := c.args[0], strings.Join(c.args[1:], "")
	var kept []string
	for record := range strings.SplitSeq(string(c.exchange.DumpContent()), "\n\n") {
		record = readable(strings.TrimSuffix(record, "\n"))
		dn := strings.TrimPrefix(strings.SplitN(record, "\n", 2)[0], "dn: ")
		if base == "" || dn == base || strings.HasSuffix(dn, ","+base) {
			kept = append(kept, record+"\n")
		}
	}
	return os.WriteFile(c.ts.MkAbs(file), []byte(strings.Join(kept, "\n")), 0o666)
}

// readable decodes the values of an LDIF record that are in base64 for no
// other reason than their letters.
func readable(record string) string {
	lines := strings.Split(record, "\n")
	for i, line := range lines {
		name, encoded, found := strings.Cut(line, ":: ")
		value, err := base64.StdEncoding.DecodeString(encoded)
		if found && err == nil && utf8.Valid(value) && !bytes.ContainsAny(value, "\r\n\x00") && !bytes.HasPrefix(value, []byte(" ")) {
			lines[i] = name + ": " + string(value)
		}
	}
	return strings.Join(lines, "\n")
}

func (c *call) countWrites() error {
	want, err := strconv.ParseInt(c.args[0], 10, 64)
	if err != nil {
		return err
	}
	now := c.exchange.Writes()
	got := now - c.looked
	c.looked = now
	if got != want {
		return fmt.Errorf("%d writes since the last look, expected %d", got, want)
	}
	return nil
}

func (c *call) setFault() error {
	var f exchange55.Faults
	switch what, args := c.args[0], c.args[1:]; {
	case what == "none" && len(args) == 0:
	case what == "conceal" && len(args) == 1:
		f.Conceal = args
	case what == "busy" && len(args) == 1:
		f.Busy = map[string]int{args[0]: 1}
	case what == "drop" && len(args) == 1:
		after, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		f.DropAfter = after
	default:
		return errors.New("usage: exchange fault conceal DN | busy DN | drop N | none")
	}
	c.exchange.SetFaults(f)
	return nil
}

// restartExchange starts the directory again with all that it held.
func (c *call) restartExchange() error {
	former := c.exchange
	if err := former.Close(); err != nil {
		return err
	}
	if err := c.startExchange(former.Dump()); err != nil {
		return err
	}
	return c.replaceInConfig(former.URL(), c.exchange.URL())
}
