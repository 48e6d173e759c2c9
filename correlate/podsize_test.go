package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd makes up the pods of a large cluster, with ten labels and two containers each.
type crowd struct {
	told Told
	// own is whether each pod has a label of its own, as those of StatefulSets and
	// Jobs have.
	own bool
}

func (c *crowd) pod(i int, gone bool) *Placement {
	c.told.Number++
	app := fmt.Sprintf("service-%04d", i/30)
	labels := Fields{
		{"app.kubernetes.io/component", "server"},
		{"app.kubernetes.io/instance", app},
		{"app.kubernetes.io/managed-by", "Helm"},
		{"app.kubernetes.io/name", app},
		{"app.kubernetes.io/part-of", fmt.Sprintf("platform-%02d", i/3000)},
		{"app.kubernetes.io/version", fmt.Sprintf("1.%d.0", i/30%100)},
		{"helm.sh/chart", app + "-4.11.2"},
		{"pod-template-hash", fmt.Sprintf("%010x", i/10)},
		{"team.example.com/owner", fmt.Sprintf("team-%03d", i/300)},
		{"zone", "eu-central-1a"},
	}
	if c.own {
		labels[0] = Field{"apps.kubernetes.io/pod-index", fmt.Sprint(i)}
	}
	at := epoch.Add(time.Duration(i) * time.Millisecond).Truncate(time.Second)
	return &Placement{
		Told: c.told, UID: fmt.Sprintf("6f1c7d0e-3f57-4b0c-9a7e-%012x", i), Namespace: fmt.Sprintf("team-%03d-services", i/100),
		Pod: fmt.Sprintf("%s-%010x-%05x", app, i/10, i), Node: fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", i/50/256, i/50%256),
		Controller: Owner{"ReplicaSet", fmt.Sprintf("%s-%010x", app, i/10)}, Workload: Owner{"Deployment", app}, Labels: labels,
		Containers: []string{fmt.Sprintf("%064x", mix(uint64(2*i))), fmt.Sprintf("%064x", mix(uint64(2*i+1)))},
		Created:    at, Scheduled: at, Started: at, Gone: gone,
	}
}

// fill is a state that was told of n pods in a list, and of all of them again.
func (c *crowd) fill(tb testing.TB, n int) *State {
	s := NewState(Limits{}, 0)
	position := uint64(0)
	apply := func(body Body) {
		position++
		require.NoError(tb, s.Apply(&Record{Position: position, Logged: epoch.Add(time.Duration(position) * time.Millisecond), Body: body}))
	}
	mark := func(phase WatchPhase, asOf uint64) uint64 {
		c.told.Number++
		apply(&Watch{Told: c.told, Phase: phase, AsOf: asOf})
		return c.told.Number
	}
	for range 2 {
		asOf := mark(Watching, 0)
		mark(Listing, asOf)
		for i := range n {
			apply(c.pod(i, false))
		}
		mark(Listed, asOf)
	}
	return s
}

// What a cluster's pods take in the core. The goal for core and consumer together is
// 100 MB for 50,000 pods.
func TestPodsSize(t *testing.T) {
	const pods = 50_000
	scale := 1
	if testing.Short() {
		scale = 10
	}
	for _, tt := range []struct {
		name   string
		crowd  crowd
		perPod float64 // bytes, at most
	}{
		{"labels of a workload", crowd{told: Told{Watcher: "w", Session: 1}}, 600},
		{"labels of each pod", crowd{told: Told{Watcher: "w", Session: 1}, own: true}, 900},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := pods / scale
			s, heap := heapOf(func() *State { return tt.crowd.fill(t, n) })
			require.Equal(t, n, s.PlacementStats().Running)
			t.Logf("%d pods: %.0f bytes a pod, %.1f MB", n, float64(heap)/float64(n), float64(heap)/1e6)
			require.LessOrEqual(t, float64(heap)/float64(n), tt.perPod)
		})
	}
}

// What alerts that wait for their pod take is what counts against the limit.
func TestWaitingSize(t *testing.T) {
	for _, tt := range []struct {
		name         string
		perContainer int
	}{{"one of each container", 1}, {"ten", 10}, {"a thousand", 1000}} {
		t.Run(tt.name, func(t *testing.T) {
			const n = 100_000
			s, heap := heapOf(func() *State {
				s := NewState(Limits{}, 0)
				for i := range n {
					a := fromContainer(float64(i)/1000, fmt.Sprint("n", i/tt.perContainer%100), fmt.Sprintf("%012x", mix(uint64(i/tt.perContainer))))
					rec := &Record{Position: uint64(i) + 1, Logged: sec(float64(i) / 1000), Body: a, ID: a.ID()}
					require.NoError(t, s.Apply(rec))
				}
				return s
			})
			require.EqualValues(t, n, s.Index().Stats().Unattributed)
			size, estimate := float64(heap)/n, float64(s.Index().Stats().Bytes)/n
			t.Logf("%.1f bytes an alert on the heap, %.1f by Stats.Bytes", size, estimate)
			require.InEpsilon(t, size, estimate, 0.25, "Stats.Bytes is what MaxBytes limits")
		})
	}
}
