package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
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
func column(t *testing.T, db *sql.DB, query string, args ...any) []string {
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

// version1Ledger is a ledger of version 1 as it was once released.
func version1Ledger(t *testing.T) (path string) {
	t.Helper()
	script, err := os.ReadFile("testdata/version1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), File)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = db.ExecContext(t.Context(), string(script)); err != nil {
		t.Fatal(err)
	}
	if err = db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A ledger of version 1 is read, and gets on, with tables like those of a new
// one. The first migration still makes just those tables.
func TestFromVersion1(t *testing.T) {
	t.Parallel()
	path := version1Ledger(t)
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	released := column(t, old, schemaQuery)
	if err = old.Close(); err != nil {
		t.Fatal(err)
	}
	l := reopen(t, path)
	if diff := cmp.Diff(column(t, fresh(t).db, schemaQuery), column(t, l.db, schemaQuery)); diff != "" {
		t.Errorf("tables of a new ledger and of one of version 1 brought up to date:\n%s", diff)
	}
	first, err := sql.Open("sqlite", filepath.Join(t.TempDir(), File))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closing := first.Close(); closing != nil {
			t.Error(closing)
		}
	})
	if err = migrate(t.Context(), first, migrations[:1]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(released, column(t, first, schemaQuery)); diff != "" {
		t.Errorf("a migration that was released was changed (-released +now):\n%s", diff)
	}
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

// Migrations are applied in their order, once, and all of them or none; a
// ledger of a newer program is refused and stays as it is.
func TestMigrate(t *testing.T) {
	t.Parallel()
	more := append(migrations[:len(migrations):len(migrations)],
		"CREATE TABLE approvals (plan_id TEXT NOT NULL); INSERT INTO approvals VALUES ('a')",
		"INSERT INTO approvals VALUES ('b')",
	)
	l := reopen(t, version1Ledger(t))
	for _, test := range []struct {
		name       string
		migrations []string
		version    int // afterwards
		wrong      string
	}{
		{"a mistake in the second", append(more[:len(more)-1:len(more)-1], "INSERT INTO missing VALUES (1)"), len(migrations), "from version 2 to 3: SQL logic error: no such table: missing"},
		{"two more", more, len(more), ""},
		{"again", more, len(more), ""},
		{"an older program", migrations, len(more), fmt.Sprintf("its tables have version %d and this program knows versions up to %d", len(more), len(migrations))},
	} {
		err := migrate(t.Context(), l.db, test.migrations)
		if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("%s: %v", test.name, err)
		}
		if version, err := tablesVersion(t.Context(), l.db); err != nil || version != test.version {
			t.Errorf("%s: version %d, %v", test.name, version, err)
		}
	}
	if got := column(t, l.db, "SELECT plan_id FROM approvals"); fmt.Sprint(got) != "[a b]" {
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
	l := reopen(t, version1Ledger(t))
	var documented, found []string
	sections := regexp.MustCompile("(?ms)^### `(\\w+)`$(.*?)^##").FindAllStringSubmatch(strings.ReplaceAll(page, "\n##", "\n##\n##"), -1)
	for _, section := range sections {
		for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(section[2], -1) {
			documented = append(documented, section[1]+"."+row[1]+" "+row[2])
		}
	}
	for _, table := range []string{"runs", "steps", "guards", "warnings"} {
		found = append(found, column(t, l.db, "SELECT ? || '.' || name || ' ' || lower(type) FROM pragma_table_info(?)", table, table)...)
	}
	if diff := cmp.Diff(documented, found); diff != "" {
		t.Errorf("columns (-documented +there):\n%s", diff)
	}
	tables := column(t, l.db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if len(sections) != len(tables) {
		t.Errorf("%d tables are documented, there are %v", len(sections), tables)
	}
	if version := fmt.Sprintf("now %d;", len(migrations)); !strings.Contains(strings.ReplaceAll(page, "\n", " "), version) {
		t.Errorf("the page does not say that the version is %q", version)
	}

	// The first query is about run 7, the second about the last run, which is
	// made to be run 7.
	if _, err = l.db.ExecContext(t.Context(), "DELETE FROM runs WHERE id = 8"); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, query := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(page, -1) {
		rows = append(rows, fmt.Sprint(cells(t, l.db, query[1])))
	}
	want := []string{
		"[7 1998-03-01T12:00:00.000Z to_exchange modify comment changed failed busy]",
		"[Quist, Marta Name  Quist, Marta]",
		"[7 hq 1998-03-01T12:00:00.000Z failed the directory is gone <nil> <nil> <nil>]",
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("what the queries of the page find (-want +got):\n%s", diff)
	}
}

// cells are all cells of the rows that a query returns.
func cells(t *testing.T, db *sql.DB, query string) []any {
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
