package verifier_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// The lives of gates, told as transcripts: what is opened, what Falco sends, what dies, and
// what a subscriber gets to hear. Each file is one story, in a time of its own with two
// replicas. Rewrite the expectations with -rewrite, and commit only a diff that you
// understand: the comment above each step says what is right and why.
//
//	open GATE ns=NAMESPACE [for=60s] [deadline=5m] [severity=error] [max-alerts=1] [evidence=none]
//	wait 30s                 a snapshot comes every five seconds
//	silence 30s              nothing comes
//	alert ns=NAMESPACE [priority=error] [ago=30s]
//	lose                     Falco raises an alert that never comes
//	close GATE, cancel GATE
//	replace                  the event log is deleted and made again, by somebody else
//	crash N, start           ends a replica without a word; starts another one
//	gates                    what each is now
//
// Each step answers with what was published since, counted from the story's beginning.
func TestGateTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/gates", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			s := &story{t: t, world: newWorld()}
			s.replicas = []*replica{s.start(), s.start()}
			datadriven.RunTest(t, path, s.step)
			for _, r := range s.replicas {
				r.stop()
			}
		})
	})
}

// story is one transcript while it is told.
type story struct {
	t        *testing.T
	world    *world
	replicas []*replica
	told     int // events
}

func (s *story) start() *replica {
	return startGates(s.t, s.world.log, s.world.store, s.world.clock, 0)
}

func (s *story) step(t *testing.T, d *datadriven.TestData) string {
	w := s.world
	first := func() string {
		require.NotEmpty(t, d.CmdArgs, d.Pos)
		return d.CmdArgs[0].Key
	}
	length := func(text string) time.Duration {
		length, err := time.ParseDuration(text)
		require.NoError(t, err, d.Pos)
		return length
	}
	var failed error
	switch d.Cmd {
	case "open":
		failed = s.open(d, length)
	case "wait":
		w.goOn(length(first()))
	case "silence":
		time.Sleep(length(first()))
	case "alert":
		var ns, priority, ago string
		d.ScanArgs(t, "ns", &ns)
		d.MaybeScanArgs(t, "priority", &priority)
		d.MaybeScanArgs(t, "ago", &ago)
		p := correlate.Warning
		if priority != "" {
			var err error
			p, err = correlate.ParsePriority(priority)
			require.NoError(t, err, d.Pos)
		}
		late := time.Duration(0)
		if ago != "" {
			late = length(ago)
		}
		w.late(ns, late, p)
	case "lose":
		w.falco.raised++
	case "replace":
		w.log.Replace()
	case "close":
		_, failed = s.alive().gates.Close(t.Context(), first(), time.Time{})
	case "cancel":
		_, failed = s.alive().gates.Cancel(t.Context(), first())
	case "crash":
		s.replicas[0].stop()
		s.replicas = s.replicas[1:]
	case "start":
		s.replicas = append(s.replicas, s.start())
	case "gates":
		return s.states()
	default:
		t.Fatalf("%s: unknown step %s", d.Pos, d.Cmd)
	}
	synctest.Wait()
	if failed != nil {
		return "refused: " + failed.Error() + "\n" + s.events()
	}
	return s.events()
}

// alive is a replica that is asked.
func (s *story) alive() *replica {
	require.NotEmpty(s.t, s.replicas, "all are dead")
	return s.replicas[len(s.replicas)-1]
}

func (s *story) open(d *datadriven.TestData, length func(string) time.Duration) error {
	spec := verifier.GateSpec{ID: d.CmdArgs[0].Key}
	now := s.world.clock()
	for _, a := range d.CmdArgs[1:] {
		value := strings.Join(a.Vals, ",")
		switch a.Key {
		case "ns":
			spec.Namespace = value
		case "for":
			spec.End = now.Add(length(value))
		case "deadline":
			spec.Deadline = now.Add(length(value))
		case "severity":
			p, err := correlate.ParsePriority(value)
			require.NoError(s.t, err, d.Pos)
			spec.Severity = p
		case "max-alerts":
			_, err := fmt.Sscan(value, &spec.MaxAlerts)
			require.NoError(s.t, err, d.Pos)
		case "evidence":
			spec.Evidence = verifier.Evidence(value)
		default:
			s.t.Fatalf("%s: unknown option %s", d.Pos, a.Key)
		}
	}
	_, _, err := s.alive().gates.Open(s.t.Context(), spec)
	return err
}

// events are those that were published since the last step.
func (s *story) events() string {
	all := s.world.log.Verdicts()
	var lines []string
	for _, p := range all[s.told:] {
		var e struct {
			Gate        *verifier.GateRef             `json:"gate"`
			Reason      string                        `json:"reason"`
			Message     string                        `json:"message"`
			Contradicts *verifier.ContradictedVerdict `json:"contradicts"`
			EvaluatedAt time.Time                     `json:"evaluated_at"`
		}
		require.NoError(s.t, json.Unmarshal(p.Data, &e))
		what := e.Reason
		if e.Contradicts != nil {
			what = "contradiction"
		}
		lines = append(lines, fmt.Sprintf("+%s %s, gate %s, %s: %s", e.EvaluatedAt.Sub(epoch), p.Subject, e.Gate.ID, what, e.Message))
	}
	s.told = len(all)
	if len(lines) == 0 {
		return "nothing is published"
	}
	slices.Sort(lines) // of several gates there is no order
	return strings.Join(lines, "\n")
}

// states are what all replicas and the store say that the gates are.
func (s *story) states() string {
	var said []string
	for _, r := range s.replicas {
		list, err := r.gates.List(verifier.GateFilter{})
		require.NoError(s.t, err)
		var b strings.Builder
		for i := range list {
			g := &list[i]
			fmt.Fprintf(&b, "%s %s", g.ID, g.State)
			if g.Verdict != nil {
				fmt.Fprintf(&b, " %s", g.Verdict.Verdict)
			}
			if g.Contradiction != nil {
				b.WriteString(" contradicted")
			}
			b.WriteString("\n")
		}
		said = append(said, b.String())
	}
	require.Len(s.t, slices.Compact(said), 1, "replicas agree")
	return said[0]
}
