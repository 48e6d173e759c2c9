package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// published are the events of the verdict stream.
type published struct {
	verdicts       map[string][]verifier.Verdict // by gate
	contradictions []verifier.Contradiction
}

// readVerdicts reads the whole stream of verdicts.
func readVerdicts(ctx context.Context, t *testing.T, url string) published {
	t.Helper()
	closed := make(chan struct{})
	nc, err := nats.Connect(url, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	require.NoError(t, err)
	defer func() { nc.Close(); <-closed }()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.Stream(ctx, "FALCOGATE_VERDICTS")
	require.NoError(t, err)
	info, err := stream.Info(ctx)
	require.NoError(t, err)
	all := published{verdicts: map[string][]verifier.Verdict{}}
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		require.NoError(t, err)
		if m.Header.Get("ce-type") == verifier.ContradictionType {
			var c verifier.Contradiction
			require.NoError(t, json.Unmarshal(m.Data, &c))
			all.contradictions = append(all.contradictions, c)
			continue
		}
		var v verifier.Verdict
		require.NoError(t, json.Unmarshal(m.Data, &v))
		require.Equal(t, v.ID, m.Header.Get("ce-id"))
		require.NotNil(t, v.Gate)
		all.verdicts[v.Gate.ID] = append(all.verdicts[v.Gate.ID], v)
	}
	return all
}

// judgement is what must be true of one gate, and what was found.
type judgement struct {
	*pipeline
	gate   verifier.ListedGate
	events []verifier.Verdict
	truth  []raised // the alerts in its window that count
}

// until is where the window ends. One that was to be closed and got its verdict before was
// open until then: a close that comes late, by whatever has failed, leaves the alerts
// behind the end that it names in the window.
func (j *judgement) until() time.Time {
	if j.closes && j.gate.ClosedAt.IsZero() && len(j.events) > 0 {
		return j.events[0].EvaluatedAt
	}
	return j.end
}

// check says what is wrong with a gate, or nil.
func (j *judgement) check(ctx context.Context, fresh *client.Client) error {
	if j.gate.State == verifier.GateCancelled {
		if len(j.events) > 0 || !j.cancels {
			return fmt.Errorf("is cancelled, and has %d verdicts", len(j.events))
		}
		return nil
	}
	if j.cancelled {
		return fmt.Errorf("was cancelled, and is %s", j.gate.State)
	}
	if len(j.events) != 1 {
		return fmt.Errorf("has %d verdicts, want exactly one", len(j.events))
	}
	v := &j.events[0]
	if !j.gate.ClosedAt.IsZero() && !j.gate.ClosedAt.Equal(j.end) {
		return fmt.Errorf("was closed at %s", stamp(j.gate.ClosedAt))
	}
	if j.gate.Verdict == nil || j.gate.Verdict.ID != v.ID {
		return fmt.Errorf("has verdict %s published, and %+v stored", v.ID, j.gate.Verdict)
	}
	behind := slices.ContainsFunc(v.Reasons, func(r verifier.Reason) bool { return r.Reason == verifier.ReasonIndexBehind })
	storedInTime := slices.ContainsFunc(j.truth, func(r raised) bool { return !r.Stored.IsZero() && r.Stored.Before(j.deadline) })
	switch {
	case v.Verdict == verifier.Pass && len(j.truth) > 0:
		return fmt.Errorf("FALSE PASS: %d alerts were raised in its window", len(j.truth))
	case v.Verdict == verifier.Fail && len(j.truth) == 0:
		return fmt.Errorf("fails, and nothing was raised in its window")
	case v.Verdict == verifier.Fail && !j.allRaised(v):
		return fmt.Errorf("fails with %d alerts, of which some were never raised", v.AlertCount)
	case v.Verdict == verifier.Inconclusive && storedInTime && !behind:
		return fmt.Errorf("is inconclusive (%s), and an alert in its window was stored before its deadline", v.Reason)
	}
	// The whole log says the same at that position. What the log can't tell is that a
	// replica did not get to its end in time, or could not read the text of an alert that
	// failed the gate: that is not waited for.
	textless := slices.ContainsFunc(v.Alerts, func(a verifier.Alert) bool { return a.Partial })
	e, err := fresh.Explain(ctx, v.ID)
	switch {
	case err != nil:
		return fmt.Errorf("can't be explained: %w", err)
	case textless && slices.Equal(e.Differences, []string{"alerts"}):
	case !e.Identical && !behind:
		return fmt.Errorf("comes out otherwise from the whole log: %v %s", e.Differences, e.Note)
	}
	return nil
}

// allRaised reports whether a verdict lists and counts nothing but alerts in its window
// that were raised.
func (j *judgement) allRaised(v *verifier.Verdict) bool {
	for _, a := range v.Alerts {
		if a.Hostname != j.falco.name || a.Namespace != j.namespace || !slices.ContainsFunc(j.truth, func(r raised) bool {
			return a.Time.Equal(r.Time) && a.Priority.String() == r.Priority
		}) {
			return false
		}
	}
	return len(v.Alerts) > 0 && v.AlertCount <= uint64(len(j.truth))
}

// String tells all that is known.
func (j *judgement) String() string {
	text := fmt.Sprintf("%s: window %s to %s, deadline %s, sensor %q, closes %v, cancels %v\n", j.id, stamp(j.start), stamp(j.end), stamp(j.deadline), j.sensor, j.closes, j.cancels)
	for _, r := range j.truth {
		stored := "never stored"
		if !r.Stored.IsZero() {
			stored = "stored at " + stamp(r.Stored)
		}
		text += fmt.Sprintf("  raised %s at %s by %s, %s\n", r.Priority, stamp(r.Time), j.falco.name, stored)
	}
	for i := range j.events {
		v := &j.events[i]
		text += fmt.Sprintf("  verdict %s: %s (%s), as of %d, at %s: %s\n", v.ID, v.Verdict, v.Reason, v.AsOf, v.EvaluatedAt.Format(time.RFC3339Nano), v.Message)
	}
	return text
}
