// Package argorollouts runs the analysis of Argo Rollouts against a running falcogate.
package argorollouts

import (
	"io"
	"os"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard)
	os.Exit(daemon.Main(m))
}
