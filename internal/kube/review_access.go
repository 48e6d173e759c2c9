package kube

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// accessGroup is the API group of the resources that roles name. The API server
// need not serve it: RBAC compares names.
const accessGroup = "falcogate.dev"

// Access is something that somebody wants to do: a verb on a resource of the
// group falcogate.dev, or on a path that is no resource.
type Access struct {
	Verb, Resource string
	// Namespace is where; empty means in all namespaces, which takes a
	// ClusterRoleBinding.
	Namespace string
	// NonResourcePath, when set, is asked for instead of Resource.
	NonResourcePath string
}

// Allowed says whether somebody may do something, by whatever authorises in the
// cluster. It blocks as Authenticate does. With an error the answer is always no,
// and it means that the API server could not be asked.
func (r *Reviewer) Allowed(ctx context.Context, id Identity, a Access) (bool, error) {
	switch {
	case id.Username == "":
		return false, fmt.Errorf("kubernetes: access review: want a user, have none")
	case a.Verb == "" || (a.Resource == "") == (a.NonResourcePath == ""):
		return false, fmt.Errorf("kubernetes: access review: want a verb with a resource or a path, have %+v", a)
	}
	question, err := json.Marshal(struct {
		Identity
		Access
	}{id, a})
	if err != nil {
		return false, fmt.Errorf("kubernetes: access review: %w", err)
	}
	allowed, err := r.access.get(ctx, sha256.Sum256(question), func(ctx context.Context) (finding[bool], error) {
		return r.reviewAccess(ctx, id, a)
	})
	if err != nil {
		return false, fmt.Errorf("kubernetes: the API server could not be asked what %s may do (it takes the right to create subjectaccessreviews): %w",
			id.Username, err)
	}
	return allowed, nil
}

// reviewAccess asks the API server. An evaluation error, such as of a binding to a
// role that is not there, is no error: what else there is was evaluated.
func (r *Reviewer) reviewAccess(ctx context.Context, id Identity, a Access) (finding[bool], error) {
	spec := authorizationv1.SubjectAccessReviewSpec{User: id.Username, UID: id.UID, Groups: id.Groups}
	if len(id.Extra) > 0 {
		spec.Extra = make(map[string]authorizationv1.ExtraValue, len(id.Extra))
		for key, values := range id.Extra {
			spec.Extra[key] = values
		}
	}
	if a.NonResourcePath != "" {
		spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: a.NonResourcePath, Verb: a.Verb}
	} else {
		spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Group: accessGroup, Resource: a.Resource, Verb: a.Verb, Namespace: a.Namespace,
		}
	}
	review, err := r.client.api.AuthorizationV1().SubjectAccessReviews().Create(ctx,
		&authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return finding[bool]{}, err
	}
	allowed := review.Status.Allowed && !review.Status.Denied
	return finding[bool]{answer: allowed, yes: allowed, ttl: r.ttl}, nil
}
