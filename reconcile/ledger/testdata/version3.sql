-- A ledger with tables of version 2. It stays as it is: every later version must be able to open it.
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
, purpose TEXT NOT NULL DEFAULT '', good INTEGER NOT NULL DEFAULT 0 CHECK (good IN (0, 1))) STRICT;

CREATE INDEX runs_connector ON runs (connector, id);

CREATE TABLE guards (
	run     INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	seq     INTEGER NOT NULL,
	name    TEXT NOT NULL,
	allowed INTEGER NOT NULL,
	found   INTEGER NOT NULL,
	tripped INTEGER NOT NULL CHECK (tripped IN (0, 1)),
	detail  TEXT NOT NULL, approved INTEGER NOT NULL DEFAULT 0 CHECK (approved IN (0, 1)),
	PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE warnings (
	run  INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	seq  INTEGER NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_started ON runs (connector, started);

CREATE INDEX runs_plan ON runs (plan_id, id);

CREATE INDEX runs_good ON runs (connector, id) WHERE good = 1;

CREATE INDEX runs_stopped ON runs (connector, id) WHERE state = 'stopped';

CREATE INDEX runs_under_way ON runs (connector, id) WHERE state IN ('reading', 'planned', 'writing');

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

CREATE INDEX steps_not_done ON steps (run) WHERE outcome IN ('failed', 'held');

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

INSERT INTO runs (id, connector, plan_id, purpose, state, started, ended, error, good, directory_entries, recipients, to_ccmail_add, to_exchange_modify, to_exchange_refuse)
VALUES (7, 'hq', '0123456789ab', 'undo run 3', 'done', '1998-03-01T12:00:00.000Z', '1998-03-01T12:00:01.500Z', '', 1, 3, 9, 1, 1, 1),
       (8, 'hq', 'ba9876543210', '', 'stopped', '1998-03-01T13:00:00.000Z', '1998-03-01T13:00:01.000Z', 'a guard stopped it', 0, 3, 9, 0, 0, 0);
INSERT INTO steps (run, seq, direction, op, kind, key, name, address, dn, reason, event, changes, outcome, error)
VALUES (7, 1, 'to_ccmail', 'add', 'mailbox', 'quist, marta', 'Quist, Marta', 'EXSITE1', 'cn=marta,o=Contoso', 'not in cc:Mail yet', 0, '[{"attr":"Name","new":"Quist, Marta"}]', 'done', ''),
       (7, 2, 'to_exchange', 'modify', 'user', 'user:okafor, ben', 'Okafor, Ben', 'CCMAIL:Ben Okafor at NORTHHUB', 'cn=CC1,o=Contoso', 'comment changed', 0, '[{"attr":"info","old":"Room 1","new":"Caf�","new_hex":"436166e9"}]', 'failed', 'busy'),
       (7, 3, 'to_exchange', 'refuse', 'board', 'board:social', 'Social', '', '', 'the address is taken', 14018, '[]', '', '');
INSERT INTO guards (run, seq, name, allowed, found, tripped, detail, approved) VALUES (7, 1, 'to_ccmail.deletes', 500, 600, 1, 'many', 1);
INSERT INTO warnings (run, seq, text) VALUES (7, 1, 'an odd line');
INSERT INTO counts (run, side, container, entries) VALUES (7, 'exchange', 'cn=Recipients,o=Contoso', 9);
INSERT INTO settings (run, name, value) VALUES (7, 'exchange.site', 'EXSITE1');
INSERT INTO snapshots (connector, base, server, mark, fingerprint, entries, taken, run, whole, whole_run)
VALUES ('hq', 'o=Contoso', 'ldap://MAILSRV7', '{"usn":4711}', '89ab', 9, '1998-03-01T11:59:00.000Z', 7, '1998-02-28T11:59:00.000Z', 6);
INSERT INTO snapshot_parts (connector, base, part, piece, bytes)
VALUES ('hq', 'o=Contoso', 1, 1, x'0001'), ('hq', 'o=Contoso', 1, 2, x'02'), ('hq', 'o=Contoso', 2, 1, x'');
INSERT INTO approvals (id, connector, plan_id, purpose, only, given_by, given, expires)
VALUES (2, 'hq', 'ba9876543210', 'undo 2', 'deletes', 'ben', '1998-03-01T14:00:00.000Z', '1998-03-02T14:00:00.000Z');
INSERT INTO approved_guards (approval, seq, name, allowed, found, tripped, detail, approved) VALUES (2, 1, 'to_exchange.user.deletes', 500, 501, 1, 'many', 0);
INSERT INTO approved_steps (approval, seq, direction, op, kind, key, name, address, dn, changes)
VALUES (2, 1, 'to_exchange', 'delete', 'user', 'user:ito, dai', 'Ito, Dai', 'CCMAIL:Dai Ito at NORTHHUB', 'cn=CC2,o=Contoso', '[{"attr":"sn","old":"Ito"}]');
INSERT INTO pauses (connector, direction, kind, key, name, dn, since, undone)
VALUES ('hq', 'to_exchange', 'user', 'user:okafor, ben', 'Okafor, Ben', 'cn=CC1,o=Contoso', '1998-03-01T12:00:00.000Z', 3);
INSERT INTO retirements (connector, direction, key, name, dn, since, hid)
VALUES ('hq', 'to_exchange', 'list:staff', 'Staff', 'cn=CC3,o=Contoso', '1998-02-27T12:00:00.000Z', 1);
INSERT INTO open_cases (connector, direction, op, kind, key, name, address, dn, reason, since, since_run)
VALUES ('hq', 'to_exchange', 'refuse', 'board', 'board:social', 'Social', '', '', 'the address is taken', '1998-02-28T12:00:00.000Z', 5);
PRAGMA user_version = 3;
