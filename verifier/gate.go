package verifier

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/falcogate/falcogate/correlate"
)

// Gate is a durable question: it is answered once, when that can be, whoever waits for
// it or not. Its JSON form is what is stored, answered and printed.
type Gate struct {
	GateSpec
	State    GateState `json:"state"`
	OpenedAt time.Time `json:"opened_at"`
	// ClosedAt is when its window was given an end by closing it.
	ClosedAt time.Time `json:"closed_at,omitzero"`
	// CancelledAt is when it was cancelled.
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
	// Verdict is there once it is decided, and never changes.
	Verdict *Verdict `json:"verdict,omitzero"`
	// Published is true once the event of the verdict is stored, and that of the
	// contradiction if there is one.
	Published bool `json:"published,omitzero"`
	// Contradiction is there once alerts have come that would have failed a gate that
	// has passed.
	Contradiction *Contradiction `json:"contradiction,omitzero"`
}

// GateStates are all there are, in the order of a gate's life.
var GateStates = []GateState{GateOpen, GateClosed, GateDecided, GateCancelled}

// GateState is how far a gate has come.
type GateState string

// States of a gate. One that is decided or cancelled stays so.
const (
	GateOpen      GateState = "open"      // its window has no end yet, or a later one
	GateClosed    GateState = "closed"    // its window was ended by closing it
	GateDecided   GateState = "decided"   // it has its verdict, which alerts may still contradict
	GateCancelled GateState = "cancelled" // it gets none
)

// final reports whether nothing changes any more.
func (s GateState) final() bool { return s == GateDecided || s == GateCancelled }

// GateSpec says what a gate asks. It is a Question whose window may lie ahead.
type GateSpec struct {
	// ID names the gate; the caller's own, or made when it is empty.
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod,omitzero"`
	Selector  string `json:"selector,omitzero"`
	Owner     string `json:"owner,omitzero"`
	Hash      string `json:"hash,omitzero"`
	VCluster  string `json:"vcluster,omitzero"`
	Rule      string `json:"rule,omitzero"`
	Sensor    string `json:"sensor,omitzero"`
	// Severity is the least that counts; zero means Warning.
	Severity correlate.Priority `json:"severity"`
	// Start is when the window begins: zero means when the gate is opened, or, with
	// FirstPod, when the first pod of its scope is placed.
	Start    time.Time `json:"start,omitzero"`
	FirstPod bool      `json:"first_pod,omitzero"`
	// End is when the window ends; zero means when the gate is closed.
	End time.Time `json:"end,omitzero"`
	// Deadline is when a gate that is not proven is inconclusive; zero means
	// DefaultPatience behind the end, or behind now when that is over, and MaxGateTime
	// from now on without an end.
	Deadline time.Time `json:"deadline,omitzero"`
	// What a pass needs, where that is not the service's policy.
	Evidence           Evidence   `json:"evidence,omitzero"`
	Settling           *Duration  `json:"settling,omitzero"`
	ClockSkew          *Duration  `json:"clock_skew,omitzero"`
	MaxKernelDropRatio *float64   `json:"max_kernel_drop_ratio,omitzero"`
	HostAlerts         HostAlerts `json:"host_alerts,omitzero"`
	RequireRules       []string   `json:"require_rules,omitzero"`
	// Which alerts do not fail it, as Excuses have it.
	Ignore    []Ignore  `json:"ignore,omitzero"`
	MaxAlerts uint64    `json:"max_alerts,omitzero"`
	Baseline  *Baseline `json:"baseline,omitzero"`
	// Labels are the caller's; verdicts repeat them.
	Labels map[string]string `json:"labels,omitzero"`
	// Digest is of what is being verified, such as sha256:… of an image.
	Digest string `json:"digest,omitzero"`
}

// Bounds of gates.
const (
	// DefaultPatience is how long behind its window's end a gate waits for proof.
	DefaultPatience = 5 * time.Minute
	// MaxGateTime is how far ahead the end and the deadline of a gate may lie. A gate
	// that is not closed by then is judged up to there: inconclusive, unless it trusts in
	// silence.
	MaxGateTime = 7 * 24 * time.Hour
	// MaxGateLabels bounds Labels, and MaxGateLabel the name and value of each, in
	// characters.
	MaxGateLabels = 32
	MaxGateLabel  = 256
)

// gateID is what a gate may be called: it stands in URLs and in subjects.
var gateID = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$`)

// digestForm is an algorithm and a digest by it in hexadecimal digits.
var digestForm = regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,128}$`)

// Check returns a *FieldError for the first part that no gate could be opened with as of
// now, or nil.
func (s GateSpec) Check(now time.Time) error { return s.complete(now) }

// complete fills in what is left to defaults, as of now, and checks all.
func (s *GateSpec) complete(now time.Time) error {
	if !gateID.MatchString(s.ID) {
		return &FieldError{"id", fmt.Sprintf("want 1 to 128 letters, digits, dots, hyphens and underscores, the first and the last a letter or a digit, have %.200q", s.ID)}
	}
	if s.Severity == 0 {
		s.Severity = correlate.Warning
	}
	// As they come back from the store.
	for _, t := range []*time.Time{&s.Start, &s.End, &s.Deadline} {
		*t = t.UTC().Round(0)
	}
	s.Baseline = s.Baseline.withDefaults()
	if len(s.Ignore) == 0 {
		s.Ignore = nil
	}
	if len(s.Labels) == 0 {
		s.Labels = nil
	}
	if s.Start.IsZero() && !s.FirstPod {
		s.Start = now
	}
	latest := now.Add(MaxGateTime)
	if s.Deadline.IsZero() {
		s.Deadline = latest
		switch {
		case s.End.After(now):
			s.Deadline = s.End.Add(DefaultPatience)
		case !s.End.IsZero():
			s.Deadline = now.Add(DefaultPatience)
		}
	}
	switch {
	case s.FirstPod && !s.Start.IsZero():
		return &FieldError{"first_pod", "goes without a start"}
	case s.Start.After(now):
		return &FieldError{"start", InFuture(s.Start, now)}
	case !s.End.IsZero() && !s.Start.Before(s.End):
		return &FieldError{"end", fmt.Sprintf("%s is not after the start, %s: the window would be empty", stamp(s.End), stamp(s.Start))}
	case s.End.After(latest):
		return &FieldError{"end", fmt.Sprintf("%s is more than %s ahead", stamp(s.End), MaxGateTime)}
	case s.Deadline.Before(s.End), !s.Deadline.After(now):
		return &FieldError{"deadline", fmt.Sprintf("%s has passed, or is before the end of the window", stamp(s.Deadline))}
	case s.Deadline.After(latest.Add(DefaultPatience)):
		return &FieldError{"deadline", fmt.Sprintf("%s is more than %s ahead", stamp(s.Deadline), MaxGateTime)}
	case s.Digest != "" && !digestForm.MatchString(s.Digest):
		return &FieldError{"digest", fmt.Sprintf("want ALGORITHM:HEX such as sha256:…, have %.200q", s.Digest)}
	case len(s.Labels) > MaxGateLabels:
		return &FieldError{"labels", fmt.Sprintf("want at most %d, have %d", MaxGateLabels, len(s.Labels))}
	}
	// The store would give back another text than it was given.
	for field, text := range map[string]string{
		"pod": s.Pod, "selector": s.Selector, "owner": s.Owner, "hash": s.Hash, "vcluster": s.VCluster, "rule": s.Rule, "sensor": s.Sensor,
	} {
		if !utf8.ValidString(text) {
			return &FieldError{field, fmt.Sprintf("want UTF-8, have %.80q", text)}
		}
	}
	for name, value := range s.Labels {
		if !utf8.ValidString(name + value) {
			return &FieldError{"labels", fmt.Sprintf("want UTF-8, have %.80q", name+"="+value)}
		}
		if name == "" || len(name) > MaxGateLabel || len(value) > MaxGateLabel || strings.Contains(name, "=") {
			return &FieldError{"labels", fmt.Sprintf("names have 1 to %d characters and no =, and values at most as many: %.80q", MaxGateLabel, name)}
		}
	}
	_, err := s.asked(time.Time{}, DefaultPolicy(), nil, PlacementsAuto)
	return err
}

// asked is the gate's question with its window's end, which may lie ahead; zero means
// the end that it names, or none.
func (s *GateSpec) asked(end time.Time, policy Policy, sensors []string, placements Placements) (asked, error) {
	q := Question{
		Namespace: s.Namespace, Pods: Pods{s.Pod, s.Selector, s.Owner, s.Hash, s.VCluster}, Rule: s.Rule, Sensor: s.Sensor, Severity: s.Severity,
		Window: correlate.Window{Start: s.Start, End: end}, Excuses: Excuses{s.Ignore, s.MaxAlerts, s.Baseline},
		Change: Change{
			Evidence: s.Evidence, Settling: (*time.Duration)(s.Settling), ClockSkew: (*time.Duration)(s.ClockSkew),
			MaxKernelDropRatio: s.MaxKernelDropRatio, HostAlerts: s.HostAlerts, RequireRules: s.RequireRules,
		},
	}
	switch {
	case !end.IsZero():
	case !s.End.IsZero():
		q.Window.End = s.End
	default:
		q.Window.End = s.Deadline
	}
	// Its end is not in the future of the end itself.
	return q.ask(q.Window.End, policy, sensors, placements)
}

// stamp writes a time for people.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
