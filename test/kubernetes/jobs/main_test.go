package jobs

import (
	"os"
	"testing"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

func TestMain(m *testing.M) { os.Exit(daemon.Main(m)) }
