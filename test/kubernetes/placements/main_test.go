// Package placements holds the watch of pods, the event log's records of it and what
// the core makes of them against a real API server.
package placements

import (
	"os"
	"testing"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// cluster is the control plane of all tests here. They run one after the other, as
// some stop its API server.
var cluster *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(controlplane.RunTests(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { cluster = c }))
}
