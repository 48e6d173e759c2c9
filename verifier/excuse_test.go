package verifier_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// shellIn is an alert of a shell in a pod, by what it runs.
func shellIn(ns, command string, when time.Time) *correlate.Alert {
	return alert(when, correlate.Warning, "k8s.ns.name", ns, "k8s.pod.name", "web-7d9f", "container.id", "4d2f9b1c8a7e", "proc.name", "sh", "proc.cmdline", command)
}

// compared is a question that excuses a rule's tag, what the live workload does too, and
// one alert more.
func compared() verifier.Question {
	q := over("shadow-1", 4*time.Minute, time.Minute)
	q.Excuses = verifier.Excuses{
		Ignore:    []verifier.Ignore{{Tag: "noise", Reason: "told in every release"}, {Rule: "Known rule", Reason: "ticket 7"}},
		MaxAlerts: 1,
		Baseline:  &verifier.Baseline{Namespace: "live-1", Lookback: verifier.Duration(3 * time.Minute)},
	}
	return q
}

// excusable is a log in which the shadow raises what the live workload did before.
func excusable() (*memlog.Log, *falco) {
	log := memlog.New()
	f := newFalco(log, "node-a")
	f.beats(at(15*time.Minute), at(6*time.Minute))
	f.alert(shellIn("live-1", "sh -c migrate", at(6*time.Minute-time.Second)))
	f.beats(at(6*time.Minute-5*time.Second), at(3*time.Minute))
	f.alert(shellIn("shadow-1", "sh -c migrate", at(3*time.Minute-time.Second)))
	noise := shellIn("shadow-1", "sh -c noise", at(3*time.Minute-2*time.Second))
	noise.Tags = []string{"container", "noise"}
	f.alert(noise)
	f.alert(shellIn("shadow-1", "sh -c one more", at(3*time.Minute-3*time.Second)))
	f.beats(at(3*time.Minute-5*time.Second), epoch)
	return log, f
}

func TestExcusedVerdict(t *testing.T) {
	log, _ := excusable()
	r := startProving(t, log)
	v, err := r.service.Publish(t.Context(), compared())
	require.NoError(t, err)
	require.Equal(t, verifier.Pass, v.Verdict, v.Message)
	require.EqualValues(t, 1, v.AlertCount)
	require.Len(t, v.Alerts, 1)
	require.Equal(t, "sh -c one more", v.Alerts[0].OutputFields["proc.cmdline"])
	require.Equal(t, "1 alert, of at most 1 that are allowed (max_alerts), and no other was seen but 2 alerts excused, 1 of them raised by the baseline too and the others ignored by rule or tag, "+
		"and the counters of the one sensor heard from prove that none was missed: evidence=accounted.", v.Message)
	require.EqualValues(t, 2, v.Excused.Count)
	require.EqualValues(t, 1, v.Excused.Baseline)
	require.Equal(t, []verifier.Ignored{
		{Ignore: verifier.Ignore{Tag: "noise", Reason: "told in every release"}, Count: 1},
		{Ignore: verifier.Ignore{Rule: "Known rule", Reason: "ticket 7"}},
	}, v.Excused.Ignored)
	require.Len(t, v.Excused.Alerts, 2)
	require.True(t, v.Baseline.Proven)
	require.EqualValues(t, 1, v.Baseline.AlertCount)
	require.Len(t, v.Baseline.Alerts, 1)
	require.Equal(t, "sh -c migrate", v.Baseline.Alerts[0].OutputFields["proc.cmdline"])
	require.Equal(t, at(7*time.Minute), v.Baseline.Window.Start)

	// The same from the log, also behind alerts that came later.
	log.Append(epoch.Add(time.Second), shellIn("shadow-1", "sh -c late", at(2*time.Minute)), shellIn("live-1", "sh -c one more", at(2*time.Minute)))
	e, err := r.service.Explain(t.Context(), v.ID, nil)
	require.NoError(t, err)
	require.True(t, e.Identical, e.Differences)
	q := compared()
	q.AsOf = v.AsOf
	again := r.ask(t, q)
	require.Equal(t, v.ID, again.ID)
	q.AsOf = 0
	now := r.ask(t, q)
	require.Equal(t, verifier.Pass, now.Verdict, "the baseline has raised that too since")
	require.EqualValues(t, 1, now.AlertCount)
	require.EqualValues(t, 2, now.Excused.Baseline)

	q.Excuses.MaxAlerts = 0
	require.Equal(t, verifier.Fail, r.ask(t, q).Verdict)
}

// While the log can't be read it is not known what an alert is about: that is an error,
// and neither a fail nor a pass.
func TestExcusesNeedTheLog(t *testing.T) {
	log, _ := excusable()
	r := startProving(t, log)
	require.Equal(t, verifier.Pass, r.ask(t, compared()).Verdict)
	away := errors.New("no route to host")
	log.Down(away)
	_, err := r.service.Evaluate(t.Context(), compared())
	require.ErrorIs(t, err, away)
	require.ErrorContains(t, err, "reading the alerts that may be excused")
}

// What the log does not hold any more is excused by nothing but its rule.
func TestExcusedAlertThatIsNotKept(t *testing.T) {
	log := memlog.New()
	log.Append(at(3*time.Minute), shellIn("live-1", "sh", at(3*time.Minute)), shellIn("shadow-1", "sh", at(3*time.Minute)))
	r := start(t, log)
	q := question("shadow-1")
	q.Excuses.Baseline = &verifier.Baseline{Namespace: "live-1"}
	require.Equal(t, verifier.Pass, r.ask(t, q).Verdict)
	log.Evict(3) // and the index does not know it yet
	require.Equal(t, verifier.Fail, r.ask(t, q).Verdict)
	q.Excuses = verifier.Excuses{Ignore: []verifier.Ignore{{Rule: "Terminal shell in container", Reason: "known"}}}
	require.Equal(t, verifier.Pass, r.ask(t, q).Verdict)
}

// A gate with excuses passes over what they name, and fails with the first alert that
// they do not.
func TestGateWithExcuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{
			ID: "passes", Namespace: "shadow-1", End: epoch.Add(time.Minute),
			Ignore:   []verifier.Ignore{{Tag: "noise", Reason: "known"}},
			Baseline: &verifier.Baseline{Namespace: "live-1", Lookback: verifier.Duration(time.Minute)},
		})
		require.NoError(t, err)
		say := func(ns, command string) {
			w.falco.alert(shellIn(ns, command, w.clock()))
			synctest.Wait()
		}
		say("live-1", "sh -c migrate")
		w.goOn(5 * time.Second)
		say("shadow-1", "sh -c migrate")
		require.Nil(t, r.verdictOf(t, "passes"))
		w.goOn(65 * time.Second)
		v := r.verdictOf(t, "passes")
		require.NotNil(t, v)
		require.Equal(t, verifier.Pass, v.Verdict, v.Message)
		require.EqualValues(t, 1, v.Excused.Baseline)

		_, _, err = r.gates.Open(t.Context(), verifier.GateSpec{
			ID: "fails", Namespace: "shadow-1", End: w.clock().Add(time.Minute), MaxAlerts: 1,
			Baseline: &verifier.Baseline{Namespace: "live-1", Lookback: verifier.Duration(5 * time.Minute)},
		})
		require.NoError(t, err)
		say("shadow-1", "sh -c migrate")
		say("shadow-1", "sh -c miner")
		require.Nil(t, r.verdictOf(t, "fails"), "one may be there")
		say("shadow-1", "sh -c another miner")
		v = r.verdictOf(t, "fails")
		require.NotNil(t, v)
		require.Equal(t, verifier.Fail, v.Verdict)
		require.EqualValues(t, 2, v.AlertCount)
		require.EqualValues(t, 1, v.Excused.Count)
	})
}

// A gate is opened again as the same, whatever is left to defaults in it.
func TestGateWithExcusesIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		spec := verifier.GateSpec{ID: "g", Namespace: "shadow-1", Ignore: []verifier.Ignore{}, Baseline: &verifier.Baseline{Namespace: "live-1"}}
		_, opened, err := r.gates.Open(t.Context(), spec)
		require.NoError(t, err)
		require.True(t, opened)
		_, opened, err = r.gates.Open(t.Context(), spec)
		require.NoError(t, err)
		require.False(t, opened)
		spec.Baseline = &verifier.Baseline{Namespace: "live-1", Lookback: verifier.Duration(time.Minute)}
		_, _, err = r.gates.Open(t.Context(), spec)
		require.ErrorIs(t, err, verifier.ErrGateDiffers)
	})
}

func TestExcusesRefused(t *testing.T) {
	many := make([]verifier.Ignore, verifier.MaxIgnored+1)
	for name, tt := range map[string]struct {
		e     verifier.Excuses
		field string
	}{
		"too many":         {verifier.Excuses{Ignore: many}, "ignore"},
		"no reason":        {verifier.Excuses{Ignore: []verifier.Ignore{{Rule: "x"}}}, "ignore"},
		"rule and tag":     {verifier.Excuses{Ignore: []verifier.Ignore{{Rule: "x", Tag: "y", Reason: "z"}}}, "ignore"},
		"neither":          {verifier.Excuses{Ignore: []verifier.Ignore{{Reason: "z"}}}, "ignore"},
		"no UTF-8":         {verifier.Excuses{Ignore: []verifier.Ignore{{Rule: "\xff", Reason: "z"}}}, "ignore"},
		"too many alerts":  {verifier.Excuses{MaxAlerts: verifier.MaxAllowedAlerts + 1}, "max_alerts"},
		"no namespace":     {verifier.Excuses{Baseline: &verifier.Baseline{}}, "baseline.namespace"},
		"backwards":        {verifier.Excuses{Baseline: &verifier.Baseline{Namespace: "a", Lookback: -1}}, "baseline.lookback"},
		"another selector": {verifier.Excuses{Baseline: &verifier.Baseline{Namespace: "a", Selector: "!!"}}, "baseline.selector"},
	} {
		t.Run(name, func(t *testing.T) {
			q := question("shadow-1")
			q.Excuses = tt.e
			var wrong *verifier.FieldError
			require.ErrorAs(t, q.Validate(epoch), &wrong)
			require.Equal(t, tt.field, wrong.Field)
		})
	}
}
