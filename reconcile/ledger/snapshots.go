package ledger

import (
	"context"
	"database/sql"
	"fmt"

	"ccdirsync/reconcile"
)

// pieceSize is the number of bytes in a piece of a part of a snapshot.
const pieceSize = 1 << 20

// Snapshots returns what the last runs of a connector that were good and done
// read of the directory, by base.
func (l *Ledger) Snapshots(ctx context.Context, connector string) (snapshots []reconcile.Snapshot, err error) {
	err = l.view(ctx, "read the snapshots of "+connector, func(q querier) (err error) {
		snapshots, err = readSnapshots(ctx, q, connector)
		return err
	})
	if err != nil {
		return nil, err
	}
	return snapshots, nil
}

func readSnapshots(ctx context.Context, q querier, connector string) (snapshots []reconcile.Snapshot, err error) {
	err = each(ctx, q, func(row scanner) error {
		var s reconcile.Snapshot
		scanned := row.Scan(&s.Base, &s.Server, &s.Mark, &s.Fingerprint, &s.Entries, timeIn{&s.Taken}, &s.Run, timeIn{&s.Whole}, &s.WholeRun)
		snapshots = append(snapshots, s)
		return scanned
	}, `SELECT base, server, mark, fingerprint, entries, taken, run, whole, whole_run
		FROM snapshots WHERE connector = ? ORDER BY base`, connector)
	for i := range snapshots {
		if err == nil {
			snapshots[i].Parts, err = readParts(ctx, q, connector, snapshots[i].Base)
		}
	}
	return snapshots, err
}

// readParts puts the pieces of the parts of a snapshot together again.
func readParts(ctx context.Context, q querier, connector, base string) (parts [][]byte, err error) {
	err = each(ctx, q, func(row scanner) error {
		var size int
		scanned := row.Scan(&size)
		parts = append(parts, make([]byte, 0, size))
		return scanned
	}, "SELECT sum(length(bytes)) FROM snapshot_parts WHERE connector = ? AND base = ? GROUP BY part ORDER BY part", connector, base)
	if err != nil {
		return nil, err
	}
	part := -1
	err = each(ctx, q, func(row scanner) error {
		var piece int
		var bytes []byte
		scanned := row.Scan(&piece, &bytes)
		if piece == 1 {
			part++
		}
		parts[part] = append(parts[part], bytes...)
		return scanned
	}, "SELECT piece, bytes FROM snapshot_parts WHERE connector = ? AND base = ? ORDER BY part, piece", connector, base)
	return parts, err
}

// replaceSnapshots records what a run has read. Snapshots of other bases are of
// no use any more.
func replaceSnapshots(ctx context.Context, tx *sql.Tx, run int64, connector string, snapshots []reconcile.Snapshot) error {
	if snapshots == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "UPDATE snapshots SET run = -run WHERE connector = ?", connector); err != nil {
		return err
	}
	for _, s := range snapshots {
		write := replaceSnapshot
		if s.Continues != 0 {
			write = continueSnapshot
		}
		if err := write(ctx, tx, run, connector, s); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM snapshots WHERE connector = ? AND run < 0", connector)
	return err
}

func replaceSnapshot(ctx context.Context, tx *sql.Tx, run int64, connector string, s reconcile.Snapshot) error {
	if s.WholeRun == 0 {
		s.WholeRun = run
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM snapshots WHERE connector = ? AND base = ?", connector, s.Base)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO snapshots (connector, base, server, mark, fingerprint, entries, taken, run, whole, whole_run)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		connector, s.Base, s.Server, s.Mark, s.Fingerprint, s.Entries, formatTime(s.Taken), run, formatTime(s.Whole), s.WholeRun)
	if err != nil {
		return err
	}
	return writeParts(ctx, tx, connector, s, 0)
}

// continueSnapshot adds parts to a snapshot. What they follow on must be there.
func continueSnapshot(ctx context.Context, tx *sql.Tx, run int64, connector string, s reconcile.Snapshot) error {
	result, err := tx.ExecContext(ctx, `UPDATE snapshots SET mark = ?, entries = ?, taken = ?, run = ?
		WHERE connector = ? AND base = ? AND server = ? AND fingerprint = ? AND run = -?`,
		s.Mark, s.Entries, formatTime(s.Taken), run, connector, s.Base, s.Server, s.Fingerprint, s.Continues)
	n, err := addRows(0, result, err)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("the snapshot of run %d is not there any more; see whether another program runs the connector", s.Continues)
	}
	var parts int
	err = tx.QueryRowContext(ctx, "SELECT coalesce(max(part), 0) FROM snapshot_parts WHERE connector = ? AND base = ?", connector, s.Base).Scan(&parts)
	if err != nil {
		return err
	}
	return writeParts(ctx, tx, connector, s, parts)
}

// writeParts writes the parts of a snapshot after so many that are there. An
// empty part has one piece, too.
func writeParts(ctx context.Context, tx *sql.Tx, connector string, s reconcile.Snapshot, after int) error {
	for i, part := range s.Parts {
		pieces := max((len(part)+pieceSize-1)/pieceSize, 1)
		err := execEach(ctx, tx, pieces, "INSERT INTO snapshot_parts (connector, base, part, piece, bytes) VALUES (?, ?, ?, ?, ?)",
			func(n int) ([]any, error) {
				piece := part[min(n*pieceSize, len(part)):min((n+1)*pieceSize, len(part))]
				return []any{connector, s.Base, after + i + 1, n + 1, piece}, nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}
