package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func glob(t *testing.T, pattern string) Glob {
	g, err := ParseGlob(pattern)
	require.NoError(t, err)
	return g
}

// Which pods a scope has.
func TestPodScope(t *testing.T) {
	d := clusterOf(t,
		onNode("web-1", "n1", labelled("app", "web", "pod-template-hash", "5d8")),
		onNode("web-2", "n2", labelled("app", "web", "rollouts-pod-template-hash", "5d8"), func(p *Placement) { p.Controller, p.Workload = Owner{"ReplicaSet", "web-2"}, Owner{"Rollout", "web"} }),
		onNode("db-0", "n3", labelled("app", "db", "controller-revision-hash", "9c1"), func(p *Placement) { p.Controller, p.Workload = Owner{"StatefulSet", "db"}, Owner{"StatefulSet", "db"} }),
		onNode("bare", "n4", labelled(), func(p *Placement) { p.Controller, p.Workload = Owner{}, Owner{} }),
	)
	d.settle(60)
	tests := []struct {
		name        string
		change      func(*PodScope)
		sensors     []string
		all, byName bool
	}{
		{"all", func(*PodScope) {}, []string{"n1", "n2", "n3", "n4"}, true, true},
		{"by name", func(s *PodScope) { s.Name = glob(t, "web-*") }, []string{"n1", "n2"}, false, true},
		{"by label", selecting("app", "web"), []string{"n1", "n2"}, false, false},
		{"by label that none has", selecting("app", "cache"), nil, false, false},
		{"without a label", func(s *PodScope) { s.Labels = func(l Fields) bool { return len(l) == 0 } }, []string{"n4"}, false, false},
		{"by controller", func(s *PodScope) { s.Owner = Owner{"replicaset", "web-1"} }, []string{"n1"}, false, false},
		{"by workload", func(s *PodScope) { s.Owner = Owner{"rollout", "web"} }, []string{"n2"}, false, false},
		{"by both in one", func(s *PodScope) { s.Owner = Owner{"STATEFULSET", "db"} }, []string{"n3"}, false, false},
		{"by an owner of another kind", func(s *PodScope) { s.Owner = Owner{"daemonset", "web"} }, nil, false, false},
		{"by an owner of another name", func(s *PodScope) { s.Owner = Owner{"deployment", "WEB"} }, nil, false, false},
		{"by hash", func(s *PodScope) { s.Hash = "5d8" }, []string{"n1", "n2"}, false, false},
		{"by a revision's hash", func(s *PodScope) { s.Hash = "9c1" }, []string{"n3"}, false, false},
		{"by a hash that is another label's value", func(s *PodScope) { s.Hash = "web" }, nil, false, false},
		{"by sensor", func(s *PodScope) { s.Sensor = "n2" }, []string{"n2"}, true, true},
		{"by all together", func(s *PodScope) {
			s.Name, s.Hash, s.Owner = glob(t, "web-*"), "5d8", Owner{"deployment", "web"}
			selecting("app", "web")(s)
		}, []string{"n1"}, false, false},
		{"by two that contradict each other", func(s *PodScope) { s.Name, s.Hash = glob(t, "web-*"), "9c1" }, nil, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scope := PodScope{Namespace: "a"}
			tt.change(&scope)
			require.Equal(t, tt.all, scope.All())
			require.Equal(t, tt.byName, scope.ByName())
			p := d.placed(10, 20, tt.change)
			if len(tt.sensors) == 0 {
				require.Empty(t, p.Sensors)
			} else {
				require.Equal(t, tt.sensors, p.Sensors)
			}
			require.Equal(t, len(tt.sensors), p.Ran)
			require.Equal(t, len(tt.sensors), p.Pods.Len())
		})
	}
}

// A pod is in a scope for as long as it may have had the labels, and runs in it for as
// long as it certainly had them.
func TestLabelsThatChange(t *testing.T) {
	canary, stable := labelled("tier", "canary"), labelled("tier", "stable")
	tests := []struct {
		name             string
		tell             func(*desk)
		from, to         float64
		skew             time.Duration
		canary, stable   bool
		canaryR, stableR int
	}{
		{"before", func(*desk) {}, 10, 20, 0, true, false, 1, 0},
		{"after", func(*desk) {}, 50, 60, 0, false, true, 0, 1},
		{"up to the mark before it was told", func(*desk) {}, 20, 30, 0, true, false, 1, 0},
		{"between that and the telling", func(*desk) {}, 31, 39, 0, true, true, 0, 0},
		{"over the change", func(*desk) {}, 20, 50, 0, true, true, 1, 1},
		{"from the telling on", func(*desk) {}, 40, 50, 0, false, true, 0, 1},
		{"near it, by clocks that differ", func(*desk) {}, 41, 50, 2 * time.Second, true, true, 0, 1},
		{"long enough after it", func(*desk) {}, 42, 50, 2 * time.Second, false, true, 0, 1},
		{"back again", func(d *desk) {
			d.settle(65)
			d.pod("w", 70, onNode("web-1", "n1", canary))
		}, 75, 80, 0, true, false, 1, 0},
		{"gone then", func(d *desk) {
			d.settle(65)
			d.pod("w", 70, onNode("web-1", "n1", stable, gone))
		}, 66, 69, 0, false, true, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := clusterOf(t, onNode("web-1", "n1", canary))
			d.settle(30)
			d.pod("w", 40, onNode("web-1", "n1", stable))
			tt.tell(d)
			d.settle(100)
			for tier, want := range map[string]struct {
				there bool
				ran   int
			}{"canary": {tt.canary, tt.canaryR}, "stable": {tt.stable, tt.stableR}} {
				scope := PodScope{Namespace: "a"}
				selecting("tier", tier)(&scope)
				p := d.state.Placed(scope, Window{sec(tt.from), sec(tt.to)}, tt.skew)
				require.Empty(t, p.Unknown)
				require.Equal(t, want.there, len(p.Sensors) == 1, tier)
				require.Equal(t, want.ran, p.Ran, tier)
			}
			all := d.placed(tt.from, tt.to)
			require.Equal(t, []string{"n1"}, all.Sensors)
			if tt.name != "gone then" {
				require.Equal(t, 1, all.Ran, "whatever it was called")
			}
		})
	}
}

// The names that a scope by labels has are those pods' only for as long as they had
// the labels.
func TestNamesOfLabelsThatChange(t *testing.T) {
	d := clusterOf(t, onNode("web-1", "n1", labelled("tier", "canary")))
	d.settle(30)
	d.pod("w", 40, onNode("web-1", "n1", labelled("tier", "stable")))
	d.settle(100)
	canary := d.placed(2, 90, selecting("tier", "canary")).Pods
	stable := d.placed(2, 90, selecting("tier", "stable")).Pods
	for at, want := range map[float64][2]bool{5: {true, false}, 29: {true, false}, 35: {true, true}, 41: {false, true}, 80: {false, true}} {
		require.Equal(t, want, [2]bool{canary.Has("web-1", sec(at)), stable.Has("web-1", sec(at))}, "at %v", at)
	}
}

// Before anything was known a pod may have been in another guise, and then it may be
// asked for.
func TestLabelsBeforeTheList(t *testing.T) {
	d := newDesk(t)
	d.list("w", 20, onNode("web-1", "n1", labelled("tier", "canary")))
	d.settle(60)
	p := d.placed(10, 15, selecting("tier", "canary"))
	require.Equal(t, []string{"n1"}, p.Sensors)
	require.True(t, p.Pods.Has("web-1", sec(12)))
	require.Equal(t, 1, d.placed(30, 40, selecting("tier", "canary")).Ran)
	require.Zero(t, d.placed(10, 15, selecting("tier", "canary")).Ran)
}

// What another session tells is so from the list on; between the two it is not known
// which of them was so.
func TestLabelsOfAnotherSession(t *testing.T) {
	d := clusterOf(t, onNode("web-1", "n1", labelled("tier", "canary")))
	d.settle(20)
	d.restart("w")
	d.list("w", 40, onNode("web-1", "n1", labelled("tier", "stable")))
	d.settle(60)
	for _, tt := range []struct {
		from, to       float64
		canary, stable bool
	}{{5, 15, true, false}, {25, 35, true, true}, {40, 50, false, true}, {15, 35, true, true}} {
		require.Equal(t, tt.canary, len(d.placed(tt.from, tt.to, selecting("tier", "canary")).Sensors) == 1, "canary at %v", tt.from)
		require.Equal(t, tt.stable, len(d.placed(tt.from, tt.to, selecting("tier", "stable")).Sensors) == 1, "stable at %v", tt.from)
	}
}

// Labels are read as they were told.
func TestLabelSet(t *testing.T) {
	for _, labels := range []Fields{{{"a", ""}}, {{"", "b"}}, {{"a", "b"}, {"c", "d=e,f"}}} {
		var s podSelection
		s.scope.Labels = func(l Fields) bool { require.Equal(t, labels, l); return true }
		g := guiseOf(&Placement{Labels: labels})
		require.True(t, s.has(&g))
	}
}

// An alert counts in a scope by pods when its pod was in it at the time, and as one of
// a stranger when no pod of that name was.
func TestQueryOfPods(t *testing.T) {
	d := clusterOf(t, onNode("web-1", "n1", labelled("tier", "canary")), onNode("db-0", "n1"))
	d.settle(30)
	d.pod("w", 40, onNode("web-1", "n1", labelled("tier", "stable")))
	alert := func(at float64, pod string) {
		fields := Fields{{"k8s.ns.name", "a"}}
		if pod != "" {
			fields = append(fields, Field{"k8s.pod.name", pod})
		}
		d.apply(90, &Alert{Hostname: "n1", Rule: "r", Priority: Error, Time: sec(at), OutputFields: fields})
	}
	for _, at := range []float64{10, 50, 60} {
		alert(at, "web-1")
	}
	alert(11, "db-0")
	alert(12, "nobody")
	alert(13, "")
	d.settle(100)
	count := func(q Query) uint64 {
		q.Namespace, q.Window, q.MinPriority = "a", Window{sec(1), sec(90)}, Debug
		counts, err := d.state.Index().Count(q)
		require.NoError(t, err)
		list, _, err := d.state.Index().List(q, NewestFirst, 100, Cursor{})
		require.NoError(t, err)
		require.Len(t, list, int(counts.Total()))
		return counts.Total()
	}
	require.EqualValues(t, 1, count(Query{Pods: d.placed(1, 90, selecting("tier", "canary")).Pods}))
	require.EqualValues(t, 2, count(Query{Pods: d.placed(1, 90, selecting("tier", "stable")).Pods}))
	require.EqualValues(t, 4, count(Query{Pods: d.placed(1, 90).Pods}))
	require.EqualValues(t, 2, count(Query{Strangers: d.placed(1, 90).Pods}))
	require.EqualValues(t, 6, count(Query{Strangers: &PodSet{}}))
	require.Zero(t, count(Query{Pods: &PodSet{}}))
	require.EqualValues(t, 1, count(Query{Strangers: d.placed(1, 90).Pods, Pod: NoPod()}))
}
