package verifier_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

func TestWithhold(t *testing.T) {
	r := startProving(t, lossy())
	v, err := r.service.Publish(t.Context(), over("shadow-1", 10*time.Minute, time.Minute))
	require.NoError(t, err)
	require.EqualValues(t, "alerts_missing", v.Reason)
	require.Contains(t, v.Message, "(Terminal_shell_in_container: 1)")
	require.True(t, v.Withholds())
	id, count := v.ID, v.Coverage.GapCount
	v.Withhold()
	require.Equal(t, []string{"alerts_missing_by_rule"}, v.Withheld)
	require.NotContains(t, v.Message, "Terminal")
	require.Contains(t, v.Message, "1 alert that sensor node-a raised between ")
	require.Contains(t, v.Message, " never arrived. Look for a second reader")
	data, err := json.Marshal(v, verifier.JSONOptions)
	require.NoError(t, err)
	require.NotContains(t, string(data), "Terminal")
	require.Equal(t, id, v.ID)
	require.Equal(t, count, v.Coverage.GapCount)
	require.EqualValues(t, 1, v.Coverage.Gaps[0].AlertsMissing)
	v.Withhold()
	require.Len(t, v.Withheld, 1, "once more changes nothing")

	// The one that was published is whole.
	e, err := r.service.Explain(t.Context(), id, nil)
	require.NoError(t, err)
	require.Contains(t, e.Verdict.Message, "Terminal")
	require.Empty(t, e.Verdict.Withheld)
	e.Recomputed = e.Verdict // as when it came out otherwise
	e.Withhold()
	data, err = json.Marshal(e, verifier.JSONOptions)
	require.NoError(t, err)
	require.NotContains(t, string(data), "Terminal")
	require.NotContains(t, string(data), `"raised":`)
	require.NotContains(t, string(data), `"received":`)
	require.Contains(t, string(data), `"missing":1`)
}

// The ID does not confirm a guess at what is withheld: a loss of another rule has the
// same.
func TestWithheldIsNotInTheID(t *testing.T) {
	verdict := func(rule string) *verifier.Verdict {
		log := memlog.New()
		f := newFalco(log, "node-a")
		f.ruleset = correlate.RulesetID{8}
		log.Append(at(time.Hour), &correlate.Ruleset{Hostname: "node-a", ID: f.ruleset, Rules: []string{rule}})
		f.beats(at(15*time.Minute), at(5*time.Minute))
		f.raised++
		f.beats(at(5*time.Minute-5*time.Second), at(time.Minute))
		v := startProving(t, log).ask(t, over("shadow-1", 10*time.Minute, 2*time.Minute))
		require.Contains(t, v.Message, rule)
		require.Contains(t, v.Coverage.Gaps[0].AlertsByRule, rule)
		return v
	}
	one, other := verdict("Rule_one"), verdict("Rule_two")
	require.NotEqual(t, one.Message, other.Message)
	require.Equal(t, one.ID, other.ID)
}

// What has nothing of others stays as it is.
func TestWithholdNothing(t *testing.T) {
	r := startProving(t, lossy())
	for _, q := range []verifier.Question{
		over("shadow-1", 4*time.Minute, time.Minute), over("shadow-2", 4*time.Minute, 10*time.Second), proven("shadow-1"),
	} {
		if q.Window.End.Equal(epoch) {
			q.Sensor = "node-z"
		}
		v := r.ask(t, q)
		before, err := json.Marshal(v, verifier.JSONOptions)
		require.NoError(t, err)
		require.False(t, v.Withholds(), string(before))
		v.Withhold()
		after, err := json.Marshal(v, verifier.JSONOptions)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
}

// A reason whose gap is not among those that are listed loses the rules as well.
func TestWithholdOfUnlistedGaps(t *testing.T) {
	for name, gaps := range map[string][]verifier.Gap{
		"none":    nil,
		"another": {{Kind: correlate.GapMissing, Sensor: "node-a", AlertsMissing: 1, Message: "1 (Secret rule: 1)"}},
	} {
		message := "3 alerts that sensor node-b raised never arrived (Secret rule: 3)."
		v := &verifier.Verdict{
			Severity: correlate.Warning, Message: message, Reasons: []verifier.Reason{{Reason: "alerts_missing", Count: 3, Message: message}, {Reason: "pending", Message: "wait"}},
			Coverage: verifier.Coverage{Gaps: gaps},
		}
		v.Withhold()
		require.Contains(t, v.Message, "3 alerts that the needed sensors raised never arrived", name)
		require.Equal(t, v.Message, v.Reasons[0].Message)
		require.Equal(t, "wait", v.Reasons[1].Message)
		data, err := json.Marshal(v, verifier.JSONOptions)
		require.NoError(t, err)
		require.NotContains(t, string(data), "Secret", name)
	}
}

// Whether the verdict may be explained is asked before the log is read for it.
func TestExplainAsksWhetherItMay(t *testing.T) {
	log := lossy()
	r := startProving(t, log)
	v, err := r.service.Publish(t.Context(), over("shadow-1", 4*time.Minute, time.Minute))
	require.NoError(t, err)
	no := errors.New("no")
	var asked []string
	may := func(answer error) func(context.Context, string) error {
		return func(_ context.Context, namespace string) error {
			asked = append(asked, namespace)
			return answer
		}
	}
	_, err = r.service.Explain(t.Context(), v.ID, may(no))
	require.Equal(t, no, err)
	_, err = r.service.Explain(t.Context(), v.ID, may(nil))
	require.NoError(t, err)
	require.Equal(t, []string{"shadow-1", "shadow-1"}, asked)
	_, err = r.service.Explain(t.Context(), "0123456789abcdef0123456789abcdef", may(no))
	require.ErrorIs(t, err, verifier.ErrNoVerdict)
	require.Len(t, asked, 2)
}

// Only four look for verdicts at once; who has waited for a place too long is told to
// come back.
func TestFindingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nowhere = "0123456789abcdef0123456789abcdef"
		log := memlog.New()
		r := start(t, log)
		log.Down(errors.New("away")) // then it is looked for until the time is over
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		results := make(chan error, 6)
		for range 6 {
			go func() {
				_, err := r.service.Explain(ctx, nowhere, nil)
				results <- err
			}()
		}
		busy, late := 0, 0
		for range 6 {
			switch err := <-results; {
			case errors.Is(err, verifier.ErrBusy):
				busy++
			case errors.Is(err, context.DeadlineExceeded):
				late++
			}
		}
		require.Equal(t, 2, busy)
		require.Equal(t, 4, late)
		log.Down(nil)
		_, err := r.service.Explain(t.Context(), nowhere, nil)
		require.ErrorIs(t, err, verifier.ErrNoVerdict, "all places are free again")
	})
}
