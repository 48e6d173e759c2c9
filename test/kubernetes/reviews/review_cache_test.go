package reviews

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

// requests is how many requests of a resource the API server has answered, as it
// counts them itself.
func requests(t *testing.T, resource string) int {
	t.Helper()
	text, err := shared.Clientset().Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	require.NoError(t, err)
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "apiserver_request_total{") || !strings.Contains(line, fmt.Sprintf("resource=%q", resource)) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
		require.NoError(t, err)
		sum += n
	}
	return int(sum)
}

// reviewer is one with a clock that stands still, and its figures.
type reviewer struct {
	*kube.Reviewer
	registry *prometheus.Registry
	mu       sync.Mutex
	now      time.Time
}

func newReviewer(t *testing.T, o kube.ReviewerOptions) *reviewer {
	r := &reviewer{registry: prometheus.NewRegistry(), now: time.Now()}
	o.Audiences, o.Registerer = []string{audience}, r.registry
	o.Now = func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.now
	}
	r.Reviewer = kube.NewReviewer(gate(t), o)
	return r
}

func (r *reviewer) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// burst asks many times at once, and wants the same answer each time.
func burst(t *testing.T, ask func(ctx context.Context) error) {
	t.Helper()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := ask(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestTheAPIServerIsAskedOnce counts what arrives there.
func TestTheAPIServerIsAskedOnce(t *testing.T) {
	r := newReviewer(t, kube.ReviewerOptions{})
	namespace := newNamespace(t, "once")
	good, bad := newToken(t, namespace, "default", ours), newToken(t, namespace, "default", controlplane.TokenOptions{})
	access := kube.Access{Verb: "get", Resource: "verdicts", Namespace: namespace}
	known := func(ctx context.Context) error {
		_, err := r.Authenticate(ctx, good)
		return err
	}
	refused := func(ctx context.Context) error {
		_, err := r.Authenticate(ctx, bad)
		if want := (*kube.RefusedError)(nil); !asRefused(err, &want) {
			return fmt.Errorf("want a refusal, have %w", err)
		}
		return nil
	}
	forbidden := func(ctx context.Context) error {
		id, err := r.Authenticate(ctx, good)
		if err != nil {
			return err
		}
		if ok, err := r.Allowed(ctx, id, access); ok || err != nil {
			return fmt.Errorf("want no, have %t, %w", ok, err)
		}
		return nil
	}
	for round := range 2 {
		tokens, accesses := requests(t, "tokenreviews"), requests(t, "subjectaccessreviews")
		burst(t, known)
		burst(t, refused)
		burst(t, forbidden)
		require.Equal(t, tokens+2, requests(t, "tokenreviews"), "round %d", round)
		require.Equal(t, accesses+1, requests(t, "subjectaccessreviews"), "round %d", round)
		r.advance(11 * time.Second)
	}
	require.NoError(t, testutil.GatherAndCompare(r.registry, strings.NewReader(`
		# HELP falcogate_kube_reviews_total Questions to the API server about a token (whose is it?) or an access (may they?), by its answer.
		# TYPE falcogate_kube_reviews_total counter
		falcogate_kube_reviews_total{result="error",review="access"} 0
		falcogate_kube_reviews_total{result="error",review="token"} 0
		falcogate_kube_reviews_total{result="no",review="access"} 2
		falcogate_kube_reviews_total{result="no",review="token"} 2
		falcogate_kube_reviews_total{result="yes",review="access"} 0
		falcogate_kube_reviews_total{result="yes",review="token"} 2
	`), "falcogate_kube_reviews_total"))
}

// TestATokenIsNotKnownBeyondItsExpiry lets answers be kept for an hour, and wants
// one about a token that expires sooner to be asked for again.
func TestATokenIsNotKnownBeyondItsExpiry(t *testing.T) {
	r := newReviewer(t, kube.ReviewerOptions{TTL: time.Hour})
	namespace := newNamespace(t, "expiry")
	short := newToken(t, namespace, "default", controlplane.TokenOptions{Audiences: ours.Audiences, Expiry: 30 * time.Second})
	long := newToken(t, namespace, "default", controlplane.TokenOptions{Audiences: ours.Audiences, Expiry: 2 * time.Hour})
	asked := func(token string) int {
		before := requests(t, "tokenreviews")
		_, err := r.Authenticate(t.Context(), token)
		require.NoError(t, err)
		return requests(t, "tokenreviews") - before
	}
	require.Equal(t, 1, asked(short))
	require.Equal(t, 1, asked(long))
	r.advance(20 * time.Second)
	require.Zero(t, asked(short))
	r.advance(15 * time.Second)
	require.Equal(t, 1, asked(short), "it has expired; the API server is patient for a minute")
	require.Equal(t, 1, asked(short), "and is not kept any more")
	require.Zero(t, asked(long))
}

// TestTheTokenOfAPodThatWasDeletedMeanwhile is known for the time of our cache and
// of the API server's own, and no longer.
func TestTheTokenOfAPodThatWasDeletedMeanwhile(t *testing.T) {
	ctx := t.Context()
	r := newReviewer(t, kube.ReviewerOptions{})
	namespace := newNamespace(t, "meanwhile")
	node := shared.Kubelet(controlplane.UniqueName("node"))
	pod, err := node.CreateRunning(ctx, controlplane.Pod(namespace, "job"))
	require.NoError(t, err)
	token := newToken(t, namespace, "default", controlplane.TokenOptions{Audiences: ours.Audiences, Pod: pod})
	id, err := r.Authenticate(ctx, token)
	require.NoError(t, err)
	require.Equal(t, []string{"job"}, id.Extra["authentication.kubernetes.io/pod-name"])
	require.NoError(t, node.Delete(ctx, pod))
	_, err = r.Authenticate(ctx, token)
	require.NoError(t, err, "kept")
	require.Eventually(t, func() bool {
		r.advance(11 * time.Second)
		_, err := r.Authenticate(ctx, token)
		refused := (*kube.RefusedError)(nil)
		return asRefused(err, &refused)
	}, 90*time.Second, time.Second)
}
