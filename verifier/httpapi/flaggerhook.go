package httpapi

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
)

// flaggerHook is what Flagger sends to a webhook (pkg/controller/webhook.go). What a
// later Flagger may add is not read.
type flaggerHook struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"` // none before Flagger 1.22
	Metadata  map[string]string `json:"metadata"`
}

// Names of metadata that no parameter of a verdict has.
const (
	hookSettle         = "settle" // settling
	hookRules          = "rules"
	hookOnInconclusive = "on_inconclusive"
	hookToken          = "token"
)

// hookParams are the metadata that a gate knows. The window's end is now, and its start
// is known; what lists alerts has no use.
var hookParams = append([]string{hookSettle, hookRules, hookOnInconclusive, hookToken},
	slices.DeleteFunc(slices.Clone(verdictParams), func(name string) bool {
		return slices.Contains([]string{parameter.End, parameter.Limit, parameter.AsOf, parameter.Rule, parameter.Format}, name)
	})...)

// How long a hook is held while the answer is pending, unless it says otherwise: Flagger
// gives up after 10 s unless it is told otherwise, and a fail, which alone is a reason to
// roll back, comes at once.
const (
	gateWait     = "8s"
	rollbackWait = "0"
)

// What an inconclusive answer is to Flagger.
const (
	inconclusiveRetry = "retry" // 503, which Flagger tries again when it is told how often
	inconclusiveFail  = "fail"  // 409, of which Flagger shows the text
)

// readHook reads the body of a hook.
func readHook(w http.ResponseWriter, r *http.Request) (h flaggerHook, err error) {
	if r.URL.RawQuery != "" {
		return h, &verifier.FieldError{Detail: "a hook has no query string: what is asked stands in the webhook's metadata"}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return h, errMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return h, bodyError(err)
	}
	if err := json.Unmarshal(body, &h); err != nil {
		var wrong *json.SemanticError
		if errors.As(err, &wrong) && wrong.JSONPointer != "" {
			return h, &verifier.FieldError{Field: strings.ReplaceAll(strings.TrimPrefix(string(wrong.JSONPointer), "/"), "/", "."), Detail: "want a string"}
		}
		return h, &verifier.FieldError{Detail: fmt.Sprintf("the body is none that Flagger sends: %v", err)}
	}
	return h, nil
}

// message is what the hook tells of the rollout.
func (h *flaggerHook) message() verifier.RolloutMessage {
	return verifier.RolloutMessage{Namespace: h.Namespace, Name: h.Name, Checksum: h.Checksum, Over: h.over()}
}

// check returns what is wrong with what Flagger itself sends, or nil. Older ones send no
// checksum.
func (h *flaggerHook) check() error {
	m := h.message()
	if m.Checksum == "" {
		m.Checksum = "none"
	}
	return m.Check()
}

// patience gives an answer that is held for longer the time that it needs.
func (h *flaggerHook) patience(w http.ResponseWriter) error {
	wait := h.Metadata[parameter.Wait]
	if wait == "" {
		return nil
	}
	return patience(w, params{parameter.Wait: {parameter.Wait, wait}})
}

// over reports whether no rollout is under way: phases are those of Flagger's
// pkg/apis/flagger/v1beta1. One that is not known goes on: to begin anew would narrow
// the window.
func (h *flaggerHook) over() bool {
	switch h.Phase {
	case "", "Initializing", "Initialized", "Finalising", "Succeeded", "Failed", "Terminating", "Terminated": //nolint:misspell // Flagger's own words
		return true
	}
	return false
}

// hookQuestion is what the metadata of a hook ask.
type hookQuestion struct {
	params params
	rules  []string      // whose alerts count; none means all
	since  time.Time     // zero when it is not given
	fail   bool          // an inconclusive is no reason to try again
	wait   time.Duration // how long the answer may be held
}

// question reads the metadata of a hook that is held for wait unless they say otherwise.
func (h *flaggerHook) question(now time.Time, wait string) (q hookQuestion, err error) {
	given := []param{}
	for name, value := range h.Metadata {
		given = append(given, param{name, value})
	}
	// In a fixed order, so that the same hook gets the same answer.
	slices.SortFunc(given, func(a, b param) int { return strings.Compare(a.name, b.name) })
	p, err := newParams(given, hookParams)
	if err != nil {
		return q, err
	}
	if settle, ok := p[hookSettle]; ok {
		if other, twice := p[parameter.Settling]; twice {
			return q, &verifier.FieldError{Field: settle.name, Detail: "the same as " + other.name + ", which is given too"}
		}
		p[parameter.Settling] = settle
	}
	if _, ok := p[parameter.Namespace]; !ok {
		p[parameter.Namespace] = param{parameter.Namespace, h.Namespace}
	}
	if _, ok := p[parameter.Wait]; !ok {
		p[parameter.Wait] = param{parameter.Wait, wait}
	}
	if q.wait, err = p.wait(); err != nil {
		return q, err
	}
	if err = p.read(parameter.Start, func(v string) error {
		if q.since, err = parameter.ParseTime(v, now); err == nil && q.since.After(now) {
			err = errors.New(verifier.InFuture(q.since, now))
		}
		return err
	}); err != nil {
		return q, err
	}
	if err = p.read(hookOnInconclusive, func(v string) error {
		q.fail = v == inconclusiveFail
		if !q.fail && v != inconclusiveRetry {
			return fmt.Errorf("want %s or %s, have %.40q", inconclusiveRetry, inconclusiveFail, v)
		}
		return nil
	}); err != nil {
		return q, err
	}
	if err = p.hookRules(&q); err != nil {
		return q, err
	}
	for _, name := range []string{hookSettle, hookRules, hookOnInconclusive, hookToken, parameter.Start} {
		delete(p, name)
	}
	q.params = p
	return q, p.answerable(now)
}

// answerable returns what is wrong with the parameters of a question to which only its
// start is missing: a hook that can never be answered says so at once.
func (p params) answerable(now time.Time) error {
	started := maps.Clone(p)
	started[parameter.Start] = param{parameter.Start, now.Add(-time.Second).Format(time.RFC3339Nano)}
	q, err := started.question(now)
	if err != nil {
		return err
	}
	var wrong *verifier.FieldError
	if err := q.Validate(now); errors.As(err, &wrong) {
		return &verifier.FieldError{Field: p.given(wrong.Field), Detail: wrong.Detail}
	}
	return nil
}

// maxHookRules bounds the rules of one hook: each is asked about by itself.
const maxHookRules = 16

// hookRules reads the rules whose alerts alone count. Every sensor must have loaded them:
// the silence of a rule that is not there means nothing.
func (p params) hookRules(q *hookQuestion) error {
	return p.read(hookRules, func(v string) error {
		q.rules = ParseRules(v)
		if n := len(q.rules); n == 0 || n > maxHookRules || slices.Contains(q.rules, "") {
			return fmt.Errorf("want 1 to %d names of rules, separated by commas, have %.200q", maxHookRules, v)
		}
		required := slices.Clone(q.rules)
		if also, ok := p[parameter.RequireRules]; ok {
			required = append(required, readRules(also.value)...)
		}
		slices.Sort(required)
		p[parameter.RequireRules] = param{p.given(hookRules), strings.Join(slices.Compact(required), ",")}
		return nil
	})
}
