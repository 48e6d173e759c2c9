package correlate

import (
	"cmp"
	"encoding/binary"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is an index that is plainly right: a slice of all that was ever stored,
// searched from one end to the other.
type model struct {
	limits        Limits
	newest, floor time.Time
	stored        []Entry // in order of position
	added         uint64
	duplicates    uint64
	late, ahead   uint64
}

func (m *model) advance(logged time.Time) {
	if logged.After(m.newest) {
		m.newest = logged
	}
	if m.limits.Retention > 0 {
		m.raise(m.newest.Add(-m.limits.Retention))
	}
}

func (m *model) raise(t time.Time) {
	if t.After(m.floor) {
		m.floor = t
	}
}

func (m *model) add(rec *Record) {
	a := rec.Body.(*Alert)
	m.added++
	m.advance(rec.Logged)
	ns, origin := a.Namespace()
	e := Entry{
		Position: rec.Position, Time: a.Time, Priority: a.Priority, Origin: origin, Namespace: ns,
		Rule: a.Rule, Pod: a.Pod(), Sensor: a.Hostname, IDPrefix: [8]byte(rec.ID[:8]),
	}
	switch {
	case e.Time.Before(m.floor):
		m.late++
	case m.limits.Retention > 0 && e.Time.Sub(m.newest) > m.limits.Retention:
		m.ahead++
	case slices.ContainsFunc(m.stored, func(o Entry) bool {
		return o.IDPrefix == e.IDPrefix && o.Time.Equal(e.Time) && o.Priority == e.Priority && o.Namespace == e.Namespace && o.Origin == e.Origin
	}):
		m.duplicates++
	default:
		m.stored = append(m.stored, e)
	}
}

// held are the alerts at or above the floor.
func (m *model) held() []Entry {
	return slices.DeleteFunc(slices.Clone(m.stored), func(e Entry) bool { return e.Time.Before(m.floor) })
}

func (m *model) query(q Query, order Order) []Entry {
	var found []Entry
	for _, e := range m.held() {
		var in bool
		switch q.Scope {
		case InNamespace:
			in = e.Origin == Attributed && e.Namespace == q.Namespace
		case AllNamespaces:
			in = e.Origin == Attributed
		case Host:
			in = e.Origin == OnHost
		case WithoutNamespace:
			in = e.Origin == Unattributed
		case Everything:
			in = true
		}
		pod := true
		switch {
		case q.Pod == NoPod():
			pod = e.Pod == ""
		case q.Pod.String() != "":
			pod, _ = path.Match(q.Pod.String(), e.Pod)
		}
		if in && pod && q.Window.Contains(e.Time) && e.Priority.AtLeast(q.MinPriority) &&
			(q.Rule == "" || q.Rule == e.Rule) && (q.Sensor == "" || q.Sensor == e.Sensor) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int {
		c := cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Position, b.Position))
		if order == NewestFirst {
			return -c
		}
		return c
	})
	return found
}

func (m *model) count(q Query) (counts Counts) {
	for _, e := range m.query(q, OldestFirst) {
		counts[e.Priority]++
	}
	return counts
}

// messages draws alerts from a small world, so that namespaces, instants and
// whole messages come again.
type messages struct {
	position uint64
	logged   time.Time
}

var (
	worldNamespaces = []string{"shadow-1", "shadow-10", "shadow", "host", "", "prod"}
	worldPods       = []string{"web-1", "web-10", "api-7f9c-x2", "", "we*b"}
	worldRules      = []string{"Terminal shell in container", "Terminal", "Write below etc"}
	worldSensors    = []string{"node-a", "node-b", "node"}
)

func (w *messages) draw(t *rapid.T) *Record {
	w.position += rapid.Uint64Range(1, 3).Draw(t, "hole")
	w.logged = w.logged.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "logged")) * time.Second)
	fields := []Field{{"proc.pid", rapid.SampledFrom([]string{"1", "2"}).Draw(t, "pid")}}
	if ns := rapid.SampledFrom(worldNamespaces).Draw(t, "namespace"); ns != "" {
		fields = append(fields, Field{"k8s.ns.name", ns})
	} else if rapid.Bool().Draw(t, "host") {
		fields = append(fields, Field{"container.id", "host"})
	}
	if pod := rapid.SampledFrom(worldPods).Draw(t, "pod"); pod != "" {
		fields = append(fields, Field{"k8s.pod.name", pod})
	}
	offset := rapid.OneOf(rapid.IntRange(-5, 2), rapid.IntRange(-90, 90)).Draw(t, "offset")
	a := &Alert{
		Hostname:     rapid.SampledFrom(worldSensors).Draw(t, "sensor"),
		Source:       "syscall",
		Rule:         rapid.SampledFrom(worldRules).Draw(t, "rule"),
		Priority:     rapid.SampledFrom(Priorities[:]).Draw(t, "priority"),
		Time:         w.logged.Add(time.Duration(offset) * time.Second),
		OutputFields: NewFields(fields),
	}
	return &Record{Position: w.position, Logged: w.logged, Received: w.logged, ID: a.ID(), Body: a}
}

func drawQuery(t *rapid.T, now time.Time) Query {
	start := now.Add(time.Duration(rapid.IntRange(-120, 60).Draw(t, "start")) * time.Second)
	q := Query{
		Scope:       Scope(rapid.IntRange(int(InNamespace), int(Everything)).Draw(t, "scope")),
		Window:      Window{start, start.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "length")) * time.Second)},
		MinPriority: rapid.SampledFrom(Priorities[:]).Draw(t, "min priority"),
		Rule:        rapid.SampledFrom(append(worldRules, "", "", "", "shell")).Draw(t, "rule"),
		Sensor:      rapid.SampledFrom(append(worldSensors, "", "", "", "nod")).Draw(t, "sensor"),
	}
	if q.Scope == InNamespace {
		q.Namespace = rapid.SampledFrom([]string{"shadow-1", "shadow-10", "shadow", "host", "prod", "sha", "SHADOW"}).Draw(t, "namespace")
	}
	switch pattern := rapid.SampledFrom([]string{"", "", "", "nopod", "*", "web-*", "web-1", "web-?", "[aw]*", `we\*b`, "api-*-x2"}).Draw(t, "pod"); pattern {
	case "":
	case "nopod":
		q.Pod = NoPod()
	default:
		glob, err := ParseGlob(pattern)
		require.NoError(t, err)
		q.Pod = glob
	}
	return q
}

// ask compares all that the index says about a random query with the model.
func ask(t *rapid.T, x *Index, m *model, now time.Time) {
	q := drawQuery(t, now)
	counts, err := x.Count(q)
	require.NoError(t, err)
	require.Equal(t, m.count(q), counts)

	order := rapid.SampledFrom([]Order{NewestFirst, OldestFirst}).Draw(t, "order")
	want := m.query(q, order)
	require.EqualValues(t, len(want), counts.Total())
	limit := rapid.SampledFrom([]int{1, 2, 7, 1000}).Draw(t, "limit")
	var have []Entry
	var cursor Cursor
	for {
		page, next, err := x.List(q, order, limit, cursor)
		require.NoError(t, err)
		have = append(have, page...)
		if next.IsZero() {
			break
		}
		require.Len(t, page, limit, "only the last page is short")
		require.Equal(t, page[limit-1].Cursor(), next)
		cursor, err = ParseCursor(next.String())
		require.NoError(t, err)
		require.Equal(t, next, cursor)
	}
	require.Len(t, have, len(want))
	for i := range want {
		require.Equal(t, want[i], have[i])
	}
}

// requireSound checks what the index promises itself, by counting again.
func requireSound(t require.TestingT, x *Index) {
	var alerts, bytes int64
	rules, places, sensors := map[string]uint32{}, map[place]uint32{}, map[string]uint32{}
	ties := 0
	for sp := range x.allSpaces() {
		inSpace := 0
		for _, p := range Priorities {
			s := sp.of(p)
			if len(s.chunks) > 0 {
				bytes += seriesBytes
			}
			var before *entry
			alike := 0 // of the same instant
			for _, chunk := range s.chunks {
				require.NotEmpty(t, chunk)
				require.LessOrEqual(t, cap(chunk), chunkEntries)
				for i := range chunk {
					e := &chunk[i]
					require.True(t, before == nil || before.before(e.time(), e.position()), "in order")
					require.GreaterOrEqual(t, e.time(), x.swept)
					if before == nil || before.time() != e.time() {
						alike = 0
					}
					if alike++; alike > tieScan {
						require.Contains(t, x.ties, tie{sp, p, e.time(), e.id()})
						ties++
					}
					before = e
					inSpace++
					rules[x.rules.key(e.rule())]++
					places[x.places.key(e.place())]++
				}
			}
		}
		alerts += int64(inSpace)
		if sp != x.host && sp != x.unattributed {
			require.NotZero(t, inSpace, "a namespace without alerts is gone")
			require.Same(t, sp, x.spaces[sp.name])
			bytes += spaceBytes + stringBytes(sp.name)
		}
	}
	for at := range places {
		sensors[x.sensors.key(at.sensor)]++
		bytes += symbolBytes + stringBytes(at.pod)
	}
	for _, names := range []map[string]uint32{rules, sensors} {
		for name := range names {
			bytes += symbolBytes + stringBytes(name)
		}
	}
	require.Len(t, x.ties, ties, "those behind the first of their instant, and no other")
	for _, list := range x.waiting {
		require.NotEmpty(t, list)
		bytes += waitersBytes + int64(len(list))*waitingBytes
	}
	bytes += alerts*entryBytes + int64(len(x.ties))*tieBytes
	requireSymbols(t, &x.rules, rules)
	requireSymbols(t, &x.sensors, sensors)
	requireSymbols(t, &x.places, places)
	s := x.Stats()
	require.EqualValues(t, alerts, s.Alerts)
	require.Equal(t, bytes, s.Bytes, "a function of what is held")
}

// requireSymbols checks that the table holds these keys with these numbers of
// references, and no other.
func requireSymbols[K comparable](t require.TestingT, s *symbols[K], want map[K]uint32) {
	require.Equal(t, len(want), s.live)
	for key, refs := range want {
		n, ok := s.find(key)
		require.True(t, ok)
		require.Equal(t, key, s.key(n))
		require.Equal(t, refs, s.list[n].refs)
	}
}

// The index says what the model says, whatever comes, in whichever order.
func TestIndexAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			Retention: rapid.SampledFrom([]time.Duration{0, 30 * time.Second, 100 * time.Second, time.Hour}).Draw(t, "retention"),
			MaxBytes:  rapid.SampledFrom([]int64{0, 0, 1, 5_000, 50_000}).Draw(t, "max bytes"),
		}
		x, m, w := NewIndex(limits), &model{limits: limits}, &messages{logged: epoch}
		var log []*Record

		// agree takes over how far the index went to make room, after checking
		// that it had to, and compares the rest.
		agree := func(t *rapid.T) {
			floor := x.Floor()
			require.False(t, floor.Before(m.floor), "the floor is at least what age and RaiseFloor demand")
			if floor.After(m.floor) {
				require.NotZero(t, limits.MaxBytes, "nothing else raises it further")
				require.NotZero(t, x.Stats().EvictedByBytes)
				m.floor = floor
			}
			if limits.MaxBytes > 0 {
				require.LessOrEqual(t, x.Stats().Bytes, limits.MaxBytes)
			}
		}
		add := func(t *rapid.T, rec *Record) {
			log = append(log, rec)
			require.NoError(t, x.Add(rec))
			m.add(rec)
			agree(t)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "n") {
					add(t, w.draw(t))
				}
			},
			"again": func(t *rapid.T) {
				if len(log) == 0 {
					t.Skip("nothing yet")
				}
				again := *rapid.SampledFrom(log).Draw(t, "record")
				w.position++
				again.Position, again.Logged = w.position, w.logged
				add(t, &again)
			},
			"advance": func(t *rapid.T) {
				// Also backwards, which changes nothing.
				logged := w.logged.Add(time.Duration(rapid.IntRange(-10, 20).Draw(t, "by")) * time.Second)
				x.Advance(logged)
				m.advance(logged)
				if logged.After(w.logged) {
					w.logged = logged
				}
				agree(t)
			},
			"raise": func(t *rapid.T) {
				to := w.logged.Add(time.Duration(rapid.IntRange(-200, -20).Draw(t, "to")) * time.Second)
				x.RaiseFloor(to)
				m.raise(to)
				agree(t)
			},
			"ask": func(t *rapid.T) { ask(t, x, m, w.logged) },
			"": func(t *rapid.T) {
				requireSound(t, x)
				s := x.Stats()
				require.Equal(t, m.added, s.Alerts+s.Duplicates+s.LateBelowFloor+s.Ahead+s.EvictedByAge+s.EvictedByBytes, "every alert is accounted for")
				require.Equal(t, m.duplicates, s.Duplicates)
				require.Equal(t, m.late, s.LateBelowFloor)
				require.Equal(t, m.ahead, s.Ahead)
				require.GreaterOrEqual(t, s.Alerts, uint64(len(m.held())))
			},
		})
		// What is left once the last too old ones are swept is exactly the model's.
		x.RaiseFloor(m.floor.Add(1))
		m.raise(m.floor.Add(1))
		s := x.Stats()
		held := m.held()
		require.EqualValues(t, len(held), s.Alerts)
		namespaces := map[string]bool{}
		var host, unattributed uint64
		for _, e := range held {
			switch e.Origin {
			case OnHost:
				host++
			case Unattributed:
				unattributed++
			default:
				namespaces[e.Namespace] = true
			}
		}
		require.Equal(t, host, s.Host)
		require.Equal(t, unattributed, s.Unattributed)
		require.Len(t, namespaces, s.Namespaces)
	})
}

// Enough alerts in one series for many chunks, with late ones that split them.
func TestChunksAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, m := NewIndex(Limits{}), &model{}
		spread := rapid.SampledFrom([]int{1, 50, 10_000}).Draw(t, "spread")
		descending := rapid.Bool().Draw(t, "descending")
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(1, 2500).Draw(t, "n")
		for i := range n {
			offset := int(mix(seed+uint64(i)) % uint64(spread))
			if descending {
				offset = -i - offset%3
			}
			a := &Alert{Hostname: "node-a", Rule: "r", Priority: Error, Time: epoch.Add(time.Duration(offset)), OutputFields: Fields{{"k8s.ns.name", "a"}}}
			rec := &Record{Position: uint64(i) + 1, Logged: epoch, Body: a}
			binary.BigEndian.PutUint64(rec.ID[:], mix(uint64(i)))
			require.NoError(t, x.Add(rec))
			m.stored = append(m.stored, Entry{
				Position: rec.Position, Time: a.Time, Priority: Error, Origin: Attributed, Namespace: "a",
				Rule: "r", Sensor: "node-a", IDPrefix: [8]byte(rec.ID[:8]),
			})
		}
		requireSound(t, x)
		for range 5 {
			low := rapid.IntRange(-n-10, spread).Draw(t, "low")
			q := Query{
				Namespace: "a", MinPriority: Debug,
				Window: Window{epoch.Add(time.Duration(low)), epoch.Add(time.Duration(low + rapid.IntRange(1, n+spread).Draw(t, "length")))},
			}
			counts, err := x.Count(q)
			require.NoError(t, err)
			require.Equal(t, m.count(q), counts)
			have, _, err := x.List(q, NewestFirst, n, Cursor{})
			require.NoError(t, err)
			require.True(t, slices.Equal(m.query(q, NewestFirst), have))
			x.RaiseFloor(epoch.Add(time.Duration(rapid.IntRange(-n, spread).Draw(t, "floor"))))
			m.raise(x.Floor())
			requireSound(t, x)
		}
	})
}
