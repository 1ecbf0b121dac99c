package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/cycle"
)

// report has a step of every kind that the text shows in a way of its own.
func report() cycle.Report {
	return cycle.Report{
		Plan: reconcile.Plan{
			Connector: "hq", ID: "0123456789ab",
			Counts: reconcile.Counts{
				DirectoryEntries: 12, ExchangeEntries: 5, CCMailEntries: 7, Lists: 1, Boards: 2, Recipients: 30,
				ToCCMail:   reconcile.StepCounts{Add: 1, Replace: 1, Refuse: 1, Keep: 3},
				ToExchange: reconcile.StepCounts{Modify: 1, Delete: 1},
			},
			ToCCMail: []reconcile.Step{
				{
					Op: reconcile.Replace, Kind: reconcile.Mailbox, Name: "Quist, Marta", Address: "EXSITE2", Reason: "post office changed", Outcome: reconcile.Held,
					Error: "its old entry is still there", Changes: []reconcile.Change{{Attr: "Addr", Old: "EXSITE1 Quist, Marta", New: "EXSITE2 Quist, Marta"}},
				},
				{
					Op: reconcile.Add, Kind: reconcile.PostOffice, Name: "EXSITE2", Address: "EXSITE1", Reason: "missing", Outcome: reconcile.Done,
					Changes: []reconcile.Change{{Attr: "Name", New: "EXSITE2"}},
				},
				{Op: reconcile.Refuse, Kind: reconcile.Mailbox, DN: "cn=x,o=Contoso", Reason: "it has no primary CCMAIL address"},
			},
			ToExchange: []reconcile.Step{
				{
					Op: reconcile.Modify, Kind: reconcile.User, Name: "Okafor, Ben", Address: "CCMAIL:Ben Okafor at NORTHHUB", Reason: "comment changed", Event: 1, Outcome: reconcile.Done,
					Changes: []reconcile.Change{{Attr: "info", Old: "Room 1", New: "Room \"2\"\n\x1b[31m"}},
				},
				{Op: reconcile.Delete, Kind: reconcile.User, Name: "E\x1bvil", Address: "CCMAIL:x at NORTHHUB", Reason: "gone", Outcome: reconcile.Failed, Error: "busy (code 51)"},
			},
			Guards: []reconcile.Guard{
				{Name: "to_exchange.user.deletes", Limit: 500, Found: 1},
				{Name: "to_exchange.user.none_wanted", Found: 5, Tripped: true, Detail: "all 5 entries of ours would go"},
			},
		},
		Warnings: []string{"odd \x1b[31mline"},
	}
}

func TestPrintText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printText(&out, report()); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`connector hq, plan 0123456789ab
read: directory entries 12 (Exchange's 5, cc:Mail's 7), lists 1, boards 2, recipients 30
to cc:Mail: 1 replace, 1 add, 1 refuse, 3 keep
  replace mailbox          Quist, Marta at EXSITE2: post office changed
            Addr: "EXSITE1 Quist, Marta" -> "EXSITE2 Quist, Marta"
            held: its old entry is still there
  add     post_office      EXSITE2: missing
  refuse  mailbox          cn=x,o=Contoso: it has no primary CCMAIL address
to Exchange: 1 delete, 1 modify
  modify  user             Okafor, Ben  <CCMAIL:Ben Okafor at NORTHHUB>: comment changed (1)
            info: "Room 1" -> "Room \"2\"\n\x1b[31m"
  delete  user             E?vil  <CCMAIL:x at NORTHHUB>: gone
            failed: busy (code 51)
warning: odd ?[31mline
guard to_exchange.user.none_wanted tripped: limit 0, found 5: all 5 entries of ours would go
`, "?", "\ufffd")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestPrintTextOfNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := printText(&out, cycle.Report{Plan: reconcile.Plan{Connector: "hq", ID: "0"}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "to cc:Mail: nothing\nto Exchange: nothing\nnothing to do\n") {
		t.Error(out.String())
	}
}

// The report of an earlier run says which it was, and when. One that died has
// no end, one that failed early no plan.
func TestPrintTextOfEarlierRuns(t *testing.T) {
	t.Parallel()
	begun := time.Date(1998, time.March, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		report cycle.Report
		want   string
	}{
		{
			"done",
			cycle.Report{Run: 7, State: reconcile.RunDone, Started: begun, Ended: begun.Add(1500 * time.Millisecond), Plan: reconcile.Plan{Connector: "hq", ID: "0"}},
			"connector hq, plan 0\nrun 7: done, begun at 1998-03-01T12:00:00Z, took 1.5s\nread: ",
		},
		{
			"died",
			cycle.Report{Run: 8, State: reconcile.RunDied, Started: begun, Plan: reconcile.Plan{Connector: "hq", ID: "0"}},
			"connector hq, plan 0\nrun 8: died, begun at 1998-03-01T12:00:00Z\nread: ",
		},
		{
			"failed before it had a plan",
			cycle.Report{Run: 9, State: reconcile.RunFailed, Plan: reconcile.Plan{Connector: "hq"}},
			"connector hq, no plan\nrun 9: failed\nread: ",
		},
	} {
		var out bytes.Buffer
		if err := printText(&out, test.report); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), test.want) || strings.HasSuffix(out.String(), "nothing to do\n") != (test.report.ID != "") {
			t.Errorf("%s: %s", test.name, out.String())
		}
	}
}

// One object in one line, with the names that docs/configuration.md gives.
func TestPrintJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := report()
	r.ToCCMail, r.ToExchange, r.Guards = r.ToCCMail[:1], []reconcile.Step{}, r.Guards[1:]
	if err := printJSON(&out, r); err != nil {
		t.Fatal(err)
	}
	counts := `{"keep":3,"add":1,"delete":0,"replace":1,"modify":0,"adopt":0,"refuse":1,"hold":0}`
	want := `{"connector":"hq","plan_id":"0123456789ab","counts":{"directory_entries":12,"exchange_entries":5,"ccmail_entries":7,"lists":1,"boards":2,"recipients":30,"not_ours":0,` +
		`"to_ccmail":` + counts + `,"to_exchange":{"keep":0,"add":0,"delete":1,"replace":0,"modify":1,"adopt":0,"refuse":0,"hold":0}},` +
		`"to_ccmail":[{"op":"replace","kind":"mailbox","name":"Quist, Marta","address":"EXSITE2","reason":"post office changed",` +
		`"changes":[{"attr":"Addr","old":"EXSITE1 Quist, Marta","new":"EXSITE2 Quist, Marta"}],"outcome":"held","error":"its old entry is still there"}],` +
		`"to_exchange":[],"guards":[{"name":"to_exchange.user.none_wanted","limit":0,"found":5,"tripped":true,"detail":"all 5 entries of ours would go"}],` +
		`"warnings":["odd \u001b[31mline"]}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}
