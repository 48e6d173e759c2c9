package controlplane

import (
	"fmt"
	"os"
	"testing"
)

// shared is the control plane of the tests that need no controllers. They run one
// after the other, as some stop its API server.
var shared *ControlPlane

func TestMain(m *testing.M) {
	if os.Getenv(asVictim) != "" {
		if err := runVictim(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(RunTests(m, Options{}, func(c *ControlPlane) { shared = c }))
}
