package verifier_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is when the tests' clocks stand.
var epoch = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)

// at is a time before epoch.
func at(ago time.Duration) time.Time { return epoch.Add(-ago) }

// alert makes an alert; fields are names and values in turn.
func alert(when time.Time, p correlate.Priority, fields ...string) *correlate.Alert {
	var all []correlate.Field
	for i := 0; i < len(fields); i += 2 {
		all = append(all, correlate.Field{Name: fields[i], Value: fields[i+1]})
	}
	return &correlate.Alert{
		Hostname: "node-a", Source: "syscall", Rule: "Terminal shell in container", Priority: p, Time: when,
		Output:       fmt.Sprintf("%s: %s", when.Format("15:04:05.000000000"), p),
		OutputFields: correlate.NewFields(all), Tags: []string{"container", "shell"},
	}
}

// inPod makes an alert of a pod.
func inPod(ns, pod string, when time.Time, p correlate.Priority) *correlate.Alert {
	return alert(when, p, "k8s.ns.name", ns, "k8s.pod.name", pod, "container.id", "4d2f9b1c8a7e")
}

// question asks about the ten minutes before epoch, trusting silence.
func question(ns string) verifier.Question {
	return verifier.Question{
		Namespace: ns, Window: correlate.Window{Start: at(10 * time.Minute), End: epoch}, Change: verifier.Change{Evidence: verifier.None},
	}
}

// rig is a service over a log in memory.
type rig struct {
	log     *memlog.Log
	tail    *verifier.Tail
	service *verifier.Service
}

// start runs a tail and a service over the log until the test ends.
func start(t *testing.T, log *memlog.Log) *rig {
	t.Helper()
	return startWith(t, log, verifier.TailOptions{}, verifier.ServiceOptions{})
}

func startWith(t *testing.T, log *memlog.Log, to verifier.TailOptions, so verifier.ServiceOptions) *rig {
	t.Helper()
	clock := func() time.Time { return epoch }
	to.Log, to.Now = log, clock
	tail := verifier.NewTail(to)
	so.Log, so.Tail, so.Now = log, tail, clock
	so.Subject = func(namespace, verdict string) string { return "falcogate.verdict." + namespace + "." + verdict }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tail.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("tail: %v", err)
		}
	})
	return &rig{log: log, tail: tail, service: verifier.NewService(so)}
}

// ask evaluates a question.
func (r *rig) ask(t *testing.T, q verifier.Question) *verifier.Verdict {
	t.Helper()
	v, err := r.service.Evaluate(t.Context(), q)
	require.NoError(t, err)
	return v
}

// logOf is a log that holds the bodies, each logged at its own place in time.
func logOf(bodies ...correlate.Body) *memlog.Log {
	log := memlog.New()
	for _, b := range bodies {
		logged := epoch
		if a, ok := b.(*correlate.Alert); ok {
			logged = a.Time
		}
		log.Append(logged, b)
	}
	return log
}

// codes are the codes of a verdict's reasons.
func codes(v *verifier.Verdict) []verifier.ReasonCode {
	var out []verifier.ReasonCode
	for _, r := range v.Reasons {
		out = append(out, r.Reason)
	}
	return out
}
