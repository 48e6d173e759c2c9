package correlate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// attributing is a model whose alerts belong where the pods that are known by now say:
// it looks at all of them again each time.
type attributing struct {
	model
	containers map[uint64]string // of each alert, on its sensor, by position
	pods       map[string]home   // by container
	attributed uint64
}

func containerOn(hostname, id string) string { return hostname + "/" + id }

// own is what an alert says itself.
func (m *attributing) own(rec *Record) (e Entry, container string) {
	a := rec.Body.(*Alert)
	ns, origin := a.Namespace()
	e = Entry{
		Position: rec.Position, Time: a.Time, Priority: a.Priority, Origin: origin, Namespace: ns,
		Rule: a.Rule, Pod: a.Pod(), Sensor: a.Hostname, IDPrefix: [8]byte(rec.ID[:8]),
	}
	if id := a.ContainerID(); len(id) >= 12 {
		container = containerOn(a.Hostname, id[:12])
	}
	return e, container
}

// explain gives an entry what a pod that has its container says of it.
func (m *attributing) explain(e *Entry) (changed bool) {
	pod, ok := m.pods[m.containers[e.Position]]
	switch {
	case !ok || e.Origin == OnHost:
	case e.Origin == Unattributed:
		e.Origin, e.Namespace, e.Pod = Attributed, pod.namespace, pod.pod
		return true
	case e.Pod == "" && e.Namespace == pod.namespace:
		e.Pod = pod.pod
	}
	return false
}

func (m *attributing) add(rec *Record) {
	e, container := m.own(rec)
	m.added++
	m.advance(rec.Logged)
	m.containers[e.Position] = container
	m.explain(&e)
	switch {
	case e.Time.Before(m.floor):
		m.late++
	case m.limits.Retention > 0 && e.Time.Sub(m.newest) > m.limits.Retention:
		m.ahead++
	case m.has(e):
		m.duplicates++
	default:
		m.stored = append(m.stored, e)
	}
}

func (m *attributing) has(e Entry) bool {
	return slices.ContainsFunc(m.stored, func(o Entry) bool {
		return o.Position != e.Position && o.IDPrefix == e.IDPrefix && o.Time.Equal(e.Time) && o.Priority == e.Priority && o.Namespace == e.Namespace && o.Origin == e.Origin
	})
}

// place notes a pod's containers.
func (m *attributing) place(p *Placement) {
	for _, id := range p.Containers {
		m.pods[containerOn(p.Node, id[:12])] = home{namespace: p.Namespace, pod: p.Pod}
	}
	for i := range m.stored {
		if !m.stored[i].Time.Before(m.floor) && m.explain(&m.stored[i]) {
			m.attributed++
			require.False(nil, m.has(m.stored[i]), "the same alert twice, once attributed: the world makes none")
		}
	}
}

// attributionWorld draws alerts and the placements of the pods that they come from.
type attributionWorld struct {
	position uint64
	logged   time.Time
	number   uint64
	dense    bool // all at a few instants, of one priority
}

var (
	worldContainers = []string{"0123456789ab", "0123456789ac", "f00dfeedbeef", "4d2f9b1c8a7e", "host", "short", ""}
	// worldHomes are the pods of the first containers, by sensor and number.
	worldHomes = map[string][]home{
		"node-a": {{namespace: "shadow-1", pod: "web-1"}, {namespace: "shadow-1", pod: "web-10"}, {namespace: "prod", pod: "api-7f9c-x2"}, {namespace: "shadow", pod: "web-1"}},
		"node-b": {{namespace: "prod", pod: "web-1"}, {namespace: "shadow-10", pod: "we*b"}, {namespace: "shadow-1", pod: "web-1"}, {namespace: "shadow-1", pod: "web-1"}},
	}
)

func (w *attributionWorld) record(body Body) *Record {
	w.position++
	return &Record{Position: w.position, Logged: w.logged, Received: w.logged, Body: body}
}

func (w *attributionWorld) alert(t *rapid.T) *Record {
	fields := []Field{{"proc.pid", fmt.Sprint(rapid.IntRange(1, map[bool]int{false: 2, true: 1000}[w.dense]).Draw(t, "pid"))}}
	if id := rapid.SampledFrom(worldContainers).Draw(t, "container"); id != "" {
		fields = append(fields, Field{"container.id", id})
	}
	if ns := rapid.SampledFrom([]string{"", "", "", "shadow-1", "prod"}).Draw(t, "namespace"); ns != "" {
		fields = append(fields, Field{"k8s.ns.name", ns})
		if pod := rapid.SampledFrom([]string{"", "web-1", "web-10"}).Draw(t, "pod"); pod != "" {
			fields = append(fields, Field{"k8s.pod.name", pod})
		}
	}
	a := &Alert{
		Hostname: rapid.SampledFrom([]string{"node-a", "node-b"}).Draw(t, "sensor"), Source: "syscall",
		Rule: rapid.SampledFrom(worldRules).Draw(t, "rule"), Priority: Error, Time: epoch, OutputFields: NewFields(fields),
	}
	if w.dense {
		a.Time = epoch.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "instant")))
	} else {
		w.logged = w.logged.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "logged")) * time.Second)
		a.Priority = rapid.SampledFrom(Priorities[:]).Draw(t, "priority")
		a.Time = w.logged.Add(time.Duration(rapid.IntRange(-90, 5).Draw(t, "offset")) * time.Second)
	}
	rec := w.record(a)
	rec.ID = a.ID()
	return rec
}

func (w *attributionWorld) placement(t *rapid.T) *Record {
	node := rapid.SampledFrom([]string{"node-a", "node-b"}).Draw(t, "node")
	i := rapid.IntRange(0, 3).Draw(t, "pod")
	belongs := worldHomes[node][i]
	w.number++
	return w.record(&Placement{
		Told: Told{"w", 1, w.number}, UID: fmt.Sprint(node, i), Namespace: belongs.namespace, Pod: belongs.pod, Node: node,
		Containers: []string{worldContainers[i] + "ffff"},
	})
}

// beat is a word of the watcher, so that it is not forgotten.
func (w *attributionWorld) beat() *Record {
	w.number++
	return w.record(&Watch{Told: Told{"w", 1, w.number}})
}

// The index says what the model says: an alert without a namespace is its pod's from
// when its container is known on, whatever comes first.
func TestAttributionAgainstModel(t *testing.T) {
	var moved, evicted uint64
	check := func(dense bool) func(*rapid.T) {
		return func(t *rapid.T) {
			limits := Limits{
				Retention: rapid.SampledFrom([]time.Duration{0, 30 * time.Second, 100 * time.Second}).Draw(t, "retention"),
				MaxBytes:  rapid.SampledFrom([]int64{0, 0, 1, 5_000, 20_000}).Draw(t, "max bytes"),
			}
			state := NewState(limits, 0)
			x, w := state.Index(), &attributionWorld{logged: epoch, dense: dense}
			m := &attributing{model: model{limits: limits}, containers: map[uint64]string{}, pods: map[string]home{}}
			var log []*Record
			apply := func(t *rapid.T, rec *Record) {
				require.NoError(t, state.Apply(rec))
				switch body := rec.Body.(type) {
				case *Alert:
					log = append(log, rec)
					m.add(rec)
				case *Placement:
					m.advance(rec.Logged)
					m.place(body)
				default:
					m.advance(rec.Logged)
				}
				floor := x.Floor()
				require.False(t, floor.Before(m.floor), "the floor is at least what age and RaiseFloor demand")
				if floor.After(m.floor) {
					require.NotZero(t, limits.MaxBytes, "nothing else raises it further")
					m.floor = floor
				}
				if limits.MaxBytes > 0 {
					require.LessOrEqual(t, x.Stats().Bytes, limits.MaxBytes)
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"alerts": func(t *rapid.T) {
					for range rapid.IntRange(1, 90).Draw(t, "n") {
						apply(t, w.alert(t))
						apply(t, w.beat())
					}
				},
				"again": func(t *rapid.T) {
					if len(log) == 0 {
						t.Skip("nothing yet")
					}
					again := *rapid.SampledFrom(log).Draw(t, "record")
					w.position++
					again.Position, again.Logged = w.position, w.logged
					apply(t, &again)
				},
				"place": func(t *rapid.T) { apply(t, w.placement(t)) },
				"raise": func(t *rapid.T) {
					to := w.logged.Add(time.Duration(rapid.IntRange(-200, -20).Draw(t, "to")) * time.Second)
					x.RaiseFloor(to)
					m.raise(to)
				},
				"ask": func(t *rapid.T) { ask(t, x, &m.model, w.logged) },
				"": func(t *rapid.T) {
					requireSound(t, x)
					s := x.Stats()
					require.Equal(t, m.added, s.Alerts+s.Duplicates+s.LateBelowFloor+s.Ahead+s.EvictedByAge+s.EvictedByBytes, "every alert is accounted for")
					require.Equal(t, m.duplicates, s.Duplicates)
					require.Equal(t, m.late, s.LateBelowFloor)
					require.Equal(t, m.ahead, s.Ahead)
					require.Equal(t, m.attributed, s.Attributed)
					m.requireWaiting(t, x)
				},
			})
			x.RaiseFloor(m.floor.Add(1))
			m.raise(m.floor.Add(1))
			var unattributed uint64
			for _, e := range m.held() {
				if e.Origin == Unattributed {
					unattributed++
				}
			}
			require.Equal(t, unattributed, x.Stats().Unattributed)
			require.EqualValues(t, len(m.held()), x.Stats().Alerts)
			moved += m.attributed
			evicted += x.Stats().EvictedByBytes
		}
	}
	t.Run("spread", rapid.MakeCheck(check(false)))
	t.Run("at a few instants", rapid.MakeCheck(check(true)))
	require.Positive(t, moved)
	require.Positive(t, evicted)
}

// requireWaiting checks that who waits is held, and lacks something that its container
// would tell.
func (m *attributing) requireWaiting(t *rapid.T, x *Index) {
	want := map[uint64]bool{}
	for _, e := range m.held() {
		_, known := m.pods[m.containers[e.Position]]
		if m.containers[e.Position] != "" && !known && (e.Origin == Unattributed || e.Origin == Attributed && e.Pod == "") {
			want[e.Position] = true
		}
	}
	for _, list := range x.waiting {
		for _, w := range list {
			if w.ns >= x.floor {
				require.True(t, want[w.position], "position %d of %q waits in vain", w.position, m.containers[w.position])
				delete(want, w.position)
			}
		}
	}
	require.Empty(t, want, "these should wait")
}
