package falcogrpc

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(endlessSocket); path != "" {
		if err := serveEndless(path, os.Getenv(endlessMessage)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// The recordings that have a gRPC stream, and how many messages each has.
var grpcRecordings = map[string]int{
	"alert": 43, "burst": 2000, "clean": 33, "kernel-drops": 30, "late-metadata": 35, "no-metadata": 49, "no-metrics": 11,
	"no-runtime-metadata": 26, "node-b": 40, "queue-drops": 34, "reload": 30, "restart": 28, "two-readers": 27,
}

var lines sync.Map // of path to what readLines returns

// readLines reads one stream of a recording, or nothing when there is none.
func readLines(tb testing.TB, recording, stream string) [][]byte {
	tb.Helper()
	path := filepath.Join("../testdata/recordings", recording, stream+".jsonl.gz")
	if all, ok := lines.Load(path); ok {
		return all.([][]byte)
	}
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(tb, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(tb, err)
	var all [][]byte
	in := bufio.NewScanner(z)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		all = append(all, append([]byte(nil), in.Bytes()...))
	}
	require.NoError(tb, in.Err())
	lines.Store(path, all)
	return all
}

// responses are what one gRPC subscriber got.
func responses(tb testing.TB, recording string) []*outputs.Response {
	tb.Helper()
	var all []*outputs.Response
	for _, line := range readLines(tb, recording, "grpc") {
		var got struct {
			Response jsontext.Value `json:"response"`
		}
		require.NoError(tb, json.Unmarshal(line, &got))
		r := &outputs.Response{}
		require.NoError(tb, protojson.Unmarshal(got.Response, r))
		all = append(all, r)
	}
	return all
}

// bodies are what one HTTP receiver got.
func bodies(tb testing.TB, recording string) [][]byte {
	tb.Helper()
	var all [][]byte
	for _, line := range readLines(tb, recording, "http") {
		var got struct {
			Body string `json:"body"`
		}
		require.NoError(tb, json.Unmarshal(line, &got))
		all = append(all, []byte(got.Body))
	}
	return all
}

// wireOf is a message as it comes over the wire. Its map is in no order, as
// Falco's is.
func wireOf(tb require.TestingT, r *outputs.Response) []byte {
	b, err := proto.Marshal(r)
	require.NoError(tb, err)
	return b
}
