// Package memlog is an event log in memory, for the tests of verifier and of
// httpapi. It keeps the promises of verifier.Source and verifier.Log, and can be
// made to break down in the ways that an event log does. Nothing but tests may
// import it.
package memlog

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// Verdict is a verdict that was published.
type Verdict struct {
	Subject, ID string
	Header      map[string]string
	Data        []byte
	at          time.Time
}

// dedupeWindow is for how long the log remembers ids, as the real one does.
const dedupeWindow = 2 * time.Minute

// Log is an event log in memory. Its methods may be called concurrently.
type Log struct {
	mu       sync.Mutex
	created  time.Time
	records  []*correlate.Record
	last     uint64
	held     bool
	down     error
	broken   error
	verdicts []Verdict
	changed  chan struct{}
}

// created is when every log in memory was made, until it is replaced.
var created = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// New makes an empty log.
func New() *Log { return &Log{created: created, changed: make(chan struct{})} }

// change changes the log and wakes its readers.
func (l *Log) change(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Append stores bodies as records logged at the given time, and returns the
// position of the last.
func (l *Log) Append(logged time.Time, bodies ...correlate.Body) (last uint64) {
	l.change(func() {
		for _, b := range bodies {
			l.last++
			rec := &correlate.Record{Position: l.last, Logged: logged, Received: logged, Transport: "http", Body: b}
			if a, ok := b.(*correlate.Alert); ok {
				rec.ID = a.ID()
			}
			l.records = append(l.records, rec)
		}
		last = l.last
	})
	return last
}

// Evict drops the records before a position.
func (l *Log) Evict(before uint64) {
	l.change(func() {
		l.records = slices.DeleteFunc(l.records, func(r *correlate.Record) bool { return r.Position < before })
	})
}

// Cut loses the records from a position on, as a log does that had not synced.
func (l *Log) Cut(from uint64) {
	l.change(func() {
		l.records = slices.DeleteFunc(l.records, func(r *correlate.Record) bool { return r.Position >= from })
		l.last = from - 1
	})
}

// Replace puts an empty log in the place of this one, made an hour later, as when
// somebody deletes the stream and makes it again. Its verdicts stay: they are
// another stream's.
func (l *Log) Replace() {
	l.change(func() {
		l.created = l.created.Add(time.Hour)
		l.records, l.last = nil, 0
	})
}

// Hold stops the tail, as a slow one is; Release lets it go on.
func (l *Log) Hold() { l.change(func() { l.held = true }) }

// Release undoes Hold.
func (l *Log) Release() { l.change(func() { l.held = false }) }

// Down makes Bounds, ReadMany, PublishVerdict and FindVerdict fail with err; nil
// heals them.
func (l *Log) Down(err error) { l.change(func() { l.down = err }) }

// Break makes the tail end with err.
func (l *Log) Break(err error) { l.change(func() { l.broken = err }) }

// Records returns what the log holds.
func (l *Log) Records() []*correlate.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

// ForgetVerdicts is what the log is before any was published.
func (l *Log) ForgetVerdicts() { l.change(func() { l.verdicts = nil }) }

// Verdicts returns what was published.
func (l *Log) Verdicts() []Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.verdicts)
}

// Tail implements verifier.Source.
func (l *Log) Tail(ctx context.Context, from uint64, fn func([]*correlate.Record) error) error {
	for {
		l.mu.Lock()
		changed, broken := l.changed, l.broken
		var batch []*correlate.Record
		if !l.held {
			for _, r := range l.records {
				if r.Position >= from {
					batch = append(batch, r)
				}
			}
		}
		l.mu.Unlock()
		if broken != nil {
			return broken
		}
		if len(batch) > 0 {
			if err := fn(batch); err != nil {
				return err
			}
			from = batch[len(batch)-1].Position + 1
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Bounds implements verifier.Bounder.
func (l *Log) Bounds(context.Context) (correlate.Bounds, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return correlate.Bounds{}, l.down
	}
	b := correlate.Bounds{First: l.last + 1, Last: l.last, Created: l.created}
	if len(l.records) > 0 {
		b.First, b.FirstTime = l.records[0].Position, l.records[0].Logged
	}
	return b, nil
}

// ReadMany implements verifier.Log.
func (l *Log) ReadMany(_ context.Context, positions []uint64) ([]*correlate.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return nil, l.down
	}
	out := make([]*correlate.Record, len(positions))
	for i, p := range positions {
		at := slices.IndexFunc(l.records, func(r *correlate.Record) bool { return r.Position == p })
		if at >= 0 {
			out[i] = l.records[at]
		}
	}
	return out, nil
}

// PublishVerdict implements verifier.Log.
func (l *Log) PublishVerdict(ctx context.Context, subject, id string, header map[string]string, data []byte) (uint64, bool, error) {
	l.mu.Lock()
	down := l.down
	l.mu.Unlock()
	if down != nil {
		// As the real log: it tries until ctx ends.
		<-ctx.Done()
		return 0, false, errors.Join(down, ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	var position uint64
	var duplicate bool
	l.change(func() {
		for i, v := range l.verdicts {
			if v.ID == id && time.Since(v.at) < dedupeWindow {
				position, duplicate = uint64(i+1), true
				return
			}
		}
		l.verdicts = append(l.verdicts, Verdict{subject, id, header, data, time.Now()})
		position = uint64(len(l.verdicts))
	})
	return position, duplicate, nil
}

// FindVerdict implements verifier.Log.
func (l *Log) FindVerdict(ctx context.Context, id string) (map[string]string, []byte, bool, error) {
	l.mu.Lock()
	verdicts, down := l.verdicts, l.down
	l.mu.Unlock()
	if down != nil {
		// As the real log: it tries until ctx ends.
		<-ctx.Done()
		return nil, nil, false, errors.Join(down, ctx.Err())
	}
	for _, v := range verdicts {
		if v.ID == id {
			return v.Header, v.Data, true, nil
		}
	}
	return nil, nil, false, nil
}
