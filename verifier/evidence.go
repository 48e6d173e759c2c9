package verifier

import "fmt"

// Evidence is how well a silence is proven. A question names the least that it
// accepts for a pass; the empty value means Accounted, the strictest.
type Evidence string

// Levels of evidence, the strictest first.
const (
	// Accounted: Falco's own counters show that every alert it raised arrived.
	Accounted Evidence = "accounted"
	// Heard: Falco's heartbeat has no gap; its counters are not there to check.
	Heard Evidence = "heard"
	// None: silence is trusted. Nothing shows that Falco was watching.
	None Evidence = "none"
)

// ParseEvidence reads a level's name exactly as it is written; anything else,
// the empty name included, is an error.
func ParseEvidence(s string) (Evidence, error) {
	switch e := Evidence(s); e {
	case Accounted, Heard, None:
		return e, nil
	}
	return "", fmt.Errorf("unknown level of evidence %.40q: want %s, %s or %s", s, Accounted, Heard, None)
}
