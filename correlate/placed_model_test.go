package correlate

import (
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// presentAs calls yield for the true spans in which a pod was on its node, in each of
// its guises, and reports whether one of them made it return true. Of containers that
// run on after their pod was deleted by force nobody knows who was not watching then.
func (p *clusterPod) presentAs(seen bool, yield func(g *trueGuise, from, to time.Time) bool) bool {
	if p.scheduled.IsZero() {
		return false
	}
	ended := p.ended
	if !seen {
		ended = p.gone
	}
	if ended.IsZero() {
		ended = instant(maxNanos)
	}
	for i := range p.guises {
		from, to := latest(p.guises[i].from, p.scheduled), ended
		if i+1 < len(p.guises) && p.guises[i+1].from.Before(to) {
			to = p.guises[i+1].from
		}
		if from.Before(to) && yield(&p.guises[i], from, to) {
			return true
		}
	}
	return false
}

// trueScope is a scope with what it means in the cluster's own words.
type trueScope struct {
	PodScope
	has func(p *clusterPod, g *trueGuise) bool
}

func drawScope(t *rapid.T) trueScope {
	s := trueScope{PodScope{Namespace: "a"}, func(*clusterPod, *trueGuise) bool { return true }}
	tier := rapid.SampledFrom(tiers).Draw(t, "tier asked for")
	switch rapid.IntRange(0, 4).Draw(t, "scope") {
	case 0:
		s.Name, _ = ParseGlob("*-1")
		s.has = func(p *clusterPod, _ *trueGuise) bool { return p.Pod == "web-1" }
	case 1:
		s.Labels = func(l Fields) bool { v, _ := l.Get("tier"); return v == tier }
		s.has = func(_ *clusterPod, g *trueGuise) bool { return g.tier == tier }
	case 2:
		s.Owner = Owner{"replicaset", "web-1"}
		s.has = func(_ *clusterPod, g *trueGuise) bool { return g.owner.Name == "web-1" }
	case 3:
		s.Hash = "h" + tier
		s.has = func(_ *clusterPod, g *trueGuise) bool { return g.tier == tier }
	}
	return s
}

// placedCheck holds one answer against the truth.
type placedCheck struct {
	c       *cluster
	scope   trueScope
	w       Window        // by the clock of the sensors
	ahead   time.Duration // of their clock
	skew    time.Duration
	unknown []Window
}

// knownAt calls yield for the parts of a true span, within the window, in which
// placements are said to be known.
func (k *placedCheck) knownIn(from, to time.Time, yield func(from, to time.Time) bool) bool {
	from, to = latest(from, k.w.Start.Add(-k.ahead)), earliest(to, k.w.End.Add(-k.ahead))
	for _, gap := range k.unknown {
		if from.Before(earliest(to, gap.Start)) && yield(from, earliest(to, gap.Start)) {
			return true
		}
		from = latest(from, gap.End)
	}
	return from.Before(to) && yield(from, to)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (k *placedCheck) against(t *rapid.T, p Placed) {
	defer func() {
		if t.Failed() {
			t.Logf("window from %s to %s, clock ahead by %s, skew %s: %+v%s", k.w.Start.Sub(epoch), k.w.End.Sub(epoch), k.ahead, k.skew, p, k.c)
		}
	}()
	ran := false
	for _, pod := range k.c.pods {
		pod.presentAs(!k.c.firstGone[pod.UID].IsZero(), func(g *trueGuise, from, to time.Time) bool {
			in := k.scope.has(pod, g)
			k.knownIn(from, to, func(from, to time.Time) bool {
				require.True(t, k.told(pod, g, from), "%s was %s, %s at %s, and nothing told of it", pod.UID, g.tier, g.owner.Name, from)
				if in {
					require.Contains(t, p.Sensors, pod.Node, "%s was %s, %s on it from %s to %s", pod.UID, g.tier, g.owner.Name, from, to)
					require.Contains(t, p.Nodes, pod.Node)
					require.True(t, p.Pods.Has(pod.Pod, from.Add(k.ahead)), "%s at %s", pod.Pod, from)
					require.True(t, p.Pods.Has(pod.Pod, to.Add(k.ahead-1)), "%s at %s", pod.Pod, to)
				}
				return false
			})
			// Of a guise that a pod leaves and takes on again while one watcher is
			// interrupted, that one says that it always had it.
			if (in || len(k.c.watchers) > 1) && !pod.started.IsZero() {
				from = latest(from, pod.started)
				ran = ran || from.Before(to) && from.Before(k.w.End.Add(-k.ahead)) && to.After(k.w.Start.Add(-k.ahead))
			}
			return false
		})
	}
	if len(p.Unknown) == 0 {
		if p.Ran > 0 {
			require.True(t, ran, "nothing ran")
		}
		k.notTooWide(t, p)
	}
}

// told reports whether the log tells of the pod in a guise.
func (k *placedCheck) told(pod *clusterPod, g *trueGuise, _ time.Time) bool {
	return slices.ContainsFunc(k.c.log, func(r *Record) bool {
		p, ok := r.Body.(*Placement)
		if !ok || p.UID != pod.UID {
			return false
		}
		tier, _ := p.Labels.Get("tier")
		return tier == g.tier && p.Controller == g.owner
	})
}

// notTooWide checks that each sensor has a pod that may have been there.
func (k *placedCheck) notTooWide(t require.TestingT, p Placed) {
	slack := 2*k.skew + 2*time.Second
	for _, hostname := range p.Sensors {
		require.True(t, slices.ContainsFunc(k.c.pods, func(pod *clusterPod) bool {
			gone := k.c.firstGone[pod.UID]
			return pod.Node == hostname && !pod.scheduled.IsZero() && pod.scheduled.Before(k.w.End.Add(slack)) &&
				(gone.IsZero() || gone.After(k.w.Start.Add(-slack)))
		}), "no pod was on %s", hostname)
	}
	// A pod that is asked for all its life, runs in the window by any clock, and goes on
	// to, counts.
	for _, pod := range k.c.pods {
		always := !slices.ContainsFunc(pod.guises, func(g trueGuise) bool { return !k.scope.has(pod, &g) })
		if !always || pod.started.IsZero() || pod.started.After(k.w.End.Add(-slack)) {
			continue
		}
		if pod.ended.IsZero() {
			require.Positive(t, p.Ran, "%s ran since %s", pod.UID, pod.started)
		}
	}
}

// Where placements are said to be known, they are as in truth, whatever the watchers
// lose, however they lag, and whenever they start anew.
func TestPlacedAgainstTruth(t *testing.T) {
	known, ran, settled := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		skew := time.Duration(rapid.SampledFrom([]int{0, 1000, 2000}).Draw(t, "skew")) * time.Millisecond
		half := rapid.Int64Range(-int64(skew)/2, int64(skew)/2)
		c := &cluster{
			now: epoch, api: time.Duration(half.Draw(t, "API's clock")), firstGone: map[string]time.Time{},
			goneListed: rapid.Bool().Draw(t, "lists have those that are gone"),
		}
		ahead := time.Duration(half.Draw(t, "sensors' clock"))
		for i := range rapid.IntRange(1, 3).Draw(t, "watchers") {
			c.watchers = append(c.watchers, &clusterWatcher{told: Told{Watcher: string(rune('p' + i))}})
		}
		state := NewState(Limits{}, 0)
		applied := 0
		ask := func(t *rapid.T) Placed {
			for ; applied < len(c.log); applied++ {
				require.NoError(t, state.Apply(c.log[applied]))
			}
			requirePods(t, state)
			k := placedCheck{c: c, scope: drawScope(t), ahead: ahead, skew: skew}
			k.w = c.window(t, state, skew)
			p := state.Placed(k.scope.PodScope, k.w, skew)
			k.unknown = p.Unknown
			k.against(t, p)
			if len(p.Unknown) == 0 {
				known++
			}
			ran += min(p.Ran, 1)
			return p
		}
		for range rapid.IntRange(10, 250).Draw(t, "steps") {
			c.step(t)
			if rapid.IntRange(0, 9).Draw(t, "ask") == 0 {
				ask(t)
			}
		}
		ask(t)
		if rapid.Bool().Draw(t, "settle") {
			c.settle()
			for ; applied < len(c.log); applied++ {
				require.NoError(t, state.Apply(c.log[applied]))
			}
			p := state.Placed(PodScope{Namespace: "a"}, Window{c.now.Add(-15 * time.Second), c.now.Add(-5 * time.Second)}, skew)
			require.Empty(t, p.Unknown)
			want := map[string]bool{}
			for _, pod := range c.pods {
				if !pod.scheduled.IsZero() && pod.ended.IsZero() {
					want[pod.Node] = true
				}
			}
			require.Len(t, p.Sensors, len(want))
			settled++
		}
		c.rebuild(t, state, skew)
	})
	t.Logf("%d answers about windows in which all is known, %d with pods that ran, %d settled", known, ran, settled)
	require.Positive(t, known)
	require.Positive(t, ran)
	require.Positive(t, settled)
}

// window draws one, mostly from what is said to be known.
func (c *cluster) window(t *rapid.T, state *State, skew time.Duration) Window {
	from, to := epoch, c.now
	if spans := state.placements.known(state.index.floor); len(spans) > 0 && rapid.IntRange(0, 3).Draw(t, "known") > 0 {
		span := rapid.SampledFrom(spans).Draw(t, "span")
		if span.to-span.from > 2*int64(skew)+int64(time.Millisecond) {
			from, to = instant(span.from).Add(skew), instant(span.to).Add(-skew)
		}
	}
	draw := func(what string, from, to time.Time) time.Time {
		return from.Add(time.Duration(rapid.Int64Range(0, max(0, int64(to.Sub(from)/time.Millisecond))).Draw(t, what)) * time.Millisecond)
	}
	start := draw("start", from, to.Add(-time.Millisecond))
	return Window{start, draw("end", start.Add(time.Millisecond), to)}
}

// rebuild cuts off the log's beginning and builds the state anew: where all is known it
// says the same.
func (c *cluster) rebuild(t *rapid.T, state *State, skew time.Duration) {
	if len(c.log) < 2 {
		return
	}
	cut := rapid.IntRange(1, len(c.log)-1).Draw(t, "cut")
	before, lingers := map[Told]bool{}, false
	for i, rec := range c.log {
		if told := toldOf(rec.Body); i < cut {
			before[told] = true
			p, ok := rec.Body.(*Placement)
			lingers = lingers || ok && p.Gone && rec.Logged.Add(p.Linger).After(c.log[cut].Logged)
		} else if before[told] {
			return // what came again is new to who has not seen the first
		}
	}
	again := NewState(Limits{}, 0)
	again.Index().RaiseFloor(c.log[cut].Logged)
	state.Index().RaiseFloor(c.log[cut].Logged)
	for _, rec := range c.log[cut:] {
		require.NoError(t, again.Apply(rec))
	}
	require.Equal(t, state.Known(), again.Known())
	defer func() {
		if t.Failed() {
			t.Logf("cut before record %d:%s", cut+1, c)
		}
	}()
	for range 10 {
		scope := drawScope(t).PodScope
		// What was said before the cut may make an answer wider: by another watcher, of
		// how a pod was until the list told otherwise, of containers that linger. So may
		// what a list says of pods that ended long ago.
		exact := len(c.watchers) == 1 && !c.goneListed && !lingers && scope.ByName()
		if exact {
			require.Equal(t, state.FirstPod(scope), again.FirstPod(scope))
		}
		w := c.window(t, state, skew)
		one, other := state.Placed(scope, w, skew), again.Placed(scope, w, skew)
		require.Equal(t, one.Unknown, other.Unknown)
		require.Equal(t, one.Open, other.Open)
		if len(one.Unknown) > 0 || !exact {
			continue
		}
		require.Equal(t, one.Sensors, other.Sensors)
		require.Equal(t, one.Nodes, other.Nodes)
		require.Equal(t, one.Ran, other.Ran)
	}
}

func toldOf(body Body) Told {
	if p, ok := body.(*Placement); ok {
		return p.Told
	}
	return body.(*Watch).Told
}

// requirePods checks what the table of pods promises itself.
func requirePods(t require.TestingT, s *State) {
	p := &s.placements
	count := 0
	for name, sp := range p.spaces {
		require.NotEmpty(t, sp.pods)
		for i, known := range sp.pods {
			count++
			require.Equal(t, i, known.index)
			require.Equal(t, name, known.namespace)
			require.Same(t, known, p.pods[known.id])
			require.NotEmpty(t, known.words)
			var by uint64
			for _, l := range known.words {
				require.Zero(t, by&l.by, "a watcher's last word is one")
				by |= l.by
			}
			for ; by != 0; by &= by - 1 {
				require.NotNil(t, p.watchers.slots[bits.TrailingZeros64(by)])
			}
		}
	}
	require.Equal(t, len(p.pods), count)
	for key, known := range p.containers {
		require.Same(t, known, p.pods[known.id])
		require.Equal(t, known.hostname, key.hostname)
		require.Contains(t, known.containers, key.id)
	}
}
