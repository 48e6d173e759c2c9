package eventlog

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A cluster tells its members' addresses without a user. One of them must let us
// in when the server that was named is away.
func TestWithUser(t *testing.T) {
	require.Equal(t, []string{"nats://u:p@n1:4222", "tls://x:y@n2:4222"},
		withUser("nats://u:p@n0:4222,nats://n9:4222", []string{"nats://n1:4222", "tls://x:y@n2:4222"}))
	require.Equal(t, []string{"nats://n1:4222"}, withUser("nats://n0:4222", []string{"nats://n1:4222"}))
}
