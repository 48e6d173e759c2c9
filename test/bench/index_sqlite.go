package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/falcogate/falcogate/correlate"
)

// fillSQLite inserts the same alerts as fill into a table with the index that the
// counts need, by prepared statements in transactions of 10,000.
func fillSQLite(ctx context.Context, n int) (*sql.DB, time.Duration, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, 0, err
	}
	db.SetMaxOpenConns(1)
	for _, s := range []string{
		"PRAGMA synchronous = OFF", "PRAGMA journal_mode = OFF",
		"CREATE TABLE alerts (position INTEGER PRIMARY KEY, namespace TEXT, priority INTEGER, time INTEGER, rule TEXT, pod TEXT, sensor TEXT)",
		"CREATE INDEX by_namespace ON alerts (namespace, priority, time)",
	} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return nil, 0, err
		}
	}
	spent, err := batches(n, func(batch []*correlate.Record) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		for _, r := range batch {
			a := r.Body.(*correlate.Alert)
			ns, _ := a.Namespace()
			if _, err := insert.ExecContext(ctx, r.Position, ns, a.Priority, a.Time.UnixNano(), a.Rule, a.Pod(), a.Hostname); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
	return db, spent, err
}

// counted are an index and a table of the same alerts.
type counted struct {
	index *correlate.Index
	db    *sql.DB
	query *sql.Stmt
}

const countedAlerts = 1_000_000

func openCounts(ctx context.Context) (pair, error) {
	x, _, err := fill(countedAlerts)
	if err != nil {
		return nil, err
	}
	db, _, err := fillSQLite(ctx, countedAlerts)
	if err != nil {
		return nil, err
	}
	query, err := db.PrepareContext(ctx, "SELECT count(*) FROM alerts WHERE namespace = ? AND priority BETWEEN 1 AND ? AND time >= ? AND time < ?")
	return counted{x, db, query}, err
}

func (c counted) close() error { return c.db.Close() }

func (c counted) round(ctx context.Context) (figures, error) {
	const asked = 20_000
	ours, theirs := uint64(0), uint64(0)
	begin := time.Now()
	for i := range asked {
		counts, err := c.index.Count(question(i, countedAlerts))
		if err != nil {
			return figures{}, err
		}
		ours += counts.Total()
	}
	ourTime := time.Since(begin)
	begin = time.Now()
	for i := range asked {
		q, n := question(i, countedAlerts), uint64(0)
		err := c.query.QueryRowContext(ctx, q.Namespace, q.MinPriority, q.Window.Start.UnixNano(), q.Window.End.UnixNano()).Scan(&n)
		if err != nil {
			return figures{}, err
		}
		theirs += n
	}
	theirTime := time.Since(begin)
	f := figures{ours: rate(asked, ourTime), other: rate(asked, theirTime), note: fmt.Sprintf("%d alerts", countedAlerts)}
	return f, sameCount(ours, theirs)
}

// sameCount makes sure that both counted the same, and something.
func sameCount(ours, theirs uint64) error {
	if ours != theirs || ours == 0 {
		return fmt.Errorf("the index counted %d alerts, the other %d; want the same and more than none", ours, theirs)
	}
	return nil
}
