package ledger

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations bring the tables from each version to the next: the first makes
// version 1 of an empty file. One that was released is never changed.
var migrations = []string{version1, version2, version3}

const version1 = `
CREATE TABLE runs (
	id                  INTEGER PRIMARY KEY AUTOINCREMENT,
	connector           TEXT NOT NULL,
	plan_id             TEXT NOT NULL DEFAULT '',
	state               TEXT NOT NULL CHECK (state IN ('reading', 'planned', 'writing', 'done', 'failed', 'stopped', 'died')),
	started             TEXT NOT NULL,
	ended               TEXT,
	error               TEXT NOT NULL DEFAULT '',
	directory_entries   INTEGER NOT NULL DEFAULT 0,
	exchange_entries    INTEGER NOT NULL DEFAULT 0,
	ccmail_entries      INTEGER NOT NULL DEFAULT 0,
	lists               INTEGER NOT NULL DEFAULT 0,
	boards              INTEGER NOT NULL DEFAULT 0,
	recipients          INTEGER NOT NULL DEFAULT 0,
	not_ours            INTEGER NOT NULL DEFAULT 0,
	to_ccmail_keep      INTEGER NOT NULL DEFAULT 0,
	to_ccmail_add       INTEGER NOT NULL DEFAULT 0,
	to_ccmail_delete    INTEGER NOT NULL DEFAULT 0,
	to_ccmail_replace   INTEGER NOT NULL DEFAULT 0,
	to_ccmail_modify    INTEGER NOT NULL DEFAULT 0,
	to_ccmail_adopt     INTEGER NOT NULL DEFAULT 0,
	to_ccmail_refuse    INTEGER NOT NULL DEFAULT 0,
	to_ccmail_hold      INTEGER NOT NULL DEFAULT 0,
	to_exchange_keep    INTEGER NOT NULL DEFAULT 0,
	to_exchange_add     INTEGER NOT NULL DEFAULT 0,
	to_exchange_delete  INTEGER NOT NULL DEFAULT 0,
	to_exchange_replace INTEGER NOT NULL DEFAULT 0,
	to_exchange_modify  INTEGER NOT NULL DEFAULT 0,
	to_exchange_adopt   INTEGER NOT NULL DEFAULT 0,
	to_exchange_refuse  INTEGER NOT NULL DEFAULT 0,
	to_exchange_hold    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX runs_connector ON runs (connector, id);

CREATE TABLE steps (
	run       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	seq       INTEGER NOT NULL,
	direction TEXT NOT NULL CHECK (direction IN ('to_ccmail', 'to_exchange')),
	op        TEXT NOT NULL,
	kind      TEXT NOT NULL,
	name      TEXT NOT NULL,
	address   TEXT NOT NULL,
	dn        TEXT NOT NULL,
	reason    TEXT NOT NULL,
	event     INTEGER NOT NULL,
	changes   TEXT NOT NULL,
	outcome   TEXT NOT NULL DEFAULT '',
	error     TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX steps_not_done ON steps (run) WHERE outcome IN ('failed', 'held');

CREATE TABLE guards (
	run     INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	seq     INTEGER NOT NULL,
	name    TEXT NOT NULL,
	allowed INTEGER NOT NULL,
	found   INTEGER NOT NULL,
	tripped INTEGER NOT NULL CHECK (tripped IN (0, 1)),
	detail  TEXT NOT NULL,
	PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE warnings (
	run  INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	seq  INTEGER NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
`

// version2 adds what a good run found and left, approvals, pauses, retirements,
// open cases and marks. Rows of steps that are longer than a quarter of a page
// were kept on a page of their own each, because the table had no row number;
// now it has one.
const version2 = `
ALTER TABLE runs ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN good INTEGER NOT NULL DEFAULT 0 CHECK (good IN (0, 1));

CREATE INDEX runs_started ON runs (connector, started);
CREATE INDEX runs_plan ON runs (plan_id, id);
CREATE INDEX runs_good ON runs (connector, id) WHERE good = 1;
CREATE INDEX runs_stopped ON runs (connector, id) WHERE state = 'stopped';
CREATE INDEX runs_under_way ON runs (connector, id) WHERE state IN ('reading', 'planned', 'writing');

DROP INDEX steps_not_done;
ALTER TABLE steps RENAME TO steps_of_version1;
CREATE TABLE steps (
	run       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	seq       INTEGER NOT NULL,
	direction TEXT NOT NULL CHECK (direction IN ('to_ccmail', 'to_exchange')),
	op        TEXT NOT NULL,
	kind      TEXT NOT NULL,
	key       TEXT NOT NULL,
	name      TEXT NOT NULL,
	address   TEXT NOT NULL,
	dn        TEXT NOT NULL,
	reason    TEXT NOT NULL,
	event     INTEGER NOT NULL,
	changes   TEXT NOT NULL,
	outcome   TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'done', 'failed', 'held')),
	error     TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (run, seq)
) STRICT;
INSERT INTO steps SELECT run, seq, direction, op, kind, '', name, address, dn, reason, event, changes, outcome, error
	FROM steps_of_version1 ORDER BY run, seq;
DROP TABLE steps_of_version1;
CREATE INDEX steps_not_done ON steps (run) WHERE outcome IN ('failed', 'held');

ALTER TABLE guards ADD COLUMN approved INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1));

CREATE TABLE counts (
	run       INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	side      TEXT NOT NULL CHECK (side IN ('ccmail', 'exchange')),
	container TEXT NOT NULL,
	entries   INTEGER NOT NULL,
	PRIMARY KEY (run, side, container)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
	run   INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	name  TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (run, name)
) STRICT;

CREATE TABLE marks (
	connector TEXT NOT NULL,
	server    TEXT NOT NULL,
	base      TEXT NOT NULL,
	usn       INTEGER NOT NULL,
	taken     TEXT NOT NULL,
	run       INTEGER NOT NULL,
	PRIMARY KEY (connector, server, base)
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	connector TEXT NOT NULL,
	plan_id   TEXT NOT NULL,
	purpose   TEXT NOT NULL,
	only      TEXT NOT NULL,
	given_by  TEXT NOT NULL,
	given     TEXT NOT NULL,
	expires   TEXT NOT NULL
) STRICT;

CREATE INDEX approvals_expires ON approvals (expires);

CREATE TABLE approved_guards (
	approval INTEGER NOT NULL REFERENCES approvals (id) ON DELETE CASCADE,
	seq      INTEGER NOT NULL,
	name     TEXT NOT NULL,
	allowed  INTEGER NOT NULL,
	found    INTEGER NOT NULL,
	tripped  INTEGER NOT NULL CHECK (tripped IN (0, 1)),
	detail   TEXT NOT NULL,
	approved INTEGER NOT NULL CHECK (approved IN (0, 1)),
	PRIMARY KEY (approval, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE approved_steps (
	approval  INTEGER NOT NULL REFERENCES approvals (id) ON DELETE CASCADE,
	seq       INTEGER NOT NULL,
	direction TEXT NOT NULL CHECK (direction IN ('to_ccmail', 'to_exchange')),
	op        TEXT NOT NULL,
	kind      TEXT NOT NULL,
	key       TEXT NOT NULL,
	name      TEXT NOT NULL,
	address   TEXT NOT NULL,
	dn        TEXT NOT NULL,
	changes   TEXT NOT NULL,
	PRIMARY KEY (approval, seq)
) STRICT;

CREATE TABLE pauses (
	connector TEXT NOT NULL,
	direction TEXT NOT NULL CHECK (direction IN ('to_ccmail', 'to_exchange')),
	kind      TEXT NOT NULL,
	key       TEXT NOT NULL,
	name      TEXT NOT NULL,
	dn        TEXT NOT NULL,
	since     TEXT NOT NULL,
	undone    INTEGER NOT NULL
) STRICT;

CREATE INDEX pauses_entry ON pauses (connector, direction, key);

CREATE TABLE retirements (
	connector TEXT NOT NULL,
	direction TEXT NOT NULL CHECK (direction IN ('to_ccmail', 'to_exchange')),
	key       TEXT NOT NULL,
	name      TEXT NOT NULL,
	dn        TEXT NOT NULL,
	since     TEXT NOT NULL,
	hid       INTEGER NOT NULL CHECK (hid IN (0, 1))
) STRICT;

CREATE INDEX retirements_connector ON retirements (connector);

CREATE TABLE open_cases (
	connector TEXT NOT NULL,
	direction TEXT NOT NULL CHECK (direction IN ('to_ccmail', 'to_exchange')),
	op        TEXT NOT NULL,
	kind      TEXT NOT NULL,
	key       TEXT NOT NULL,
	name      TEXT NOT NULL,
	address   TEXT NOT NULL,
	dn        TEXT NOT NULL,
	reason    TEXT NOT NULL,
	since     TEXT NOT NULL,
	since_run INTEGER NOT NULL
) STRICT;

CREATE INDEX open_cases_connector ON open_cases (connector);
`

// version3 keeps what was read along with how far; a mark alone is of no use. A
// part of a snapshot is cut into pieces because SQLite holds a value in memory
// as a whole, several times.
const version3 = `
DROP TABLE marks;

CREATE TABLE snapshots (
	connector   TEXT NOT NULL,
	base        TEXT NOT NULL,
	server      TEXT NOT NULL,
	mark        TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	entries     INTEGER NOT NULL,
	taken       TEXT NOT NULL,
	run         INTEGER NOT NULL,
	whole       TEXT NOT NULL,
	whole_run   INTEGER NOT NULL,
	PRIMARY KEY (connector, base)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot_parts (
	connector TEXT NOT NULL,
	base      TEXT NOT NULL,
	part      INTEGER NOT NULL,
	piece     INTEGER NOT NULL,
	bytes     BLOB NOT NULL,
	PRIMARY KEY (connector, base, part, piece),
	FOREIGN KEY (connector, base) REFERENCES snapshots (connector, base) ON DELETE CASCADE
) STRICT;
`

// migrate brings the tables to the version after the last of the migrations,
// all of them or none. Tables that are there already are left alone.
func migrate(ctx context.Context, conn *sql.Conn, migrations []string) error {
	version, err := tablesVersion(ctx, conn)
	if err != nil || version == len(migrations) {
		return err
	}
	return transact(ctx, conn, func(tx *sql.Tx) error {
		// Another program may have been faster.
		if version, err = tablesVersion(ctx, tx); err != nil {
			return err
		}
		if err = notNewer(version, migrations); err != nil {
			return err
		}
		for ; version < len(migrations); version++ {
			if _, err = tx.ExecContext(ctx, migrations[version]); err != nil {
				return fmt.Errorf("bring its tables from version %d to %d: %w", version, version+1, err)
			}
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
}

// notNewer returns an error when the tables are a newer program's.
func notNewer(version int, migrations []string) error {
	if version <= len(migrations) {
		return nil
	}
	return fmt.Errorf("its tables have version %d and this program knows versions up to %d; use the program that made it, or a newer one", version, len(migrations))
}

func tablesVersion(ctx context.Context, q querier) (version int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}
