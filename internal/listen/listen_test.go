package listen

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:0": true, "127.3.4.5:80": true, "[::1]:0": true, "localhost:80": true, "[::ffff:127.0.0.1]:0": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1:80": false, "[fe80::1%lo]:80": false, "128.0.0.1:80": false,
		"localhost.example:80": false, "falcogate:80": false, "127.0.0.1": false, "": false, "127.1:80": false, "LOCALHOST:80": false,
	} {
		require.Equal(t, want, Loopback(address), address)
	}
}

func TestTCP(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "localhost:0"} {
		l, err := TCP(t.Context(), address, false)
		require.NoError(t, err)
		_, err = TCP(t.Context(), l.Addr().String(), true)
		require.ErrorContains(t, err, "address already in use")
		require.NotErrorIs(t, err, ErrBeyondLoopback)
		require.NoError(t, l.Close())
	}
	// Nothing listens there for one moment.
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "nonsense"} {
		_, err := TCP(t.Context(), address, false)
		require.ErrorIs(t, err, ErrBeyondLoopback, address)
		require.ErrorContains(t, err, address)
	}
}
