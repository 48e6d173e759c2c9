package failing

import "testing"

func TestYes(t *testing.T) { t.Error("always") }
