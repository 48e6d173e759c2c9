package verifier

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// placedState is a cluster of namespaces with 100 pods each, on 50 nodes with a Falco
// each, over ten minutes.
func placedState(tb testing.TB, namespaces int) *transcript {
	tr := newTranscript()
	watcher := &transcriptWatcher{told: correlate.Told{Watcher: "w", Session: 1}}
	for ns := range namespaces {
		for i := range 100 {
			labels, err := parseLabels(fmt.Sprintf("app:web,tier:%s,pod-template-hash:%d", map[bool]string{true: "canary", false: "stable"}[i%10 == 0], i/50))
			require.NoError(tb, err)
			tr.cluster.pods = append(tr.cluster.pods, &correlate.Placement{
				UID: fmt.Sprint("uid-", ns, "-", i), Namespace: fmt.Sprint("shadow-", ns), Pod: fmt.Sprintf("web-%d-%05d", i/50, i), Node: fmt.Sprint("node-", i%50),
				Controller: correlate.Owner{Kind: "ReplicaSet", Name: fmt.Sprint("web-", i/50)}, Workload: correlate.Owner{Kind: "Deployment", Name: "web"},
				Labels: labels, Created: transcriptEpoch, Scheduled: transcriptEpoch, Started: transcriptEpoch,
				Containers: []string{fmt.Sprintf("%012x%052x", ns*100+i, 0)},
			})
		}
	}
	require.NoError(tb, tr.list(watcher, transcriptEpoch, true, true))
	var falcos []*falco
	for i := range 50 {
		f := newFalco(fmt.Sprint("node-", i))
		f.run.StartTS = transcriptEpoch.Add(-time.Minute).UnixNano()
		falcos = append(falcos, f)
	}
	for at := transcriptEpoch; at.Before(transcriptEpoch.Add(10 * time.Minute)); at = at.Add(5 * time.Second) {
		for _, f := range falcos {
			require.NoError(tb, tr.snapshots(f, at, nil, &words{}))
		}
		require.NoError(tb, tr.mark(watcher, at, correlate.Watching, watcher.last, false))
	}
	return tr
}

// BenchmarkVerdictOfPods is a verdict over a namespace of 100 pods in a cluster of
// 50,000, by all of them and by some.
func BenchmarkVerdictOfPods(b *testing.B) {
	tr := placedState(b, 500)
	for name, pods := range map[string]Pods{
		"all": {}, "name": {Name: "web-1-*"}, "selector": {Selector: "app=web,tier=canary"}, "owner": {Owner: "deployment/web"},
	} {
		b.Run(name, func(b *testing.B) {
			q := Question{
				Namespace: "shadow-7", Pods: pods,
				Window: correlate.Window{Start: transcriptEpoch.Add(time.Minute), End: transcriptEpoch.Add(9 * time.Minute)},
			}
			b.ReportAllocs()
			for b.Loop() {
				ask, err := q.ask(tr.logged, DefaultPolicy(), nil, PlacementsAuto)
				require.NoError(b, err)
				v, _, err := judge(tr.state, tr.position, &ask, nil)
				require.NoError(b, err)
				require.Equal(b, Pass, v.Verdict)
			}
		})
	}
}

// A verdict takes no longer for the pods of other namespaces.
func TestVerdictOfPodsAlone(t *testing.T) {
	allocs := func(namespaces int) float64 {
		tr := placedState(t, namespaces)
		return testing.AllocsPerRun(5, func() {
			ask, err := Question{
				Namespace: "shadow-0", Pods: Pods{Selector: "tier=canary"},
				Window: correlate.Window{Start: transcriptEpoch.Add(time.Minute), End: transcriptEpoch.Add(9 * time.Minute)},
			}.ask(tr.logged, DefaultPolicy(), nil, PlacementsAuto)
			require.NoError(t, err)
			v, _, err := judge(tr.state, tr.position, &ask, nil)
			require.NoError(t, err)
			require.Equal(t, Pass, v.Verdict, v.Message)
			require.Equal(t, 10, v.Coverage.Pods)
		})
	}
	// What pools and maps allocate differs a little from run to run.
	require.Less(t, allocs(20), 1.25*allocs(1))
}
