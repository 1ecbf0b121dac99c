package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ccdirsync/reconcile"
)

// fresh is a new ledger.
func fresh(t *testing.T) *Ledger {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), File))
}

func reopen(t *testing.T, path string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// column reads a column of text.
func column(t *testing.T, db querier, query string, args ...any) []string {
	t.Helper()
	var values []string
	err := each(t.Context(), db, func(row scanner) error {
		var value string
		err := row.Scan(&value)
		values = append(values, value)
		return err
	}, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return values
}

const schemaQuery = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name"

// releasedLedger is a ledger with tables of a version as they were once
// released.
func releasedLedger(t *testing.T, version int) (path string) {
	t.Helper()
	script, err := os.ReadFile(fmt.Sprintf("testdata/version%d.sql", version))
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), File)
	conn := plain(t, path)
	if _, err = conn.ExecContext(t.Context(), string(script)); err != nil {
		t.Fatal(err)
	}
	if err = conn.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// plain is a connection to a file as it is.
func plain(t *testing.T, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// The migrations still make just the tables that were released, of every
// version, and a ledger of each is brought to the tables of a new one.
func TestReleased(t *testing.T) {
	t.Parallel()
	for version := 1; version <= len(migrations); version++ {
		path := releasedLedger(t, version)
		released := column(t, plain(t, path), schemaQuery)
		made := plain(t, filepath.Join(t.TempDir(), File))
		if err := migrate(t.Context(), made, migrations[:version]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(released, column(t, made, schemaQuery)); diff != "" {
			t.Errorf("version %d, which was released, was changed (-released +now):\n%s", version, diff)
		}
		if diff := cmp.Diff(column(t, fresh(t).conn, schemaQuery), column(t, reopen(t, path).conn, schemaQuery)); diff != "" {
			t.Errorf("tables of a new ledger and of one of version %d brought up to date:\n%s", version, diff)
		}
	}
}

// A ledger of version 1 is read and gets on.
func TestFromVersion1(t *testing.T) {
	t.Parallel()
	l := reopen(t, releasedLedger(t, 1))
	started := time.Date(1998, time.March, 1, 12, 0, 0, 0, time.UTC)
	want := Record{
		Run: reconcile.Run{
			ID: 7, Connector: "hq", PlanID: "0123456789ab", State: reconcile.RunFailed, Started: started, Ended: started.Add(1500 * time.Millisecond),
			NotDone: 1, Error: "the directory is gone",
			Counts: reconcile.Counts{DirectoryEntries: 3, Recipients: 9, ToCCMail: reconcile.StepCounts{Add: 1}, ToExchange: reconcile.StepCounts{Modify: 1, Refuse: 1}},
		},
		Plan: reconcile.Plan{
			Connector: "hq", ID: "0123456789ab",
			ToCCMail: []reconcile.Step{{
				Op: reconcile.Add, Kind: reconcile.Mailbox, Name: "Quist, Marta", Address: "EXSITE1", DN: "cn=marta,o=Contoso", Reason: "not in cc:Mail yet",
				Changes: []reconcile.Change{{Attr: "Name", New: "Quist, Marta"}}, Outcome: reconcile.Done,
			}},
			ToExchange: []reconcile.Step{
				{
					Op: reconcile.Modify, Kind: reconcile.User, Name: "Okafor, Ben", Address: "CCMAIL:Ben Okafor at NORTHHUB", DN: "cn=CC1,o=Contoso", Reason: "comment changed",
					Changes: []reconcile.Change{{Attr: "info", Old: "Room 1", New: "Room 2"}}, Outcome: reconcile.Failed, Error: "busy",
				},
				{Op: reconcile.Refuse, Kind: reconcile.Board, Name: "Social", Reason: "the address is taken", Event: 14018},
			},
			Guards: []reconcile.Guard{{Name: "to_ccmail.deletes", Limit: 500}},
		},
		Warnings: []string{"an odd line"},
	}
	want.Plan.Counts = want.Run.Counts
	got, err := l.Run(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(reconcile.Step{})); diff != "" {
		t.Errorf("run 7 (-want +got):\n%s", diff)
	}
	id, died, err := l.Begin(t.Context(), "hq", started)
	if err != nil || id != 9 || len(died) != 1 || died[0].ID != 8 {
		t.Errorf("run %d begun, found dead %+v, %v", id, died, err)
	}
}

// A ledger of version 2 has all that the released file has.
func TestFromVersion2(t *testing.T) {
	t.Parallel()
	l := reopen(t, releasedLedger(t, 2))
	at := func(hour, minute int) time.Time { return time.Date(1998, time.March, 1, hour, minute, 0, 0, time.UTC) }
	record, err := l.Run(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if run := record.Run; run.Purpose != "undo run 3" || run.NotDone != 1 {
		t.Errorf("run 7 is %+v", run)
	}
	modify := reconcile.Step{
		Op: reconcile.Modify, Kind: reconcile.User, Key: "user:okafor, ben", Name: "Okafor, Ben", Address: "CCMAIL:Ben Okafor at NORTHHUB", DN: "cn=CC1,o=Contoso",
		Reason: "comment changed", Changes: []reconcile.Change{{Attr: "info", Old: "Room 1", New: "Caf\xe9"}}, Outcome: reconcile.Failed, Error: "busy",
	}
	if diff := cmp.Diff(modify, record.Plan.ToExchange[0], cmpopts.IgnoreUnexported(reconcile.Step{})); diff != "" {
		t.Errorf("a step (-want +got):\n%s", diff)
	}
	want := reconcile.Known{
		Last: reconcile.Baseline{
			Run: 7, Ended: at(12, 0).Add(1500 * time.Millisecond),
			Counts: []reconcile.Count{{Side: "exchange", Container: "cn=Recipients,o=Contoso", Entries: 9}},
			Scope:  []reconcile.Setting{{Name: "exchange.site", Value: "EXSITE1"}},
		},
		Approvals: []reconcile.Approval{{
			ID: 2, Connector: "hq", PlanID: "ba9876543210", Purpose: "undo 2", Only: "deletes", By: "ben", Given: at(14, 0), Expires: at(14, 0).AddDate(0, 0, 1),
			Guards: []reconcile.Guard{{Name: "to_exchange.user.deletes", Limit: 500, Found: 501, Tripped: true, Detail: "many"}},
			Steps: []reconcile.ApprovedStep{{Direction: reconcile.ToExchange, Step: reconcile.Step{
				Op: reconcile.Delete, Kind: reconcile.User, Key: "user:ito, dai", Name: "Ito, Dai", Address: "CCMAIL:Dai Ito at NORTHHUB", DN: "cn=CC2,o=Contoso",
				Changes: []reconcile.Change{{Attr: "sn", Old: "Ito"}},
			}}},
		}},
		Paused: []reconcile.Pause{{
			Direction: reconcile.ToExchange, Kind: reconcile.User, Key: "user:okafor, ben", Name: "Okafor, Ben", DN: "cn=CC1,o=Contoso", Since: at(12, 0), Undone: 3,
		}},
		Retiring: []reconcile.Retirement{{
			Direction: reconcile.ToExchange, Key: "list:staff", Name: "Staff", DN: "cn=CC3,o=Contoso", Since: at(12, 0).AddDate(0, 0, -2), Hid: true,
		}},
	}
	got, err := l.Known(t.Context(), "hq", at(15, 0))
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(reconcile.Step{})); diff != "" || err != nil {
		t.Errorf("known (-want +got), %v:\n%s", err, diff)
	}
	if snapshots, failed := l.Snapshots(t.Context(), "hq"); len(snapshots) != 0 || failed != nil {
		t.Errorf("snapshots %+v, %v", snapshots, failed)
	}
	open, err := l.OpenCases(t.Context(), nil)
	wantOpen := []OpenCase{{"hq", reconcile.OpenCase{
		Direction: reconcile.ToExchange, Op: reconcile.Refuse, Kind: reconcile.Board, Key: "board:social", Name: "Social", Reason: "the address is taken",
		Since: at(12, 0).AddDate(0, 0, -1), SinceRun: 5,
	}}}
	if diff := cmp.Diff(wantOpen, open); diff != "" || err != nil {
		t.Errorf("open cases (-want +got), %v:\n%s", err, diff)
	}
}

// A ledger of version 3 has the snapshots that the released file has.
func TestFromVersion3(t *testing.T) {
	t.Parallel()
	l := reopen(t, releasedLedger(t, 3))
	at := time.Date(1998, time.March, 1, 11, 59, 0, 0, time.UTC)
	want := []reconcile.Snapshot{{
		Base: "o=Contoso", Server: "ldap://MAILSRV7", Mark: `{"usn":4711}`, Fingerprint: "89ab", Entries: 9, Taken: at, Run: 7,
		Whole: at.AddDate(0, 0, -1), WholeRun: 6, Parts: [][]byte{{0, 1, 2}, {}},
	}}
	got, err := l.Snapshots(t.Context(), "hq")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("snapshots (-want +got), %v:\n%s", err, diff)
	}
}

// A ledger of an older version is read as far as it goes, without bringing it
// up to date; one of a newer version is refused.
func TestReadOnlyVersions(t *testing.T) {
	t.Parallel()
	path := releasedLedger(t, 1)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if known, failed := l.Known(t.Context(), "hq", time.Time{}); failed != nil || !reflect.ValueOf(known).IsZero() {
		t.Errorf("known: %+v, %v", known, failed)
	}
	if record, failed := l.Run(t.Context(), 7); failed != nil || len(record.Plan.ToExchange) != 2 {
		t.Errorf("run 7: %+v, %v", record, failed)
	}
	if after, failed := os.ReadFile(path); failed != nil || !bytes.Equal(before, after) {
		t.Errorf("the ledger was changed, %v", failed)
	}
	if _, err = plain(t, path).ExecContext(t.Context(), fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1)); err != nil {
		t.Fatal(err)
	}
	if _, err = OpenReadOnly(t.Context(), path); err == nil || !strings.Contains(err.Error(), "use the program that made it, or a newer one") {
		t.Errorf("a newer version: %v", err)
	}
}

// To find what is old takes no longer in a ledger with many runs.
func TestPruneByIndex(t *testing.T) {
	t.Parallel()
	l := fresh(t)
	var steps []string
	err := each(t.Context(), l.conn, func(row scanner) error {
		var id, parent, unused int
		var detail string
		err := row.Scan(&id, &parent, &unused, &detail)
		steps = append(steps, detail)
		return err
	}, "EXPLAIN QUERY PLAN "+oldRunsQuery, "hq", 1, "", "")
	if err != nil || len(steps) == 0 {
		t.Fatalf("%q, %v", steps, err)
	}
	for _, step := range steps {
		// There are few pauses and approvals.
		if strings.HasPrefix(step, "SCAN runs") {
			t.Errorf("it reads all runs: %q", steps)
		}
	}
}

// Migrations are applied in their order, once, and all of them or none; a
// ledger of a newer program is refused and stays as it is.
func TestMigrate(t *testing.T) {
	t.Parallel()
	more := append(migrations[:len(migrations):len(migrations)],
		"CREATE TABLE more (plan_id TEXT NOT NULL); INSERT INTO more VALUES ('a')",
		"INSERT INTO more VALUES ('b')",
	)
	l := reopen(t, releasedLedger(t, 1))
	for _, test := range []struct {
		name       string
		migrations []string
		version    int // afterwards
		wrong      string
	}{
		{"a mistake in the second", append(more[:len(more)-1:len(more)-1], "INSERT INTO missing VALUES (1)"), len(migrations), "from version 4 to 5: SQL logic error: no such table: missing"},
		{"two more", more, len(more), ""},
		{"again", more, len(more), ""},
		{"an older program", migrations, len(more), fmt.Sprintf("its tables have version %d and this program knows versions up to %d", len(more), len(migrations))},
	} {
		err := migrate(t.Context(), l.conn, test.migrations)
		if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("%s: %v", test.name, err)
		}
		if version, err := tablesVersion(t.Context(), l.conn); err != nil || version != test.version {
			t.Errorf("%s: version %d, %v", test.name, version, err)
		}
	}
	if got := column(t, l.conn, "SELECT plan_id FROM more"); fmt.Sprint(got) != "[a b]" {
		t.Errorf("the migrations left %v", got)
	}
	if _, err := Open(t.Context(), l.path); err == nil || !strings.Contains(err.Error(), "use the program that made it, or a newer one") {
		t.Errorf("an older program opens it: %v", err)
	}
}

// A plan waits for the disk, an outcome does not; and both hold that what
// belongs to a run needs the run.
func TestSettings(t *testing.T) {
	t.Parallel()
	l := fresh(t)
	const normal, full = "1", "2" // of PRAGMA synchronous
	for want, commit := range map[string]func(context.Context, string, func(*sql.Tx) error) error{normal: l.commit, full: l.commitDurably} {
		for pragma, want := range map[string]string{"synchronous": want, "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000"} {
			err := commit(t.Context(), "look", func(tx *sql.Tx) error {
				var got string
				err := tx.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got)
				if got != want {
					t.Errorf("%s is %s, want %s", pragma, got, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	err := l.commit(t.Context(), "warn", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "INSERT INTO warnings (run, seq, text) VALUES (1, 1, '')")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") {
		t.Errorf("a warning of no run: %v", err)
	}
}

// docs/ledger.md describes the tables that there are, with all their columns
// in their order, and its queries find what they say.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	l := reopen(t, releasedLedger(t, len(migrations)))
	var documented, found []string
	sections := regexp.MustCompile("(?ms)^### `(\\w+)`$(.*?)^##").FindAllStringSubmatch(strings.ReplaceAll(page, "\n##", "\n##\n##"), -1)
	for _, section := range sections {
		for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(section[2], -1) {
			documented = append(documented, section[1]+"."+row[1]+" "+row[2])
		}
	}
	for _, table := range []string{
		"runs", "steps", "guards", "warnings", "counts", "settings", "snapshots", "snapshot_parts", "approvals", "approved_guards", "approved_steps", "pauses", "retirements", "open_cases",
	} {
		found = append(found, column(t, l.conn, "SELECT ? || '.' || name || ' ' || lower(type) FROM pragma_table_info(?)", table, table)...)
	}
	if diff := cmp.Diff(documented, found); diff != "" {
		t.Errorf("columns (-documented +there):\n%s", diff)
	}
	tables := column(t, l.conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if len(sections) != len(tables) {
		t.Errorf("%d tables are documented, there are %v", len(sections), tables)
	}
	if version := fmt.Sprintf("now %d;", len(migrations)); !strings.Contains(strings.ReplaceAll(page, "\n", " "), version) {
		t.Errorf("the page does not say that the version is %q", version)
	}

	var rows []string
	for _, query := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(page, -1) {
		rows = append(rows, fmt.Sprint(cells(t, l.conn, query[1])))
	}
	want := []string{
		"[7 1998-03-01T12:00:00.000Z to_exchange modify comment changed failed busy]",
		"[Quist, Marta Name <nil> Quist, Marta]",
		"[8 hq 1998-03-01T13:00:00.000Z stopped a guard stopped it <nil> <nil> <nil>]",
		"[hq Social refuse the address is taken 1998-02-28T12:00:00.000Z]",
		"[exchange cn=Recipients,o=Contoso 1998-03-01T12:00:01.500Z 9]",
		"[ben ba9876543210 1998-03-02T14:00:00.000Z delete Ito, Dai]",
	}
	if diff := cmp.Diff(want, rows[:min(len(want), len(rows))]); diff != "" {
		t.Errorf("what the queries of the page find (-want +got):\n%s", diff)
	}
}

// cells are all cells of the rows that a query returns.
func cells(t *testing.T, db querier, query string) []any {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	for rows.Next() {
		row := make([]any, len(names))
		into := make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
