package ledger_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccdirsync/reconcile"
	"ccdirsync/reconcile/ledger"
)

// firstLoadSize is the number of entries of a first load.
const firstLoadSize = 100_000

// toExchangeLoad is a plan that adds recipients as a cycle describes them.
func toExchangeLoad(n int) reconcile.Plan {
	plan := reconcile.Plan{Connector: "hq", ID: "0123456789ab", ToCCMail: []reconcile.Step{}}
	for i := range n {
		first, last := fmt.Sprintf("Firstname%d", i%997), fmt.Sprintf("Lastname%d", i)
		name, alias, id := last+", "+first, last+"f", fmt.Sprintf("CC%016X", i*7919)
		target := "CCMAIL:" + first + " " + last + " at NORTHHUB"
		key := "user:" + strings.ToLower(name)
		step := reconcile.Step{
			Op: reconcile.Add, Kind: reconcile.User, Name: name, Address: target, Key: key,
			DN: "cn=" + id + ",cn=ccMail,cn=Recipients,ou=HQ,o=Contoso", Reason: "in cc:Mail and not in Exchange",
		}
		for _, value := range [][2]string{
			{"objectClass", "Remote-Address"},
			{"rdn", id},
			{"cn", first + " " + last},
			{"uid", alias},
			{"Target-Address", target},
			{"givenName", first},
			{"sn", last},
			{"info", fmt.Sprintf("Room %d", i%500)},
			{"mail", alias + "@ccmail.contoso.example"},
			{"Imported-From", "hq"},
			{"Extension-Attribute-15", key},
			{"textEncodedORaddress", "c=US;a= ;p=Contoso;o=HQ;s=" + alias + ";"},
			{"otherMailbox", target[:6] + "$" + target[7:]},
			{"MAPI-Recipient", "FALSE"},
		} {
			step.Changes = append(step.Changes, reconcile.Change{Attr: value[0], New: value[1]})
		}
		plan.ToExchange = append(plan.ToExchange, step)
	}
	plan.Counts = reconcile.Counts{DirectoryEntries: n, CCMailEntries: n, ToExchange: reconcile.StepCounts{Add: n}}
	return plan
}

// toCCMailLoad is a plan that adds rows.
func toCCMailLoad(n int) reconcile.Plan {
	plan := reconcile.Plan{Connector: "hq", ID: "0123456789ab", ToExchange: []reconcile.Step{}}
	for i := range n {
		name := fmt.Sprintf("Lastname%d, Firstname%d", i, i%997)
		plan.ToCCMail = append(plan.ToCCMail, reconcile.Step{
			Op: reconcile.Add, Kind: reconcile.Mailbox, Name: name, Address: "EXSITE1", Key: strings.ToLower(name),
			DN: fmt.Sprintf("cn=Lastname%d,cn=Recipients,ou=HQ,o=Contoso", i), Reason: "in Exchange and not in cc:Mail",
			Changes: []reconcile.Change{{Attr: "Name", New: name}, {Attr: "Locn", New: "r"}, {Attr: "Addr", New: "EXSITE1 " + name}},
		})
	}
	plan.Counts = reconcile.Counts{Recipients: n, ToCCMail: reconcile.StepCounts{Add: n}}
	return plan
}

// BenchmarkFirstLoad records a first load of each direction as a cycle does:
// of Exchange one outcome for each entry, of cc:Mail all at once. The size is
// that of the closed file.
func BenchmarkFirstLoad(b *testing.B) {
	for _, load := range []struct {
		name  string
		plan  reconcile.Plan
		batch int // outcomes recorded at once
	}{
		{"Exchange", toExchangeLoad(firstLoadSize), 1},
		{"Exchange8", toExchangeLoad(firstLoadSize), 8},
		{"ccMail", toCCMailLoad(firstLoadSize), firstLoadSize},
	} {
		b.Run(load.name, func(b *testing.B) {
			for b.Loop() {
				path := filepath.Join(b.TempDir(), ledger.File)
				loadFirst(b, path, load.plan, load.batch)
				info, err := os.Stat(path)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/firstLoadSize, "B/entry")
			}
		})
	}
}

func loadFirst(b *testing.B, path string, plan reconcile.Plan, batch int) {
	b.Helper()
	l, err := ledger.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	id, _, err := l.Begin(b.Context(), "hq", noon)
	if err == nil {
		err = l.RecordPlan(b.Context(), id, plan)
	}
	if err == nil {
		err = l.StartWriting(b.Context(), id, reconcile.Writing{})
	}
	outcomes := make([]reconcile.StepOutcome, 0, batch)
	for i := range len(plan.ToCCMail) + len(plan.ToExchange) {
		if outcomes = append(outcomes, reconcile.StepOutcome{Number: i + 1, Outcome: reconcile.Done}); len(outcomes) < batch || err != nil {
			continue
		}
		err = l.RecordOutcomes(b.Context(), id, outcomes)
		outcomes = outcomes[:0]
	}
	if err == nil {
		err = l.End(b.Context(), id, reconcile.RunEnd{At: noon, State: reconcile.RunDone, Counts: plan.Counts})
	}
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkNoChanges records a run that has nothing to do, from opening the
// ledger to closing it, in one that has as many runs as are kept.
func BenchmarkNoChanges(b *testing.B) {
	path := filepath.Join(b.TempDir(), ledger.File)
	open := make([]reconcile.OpenCase, 20)
	for i := range open {
		open[i] = reconcile.OpenCase{Direction: reconcile.ToExchange, Kind: reconcile.Board, Key: fmt.Sprintf("board:title %d", i), Reason: "the address is taken"}
	}
	last := reconcile.Baseline{}
	for i := range 20 {
		last.Counts = append(last.Counts, reconcile.Count{Side: "exchange", Container: fmt.Sprintf("cn=Recipients%d,ou=HQ,o=Contoso", i), Entries: i})
		last.Scope = append(last.Scope, reconcile.Setting{Name: fmt.Sprintf("exchange.setting%d", i), Value: "cn=Recipients,ou=HQ,o=Contoso"})
	}
	at := noon
	record := func() error {
		l, err := ledger.Open(b.Context(), path)
		if err != nil {
			return err
		}
		at = at.Add(time.Minute)
		_, err = l.Known(b.Context(), "hq", at)
		if err != nil {
			return err
		}
		run, _, err := l.Begin(b.Context(), "hq", at)
		if err == nil {
			err = l.RecordPlan(b.Context(), run, reconcile.Plan{Connector: "hq", ID: "0123456789ab", Guards: make([]reconcile.Guard, 20)})
		}
		if err == nil {
			err = l.End(b.Context(), run, reconcile.RunEnd{
				At: at, State: reconcile.RunDone, Good: true, Last: last, Open: open, Retiring: []reconcile.Retirement{},
				Snapshots: []reconcile.Snapshot{{Server: "ldap://MAILSRV7", Base: "ou=HQ,o=Contoso", Taken: at, Continues: run - 1}},
			})
		}
		if err == nil {
			_, err = l.Prune(b.Context(), ledger.Retention{Runs: 1000, Age: 90 * 24 * time.Hour}, at)
		}
		return errors.Join(err, l.Close())
	}
	for range 1000 {
		if err := record(); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if err := record(); err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1000, "B/run")
}
