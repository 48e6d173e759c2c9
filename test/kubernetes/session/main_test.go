// Package session runs falcogate itself beside a real API server, as docs/kubernetes.md
// shows it.
package session

import (
	"fmt"
	"os"
	"testing"

	clients "github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

var (
	cluster *controlplane.ControlPlane
	program string // falcogate, built from this tree
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "falcogate-session-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if program, err = clients.Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return controlplane.RunTests(m, controlplane.Options{}, func(c *controlplane.ControlPlane) { cluster = c })
}
