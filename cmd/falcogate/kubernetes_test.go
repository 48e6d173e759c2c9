package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer/falcogrpc"
	"github.com/falcogate/falcogate/internal/kube"
)

// Readers of a Lease that is lost stop before another may hold it.
func TestReadersStopWithinTheLease(t *testing.T) {
	stop := kube.LeaseOptions{}.StopTime()
	require.LessOrEqual(t, 2*drainWithin(stop), stop-time.Second)
	require.Positive(t, drainWithin(stop))
	require.Equal(t, falcogrpc.DefaultDrainTimeout, drainWithin(time.Hour))
}

func TestMembers(t *testing.T) {
	require.Equal(t, []falcogrpc.Member{
		{ID: "u1", Name: "falco-a on node-a", Address: "10.0.0.1:5060"},
		{ID: "u2", Name: "falco-b on node-b", Address: "[fd00::1]:5060"},
	}, members([]kube.Falco{
		{UID: "u1", Name: "falco-a", Node: "node-a", IP: "10.0.0.1"}, {UID: "u2", Name: "falco-b", Node: "node-b", IP: "fd00::1"},
	}, 5060))
}
