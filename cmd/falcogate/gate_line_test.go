package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/verifier"
)

func TestProgressText(t *testing.T) {
	in := func(d time.Duration) *verifier.Duration { return (*verifier.Duration)(&d) }
	until := time.Date(2026, 11, 23, 6, 30, 0, 0, time.Local)
	for want, p := range map[string]verifier.GateProgress{
		"gate g: open, 58s left, 0 alerts, 1 of 2 sensors proven until 06:30:00": {
			State: verifier.GateOpen, EndIn: in(time.Minute), SensorsProven: 1, SensorsNeeded: 2, ProvenUntil: until, Pending: true, Reason: "pending", Message: "M",
		},
		"gate g: open, until it is closed, deadline in 59m58s, 1 alert, 0 of 0 sensors proven; no_sensor: No Falco was heard of.": {
			State: verifier.GateOpen, DeadlineIn: verifier.Duration(time.Hour), AlertCount: 1, Reason: "no_sensor", Message: "No Falco was heard of.",
		},
		"gate g: closed, window over, deadline in 0s, 2 alerts, 0 of 1 sensors proven": {
			State: verifier.GateClosed, EndIn: in(time.Second), DeadlineIn: verifier.Duration(time.Second), AlertCount: 2, SensorsNeeded: 1, Reason: verifier.ReasonTrustInSilence, Message: "M",
		},
	} {
		p.ID = "g"
		require.Equal(t, want, progressText(&p, 2*time.Second))
	}
}

// lines collects what is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) taken() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

func TestGateLine(t *testing.T) {
	minute := verifier.Duration(time.Minute)
	p := &verifier.GateProgress{ID: "g", State: verifier.GateOpen, EndIn: &minute, Pending: true, Message: "\x1b[2J", Reason: "pending"}
	const text = "gate g: open, %s left, 0 alerts, 0 of 0 sensors proven"
	with := func(left string) string { return strings.Replace(text, "%s", left, 1) }

	// On a terminal it is one line that counts down, and goes away.
	synctest.Test(t, func(t *testing.T) {
		out := &lines{}
		l := newGateLine(out, "g", true)
		time.Sleep(1500 * time.Millisecond)
		require.Empty(t, out.taken(), "nothing is known yet")
		l.show(p)
		require.Equal(t, "\r\x1b[K"+with("1m0s"), out.taken())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, "\r\x1b[K"+with("1m0s")+"\r\x1b[K"+with("59s"), out.taken())
		l.note("lost\n")
		require.Equal(t, "\r\x1b[Kgate g: lost·\n\r\x1b[K"+with("58s"), out.taken())
		long := *p
		long.ID, long.Pending, long.Message = strings.Repeat("x", 100), false, "\x1b[2J"
		l.show(&long)
		require.Len(t, []rune(out.taken()), 4+78+1, "less than a line of eighty")
		l.end()
		require.Equal(t, "\r\x1b[K", out.taken())
	})

	// Else there is a line for each change, without anything that moves a cursor.
	synctest.Test(t, func(t *testing.T) {
		out := &lines{}
		l := newGateLine(out, "g", false)
		l.show(p)
		time.Sleep(10 * time.Second)
		l.note("lost")
		stuck := *p
		stuck.Pending = false
		l.show(&stuck)
		l.end()
		require.Equal(t, with("1m0s")+"\ngate g: lost\n"+with("1m0s")+"; pending: ·[2J\n", out.taken())
	})
}

func TestParseLabels(t *testing.T) {
	labels, err := parseLabels([]string{"run=7", "step=a=b", "empty="})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"run": "7", "step": "a=b", "empty": ""}, labels)
	for _, wrong := range [][]string{{"run"}, {"=7"}, {"a=1", "a=1"}, {""}} {
		_, err := parseLabels(wrong)
		require.Error(t, err, wrong)
	}
}
