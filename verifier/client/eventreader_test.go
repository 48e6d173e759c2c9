package client

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
)

func TestEventReader(t *testing.T) {
	heard := 0
	r := newEventReader(strings.NewReader(": hello\n\nevent: a\r\ndata: 1\r\n\r\nid: 7\ndata:2\ndata: 3\n\nevent: b\n\nevent\ndata\n\ndata: not whole\n"), func() { heard++ })
	for _, want := range []string{"a 1", "message 2\n3", " "} {
		kind, data, err := r.next()
		require.NoError(t, err)
		require.Equal(t, want, kind+" "+string(data))
	}
	_, _, err := r.next()
	require.ErrorIs(t, err, ErrStreamEnded)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 15, heard)

	_, _, err = newEventReader(io.LimitReader(endless{}, maxAnswer+2), func() {}).next()
	require.ErrorIs(t, err, errLongEvent)
	broken := errors.New("broken")
	_, _, err = newEventReader(io.MultiReader(strings.NewReader("data: 1\n"), failing{broken}), func() {}).next()
	require.ErrorIs(t, err, broken)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzEventReader: what a stream holds is events, or its end.
func FuzzEventReader(f *testing.F) {
	for _, seed := range []string{"event: verdict\ndata: {\"id\":\"1\"}\n\n", ": x\n\n", "data\n\n", "event: progress\ndata: {}\n\n", "event:cancelled\r\ndata:{}\r\n\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newEventReader(strings.NewReader(text), func() {})
		for {
			kind, data, err := r.next()
			if err != nil {
				return
			}
			require.NotContains(t, kind, "\n")
			e, err := gateEvent(kind, data)
			if err == nil && e != nil && e.Kind == verifier.GateEventVerdict {
				require.NotEmpty(t, e.Gate.Verdict.ID)
			}
		}
	})
}
