package verifier

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/correlate"
)

// ContradictionType is the CloudEvents type of a contradiction's event.
const ContradictionType = "dev.falcogate.contradiction.v1"

// contradictionWord stands in subjects where a verdict's outcome does.
const contradictionWord = "contradiction"

// maxContradictionBytes bounds a contradiction's event. It stands in its gate beside the
// verdict, and a NATS server takes 1 MiB for both.
const maxContradictionBytes = MaxEventBytes / 4

// Contradiction says that a gate has passed, and that alerts came later with a time in
// its window which would have failed it. There is one for a verdict at most; the verdict
// itself never changes. Its JSON form is what is published and answered.
type Contradiction struct {
	ID      string `json:"id"` // made of the verdict's
	Message string `json:"message"`
	// Contradicts is the verdict.
	Contradicts ContradictedVerdict `json:"contradicts"`
	Gate        *GateRef            `json:"gate"`

	// The question, as in the verdict.
	Namespace string             `json:"namespace"`
	Pod       string             `json:"pod,omitzero"`
	Selector  string             `json:"selector,omitzero"`
	Owner     string             `json:"owner,omitzero"`
	Hash      string             `json:"hash,omitzero"`
	VCluster  string             `json:"vcluster,omitzero"`
	Rule      string             `json:"rule,omitzero"`
	Sensor    string             `json:"sensor,omitzero"`
	Severity  correlate.Priority `json:"severity"`
	Window    Window             `json:"window"`
	MaxAlerts uint64             `json:"max_alerts,omitzero"`

	// What is known when the contradiction is found: all alerts that count, also those
	// that the verdict knew and MaxAlerts allowed.
	AlertCount uint64  `json:"alert_count"`
	HostAlerts uint64  `json:"host_alerts"`
	Truncated  bool    `json:"truncated"` // Alerts lists fewer than AlertCount
	Summary    Summary `json:"summary"`
	Alerts     []Alert `json:"alerts"` // newest first

	AsOf        uint64    `json:"as_of"` // the log's position when it was found
	EvaluatedAt time.Time `json:"evaluated_at"`
}

// ContradictedVerdict cites a verdict.
type ContradictedVerdict struct {
	ID          string    `json:"id"`
	Verdict     Outcome   `json:"verdict"` // always a pass
	AsOf        uint64    `json:"as_of"`
	EvaluatedAt time.Time `json:"evaluated_at"`
}

// contradict is the contradiction of a pass by what the same question is answered now, a
// fail.
func contradict(pass, now *Verdict) *Contradiction {
	sum := sha256.Sum256([]byte("falcogate contradiction 1\n" + pass.ID))
	c := &Contradiction{
		ID:          hex.EncodeToString(sum[:16]),
		Message:     fmt.Sprintf("Verdict %s was a pass at position %d of the event log. What came later with a time in its window would have failed it: %s", pass.ID, pass.AsOf, now.Message),
		Contradicts: ContradictedVerdict{pass.ID, pass.Verdict, pass.AsOf, pass.EvaluatedAt},
		Gate:        pass.Gate,
		Namespace:   pass.Namespace, Pod: pass.Pod, Selector: pass.Selector, Owner: pass.Owner, Hash: pass.Hash, VCluster: pass.VCluster,
		Rule: pass.Rule, Sensor: pass.Sensor, Severity: pass.Severity, Window: pass.Window, MaxAlerts: pass.MaxAlerts,
		AlertCount: now.AlertCount, HostAlerts: now.HostAlerts, Truncated: now.Truncated, Summary: now.Summary, Alerts: now.Alerts,
		AsOf: now.AsOf, EvaluatedAt: now.EvaluatedAt,
	}
	return c
}

// encode encodes the event. It takes alerts off the list's end, in c too, until what is
// left fits.
func (c *Contradiction) encode() ([]byte, error) {
	for {
		data, err := json.Marshal(c, JSONOptions)
		if err != nil || len(data) <= maxContradictionBytes || len(c.Alerts) == 0 {
			return data, err
		}
		c.Alerts, c.Truncated = c.Alerts[:len(c.Alerts)/2], true
	}
}

// slim is a contradiction as a list shows it; nil of nil.
func (c *Contradiction) slim() *Contradiction {
	if c == nil {
		return nil
	}
	return &Contradiction{ID: c.ID, AlertCount: c.AlertCount, EvaluatedAt: c.EvaluatedAt}
}

// passedAsked is the question of a verdict that was a pass, with the window that it had.
func (v *Verdict) passedAsked() (asked, error) {
	fixed := *v
	fixed.Window.FirstPod = false
	return fixed.asked()
}
