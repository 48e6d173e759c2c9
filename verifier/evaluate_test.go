package verifier_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

var update = flag.Bool("update", false, "rewrite golden files")

// cases are logs and questions, with what they come to.
var cases = []struct {
	name   string
	log    []correlate.Body
	evict  uint64 // records before this position
	change func(*verifier.Question)
	want   verifier.Outcome
	codes  []verifier.ReasonCode
	count  uint64
}{
	{
		name:  "silence trusted",
		want:  verifier.Pass,
		codes: []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name:   "silence proven by nothing",
		change: func(q *verifier.Question) { q.Change.Evidence = "" },
		want:   verifier.Inconclusive,
		codes:  []verifier.ReasonCode{"no_sensor"},
	},
	{
		name:   "silence heard by nothing",
		change: func(q *verifier.Question) { q.Change.Evidence = verifier.Heard },
		want:   verifier.Inconclusive,
		codes:  []verifier.ReasonCode{"no_sensor"},
	},
	{
		name: "alerts need no proof",
		log: []correlate.Body{
			inPod("shadow-1", "web", at(9*time.Minute), correlate.Warning),
			inPod("shadow-1", "web", at(8*time.Minute), correlate.Critical),
			inPod("shadow-1", "db", at(7*time.Minute), correlate.Notice),
		},
		change: func(q *verifier.Question) { q.Change.Evidence = verifier.Accounted },
		want:   verifier.Fail,
		codes:  []verifier.ReasonCode{verifier.ReasonAlerts, "silent"},
		count:  2,
	},
	{
		name:  "alerts below the severity",
		log:   []correlate.Body{inPod("shadow-1", "web", at(time.Minute), correlate.Notice)},
		want:  verifier.Pass,
		codes: []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name:   "severity asked for",
		log:    []correlate.Body{inPod("shadow-1", "web", at(time.Minute), correlate.Debug)},
		change: func(q *verifier.Question) { q.Severity = correlate.Debug },
		want:   verifier.Fail,
		codes:  []verifier.ReasonCode{verifier.ReasonAlerts},
		count:  1,
	},
	{
		// AEGIS 4: the event's own time counts, at both ends of [start, end).
		name: "alerts outside the window",
		log: []correlate.Body{
			inPod("shadow-1", "web", at(10*time.Minute+1), correlate.Critical),
			inPod("shadow-1", "web", epoch, correlate.Critical),
		},
		want:  verifier.Pass,
		codes: []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name: "alert at the window's start",
		log:  []correlate.Body{inPod("shadow-1", "web", at(10*time.Minute), correlate.Critical)},
		want: verifier.Fail, codes: []verifier.ReasonCode{verifier.ReasonAlerts}, count: 1,
	},
	{
		// AEGIS 5: shadow-1 is not shadow-10, whatever a command line says.
		name: "other namespaces",
		log: []correlate.Body{
			inPod("shadow-10", "web", at(time.Minute), correlate.Critical),
			inPod("shadow", "web", at(time.Minute), correlate.Critical),
			alert(at(time.Minute), correlate.Critical, "k8s.ns.name", "ops", "proc.cmdline", "kubectl -n shadow-1 exec web"),
		},
		want:  verifier.Pass,
		codes: []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		// It may have been an alert, whatever evidence is asked for.
		name:  "message that could not be read",
		log:   []correlate.Body{&correlate.Malformed{Hostname: "node-1", Reason: "want a string"}},
		want:  verifier.Inconclusive,
		codes: []verifier.ReasonCode{verifier.ReasonMalformed},
	},
	{
		// The index refuses an alert without a priority: it stays a message that
		// could not be read.
		name:  "record that the index refuses",
		log:   []correlate.Body{inPod("shadow-1", "web", at(time.Minute), 0)},
		want:  verifier.Inconclusive,
		codes: []verifier.ReasonCode{verifier.ReasonMalformed},
	},
	{
		name:  "record that the index refuses, before the window",
		log:   []correlate.Body{inPod("shadow-1", "web", at(11*time.Minute), 0)},
		want:  verifier.Pass,
		codes: []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name:   "message that could not be read, of another sensor",
		log:    []correlate.Body{&correlate.Malformed{Hostname: "node-b"}},
		change: func(q *verifier.Question) { q.Sensor = "node-a" },
		want:   verifier.Pass,
		codes:  []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name:   "message that could not be read, of a sensor that is not known",
		log:    []correlate.Body{&correlate.Malformed{}},
		change: func(q *verifier.Question) { q.Sensor, q.Change.Evidence = "node-a", verifier.Accounted },
		want:   verifier.Inconclusive,
		codes:  []verifier.ReasonCode{verifier.ReasonMalformed, "no_sensor"},
	},
	{
		name:  "message that could not be read, and an alert",
		log:   []correlate.Body{&correlate.Malformed{}, alert(at(time.Minute), correlate.Critical, "k8s.ns.name", "shadow-1")},
		want:  verifier.Fail,
		codes: []verifier.ReasonCode{verifier.ReasonAlerts, verifier.ReasonMalformed},
		count: 1,
	},
	{
		// AEGIS 6: what names no namespace may be of this one.
		name:  "unattributed alert",
		log:   []correlate.Body{alert(at(time.Minute), correlate.Critical, "container.id", "4d2f9b1c8a7e")},
		want:  verifier.Inconclusive,
		codes: []verifier.ReasonCode{verifier.ReasonUnattributed},
	},
	{
		name:   "unattributed alert, evidence asked for",
		log:    []correlate.Body{alert(at(time.Minute), correlate.Critical, "container.id", "4d2f9b1c8a7e")},
		change: func(q *verifier.Question) { q.Change.Evidence = verifier.Accounted },
		want:   verifier.Inconclusive,
		codes:  []verifier.ReasonCode{verifier.ReasonUnattributed, "silent"},
	},
	{
		name: "unattributed alerts that can't matter",
		log: []correlate.Body{
			alert(at(time.Minute), correlate.Notice, "container.id", "4d2f9b1c8a7e"),
			alert(at(11*time.Minute), correlate.Critical, "container.id", "4d2f9b1c8a7e"),
		},
		want:  verifier.Pass,
		codes: []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name:   "unattributed alert of another rule",
		log:    []correlate.Body{alert(at(time.Minute), correlate.Critical, "container.id", "4d2f9b1c8a7e")},
		change: func(q *verifier.Question) { q.Rule = "Read sensitive file untrusted" },
		want:   verifier.Pass,
		codes:  []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name:   "unattributed alert and a pod filter",
		log:    []correlate.Body{alert(at(time.Minute), correlate.Critical, "container.id", "4d2f9b1c8a7e")},
		change: func(q *verifier.Question) { q.Pods.Name = "web-*" },
		want:   verifier.Inconclusive,
		codes:  []verifier.ReasonCode{verifier.ReasonUnattributed},
	},
	{
		name:  "host alert is reported",
		log:   []correlate.Body{alert(at(time.Minute), correlate.Critical, "container.id", "host")},
		want:  verifier.Pass,
		codes: []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name: "window reaches below the floor",
		log: []correlate.Body{
			inPod("shadow-1", "web", at(9*time.Minute), correlate.Critical),
			inPod("shadow-2", "web", at(8*time.Minute), correlate.Notice),
		},
		evict: 2,
		want:  verifier.Inconclusive,
		codes: []verifier.ReasonCode{verifier.ReasonEvicted},
	},
	{
		name: "window starts at the floor",
		log: []correlate.Body{
			inPod("shadow-1", "web", at(9*time.Minute), correlate.Critical),
			inPod("shadow-2", "web", at(8*time.Minute), correlate.Notice),
		},
		evict:  2,
		change: func(q *verifier.Question) { q.Window.Start = at(8 * time.Minute) },
		want:   verifier.Pass,
		codes:  []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name: "all at once, the worst first",
		log: []correlate.Body{
			inPod("shadow-1", "web-0", at(9*time.Minute), correlate.Critical),
			inPod("shadow-1", "web-0", at(8*time.Minute), correlate.Error),
			alert(at(7*time.Minute), correlate.Emergency, "k8s.ns.name", "shadow-1"),
			alert(at(6*time.Minute), correlate.Alarm, "container.id", "4d2f9b1c8a7e"),
			alert(at(5*time.Minute), correlate.Alarm, "container.id", "host"),
		},
		evict: 2,
		change: func(q *verifier.Question) {
			q.Pods.Name, q.Rule, q.Sensor, q.Limit = "web-*", "Terminal shell in container", "node-a", 1
		},
		want: verifier.Fail,
		codes: []verifier.ReasonCode{
			verifier.ReasonAlerts, verifier.ReasonEvicted, verifier.ReasonUnattributed, verifier.ReasonPodUnknown,
		},
		count: 1,
	},
	{
		name:   "pod filter leaves other pods out",
		log:    []correlate.Body{inPod("shadow-1", "db-0", at(time.Minute), correlate.Critical)},
		change: func(q *verifier.Question) { q.Pods.Name = "web-*" },
		want:   verifier.Pass,
		codes:  []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
	{
		name:   "pod not known",
		log:    []correlate.Body{alert(at(time.Minute), correlate.Critical, "k8s.ns.name", "shadow-1")},
		change: func(q *verifier.Question) { q.Pods.Name = "web-*" },
		want:   verifier.Inconclusive,
		codes:  []verifier.ReasonCode{verifier.ReasonPodUnknown},
	},
	{
		name:   "pod not known, any pod asked for",
		log:    []correlate.Body{alert(at(time.Minute), correlate.Critical, "k8s.ns.name", "shadow-1")},
		change: func(q *verifier.Question) { q.Pods.Name = "*" },
		want:   verifier.Fail,
		codes:  []verifier.ReasonCode{verifier.ReasonAlerts},
		count:  1,
	},
	{
		name:   "another sensor",
		log:    []correlate.Body{inPod("shadow-1", "web", at(time.Minute), correlate.Critical)},
		change: func(q *verifier.Question) { q.Sensor = "node-b" },
		want:   verifier.Pass,
		codes:  []verifier.ReasonCode{verifier.ReasonTrustInSilence},
	},
}

func TestEvaluate(t *testing.T) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := logOf(tc.log...)
				log.Evict(tc.evict)
				r := start(t, log)
				q := question("shadow-1")
				if tc.change != nil {
					tc.change(&q)
				}
				v := r.ask(t, q)
				require.Equal(t, tc.want, v.Verdict)
				require.Equal(t, tc.want == verifier.Pass, v.Passed)
				require.Equal(t, tc.codes, codes(v))
				require.Equal(t, tc.count, v.AlertCount)
				require.Equal(t, v.Reasons[0].Message, v.Message)
				require.Equal(t, uint64(len(tc.log)), v.AsOf)

				golden(t, v)
			})
		})
	}
}

// golden compares a verdict's JSON with the file of the test's name, and sees
// that it can be read again.
func golden(t *testing.T, v *verifier.Verdict) {
	t.Helper()
	data, err := jsonv2.Marshal(v, verifier.JSONOptions, jsontext.WithIndent("  "))
	require.NoError(t, err)
	var again verifier.Verdict
	require.NoError(t, jsonv2.Unmarshal(data, &again, jsonv2.RejectUnknownMembers(true)))
	require.Equal(t, *v, again)

	name := strings.NewReplacer(",", "", "'", "").Replace(filepath.Base(t.Name()))
	file := filepath.Join("testdata", name+".golden.json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, append(data, '\n'), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "write it with -update, then read the diff")
	require.Equal(t, string(want), string(data)+"\n")

	// A user of the older encoding/json gets the same document.
	older, err := json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(older))
}

func TestZeroOutcomeIsInconclusive(t *testing.T) {
	var v verifier.Verdict
	require.Equal(t, verifier.Inconclusive, v.Verdict)
	require.False(t, v.Passed)
	require.Equal(t, "inconclusive", verifier.Outcome(99).String())
	require.NoError(t, json.Unmarshal([]byte(`{}`), &v))
	require.Equal(t, verifier.Inconclusive, v.Verdict)
	require.Error(t, json.Unmarshal([]byte(`{"verdict":"passed"}`), &v))
	for _, o := range []verifier.Outcome{verifier.Inconclusive, verifier.Pass, verifier.Fail} {
		text, err := o.MarshalText()
		require.NoError(t, err)
		var again verifier.Outcome
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, o, again)
	}
}

func TestEvaluateWaitsForTheEndOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		r := start(t, log)
		synctest.Wait()
		log.Hold()
		log.Append(at(time.Minute), inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
		answers := make(chan *verifier.Verdict, 1)
		go func() {
			v, err := r.service.Evaluate(context.Background(), question("shadow-1"))
			assert.NoError(t, err)
			answers <- v
		}()
		synctest.Wait()
		require.Empty(t, answers, "the alert is in the log, not in the index")
		log.Release()
		v := <-answers
		require.Equal(t, verifier.Fail, v.Verdict)
		require.Equal(t, uint64(1), v.AsOf)
	})
}

func TestEvaluateOverAnIndexThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		r := start(t, log)
		synctest.Wait()
		log.Hold()
		log.Append(at(time.Minute), inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
		began := time.Now()
		behind := r.ask(t, question("shadow-1"))
		require.Equal(t, verifier.DefaultCatchUp, time.Since(began))
		require.Equal(t, verifier.Inconclusive, behind.Verdict)
		require.Equal(t, []verifier.ReasonCode{verifier.ReasonIndexBehind}, codes(behind))
		require.Contains(t, behind.Message, "at position 0 of 1")

		// An alert that the index does have fails all the same.
		log.Release()
		synctest.Wait()
		log.Hold()
		log.Append(at(time.Minute), inPod("shadow-1", "web", at(time.Second), correlate.Critical))
		v := r.ask(t, question("shadow-1"))
		require.Equal(t, verifier.Fail, v.Verdict)
		require.Equal(t, []verifier.ReasonCode{verifier.ReasonAlerts, verifier.ReasonIndexBehind}, codes(v))
		require.Equal(t, uint64(1), v.AlertCount)

		list, err := r.service.Alerts(t.Context(), verifier.Selection{Window: question("x").Window})
		require.NoError(t, err)
		require.False(t, list.CaughtUp)
		require.False(t, r.service.Sensors(t.Context()).CaughtUp)
	})
}

func TestEvaluateWhenTheLogCannotTellItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		r := start(t, log)
		synctest.Wait()
		ok := r.ask(t, question("shadow-1"))
		require.Equal(t, verifier.Pass, ok.Verdict)

		log.Down(errors.New("no responders"))
		v := r.ask(t, question("shadow-1"))
		require.Equal(t, verifier.Inconclusive, v.Verdict)
		require.Equal(t, verifier.ReasonIndexBehind, v.Reason)
		require.Contains(t, v.Message, "no responders")
		require.Equal(t, ok.AsOf, v.AsOf)
		require.NotEqual(t, ok.ID, v.ID, "one id must not name two answers")
	})
}

func TestEvaluateOverALogThatLostItsTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(
			inPod("shadow-2", "web", at(3*time.Minute), correlate.Critical),
			inPod("shadow-2", "web", at(2*time.Minute), correlate.Critical),
		)
		r := start(t, log)
		synctest.Wait()
		log.Cut(2)
		v := r.ask(t, question("shadow-1"))
		require.Equal(t, verifier.Inconclusive, v.Verdict)
		require.Equal(t, verifier.ReasonIndexBehind, v.Reason)
		require.Contains(t, v.Message, "cut or replaced")
	})
}

func TestEvaluateAfterTheTailHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		tail := verifier.NewTail(verifier.TailOptions{Log: log})
		service := verifier.NewService(verifier.ServiceOptions{Log: log, Tail: tail, Now: func() time.Time { return epoch }})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- tail.Run(ctx) }()
		synctest.Wait()
		cancel()
		require.NoError(t, <-done)
		v, err := service.Evaluate(t.Context(), question("shadow-1"))
		require.NoError(t, err)
		require.Equal(t, verifier.Inconclusive, v.Verdict)
		require.ErrorIs(t, service.Ready(), verifier.ErrTailStopped)
	})
}

func TestVerdictID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
		r := start(t, log)
		base := r.ask(t, question("shadow-1"))
		require.Len(t, base.ID, 32)
		require.Equal(t, base.ID, r.ask(t, question("shadow-1")).ID)

		explicit := question("shadow-1")
		explicit.Severity, explicit.Limit = correlate.Warning, verifier.DefaultVerdictAlerts
		require.Equal(t, base.ID, r.ask(t, explicit).ID, "a default spelt out is the same question")

		ids := map[string]string{base.ID: "base"}
		for name, change := range map[string]func(*verifier.Question){
			"namespace": func(q *verifier.Question) { q.Namespace = "shadow-2" },
			"severity":  func(q *verifier.Question) { q.Severity = correlate.Error },
			"start":     func(q *verifier.Question) { q.Window.Start = q.Window.Start.Add(1) },
			"end":       func(q *verifier.Question) { q.Window.End = q.Window.End.Add(-1) },
			"pod":       func(q *verifier.Question) { q.Pods.Name = "w*" },
			"rule":      func(q *verifier.Question) { q.Rule = "w*" },
			"sensor":    func(q *verifier.Question) { q.Sensor = "w*" },
			"evidence":  func(q *verifier.Question) { q.Change.Evidence = verifier.Heard },
			"limit":     func(q *verifier.Question) { q.Limit = 3 },
		} {
			q := question("shadow-1")
			change(&q)
			id := r.ask(t, q).ID
			require.NotContains(t, ids, id, "%s is as %s", name, ids[id])
			ids[id] = name
		}
		log.Append(epoch, inPod("shadow-9", "web", at(time.Minute), correlate.Notice))
		require.NotContains(t, ids, r.ask(t, question("shadow-1")).ID, "another position is another answer")
	})
}

func TestEvaluateListsAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []correlate.Body
		for i := range 12 {
			bodies = append(bodies, inPod("shadow-1", "web", at(time.Duration(i+1)*time.Second), correlate.Priorities[i%5]))
		}
		log := logOf(bodies...)
		r := start(t, log)
		v := r.ask(t, question("shadow-1"))
		require.Equal(t, uint64(12), v.AlertCount)
		require.True(t, v.Truncated)
		require.Len(t, v.Alerts, 10)
		require.Equal(t, verifier.Summary{Emergency: 3, Alert: 3, Critical: 2, Error: 2, Warning: 2}, v.Summary)
		newest := v.Alerts[0]
		full := bodies[0].(*correlate.Alert)
		require.Equal(t, verifier.Alert{
			ID: full.ID().String(), Hostname: "node-a", Source: "syscall", Rule: full.Rule, Priority: correlate.Emergency,
			Time: full.Time, Output: full.Output, Tags: full.Tags, Namespace: "shadow-1", Pod: "web", Position: 1,
			OutputFields: map[string]string{"container.id": "4d2f9b1c8a7e", "k8s.ns.name": "shadow-1", "k8s.pod.name": "web"},
		}, newest)

		q := question("shadow-1")
		q.Limit = 12
		all := r.ask(t, q)
		require.False(t, all.Truncated)
		require.Len(t, all.Alerts, 12)

		// The log has let go of some, and then can't be read at all: what was
		// counted is still listed.
		log.Evict(2)
		part := r.ask(t, q)
		require.Equal(t, uint64(12), part.AlertCount)
		require.Len(t, part.Alerts, 12)
		require.True(t, part.Alerts[0].Partial)
		require.Equal(t, verifier.Alert{
			Hostname: "node-a", Rule: full.Rule, Priority: correlate.Emergency, Time: full.Time,
			Namespace: "shadow-1", Pod: "web", Position: 1,
			OutputFields: map[string]string{}, Tags: []string{}, Partial: true,
		}, part.Alerts[0])
		require.False(t, part.Alerts[1].Partial)
		log.Down(errors.New("no responders"))
		none := r.ask(t, q)
		require.Equal(t, verifier.Fail, none.Verdict)
		require.True(t, none.Alerts[1].Partial)
	})
}

func TestEvaluateDoesNotListAnotherRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
		r := start(t, log)
		require.False(t, r.ask(t, question("shadow-1")).Alerts[0].Partial)
		// The log was replaced: position 1 is another alert now.
		log.Cut(1)
		log.Append(epoch, inPod("shadow-2", "db", at(time.Minute), correlate.Debug))
		v := r.ask(t, question("shadow-1"))
		require.Equal(t, verifier.Fail, v.Verdict)
		require.True(t, v.Alerts[0].Partial)
		require.Equal(t, "shadow-1", v.Alerts[0].Namespace)
	})
}

func TestServiceMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		r := startWith(t, memlog.New(), verifier.TailOptions{}, verifier.ServiceOptions{Registerer: metrics})
		r.ask(t, question("shadow-1"))
		r.ask(t, question("shadow-1"))
		q := question("shadow-1")
		q.Change.Evidence = verifier.Accounted
		r.ask(t, q)
		_, err := r.service.Evaluate(t.Context(), verifier.Question{})
		require.Error(t, err)
		require.NoError(t, testutil.GatherAndCompare(metrics, text(`
# HELP falcogate_verdicts_total Verdicts that were evaluated, by outcome and by the evidence that was reached.
# TYPE falcogate_verdicts_total counter
falcogate_verdicts_total{evidence="none",outcome="inconclusive"} 1
falcogate_verdicts_total{evidence="none",outcome="pass"} 2
`), "falcogate_verdicts_total"))
		problems, err := testutil.GatherAndLint(metrics)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}
