package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
)

// ParseGatePolicy reads what a gate that is opened by itself asks: a JSON object with the
// members of the body that opens a gate, without those that are the gate's own: its id,
// namespace, digest, start and end. A duration counts from when the gate is asked for, a deadline from when it is opened, and
// without one the window ends when it is closed. The error is a *verifier.FieldError.
func ParseGatePolicy(data []byte) (verifier.GatePolicy, error) {
	policy := verifier.GatePolicy{}
	given, err := readObject(bytes.NewReader(data), structured)
	if err != nil {
		return policy, err
	}
	own := []string{parameter.ID, parameter.Namespace, parameter.Digest, parameter.Start, parameter.End}
	known := slices.DeleteFunc(slices.Clone(gateParams), func(name string) bool { return slices.Contains(own, name) })
	p, err := newParams(given, known)
	if err != nil {
		return policy, err
	}
	if err := p.read(parameter.Duration, func(v string) (err error) {
		if policy.Duration, err = parameter.ParseDuration(v); err == nil && policy.Duration <= 0 {
			err = fmt.Errorf("want more than 0")
		}
		return err
	}); err != nil {
		return policy, err
	}
	if _, first := p[parameter.FirstPod]; first && policy.Duration > 0 {
		return policy, &verifier.FieldError{Field: parameter.Duration, Detail: "counts from the start, which is not known with first_pod: leave one of them out"}
	}
	delete(p, parameter.Duration)
	policy.Spec = p.gateSpec
	// What is wrong with it shows now, and not when a namespace asks for it.
	if err := p.read(parameter.Deadline, func(v string) error { _, err := parameter.ParseDuration(v); return err }); err != nil {
		return policy, err
	}
	now := time.Now()
	spec, err := p.gateSpec(now)
	if err != nil {
		return policy, err
	}
	spec.ID, spec.Namespace = "policy", "policy"
	if policy.Duration > 0 {
		spec.End = now.Add(policy.Duration)
	}
	if n := len(spec.Labels); n > verifier.MaxPolicyLabels {
		return policy, &verifier.FieldError{Field: parameter.Labels, Detail: fmt.Sprintf("want at most %d, have %d", verifier.MaxPolicyLabels, n)}
	}
	var wrong *verifier.FieldError
	if err = spec.Check(now); errors.As(err, &wrong) && wrong.Field == parameter.End {
		err = &verifier.FieldError{Field: parameter.Duration, Detail: wrong.Detail}
	}
	return policy, err
}
