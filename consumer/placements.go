package consumer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/correlate"
)

// TransportKubernetes is how placements come.
const TransportKubernetes = "kubernetes"

// PlacementLogOptions configure a PlacementLog.
type PlacementLogOptions struct {
	Log Log // required
	// Watcher names who tells, such as a pod's name: no other consumer may have the
	// same. Required.
	Watcher string
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// PlacementLog is the way into the event log for what a watcher of the Kubernetes API
// tells. It numbers all that is told, so that a record that gets lost shows. One
// goroutine uses it at a time.
type PlacementLog struct {
	log     Log
	now     func() time.Time
	told    correlate.Told
	lane    Lane
	records *prometheus.CounterVec
}

// NewPlacementLog makes a PlacementLog with a session of its own. Close it.
func NewPlacementLog(o PlacementLogOptions) (*PlacementLog, error) {
	if o.Log == nil || o.Watcher == "" {
		return nil, errors.New("placement log: a log and the watcher's name are required")
	}
	l := &PlacementLog{
		log: o.Log, now: o.Now, told: correlate.Told{Watcher: o.Watcher},
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_placement_records_total",
			Help: "Records about placements of pods that were given to the event log, by kind.",
		}, []string{"kind"}),
	}
	if l.now == nil {
		l.now = time.Now
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if err := o.Registerer.Register(l.records); err != nil {
		return nil, fmt.Errorf("register the placement log's metrics: %w", err)
	}
	l.Restart()
	return l, nil
}

// Restart begins another session: whoever reads the log knows then that something may
// be missing, until it has seen a whole list. Call it after an error, and when the
// API did not tell all.
func (l *PlacementLog) Restart() {
	l.Close()
	l.lane = l.log.NewLane()
	session := uint64(l.now().UnixNano())
	l.told.Session, l.told.Number = max(session, l.told.Session+1), 0
}

// Close ends the way into the log. What was not flushed may be lost.
func (l *PlacementLog) Close() {
	if l.lane != nil {
		l.lane.Close()
	}
}

// Tell appends a placement behind what was told before. It blocks while the log takes
// nothing, and does not wait until the record is stored. What it was told by is
// filled in; p itself is not changed. After an error call Restart.
func (l *PlacementLog) Tell(ctx context.Context, p *correlate.Placement) error {
	body := *p
	body.Told = l.next()
	return l.append(ctx, body.Told, &body)
}

// Mark appends the watcher's word on what it has told, and returns its number once it
// is stored with all before it. AsOf is the number of an earlier mark, or zero. After
// an error call Restart.
func (l *PlacementLog) Mark(ctx context.Context, phase correlate.WatchPhase, asOf uint64) (uint64, error) {
	body := &correlate.Watch{Told: l.next(), Phase: phase, AsOf: asOf}
	if err := l.append(ctx, body.Told, body); err != nil {
		return 0, err
	}
	if err := l.lane.Flush(ctx); err != nil {
		return 0, fmt.Errorf("storing the word of watcher %s: %w", l.told.Watcher, err)
	}
	return body.Told.Number, nil
}

func (l *PlacementLog) next() correlate.Told {
	l.told.Number++
	return l.told
}

func (l *PlacementLog) append(ctx context.Context, told correlate.Told, body correlate.Body) error {
	l.records.WithLabelValues(body.Kind()).Inc()
	err := l.lane.Append(ctx, &correlate.Record{Received: l.now(), Transport: TransportKubernetes, ID: toldID(told), Body: body})
	if err != nil {
		return fmt.Errorf("appending a %s of watcher %s: %w", body.Kind(), told.Watcher, err)
	}
	return nil
}

// toldID names what was told, so that a second try is known.
func toldID(t correlate.Told) correlate.ID {
	b := binary.BigEndian.AppendUint64(nil, t.Session)
	b = binary.BigEndian.AppendUint64(b, t.Number)
	sum := sha256.Sum256(append(b, t.Watcher...))
	return correlate.ID(sum[:16])
}
