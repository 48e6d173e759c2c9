package verifier_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// contradictions are those that the log has; the verdicts beside them are returned too.
func (w *world) contradictions(t *testing.T) (found []verifier.Contradiction, verdicts int) {
	t.Helper()
	for _, p := range w.log.Verdicts() {
		if p.Header["ce-type"] != verifier.ContradictionType {
			verdicts++
			continue
		}
		var c verifier.Contradiction
		require.NoError(t, json.Unmarshal(p.Data, &c, json.RejectUnknownMembers(true), verifier.JSONOptions))
		require.NoError(t, verifier.SchemaError("contradiction", p.Data))
		require.Equal(t, p.ID, c.ID)
		require.Equal(t, p.ID, p.Header["ce-id"])
		require.Equal(t, "falcogate.verdict."+c.Namespace+".contradiction", p.Subject)
		found = append(found, c)
	}
	return found, verdicts
}

// late is an alert that comes now, with a time before.
func (w *world) late(ns string, ago time.Duration, p correlate.Priority) {
	w.falco.raised++
	a := inPod(ns, "web", w.clock().Add(-ago), p)
	a.Hostname = w.falco.name
	w.log.Append(w.clock(), a)
}

func TestContradiction(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec func(*verifier.GateSpec)
		late func(*world)
		want uint64 // alerts of the contradiction; zero for none
	}{
		{"an alert in the window", nil, func(w *world) { w.late("shadow-1", time.Minute, correlate.Error) }, 1},
		{"two of them, the first of which is told", nil, func(w *world) {
			w.late("shadow-1", time.Minute, correlate.Error)
			synctest.Wait()
			w.late("shadow-1", 61*time.Second, correlate.Error)
		}, 1},
		{"below the severity", nil, func(w *world) { w.late("shadow-1", time.Minute, correlate.Notice) }, 0},
		{"behind the window", nil, func(w *world) { w.late("shadow-1", time.Second, correlate.Error) }, 0},
		{"another namespace", nil, func(w *world) { w.late("shadow-2", time.Minute, correlate.Error) }, 0},
		{"another rule", func(s *verifier.GateSpec) { s.Rule = "Another rule" }, func(w *world) { w.late("shadow-1", time.Minute, correlate.Error) }, 0},
		{"another pod", func(s *verifier.GateSpec) { s.Pod = "db-*" }, func(w *world) { w.late("shadow-1", time.Minute, correlate.Error) }, 0},
		{"one that may be there", func(s *verifier.GateSpec) { s.MaxAlerts = 1 }, func(w *world) { w.late("shadow-1", time.Minute, correlate.Error) }, 0},
		{"one more than may be there", func(s *verifier.GateSpec) { s.MaxAlerts = 1 }, func(w *world) {
			w.late("shadow-1", time.Minute, correlate.Error)
			synctest.Wait()
			w.late("shadow-1", 61*time.Second, correlate.Error)
		}, 2},
		{"one that is ignored", func(s *verifier.GateSpec) {
			s.Ignore = []verifier.Ignore{{Rule: "Terminal shell in container", Reason: "debugging"}}
		}, func(w *world) { w.late("shadow-1", time.Minute, correlate.Error) }, 0},
		{"nobody's", nil, func(w *world) {
			a := alert(w.clock().Add(-time.Minute), correlate.Error, "container.id", "4d2f9b1c8a7e")
			a.Hostname = w.falco.name
			w.log.Append(w.clock(), a)
		}, 0},
		{"what can't be read", nil, func(w *world) { w.log.Append(w.clock(), &correlate.Malformed{Hostname: w.falco.name}) }, 0},
		{"a loss found later", nil, func(w *world) { w.falco.raised++; w.falco.snapshot(w.clock()) }, 0},
		{"a host's, which fails", func(s *verifier.GateSpec) { s.HostAlerts = verifier.HostFail }, func(w *world) {
			a := alert(w.clock().Add(-time.Minute), correlate.Error, "container.id", "host")
			a.Hostname = w.falco.name
			w.log.Append(w.clock(), a)
		}, 1},
		{"a host's, which is reported", nil, func(w *world) {
			a := alert(w.clock().Add(-time.Minute), correlate.Error, "container.id", "host")
			a.Hostname = w.falco.name
			w.log.Append(w.clock(), a)
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				replicas := []*replica{startGates(t, w.log, w.store, w.clock, 0), startGates(t, w.log, w.store, w.clock, 0)}
				spec := verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute), Labels: map[string]string{"run": "7"}}
				if tt.spec != nil {
					tt.spec(&spec)
				}
				_, _, err := replicas[0].gates.Open(t.Context(), spec)
				require.NoError(t, err)
				w.goOn(100 * time.Second)
				verdict := replicas[1].verdictOf(t, "g")
				require.NotNil(t, verdict)
				require.Equal(t, verifier.Pass, verdict.Verdict, verdict.Message)

				tt.late(w)
				synctest.Wait()
				found, verdicts := w.contradictions(t)
				require.Equal(t, 1, verdicts)
				require.Equal(t, verdict, replicas[0].verdictOf(t, "g"), "it never changes")
				if tt.want == 0 {
					require.Empty(t, found)
					return
				}
				require.Len(t, found, 1)
				c := found[0]
				require.Equal(t, tt.want, c.AlertCount+c.HostAlerts)
				require.Equal(t, verifier.ContradictedVerdict{ID: verdict.ID, Verdict: verifier.Pass, AsOf: verdict.AsOf, EvaluatedAt: verdict.EvaluatedAt}, c.Contradicts)
				require.Equal(t, verdict.Gate, c.Gate)
				require.Equal(t, verdict.Window, c.Window)
				require.Greater(t, c.AsOf, verdict.AsOf)
				require.NotEqual(t, verdict.ID, c.ID)

				// Once, whatever comes, and the gate says so.
				w.late("shadow-1", 70*time.Second, correlate.Critical)
				w.goOn(time.Minute)
				found, _ = w.contradictions(t)
				require.Len(t, found, 1)
				for _, r := range replicas {
					gate, err := r.gates.Get(t.Context(), "g")
					require.NoError(t, err)
					require.True(t, gate.Published)
					require.Equal(t, &c, gate.Contradiction)
					list, err := r.gates.List(verifier.GateFilter{})
					require.NoError(t, err)
					require.Equal(t, &verifier.ListedContradiction{ID: c.ID, AlertCount: c.AlertCount, EvaluatedAt: c.EvaluatedAt}, list[0].Contradiction)
				}
				_, err = replicas[0].service.Explain(t.Context(), c.ID, nil)
				require.ErrorIs(t, err, verifier.ErrNoVerdict)
			})
		})
	}
}

// What came while nobody was there is found at the start, and what was noted by one that
// crashed is published.
func TestContradictionAfterACrash(t *testing.T) {
	for _, noted := range []bool{false, true} {
		t.Run(fmt.Sprintf("noted before the crash: %v", noted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				first := startGates(t, w.log, w.store, w.clock, 0)
				_, _, err := first.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute)})
				require.NoError(t, err)
				w.goOn(100 * time.Second)
				if !noted {
					first.stop()
					w.late("shadow-1", time.Minute, correlate.Error)
				} else {
					// The event can't be stored, and then the process is gone.
					w.log.Down(errors.New("away"))
					w.late("shadow-1", time.Minute, correlate.Error)
					time.Sleep(10 * time.Second)
					w.log.Down(nil)
					first.stop()
				}
				time.Sleep(time.Hour)
				second := startGates(t, w.log, w.store, w.clock, 0)
				w.goOn(10 * time.Second)
				found, verdicts := w.contradictions(t)
				require.Equal(t, 1, verdicts)
				require.Len(t, found, 1)
				gate, err := second.gates.Get(t.Context(), "g")
				require.NoError(t, err)
				require.True(t, gate.Published)
			})
		})
	}
}

// A contradiction of very many large alerts fits beside its verdict in one message.
func TestContradictionFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 0)
		_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: "g", Namespace: "shadow-1", End: epoch.Add(time.Minute)})
		require.NoError(t, err)
		w.goOn(100 * time.Second)
		var bodies []correlate.Body
		for i := range 20 {
			a := inPod("shadow-1", "web", w.clock().Add(-time.Minute-time.Duration(i)), correlate.Error)
			a.Hostname, a.Output = w.falco.name, strings.Repeat("x", 60<<10)
			bodies = append(bodies, a)
		}
		w.log.Append(w.clock(), bodies...)
		synctest.Wait()
		found, _ := w.contradictions(t)
		require.Len(t, found, 1)
		require.Equal(t, uint64(20), found[0].AlertCount)
		require.True(t, found[0].Truncated)
		require.NotEmpty(t, found[0].Alerts)
	})
}
