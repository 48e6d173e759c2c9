package falcohttp

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memoryLog keeps records in memory, each ID once, as the event log does.
type memoryLog struct {
	// entered gets one element for each Append that has begun, if not nil.
	entered chan struct{}
	// away, if not nil, is closed when the log comes back; until then Append
	// blocks.
	away chan struct{}
	// fail makes each Append return this error at once.
	fail error

	mu      sync.Mutex
	seen    map[correlate.ID]bool
	records []*correlate.Record
}

// awayLog is a log that blocks until its away is closed.
func awayLog() *memoryLog {
	return &memoryLog{entered: make(chan struct{}, 64), away: make(chan struct{})}
}

func (l *memoryLog) Append(ctx context.Context, records ...*correlate.Record) error {
	if l.entered != nil {
		l.entered <- struct{}{}
	}
	if l.fail != nil {
		return l.fail
	}
	if l.away != nil {
		select {
		case <-l.away:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		if l.seen == nil {
			l.seen = make(map[correlate.ID]bool)
		}
		if !l.seen[r.ID] {
			l.seen[r.ID] = true
			l.records = append(l.records, r)
		}
	}
	return nil
}

// NewLane is not used by this edge: each request waits for its own record.
func (l *memoryLog) NewLane() consumer.Lane { panic("falcohttp opens no lane") }

func (l *memoryLog) all() []*correlate.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*correlate.Record(nil), l.records...)
}

func (l *memoryLog) malformed(t testing.TB) *correlate.Malformed {
	t.Helper()
	all := l.all()
	require.Equal(t, 1, len(all)) //nolint:testifylint // Len prints the records
	m, ok := all[0].Body.(*correlate.Malformed)
	require.True(t, ok, "%T", all[0].Body)
	return m
}

var quiet = slog.New(slog.DiscardHandler)

// newServer makes a Server on a free port of loopback, with a registry of its
// own in o.Registerer.
func newServer(t testing.TB, log consumer.Log, o Options) *Server {
	t.Helper()
	intake, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: quiet, Registerer: o.Registerer})
	require.NoError(t, err)
	o.Listen, o.Intake = "127.0.0.1:0", intake
	if o.Logger == nil {
		o.Logger = quiet
	}
	s, err := NewServer(o)
	require.NoError(t, err)
	return s
}

// start makes a Server and serves until the test ends.
func start(t testing.TB, log consumer.Log, o Options) *Server {
	t.Helper()
	s := newServer(t, log, o)
	require.NoError(t, s.Start())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.NoError(t, s.Err())
	})
	return s
}

func urlOf(s *Server) string {
	if s.tls {
		return "https://" + s.Addr().String()
	}
	return "http://" + s.Addr().String()
}

// newPoster makes a Poster to s that is closed with the test, before s is.
func newPoster(t testing.TB, s *Server) *Poster {
	t.Helper()
	p, err := NewPoster(PosterOptions{URL: urlOf(s)})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// metric is the sum of the values of the metric with one label's value, or of
// all when value is empty.
func metric(t testing.TB, reg *prometheus.Registry, name, value string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			match := value == ""
			for _, l := range m.GetLabel() {
				match = match || l.GetValue() == value
			}
			if match {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// post is one POST that an HTTP receiver recorded.
type post struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// recorded reads testdata/<name>-http.jsonl.gz.
func recorded(t testing.TB, name string) (all []post) {
	t.Helper()
	f, err := os.Open("testdata/" + name + "-http.jsonl.gz")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for dec := json.NewDecoder(z); ; {
		var p post
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// alert is one of Falco's alerts; n tells it from others.
func alert(n string) []byte {
	return []byte(`{"hostname":"node-a","output":"o","output_fields":{"n":"` + n + `","k8s.ns.name":"shop"},"priority":"Warning",` +
		`"rule":"r","source":"syscall","tags":[],"time":"2026-11-23T06:26:43.042489678Z"}`)
}
