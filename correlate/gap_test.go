package correlate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A gap that matters without counters still does so when one that does not is
// joined to it, whichever came first.
func TestJoinedGapsMatterAsTheWorseDoes(t *testing.T) {
	for _, first := range []bool{true, false} {
		for _, second := range []bool{true, false} {
			g, next := Gap{CountersOnly: first}, Gap{CountersOnly: second}
			require.True(t, g.joins(&next))
			g.join(&next)
			require.Equal(t, first && second, g.CountersOnly)
		}
	}
}
