// Package aegis holds falcogate against the scrape of Falco's log that AEGIS' shadow
// verification does, and runs the drop-in that takes its place.
package aegis

import (
	"os"
	"testing"

	"github.com/falcogate/falcogate/test/clients/daemon"
)

func TestMain(m *testing.M) { os.Exit(daemon.Main(m)) }
