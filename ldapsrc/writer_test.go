package ldapsrc_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/exchange55"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/pdu"
)

// quick tries again without keeping a test waiting.
var quick = ldapsrc.Retry{Times: 3, Backoff: time.Millisecond}

// exchange starts the test directory.
func exchange(t *testing.T) (*exchange55.Directory, directory) {
	t.Helper()
	d := startExchange55(t)
	return d, directory{url: d.URL()}
}

// writer makes a Writer that is closed with the test.
func (d directory) writer(t *testing.T, edit ...func(*ldapsrc.Server)) *ldapsrc.Writer {
	t.Helper()
	edit = append([]func(*ldapsrc.Server){func(s *ldapsrc.Server) { s.Connections, s.Retry = 2, quick }}, edit...)
	w := d.dial(t, edit...).Writer()
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// results gathers what comes, in words by group. It is an error when a group
// has two results.
func results(t *testing.T, writing iter.Seq2[[]ldapsrc.Result, error]) (map[int]string, error) {
	t.Helper()
	all := map[int]string{}
	var ended error
	for batch, err := range writing {
		ended = errors.Join(ended, err)
		for _, r := range batch {
			if before, twice := all[r.Group]; twice {
				t.Errorf("group %d has two results: %s and %v", r.Group, before, r.Err)
			}
			all[r.Group] = outcome(r.Err)
		}
	}
	return all, ended
}

// outcome is a result in a word or two.
func outcome(err error) string {
	var refused *ldapsrc.Error
	var unmet *ldapsrc.UnmetError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &unmet):
		return fmt.Sprintf("needs %d", unmet.Group)
	case errors.As(err, &refused):
		return fmt.Sprintf("code %d", refused.Code)
	}
	return err.Error()
}

// people are custom recipients that can be added.
func people(t *testing.T, n int) []ldapsrc.Change {
	t.Helper()
	all := make([]ldapsrc.Change, n)
	for i := range all {
		r := bea()
		r.DirectoryName = fmt.Sprintf("CC%04d", i)
		r.DN = ldapsrc.Exchange55().Write.DN(r.DirectoryName, container)
		r.Attributes = map[string][]string{"extension-attribute-15": {"user:" + r.DirectoryName}}
		var err error
		if all[i], err = ldapsrc.Exchange55().Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// each makes a group of every change.
func each(changes ...ldapsrc.Change) []ldapsrc.Group {
	groups := make([]ldapsrc.Group, len(changes))
	for i := range changes {
		groups[i].Changes = changes[i : i+1]
	}
	return groups
}

// all is the same outcome for so many groups.
func all(n int, outcome string) map[int]string {
	same := map[int]string{}
	for i := range n {
		same[i] = outcome
	}
	return same
}

func wantResults(t *testing.T, want map[int]string, got map[int]string, err error) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("results (-want +got), %v:\n%s", err, diff)
	}
}

func modify(dn string, mods ...ldapsrc.Mod) ldapsrc.Change {
	return ldapsrc.Change{DN: dn, Type: ldapsrc.ModifyEntry, Mods: mods}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	t.Run("slapd", func(t *testing.T) {
		t.Parallel()
		directory{url: startSlapd(t).URL}.writesMany(t)
	})
	t.Run("Exchange 5.5", func(t *testing.T) {
		t.Parallel()
		_, d := exchange(t)
		d.writesMany(t)
	})
}

// writesMany adds, changes and deletes many entries at the same time, and calls
// done what is so already.
func (d directory) writesMany(t *testing.T) {
	t.Helper()
	added := people(t, 40)
	w := d.writer(t)
	got, err := results(t, w.Write(t.Context(), each(added...)))
	wantResults(t, all(len(added), "done"), got, err)

	p := ldapsrc.Exchange55()
	notes := func(op ldapsrc.ModOp, values ...string) ldapsrc.Mod {
		return ldapsrc.Mod{Op: op, Name: "info", Values: values}
	}
	addresses := func(op ldapsrc.ModOp, values ...string) ldapsrc.Mod {
		return ldapsrc.Mod{Op: op, Name: "otherMailbox", Values: values}
	}
	const present, other, another = "ccmail$New, Bea at NORTHHUB", "MS$A/B/C", "MS$A/B/D"
	changes := []struct {
		reason string
		group  ldapsrc.Group
		want   string
	}{
		{"one", ldapsrc.Group{Changes: []ldapsrc.Change{modify(added[0].DN, notes(ldapsrc.ReplaceValues, "new"))}}, "done"},
		{"two", ldapsrc.Group{Changes: []ldapsrc.Change{
			modify(added[1].DN, notes(ldapsrc.ReplaceValues, "first")), modify(added[1].DN, notes(ldapsrc.ReplaceValues, "second")),
		}}, "done"},
		{"a value that is not there any more", ldapsrc.Group{Changes: []ldapsrc.Change{
			modify(added[2].DN, notes(ldapsrc.DeleteValues)), modify(added[2].DN, notes(ldapsrc.DeleteValues)),
			modify(added[2].DN, notes(ldapsrc.DeleteValues), addresses(ldapsrc.AddValues, other)),
		}}, "done"},
		{"an entry that is gone", ldapsrc.Group{Changes: []ldapsrc.Change{p.Delete(added[3].DN), p.Delete(added[3].DN)}}, "done"},
		{"of a change, what is so already", ldapsrc.Group{Changes: []ldapsrc.Change{
			modify(added[4].DN, addresses(ldapsrc.AddValues, present)),
			modify(added[4].DN, addresses(ldapsrc.AddValues, other, present, another)),
			modify(added[4].DN, addresses(ldapsrc.DeleteValues, present, "MS$not/there/x", another)),
		}}, "done"},
		{"an entry that is there", ldapsrc.Group{Changes: []ldapsrc.Change{added[5]}}, "code 68"},
		{"an entry that is not", ldapsrc.Group{Changes: []ldapsrc.Change{
			modify("cn=nobody,"+container, notes(ldapsrc.ReplaceValues, "x")), modify(added[6].DN, notes(ldapsrc.ReplaceValues, "x")),
		}}, "code 32"},
		{"what needs that", ldapsrc.Group{Changes: []ldapsrc.Change{modify(added[7].DN, notes(ldapsrc.ReplaceValues, "x"))}, Needs: []int{0, 6}}, "needs 6"},
		{"a name that was given up", ldapsrc.Group{Changes: []ldapsrc.Change{added[3]}, Needs: []int{3}}, "done"},
		{"what needs what needs that", ldapsrc.Group{Changes: []ldapsrc.Change{p.Delete(added[8].DN)}, Needs: []int{7}}, "needs 7"},
		{"nothing", ldapsrc.Group{}, "done"},
	}
	var groups []ldapsrc.Group
	want := map[int]string{}
	for i, c := range changes {
		groups, want[i] = append(groups, c.group), c.want
	}
	got, err = results(t, w.Write(t.Context(), groups))
	wantResults(t, want, got, err)
	c := d.dial(t)
	for i, notes := range []string{"new", "second", "", "desk 7", "desk 7", "desk 7", "desk 7", "desk 7", "desk 7"} {
		if r := readBack(t, c, added[i].DN); r.Notes != notes {
			t.Errorf("%s: the notes of %s are %q, want %q", changes[i].reason, r.DN, r.Notes, notes)
		}
	}
	if proxies := fmt.Sprint(readBack(t, c, added[4].DN).Proxies); !strings.Contains(proxies, "A/B/C") || strings.Contains(proxies, "New, Bea") || strings.Contains(proxies, "A/B/D") {
		t.Errorf("after values came and went: %s", proxies)
	}
	var deletions []ldapsrc.Change
	for _, a := range added {
		deletions = append(deletions, p.Delete(a.DN))
	}
	got, err = results(t, w.Write(t.Context(), each(deletions...)))
	wantResults(t, all(len(deletions), "done"), got, err)
}

// readBack reads one entry.
func readBack(t *testing.T, c *ldapsrc.Conn, dn string) ldapsrc.Recipient {
	t.Helper()
	got, err := conformance.Read(t.Context(), c, dn)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	return got[0]
}

// work is groups of every kind, and the directory that they leave.
func work(t *testing.T) []ldapsrc.Group {
	t.Helper()
	added := people(t, 12)
	p := ldapsrc.Exchange55()
	groups := each(added...)
	for i, a := range added[:9] {
		g := ldapsrc.Group{Needs: []int{i}}
		switch i % 3 {
		case 0:
			g.Changes = []ldapsrc.Change{p.Delete(a.DN)}
		case 1: // the primary address changes places with another one
			g.Changes = []ldapsrc.Change{
				modify(a.DN, ldapsrc.Mod{Op: ldapsrc.ReplaceValues, Name: "mail", Values: []string{"b@contoso.example"}}, ldapsrc.Mod{Op: ldapsrc.DeleteValues, Name: "info"}),
				modify(a.DN, ldapsrc.Mod{Op: ldapsrc.ReplaceValues, Name: "otherMailbox", Values: []string{"smtp$bea.new@contoso.example"}}),
			}
		case 2:
			g.Changes = []ldapsrc.Change{modify(a.DN, ldapsrc.Mod{Op: ldapsrc.AddValues, Name: "otherMailbox", Values: []string{"MS$A/B/C", "MS$A/B/D"}},
				ldapsrc.Mod{Op: ldapsrc.DeleteValues, Name: "otherMailbox", Values: []string{"ccmail$New, Bea at NORTHHUB"}})}
		}
		groups = append(groups, g)
	}
	return groups
}

// Wherever a connection is lost with writes in flight, whether the request was
// carried out or not, everything is done in the end, and nothing twice.
func TestWriterConnectionLost(t *testing.T) {
	t.Parallel()
	undisturbed, d := exchange(t)
	groups := work(t)
	got, err := results(t, d.writer(t).Write(t.Context(), groups))
	wantResults(t, all(len(groups), "done"), got, err)
	want := string(undisturbed.DumpContent())
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("carried out %v", late), func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= len(groups)+4; n++ {
				served, d := exchange(t)
				w := d.writer(t)
				served.SetFaults(exchange55.Faults{CutAt: n, CutLate: late})
				got, err := results(t, w.Write(t.Context(), groups))
				wantResults(t, all(len(groups), "done"), got, err)
				if diff := cmp.Diff(want, string(served.DumpContent())); diff != "" {
					t.Fatalf("cut at request %d (-undisturbed +now):\n%s", n, diff)
				}
			}
		})
	}
}

// An entry of somebody else that has the name is not taken for ours, even when
// an answer was lost.
func TestWriterSomebodyElse(t *testing.T) {
	t.Parallel()
	served, d := exchange(t)
	w := d.writer(t)
	added := people(t, 1)
	other := added[0]
	other.Attributes = slices.Clone(other.Attributes)
	for i := range other.Attributes {
		if other.Attributes[i].Name == "Extension-Attribute-15" {
			other.Attributes[i].Values = []string{"user:somebody else"}
		}
	}
	got, err := results(t, w.Write(t.Context(), each(other)))
	wantResults(t, all(1, "done"), got, err)
	served.SetFaults(exchange55.Faults{CutAt: 1})
	got, err = results(t, w.Write(t.Context(), each(added...)))
	wantResults(t, all(1, "code 68"), got, err)
}

// A server that is gone for good ends the sending: what was in flight has an
// unknown outcome, the rest none.
func TestWriterServerGone(t *testing.T) {
	t.Parallel()
	served, d := exchange(t)
	groups := each(people(t, 50)...)
	const window = 4
	w := d.writer(t, func(s *ldapsrc.Server) { s.WritesInFlight = window })
	unknown, done := 0, 0
	var ended error
	for batch, err := range w.Write(t.Context(), groups) {
		ended = errors.Join(ended, err)
		for _, r := range batch {
			switch outcome(r.Err) {
			case "done":
				done++
			case "code 0":
				unknown++
				if !strings.Contains(r.Err.Error(), "whether the server carried it out is not known") {
					t.Errorf("the error is %v", r.Err)
				}
			default:
				t.Errorf("group %d: %v", r.Group, r.Err)
			}
		}
		if done >= 10 {
			_ = served.Close()
		}
	}
	if unknown == 0 || unknown > window || done+unknown > 10+2*window {
		t.Errorf("%d are done, of %d it is not known", done, unknown)
	}
	if ended == nil || !strings.Contains(ended.Error(), "not known") {
		t.Errorf("the sending ended with %v", ended)
	}
}

// A busy server is asked again; one that stays busy is not waited for again
// before it has done something.
func TestWriterBusy(t *testing.T) {
	t.Parallel()
	served, d := exchange(t)
	groups := each(people(t, 30)...)
	busy := map[string]int{}
	for i, g := range groups {
		busy[g.Changes[0].DN] = i % 5
	}
	served.SetFaults(exchange55.Faults{Busy: busy})
	got, err := results(t, d.writer(t).Write(t.Context(), groups))
	want := all(len(groups), "done")
	for i := 4; i < len(groups); i += 5 {
		want[i] = "code 51"
	}
	wantResults(t, want, got, err)

	served, d = exchange(t)
	for dn := range busy {
		busy[dn] = 1000
	}
	served.SetFaults(exchange55.Faults{Busy: busy})
	again := 0
	const window = 3
	w := d.writer(t, func(s *ldapsrc.Server) {
		s.WritesInFlight = window
		s.Trace = func(string) { again++ }
	})
	got, err = results(t, w.Write(t.Context(), groups))
	wantResults(t, all(len(groups), "code 51"), got, err)
	if again > window*quick.Times {
		t.Errorf("%d times something was tried again", again)
	}
}

// An interrupt lets finish what is under way and sends no more.
func TestWriterInterrupted(t *testing.T) {
	t.Parallel()
	served, d := exchange(t)
	groups := each(people(t, 50)...)
	ctx, interrupt := context.WithCancelCause(t.Context())
	defer interrupt(nil)
	enough := errors.New("that is enough")
	const window = 4
	w := d.writer(t, func(s *ldapsrc.Server) { s.WritesInFlight = window })
	done := 0
	var ended error
	for batch, err := range w.Write(ctx, groups) {
		ended = errors.Join(ended, err)
		for _, r := range batch {
			if done++; r.Err != nil {
				t.Error(r.Err)
			}
		}
		if done >= 5 {
			interrupt(enough)
		}
	}
	if !errors.Is(ended, enough) || done > 5+2*window || int64(done) != served.Writes() {
		t.Errorf("%d are told of, %d are written: %v", done, served.Writes(), ended)
	}
	// The same Writer goes on, and the loop may be left at any time.
	for _, err := range w.Write(t.Context(), groups[done:]) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if more := served.Writes() - int64(done); more < 1 || more > window {
		t.Errorf("%d more are written", more)
	}
}

// Of the groups that were sent, no more than the window have not been told of.
func TestWriterWindow(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 2, 7} {
		served, d := exchange(t)
		groups := each(people(t, 60)...)
		w := d.writer(t, func(s *ldapsrc.Server) { s.WritesInFlight = window })
		told := 0
		for batch, err := range w.Write(t.Context(), groups) {
			if err != nil {
				t.Fatal(err)
			}
			if written := int(served.Writes()); written-told > window || written < told+len(batch) {
				t.Errorf("of %d that are written, %d were told of when %d came", written, told, len(batch))
			}
			told += len(batch)
		}
	}
}

// shuffler is a server that answers to writes in a random order, and keeps
// entries by name: how many writes they had.
type shuffler struct {
	url string

	mu      sync.Mutex
	entries map[string]int
}

// shuffle starts one. What it says to the nth try of a write is up to answer.
func shuffle(t *testing.T, random *rand.Rand, answer func(dn string, try int) int) *shuffler {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &shuffler{url: "ldap://" + listener.Addr().String(), entries: map[string]int{}}
	tries := map[string]int{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			requests := make(chan *ber.Packet)
			go func() {
				defer close(requests)
				for {
					request, err := ber.ReadPacket(conn)
					if err != nil {
						return
					}
					requests <- request
				}
			}()
			go s.serve(conn, requests, random, func(dn string) int {
				tries[dn]++
				return answer(dn, tries[dn])
			})
		}
	}()
	return s
}

// serve gathers requests until none comes for a moment, and answers one of them.
func (s *shuffler) serve(conn net.Conn, requests <-chan *ber.Packet, random *rand.Rand, answer func(dn string) int) {
	defer func() { _ = conn.Close() }()
	var waiting []*ber.Packet
	for {
		moment := time.NewTimer(100 * time.Microsecond)
		if len(waiting) == 0 {
			moment.Stop()
		}
		select {
		case request, more := <-requests:
			if !more {
				return
			}
			if request.Children[1].Tag == ldap.ApplicationBindRequest {
				_, _ = conn.Write(message(request.Children[0], result(ldap.ApplicationBindResponse, 0)).Bytes())
				continue
			}
			waiting = append(waiting, request)
		case <-moment.C:
			waiting = s.answer(conn, waiting, random, answer)
		}
	}
}

func (s *shuffler) answer(conn net.Conn, waiting []*ber.Packet, random *rand.Rand, answer func(dn string) int) []*ber.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	which := random.IntN(len(waiting))
	request := waiting[which]
	op := request.Children[1]
	if op.Tag == ldap.ApplicationUnbindRequest {
		return slices.Delete(waiting, which, which+1)
	}
	dn := op.Data.String() // of a deletion
	if len(op.Children) > 0 {
		dn, _ = op.Children[0].Value.(string)
	}
	code := answer(dn)
	if code == 0 {
		s.entries[dn]++
	}
	_, _ = conn.Write(message(request.Children[0], result(op.Tag+1, code)).Bytes())
	return slices.Delete(waiting, which, which+1)
}

// In whatever order the answers come, the same becomes of every group and of
// the directory.
func TestWriterAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "groups")
		groups := make([]ldapsrc.Group, n)
		want, entries := map[int]string{}, map[string]int{}
		codes := map[string][]int{}
		for i := range groups {
			dn := fmt.Sprintf("cn=%d,o=Contoso", i)
			codes[dn] = rapid.SampledFrom([][]int{{0}, {0}, {0}, {51, 52, 0}, {50}}).Draw(rt, "answers")
			for range rapid.IntRange(1, 2).Draw(rt, "changes") {
				groups[i].Changes = append(groups[i].Changes, modify(dn, ldapsrc.Mod{Op: ldapsrc.ReplaceValues, Name: "info", Values: []string{"x"}}))
			}
			want[i] = "done"
			if codes[dn][0] == 50 {
				want[i] = "code 50"
			}
			if i > 0 && rapid.Bool().Draw(rt, "waits") {
				groups[i].Needs = rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 1, min(i, 3), rapid.ID).Draw(rt, "for")
				for _, needed := range groups[i].Needs {
					if want[needed] != "done" {
						want[i] = "unmet"
					}
				}
			}
			if want[i] == "done" {
				entries[dn] = len(groups[i].Changes)
			}
		}
		seed := rapid.Uint64().Draw(rt, "seed")
		server := shuffle(t, rand.New(rand.NewPCG(seed, 0)), func(dn string, try int) int {
			return codes[dn][min(try, len(codes[dn]))-1]
		})
		w := directory{url: server.url}.writer(t, func(s *ldapsrc.Server) {
			s.WritesInFlight = rapid.IntRange(1, 9).Draw(rt, "window")
			s.Connections = rapid.IntRange(1, 3).Draw(rt, "connections")
		})
		got, err := results(t, w.Write(t.Context(), groups))
		for i, said := range got {
			if strings.HasPrefix(said, "needs ") {
				got[i] = "unmet"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			rt.Fatalf("results (-want +got), %v:\n%s", err, diff)
		}
		server.mu.Lock()
		defer server.mu.Unlock()
		if diff := cmp.Diff(entries, server.entries); diff != "" {
			rt.Fatalf("entries (-want +got):\n%s", diff)
		}
	})
}

// A server that answers no more is not waited for for ever.
func TestWriterSilence(t *testing.T) {
	t.Parallel()
	d := misbehave(t) // which takes one connection
	c := d.dial(t, func(s *ldapsrc.Server) {
		s.Connections, s.ReadTimeout, s.ConnectTimeout = 1, 200*time.Millisecond, 200*time.Millisecond
	})
	w := c.Writer()
	defer func() { _ = w.Close() }()
	got, err := results(t, w.Write(t.Context(), each(people(t, 3)...)))
	if err == nil || len(got) > 0 {
		t.Errorf("a server that takes no connection: %v, %v", got, err)
	}
}

// The same with a real server, where the answer is lost after the work was done,
// over TLS too.
func TestWriterAnswerLost(t *testing.T) {
	t.Parallel()
	s := startSlapd(t)
	p := ldapsrc.Exchange55()
	added := people(t, 12)
	var deletions []ldapsrc.Change
	for _, a := range added {
		deletions = append(deletions, p.Delete(a.DN))
	}
	for _, op := range []pdu.Op{pdu.AddResponse, pdu.ModifyResponse, pdu.DeleteResponse} {
		for _, skip := range []int{0, 3} {
			d, proxy := behind(t, conformance.Directory{URL: s.URL}, faultproxy.Fault{
				At: faultproxy.Point{From: faultproxy.Server, Op: op, Skip: skip, Times: 1}, Do: faultproxy.Cut(),
			})
			groups := work(t)
			// One at a time: of several, slapd may carry out one that it had
			// received before the cut after the same one was sent again.
			w := directory{url: d.URL}.writer(t, func(s *ldapsrc.Server) { s.Connections, s.WritesInFlight = 1, 1 })
			got, err := results(t, w.Write(t.Context(), groups))
			wantResults(t, all(len(groups), "done"), got, err)
			c := directory{url: s.URL}.dial(t)
			left, err := conformance.Read(t.Context(), c, container)
			if err != nil || len(left) != 9 {
				t.Errorf("%d of 9 entries are left, %v", len(left), err)
			}
			if r := readBack(t, c, added[1].DN); r.Notes != "" || !slices.Contains(r.Proxies, ldapsrc.Proxy{Type: "SMTP", Address: "bea.new@contoso.example"}) {
				t.Errorf("after its two changes: %+v", r)
			}
			got, err = results(t, w.Write(t.Context(), each(deletions...)))
			wantResults(t, all(len(deletions), "done"), got, err)
			if proxy.Struck() != 1 {
				t.Errorf("the connection was cut %d times", proxy.Struck())
			}
		}
	}
}

// A server that does not answer in time ends the sending: it may still be at
// work.
func TestWriterNoAnswer(t *testing.T) {
	t.Parallel()
	d, _ := behind(t, conformance.Directory{URL: startExchange55(t).URL()}, faultproxy.Fault{
		At: faultproxy.Point{From: faultproxy.Server, Op: pdu.AddResponse, Skip: 5}, Do: faultproxy.Drop(),
	})
	groups := each(people(t, 30)...)
	const window = 4
	w := directory{url: d.URL}.writer(t, func(s *ldapsrc.Server) { s.ReadTimeout, s.WritesInFlight = 200*time.Millisecond, window })
	got, err := results(t, w.Write(t.Context(), groups))
	unknown := 0
	for _, said := range got {
		if said == "code 0" {
			unknown++
		}
	}
	if err == nil || !strings.Contains(err.Error(), "no answer within 200ms") || unknown < 1 || unknown > window || len(got) != 5+unknown {
		t.Errorf("%d have an unknown outcome of %v: %v", unknown, got, err)
	}
}

// Over TLS it works in the same way.
func TestWriterOverTLS(t *testing.T) {
	t.Parallel()
	for name, d := range overTLS(startSlapd(t)) {
		added := people(t, 10)
		w := d.Dial(t, func(s *ldapsrc.Server) { s.Connections = 2 }).Writer()
		for _, changes := range [][]ldapsrc.Change{added, {ldapsrc.Exchange55().Delete(added[0].DN)}} {
			got, err := results(t, w.Write(t.Context(), each(changes...)))
			wantResults(t, all(len(changes), "done"), got, err)
		}
		for _, a := range added {
			if err := d.Dial(t).Apply(t.Context(), ldapsrc.Exchange55().Delete(a.DN)); err != nil && !errors.Is(err, ldapsrc.ErrNoSuchObject) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}
