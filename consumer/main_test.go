package consumer

import (
	"bufio"
	"compress/gzip"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/falcogate/falcogate/correlate"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recordingLines reads one stream of a recording: truth lines as they are,
// bodies of http.
func recordingLines(tb testing.TB, path string) [][]byte {
	tb.Helper()
	f, err := os.Open(path)
	require.NoError(tb, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(tb, err)
	var lines [][]byte
	in := bufio.NewScanner(z)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := append([]byte(nil), in.Bytes()...)
		if filepath.Base(path) == "http.jsonl.gz" {
			var post struct {
				Body string `json:"body"`
			}
			require.NoError(tb, json.Unmarshal(line, &post))
			line = []byte(post.Body)
		}
		lines = append(lines, line)
	}
	require.NoError(tb, in.Err())
	_, err = io.Copy(io.Discard, z)
	require.NoError(tb, err)
	return lines
}

var streams sync.Map // of stream to what recordings returns

// recordings are all streams of one kind, by scenario.
func recordings(tb testing.TB, stream string) map[string][][]byte {
	tb.Helper()
	if all, ok := streams.Load(stream); ok {
		return all.(map[string][][]byte)
	}
	paths, err := filepath.Glob("testdata/recordings/*/" + stream + ".jsonl.gz")
	require.NoError(tb, err)
	all := make(map[string][][]byte)
	for _, p := range paths {
		all[filepath.Base(filepath.Dir(p))] = recordingLines(tb, p)
	}
	streams.Store(stream, all)
	return all
}

// memoryLog keeps records in memory. Refuse, when set, says which records it
// refuses for good.
type memoryLog struct {
	refuse func(*correlate.Record) error

	mu      sync.Mutex
	records []*correlate.Record
	away    chan struct{} // not nil while the log is away
	lanes   int
}

func (l *memoryLog) Append(ctx context.Context, records ...*correlate.Record) error {
	for _, r := range records {
		if err := l.store(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (l *memoryLog) store(ctx context.Context, r *correlate.Record) error {
	l.mu.Lock()
	away := l.away
	l.mu.Unlock()
	if away != nil {
		select {
		case <-away:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if l.refuse != nil {
		if err := l.refuse(r); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
	return nil
}

func (l *memoryLog) all() []*correlate.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*correlate.Record(nil), l.records...)
}

func (l *memoryLog) NewLane() Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lanes++
	return &memoryLane{log: l}
}

// memoryLane breaks for good on a refused record, as the real one does.
type memoryLane struct {
	log    *memoryLog
	broken error
}

func (n *memoryLane) Append(ctx context.Context, records ...*correlate.Record) error {
	if n.broken != nil {
		return n.broken
	}
	err := n.log.Append(ctx, records...)
	if err != nil && ctx.Err() == nil {
		n.broken = err
	}
	return err
}

func (n *memoryLane) Flush(context.Context) error { return n.broken }

func (n *memoryLane) Close() {}
