package eventlog

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A stream's leader that answers from before, as one does that was just cut off from the
// others, does not have the log rewound; a log that stays shorter does.
func TestShorterLog(t *testing.T) {
	replicated := &jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{{}, {}}}
	type answer struct {
		after time.Duration
		last  uint64
		want  string // "", "again" or "rewound"
	}
	for _, tt := range []struct {
		name    string
		cluster *jetstream.ClusterInfo
		answers []answer
	}{
		{"one server alone", nil, []answer{{0, 260, ""}, {0, 220, "rewound"}}},
		{"a stream without replicas", &jetstream.ClusterInfo{}, []answer{{0, 259, "rewound"}}},
		{"from before, then as it is", replicated, []answer{{0, 220, "again"}, {29 * time.Second, 220, "again"}, {time.Second, 260, ""}}},
		{"from before, twice", replicated, []answer{{0, 220, "again"}, {20 * time.Second, 270, ""}, {20 * time.Second, 220, "again"}}},
		{"it stays", replicated, []answer{{0, 220, "again"}, {10 * time.Second, 221, "again"}, {20 * time.Second, 222, "rewound"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reader := &tail{next: 261}
			now := time.Now()
			for _, a := range tt.answers {
				now = now.Add(a.after)
				err := reader.checkLength(&jetstream.StreamInfo{Cluster: tt.cluster, State: jetstream.StreamState{LastSeq: a.last}}, now)
				var stop *stopError
				got := ""
				switch {
				case errors.As(err, &stop):
					require.ErrorIs(t, stop.err, ErrRewound)
					got = "rewound"
				case err != nil:
					require.NotErrorIs(t, err, ErrRewound)
					got = "again"
				}
				require.Equal(t, a.want, got, "%v", err)
			}
		})
	}
}
