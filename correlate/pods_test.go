package correlate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A pod that a whole list does not have is not there any more, as far as its watcher
// knows; one that was told since the mark that the list cites may be.
func TestListWithoutAPod(t *testing.T) {
	tests := []struct {
		name string
		tell func(*desk)
		want []string // sensors of 35s to 40s, when all is known again
	}{
		{"on the list", func(d *desk) { d.list("w", 30, onNode("web-1", "n1")) }, []string{"n1"}},
		{"not on the list", func(d *desk) { d.list("w", 30) }, nil},
		{"told before the mark", func(d *desk) {
			d.pod("w", 28, onNode("web-1", "n1"))
			d.list("w", 30)
		}, nil},
		{"told after the mark", func(d *desk) {
			asOf := d.mark("w", 28, Watching, 0)
			d.pod("w", 29, onNode("web-1", "n1"))
			d.mark("w", 30, Listing, asOf)
			d.mark("w", 30, Listed, asOf)
		}, []string{"n1"}},
		{"told in the list and gone in it", func(d *desk) {
			asOf := d.mark("w", 28, Watching, 0)
			d.mark("w", 30, Listing, asOf)
			d.pod("w", 30, onNode("web-1", "n1"))
			d.pod("w", 31, onNode("web-1", "n1", gone))
			d.mark("w", 32, Listed, asOf)
		}, nil},
		{"a list that does not count says nothing", func(d *desk) {
			d.mark("w", 30, Listing, 0)
			d.mark("w", 30, Listed, 0)
			d.list("v", 30, onNode("web-2", "n2", times(25, 25, 25)))
		}, []string{"n2"}},
		{"another watcher's list says nothing of who else says what", func(d *desk) {
			d.list("v", 30, onNode("web-2", "n2", times(25, 25, 25)))
			d.list("w", 30, onNode("web-1", "n1"))
		}, []string{"n1", "n2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := clusterOf(t, onNode("web-1", "n1"))
			d.settle(20)
			d.restart("w")
			tt.tell(d)
			for _, name := range []string{"v", "w"} {
				if d.told[name] != nil {
					d.beat(name, 50)
					d.beat(name, 60)
				}
			}
			p := d.placed(35, 40)
			require.Empty(t, p.Unknown)
			if len(tt.want) == 0 {
				require.Empty(t, p.Sensors)
			} else {
				require.Equal(t, tt.want, p.Sensors)
			}
			require.Equal(t, []string{"n1"}, d.placed(10, 20).Sensors, "what was known before stays so")
			requirePods(t, d.state)
		})
	}
}

// While it is not known, a pod that was there may still be.
func TestPodThatMayBeThere(t *testing.T) {
	d := clusterOf(t, onNode("web-1", "n1"))
	d.settle(20)
	p := d.placed(30, 40)
	require.NotEmpty(t, p.Unknown)
	require.Equal(t, []string{"n1"}, p.Sensors)
	require.Zero(t, p.Ran)
	require.True(t, p.Pods.Has("web-1", sec(35)))
	// Nor is it known after the list, of the time before that.
	d.restart("w")
	d.list("w", 45)
	d.settle(60)
	require.Equal(t, []string{"n1"}, d.placed(30, 50).Sensors)
	require.Empty(t, d.placed(45, 50).Sensors)
	require.Equal(t, []string{"n1"}, d.placed(44, 50).Sensors)
	require.Equal(t, 0, d.state.PlacementStats().Running)
	require.Equal(t, 1, d.state.PlacementStats().Pods)
}

// A pod that one watcher told of and that another, which knows all, does not have was
// gone before the first could tell: it died.
func TestPodOfADeadWatcher(t *testing.T) {
	d := clusterOf(t)
	d.list("v", 2)
	d.pod("v", 10, onNode("web-1", "n1"))
	d.settle(100)
	d.settle(200)
	require.Empty(t, d.placed(110, 150).Unknown)
	require.Empty(t, d.placed(110, 150).Sensors)
	require.Zero(t, d.placed(110, 150).Ran)
	// Until the other knows, it may be there.
	require.Equal(t, []string{"n1"}, d.placed(199, 202).Sensors)
}

// What a watcher that is behind says comes after what another has told: each counts for
// what it knows.
func TestWatcherThatIsBehind(t *testing.T) {
	canary, stable := labelled("tier", "canary"), labelled("tier", "stable")
	d := clusterOf(t, onNode("web-1", "n1", canary))
	d.list("v", 2, onNode("web-1", "n1", canary))
	d.settle(20)
	d.pod("w", 21, onNode("web-1", "n1", stable))
	d.settle(40)
	d.pod("v", 41, onNode("web-1", "n1", canary, times(0, 0, 1))) // it has not heard yet
	require.Equal(t, []string{"n1"}, d.placed(30, 40, selecting("tier", "stable")).Sensors)
	require.Equal(t, 1, d.placed(30, 40, selecting("tier", "stable")).Ran)
	d.pod("v", 42, onNode("web-1", "n1", stable))
	d.beat("v", 50)
	d.beat("v", 60)
	require.Empty(t, d.placed(44, 48, selecting("tier", "canary")).Sensors)
	require.Equal(t, []string{"n1"}, d.placed(44, 48, selecting("tier", "stable")).Sensors)

	// It also tells of one that is gone already, and then that it is.
	d.pod("w", 61, onNode("web-1", "n1", stable, gone))
	d.pod("v", 62, onNode("web-1", "n1", stable))
	d.pod("v", 63, onNode("web-1", "n1", stable, gone))
	d.settle(80)
	require.Empty(t, d.placed(64, 70).Sensors, "it does not come back")
	require.Equal(t, 0, d.state.PlacementStats().Running)
	requirePods(t, d.state)
}

// One that came and went is told of once, to be gone; and one that is told to be gone
// over and over has ended when that was told first.
func TestToldToBeGone(t *testing.T) {
	d := clusterOf(t)
	d.settle(10)
	d.pod("w", 15, onNode("web-1", "n1", times(11, 11, 11), gone))
	d.settle(20)
	require.Equal(t, []string{"n1"}, d.placed(11, 20).Sensors)
	for at := 30.0; at < 60; at++ {
		d.pod("w", at, onNode("web-1", "n1", gone))
	}
	d.settle(100)
	require.Empty(t, d.placed(16, 90).Sensors)
	require.Len(t, d.state.placements.spaces["a"].pods[0].words, 1)
	// Where it was told to be gone earlier, that counts.
	d.pod("w", 101, onNode("web-1", "n1", ended(12, 0)))
	require.Empty(t, d.placed(13, 90).Sensors)
	// A guise that was never told before makes it no younger.
	d.pod("w", 102, onNode("web-1", "n1", labelled("app", "other"), gone))
	d.settle(110)
	require.Empty(t, d.placed(13, 105).Sensors)
	requirePods(t, d.state)
}

// The times that are known of a pod are not forgotten, whatever is told later.
func TestPodTimes(t *testing.T) {
	d := clusterOf(t)
	d.pod("w", 2, onNode("web-1", "n1", times(5, 6, 7)))
	d.pod("w", 3, onNode("web-1", "n1", times(-1, -1, -1)))
	d.pod("w", 3, onNode("web-1", "n1", times(8, 8, 8)))
	known := d.state.placements.spaces["a"].pods[0]
	require.Equal(t, []int64{seconds(5), seconds(6), seconds(7)}, []int64{known.created, known.scheduled, known.started})
	d.pod("w", 3, onNode("web-1", "n1", times(3, 4, 5)))
	require.Equal(t, []int64{seconds(3), seconds(4), seconds(5)}, []int64{known.created, known.scheduled, known.started})
	// A time before 1970 is known as well.
	require.EqualValues(t, 1, earliestOf(0, time.Unix(-5, 0)))
	require.EqualValues(t, 1, earliestOf(1, time.Unix(9, 0)))
	require.Zero(t, earliestOf(0, time.Time{}))
	// No lingering overflows.
	end, _ := endOf(&Placement{Linger: 1<<63 - 1}, maxNanos)
	require.EqualValues(t, maxNanos, end)
	end, _ = endOf(&Placement{Linger: 1<<63 - 1}, 5)
	require.EqualValues(t, maxNanos, end)
	end, _ = endOf(&Placement{Linger: -time.Hour, Finished: time.Unix(-1, 0)}, 0)
	require.EqualValues(t, 1, end)
}

// Pods beyond the most make room of those that ended first, and of the time before
// nothing is known then.
func TestTooManyPods(t *testing.T) {
	d := newDesk(t)
	d.state.placements.most = 32
	d.list("w", 1)
	for i := range 32 {
		at := float64(i) + 2
		d.pod("w", at, onNode(fmt.Sprint("web-", i), "n1", times(at, at, at), func(p *Placement) { p.Containers = []string{fmt.Sprintf("%012d", i)} }))
	}
	for i := range 20 {
		d.pod("w", 40+float64(i), onNode(fmt.Sprint("web-", 19-i), "n1", times(2, 2, 2), gone))
	}
	d.settle(70)
	require.Empty(t, d.placed(5, 60).Unknown)
	d.pod("w", 71, onNode("more", "n1"))
	s := d.state.PlacementStats()
	require.Equal(t, PlacementStats{Pods: 31, Running: 13, Watchers: 1, Forgot: 2}, s)
	require.Equal(t, spans(5, 41), d.placed(5, 60).Unknown, "the first ended at 40s, the second at 41s")
	require.Equal(t, spans(40.5, 41), d.placed(40.5, 60).Unknown)
	require.False(t, d.placed(40.5, 40.7).Open)
	require.Empty(t, d.placed(41, 60).Unknown)
	require.NotContains(t, d.state.placements.pods, podIDOf("uid-web-19"))
	require.NotContains(t, d.state.placements.pods, podIDOf("uid-web-18"))
	require.Len(t, d.state.placements.containers, 30)
	requirePods(t, d.state)
}

// When all are running there is no room, and nothing is known from then on until a
// list finds room.
func TestNoRoomForAPod(t *testing.T) {
	d := newDesk(t)
	d.state.placements.most = 2
	d.list("w", 1, onNode("web-1", "n1"), onNode("web-2", "n1"))
	d.settle(10)
	d.pod("w", 11, onNode("web-3", "n1"))
	d.settle(20)
	d.settle(30)
	require.Equal(t, spans(10, 20), d.placed(5, 20).Unknown)
	require.Equal(t, PlacementStats{Pods: 2, Running: 2, Watchers: 1, Refused: 1}, d.state.PlacementStats())
	d.list("w", 40, onNode("web-1", "n1"), onNode("web-2", "n1"), onNode("web-3", "n1"))
	d.settle(50)
	require.NotEmpty(t, d.placed(41, 45).Unknown)
	d.pod("w", 51, onNode("web-1", "n1", gone))
	d.list("w", 60, onNode("web-2", "n1"), onNode("web-3", "n1"))
	d.settle(70)
	d.settle(80)
	require.Empty(t, d.placed(61, 65).Unknown)
	requirePods(t, d.state)
}

// What ended before the retention is forgotten.
func TestPodsAreForgotten(t *testing.T) {
	d := newDesk(t)
	d.state = NewState(Limits{Retention: 100 * time.Second}, 0)
	d.list("w", 1, onNode("web-1", "n1", labelled("n", "1")), onNode("web-2", "n1"))
	d.pod("w", 2, onNode("web-1", "n1", labelled("n", "2")))
	d.pod("w", 3, onNode("web-2", "n1", gone))
	for at := 10.0; at <= 110; at += 10 {
		d.beat("w", at)
	}
	p := d.state.placements
	require.Len(t, p.pods, 1)
	require.Len(t, p.spaces["a"].pods[0].words, 1, "of what it was before")
	require.Equal(t, 1, d.state.PlacementStats().Running)
	d.pod("w", 111, onNode("web-1", "n1", gone))
	for at := 120.0; at <= 220; at += 10 {
		d.beat("w", at)
	}
	require.Empty(t, p.pods)
	require.Empty(t, p.spaces)
	require.True(t, d.state.Placing())
}

// A pod keeps the guises that it had, but not without end.
func TestPodOfManyGuises(t *testing.T) {
	d := clusterOf(t, onNode("web-1", "n1", labelled("n", "0")))
	for i := range keptWords + 2 {
		d.settle(float64(i*10 + 8))
		d.pod("w", float64(i*10+10), onNode("web-1", "n1", labelled("n", fmt.Sprint(i+1))))
	}
	d.settle(200)
	known := d.state.placements.spaces["a"].pods[0]
	require.Len(t, known.words, keptWords+1)
	// It was 0 and 1 until 20s, and that is not known any more: it may have been any.
	require.Equal(t, []string{"n1"}, d.placed(12, 19, selecting("n", "nothing")).Sensors)
	require.Zero(t, d.placed(12, 19, selecting("n", "nothing")).Ran)
	require.Empty(t, d.placed(20, 25, selecting("n", "nothing")).Sensors)
	require.Equal(t, []string{"n1"}, d.placed(22, 25, selecting("n", "2")).Sensors)
	require.Equal(t, []string{"n1"}, d.placed(2, 9).Sensors)
	require.Equal(t, sec(0), d.state.FirstPod(PodScope{Namespace: "a", Hash: "nothing"}))
}

// The containers of a pod are known on its node, and not without end.
func TestPodContainers(t *testing.T) {
	id := func(i int) string { return fmt.Sprintf("%012d-%s", i, strings.Repeat("f", 51)) }
	having := func(ids ...string) func(*Placement) { return func(p *Placement) { p.Containers = ids } }
	on := func(d *desk, hostname, id string) string {
		for key, known := range d.state.placements.containers {
			if key.hostname.Value() == hostname && string(key.id[:]) == id[:12] {
				return known.name
			}
		}
		return ""
	}
	d := clusterOf(t, onNode("web-1", "n1", having(id(1), "too-short", "")), onNode("web-2", "n2", having(id(1))))
	require.Equal(t, "web-1", on(d, "n1", id(1)))
	require.Equal(t, "web-2", on(d, "n2", id(1)), "the same id on another node is another container")
	require.Len(t, d.state.placements.containers, 2)

	// One that has no node yet has none.
	d.pod("w", 2, onNode("web-3", "", having(id(3))))
	require.Len(t, d.state.placements.containers, 2)
	d.pod("w", 3, onNode("web-3", "n3", having(id(3))))
	require.Equal(t, "web-3", on(d, "n3", id(3)))

	// The sensor of the node has another name than was thought.
	d.pod("w", 4, onNode("web-3", "n3", having(id(3)), func(p *Placement) { p.Hostname = "falco-3" }))
	require.Equal(t, "web-3", on(d, "falco-3", id(3)))
	require.Empty(t, on(d, "n3", id(3)))
	d.settle(10)
	require.Equal(t, []string{"falco-3", "n1", "n2"}, d.placed(5, 6).Sensors)
	require.Equal(t, []string{"n1", "n2", "n3"}, d.placed(5, 6).Nodes)

	// One that crashes has a new one each time. The one beside it that does not is known
	// all the time.
	for i := range keptContainers + 5 {
		d.pod("w", 20, onNode("web-1", "n1", having(id(2), id(100+i), id(101+i))))
		require.Equal(t, "web-1", on(d, "n1", id(2)))
		require.Equal(t, "web-1", on(d, "n1", id(101+i)))
	}
	require.Empty(t, on(d, "n1", id(1)))
	require.Empty(t, on(d, "n1", id(105)))
	require.Equal(t, "web-1", on(d, "n1", id(100+keptContainers)))
	require.Len(t, d.state.placements.spaces["a"].pods[0].containers, keptContainers)
	requirePods(t, d.state)

	// One that has more at a time keeps them all.
	var many []string
	for i := range keptContainers * 2 {
		many = append(many, id(1000+i))
	}
	d.pod("w", 30, onNode("web-1", "n1", having(many...)))
	for _, id := range many {
		require.Equal(t, "web-1", on(d, "n1", id))
	}
	require.Empty(t, on(d, "n1", id(100+keptContainers)))
	requirePods(t, d.state)
}

// What is kept of a record does not keep the whole record in memory: nothing of it is
// shared.
func TestPodsShareNothing(t *testing.T) {
	whole := strings.Repeat("a web-1 n1 uid falco-1 w ", 100)
	part := func(word string) string {
		i := strings.Index(whole, word)
		return whole[i : i+len(word)]
	}
	d := newDesk(t)
	d.apply(1, &Placement{Told: Told{part("w"), 1, 1}, UID: part("uid"), Namespace: part("a"), Pod: part("web-1"), Node: part("n1"), Hostname: part("falco-1")})
	known := d.state.placements.spaces["a"].pods[0]
	for _, kept := range []string{known.name, known.namespace, known.node.Value(), known.hostname.Value(), d.state.placements.watchers.slots[0].name} {
		require.False(t, within(whole, kept), "%q is a part of the record", kept)
	}
}
