package correlate

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// at makes a record of namespace "a" with an id of its own.
func at(position uint64, logged, event time.Time) *Record {
	a := &Alert{Hostname: "node-a", Rule: "r", Priority: Error, Time: event, OutputFields: Fields{{"k8s.ns.name", "a"}, {"k8s.pod.name", "web-1"}}}
	rec := &Record{Position: position, Logged: logged, Received: logged, Body: a}
	binary.BigEndian.PutUint64(rec.ID[:], position)
	return rec
}

// in makes a record like at of another namespace and pod.
func in(position uint64, t time.Time, namespace, pod string) *Record {
	rec := at(position, t, t)
	rec.Body.(*Alert).OutputFields = Fields{{"k8s.ns.name", namespace}, {"k8s.pod.name", pod}}
	return rec
}

// everything selects all that an index holds.
func everything() Query {
	return Query{Scope: Everything, Window: Window{time.Unix(-1, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}, MinPriority: Debug}
}

// positions lists the positions of all that x holds.
func positions(t require.TestingT, x *Index, q Query, order Order) []uint64 {
	list, next, err := x.List(q, order, math.MaxInt, Cursor{})
	require.NoError(t, err)
	require.True(t, next.IsZero())
	all := []uint64{}
	for _, e := range list {
		all = append(all, e.Position)
	}
	return all
}

func TestAddRefuses(t *testing.T) {
	good := at(5, epoch, epoch)
	tests := []struct {
		name   string
		change func(*Record)
		err    string
	}{
		{"no alert", func(r *Record) { r.Body = &Drop{Hostname: "node-a"} }, "want an alert, have *correlate.Drop"},
		{"no body", func(r *Record) { r.Body = nil }, "want an alert, have <nil>"},
		{"no priority", func(r *Record) { r.Body = &Alert{Hostname: "node-a", Time: epoch} }, `alert of "node-a" has no valid priority: Priority(0)`},
		{"bad priority", func(r *Record) { r.Body = &Alert{Priority: 9} }, "no valid priority"},
		{"no position", func(r *Record) { r.Position = 0 }, "log position does not grow: want 6 to 281474976710655, have 0"},
		{"the same position", func(r *Record) { r.Position = 5 }, "have 5"},
		{"an old position", func(r *Record) { r.Position = 4 }, "have 4"},
		{"a position that can't be", func(r *Record) { r.Position = 1 << 48 }, "have 281474976710656"},
		{"no log time", func(r *Record) { r.Position, r.Logged = 6, time.Time{} }, "record 6: has no log time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := NewIndex(Limits{Retention: time.Hour})
			require.NoError(t, x.Add(good))
			before := x.Stats()
			bad := *at(7, epoch.Add(time.Minute), epoch)
			tt.change(&bad)
			require.ErrorContains(t, x.Add(&bad), tt.err)
			require.Equal(t, before, x.Stats(), "nothing has changed")
			require.NoError(t, x.Add(at(6, epoch, epoch)))
			requireSound(t, x)
		})
	}
	x := NewIndex(Limits{})
	require.NoError(t, x.Add(at(maxPosition, epoch, epoch)))
	require.Equal(t, []uint64{maxPosition}, positions(t, x, everything(), OldestFirst))
	require.ErrorIs(t, x.Add(at(maxPosition, epoch, epoch)), ErrPosition)
}

func TestOrder(t *testing.T) {
	x := NewIndex(Limits{})
	second := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	for i, s := range []int{5, 3, 9, 3, 0, 5} {
		require.NoError(t, x.Add(at(uint64(i)+1, second(10), second(s))))
	}
	require.Equal(t, []uint64{5, 2, 4, 1, 6, 3}, positions(t, x, everything(), OldestFirst), "by time, then position")
	require.Equal(t, []uint64{3, 6, 1, 4, 2, 5}, positions(t, x, everything(), NewestFirst))
}

// A time has one place, whatever zone it is told in; impossible times stand at
// the ends and are still held.
func TestTimes(t *testing.T) {
	x := NewIndex(Limits{})
	times := []time.Time{
		epoch.In(time.FixedZone("", 7200)),
		{},
		time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
		time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2115, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(0, 0),
	}
	for i, at0 := range times {
		require.NoError(t, x.Add(at(uint64(i)+1, epoch, at0)))
	}
	require.Equal(t, []uint64{2, 3, 6, 1, 5, 4}, positions(t, x, everything(), OldestFirst))
	q := everything()
	q.Window = Window{epoch, epoch.Add(1)}
	list, _, err := x.List(q, OldestFirst, 10, Cursor{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, epoch, list[0].Time, "in UTC")
	require.True(t, x.Floor().IsZero())
	// The floor can be raised over the last of them.
	x.RaiseFloor(time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, []uint64{4}, positions(t, x, everything(), OldestFirst))
}

func TestAttribution(t *testing.T) {
	x := NewIndex(Limits{})
	add := func(position uint64, fields ...Field) {
		rec := at(position, epoch, epoch)
		rec.Body.(*Alert).OutputFields = NewFields(fields)
		require.NoError(t, x.Add(rec))
	}
	add(1, Field{"k8s.ns.name", "shadow-1"}, Field{"k8s.pod.name", "web-1"})
	add(2, Field{"k8s.ns.name", "shadow-10"})
	add(3, Field{"container.id", "host"})
	add(4, Field{"container.id", "0123456789ab"})
	add(5, Field{"proc.cmdline", "kubectl get pods -n shadow-1"})
	add(6, Field{"k8s.ns.name", "host"})
	tests := []struct {
		scope     Scope
		namespace string
		want      []uint64
		origin    Origin
	}{
		{InNamespace, "shadow-1", []uint64{1}, Attributed},
		{InNamespace, "shadow-10", []uint64{2}, Attributed},
		{InNamespace, "shadow", []uint64{}, Attributed},
		{InNamespace, "Shadow-1", []uint64{}, Attributed},
		{InNamespace, "shadow-1 ", []uint64{}, Attributed},
		{InNamespace, "host", []uint64{6}, Attributed},
		{AllNamespaces, "", []uint64{1, 2, 6}, Attributed},
		{Host, "", []uint64{3}, OnHost},
		{WithoutNamespace, "", []uint64{4, 5}, Unattributed},
	}
	for _, tt := range tests {
		q := everything()
		q.Scope, q.Namespace = tt.scope, tt.namespace
		require.Equal(t, tt.want, positions(t, x, q, OldestFirst))
		counts, err := x.Count(q)
		require.NoError(t, err)
		require.EqualValues(t, len(tt.want), counts.Total())
		list, _, err := x.List(q, OldestFirst, 10, Cursor{})
		require.NoError(t, err)
		for _, e := range list {
			require.Equal(t, tt.origin, e.Origin)
		}
	}
	require.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, positions(t, x, everything(), OldestFirst))
	s := x.Stats()
	require.Equal(t, []uint64{6, 1, 2}, []uint64{s.Alerts, s.Host, s.Unattributed})
	require.Equal(t, 3, s.Namespaces)

	list, _, err := x.List(everything(), OldestFirst, 1, Cursor{})
	require.NoError(t, err)
	require.Equal(t, []Entry{{
		Position: 1, Time: epoch, Priority: Error, Origin: Attributed, Namespace: "shadow-1",
		Rule: "r", Pod: "web-1", Sensor: "node-a", IDPrefix: [8]byte{7: 1},
	}}, list)
}

func TestDuplicates(t *testing.T) {
	x := NewIndex(Limits{Retention: time.Hour})
	first := at(1, epoch, epoch)
	require.NoError(t, x.Add(first))
	same := *first
	same.Position, same.Logged = 2, epoch.Add(time.Minute)
	require.NoError(t, x.Add(&same))
	require.EqualValues(t, 1, x.Stats().Duplicates)
	require.Equal(t, []uint64{1}, positions(t, x, everything(), OldestFirst), "the first wins")

	// The second half of an ID is not looked at; the rest tells alerts apart.
	other := same
	other.Position, other.ID = 3, ID{7: 9}
	require.NoError(t, x.Add(&other))
	require.Equal(t, []uint64{1, 3}, positions(t, x, everything(), OldestFirst))

	// Evicted, its second delivery is below the floor: no new alert either.
	x.Advance(epoch.Add(2 * time.Hour))
	again := same
	again.Position, again.Logged = 4, epoch.Add(2*time.Hour)
	require.NoError(t, x.Add(&again))
	s := x.Stats()
	require.Equal(t, []uint64{0, 1, 1, 2}, []uint64{s.Alerts, s.Duplicates, s.LateBelowFloor, s.EvictedByAge})
}

// A sender that stamps all alerts alike: duplicates are known, in bounded time.
func TestManyAtOneInstant(t *testing.T) {
	const n = 3*chunkEntries + 100
	x := NewIndex(Limits{})
	for round := range uint64(2) {
		for i := range uint64(n) {
			rec := at(round*n+i+1, epoch, epoch)
			binary.BigEndian.PutUint64(rec.ID[:], mix(i))
			require.NoError(t, x.Add(rec))
		}
		requireSound(t, x)
		require.EqualValues(t, n, x.Stats().Alerts)
		require.Equal(t, round*n, x.Stats().Duplicates)
	}
	require.Len(t, x.ties, n-tieScan)
	// The same ids a nanosecond later are others.
	rec := at(3*n, epoch, epoch.Add(1))
	binary.BigEndian.PutUint64(rec.ID[:], mix(n-1))
	require.NoError(t, x.Add(rec))
	require.EqualValues(t, n+1, x.Stats().Alerts)
	x.RaiseFloor(epoch.Add(1))
	require.EqualValues(t, 1, x.Stats().Alerts)
	require.Nil(t, x.ties)
	requireSound(t, x)
}

func TestAge(t *testing.T) {
	x := NewIndex(Limits{Retention: time.Hour})
	require.True(t, x.Floor().IsZero())
	require.NoError(t, x.Add(at(1, epoch, epoch)))
	require.Equal(t, epoch.Add(-time.Hour), x.Floor(), "what is older was never held")

	// An event time, however late, ages nothing.
	require.NoError(t, x.Add(at(2, epoch, epoch.Add(time.Hour))))
	require.NoError(t, x.Add(at(3, epoch, epoch.Add(time.Hour+1))))
	require.NoError(t, x.Add(at(4, epoch, epoch.AddDate(10, 0, 0))))
	require.EqualValues(t, 2, x.Stats().Ahead, "the log forgets these before their time comes")
	require.Equal(t, epoch.Add(-time.Hour), x.Floor())

	// Log time that goes back is ignored.
	x.Advance(epoch.Add(-time.Minute))
	x.Advance(time.Time{})
	require.Equal(t, epoch.Add(-time.Hour), x.Floor())
	require.NoError(t, x.Add(at(5, epoch.Add(-time.Minute), epoch.Add(time.Hour))))
	require.EqualValues(t, 2, x.Stats().Ahead, "ahead is against the newest log time")

	require.NoError(t, x.Add(at(6, epoch.Add(time.Hour), epoch)))
	require.Equal(t, epoch, x.Floor())
	require.Equal(t, []uint64{1, 6, 2, 5}, positions(t, x, everything(), OldestFirst), "the floor itself is held")
	x.Advance(epoch.Add(time.Hour + 1))
	require.Equal(t, epoch.Add(1), x.Floor())
	require.Equal(t, []uint64{2, 5}, positions(t, x, everything(), OldestFirst), "left out at once")
	counts, err := x.Count(everything())
	require.NoError(t, err)
	require.EqualValues(t, 2, counts.Total())
	require.NoError(t, x.Add(at(7, epoch.Add(time.Hour), epoch)))
	require.EqualValues(t, 1, x.Stats().LateBelowFloor)

	x.Advance(epoch.Add(3 * time.Hour))
	s := x.Stats()
	require.Zero(t, s.Alerts)
	require.Zero(t, s.Bytes)
	require.Zero(t, s.Namespaces)
	require.EqualValues(t, 4, s.EvictedByAge)
	requireSound(t, x)
}

// What is too old is removed without anybody asking, at the latest after another
// 32nd of the retention.
func TestSweep(t *testing.T) {
	x := NewIndex(Limits{Retention: 32 * time.Minute})
	for i := range uint64(500) {
		now := epoch.Add(time.Duration(i) * time.Minute)
		require.NoError(t, x.Add(at(i+1, now, now)))
		require.LessOrEqual(t, x.Stats().Alerts, uint64(32+1+1))
	}
}

func TestRaiseFloor(t *testing.T) {
	x := NewIndex(Limits{})
	for i := range uint64(10) {
		require.NoError(t, x.Add(at(i+1, epoch, epoch.Add(time.Duration(i)*time.Second))))
	}
	x.RaiseFloor(epoch.Add(3 * time.Second))
	require.Equal(t, epoch.Add(3*time.Second), x.Floor())
	require.Equal(t, []uint64{4, 5, 6, 7, 8, 9, 10}, positions(t, x, everything(), OldestFirst))
	x.RaiseFloor(epoch)
	x.RaiseFloor(time.Time{})
	require.Equal(t, epoch.Add(3*time.Second), x.Floor(), "never back")
	require.NoError(t, x.Add(at(11, epoch, epoch.Add(3*time.Second-1))))
	require.NoError(t, x.Add(at(12, epoch, epoch.Add(3*time.Second))))
	s := x.Stats()
	require.Equal(t, []uint64{8, 1, 3}, []uint64{s.Alerts, s.LateBelowFloor, s.EvictedByAge})
	require.Equal(t, x.Floor(), s.Floor)
	requireSound(t, x)
}

// Over MaxBytes the floor rises by as much as frees an eighth, and by the same
// at the same record in every replay.
func TestMakeRoom(t *testing.T) {
	f := newFleet(20, Priorities[:])
	limits := Limits{MaxBytes: 400_000}
	x := NewIndex(limits)
	var floors []time.Time
	for i := range 60_000 {
		before := x.Stats()
		require.NoError(t, x.Add(f.record(i)))
		s := x.Stats()
		require.LessOrEqual(t, s.Bytes, limits.MaxBytes)
		if s.Floor.Equal(before.Floor) {
			require.Equal(t, before.EvictedByBytes, s.EvictedByBytes, "nothing goes without the floor")
			continue
		}
		floors = append(floors, s.Floor)
		require.True(t, s.Floor.After(before.Floor))
		require.Greater(t, before.Bytes, limits.MaxBytes-2000, "not before it must")
		require.InEpsilon(t, float64(limits.MaxBytes)*7/8, float64(s.Bytes), 0.03)
		require.InDelta(t, float64(before.Alerts)/8, float64(s.EvictedByBytes-before.EvictedByBytes), float64(before.Alerts)/25)
	}
	require.Greater(t, len(floors), 20)
	requireSound(t, x)
	require.EqualValues(t, 60_000, x.Stats().Alerts+x.Stats().EvictedByBytes+x.Stats().LateBelowFloor)

	// The floor does not depend on the order in which the same alerts came.
	fill := func(order []int) *Index {
		x := NewIndex(Limits{})
		for position, i := range order {
			rec := *f.record(i)
			rec.Position = uint64(position) + 1
			require.NoError(t, x.Add(&rec))
		}
		x.makeRoom(x.Stats().Bytes * 7 / 8)
		return x
	}
	order := make([]int, 5000)
	for i := range order {
		order[i] = i
	}
	forwards := fill(order)
	slices.Reverse(order)
	backwards := fill(order)
	require.Equal(t, forwards.Stats(), backwards.Stats())
	require.NotZero(t, forwards.Stats().EvictedByBytes)
}

// When removing what is too old is enough, nothing else goes.
func TestAgeMakesRoom(t *testing.T) {
	f := newFleet(10, usual)
	f.late = 0
	x := NewIndex(Limits{Retention: time.Hour})
	i := 0
	for ; i < 10_000; i++ {
		require.NoError(t, x.Add(f.record(i)))
	}
	// A fifth has become too old, and the next sweep is not due yet.
	x.floor = epoch.Add(2 * time.Second).UnixNano()
	x.swept = x.floor - 1
	x.limits.MaxBytes = x.Stats().Bytes
	require.NoError(t, x.Add(f.record(i)))
	s := x.Stats()
	require.Equal(t, []uint64{2000, 0, 8001}, []uint64{s.EvictedByAge, s.EvictedByBytes, s.Alerts})
}

// The memory of what is evicted is given back, also where the series stays.
func TestEvictionFreesMemory(t *testing.T) {
	const n = 200_000
	fill := func() *Index {
		x := NewIndex(Limits{})
		for i := range uint64(n) {
			rec := at(i+1, epoch, epoch.Add(time.Duration(i)))
			rec.Body.(*Alert).OutputFields = Fields{{"container.id", "host"}}
			require.NoError(t, x.Add(rec))
		}
		return x
	}
	_, full := heapOf(fill)
	require.Greater(t, full, int64(n*28))
	for name, left := range map[string]int{"all": 0, "some": n / 100} {
		t.Run(name, func(t *testing.T) {
			x, heap := heapOf(func() *Index {
				x := fill()
				x.RaiseFloor(epoch.Add(time.Duration(n - left)))
				return x
			})
			require.EqualValues(t, left, x.Stats().Host)
			require.Less(t, heap, full/40)
		})
	}
}

// A limit below a single alert holds nothing, and says so.
func TestMakeRoomForNothing(t *testing.T) {
	x := NewIndex(Limits{MaxBytes: 10})
	for i := range uint64(3) {
		require.NoError(t, x.Add(at(i+1, epoch, epoch)))
	}
	require.NoError(t, x.Add(at(9, epoch, epoch.Add(time.Second))))
	s := x.Stats()
	require.Equal(t, Stats{Floor: epoch.Add(time.Second + 1), LateBelowFloor: 2, EvictedByBytes: 2}, s)
}

// Symbols are numbered by three bytes. More of them at a time than that are
// room that has to be made, not a reason to mix up names.
func TestSymbolsRunOut(t *testing.T) {
	tests := map[string]func(x *Index, a *Alert, i int){
		"rules":   func(x *Index, a *Alert, i int) { x.rules.limit = 16; a.Rule = fmt.Sprint(i) },
		"sensors": func(x *Index, a *Alert, i int) { x.sensors.limit = 16; a.Hostname = fmt.Sprint(i) },
		"places":  func(x *Index, a *Alert, i int) { x.places.limit = 16; a.OutputFields[1].Value = fmt.Sprint(i) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			x := NewIndex(Limits{})
			for i := range 200 {
				now := epoch.Add(time.Duration(i) * time.Second)
				rec := at(uint64(i)+1, now, now)
				change(x, rec.Body.(*Alert), i)
				require.NoError(t, x.Add(rec))
				list, _, err := x.List(everything(), NewestFirst, 1, Cursor{})
				require.NoError(t, err)
				require.Equal(t, rec.Position, list[0].Position)
				require.Contains(t, []string{list[0].Rule, list[0].Sensor, list[0].Pod}, fmt.Sprint(i))
				require.LessOrEqual(t, x.Stats().Alerts, uint64(16))
				require.GreaterOrEqual(t, x.Stats().Alerts, uint64(min(i+1, 12)), "no more goes than must")
			}
			require.False(t, x.Floor().IsZero())
			requireSound(t, x)
		})
	}
}

// A day of short-lived shadow namespaces and pods leaves nothing behind.
func TestNamespacesComeAndGo(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n /= 10
	}
	build := func(namespaces int) *Index {
		x := NewIndex(Limits{Retention: time.Hour})
		step := 24 * time.Hour / time.Duration(n)
		for i := range namespaces {
			now := epoch.Add(time.Duration(i) * step)
			name := fmt.Sprintf("shadow-%08d", i)
			require.NoError(t, x.Add(in(uint64(i)+1, now, name, name+"-web-7d4b9c6f5d-x2k2p")))
		}
		return x
	}
	// An hour of them against a day.
	_, hour := heapOf(func() *Index { return build(n / 24) })
	x, day := heapOf(func() *Index { return build(n) })
	require.LessOrEqual(t, x.Stats().Namespaces, n/24+n/24/sweepsPerRetention+2)
	t.Logf("an hour %d kB, a day %d kB", hour/1000, day/1000)
	require.Less(t, float64(day), 1.3*float64(hour))
	require.LessOrEqual(t, len(x.places.list), 2*n/24, "numbers are given out again")
	requireSound(t, x)

	// Most of them gone, the last are still found.
	x.RaiseFloor(epoch.Add(24*time.Hour - 3*24*time.Hour/time.Duration(n)))
	require.Equal(t, 3, x.mostSpaces, "the map was made anew")
	requireSound(t, x)
	last := fmt.Sprintf("shadow-%08d", n-1)
	counts, err := x.Count(Query{Namespace: last, Window: Window{epoch, epoch.AddDate(0, 0, 2)}, MinPriority: Debug})
	require.NoError(t, err)
	require.EqualValues(t, 1, counts.Total())

	x.Advance(epoch.Add(100 * time.Hour))
	require.Zero(t, x.Stats().Bytes)
	require.Empty(t, x.places.list)
	require.LessOrEqual(t, x.mostSpaces, 3)
}

// What is held does not keep the message alive that it was cut out of.
func TestNamesAreCopied(t *testing.T) {
	x, heap := heapOf(func() *Index {
		x := NewIndex(Limits{})
		for i := range uint64(200) {
			message := strings.Repeat(fmt.Sprintf("%08d", i), 10_000)
			rec := in(i+1, epoch, message[:8], message[8:16])
			rec.Body.(*Alert).Hostname, rec.Body.(*Alert).Rule = message[1:9], message[2:10]
			require.NoError(t, x.Add(rec))
		}
		return x
	})
	require.EqualValues(t, 200, x.Stats().Alerts)
	require.Less(t, heap, int64(1_000_000), "of 16 MB of messages")
}

// Adding what is known already costs no garbage but the chunks' growth.
func TestAddAllocations(t *testing.T) {
	f := newFleet(10, usual)
	x := f.fill(t, 50_000)
	i := 50_000
	allocs := testing.AllocsPerRun(10_000, func() {
		if err := x.Add(f.record(i)); err != nil {
			t.Fatal(err)
		}
		i++
	})
	require.Less(t, allocs, 1.0)
	q := Query{Namespace: "shadow-00001", Window: Window{epoch, epoch.Add(time.Hour)}, MinPriority: Warning}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := x.Count(q); err != nil {
			t.Fatal(err)
		}
	}))
}

// Paging goes through everything that was there at its start exactly once,
// though alerts come in and go meanwhile.
func TestPagingWhileAlertsComeIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, w := NewIndex(Limits{}), &messages{logged: epoch}
		add := func(n int) {
			for range n {
				require.NoError(t, x.Add(w.draw(t)))
			}
		}
		add(rapid.IntRange(0, 80).Draw(t, "before"))
		order := rapid.SampledFrom([]Order{NewestFirst, OldestFirst}).Draw(t, "order")
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		start := positions(t, x, everything(), order)
		seen := map[uint64]bool{}
		var passed []Entry
		adding := 50 // else oldest first might never end
		for cursor := (Cursor{}); ; {
			page, next, err := x.List(everything(), order, limit, cursor)
			require.NoError(t, err)
			for _, e := range page {
				require.False(t, seen[e.Position], "twice")
				seen[e.Position] = true
			}
			passed = append(passed, page...)
			if next.IsZero() {
				break
			}
			cursor = next
			n := rapid.IntRange(0, min(3, adding)).Draw(t, "meanwhile")
			adding -= n
			add(n)
			if len(page) > 1 && rapid.IntRange(0, 9).Draw(t, "evict") == 0 {
				// Even the alert that the cursor stands at may go.
				x.RaiseFloor(page[len(page)-1].Time.Add(1))
			}
		}
		for _, position := range start {
			e := slices.IndexFunc(passed, func(e Entry) bool { return e.Position == position })
			if e < 0 {
				// Only eviction excuses it.
				require.NotContains(t, positions(t, x, everything(), order), position)
			}
		}
		require.True(t, slices.IsSortedFunc(passed, func(a, b Entry) int {
			if order == NewestFirst {
				a, b = b, a
			}
			return a.Time.Compare(b.Time)
		}))
	})
}
