package verifier_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
		r := startWith(t, log, verifier.TailOptions{}, verifier.ServiceOptions{Instance: "gate 1\u00e9/%\""})
		v, err := r.service.Publish(t.Context(), question("shadow-1"))
		require.NoError(t, err)
		require.Equal(t, verifier.Fail, v.Verdict)

		published := log.Verdicts()
		require.Len(t, published, 1)
		event := published[0]
		require.Equal(t, "falcogate.verdict.shadow-1.fail", event.Subject)
		require.Equal(t, v.ID, event.ID)
		require.Equal(t, map[string]string{
			"ce-specversion":     "1.0",
			"ce-id":              v.ID,
			"ce-source":          "/falcogate/gate-1----",
			"ce-type":            "dev.falcogate.verdict.v1",
			"ce-subject":         "shadow-1",
			"ce-time":            "2026-11-23T06:30:00Z",
			"ce-datacontenttype": "application/json",
		}, event.Header)
		var data verifier.Verdict
		require.NoError(t, json.Unmarshal(event.Data, &data))
		require.Equal(t, *v, data, "what is published is what is answered")

		again, err := r.service.Publish(t.Context(), question("shadow-1"))
		require.NoError(t, err)
		require.Equal(t, v.ID, again.ID)
		require.Len(t, log.Verdicts(), 1, "the same answer is one event")

		_, err = r.service.Publish(t.Context(), question("shadow-2"))
		require.NoError(t, err)
		require.Equal(t, "falcogate.verdict.shadow-2.pass", log.Verdicts()[1].Subject)
	})
}

func TestPublishThatIsNotStoredGivesNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
		r := start(t, log)
		synctest.Wait()
		log.Down(errors.New("no responders"))
		began := time.Now()
		v, err := r.service.Publish(t.Context(), question("shadow-1"))
		require.ErrorIs(t, err, verifier.ErrNotPublished)
		require.ErrorContains(t, err, "no responders")
		require.Nil(t, v)
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Empty(t, log.Verdicts())
	})
}

// A verdict with more text than a message holds lists fewer alerts.
func TestPublishedVerdictsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []correlate.Body
		for i := range 100 {
			a := inPod("shadow-1", "web", at(time.Minute).Add(time.Duration(i)), correlate.Critical)
			a.Output = strings.Repeat("x", 9000)
			bodies = append(bodies, a)
		}
		log := logOf(bodies...)
		r := start(t, log)
		q := question("shadow-1")
		q.Limit = 100
		v, err := r.service.Publish(t.Context(), q)
		require.NoError(t, err)
		data := log.Verdicts()[0].Data
		require.LessOrEqual(t, len(data), verifier.MaxEventBytes)
		require.Greater(t, len(data), verifier.MaxEventBytes/3)
		require.Equal(t, uint64(100), v.AlertCount)
		require.True(t, v.Truncated)
		require.Len(t, v.Alerts, 50)
		var published verifier.Verdict
		require.NoError(t, json.Unmarshal(data, &published))
		require.Equal(t, *v, published)

		// One alert alone may be too large.
		huge := inPod("shadow-2", "web", at(time.Minute), correlate.Critical)
		huge.Output = strings.Repeat("x", verifier.MaxEventBytes)
		log.Append(epoch, huge)
		v, err = r.service.Publish(t.Context(), question("shadow-2"))
		require.NoError(t, err)
		require.Equal(t, uint64(1), v.AlertCount)
		require.Empty(t, v.Alerts)
		require.True(t, v.Truncated)
		require.Less(t, len(log.Verdicts()[1].Data), 4096)
	})
}
