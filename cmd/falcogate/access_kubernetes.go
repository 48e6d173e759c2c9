package main

import (
	"context"
	"errors"

	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/verifier/access"
)

// newReviewer is what asks Kubernetes for --auth=kubernetes: it accepts tokens for one
// of the audiences of --auth-audience alone.
func (p *parts) newReviewer() (access.Reviewer, error) {
	client, err := p.kubernetes()
	if err != nil {
		return nil, err
	}
	return reviewer{kube.NewReviewer(client, kube.ReviewerOptions{Audiences: p.o.access.audiences, Registerer: p.registry})}, nil
}

// reviewer gives the API's questions about callers to Kubernetes.
type reviewer struct{ kube *kube.Reviewer }

// Authenticate implements access.Reviewer.
func (r reviewer) Authenticate(ctx context.Context, token string) (access.Identity, error) {
	id, err := r.kube.Authenticate(ctx, token)
	var refused *kube.RefusedError
	if errors.As(err, &refused) {
		return access.Identity{}, &access.UnauthenticatedError{Detail: refused.Error(), Cause: err}
	}
	return access.Identity(id), err
}

// Allowed implements access.Reviewer.
func (r reviewer) Allowed(ctx context.Context, id access.Identity, a access.Action) (bool, error) {
	question := kube.Access{Verb: string(a.Verb), Resource: access.Resource, Namespace: a.Namespace}
	if a.Path != "" {
		question = kube.Access{Verb: string(a.Verb), NonResourcePath: a.Path}
	}
	return r.kube.Allowed(ctx, kube.Identity(id), question)
}
