package main

import (
	"slices"
	"strings"
	"testing"

	"ccdirsync/testenv/faultproxy"
	"ccdirsync/testenv/pdu"
	"ccdirsync/testenv/postoffice"
	"ccdirsync/testenv/scenario"
)

// through puts a proxy with faults between a world's connector and its
// directory.
func through(t *testing.T, w *scenario.World, faults ...faultproxy.Fault) *faultproxy.Proxy {
	t.Helper()
	proxy, err := faultproxy.Start(w.Exchange().URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.Configure("url: "+w.Exchange().URL(), "url: "+proxy.URL()); err != nil {
		t.Fatal(err)
	}
	proxy.SetFaults(faults...)
	return proxy
}

// A cycle that cannot read the directory whole writes nothing on either side
// and says why; the next one does its work.
func TestCycleBehindFaults(t *testing.T) {
	t.Parallel()
	in := stages[1].make(t, postoffice.Lotus)
	entries, ends := faultproxy.Point{Op: pdu.SearchEntry}, faultproxy.Point{Op: pdu.SearchDone}
	later := faultproxy.Point{Op: pdu.SearchEntry, Skip: 6}
	for _, test := range []struct {
		reason string
		at     faultproxy.Point
		do     faultproxy.Effect
		codes  []int
		tells  string
	}{
		{"time limit", ends, faultproxy.Result(3, ""), []int{1}, "time limit exceeded (code 3)"},
		{"size limit", ends, faultproxy.Result(4, ""), []int{1}, "size limit exceeded (code 4)"},
		{"an administrator's limit", ends, faultproxy.Result(11, ""), []int{1}, "admin limit exceeded (code 11)"},
		{"busy", ends, faultproxy.Result(51, ""), []int{1}, "busy (code 51)"},
		{"a referral", ends, faultproxy.Referral("ldap://other"), []int{1}, "code 10"},
		{"a reference", later, faultproxy.Refer("ldap://other"), []int{1}, "referral"},
		{"no word on pages", ends, faultproxy.NoControls(), []int{1}, "whether there are more pages"},
		{"a cookie that is none", ends, faultproxy.Cookie("rubbish"), []int{1}, "code 53"},
		{"an entry twice", later, faultproxy.Repeat(), []int{1}, "came twice"},
		{"an entry without a name", later, faultproxy.Rename(""), []int{1}, `entry ""`},
		{"a connection cut", later, faultproxy.Cut(), []int{1}, "the connection was lost"},
		{"an entry cut in the middle", later, faultproxy.Truncate(9), []int{1}, "the connection was lost"},
		// No client can tell this; a guard or a proof that fails has to.
		{"nothing and success", entries, faultproxy.Drop(), []int{1, 4}, ""},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			w := in.copy(t, t.TempDir())
			proxy := through(t, w, faultproxy.Fault{At: test.at, Do: test.do})
			before := everything(t, w)
			code, said := ccdirsync(t, w, "run")
			if !slices.Contains(test.codes, code) || !strings.Contains(said, test.tells) || proxy.Struck() == 0 {
				t.Errorf("%d faults, exit code %d, want %d and %q:\n%s", proxy.Struck(), code, test.codes, test.tells, said)
			}
			if writes := w.Exchange().Writes(); writes != 0 || !slices.Equal(before[:2], everything(t, w)[:2]) {
				t.Errorf("a run that could not read changed something; %d writes to the directory", writes)
			}
			proxy.SetFaults()
			in.wantRecovered(t, w)
		})
	}
}

// A write that is refused or whose answer is lost is a row of the report, and
// the next cycle does what is left.
func TestWritesBehindFaults(t *testing.T) {
	t.Parallel()
	in := stages[1].make(t, postoffice.Lotus)
	request, response := faultproxy.Point{Op: pdu.AddRequest}, faultproxy.Point{Op: pdu.AddResponse}
	for _, test := range []struct {
		reason string
		at     faultproxy.Point
		do     faultproxy.Effect
		tells  string
	}{
		{"busy all the time", request, faultproxy.Refuse(51, ""), "busy (code 51)"},
		{"no rights", request, faultproxy.Refuse(50, ""), "insufficient access rights (code 50)"},
		{"cut before it", request, faultproxy.Cut(), "is not known"},
		{"cut before the answer", response, faultproxy.Cut(), "is not known"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			w := in.copy(t, t.TempDir())
			proxy := through(t, w, faultproxy.Fault{At: test.at, Do: test.do})
			code, said := ccdirsync(t, w, "run")
			if code == 0 || !strings.Contains(said, test.tells) || proxy.Struck() == 0 {
				t.Errorf("%d faults, exit code %d, want it to tell %q:\n%s", proxy.Struck(), code, test.tells, said)
			}
			proxy.SetFaults()
			in.wantRecovered(t, w)
		})
	}
}
