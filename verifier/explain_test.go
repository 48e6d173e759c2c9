package verifier_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// lossy is a log with a loss at five minutes ago, and proof before and after.
func lossy() *memlog.Log {
	log := memlog.New()
	f := newFalco(log, "node-a")
	f.beats(at(15*time.Minute), at(5*time.Minute))
	f.raised++ // and it never arrives
	f.beats(at(5*time.Minute-5*time.Second), at(time.Minute))
	f.alert(inPod("shadow-2", "web", at(50*time.Second), correlate.Warning))
	f.beats(at(45*time.Second), epoch.Add(10*time.Second))
	return log
}

// over is a question about a window between two distances from epoch.
func over(ns string, from, to time.Duration) verifier.Question {
	q := proven(ns)
	q.Window = correlate.Window{Start: at(from), End: at(to)}
	return q
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    verifier.Question
		want verifier.Outcome
	}{
		{"pass", over("shadow-1", 4*time.Minute, time.Minute), verifier.Pass},
		{"inconclusive", over("shadow-1", 10*time.Minute, time.Minute), verifier.Inconclusive},
		{"fail", over("shadow-2", 10*time.Minute, 10*time.Second), verifier.Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := lossy()
			r := startProving(t, log)
			v, err := r.service.Publish(t.Context(), tt.q)
			require.NoError(t, err)
			require.Equal(t, tt.want, v.Verdict, v.Message)

			// What is logged later changes nothing.
			log.Append(epoch.Add(20*time.Second), inPod("shadow-1", "web", at(2*time.Minute), correlate.Critical))
			e, err := r.service.Explain(t.Context(), v.ID, nil)
			require.NoError(t, err)
			require.True(t, e.Identical, e.Differences)
			require.Nil(t, e.Recomputed)
			require.Equal(t, v.ID, e.Verdict.ID)
			require.Len(t, e.Sensors, 1)
			sensor := e.Sensors[0]
			require.Equal(t, "node-a", sensor.Hostname)
			require.Equal(t, tt.want == verifier.Pass, sensor.Proven)
			var missing, received uint64
			for _, span := range sensor.Spans {
				if span.Count != nil {
					missing += span.Count.Missing
					received += *span.Count.Received
					require.Equal(t, *span.Count.Raised, *span.Count.Received+span.Count.Missing, "the sum can be checked")
				}
			}
			if tt.want != verifier.Pass {
				require.EqualValues(t, 1, missing)
			}
		})
	}
}

// When the log does not hold the window any more, an explanation says so.
func TestExplainAfterEviction(t *testing.T) {
	log := lossy()
	r := startProving(t, log)
	v, err := r.service.Publish(t.Context(), over("shadow-1", 4*time.Minute, time.Minute))
	require.NoError(t, err)
	require.Equal(t, verifier.Pass, v.Verdict)
	bounds, err := log.Bounds(t.Context())
	require.NoError(t, err)
	log.Evict(bounds.Last - 20)
	e, err := r.service.Explain(t.Context(), v.ID, nil)
	require.NoError(t, err)
	require.False(t, e.Identical)
	require.Contains(t, e.Differences, "verdict")
	require.Equal(t, verifier.Inconclusive, e.Recomputed.Verdict)
	require.Equal(t, verifier.ReasonEvicted, e.Recomputed.Reason)
	require.Contains(t, e.Note, "does not hold all of the window")

	// Eviction of what has nothing to do with the window changes no byte.
	log = lossy()
	r = startProving(t, log)
	v, err = r.service.Publish(t.Context(), over("shadow-1", 4*time.Minute, time.Minute))
	require.NoError(t, err)
	log.Evict(30)
	e, err = r.service.Explain(t.Context(), v.ID, nil)
	require.NoError(t, err)
	require.True(t, e.Identical, e.Differences)

	log.Cut(5)
	e, err = r.service.Explain(t.Context(), v.ID, nil)
	require.NoError(t, err)
	require.False(t, e.Identical)
	require.Contains(t, e.Note, "does not reach as far")
}

func TestExplainWithoutVerdict(t *testing.T) {
	r := startProving(t, lossy())
	_, err := r.service.Explain(t.Context(), "0123456789abcdef0123456789abcdef", nil)
	require.ErrorIs(t, err, verifier.ErrNoVerdict)
}

// A question as of a position has the verdict that it had there: the same bytes,
// from the state that is being fed, from one built anew, and in another process.
func TestAsOf(t *testing.T) {
	log := lossy()
	r := startProving(t, log)
	q := over("shadow-1", 4*time.Minute, time.Minute)
	first := r.ask(t, q)
	require.Equal(t, verifier.Pass, first.Verdict)
	log.Append(epoch.Add(20*time.Second), inPod("shadow-1", "web", at(2*time.Minute), correlate.Critical))
	require.Equal(t, verifier.Fail, r.ask(t, q).Verdict)

	bytes := func(v *verifier.Verdict) string {
		data, err := json.Marshal(v, verifier.JSONOptions)
		require.NoError(t, err)
		return string(data)
	}
	q.AsOf = first.AsOf
	require.Equal(t, bytes(first), bytes(r.ask(t, q)))
	other := startProving(t, log)
	require.Equal(t, bytes(first), bytes(other.ask(t, q)))
	q.AsOf++
	require.Equal(t, verifier.Fail, other.ask(t, q).Verdict)

	for name, change := range map[string]func(*verifier.Question){
		"as_of": func(q *verifier.Question) { q.AsOf += 100 },
		"wait":  func(q *verifier.Question) { q.Wait = time.Second },
	} {
		wrong := q
		change(&wrong)
		_, err := r.service.Evaluate(context.Background(), wrong)
		var field *verifier.FieldError
		require.ErrorAs(t, err, &field)
		require.Equal(t, name, field.Field)
	}
}
