package verifier_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// A log that was made anew may be exactly as long as the one that was read, and
// hold an alert where that one held none. Silence of the index proves nothing
// about it, also for who trusts silence.
func TestAReplacedLogIsNeverAPass(t *testing.T) {
	for name, after := range map[string]int{"empty": 0, "shorter": 1, "as long": 2, "longer": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := logOf(
					inPod("shadow-2", "web", at(9*time.Minute), correlate.Notice),
					inPod("shadow-2", "web", at(8*time.Minute), correlate.Notice),
				)
				r := start(t, log)
				synctest.Wait()
				require.Equal(t, verifier.Pass, r.ask(t, question("shadow-1")).Verdict, "nothing is wrong yet")

				log.Hold()
				log.Replace()
				for range after {
					log.Append(at(time.Minute), inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
				}
				v := r.ask(t, question("shadow-1"))
				require.Equal(t, verifier.Inconclusive, v.Verdict)
				require.Equal(t, verifier.ReasonIndexBehind, v.Reason)
				require.Contains(t, v.Reasons[0].Message, "the event log was replaced")
				require.Contains(t, v.Reasons[0].Message, "2026-11-01T01:00:00Z")
				require.Contains(t, v.Reasons[0].Message, "restart falcogate")
			})
		})
	}
}

// The log that is there when the tail begins is the one that counts.
func TestALogReplacedBeforeItWasReachedIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		log.Down(errors.New("no connection"))
		r := start(t, log)
		synctest.Wait()
		log.Replace()
		log.Down(nil)
		require.NoError(t, r.tail.WaitFor(t.Context(), 0))
		require.Equal(t, verifier.Pass, r.ask(t, question("shadow-1")).Verdict)
		log.Append(at(time.Minute), inPod("shadow-1", "web", at(time.Minute), correlate.Critical))
		require.Equal(t, verifier.Fail, r.ask(t, question("shadow-1")).Verdict)
	})
}
