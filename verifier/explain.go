package verifier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/falcogate/falcogate/correlate"
)

// ErrNoVerdict is what Explain returns for an id under which nothing was
// published, or whose verdict is not kept any more.
var ErrNoVerdict = errors.New("no verdict was published under this id, or it is not kept any more")

// MaxExplained is how many sensors an explanation has the timelines of: those
// with gaps come first.
const MaxExplained = 50

// Explanation is a published verdict, evaluated again, with what it rests on.
type Explanation struct {
	// Verdict is as it was published.
	Verdict *Verdict `json:"verdict"`
	// Identical is true when the event log, read up to the verdict's position,
	// gives the very same bytes.
	Identical bool `json:"identical"`
	// Differences are the members that come out otherwise, and Recomputed is how;
	// both are left out when it is identical.
	Differences []string `json:"differences,omitzero"`
	Recomputed  *Verdict `json:"recomputed,omitzero"`
	// Note says what a difference may come from.
	Note string `json:"note,omitzero"`
	// Sensors has the timelines of the needed sensors, those with gaps first.
	// Omitted is how many more there are.
	Sensors []SensorTimeline `json:"sensors"`
	Omitted int              `json:"omitted,omitzero"`
	// Withheld names what Withhold has left out.
	Withheld []string `json:"withheld,omitzero"`
}

// Explain evaluates a published verdict again, at its position of the event log,
// and says what it rests on. It reads the whole log up to there. May, unless nil,
// is called with the verdict's namespace before that is begun; what it returns is
// returned. The error is May's, ErrNoVerdict, ErrBusy, or the log's.
func (s *Service) Explain(ctx context.Context, id string, may func(ctx context.Context, namespace string) error) (*Explanation, error) {
	_, published, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	e := &Explanation{}
	if e.Verdict, err = readPublished(id, published); err != nil {
		return nil, err
	}
	if may != nil {
		if err := may(ctx, e.Verdict.Namespace); err != nil {
			return nil, err
		}
	}
	ask, err := e.Verdict.asked()
	if err != nil {
		return nil, fmt.Errorf("verdict %s can't be asked again: %w", id, err)
	}
	var again *Verdict
	err = s.replayed(ctx, e.Verdict.AsOf, func(state *correlate.State) error {
		var lists listing
		if err := s.readTold(ctx, &ask, func() (err error) {
			again, lists, err = judge(state, e.Verdict.AsOf, &ask, nil)
			return err
		}); err != nil {
			return err
		}
		s.list(ctx, again, lists)
		e.timelines(state, ask)
		return nil
	})
	var missing *FieldError
	if errors.As(err, &missing) {
		e.Note = "The event log does not reach as far as it did: " + missing.Detail
		e.Sensors = []SensorTimeline{}
		return e, nil
	}
	if err != nil {
		return nil, err
	}
	again.EvaluatedAt = e.Verdict.EvaluatedAt
	if again.Gate = e.Verdict.Gate; again.Gate != nil {
		again.ID = verdictID(again)
	}
	return e, e.compare(published, again)
}

// Published is a verdict as it was published.
type Published struct {
	Verdict   *Verdict
	Data      []byte // of its event
	Signature string // its header SignatureHeader; empty without one
}

// Published returns a published verdict. Whether a falcogate has published it is for the
// signature to tell. The error is ErrNoVerdict, ErrBusy, or the log's.
func (s *Service) Published(ctx context.Context, id string) (*Published, error) {
	header, data, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	v, err := readPublished(id, data)
	return &Published{v, data, header[SignatureHeader]}, err
}

// readPublished reads what was published under an id.
func readPublished(id string, data []byte) (*Verdict, error) {
	var other struct {
		Contradicts jsontext.Value `json:"contradicts"`
	}
	if json.Unmarshal(data, &other, JSONOptions) == nil && other.Contradicts != nil {
		return nil, ErrNoVerdict // it is a contradiction's id
	}
	v := &Verdict{}
	if err := json.Unmarshal(data, v, JSONOptions); err != nil {
		return nil, fmt.Errorf("verdict %s can't be read: %w", id, err)
	}
	return v, nil
}

// find is the header and the data of a published verdict. Whoever is let in at all may have one
// looked for, which reads the whole stream of verdicts: a few can at once.
func (s *Service) find(ctx context.Context, id string) (header map[string]string, data []byte, err error) {
	release, err := turn(ctx, s.finding)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	header, data, found, err := s.log.FindVerdict(ctx, id)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("looking for verdict %s: %w", id, err)
	case !found:
		return nil, nil, ErrNoVerdict
	}
	return header, data, nil
}

// asked is the question that a verdict answers.
func (v *Verdict) asked() (asked, error) {
	q := Question{
		Namespace: v.Namespace, Pods: Pods{v.Pod, v.Selector, v.Owner, v.Hash, v.VCluster}, Rule: v.Rule, Sensor: v.Sensor, Severity: v.Severity, Limit: v.Limit,
		Window: correlate.Window{Start: v.Window.Start, End: v.Window.End}, Excuses: v.excuses(),
	}
	if v.Window.FirstPod {
		q.Window.Start = time.Time{}
	}
	now := v.EvaluatedAt
	if v.Gate != nil && now.Before(v.Window.End) {
		now = v.Window.End // a gate may be decided before its window ends
	}
	return q.ask(now, Policy{
		Evidence: v.Evidence, Settling: time.Duration(v.Policy.Settling), ClockSkew: time.Duration(v.Policy.ClockSkew),
		MaxKernelDropRatio: v.Policy.MaxKernelDropRatio, HostAlerts: v.Policy.HostAlerts, RequireRules: v.Policy.RequireRules,
	}, v.Policy.Sensors, v.Policy.Placements)
}

// compare holds the published bytes against those of the verdict as it comes out
// now.
func (e *Explanation) compare(published []byte, again *Verdict) error {
	data, err := encodeEvent(again)
	if err != nil {
		return fmt.Errorf("encoding verdict %s: %w", again.ID, err)
	}
	if e.Identical = bytes.Equal(published, data); e.Identical {
		return nil
	}
	var before, after map[string]jsontext.Value
	if err := errors.Join(json.Unmarshal(published, &before, JSONOptions), json.Unmarshal(data, &after, JSONOptions)); err != nil {
		return fmt.Errorf("comparing verdict %s: %w", again.ID, err)
	}
	for name, value := range after {
		if !bytes.Equal(before[name], value) {
			e.Differences = append(e.Differences, name)
		}
		delete(before, name)
	}
	for name := range before {
		e.Differences = append(e.Differences, name)
	}
	slices.Sort(e.Differences)
	e.Recomputed = again
	switch {
	case e.Verdict.Reason == ReasonIndexBehind:
		e.Note = "When it was published the index had not reached the end of the event log, and nothing tells now how far it was."
	case again.Reason == ReasonEvicted || again.Coverage.Floor.After(e.Verdict.Coverage.Floor):
		e.Note = "The event log does not hold all of the window any more."
	default:
		e.Note = "The event log, or the version of falcogate, is not what it was then: " + strings.Join(e.Differences, ", ") + " differ."
	}
	return nil
}
