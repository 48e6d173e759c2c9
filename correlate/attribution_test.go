package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const containerID1 = "4d2f9b1c8a7e"

// fromContainer is an alert of a container on a sensor, and of what else it names.
func fromContainer(at float64, sensor, id string, fields ...Field) *Alert {
	if id != "" {
		fields = append(fields, Field{"container.id", id})
	}
	return &Alert{Hostname: sensor, Rule: "r", Priority: Error, Time: sec(at), OutputFields: NewFields(fields)}
}

func running(ids ...string) func(*Placement) {
	return func(p *Placement) {
		for _, id := range ids {
			p.Containers = append(p.Containers, id+"0123456789abcdef")
		}
	}
}

// Where an alert belongs, whether its pod is told of before it or after it.
func TestAttributionByContainer(t *testing.T) {
	ns, pod := Field{"k8s.ns.name", "a"}, Field{"k8s.pod.name", "web-9"}
	tests := []struct {
		name      string
		alert     *Alert
		origin    Origin
		namespace string
		pod       string
		moved     uint64 // when the pod is told of after it
	}{
		{"its container's pod", fromContainer(5, "n1", containerID1), Attributed, "a", "web-1", 1},
		{"a whole id", fromContainer(5, "n1", containerID1+"0123456789abcdef"), Attributed, "a", "web-1", 1},
		{"an id that is too short", fromContainer(5, "n1", containerID1[:11]), Unattributed, "", "", 0},
		{"no id", fromContainer(5, "n1", ""), Unattributed, "", "", 0},
		{"another container", fromContainer(5, "n1", "4d2f9b1c8a7f"), Unattributed, "", "", 0},
		{"another node", fromContainer(5, "n2", containerID1), Unattributed, "", "", 0},
		{"the host", fromContainer(5, "n1", "host"), OnHost, "", "", 0},
		{"its own word", fromContainer(5, "n1", containerID1, ns, pod), Attributed, "a", "web-9", 0},
		{"a namespace without a pod", fromContainer(5, "n1", containerID1, ns), Attributed, "a", "web-1", 0},
		{"another namespace without a pod", fromContainer(5, "n1", containerID1, Field{"k8s.ns.name", "b"}), Attributed, "b", "", 0},
		{"a pod without a namespace", fromContainer(5, "n1", containerID1, pod), Attributed, "a", "web-1", 1},
	}
	for _, tt := range tests {
		for _, first := range []string{"the pod", "the alert"} {
			t.Run(tt.name+", "+first+" first", func(t *testing.T) {
				d := newDesk(t)
				tell := func() { d.list("w", 3, onNode("web-1", "n1", running("000000000000", containerID1))) }
				if first == "the pod" {
					tell()
				}
				d.state.TakeChanges()
				d.apply(6, tt.alert)
				if first == "the alert" {
					tell()
				}
				requireSound(t, d.state.Index())
				list, _, err := d.state.Index().List(everything(), NewestFirst, 10, Cursor{})
				require.NoError(t, err)
				require.Len(t, list, 1)
				require.Equal(t, tt.origin, list[0].Origin)
				require.Equal(t, tt.namespace, list[0].Namespace)
				require.Equal(t, tt.pod, list[0].Pod)
				require.Equal(t, tt.alert.Hostname, list[0].Sensor)
				s := d.state.Index().Stats()
				require.Equal(t, tt.origin == Unattributed, s.Unattributed == 1)
				if first == "the alert" {
					require.Equal(t, tt.moved, s.Attributed)
					waited := tt.moved > 0 || tt.name == "a namespace without a pod"
					var spans []AttributedSpan
					if waited {
						spans = []AttributedSpan{{"a", sec(5), sec(5)}}
					}
					require.Equal(t, spans, d.state.TakeChanges().Attributed)
				} else {
					require.Zero(t, s.Attributed)
					require.Empty(t, d.state.TakeChanges().Attributed)
				}
			})
		}
	}
}

// The same alert is the same alert, before and after it is attributed.
func TestAttributionOfDuplicates(t *testing.T) {
	d := clusterOf(t)
	a := fromContainer(5, "n1", containerID1)
	d.apply(6, a)
	d.apply(7, a)
	require.EqualValues(t, 1, d.state.Index().Stats().Duplicates)
	d.pod("w", 8, onNode("web-1", "n1", running(containerID1)))
	d.apply(9, a)
	s := d.state.Index().Stats()
	require.EqualValues(t, 2, s.Duplicates)
	require.EqualValues(t, 1, s.Alerts)
	require.EqualValues(t, 1, s.Attributed)
	require.Zero(t, s.Unattributed)
	requireSound(t, d.state.Index())

	// Its pod was forgotten, so that it comes without a namespace once more, and gets
	// it back: then it is the same again.
	known := d.state.placements.spaces["a"].pods[0]
	d.state.placements.drop(known)
	d.apply(10, a)
	require.EqualValues(t, 1, d.state.Index().Stats().Unattributed)
	d.pod("w", 11, onNode("web-1", "n1", running(containerID1)))
	s = d.state.Index().Stats()
	require.EqualValues(t, 3, s.Duplicates)
	require.EqualValues(t, 1, s.Alerts)
	require.EqualValues(t, 2, s.Attributed)
	require.Zero(t, s.Unattributed)
	requireSound(t, d.state.Index())
}

// An alert waits for the container of a pod whose sensor had another name at first.
func TestAttributionAfterTheSensorIsNamed(t *testing.T) {
	d := clusterOf(t)
	d.apply(6, fromContainer(5, "falco-1", containerID1))
	d.pod("w", 7, onNode("web-1", "n1", running(containerID1)))
	require.EqualValues(t, 1, d.state.Index().Stats().Unattributed)
	d.pod("w", 8, onNode("web-1", "n1", running(containerID1), func(p *Placement) { p.Hostname = "falco-1" }))
	require.Zero(t, d.state.Index().Stats().Unattributed)
	require.EqualValues(t, 1, d.state.Index().Stats().Attributed)
}

// What waits takes memory that is counted, and is forgotten with what is evicted.
func TestWaitingIsBounded(t *testing.T) {
	d := newDesk(t)
	d.state = NewState(Limits{Retention: 100 * time.Second}, 0)
	for i := range 50 {
		d.apply(float64(i), fromContainer(float64(i), "n1", containerID1))
		d.apply(float64(i), fromContainer(float64(i), "n1", fmt.Sprintf("%012d", i)))
	}
	x := d.state.Index()
	require.Len(t, x.waiting, 51)
	require.Len(t, x.waiting[containerKey{uniqueOf("n1"), containerID([]byte(containerID1))}], 50)
	requireSound(t, x)
	d.apply(130, &Drop{Hostname: "n1"})
	requireSound(t, x)
	require.Len(t, x.waiting, 21)
	d.apply(300, &Drop{Hostname: "n1"})
	requireSound(t, x)
	require.Nil(t, x.waiting)
	require.Zero(t, x.Stats().Bytes)

	// An alert that was evicted does not come back with its pod.
	d.apply(301, fromContainer(301, "n1", containerID1))
	x.RaiseFloor(sec(300.5))
	x.floor = seconds(302) // not swept yet
	d.pod("w", 303, onNode("web-1", "n1", running(containerID1)))
	require.Zero(t, x.Stats().Attributed)
	require.Empty(t, x.spaces)
}

// The bytes that attribution takes count against the limit at once.
func TestAttributionMakesRoom(t *testing.T) {
	d := newDesk(t)
	d.state = NewState(Limits{MaxBytes: 2000}, 0)
	x := d.state.Index()
	for i := 0; x.Stats().Bytes < 1900; i++ {
		d.apply(float64(i), fromContainer(float64(i), "n1", containerID1))
	}
	require.Zero(t, x.Stats().EvictedByBytes)
	d.pod("w", 100, onNode(fmt.Sprintf("web-%01000d", 1), "n1", running(containerID1)))
	require.LessOrEqual(t, x.Stats().Bytes, int64(2000))
	require.NotZero(t, x.Stats().EvictedByBytes)
	requireSound(t, x)
}

// A table of places that is full makes room for the place that an alert moves to.
func TestAttributionWithAFullTable(t *testing.T) {
	d := newDesk(t)
	x := d.state.Index()
	x.places = newSymbols[place](4)
	for i := range 4 {
		d.apply(float64(i), fromContainer(float64(i), fmt.Sprint("n", i), containerID1))
	}
	require.True(t, x.places.full())
	d.pod("w", 10, onNode("web-1", "n3", running(containerID1)))
	requireSound(t, x)
	require.EqualValues(t, 1, x.Stats().Attributed)
	require.EqualValues(t, 1, x.Stats().EvictedByBytes)
	// Where nobody waits nothing has to go.
	for i := 10; !x.places.full(); i++ {
		d.apply(float64(i), fromContainer(float64(i), fmt.Sprint("n", i), containerID1))
	}
	d.pod("w", 30, onNode("web-2", "n77", running(containerID1)))
	require.EqualValues(t, 1, x.Stats().EvictedByBytes)
}

// Many alerts of one instant keep what tells duplicates of them in order, wherever the
// ones that are attributed come between them.
func TestAttributionOfManyAtOnce(t *testing.T) {
	for _, before := range []int{0, 1, tieScan - 1, tieScan, tieScan + 1, tieScan + 20} {
		for _, after := range []int{0, 1, tieScan, tieScan + 20} {
			d := clusterOf(t)
			n := 0
			alerts := func(count int, fields ...Field) {
				for range count {
					n++
					d.apply(6, fromContainer(5, "n1", containerID1, append(fields, Field{"proc.pid", fmt.Sprint(n)})...))
				}
			}
			named := []Field{{"k8s.ns.name", "a"}, {"k8s.pod.name", "web-1"}}
			alerts(before, named...)
			alerts(3)
			alerts(after, named...)
			alerts(tieScan + 3)
			requireSound(t, d.state.Index())
			d.pod("w", 7, onNode("web-1", "n1", running(containerID1)))
			requireSound(t, d.state.Index())
			s := d.state.Index().Stats()
			require.EqualValues(t, n, s.Alerts)
			require.EqualValues(t, tieScan+6, s.Attributed)
			// Each of them is known when it comes again.
			all := n
			n = 0
			alerts(before, named...)
			alerts(3)
			alerts(after, named...)
			alerts(tieScan + 3)
			s = d.state.Index().Stats()
			require.EqualValues(t, all, s.Duplicates)
			require.EqualValues(t, all, s.Alerts)
			d.state.Index().RaiseFloor(sec(6))
			requireSound(t, d.state.Index())
			require.Empty(t, d.state.Index().ties)
		}
	}
}

// Whoever waits is told when the alerts were that got their namespace, in few words.
func TestAttributedSpans(t *testing.T) {
	t.Parallel()
	var c Changes
	c.attributed("b", 5, 7)
	c.attributed("a", 3, 3)
	c.attributed("b", 1, 6)
	c.attributed("b", 6, 9)
	require.Equal(t, []AttributedSpan{{"b", instant(1), instant(9)}, {"a", instant(3), instant(3)}}, c.Attributed)
	for i := range maxFlawed {
		c.attributed(fmt.Sprint("ns", i), 20, 30)
	}
	require.Len(t, c.Attributed, maxFlawed)
	require.Equal(t, AttributedSpan{"", instant(20), instant(30)}, c.Attributed[maxFlawed-1])
	c.attributed("late", 2, 50)
	require.Len(t, c.Attributed, maxFlawed)
	require.Equal(t, AttributedSpan{"", instant(2), instant(50)}, c.Attributed[maxFlawed-1])
}
