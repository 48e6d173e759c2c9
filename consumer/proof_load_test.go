package consumer_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/consumer/falcogrpc"
	"github.com/falcogate/falcogate/correlate"
)

// memory is an event log that keeps records in memory. The recording's clock is
// its own.
type memory struct{ records []*correlate.Record }

func (m *memory) Append(_ context.Context, records ...*correlate.Record) error {
	for _, r := range records {
		r.Position, r.Logged = uint64(len(m.records)+1), r.Received
		m.records = append(m.records, r)
	}
	return nil
}

func (m *memory) NewLane() consumer.Lane { panic("the recordings go through no lane") }

// read returns the lines of a gzip file.
func read(tb testing.TB, path string) (lines [][]byte) {
	tb.Helper()
	f, err := os.Open(path)
	require.NoError(tb, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(tb, err)
	in := bufio.NewScanner(z)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		lines = append(lines, slices.Clone(in.Bytes()))
	}
	require.NoError(tb, in.Err())
	return lines
}

// decodeLine decodes what a stream's line holds, as the edge does: the message on
// the wire of gRPC, the body of a POST.
func decodeLine(tb testing.TB, line []byte) (raw []byte, received time.Time, a *correlate.Alert, err error) {
	tb.Helper()
	var got struct {
		ReceivedAt time.Time      `json:"received_at"`
		Response   jsontext.Value `json:"response"`
		Body       string         `json:"body"`
	}
	require.NoError(tb, json.Unmarshal(line, &got))
	if got.Response == nil {
		a, err = consumer.DecodeJSON([]byte(got.Body))
		return []byte(got.Body), got.ReceivedAt, a, err
	}
	// The generated type is known by its name: only falcogrpc imports it.
	message, err := protoregistry.GlobalTypes.FindMessageByName("falco.outputs.response")
	require.NoError(tb, err)
	response := message.New().Interface()
	require.NoError(tb, protojson.Unmarshal(got.Response, response))
	wire, err := proto.Marshal(response)
	require.NoError(tb, err)
	a, err = falcogrpc.Decode(wire)
	return wire, got.ReceivedAt, a, err
}

// load reads one stream of a scenario.
func load(tb testing.TB, name, stream, path string) *recording {
	tb.Helper()
	dir := filepath.Join("testdata/recordings", name)
	r := &recording{name: name, stream: stream}
	facts, err := os.ReadFile(filepath.Join(dir, "scenario.json"))
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(facts, &r.scenario))

	log := &memory{}
	intake, err := consumer.NewIntake(consumer.IntakeOptions{Log: log, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	for _, line := range read(tb, path) {
		raw, received, a, err := decodeLine(tb, line)
		m := consumer.Message{Transport: stream, Peer: "recording", Received: received, Raw: raw}
		if err != nil {
			require.NoError(tb, intake.Malformed(tb.Context(), m, err))
			continue
		}
		require.NoError(tb, intake.Accept(tb.Context(), m, a))
	}
	r.records = log.records
	have := map[correlate.ID]bool{}
	for _, rec := range r.records {
		have[rec.ID] = true
		switch body := rec.Body.(type) {
		case *correlate.Alert:
			r.alerts = append(r.alerts, body.Time)
		case *correlate.Snapshot:
			r.snapshots = append(r.snapshots, body.Time)
		}
	}
	slices.SortFunc(r.alerts, time.Time.Compare)
	r.compare(tb, filepath.Join(dir, "truth.jsonl.gz"), have)
	return r
}

// compare finds out what was hidden from the stream: the alerts of Falco's own
// file that did not come, and what not even that file has.
func (r *recording) compare(tb testing.TB, truth string, have map[correlate.ID]bool) {
	tb.Helper()
	if r.name == "text" || r.name == "burst" && !r.cut() {
		return // it has nothing to compare; the truth of the whole burst is not kept
	}
	for _, line := range read(tb, truth) {
		a, err := consumer.DecodeJSON(line)
		require.NoError(tb, err)
		if a.Source != correlate.InternalSource && !have[a.ID()] {
			r.lost = append(r.lost, a)
			r.hidden = append(r.hidden, span{a.Time, a.Time})
		}
	}
	require.Equal(tb, r.Lost[r.stream], len(r.lost), "alerts that did not come") //nolint:testifylint // Len prints them all
	for _, a := range r.Actions {
		if a.Raised != nil && len(*a.Raised) == 0 {
			r.hidden = append(r.hidden, a.span)
		}
	}
	switch r.name {
	case "queue-drops":
		// An action of which some alerts are in the truth lost others.
		r.hidden = append(r.hidden, r.Faults...)
	case "restart", "reload", "late-metadata":
		// From the order to end to just before the first snapshot of the next run,
		// whatever happens is seen by nobody.
		r.hidden = append(r.hidden, span{r.Faults[0].Start, r.Runs[1].FirstSnapshot.Add(-1)})
	}
}
