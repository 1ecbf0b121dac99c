package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// migrations bring the tables from each version to the next: the first makes
// version 1 of an empty file. One that was released is never changed.
var migrations = []string{version1}

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

// migrate brings the tables to the version after the last of the migrations,
// all of them or none. Tables that are there already are left alone.
func migrate(ctx context.Context, db *sql.DB, migrations []string) (err error) {
	version, err := tablesVersion(ctx, db)
	if err != nil || version == len(migrations) {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return transact(ctx, conn, func(tx *sql.Tx) error {
		// Another program may have been faster.
		if version, err = tablesVersion(ctx, tx); err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("its tables have version %d and this program knows versions up to %d; use the program that made it, or a newer one", version, len(migrations))
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

func tablesVersion(ctx context.Context, q querier) (version int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}
