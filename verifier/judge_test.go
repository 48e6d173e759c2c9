package verifier

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// A question that was checked has no error of the index. Should one come all the same,
// there is no verdict, whichever part it comes from.
func TestJudgeHandsOnTheIndexErrors(t *testing.T) {
	now := time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
	for name, damage := range map[string]func(*asked){
		"the count in scope": func(a *asked) { a.inScope.MinPriority = 0 },
		"the list":           func(a *asked) { a.Limit = 0 },
		"alerts without pod": func(a *asked) { a.podless.MinPriority = 0 },
		"unattributed ones":  func(a *asked) { a.unattributed.MinPriority = 0 },
		"those of the host":  func(a *asked) { a.host.MinPriority = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			q := Question{Namespace: "shop", Pods: Pods{Name: "web-*"}, Window: correlate.Window{Start: now.Add(-time.Minute), End: now}}
			ask, err := q.ask(now, DefaultPolicy(), nil, PlacementsAuto)
			require.NoError(t, err)
			state := correlate.NewState(correlate.Limits{}, 0)
			v, _, err := judge(state, 0, &ask, nil)
			require.NoError(t, err)
			require.NotNil(t, v)
			damage(&ask)
			v, _, err = judge(state, 0, &ask, nil)
			require.Error(t, err)
			require.Nil(t, v)
		})
	}
}
