-- A ledger with tables of version 1. It stays as it is: every later version must be able to open it.
PRAGMA foreign_keys = ON;
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

INSERT INTO runs (id, connector, plan_id, state, started, ended, error, directory_entries, recipients, to_ccmail_add, to_exchange_modify, to_exchange_refuse)
VALUES (7, 'hq', '0123456789ab', 'failed', '1998-03-01T12:00:00.000Z', '1998-03-01T12:00:01.500Z', 'the directory is gone', 3, 9, 1, 1, 1),
       (8, 'hq', '', 'writing', '1998-03-01T13:00:00.000Z', NULL, '', 0, 0, 0, 0, 0);
INSERT INTO steps (run, seq, direction, op, kind, name, address, dn, reason, event, changes, outcome, error)
VALUES (7, 1, 'to_ccmail', 'add', 'mailbox', 'Quist, Marta', 'EXSITE1', 'cn=marta,o=Contoso', 'not in cc:Mail yet', 0, '[{"attr":"Name","old":"","new":"Quist, Marta"}]', 'done', ''),
       (7, 2, 'to_exchange', 'modify', 'user', 'Okafor, Ben', 'CCMAIL:Ben Okafor at NORTHHUB', 'cn=CC1,o=Contoso', 'comment changed', 0, '[{"attr":"info","old":"Room 1","new":"Room 2"}]', 'failed', 'busy'),
       (7, 3, 'to_exchange', 'refuse', 'board', 'Social', '', '', 'the address is taken', 14018, '[]', '', '');
INSERT INTO guards (run, seq, name, allowed, found, tripped, detail) VALUES (7, 1, 'to_ccmail.deletes', 500, 0, 0, '');
INSERT INTO warnings (run, seq, text) VALUES (7, 1, 'an odd line');
PRAGMA user_version = 1;
