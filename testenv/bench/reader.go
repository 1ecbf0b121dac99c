package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"ccdirsync/ldapsrc"
)

// readArgument makes this program one that only reads the directory into
// ldapsrc's model: its URL and the file with the password follow.
const readArgument = "read"

// readDirectory reads all recipients and tells the searches that it sent.
func readDirectory(ctx context.Context, url, passwordFile string, told io.Writer) (err error) {
	secret, err := os.ReadFile(passwordFile)
	if err != nil {
		return err
	}
	conn, err := ldapsrc.Dial(ctx, ldapsrc.Server{
		URLs: []string{url}, BindDN: bindName, Password: string(secret),
		Trace: func(command string) { _, _ = fmt.Fprintln(told, command) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	found, _, err := conn.Read(ctx, siteDN)
	if err == nil && found.Len() == 0 {
		err = errors.New("the directory has no recipients")
	}
	runtime.KeepAlive(found) // all of it is in memory at the end
	return err
}

// reading returns the commands of a whole read by ours and by ldapsearch: the
// one that ours says it is like.
func (b *bench) reading(ctx context.Context, url string) (ours, theirs invocation, err error) {
	ours = invocation{args: []string{b.self, readArgument, url, b.password}}
	u, err := ours.measure(ctx)
	if err != nil {
		return ours, theirs, err
	}
	var searches []string
	for line := range strings.Lines(u.told) {
		if strings.HasPrefix(line, "ldapsearch ") && strings.Contains(line, " pr=") {
			searches = append(searches, strings.TrimSpace(line))
		}
	}
	if len(searches) != 1 || !strings.Contains(searches[0], " -W ") {
		return ours, theirs, fmt.Errorf("one paged search with a bind was expected, these were sent: %q", searches)
	}
	command := strings.Replace(searches[0], " -W ", " -y '"+b.password+"' ", 1)
	return ours, invocation{args: []string{"/bin/sh", "-c", "exec " + command}}, nil
}
