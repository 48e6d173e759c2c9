package flagger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/clients/documents"
)

// Flagger itself rolls out a revision whose namespace keeps quiet, and promotes it.
func TestPromotion(t *testing.T) {
	d := daemon.Start(t)
	d.Play(t, "clean/http.jsonl.gz")
	d.Heard(t)
	calls := listen(t, d)
	f := start(t, "shadow-clean", calls, 2)
	f.initialise(t)
	require.Equal(t, flaggerv1.CanaryPhaseSucceeded, f.rollOut(t))
	t.Logf("\n%s", calls)

	calls.first(t, "event", "Confirm-promotion check falco passed")
	calls.first(t, "event", "Promotion completed!")
	begun, asked := calls.first(t, "event", "New revision detected!"), calls.first(t, "gate", "")
	require.NotEqual(t, begun.Checksum, asked.Checksum, "Flagger tells of a revision under the checksum of the one before")
	require.Equal(t, begun.answer, calls.first(t, "event", "Starting canary analysis").answer, "and alerts count from there on")
	require.Equal(t, http.StatusOK, calls.last(t, "gate").status)
	for _, c := range calls.all("rollback") {
		require.Equal(t, http.StatusConflict, c.status, c.answer)
	}
}

// It rolls back a revision in whose namespace Falco sees something.
func TestRollback(t *testing.T) {
	d := daemon.Start(t)
	d.Play(t, "clean/http.jsonl.gz") // its first alert in shop comes after 9 s
	calls := listen(t, d)
	f := start(t, "shop", calls, 100)
	f.initialise(t)
	require.Equal(t, flaggerv1.CanaryPhaseFailed, f.rollOut(t))
	t.Logf("\n%s", calls)

	calls.first(t, "event", "Rollback check falco passed")
	calls.first(t, "event", "Rolling back checkout.shop manual webhook invoked")
	last := calls.last(t, "rollback")
	require.Equal(t, http.StatusOK, last.status)
	require.Contains(t, last.answer, "fail: ")
	require.Equal(t, flaggerv1.CanaryPhaseFailed, calls.first(t, "event", "Canary failed! Scaling down checkout.shop").Phase)
}

// The page shows the webhooks of the example.
func TestDocument(t *testing.T) {
	var shown flaggerv1.CanaryAnalysis
	require.NoError(t, yaml.UnmarshalStrict([]byte(documents.Block(t, "flagger.md", "yaml")), &shown))
	require.Equal(t, example(t).Spec.Analysis.Webhooks, shown.Webhooks)
}

// calls are what Flagger has sent, and was answered, through a proxy before falcogate.
type calls struct {
	url      string
	mu       sync.Mutex
	log      []exchange
	underWay int
}

// exchange is one webhook call.
type exchange struct {
	flaggerv1.CanaryWebhookPayload
	hook   string
	after  time.Duration
	status int
	answer string
}

func listen(t *testing.T, d *daemon.Daemon) *calls {
	t.Helper()
	to, err := url.Parse(d.URL)
	require.NoError(t, err)
	c, begun := &calls{}, time.Now()
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.answering(1)
		defer c.answering(-1)
		e := exchange{hook: strings.TrimPrefix(r.URL.Path, "/v1/flagger/"), after: time.Since(begun)}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &e.CanaryWebhookPayload)
		}
		if err != nil {
			t.Errorf("what Flagger sends: %v: %s", err, body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		e.status, e.answer = answer.Code, strings.TrimSpace(answer.Body.String())
		c.mu.Lock()
		c.log = append(c.log, e)
		c.mu.Unlock()
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *calls) answering(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay += n
}

// idle reports whether Flagger waits for no answer.
func (c *calls) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.underWay == 0
}

// all are the calls of a hook, as far as they have come.
func (c *calls) all(hook string) (all []exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.log {
		if e.hook == hook {
			all = append(all, e)
		}
	}
	return all
}

// first is the first call of a hook whose event begins so.
func (c *calls) first(t *testing.T, hook, message string) exchange {
	t.Helper()
	for _, e := range c.all(hook) {
		if strings.HasPrefix(e.Metadata["eventMessage"], message) {
			return e
		}
	}
	require.FailNow(t, "no call of "+hook, "%s in\n%s", message, c)
	return exchange{}
}

// last is the last call of a hook.
func (c *calls) last(t *testing.T, hook string) exchange {
	t.Helper()
	all := c.all(hook)
	require.NotEmpty(t, all, hook)
	return all[len(all)-1]
}

// String is a table for people.
func (c *calls) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, e := range c.log {
		fmt.Fprintf(&b, "%5.1fs  %-8s  %-16s  %-10s  %s\n%s→ %d %s\n", e.after.Seconds(), e.hook, e.Phase, e.Checksum, e.Metadata["eventMessage"],
			strings.Repeat(" ", 8), e.status, e.answer)
	}
	return b.String()
}
