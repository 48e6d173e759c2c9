package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clusterOf is a desk on which all is known from 1s on, and goes on to be told.
func clusterOf(t testing.TB, pods ...Placement) *desk {
	d := newDesk(t)
	d.list("w", 1, pods...)
	return d
}

// settle tells that nothing else is there to tell up to an instant.
func (d *desk) settle(at float64) {
	d.beat("w", at)
	d.beat("w", at)
}

func times(created, scheduled, started float64) func(*Placement) {
	at := func(s float64) time.Time {
		if s < 0 {
			return time.Time{}
		}
		return sec(s).Truncate(time.Second)
	}
	return func(p *Placement) { p.Created, p.Scheduled, p.Started = at(created), at(scheduled), at(started) }
}

func ended(finished float64, linger time.Duration) func(*Placement) {
	return func(p *Placement) {
		p.Gone, p.Linger = true, linger
		if finished > 0 {
			p.Finished = sec(finished)
		}
	}
}

// Which sensors are needed, and how many pods ran, for windows around the times of one
// pod.
func TestPlaced(t *testing.T) {
	tests := []struct {
		name     string
		tell     func(*desk)
		from, to float64
		skew     time.Duration
		sensors  []string
		ran      int
	}{
		{"runs all the time", func(d *desk) { d.pod("w", 2, onNode("web-1", "n1")) }, 10, 20, 0, []string{"n1"}, 1},
		{"the name of the node's sensor", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1", func(p *Placement) { p.Hostname = "falco-1" }))
		}, 10, 20, 0, []string{"falco-1"}, 1},
		{"another namespace", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1", func(p *Placement) { p.Namespace = "b" }))
		}, 10, 20, 0, nil, 0},
		{"not on a node yet", func(d *desk) { d.pod("w", 2, onNode("web-1", "", times(2, -1, -1))) }, 10, 20, 0, nil, 0},
		{"never on a node, and said to have started", func(d *desk) { d.pod("w", 2, onNode("web-1", "")) }, 10, 20, 0, nil, 0},
		{"on its node later", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "", times(2, -1, -1)))
			d.pod("w", 12, onNode("web-1", "n1", times(2, 11, 12)))
		}, 10, 20, 0, []string{"n1"}, 1},
		{"placed, and never started", func(d *desk) { d.pod("w", 2, onNode("web-1", "n1", times(2, 3, -1))) }, 10, 20, 0, []string{"n1"}, 0},
		{"placed in the second in which the window ends", func(d *desk) { d.pod("w", 20.9, onNode("web-1", "n1", times(20, 20, -1))) }, 10, 20.5, 0, []string{"n1"}, 0},
		{"placed when the window ends", func(d *desk) { d.pod("w", 20.9, onNode("web-1", "n1", times(20, 20, -1))) }, 10, 20, 0, []string{}, 0},
		{"within the skew of the window's end", func(d *desk) { d.pod("w", 20.9, onNode("web-1", "n1", times(20, 20, -1))) }, 10, 19, 1001 * time.Millisecond, []string{"n1"}, 0},
		{"not within the skew of the window's end", func(d *desk) { d.pod("w", 20.9, onNode("web-1", "n1", times(20, 20, -1))) }, 10, 19, time.Second, []string{}, 0},
		{"only created, as far as is known", func(d *desk) { d.pod("w", 3, onNode("web-1", "n1", times(15, -1, -1))) }, 10, 20, 0, []string{"n1"}, 0},
		{"no time is known", func(d *desk) { d.pod("w", 3, onNode("web-1", "n1", times(-1, -1, -1))) }, 10, 20, 0, []string{"n1"}, 0},
		{"a static pod started before the API had it", func(d *desk) { d.pod("w", 30, onNode("web-1", "n1", times(30, 30, 12))) }, 10, 20, 0, []string{"n1"}, 1},
		{"started when it is certain", func(d *desk) { d.pod("w", 20, onNode("web-1", "n1", times(2, 2, 17))) }, 10, 20, 2 * time.Second, []string{"n1"}, 1},
		{"perhaps not started in the window", func(d *desk) { d.pod("w", 20, onNode("web-1", "n1", times(2, 2, 18))) }, 10, 20, 2 * time.Second, []string{"n1"}, 0},
		{"ended before the window", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.settle(8)
			d.pod("w", 9, onNode("web-1", "n1", gone))
		}, 10, 20, 0, []string{}, 0},
		{"told to be gone in the window", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.settle(8)
			d.pod("w", 11, onNode("web-1", "n1", gone))
		}, 10, 20, 0, []string{"n1"}, 0},
		{"there at a mark in the window", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.settle(11)
			d.pod("w", 12, onNode("web-1", "n1", gone))
		}, 10, 20, 0, []string{"n1"}, 1},
		{"seen to end before the window", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.pod("w", 15, onNode("web-1", "n1", ended(8, 0)))
		}, 10, 20, 0, []string{}, 0},
		{"seen to end in the second in which the window begins", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.pod("w", 15, onNode("web-1", "n1", ended(9, 0)))
		}, 9.5, 20, 0, []string{"n1"}, 0},
		{"seen to end in the window", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.pod("w", 18, onNode("web-1", "n1", ended(15, 0)))
		}, 10, 20, 0, []string{"n1"}, 1},
		{"seen to end within the skew of the window's start", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.pod("w", 18, onNode("web-1", "n1", ended(11, 0)))
		}, 10, 20, 2 * time.Second, []string{"n1"}, 0},
		{"came and went in a second", func(d *desk) {
			d.pod("w", 14, onNode("web-1", "n1", times(12, 12, 12), ended(12, 0)))
		}, 10, 20, 2 * time.Second, []string{"n1"}, 0},
		{"came and went long enough before the window's end", func(d *desk) {
			d.pod("w", 14, onNode("web-1", "n1", times(14, 14, 14), ended(14, 0)))
		}, 10, 20, 2 * time.Second, []string{"n1"}, 1},
		{"lingers into the window", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.settle(3)
			d.pod("w", 5, onNode("web-1", "n1", ended(0, 6*time.Second)))
		}, 10, 20, 0, []string{"n1"}, 0},
		{"lingers up to the window", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.settle(3)
			d.pod("w", 5, onNode("web-1", "n1", ended(0, 5*time.Second)))
		}, 10, 20, 0, []string{}, 0},
		{"lingers, though some containers were seen to end", func(d *desk) {
			d.pod("w", 2, onNode("web-1", "n1"))
			d.pod("w", 5, onNode("web-1", "n1", ended(4, 6*time.Second)))
		}, 10, 20, 0, []string{"n1"}, 0},
		{"the API's clock is ahead, so that it ended before it began", func(d *desk) {
			d.pod("w", 12, onNode("web-1", "n1", times(13, 13, 13), gone))
		}, 10, 20, time.Second, []string{"n1"}, 0},
		{"evicted before it was placed", func(d *desk) {
			d.pod("w", 12, onNode("web-1", "", times(11, -1, -1), gone))
		}, 10, 20, 0, nil, 0},
		{"moved: another pod of the same name", func(d *desk) {
			d.pod("w", 2, onNode("web-0", "n1"))
			d.settle(11)
			d.pod("w", 12, onNode("web-0", "n1", ended(11, 0)))
			d.pod("w", 13, onNode("web-0", "n2", func(p *Placement) { p.UID = "another" }, times(12, 12, 12)))
		}, 10, 20, 0, []string{"n1", "n2"}, 2},
		{"the same node and another", func(d *desk) {
			for _, node := range []string{"n2", "n1", "n2"} {
				d.pod("w", 2, onNode("web-"+node, node))
			}
			d.pod("w", 2, onNode("web-3", "n2"))
		}, 10, 20, 0, []string{"n1", "n2"}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := clusterOf(t)
			tt.tell(d)
			d.settle(60)
			p := d.state.Placed(PodScope{Namespace: "a"}, Window{sec(tt.from), sec(tt.to)}, tt.skew)
			require.Empty(t, p.Unknown)
			if len(tt.sensors) == 0 {
				require.Empty(t, p.Sensors)
			} else {
				require.Equal(t, tt.sensors, p.Sensors)
			}
			require.Equal(t, tt.ran, p.Ran)
			require.Equal(t, sec(60), p.Known)
			require.True(t, p.Watched)
			requirePods(t, d.state)
		})
	}
}

// The parts that are not known are of the window as the skew of clocks widens it.
func TestPlacedIsWidened(t *testing.T) {
	d := clusterOf(t, onNode("web-1", "n1"))
	d.settle(50)
	at := func(from, to float64, skew time.Duration) []Window {
		return d.state.Placed(PodScope{Namespace: "a"}, Window{sec(from), sec(to)}, skew).Unknown
	}
	require.Empty(t, at(1, 50, 0))
	require.Equal(t, spans(0, 1, 50, 51), at(1, 50, time.Second))
	require.Empty(t, at(2, 49, time.Second))
	require.Empty(t, d.state.Placed(PodScope{Namespace: "nobody's"}, Window{sec(2), sec(49)}, 0).Sensors)
}

// The names of the pods count from when they were placed to when they ended, by any
// clock; a name that is used again counts for both.
func TestPlacedNames(t *testing.T) {
	d := clusterOf(t)
	d.pod("w", 6, onNode("web-0", "n1", times(5, 5, 5)))
	d.pod("w", 20, onNode("web-0", "n1", times(5, 5, 5), ended(18, 0)))
	d.pod("w", 31, onNode("web-0", "n2", times(30, 30, 30), func(p *Placement) { p.UID = "another" }))
	d.settle(60)
	p := d.state.Placed(PodScope{Namespace: "a"}, Window{sec(3), sec(50)}, time.Second).Pods
	require.Equal(t, 1, p.Len())
	for at, want := range map[float64]bool{3.9: false, 4: true, 20: true, 20.1: false, 28.9: false, 29: true, 50: true} {
		require.Equal(t, want, p.Has("web-0", sec(at)), "at %v", at)
	}
	require.False(t, p.Has("web-1", sec(10)))
	require.False(t, p.Has("", sec(10)))
	// Those that were not there in the window are not in it.
	p = d.state.Placed(PodScope{Namespace: "a"}, Window{sec(25), sec(26)}, time.Second).Pods
	require.Zero(t, p.Len())
	require.False(t, p.Has("web-0", sec(10)))
}

// When the last of the pods was placed is known only if it is of all that were there.
func TestPlacedLast(t *testing.T) {
	d := clusterOf(t, onNode("web-1", "n1", times(5, 7, 8)), onNode("web-2", "n2", times(9, 9, 9)))
	d.pod("w", 40, onNode("web-3", "n1", times(39, 39, 40)))
	d.settle(60)
	last := func(from, to float64) time.Time {
		return d.state.Placed(PodScope{Namespace: "a"}, Window{sec(from), sec(to)}, 0).Last
	}
	require.Equal(t, sec(9), last(10, 20))
	require.Equal(t, sec(39), last(10, 50))
	require.Zero(t, d.state.Placed(PodScope{Namespace: "b"}, Window{sec(10), sec(20)}, 0).Last)
	d.pod("w", 60, onNode("web-4", "n1", times(-1, -1, -1)))
	require.Zero(t, last(10, 50))
}

// The first pod of a scope that was there since placements are known.
func TestFirstPod(t *testing.T) {
	tests := []struct {
		name  string
		tell  func(*desk)
		scope PodScope
		want  float64 // 0: none
	}{
		{"nothing is known", func(d *desk) { d.pod("w", 2, onNode("web-1", "n1", times(5, 5, 5))) }, PodScope{}, 0},
		{"none", func(d *desk) { d.list("w", 1) }, PodScope{}, 0},
		{"the earliest", func(d *desk) {
			d.list("w", 1, onNode("web-2", "n1", times(9, 9, 9)), onNode("web-1", "n1", times(5, 7, 8)), onNode("web-3", "n1", times(8, 8, 8)))
		}, PodScope{}, 7},
		{"not on a node", func(d *desk) {
			d.list("w", 1, onNode("web-2", "n1", times(9, 9, 9)), onNode("web-1", "", times(5, -1, -1)))
		}, PodScope{}, 9},
		{"no time is known", func(d *desk) {
			d.list("w", 1, onNode("web-2", "n1", times(9, 9, 9)), onNode("web-1", "n1", times(-1, -1, -1)))
		}, PodScope{}, 9},
		{"by name", func(d *desk) {
			d.list("w", 1, onNode("web-2", "n1", times(9, 9, 9)), onNode("db-1", "n1", times(5, 5, 5)))
		}, PodScope{Name: Glob{pattern: "web-*"}}, 9},
		{"by sensor", func(d *desk) {
			d.list("w", 1, onNode("web-2", "n2", times(9, 9, 9)), onNode("web-1", "n1", times(5, 5, 5)))
		}, PodScope{Sensor: "n2"}, 9},
		{"by owner", func(d *desk) {
			d.list("w", 1, onNode("web-2", "n1", times(9, 9, 9)),
				onNode("web-1", "n1", times(5, 5, 5), func(p *Placement) { p.Controller, p.Workload = Owner{}, Owner{} }))
		}, PodScope{Owner: Owner{"deployment", "web"}}, 9},
		{"ended before the list", func(d *desk) {
			d.list("w", 1, onNode("web-1", "n1", times(5, 5, 5)))
			d.pod("w", 20, onNode("web-1", "n1", ended(19, 0)))
			d.lose("w")
			d.list("w", 30, onNode("web-2", "n1", times(9, 9, 9)))
			d.state.Index().RaiseFloor(sec(25))
		}, PodScope{}, 9},
		{"ended after the list", func(d *desk) {
			d.list("w", 30, onNode("web-1", "n1", times(5, 5, 5)), onNode("web-2", "n1", times(9, 9, 9)))
			d.settle(35)
			d.pod("w", 40, onNode("web-1", "n1", times(5, 5, 5), gone))
		}, PodScope{}, 5},
		{"of the namespace that is not there", func(d *desk) { d.list("w", 1, onNode("web-1", "n1")) }, PodScope{Namespace: "b"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			tt.tell(d)
			d.settle(60)
			if tt.scope.Namespace == "" {
				tt.scope.Namespace = "a"
			}
			first := d.state.FirstPod(tt.scope)
			if tt.want == 0 {
				require.Zero(t, first)
			} else {
				require.Equal(t, sec(tt.want), first)
			}
		})
	}
}
