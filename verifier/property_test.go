package verifier_test

import (
	"context"
	"fmt"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// truth decides a question the dumb way: over all alerts that ever were, those
// that the log has evicted included.
type truth struct{ seen, unattributed, podless, host uint64 }

func truthOf(all []correlate.Body, q verifier.Question) (found truth) {
	for _, b := range all {
		a, ok := b.(*correlate.Alert)
		if !ok || a.Priority > q.Severity || a.Time.Before(q.Window.Start) || !a.Time.Before(q.Window.End) ||
			q.Rule != "" && a.Rule != q.Rule || q.Sensor != "" && a.Hostname != q.Sensor {
			continue
		}
		ns, origin := a.Namespace()
		podFits := q.Pods.Name == ""
		if !podFits {
			podFits, _ = path.Match(q.Pods.Name, a.Pod())
		}
		switch {
		case origin == correlate.Unattributed:
			found.unattributed++
		case origin == correlate.OnHost:
			found.host++
		case ns != q.Namespace:
		case podFits:
			found.seen++
		case a.Pod() == "":
			found.podless++
		}
	}
	return found
}

// unreadMessage is one that could not be read, and when it came.
type unreadMessage struct {
	sensor   string
	received time.Time
}

// malformedOf counts those that may tell of the question's window.
func malformedOf(all []unreadMessage, q verifier.Question, skew time.Duration) (n uint64) {
	for _, m := range all {
		if !m.received.Before(q.Window.Start.Add(-skew)) && !m.received.After(q.Window.End.Add(5*time.Minute)) &&
			(q.Sensor == "" || m.sensor == "" || m.sensor == q.Sensor) {
			n++
		}
	}
	return n
}

// No sequence of alerts, unreadable messages, evictions and questions gives a pass that the whole
// truth denies, nor a fail that it does not confirm.
func TestNoFalsePass(t *testing.T) {
	var passes, fails int
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
		log := memlog.New()
		var all []correlate.Body
		for i := range rapid.IntRange(0, 12).Draw(t, "alerts") {
			fields := map[string][]string{
				"pod":     {"k8s.ns.name", pick("ns", "shadow-1", "shadow-10"), "k8s.pod.name", pick("pod", "web-1", "db-1")},
				"ns only": {"k8s.ns.name", "shadow-1"},
				"host":    {"container.id", "host"},
				"unknown": {"container.id", "4d2f9b1c8a7e"},
			}[pick("kind", "pod", "pod", "pod", "ns only", "host", "unknown")]
			age := time.Duration(rapid.IntRange(1, 20).Draw(t, "age")) * time.Minute
			a := alert(at(age).Add(time.Duration(i)), rapid.SampledFrom(correlate.Priorities[:]).Draw(t, "priority"), fields...)
			a.Rule, a.Hostname = pick("rule", "r1", "r2"), pick("sensor", "s1", "s2")
			all = append(all, a)
		}
		// Late and out of order, but with no clock ahead of the log's: that one
		// is for the evidence to notice.
		logged := at(time.Hour)
		var unread []unreadMessage
		var last uint64
		for _, b := range all {
			if when := b.(*correlate.Alert).Time.Add(time.Millisecond); when.After(logged) {
				logged = when
			}
			last = log.Append(logged, b)
			// Now and then something between them can't be read.
			if rapid.IntRange(0, 9).Draw(t, "unread") == 0 {
				m := unreadMessage{pick("unreadsensor", "s1", "s2", ""), logged}
				unread = append(unread, m)
				last = log.Append(logged, &correlate.Malformed{Hostname: m.sensor})
			}
		}
		evicted := rapid.IntRange(0, int(last)).Draw(t, "evicted")
		log.Evict(uint64(evicted) + 1)

		q := question("shadow-1")
		q.Window.Start = at(time.Duration(rapid.IntRange(5, 25).Draw(t, "start")) * time.Minute)
		q.Window.End = at(time.Duration(rapid.IntRange(0, 4).Draw(t, "end")) * time.Minute)
		q.Severity = rapid.SampledFrom(correlate.Priorities[:]).Draw(t, "severity")
		q.Pods.Name = pick("podfilter", "", "", "web-*", "*")
		q.Rule = pick("rulefilter", "", "", "r1")
		q.Sensor = pick("sensorfilter", "", "", "s1")

		v := evaluateOnce(t, log, q)
		want := truthOf(all, q)
		if v.Coverage.Floor.After(q.Window.Start) {
			require.NotEqual(t, verifier.Pass, v.Verdict, "the window reaches below the floor")
		}
		switch v.Verdict {
		case verifier.Pass:
			passes++
			require.Zero(t, malformedOf(unread, q, 0), "none came from the window's start on")
			require.Zero(t, want.seen+want.unattributed+want.podless)
		case verifier.Fail:
			fails++
			require.LessOrEqual(t, v.AlertCount, want.seen)
			require.Positive(t, v.AlertCount)
		default:
			require.NotEmpty(t, v.Reasons)
		}
		if evicted == 0 {
			require.Equal(t, want, truth{
				seen: v.AlertCount, unattributed: v.Coverage.Unattributed, podless: v.Coverage.WithoutPod, host: v.HostAlerts,
			})
			require.Equal(t, want.seen > 0, v.Verdict == verifier.Fail)
			require.GreaterOrEqual(t, v.Coverage.Malformed, malformedOf(unread, q, 10*time.Second))
			require.LessOrEqual(t, v.Coverage.Malformed, uint64(len(unread)))
			require.Equal(t, want.seen+want.unattributed+want.podless+v.Coverage.Malformed == 0, v.Verdict == verifier.Pass)
		}
	})
	require.Positive(t, passes)
	require.Positive(t, fails)
}

// evaluateOnce runs a tail for one question.
func evaluateOnce(t require.TestingT, log *memlog.Log, q verifier.Question) *verifier.Verdict {
	clock := func() time.Time { return epoch }
	tail := verifier.NewTail(verifier.TailOptions{Log: log, Now: clock})
	service := verifier.NewService(verifier.ServiceOptions{Log: log, Tail: tail, Now: clock})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tail.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	v, err := service.Evaluate(ctx, q)
	require.NoError(t, err)
	return v
}

// While alerts pour in, each answer is that of the position it cites.
func TestAnswersAreOfTheirPosition(t *testing.T) {
	const alerts, askers = 400, 4
	log := memlog.New()
	r := start(t, log)
	// At every position p there have been (p+1)/2 alerts of shadow-1.
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range alerts {
			ns := []string{"shadow-1", "shadow-2"}[i%2]
			log.Append(epoch, inPod(ns, fmt.Sprintf("web-%d", i), at(time.Minute).Add(time.Duration(i)), correlate.Warning))
		}
	})
	var asking sync.WaitGroup
	for range askers {
		asking.Go(func() {
			for last := uint64(0); last < alerts; {
				v, err := r.service.Evaluate(t.Context(), question("shadow-1"))
				if err != nil || v.AlertCount != (v.AsOf+1)/2 || v.AsOf < last {
					t.Errorf("after position %d: verdict %+v, error %v", last, v, err)
					return
				}
				last = v.AsOf
				list, err := r.service.Alerts(t.Context(), verifier.Selection{Namespace: "shadow-2", Window: question("x").Window})
				if err != nil || list.AlertCount != list.AsOf/2 {
					t.Errorf("list %+v, error %v", list, err)
					return
				}
				r.service.Sensors(t.Context())
			}
		})
	}
	writing.Wait()
	asking.Wait()
	require.Equal(t, uint64(alerts), r.tail.Position())
}
