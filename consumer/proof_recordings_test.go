package consumer_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// tolerance is the default policy's.
var tolerance = correlate.Tolerance{Settling: time.Second, ClockSkew: 2 * time.Second}

// scenario is what is needed of a recording's scenario.json.
type scenario struct {
	Hostname string         `json:"hostname"`
	Start    time.Time      `json:"window_start"`
	End      time.Time      `json:"window_end"`
	Faults   []span         `json:"faults"`
	Received map[string]int `json:"received"`            // alerts, by stream
	Lost     map[string]int `json:"raised_not_received"` // likewise, of those in Falco's own file
	Actions  []struct {
		span
		Raised *map[string]int `json:"truth_alerts"` // empty when nobody saw the action; nil when that is not known
	} `json:"actions"`
	Runs []struct {
		FirstSnapshot time.Time `json:"first_snapshot"`
	} `json:"engine_runs"`
}

// span is a stretch of event time, both ends included.
type span struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// touches reports whether some of the span lies in the window.
func (s span) touches(w correlate.Window) bool {
	return s.Start.Before(w.End) && !s.End.Before(w.Start)
}

// recording is one stream of a scenario as the event log would hold it, and the
// truth about it.
type recording struct {
	scenario
	name    string // of the scenario
	stream  string // grpc or http
	records []*correlate.Record
	// hidden are the spans in which something happened that never arrived.
	hidden []span
	lost   []*correlate.Alert // of the truth, not received

	alerts    []time.Time // received, sorted
	snapshots []time.Time
}

func (r *recording) String() string {
	if r.name == "burst" && !r.cut() {
		return "whole burst/" + r.stream
	}
	return r.name + "/" + r.stream
}

// cut reports whether the stream is only the beginning of what was recorded.
func (r *recording) cut() bool { return r.name == "burst" && len(r.records) < 15_000 }

// mute reports whether the stream proves nothing at all: it has no snapshots, or
// nothing of it can be read.
func (r *recording) mute() bool { return r.name == "no-metrics" || r.name == "text" }

// window is the one that the scenario is about.
func (r *recording) window() correlate.Window {
	return correlate.Window{Start: r.Start, End: r.End}
}

// wholeBurst is the stream of which testdata/recordings has the beginning only.
const wholeBurst = "../cmd/falcogate/testdata/burst.grpc.jsonl.gz"

var loaded struct {
	once sync.Once
	all  []*recording
}

// everything are all streams of all recordings. They are shared: nobody changes
// them.
func everything(tb testing.TB) []*recording {
	tb.Helper()
	loaded.once.Do(func() {
		var all []*recording
		for _, stream := range []string{consumer.TransportGRPC, consumer.TransportHTTP} {
			paths, err := filepath.Glob("testdata/recordings/*/" + stream + ".jsonl.gz")
			require.NoError(tb, err)
			for _, path := range paths {
				all = append(all, load(tb, filepath.Base(filepath.Dir(path)), stream, path))
			}
		}
		all = append(all, load(tb, "burst", "grpc", wholeBurst))
		loaded.all = all
	})
	require.Len(tb, loaded.all, 28, "what was loaded")
	return loaded.all
}

// named are the streams of some scenarios.
func named(tb testing.TB, names ...string) (some []*recording) {
	tb.Helper()
	for _, r := range everything(tb) {
		if slices.Contains(names, r.name) {
			some = append(some, r)
		}
	}
	require.NotEmpty(tb, some, strings.Join(names, ", "))
	return some
}

// replayed is the state after some records.
func replayed(tb testing.TB, records []*correlate.Record) *correlate.State {
	tb.Helper()
	state := correlate.NewState(correlate.Limits{Retention: 24 * time.Hour}, 0)
	for _, rec := range records {
		require.NoError(tb, state.Apply(rec))
	}
	return state
}
