package verifier_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// watcher tells a log of pods, as a consumer does that watches the Kubernetes API.
type watcher struct {
	log  *memlog.Log
	told correlate.Told
	last uint64 // number of its last mark
}

// newWatcher tells a whole list.
func newWatcher(log *memlog.Log, when time.Time, pods ...*correlate.Placement) *watcher {
	w := &watcher{log: log, told: correlate.Told{Watcher: "w", Session: 1}}
	asOf := w.mark(when, correlate.Watching, 0)
	w.mark(when, correlate.Listing, asOf)
	for _, p := range pods {
		w.pod(when, p)
	}
	w.mark(when, correlate.Listed, asOf)
	return w
}

func (w *watcher) mark(when time.Time, phase correlate.WatchPhase, asOf uint64) uint64 {
	w.told.Number++
	w.log.Append(when, &correlate.Watch{Told: w.told, Phase: phase, AsOf: asOf})
	w.last = w.told.Number
	return w.last
}

// settle says that all was told that there was at an instant.
func (w *watcher) settle(when time.Time) {
	w.mark(when, correlate.Watching, 0)
	w.mark(when, correlate.Watching, w.last)
}

func (w *watcher) pod(when time.Time, p *correlate.Placement) {
	body := *p
	w.told.Number++
	body.Told = w.told
	w.log.Append(when, &body)
}

// onNode is a pod of shadow-1 that has run since an hour ago.
func onNode(name, node string, containers ...string) *correlate.Placement {
	return &correlate.Placement{
		UID: "uid-" + name, Namespace: "shadow-1", Pod: name, Node: node, Containers: containers,
		Created: at(time.Hour), Scheduled: at(time.Hour), Started: at(time.Hour), Labels: correlate.Fields{{Name: "app", Value: "web"}},
	}
}

// A pass over a window that begins soon after all its pods had been placed says so: the
// time may have been taken after the deploy, whose own alerts do not count then.
func TestStartAfterTheDeploy(t *testing.T) {
	for name, tt := range map[string]struct {
		placed time.Duration // before now
		change func(*verifier.Question)
		want   string
	}{
		"just before the window": {10*time.Minute + 40*time.Second, nil, " All its pods were placed before the window, the last one 40s before: if that is the deploy in question, ask since 2026-11-23T06:19:20Z, so that what came with it counts."},
		"long before":            {16 * time.Minute, nil, ""},
		"in the window":          {9 * time.Minute, nil, ""},
		"at its start":           {10 * time.Minute, nil, ""},
		"heard is enough":        {11 * time.Minute, func(q *verifier.Question) { q.Change.Evidence = verifier.Heard }, "the last one 1m0s before"},
		"from the first pod on":  {11 * time.Minute, func(q *verifier.Question) { q.Pods.Name, q.Window.Start = "web-*", time.Time{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			log := memlog.New()
			a := newFalco(log, "node-a")
			pod := onNode("web-1", "node-a")
			pod.Created, pod.Scheduled, pod.Started = at(tt.placed), at(tt.placed), at(tt.placed)
			w := newWatcher(log, at(30*time.Minute), pod)
			a.beats(at(20*time.Minute), at(time.Minute))
			w.settle(at(time.Minute))
			r := startWith(t, log, verifier.TailOptions{}, verifier.ServiceOptions{Policy: verifier.DefaultPolicy()})
			q := over("shadow-1", 10*time.Minute, 2*time.Minute)
			if tt.change != nil {
				tt.change(&q)
			}
			v, err := r.service.Evaluate(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, verifier.Pass, v.Verdict, v.Message)
			require.Contains(t, v.Message, tt.want)
			require.Equal(t, tt.want != "", strings.Contains(v.Message, "before the window"), v.Message)
		})
	}
}

// Whether placements are used, and what is needed then.
func TestPlacements(t *testing.T) {
	tests := []struct {
		name    string
		use     verifier.Placements
		listed  []string
		watched bool
		change  func(*verifier.Question)
		sensors []string
		nodes   []string
		assumed bool
		code    verifier.ReasonCode
	}{
		{"none told of", "", nil, false, nil, []string{"node-a", "node-b"}, nil, true, verifier.ReasonProven},
		{"told of", "", nil, true, nil, []string{"node-a"}, []string{"node-a"}, false, verifier.ReasonProven},
		{"by its name", verifier.PlacementsAuto, nil, true, nil, []string{"node-a"}, []string{"node-a"}, false, verifier.ReasonProven},
		{"a list besides", "", []string{"node-b"}, true, nil, []string{"node-a", "node-b"}, []string{"node-a"}, false, verifier.ReasonProven},
		{"a list alone", "", []string{"node-b"}, false, nil, []string{"node-b"}, nil, false, verifier.ReasonProven},
		{"ignored", verifier.PlacementsIgnored, nil, true, nil, []string{"node-a", "node-b"}, nil, true, verifier.ReasonProven},
		{"ignored, and a list", verifier.PlacementsIgnored, []string{"node-b"}, true, nil, []string{"node-b"}, nil, false, verifier.ReasonProven},
		{"required and told of", verifier.PlacementsRequired, nil, true, nil, []string{"node-a"}, []string{"node-a"}, false, verifier.ReasonProven},
		{"required and none told of", verifier.PlacementsRequired, nil, false, nil, nil, nil, false, "no_placement"},
		{"a selector, and none told of", "", nil, false, func(q *verifier.Question) { q.Pods.Selector = "app=web" }, nil, nil, false, "no_placement"},
		{"a selector", "", nil, true, func(q *verifier.Question) { q.Pods.Selector = "app=web" }, []string{"node-a"}, []string{"node-a"}, false, verifier.ReasonProven},
		{"no start, and none told of", "", nil, false, func(q *verifier.Question) { q.Pods.Name, q.Window.Start = "web-*", time.Time{} }, nil, nil, false, verifier.ReasonNoWorkload},
		{"one sensor", "", nil, true, func(q *verifier.Question) { q.Sensor = "node-a" }, []string{"node-a"}, []string{"node-a"}, false, verifier.ReasonProven},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := memlog.New()
			a, b := newFalco(log, "node-a"), newFalco(log, "node-b")
			var w *watcher
			if tt.watched {
				w = newWatcher(log, at(20*time.Minute), onNode("web-1", "node-a"))
			}
			a.beats(at(15*time.Minute), at(time.Minute))
			b.beats(at(15*time.Minute), at(time.Minute))
			if w != nil {
				w.settle(at(time.Minute))
			}
			r := startWith(t, log, verifier.TailOptions{}, verifier.ServiceOptions{Policy: verifier.DefaultPolicy(), Sensors: tt.listed, Placements: tt.use})
			q := over("shadow-1", 10*time.Minute, 2*time.Minute)
			if tt.change != nil {
				tt.change(&q)
			}
			v, err := r.service.Publish(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, tt.code, v.Reason, v.Message)
			require.Equal(t, len(tt.sensors), v.Coverage.SensorCount)
			if len(tt.sensors) > 0 {
				require.Equal(t, tt.sensors, v.Coverage.Sensors)
			}
			require.Equal(t, tt.nodes, v.Coverage.Nodes)
			require.Equal(t, tt.assumed, v.Coverage.Assumed)
			if tt.use == verifier.PlacementsAuto {
				require.Empty(t, v.Policy.Placements)
			} else {
				require.Equal(t, tt.use, v.Policy.Placements)
			}
			// And it is explained from the log alone.
			e, err := r.service.Explain(t.Context(), v.ID, nil)
			require.NoError(t, err)
			require.True(t, e.Identical, "%v", e.Differences)
		})
	}
	for _, word := range []string{"auto", "required", "ignored"} {
		p, err := verifier.ParsePlacements(word)
		require.NoError(t, err)
		require.Equal(t, word, string(p))
	}
	_, err := verifier.ParsePlacements("Auto")
	require.ErrorContains(t, err, `unknown use of placements "Auto": want auto, required or ignored`)
}

// A question without a start begins when the first pod was placed, and its explanation
// finds the same.
func TestSinceTheFirstPod(t *testing.T) {
	log := memlog.New()
	f := newFalco(log, "node-a")
	w := newWatcher(log, at(20*time.Minute))
	f.beats(at(15*time.Minute), at(10*time.Minute+5*time.Second))
	p := onNode("web-1", "node-a")
	p.Created, p.Scheduled, p.Started = at(10*time.Minute), at(10*time.Minute), at(10*time.Minute)
	w.pod(at(10*time.Minute), p)
	f.beats(at(10*time.Minute), at(time.Minute))
	w.settle(at(time.Minute))
	r := startProving(t, log)
	q := over("shadow-1", 0, 2*time.Minute)
	q.Window.Start, q.Pods = time.Time{}, verifier.Pods{Owner: "deployment/web"}
	v := r.ask(t, q)
	require.Equal(t, verifier.ReasonNoWorkload, v.Reason, "it has no owner")

	q.Pods = verifier.Pods{Selector: "app=web"}
	v, err := r.service.Publish(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, verifier.Pass, v.Verdict, v.Message)
	require.Equal(t, verifier.Window{Start: at(10*time.Minute + 2*time.Second), End: at(2 * time.Minute), FirstPod: true}, v.Window)
	require.Equal(t, "app=web", v.Selector)
	require.Equal(t, 1, v.Coverage.Pods)
	require.Contains(t, v.Message, "the one sensor of the nodes where its pods ran (node-a)")
	e, err := r.service.Explain(t.Context(), v.ID, nil)
	require.NoError(t, err)
	require.True(t, e.Identical, "%v", e.Differences)
	require.Len(t, e.Sensors, 1)
	require.Equal(t, "node-a", e.Sensors[0].Hostname)

	// The namespace as a whole has no first pod: a start must be named.
	q.Pods = verifier.Pods{}
	_, err = r.service.Evaluate(t.Context(), q)
	var wrong *verifier.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "start", wrong.Field)
}

// What verdicts say of placements, and what to do about it.
func TestPlacementMessages(t *testing.T) {
	ask := func(t *testing.T, tell func(*watcher, *falco), change func(*verifier.Question)) *verifier.Verdict {
		log := memlog.New()
		f := newFalco(log, "node-a")
		f.beats(at(15*time.Minute), at(13*time.Minute))
		w := newWatcher(log, at(12*time.Minute), onNode("web-1", "node-a"))
		f.beats(at(12*time.Minute), at(2*time.Minute))
		if tell != nil {
			tell(w, f)
		}
		f.beats(at(2*time.Minute-5*time.Second), at(time.Minute))
		r := startProving(t, log)
		q := over("shadow-1", 10*time.Minute, 100*time.Second)
		if change != nil {
			change(&q)
		}
		return r.ask(t, q)
	}
	for _, tt := range []struct {
		name    string
		tell    func(*watcher, *falco)
		change  func(*verifier.Question)
		pending bool
		want    string
	}{
		{"it will be known", func(w *watcher, _ *falco) { w.settle(at(110 * time.Second)) }, nil, true,
			"Which pods ran, and on which nodes, is known up to 2026-11-23T06:28:10.000Z, and not between 2026-11-23T06:28:10.000Z and 2026-11-23T06:28:22.000Z. Wait for the next word of the watch"},
		{"it will not be known", func(w *watcher, _ *falco) { w.settle(at(5 * time.Minute)) }, nil, false,
			"is not known between 2026-11-23T06:25:00.000Z and 2026-11-23T06:28:22.000Z: the watch of the Kubernetes API had not begun, or was interrupted. Ask about a window after that."},
		{"it never was", nil, nil, false,
			"is not known at all: no watch of the Kubernetes API has told. Run a consumer with --kubernetes"},
		{"nothing ran", func(w *watcher, _ *falco) { w.settle(at(time.Minute)) }, func(q *verifier.Question) { q.Namespace = "shadow-2" }, false,
			"No container of namespace shadow-2 certainly ran in the window (clock_skew=2s), so that its silence means nothing. Check the name, and whether its pods have started: kubectl get pods -n shadow-2."},
		{"nothing of certain pods ran", func(w *watcher, _ *falco) { w.settle(at(time.Minute)) }, func(q *verifier.Question) { q.Pods = verifier.Pods{Name: "db-*", Hash: "5d8"} }, false,
			"No container of namespace shadow-1 (pods name db-*, hash 5d8) certainly ran"},
		{"nothing ran on the sensor's node", func(w *watcher, _ *falco) { w.settle(at(time.Minute)) }, func(q *verifier.Question) { q.Sensor = "node-b" }, false,
			"No container of namespace shadow-1 on the node of sensor node-b certainly ran"},
		{"there is no first pod", func(w *watcher, _ *falco) { w.settle(at(time.Minute)) }, func(q *verifier.Question) { q.Pods.Name, q.Window.Start = "db-*", time.Time{} }, false,
			"No pod of namespace shadow-1 (pods db-*) is known to have been placed on a node before the window's end, so that there is no start to ask from."},
		{"an alert that may be explained", func(w *watcher, f *falco) {
			f.alert(alert(at(2*time.Minute-2*time.Second), correlate.Warning, "container.id", "4d2f9b1c8a7e"))
			w.settle(at(time.Minute + 38*time.Second))
		}, nil, true, "It may come from a container that the Kubernetes API does not report yet: wait (wait=30s)."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := ask(t, tt.tell, tt.change)
			require.Equal(t, verifier.Inconclusive, v.Verdict)
			require.Equal(t, tt.pending, v.Pending)
			require.Contains(t, v.Message, tt.want)
			require.True(t, strings.HasSuffix(v.Message, ".") || strings.HasSuffix(v.Message, ")"))
		})
	}
}

// A question that is pending for what is known of placements is woken by what changes
// that, and by nothing else.
func TestWaitForPlacements(t *testing.T) {
	tests := []struct {
		name string
		then func(w *watcher, f *falco)
		want verifier.Outcome
		code verifier.ReasonCode
		ends bool // with the time to wait
	}{
		{"the next mark", func(w *watcher, _ *falco) { w.settle(epoch.Add(5 * time.Second)) }, verifier.Pass, verifier.ReasonProven, false},
		{"the watch begins anew", func(w *watcher, _ *falco) {
			w.told.Session, w.told.Number = 2, 0
			w.settle(epoch.Add(5 * time.Second))
		}, verifier.Inconclusive, "no_placement", true},
		{"an alert", func(_ *watcher, f *falco) {
			f.alert(inPod("shadow-1", "web-1", at(time.Second), correlate.Warning))
		}, verifier.Fail, verifier.ReasonAlerts, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := memlog.New()
				f := newFalco(log, "node-a")
				w := newWatcher(log, at(20*time.Minute), onNode("web-1", "node-a"))
				f.beats(at(15*time.Minute), epoch.Add(10*time.Second))
				w.settle(epoch)
				r := startProving(t, log)
				q := proven("shadow-1")
				q.Wait = 30 * time.Second
				answer := r.waitFor(t, q)
				require.True(t, pending(answer))
				// A pod on another node does not answer it, nor does one of another
				// namespace.
				w.pod(epoch.Add(time.Second), &correlate.Placement{UID: "other", Namespace: "shadow-2", Pod: "db-1", Node: "node-b"})
				require.True(t, pending(answer))
				tt.then(w, f)
				if !tt.ends {
					synctest.Wait()
					require.Len(t, answer, 1, "it is answered at once")
				}
				v := <-answer
				require.Equal(t, tt.want, v.Verdict)
				require.Equal(t, tt.code, v.Reason)
				require.Zero(t, r.tail.Waiting())
			})
		})
	}
}

// A pod that is told of while a question waits may need another sensor.
func TestWaitForAnotherSensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		f := newFalco(log, "node-a")
		w := newWatcher(log, at(20*time.Minute), onNode("web-1", "node-a"))
		f.beats(at(15*time.Minute), epoch.Add(10*time.Second))
		w.settle(epoch)
		r := startProving(t, log)
		q := proven("shadow-1")
		q.Wait = 30 * time.Second
		answer := r.waitFor(t, q)
		require.True(t, pending(answer))
		p := onNode("web-2", "node-b")
		p.Created, p.Scheduled, p.Started = at(time.Second), at(time.Second), epoch
		w.pod(epoch.Add(time.Second), p)
		w.settle(epoch.Add(5 * time.Second))
		synctest.Wait()
		v := <-answer
		require.Equal(t, verifier.Inconclusive, v.Verdict)
		require.EqualValues(t, "no_sensor", v.Reason)
		require.Equal(t, []string{"node-a", "node-b"}, v.Coverage.Sensors)
	})
}

// An alert without a namespace holds a question for as long as its container may still
// be told of, and then it is the namespace's or another's.
func TestWaitForAttribution(t *testing.T) {
	for _, tt := range []struct {
		name      string
		namespace string
		want      verifier.Outcome
	}{{"the namespace's own", "shadow-1", verifier.Fail}, {"another's", "shadow-2", verifier.Pass}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := memlog.New()
				f := newFalco(log, "node-a")
				w := newWatcher(log, at(20*time.Minute), onNode("web-1", "node-a"))
				f.beats(at(15*time.Minute), at(10*time.Second))
				f.alert(alert(at(8*time.Second), correlate.Warning, "container.id", "4d2f9b1c8a7e"))
				f.beats(at(5*time.Second), epoch.Add(10*time.Second))
				w.settle(epoch.Add(10 * time.Second))
				r := startProving(t, log)
				q := proven("shadow-1")
				q.Wait = 30 * time.Second
				answer := r.waitFor(t, q)
				require.True(t, pending(answer))
				p := onNode("new-1", "node-a", "4d2f9b1c8a7e0123456789")
				p.Namespace = tt.namespace
				w.pod(epoch.Add(11*time.Second), p)
				synctest.Wait()
				require.Len(t, answer, 1, "it is answered at once")
				require.Equal(t, tt.want, (<-answer).Verdict)
			})
		})
	}
}

// What there is to see of placements.
func TestPlacementMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		log := memlog.New()
		newFalco(log, "node-a").alert(alert(at(10*time.Minute), correlate.Warning, "container.id", "4d2f9b1c8a7e"))
		gone := onNode("web-2", "node-a")
		gone.Gone = true
		w := newWatcher(log, at(9*time.Minute), onNode("web-1", "node-a", "4d2f9b1c8a7e0123456789"), gone)
		w.settle(at(time.Minute))
		startWith(t, log, verifier.TailOptions{Registerer: metrics}, verifier.ServiceOptions{})
		synctest.Wait()
		for name, want := range map[string]float64{
			"falcogate_index_attributed_alerts_total":    1,
			"falcogate_placements_watchers":              1,
			"falcogate_placements_known_age_seconds":     60,
			"falcogate_placements_refused_records_total": 0,
			"falcogate_placements_forgotten_pods_total":  0,
		} {
			require.InDelta(t, want, sample(t, metrics, name), 0, name)
		}
		require.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`# HELP falcogate_placements_pods Pods that placements are kept of, by whether they are there still.
# TYPE falcogate_placements_pods gauge
falcogate_placements_pods{state="past"} 1
falcogate_placements_pods{state="running"} 1
`), "falcogate_placements_pods"))
		problems, err := testutil.GatherAndLint(metrics)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}
