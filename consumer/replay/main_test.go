package replay

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorded reads all messages of a file in testdata.
func recorded(t testing.TB, path string) []Message {
	t.Helper()
	r, err := Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	var all []Message
	for m, err := range r.Messages() {
		require.NoError(t, err)
		all = append(all, m)
	}
	return all
}

// readAll reads all messages of a recording given as text.
func readAll(t testing.TB, recording string) []Message {
	t.Helper()
	r := NewReader(bytes.NewBufferString(recording), "test")
	var all []Message
	for {
		m, err := r.Next()
		if err == io.EOF { //nolint:errorlint // the contract is io.EOF itself
			return all
		}
		require.NoError(t, err)
		all = append(all, m)
	}
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return v.UTC()
}

// object decodes a JSON object; numbers keep their spelling.
func object(t testing.TB, b []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v map[string]any
	require.NoError(t, dec.Decode(&v), "%s", b)
	return v
}

// lines are the lines of a plain or gzip file, without newlines.
func lines(t testing.TB, path string) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	r := NewReader(f, path)
	require.NoError(t, r.open())
	var all [][]byte
	for {
		line, err := r.readLine()
		if err == io.EOF { //nolint:errorlint // as above
			return all
		}
		require.NoError(t, err)
		all = append(all, bytes.Clone(bytes.TrimSpace(line)))
	}
}
