package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// autoGateOptions are the flags of gates that namespaces ask for by a label.
type autoGateOptions struct {
	file     string
	policies map[string]verifier.GatePolicy // set by check
}

func (o *autoGateOptions) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.file, "gate-policies", "", "YAML `file` with the policies of gates that namespaces ask for by the label "+kube.GateLabel+"; needs get, list and watch of namespaces")
}

// check reads the policies, and finds settings that contradict each other.
func (o *autoGateOptions) check(s *serveOptions) error {
	if o.file == "" {
		return nil
	}
	if s.only == onlyConsumer {
		return usagef("--gate-policies is the verifier's, which --only consumer leaves out")
	}
	text, err := os.ReadFile(o.file)
	if err != nil {
		return usagef("--gate-policies: %w", err)
	}
	if o.policies, err = parseGatePolicies(text); err != nil {
		return usagef("--gate-policies: %s: %w", o.file, err)
	}
	return nil
}

// parseGatePolicies reads policies by their names.
func parseGatePolicies(text []byte) (map[string]verifier.GatePolicy, error) {
	file, err := yaml.Parser().Unmarshal(text)
	if err != nil {
		return nil, err
	}
	const key = "gate_policies"
	given, is := file[key].(map[string]any)
	if !is || len(given) == 0 || len(file) > 1 {
		return nil, fmt.Errorf("want %s with a policy below each name, and nothing else", key)
	}
	policies := map[string]verifier.GatePolicy{}
	for name, policy := range given {
		if problems := validation.IsValidLabelValue(name); len(problems) > 0 || name == "" {
			return nil, fmt.Errorf("policy %.80q: want a name that can be the value of a label", name)
		}
		if policy == nil {
			policy = map[string]any{} // all defaults
		}
		data, err := json.Marshal(policy)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", name, err)
		}
		policies[name], err = httpapi.ParseGatePolicy(data)
		var field *verifier.FieldError
		if errors.As(err, &field) && field.Field == "" {
			err = errors.New(field.Detail)
		}
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", name, err)
		}
	}
	return policies, nil
}

// startAutoGates opens gates for namespaces that ask for them.
func (p *parts) startAutoGates() error {
	o := &p.o.autoGates
	if o.file == "" {
		return nil
	}
	client, err := p.kubernetes()
	if err != nil {
		return err
	}
	auto := verifier.NewAutoGates(verifier.AutoGatesOptions{
		Gates: p.gates, Policies: o.policies, Logger: p.logger, Registerer: p.registry,
		Ask: func(ctx context.Context, namespace string) (verifier.GateRequest, bool, error) {
			ns, asks, err := client.Namespace(ctx, namespace)
			return gateRequest(ns), asks, err
		},
	})
	p.background("gates of namespaces", auto.Run)
	p.background("watch of namespaces", func(ctx context.Context) error {
		return client.WatchNamespaces(ctx, kube.NamespaceOptions{Logger: p.logger, Registerer: p.registry}, func(cluster kube.Cluster, asking []kube.Namespace) {
			auto.Set(string(cluster), gateRequests(asking))
		})
	})
	return nil
}

// gateRequests are namespaces as the gates want them.
func gateRequests(asking []kube.Namespace) []verifier.GateRequest {
	requests := make([]verifier.GateRequest, 0, len(asking))
	for _, ns := range asking {
		requests = append(requests, gateRequest(ns))
	}
	return requests
}

func gateRequest(ns kube.Namespace) verifier.GateRequest {
	return verifier.GateRequest{Namespace: ns.Name, UID: ns.UID, Policy: ns.Policy, Run: ns.Run, Closed: ns.Closed, Since: ns.Since}
}
