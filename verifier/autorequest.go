package verifier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Labels of gates that are opened by themselves.
const (
	AutoClusterLabel   = "falcogate.dev/cluster"       // whose namespaces are meant
	AutoNamespaceLabel = "falcogate.dev/namespace-uid" // which one
	AutoPolicyLabel    = "falcogate.dev/policy"
	AutoRunLabel       = "falcogate.dev/run"
)

// MaxPolicyLabels bounds the labels of a GatePolicy: the gate has those above besides.
const MaxPolicyLabels = MaxGateLabels - 4

// GateRequest is a namespace that asks for a gate over itself.
type GateRequest struct {
	Namespace, UID string
	Policy, Run    string
	Closed         bool      // it asks that the window ends
	Since          time.Time // when it began to ask
}

// GatePolicy makes the gate that a policy means, as of a time: without an id, a
// namespace, a start or an end.
type GatePolicy struct {
	Spec func(now time.Time) (GateSpec, error)
	// Duration is the length of the window; zero has it end when it is closed.
	Duration time.Duration
}

// open opens the gate of a namespace.
func (a *AutoGates) open(ctx context.Context, cluster string, r GateRequest, id string) error {
	policy, is := a.policies[r.Policy]
	if !is {
		return &FieldError{"policy", fmt.Sprintf("there is no gate policy %.80q", r.Policy)}
	}
	_, opened, err := a.gates.OpenAt(ctx, func(now time.Time) (GateSpec, error) {
		spec, err := policy.Spec(now)
		if err != nil {
			return spec, err
		}
		spec.ID, spec.Namespace = id, r.Namespace
		if !spec.FirstPod {
			spec.Start = r.Since
			if spec.Start.After(now) {
				spec.Start = now // the API server's clock is ahead
			}
			if policy.Duration > 0 {
				spec.End = spec.Start.Add(policy.Duration)
			}
		}
		spec.Labels = maps.Clone(spec.Labels)
		if spec.Labels == nil {
			spec.Labels = map[string]string{}
		}
		spec.Labels[AutoClusterLabel], spec.Labels[AutoNamespaceLabel], spec.Labels[AutoPolicyLabel] = cluster, r.UID, r.Policy
		if r.Run != "" {
			spec.Labels[AutoRunLabel] = r.Run
		}
		return spec, nil
	})
	if opened {
		a.logger.InfoContext(ctx, "a namespace asks for a gate: opened", "gate", id, "namespace", r.Namespace, "policy", r.Policy)
	}
	if errors.Is(err, ErrGateDiffers) {
		return nil // it was opened when the namespace, or the policy, was another
	}
	return err
}

// isWrong reports whether no other try goes better.
func isWrong(err error) bool {
	var field *FieldError
	return errors.As(err, &field)
}

// gateID is the id of the gate that is asked for: the same for all replicas and after a
// restart, and another one when the namespace, the policy or the run is another.
func (r GateRequest) gateID() string {
	sum := sha256.Sum256([]byte(r.UID + "\x00" + r.Policy + "\x00" + r.Run))
	return "auto-" + r.Namespace + "-" + hex.EncodeToString(sum[:6])
}
