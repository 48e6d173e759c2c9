package controlplane

import (
	"context"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// leastExpiry is the shortest life that a TokenRequest may ask for.
const leastExpiry = 10 * time.Minute

// TokenOptions say what a token is for.
type TokenOptions struct {
	// Audiences are who may accept it; none means the API server.
	Audiences []string
	// Expiry is how long it is valid; zero means an hour. The API server issues none
	// below ten minutes: a shorter one, also one below zero, whose token has expired
	// already, is signed again by the control plane with the API server's own key.
	// A token is accepted until a minute after its expiry.
	Expiry time.Duration
	// Pod binds the token to a pod: it ends with it. The pod must be of the same
	// service account.
	Pod *corev1.Pod
}

// Token requests a token for a service account. The API server remembers for ten
// seconds that it has accepted a token, also when its pod has been deleted since.
func (c *ControlPlane) Token(ctx context.Context, namespace, serviceAccount string, o TokenOptions) (string, error) {
	if o.Expiry == 0 {
		o.Expiry = time.Hour
	}
	seconds := int64(max(o.Expiry, leastExpiry).Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: o.Audiences, ExpirationSeconds: &seconds}}
	if o.Pod != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{
			Kind: "Pod", APIVersion: "v1", Name: o.Pod.Name, UID: o.Pod.UID,
		}
	}
	answer, err := c.clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, serviceAccount, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("token of service account %s/%s: %w", namespace, serviceAccount, err)
	}
	if o.Expiry >= leastExpiry {
		return answer.Status.Token, nil
	}
	token, err := c.signAgain(answer.Status.Token, time.Now().Add(o.Expiry))
	if err != nil {
		return "", fmt.Errorf("token of service account %s/%s with another expiry: %w", namespace, serviceAccount, err)
	}
	return token, nil
}

// signAgain is the same token with another expiry. Its life begins early enough
// for it to have had one.
func (c *ControlPlane) signAgain(token string, expiry time.Time) (string, error) {
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	if err != nil {
		return "", err
	}
	start := jwt.NewNumericDate(expiry.Add(-leastExpiry))
	claims["iat"], claims["nbf"], claims["exp"] = start, start, jwt.NewNumericDate(expiry)
	again := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	again.Header["kid"] = parsed.Header["kid"]
	return again.SignedString(c.credentials.tokenKey)
}
