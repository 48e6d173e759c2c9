package attest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/attest"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// noSigner fails.
type noSigner struct{}

func (noSigner) SignVerdict(*verifier.Verdict, []byte) (string, error) { return "", errors.New("away") }

// What is published, by a gate or for who asks, has a signature that holds.
func TestEventsAreSigned(t *testing.T) {
	p := p256Pair(t)
	for name, signer := range map[string]verifier.Signer{"signed": p.signer, "not signed": nil, "a signer that fails": noSigner{}} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
			clock := func() time.Time { return now }
			log := memlog.New()
			log.Append(now.Add(-time.Minute), &correlate.Alert{
				Hostname: "node-a", Source: "syscall", Rule: "Terminal shell in container", Priority: correlate.Warning, Time: now.Add(-time.Minute),
				OutputFields: correlate.NewFields([]correlate.Field{{Name: "k8s.ns.name", Value: "shop"}}),
			})
			tail := verifier.NewTail(verifier.TailOptions{Log: log, Now: clock})
			service := verifier.NewService(verifier.ServiceOptions{
				Log: log, Tail: tail, Now: clock, Signer: signer,
				Subject: func(namespace, verdict string) string { return "falcogate.verdict." + namespace + "." + verdict },
			})
			gates := verifier.NewGates(verifier.GatesOptions{Service: service, Store: memlog.NewGates()})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 2)
			go func() { ended <- tail.Run(ctx) }()
			go func() { ended <- gates.Run(ctx) }()
			defer func() {
				cancel()
				require.NoError(t, <-ended)
				require.NoError(t, <-ended)
			}()
			require.Eventually(t, func() bool {
				_, _, err := gates.Open(ctx, verifier.GateSpec{Namespace: "shop", Start: now.Add(-time.Hour), Digest: digest})
				return err == nil
			}, 10*time.Second, time.Millisecond)
			_, err := service.Publish(ctx, verifier.Question{Namespace: "shop", Window: correlate.Window{Start: now.Add(-time.Hour), End: now}})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(log.Verdicts()) == 2 }, 10*time.Second, time.Millisecond)
			for _, event := range log.Verdicts() {
				header, there := event.Header[verifier.SignatureHeader]
				require.Equal(t, name == "signed", there, "what can't be signed is published all the same")
				if there {
					found, err := attest.CheckEvent(event.Data, header, p.public)
					require.NoError(t, err)
					require.Equal(t, event.ID, found.Verdict.ID)
				}
			}
		})
	}
}
