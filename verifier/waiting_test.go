package verifier_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// falco is a sensor that sends a snapshot every five seconds and loses nothing
// unless it is told to.
type falco struct {
	log     *memlog.Log
	name    string
	raised  uint64
	events  uint64
	run     correlate.Run
	ruleset correlate.RulesetID
}

func newFalco(log *memlog.Log, name string) *falco {
	f := &falco{log: log, name: name, run: correlate.Run{StartTS: 1, ReloadTS: 1}, ruleset: correlate.RulesetID{7}}
	log.Append(at(time.Hour), &correlate.Ruleset{Hostname: name, ID: f.ruleset, Rules: []string{"Terminal_shell_in_container"}})
	return f
}

// snapshot logs a snapshot taken at a time.
func (f *falco) snapshot(when time.Time) {
	f.events += 1000
	counter := func(n uint64) correlate.Counter { return correlate.Counter{N: n, Reported: true} }
	f.log.Append(when.Add(5*time.Millisecond), &correlate.Snapshot{
		Hostname: f.name, Time: when, EventSource: "syscall", Run: f.run, Ruleset: f.ruleset, RuleMatches: []uint64{f.raised},
		MatchesTotal: counter(f.raised), QueueDrops: counter(0), EventsProcessed: counter(f.events), KernelEvents: counter(f.events), KernelDrops: counter(0),
	})
}

// beats logs a snapshot every five seconds, from and to included.
func (f *falco) beats(from, to time.Time) {
	for t := from; !t.After(to); t = t.Add(5 * time.Second) {
		f.snapshot(t)
	}
}

// alert logs an alert that the sensor raises.
func (f *falco) alert(a *correlate.Alert) {
	f.raised++
	a.Hostname = f.name
	f.log.Append(a.Time, a)
}

// startProving is start with the default policy.
func startProving(t *testing.T, log *memlog.Log) *rig {
	t.Helper()
	return startWith(t, log, verifier.TailOptions{}, verifier.ServiceOptions{Policy: verifier.DefaultPolicy()})
}

// proven is a question about a window that ends at epoch and needs proof.
func proven(ns string) verifier.Question {
	q := question(ns)
	q.Change.Evidence = verifier.Accounted
	return q
}

// waitFor runs a question that waits, and returns where its verdict comes.
func (r *rig) waitFor(t *testing.T, q verifier.Question) <-chan *verifier.Verdict {
	t.Helper()
	out := make(chan *verifier.Verdict, 1)
	go func() {
		v, err := r.service.Evaluate(context.Background(), q)
		if err != nil {
			t.Errorf("evaluate: %v", err)
		}
		out <- v
	}()
	return out
}

func pending(ch <-chan *verifier.Verdict) bool {
	synctest.Wait()
	return len(ch) == 0
}

// A pending answer is held until it is none any more, and nobody polls: in a
// bubble whose clock stands still, only what is logged moves it on.
func TestWait(t *testing.T) {
	tests := []struct {
		name string
		then func(f *falco) // what comes while it waits; it must settle the question
		want verifier.Outcome
		code verifier.ReasonCode
	}{
		{"proof arrives", func(f *falco) { f.beats(epoch, epoch.Add(5*time.Second)) }, verifier.Pass, verifier.ReasonProven},
		{"an alert arrives", func(f *falco) {
			f.alert(inPod("shadow-1", "web", at(time.Second), correlate.Warning))
		}, verifier.Fail, verifier.ReasonAlerts},
		{"an alert nobody knows the namespace of", func(f *falco) {
			f.alert(alert(at(time.Second), correlate.Warning, "container.id", "4d2f9b1c8a7e"))
		}, verifier.Inconclusive, verifier.ReasonUnattributed},
		{"something that can't be read", func(f *falco) {
			f.log.Append(epoch, &correlate.Malformed{Hostname: f.name})
		}, verifier.Inconclusive, verifier.ReasonMalformed},
		{"a restart", func(f *falco) {
			f.run.StartTS++
			f.raised, f.events = 0, 0
			f.snapshot(epoch)
		}, verifier.Inconclusive, "restarted"},
		{"a loss", func(f *falco) {
			f.raised++
			f.snapshot(epoch)
		}, verifier.Inconclusive, "alerts_missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := memlog.New()
				f := newFalco(log, "node-a")
				f.beats(at(15*time.Minute), at(5*time.Second))
				r := startProving(t, log)
				q := proven("shadow-1")
				q.Wait = 30 * time.Second
				answer := r.waitFor(t, q)
				require.True(t, pending(answer))
				// What does not bear on it does not answer it.
				f.alert(inPod("shadow-2", "web", at(time.Second), correlate.Critical))
				f.alert(inPod("shadow-1", "web", at(time.Second), correlate.Notice))
				f.alert(inPod("shadow-1", "web", epoch, correlate.Critical))
				require.True(t, pending(answer))
				began := time.Now()
				tt.then(f)
				synctest.Wait()
				require.Len(t, answer, 1, "it is answered at once")
				require.Zero(t, time.Since(began))
				v := <-answer
				require.Equal(t, tt.want, v.Verdict, v.Message)
				require.Equal(t, tt.code, v.Reason)
				require.False(t, v.Pending)
			})
		})
	}
}

// What does not become proven is answered when the time is up, as it stands.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		f := newFalco(log, "node-a")
		f.beats(at(15*time.Minute), at(5*time.Second))
		r := startProving(t, log)
		q := proven("shadow-1")
		q.Wait = 30 * time.Second
		began := time.Now()
		v := r.ask(t, q)
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, verifier.Inconclusive, v.Verdict)
		require.True(t, v.Pending)
		require.EqualValues(t, "pending", v.Reason)

		// Without a wait, or when nothing can come any more, it is answered at once.
		began = time.Now()
		q.Wait = 0
		require.True(t, r.ask(t, q).Pending)
		q.Wait, q.Sensor = 30*time.Second, "node-x"
		require.EqualValues(t, "no_sensor", r.ask(t, q).Reason)
		q.Sensor, q.Change.Evidence = "", verifier.None
		require.Equal(t, verifier.Pass, r.ask(t, q).Verdict)
		require.Zero(t, time.Since(began))

		// Whoever waits while the process stops gets what there is.
		q = proven("shadow-1")
		q.Wait = 30 * time.Second
		answer := r.waitFor(t, q)
		require.True(t, pending(answer))
		r.service.Release()
		require.True(t, (<-answer).Pending)
		require.True(t, r.ask(t, q).Pending, "and nobody waits any more")
		require.Zero(t, time.Since(began))
	})
}

// Two sensors: the answer waits for both, and evidence=heard for their heartbeats
// alone.
func TestWaitForAllSensors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		a, b := newFalco(log, "node-a"), newFalco(log, "node-b")
		for _, f := range []*falco{a, b} {
			f.beats(at(15*time.Minute), at(5*time.Second))
		}
		r := startProving(t, log)
		all, heard, one := proven("shadow-1"), proven("shadow-1"), proven("shadow-1")
		all.Wait, heard.Wait, one.Wait = time.Minute, time.Minute, time.Minute
		heard.Change.Evidence, one.Sensor = verifier.Heard, "node-b"
		ofAll, ofHeard, ofOne := r.waitFor(t, all), r.waitFor(t, heard), r.waitFor(t, one)
		require.True(t, pending(ofAll) && pending(ofHeard) && pending(ofOne))

		// Alerts right before the snapshot keep the account open.
		b.snapshot(epoch)
		b.alert(inPod("shadow-2", "web", epoch.Add(4900*time.Millisecond), correlate.Warning))
		b.snapshot(epoch.Add(5 * time.Second))
		require.True(t, pending(ofOne), "its account is open")
		b.snapshot(epoch.Add(10 * time.Second))
		synctest.Wait()
		require.Equal(t, verifier.Pass, (<-ofOne).Verdict)
		require.True(t, pending(ofAll) && pending(ofHeard), "node-a is missing")
		a.beats(epoch, epoch.Add(5*time.Second))
		synctest.Wait()
		require.Equal(t, verifier.Pass, (<-ofHeard).Verdict)
		require.Equal(t, verifier.Pass, (<-ofAll).Verdict)
	})
}

// Ten thousand that wait take little memory, and are all answered by one snapshot.
// How little is measured by make bench; the race detector takes more.
func TestTenThousandWait(t *testing.T) {
	const waiters = 10_000
	log := memlog.New()
	f := newFalco(log, "node-a")
	f.beats(at(15*time.Minute), at(5*time.Second))
	r := startProving(t, log)
	require.True(t, r.ask(t, proven("shadow-1")).Pending)

	questions, verdicts := make([]verifier.Question, waiters), make([]*verifier.Verdict, waiters)
	for i := range questions {
		questions[i] = proven(fmt.Sprintf("shadow-%d", i%100))
		questions[i].Wait = verifier.MaxWait
	}
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var waiting sync.WaitGroup
	for i := range waiters {
		waiting.Go(func() { verdicts[i], _ = r.service.Evaluate(context.Background(), questions[i]) })
	}
	require.Eventually(t, func() bool { return r.tail.Waiting() == waiters }, 20*time.Second, 10*time.Millisecond)
	for range 4 {
		runtime.GC() // halves the stack of a goroutine that waits
	}
	runtime.ReadMemStats(&during)
	took := int64(during.HeapAlloc+during.StackInuse) - int64(before.HeapAlloc+before.StackInuse)
	t.Logf("%d bytes each: heap %d, stack %d", took/waiters, (int64(during.HeapAlloc)-int64(before.HeapAlloc))/waiters, (int64(during.StackInuse)-int64(before.StackInuse))/waiters)
	require.Less(t, took, int64(256<<20))

	f.beats(epoch, epoch.Add(5*time.Second))
	waiting.Wait()
	for i, v := range verdicts {
		require.NotNil(t, v, i)
		require.Equal(t, verifier.Pass, v.Verdict, i)
	}
	require.Zero(t, r.tail.Waiting())
}
