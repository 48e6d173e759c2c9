package replay

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// seeds are the lines of the recordings in testdata.
func seeds(tb testing.TB) [][]byte {
	var all [][]byte
	for _, name := range []string{"alert-truth", "alert-grpc", "alert-http", "text-truth", "text-http"} {
		all = append(all, lines(tb, "testdata/"+name+".jsonl.gz")...)
	}
	all = append(all, lines(tb, "testdata/shift.in.jsonl")...)
	require.Equal(tb, 176, len(all), "the seeds are there") //nolint:testifylint // Len would print them all
	return all
}

// Whatever the bytes: the reader ends, with messages that are in bounds and can
// be read again as they are, and with one kind of error.
func FuzzReader(f *testing.F) {
	for _, line := range seeds(f) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, recording []byte) {
		r := NewReader(bytes.NewReader(recording), "fuzz")
		for {
			m, err := r.Next()
			if err != nil {
				require.True(t, errors.Is(err, io.EOF) && err.Error() == "EOF" || bytes.HasPrefix([]byte(err.Error()), []byte("fuzz: line ")), "%v", err)
				return
			}
			require.NotEqual(t, m.JSON == nil, m.Text == nil)
			require.Equal(t, time.UTC, m.Time.Location())
			require.True(t, m.Time.Year() >= 1969 && m.Time.Before(latest))
			if m.JSON != nil {
				// What a line was made into is one of Falco's lines itself.
				again, err := NewReader(bytes.NewReader(m.JSON), "again").Next()
				require.NoError(t, err)
				require.Equal(t, m.Time, again.Time)
			}
		}
	})
}

// Whatever the line: Shift moves its time by exactly d, keeps the JSON
// well-formed, and changes digits only.
func FuzzShift(f *testing.F) {
	for i, line := range seeds(f) {
		f.Add(line, int64(i-80)*int64(time.Hour))
	}
	f.Fuzz(func(t *testing.T, line []byte, d int64) {
		m, err := NewReader(bytes.NewReader(line), "fuzz").Next()
		if err != nil {
			return
		}
		s, err := Shift(m, time.Duration(d))
		if err != nil {
			to := m.Time.Add(time.Duration(d))
			require.True(t, to.Before(earliest) || !to.Before(latest), "%v", err)
			return
		}
		require.Equal(t, m.Time.Add(time.Duration(d)), s.Time)
		require.Equal(t, withoutDigits(m.JSON), withoutDigits(s.JSON))
		require.Equal(t, withoutDigits(m.Text), withoutDigits(s.Text))
		if m.JSON != nil {
			again, err := NewReader(bytes.NewReader(s.JSON), "again").Next()
			require.NoError(t, err)
			require.WithinDuration(t, s.Time, again.Time, time.Second)
		}
	})
}
