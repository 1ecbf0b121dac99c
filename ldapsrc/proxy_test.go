package ldapsrc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ccdirsync/ldapsrc"
	"ccdirsync/testenv/conformance"
	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/pdu"
	"ccdirsync/testenv/slapd"
)

// servers are an Exchange 5.5 directory and, where there is one, a slapd.
func servers(t *testing.T) map[string]conformance.Directory {
	t.Helper()
	all := map[string]conformance.Directory{"exchange55": {URL: startExchange55(t).URL(), Exchange55: true}}
	if err := slapd.Available(); err != nil {
		t.Logf("without slapd: %v", err)
		return all
	}
	all["slapd"] = conformance.Directory{URL: startSlapd(t).URL}
	return all
}

// patience is how long to wait for an answer before an error that tells this:
// not long where none comes.
func patience(tells string) func(*ldapsrc.Server) {
	return func(s *ldapsrc.Server) {
		if tells == unknown || strings.HasPrefix(tells, "no answer") {
			s.ReadTimeout = silenceLimit
		}
	}
}

const unknown = "whether the server carried it out is not known"

const silenceLimit = 500 * time.Millisecond

// readMailboxes reads the three pages of mailboxes over a connection of its own,
// and returns how many there were.
func readMailboxes(ctx context.Context, d conformance.Directory, change ...func(*ldapsrc.Server)) (int, error) {
	c, err := ldapsrc.Dial(ctx, d.Server(change...))
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }() // a connection that was cut cannot be left politely
	found := 0
	for _, err := range c.Entries(ctx, recipients, 0) {
		if err != nil {
			return 0, err
		}
		found++
	}
	return found, nil
}

var (
	entries = faultproxy.Point{Op: pdu.SearchEntry}
	ends    = faultproxy.Point{Op: pdu.SearchDone}
	hundred = faultproxy.Point{Op: pdu.SearchEntry, Skip: 100}
)

// readFault is what happens to a read of 230 mailboxes in pages of 100.
type readFault struct {
	reason string
	at     faultproxy.Point
	do     faultproxy.Effect
	tells  []string // of the error; nil when the read succeeds, with
	found  int      // so many entries
}

var readFaults = []readFault{
	{"a result of time limit", ends, faultproxy.Result(3, ""), []string{"time limit exceeded (code 3)", "smaller containers"}, 0},
	{"a result of size limit", ends, faultproxy.Result(4, ""), []string{"size limit exceeded (code 4)", "smaller page size"}, 0},
	{"a result of size limit on the last page", after(ends, 2), faultproxy.Result(4, ""), []string{"size limit exceeded (code 4)"}, 0},
	{"a result of an administrator's limit", ends, faultproxy.Result(11, ""), []string{"admin limit exceeded (code 11)", "smaller page size"}, 0},
	{"a result of busy", ends, faultproxy.Result(51, "backsync"), []string{"busy (code 51)", `"backsync"`, "try again later"}, 0},
	{"a result of unavailable", after(ends, 1), faultproxy.Result(52, ""), []string{"unavailable (code 52)", "try again later"}, 0},
	{"a result of unwilling", ends, faultproxy.Result(53, ""), []string{"unwilling to perform (code 53)"}, 0},
	{"a result of an internal error", after(ends, 2), faultproxy.Result(80, "event 1171"), []string{"code 80", "event 1171"}, 0},
	{"a result that no one knows", ends, faultproxy.Result(123, ""), []string{"code 123"}, 0},
	{"a base that vanished between two pages", after(ends, 1), faultproxy.Result(32, ""), []string{"no such object (code 32)", "check the name"}, 0},
	{"rights that went between two pages", after(ends, 1), faultproxy.Result(50, ""), []string{"insufficient access rights (code 50)"}, 0},
	{"a referral", ends, faultproxy.Referral("ldap://other/o=Contoso"), []string{"code 10", "use a server of the site"}, 0},
	{"a reference among the entries", hundred, faultproxy.Refer("ldap://other/o=Contoso"), []string{"referral to ldap://other/o=Contoso"}, 0},

	{"a cookie that is none", ends, faultproxy.Cookie("rubbish"), []string{"(code "}, 0},
	{"the cookie that was asked with", after(ends, 1), faultproxy.SameCookie(), []string{"same page mark twice"}, 0},
	{"no word on pages", after(ends, 1), faultproxy.NoControls(), []string{"whether there are more pages"}, 0},
	{"a cookie with the last page", after(ends, 2), faultproxy.Cookie("more"), []string{"(code "}, 0},
	{"requests that begin anew", after(searches, 1), faultproxy.Cookie(""), []string{"twice"}, 0},

	{"an entry twice", hundred, faultproxy.Repeat(), []string{"came twice"}, 0},
	{"an entry without a name", once(hundred), faultproxy.Rename(""), []string{`entry ""`}, 0},
	{"an entry with a name that is none", once(hundred), faultproxy.Rename("nonsense"), []string{`entry "nonsense"`}, 0},
	{"an entry that cannot be decoded", once(hundred), faultproxy.Damage(), []string{"search"}, 0},
	{"an entry cut in the middle", hundred, faultproxy.Truncate(20), []string{"the connection was lost"}, 0},
	{"a connection cut before the first entry", entries, faultproxy.Cut(), []string{"the connection was lost"}, 0},
	{"a connection cut before the end", ends, faultproxy.Cut(), []string{"the connection was lost"}, 0},
	{"a connection cut between two pages", after(searches, 1), faultproxy.Cut(), []string{"the connection was lost"}, 0},
	{"a connection reset", hundred, faultproxy.CutHard(), []string{"the connection was lost"}, 0},
	{"silence among the entries", hundred, faultproxy.Hang(), []string{"no answer within 500ms", "raise the time limit"}, 0},
	{"silence at the end", ends, faultproxy.Hang(), []string{"no answer within 500ms"}, 0},
	{"silence at the bind", faultproxy.Point{Op: pdu.BindResponse}, faultproxy.Hang(), []string{"no answer within 500ms"}, 0},
	{"a server that is slow", after(ends, 1), faultproxy.Delay(20 * time.Millisecond), nil, mailboxes},

	// What no client can tell from a healthy answer. The plan is where it is found
	// out, by entries of ours that are missing.
	{"entries that are kept back", faultproxy.Point{Op: pdu.SearchEntry, Skip: 50, Times: 30}, faultproxy.Drop(), nil, mailboxes - 30},
	{"no entries at all", entries, faultproxy.Drop(), nil, 0},
	{"a last page that is not the last", ends, faultproxy.Cookie(""), nil, 100},
}

var searches = faultproxy.Point{Op: pdu.SearchRequest}

func after(at faultproxy.Point, skip int) faultproxy.Point {
	at.Skip = skip
	return at
}

func once(at faultproxy.Point) faultproxy.Point {
	at.Times = 1
	return at
}

// A read is whole or it is an error that says what to do.
func TestReadBehindFaults(t *testing.T) {
	t.Parallel()
	for name, d := range servers(t) {
		for _, f := range readFaults {
			t.Run(name+": "+f.reason, func(t *testing.T) {
				t.Parallel()
				through, proxy := behind(t, d, faultproxy.Fault{At: f.at, Do: f.do})
				found, err := readMailboxes(t.Context(), through, patience(strings.Join(f.tells, " ")))
				if proxy.Struck() == 0 {
					t.Error("the fault did not happen")
				}
				if f.tells == nil {
					if err != nil || found != f.found {
						t.Errorf("%d entries, %v, want %d", found, err, f.found)
					}
					return
				}
				var e *ldapsrc.Error
				if !errors.As(err, &e) || e.URL != through.URL || found != 0 {
					t.Fatalf("%d entries, %v", found, err)
				}
				for _, part := range f.tells {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not tell %q", err, part)
					}
				}
			})
		}
	}
}

// Wherever the connection is cut, at a message or at a byte, by whichever side,
// a read is an error, and one after that is whole.
func TestReadCutAnywhere(t *testing.T) {
	t.Parallel()
	for name, d := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			through, proxy := behind(t, d)
			if found, err := readMailboxes(t.Context(), through); err != nil || found != mailboxes {
				t.Fatalf("without a fault: %d entries, %v", found, err)
			}
			if err := proxy.Close(); err != nil { // so that all has passed
				t.Fatal(err)
			}
			for _, cut := range cuts(proxy) {
				through, proxy := behind(t, d, faultproxy.Fault{At: cut, Do: faultproxy.Cut()})
				if found, err := readMailboxes(t.Context(), through); err == nil || found != 0 {
					t.Errorf("%+v: %d entries, %v", cut, found, err)
				}
				proxy.SetFaults()
				if found, err := readMailboxes(t.Context(), through); err != nil || found != mailboxes {
					t.Errorf("after %+v: %d entries, %v", cut, found, err)
				}
			}
		})
	}
}

// cuts are points spread over what passed a proxy in a read, at prime distances
// so that they meet all kinds of places. The last message of a client is the
// unbind, which no read depends on.
func cuts(p *faultproxy.Proxy) []faultproxy.Point {
	const bytesApart, messagesApart, unbind = 1009, 23, 7
	var points []faultproxy.Point
	for _, side := range []faultproxy.Side{faultproxy.Client, faultproxy.Server} {
		passed := p.Passed(side)
		if side == faultproxy.Client {
			passed.Bytes, passed.Messages = passed.Bytes-unbind, passed.Messages-1
		}
		step := max(1, min(bytesApart, passed.Bytes/8))
		for n := int64(1); n <= passed.Bytes; n += step {
			points = append(points, faultproxy.Point{From: side, Bytes: n})
		}
		points = append(points, faultproxy.Point{From: side, Bytes: passed.Bytes})
		for n := int64(0); n < passed.Messages; n += max(1, min(messagesApart, passed.Messages/4)) {
			points = append(points, faultproxy.Point{From: side, Skip: int(n)})
		}
	}
	return points
}

// A connection that was stalled and goes on in time gives a whole read.
func TestReadGoesOnAfterStall(t *testing.T) {
	t.Parallel()
	for name, d := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan struct{})
			through, proxy := behind(t, d,
				faultproxy.Fault{At: once(hundred), Do: faultproxy.Call(func() { close(reached) })},
				faultproxy.Fault{At: faultproxy.Point{Op: pdu.SearchEntry, Skip: 100}, Do: faultproxy.Hang()},
			)
			go func() {
				<-reached
				proxy.SetFaults()
			}()
			if found, err := readMailboxes(t.Context(), through); err != nil || found != mailboxes {
				t.Errorf("%d entries, %v", found, err)
			}
		})
	}
}

// What a write's error says about its outcome is true.
func TestWriteBehindFaults(t *testing.T) {
	t.Parallel()
	directories := servers(t)
	request, response := faultproxy.Point{Op: pdu.AddRequest}, faultproxy.Point{Op: pdu.AddResponse}
	for n, f := range []struct {
		reason  string
		at      faultproxy.Point
		do      faultproxy.Effect
		tells   string
		carried bool // out
	}{
		{"busy", request, faultproxy.Refuse(51, ""), "busy (code 51)", false},
		{"unavailable", request, faultproxy.Refuse(52, ""), "unavailable (code 52)", false},
		{"no rights", request, faultproxy.Refuse(50, ""), "insufficient access rights (code 50)", false},
		{"read-only after a restore", request, faultproxy.Refuse(53, ""), "unwilling to perform (code 53)", false},
		{"a limit", request, faultproxy.Refuse(11, ""), "admin limit exceeded (code 11)", false},
		{"a referral", response, faultproxy.Referral("ldap://other"), "code 10", true},
		{"a result that lies", response, faultproxy.Result(80, ""), "code 80", true},
		{"cut before it", request, faultproxy.Cut(), unknown, false},
		{"cut inside it", request, faultproxy.Truncate(30), unknown, false},
		{"cut before the answer", response, faultproxy.Cut(), unknown, true},
		{"reset before the answer", response, faultproxy.CutHard(), unknown, true},
		{"the answer cut inside", response, faultproxy.Truncate(5), unknown, true},
		{"no answer", response, faultproxy.Drop(), unknown, true},
		{"silence", request, faultproxy.Hang(), unknown, false},
	} {
		for name, d := range directories {
			t.Run(name+": "+f.reason, func(t *testing.T) {
				t.Parallel()
				through, proxy := behind(t, d, faultproxy.Fault{At: f.at, Do: f.do})
				r := bea()
				r.DirectoryName = fmt.Sprintf("write%d", n)
				r.DN = "cn=" + r.DirectoryName + "," + container
				change, err := ldapsrc.Exchange55().Add(r)
				if err != nil {
					t.Fatal(err)
				}
				if err = through.Dial(t, patience(f.tells)).Apply(t.Context(), change); err == nil || !strings.Contains(err.Error(), f.tells) {
					t.Errorf("%v, want it to tell %q", err, f.tells)
				}
				if proxy.Struck() == 0 {
					t.Error("the fault did not happen")
				}
				if there := d.Dial(t).Exists(t.Context(), r.DN) == nil; there != f.carried {
					t.Errorf("the entry is there: %t", there)
				}
			})
		}
	}
}

// Rights of slapd take entries away without a word, or take the base away with
// one. What they leave is a good answer; only what is known of before can
// tell.
func TestRightsOfSlapd(t *testing.T) {
	t.Parallel()
	s := startSlapdWith(t, func(o *slapd.Options) {
		o.Hide = []string{"cn=user007," + recipients, "cn=more,ou=HQ,o=Contoso"}
		o.Conceal = []string{conformance.Kinds}
	})
	d := conformance.Directory{URL: s.URL}
	c := d.Dial(t)
	for _, test := range []struct {
		reason, base string
		found        int
		err          error
	}{
		{"one entry is hidden", recipients, mailboxes - 1, nil},
		{"everything below is hidden: success with nothing", conformance.Kinds, 0, nil},
		{"the base is hidden", "cn=more,ou=HQ,o=Contoso", 0, ldapsrc.ErrNoSuchObject},
	} {
		got, err := conformance.Read(t.Context(), c, test.base)
		if !errors.Is(err, test.err) || len(got) != test.found {
			t.Errorf("%s: %d entries, %v", test.reason, len(got), err)
		}
	}
	if err := c.Exists(t.Context(), conformance.Kinds); err != nil {
		t.Errorf("the container of what is hidden: %v", err)
	}
	if proved, err := c.AdminView(t.Context(), conformance.Kinds); proved || err != nil {
		t.Errorf("the admin view of what is hidden: %t, %v", proved, err)
	}
}

// A server whose limit is below the page size breaks off, and says so.
func TestLimitOfSlapd(t *testing.T) {
	t.Parallel()
	s := startSlapdWith(t, func(o *slapd.Options) { o.SizeLimit = 10 })
	d := conformance.Directory{URL: s.URL}
	found, err := readMailboxes(t.Context(), d)
	var e *ldapsrc.Error
	limits := []uint16{ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultAdminLimitExceeded}
	if !errors.As(err, &e) || found != 0 || !slices.Contains(limits, e.Code) || !strings.Contains(err.Error(), "smaller page size") {
		t.Errorf("pages of 100: %d entries, %v", found, err)
	}
	if found, err = readMailboxes(t.Context(), d, func(s *ldapsrc.Server) { s.PageSize = 10 }); err != nil || found != mailboxes {
		t.Errorf("pages of 10: %d entries, %v", found, err)
	}
}

// Encrypted connections are cut like others.
func TestReadCutInTLS(t *testing.T) {
	t.Parallel()
	s := startSlapd(t)
	for name, d := range overTLS(s) {
		for _, n := range []int64{1, 700, 2500, 9999, 40000} {
			through, proxy := behind(t, d, faultproxy.Fault{
				At: faultproxy.Point{From: faultproxy.Server, Bytes: n}, Do: faultproxy.Cut(),
			})
			if found, err := readMailboxes(t.Context(), through); err == nil || found != 0 || proxy.Struck() == 0 {
				t.Errorf("%s cut at byte %d: %d entries, %v, %d cuts", name, n, found, err, proxy.Struck())
			}
		}
		through, _ := behind(t, d)
		if found, err := readMailboxes(t.Context(), through); err != nil || found != mailboxes {
			t.Errorf("%s without a cut: %d entries, %v", name, found, err)
		}
	}
}

// What a message may say beside the answer does no harm.
func TestUnaskedMessages(t *testing.T) {
	t.Parallel()
	for name, d := range servers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, op := range []pdu.Op{pdu.ExtendedResponse, 0x79} { // the second is an intermediate response
				through, _ := behind(t, d, faultproxy.Fault{At: once(hundred), Do: faultproxy.Before(op, []byte{})})
				found, err := readMailboxes(t.Context(), through)
				if err == nil && found != mailboxes {
					t.Errorf("%#x: %d entries and no error", byte(op), found)
				}
			}
		})
	}
}
