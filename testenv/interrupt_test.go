package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/pdu"
)

// interrupted is a directory with a proxy before it, so that it can be taken
// away at a certain message.
type interrupted struct {
	*testenv.Directory
	proxy  *faultproxy.Proxy
	client conformance.Directory
}

func startInterrupted(t *testing.T, kind testenv.Kind, where testenv.Where, change ...func(*testenv.Options)) interrupted {
	t.Helper()
	d := start(t, kind, where, change...)
	proxy, err := faultproxy.Start(d.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	return interrupted{Directory: d, proxy: proxy, client: conformance.Directory{URL: proxy.URL()}}
}

// at does something when a message passes, once.
func (i interrupted) at(t *testing.T, op pdu.Op, skip int, do func(context.Context) error) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	i.proxy.SetFaults(faultproxy.Fault{At: faultproxy.Point{Op: op, Skip: skip, Times: 1}, Do: faultproxy.Call(func() {
		if err := do(ctx); err != nil {
			t.Error(err)
		}
	})})
}

// read reads all mailboxes over a connection of its own.
func (i interrupted) read(t *testing.T, patience time.Duration) (found int, err error) {
	t.Helper()
	c, err := ldapsrc.Dial(t.Context(), i.client.Server(func(s *ldapsrc.Server) { s.ReadTimeout = patience }))
	if err != nil {
		return 0, err
	}
	for entry, err := range c.Entries(t.Context(), conformance.Recipients, 0) {
		if err != nil {
			return found, errors.Join(err, c.Close())
		}
		if strings.HasPrefix(entry.DN(), "cn=user") {
			found++
		}
	}
	return found, c.Close()
}

const (
	short   = 2 * time.Second // enough for an answer, and not long for none
	patient = time.Minute
)

// A directory that is paused or killed in the middle of a read leaves an error;
// when it goes on, a read is whole. In the middle of a write the outcome is
// unknown, and said to be; of several in flight, only those count as done that
// were answered.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, test := range directories {
		if test.where == testenv.InProcess {
			continue
		}
		t.Run(fmt.Sprintf("%s in a %s", test.kind, test.where), func(t *testing.T) {
			t.Parallel()
			i := startInterrupted(t, test.kind, test.where)
			i.pausedRead(t)
			i.pausedWrite(t)
			i.killedRead(t)
			startInterrupted(t, test.kind, test.where).killedWrite(t)
		})
	}
}

func (i interrupted) pausedRead(t *testing.T) {
	t.Helper()
	i.at(t, pdu.SearchEntry, 50, i.Pause)
	if found, err := i.read(t, short); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("paused in a read: %d entries, %v", found, err)
	}
	if err := i.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, err := i.read(t, patient); err != nil || found != conformance.Mailboxes {
		t.Errorf("after it went on: %d entries, %v", found, err)
	}
}

func (i interrupted) pausedWrite(t *testing.T) {
	t.Helper()
	change, err := ldapsrc.Exchange55().Add(conformance.NewRecipient())
	if err != nil {
		t.Fatal(err)
	}
	i.at(t, pdu.AddRequest, 0, i.Pause)
	c := i.client.Dial(t, func(s *ldapsrc.Server) { s.ReadTimeout = short })
	if err = c.Apply(t.Context(), change); err == nil || !strings.Contains(err.Error(), "whether the server carried it out is not known") {
		t.Errorf("paused in a write: %v", err)
	}
	if err = i.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	// It was carried out or it was not; either way the entry is there after a
	// second try.
	again := i.client.Dial(t)
	var e *ldapsrc.Error
	if err = again.Apply(t.Context(), change); err != nil && (!errors.As(err, &e) || e.Code != 68) {
		t.Errorf("the same again: %v", err)
	}
	if err = again.Exists(t.Context(), change.DN); err != nil {
		t.Error(err)
	}
}

func (i interrupted) killedRead(t *testing.T) {
	t.Helper()
	i.at(t, pdu.SearchEntry, 50, i.Kill)
	if found, err := i.read(t, patient); err == nil {
		t.Errorf("killed in a read: %d entries and no error", found)
	}
	i.proxy.SetFaults()
	if found, err := i.read(t, patient); err == nil {
		t.Errorf("after it was killed: %d entries and no error", found)
	}
}

// answers is what passed the proxy: the additions that were asked for, and those
// that the server said it had carried out.
type answers struct {
	mu    sync.Mutex
	asked map[int64]string // names by the number of the message, of which a Writer gives none twice
	done  map[string]bool
}

// killAt records additions and their answers, and kills the directory when so
// many were asked for.
func (i interrupted) killAt(t *testing.T, requests int) *answers {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	a := &answers{asked: map[int64]string{}, done: map[string]bool{}}
	note := func(m faultproxy.Passing) faultproxy.Outcome {
		a.mu.Lock()
		defer a.mu.Unlock()
		parts, err := pdu.Parse(m.LDAP.Body)
		switch {
		case err != nil:
			t.Error(err)
		case m.LDAP.Op == pdu.AddResponse:
			a.done[a.asked[m.LDAP.ID]] = string(parts[0].Content) == "\x00" // success
		default:
			a.asked[m.LDAP.ID] = string(parts[0].Content)
			if len(a.asked) == requests {
				if err := i.Kill(ctx); err != nil {
					t.Error(err)
				}
			}
		}
		return faultproxy.Outcome{Pass: m.Raw}
	}
	i.proxy.SetFaults(faultproxy.Ops(faultproxy.Point{}, note, pdu.AddRequest, pdu.AddResponse)...)
	return a
}

// additions are groups that each add a recipient.
func additions(t *testing.T, n int) []ldapsrc.Group {
	t.Helper()
	var groups []ldapsrc.Group
	for k := range n {
		r := conformance.NewRecipient()
		r.DirectoryName = fmt.Sprintf("CC%06d", k)
		r.DN = ldapsrc.Exchange55().Write.DN(r.DirectoryName, conformance.Container)
		change, err := ldapsrc.Exchange55().Add(r)
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, ldapsrc.Group{Changes: []ldapsrc.Change{change}})
	}
	return groups
}

func (i interrupted) killedWrite(t *testing.T) {
	t.Helper()
	const window = 8
	groups := additions(t, 50)
	w := i.client.Dial(t, func(s *ldapsrc.Server) { s.WritesInFlight, s.Connections = window, 2 }).Writer()
	said := i.killAt(t, 20)
	told, done, unknown := map[int]bool{}, 0, 0
	var ended error
	for batch, err := range w.Write(t.Context(), groups) {
		ended = errors.Join(ended, err)
		for _, r := range batch {
			dn := groups[r.Group].Changes[0].DN
			if told[r.Group] {
				t.Errorf("%s has two results", dn)
			}
			if told[r.Group] = true; r.Err == nil {
				done++
				said.want(t, dn)
			} else if unknown++; !strings.Contains(r.Err.Error(), "whether the server carried it out is not known") {
				t.Errorf("%s: %v", dn, r.Err)
			}
		}
	}
	if done == 0 || unknown == 0 || unknown > window {
		t.Errorf("killed in a write: %d are done, of %d it is not known", done, unknown)
	}
	if len(told) < len(groups) && ended == nil {
		t.Errorf("%d of %d groups have a result, and there is no error", len(told), len(groups))
	}
	said.wantTold(t, groups, told)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// want requires that an addition that is told to be done was answered so.
func (a *answers) want(t *testing.T, dn string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.done[dn] {
		t.Errorf("%s is told to be done, and the server did not say so", dn)
	}
}

// wantTold requires a result of every addition that was sent.
func (a *answers) wantTold(t *testing.T, groups []ldapsrc.Group, told map[int]bool) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	sent := map[string]bool{}
	for _, dn := range a.asked {
		sent[dn] = true
	}
	for n, g := range groups {
		if dn := g.Changes[0].DN; sent[dn] && !told[n] {
			t.Errorf("%s was sent and has no result", dn)
		}
	}
}

// One inside the test cannot be interrupted, and says so.
func TestNotInterruptible(t *testing.T) {
	t.Parallel()
	d := start(t, testenv.Exchange55, testenv.InProcess)
	for _, do := range []func(context.Context) error{d.Pause, d.Resume, d.Kill} {
		if err := do(t.Context()); err == nil || !strings.Contains(err.Error(), "faultproxy") {
			t.Errorf("it was interrupted: %v", err)
		}
	}
}
