package kube

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	utilclock "k8s.io/utils/clock"
)

// Falco is a pod with a Falco that can be read.
type Falco struct {
	UID, Name string
	Node, IP  string
}

// FalcoOptions say which pods are Falcos.
type FalcoOptions struct {
	Namespace string // required
	Selector  string // required: a label selector
	// Logger is told when the API server goes and comes. Nil means slog.Default().
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// ParseFalcoSelector reads "NAMESPACE/SELECTOR", such as
// "falco/app.kubernetes.io/name=falco".
func ParseFalcoSelector(s string) (namespace, selector string, err error) {
	namespace, selector, _ = strings.Cut(s, "/")
	if err := checkFalcoSelector(namespace, selector); err != nil {
		return "", "", fmt.Errorf("%.80q: want NAMESPACE/SELECTOR, such as falco/app.kubernetes.io/name=falco: %w", s, err)
	}
	return namespace, selector, nil
}

func checkFalcoSelector(namespace, selector string) error {
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return fmt.Errorf("namespace %.63q: %s", namespace, problems[0])
	}
	parsed, err := labels.Parse(selector)
	switch {
	case err != nil:
		return fmt.Errorf("label selector: %w", err)
	case parsed.Empty():
		return fmt.Errorf("the label selector is empty, and would take every pod for a Falco")
	}
	return nil
}

// WatchFalcos follows the pods that are Falcos until ctx ends, and then returns
// nil; it returns an error at once when the options are wrong. changed gets the
// whole set, in the order of its names: once as soon as it is known, and again
// whenever it differs. Its calls come one after the other, and may skip what came
// and went in between.
//
// A Falco is in the set from when it runs and has an address until its pod has
// ended or is gone. It need not be ready: one that is starting may have alerts
// already, and one that is terminating has some left. While the API server is away
// the set stays as it was.
func (c *Client) WatchFalcos(ctx context.Context, o FalcoOptions, changed func([]Falco)) error {
	if err := checkFalcoSelector(o.Namespace, o.Selector); err != nil {
		return fmt.Errorf("kubernetes: find Falco: %w", err)
	}
	logger := orDefault(o.Logger)
	m := newFalcoMetrics(o.Registerer)
	store := newFalcoStore()
	source := &falcoPods{client: c, o: o, outage: outage{
		logger: logger, failed: m.failed,
		what: fmt.Sprintf("the Falcos in namespace %s; those that were known stay", o.Namespace), hint: "get, list and watch pods",
	}}
	ctx = withLogger(ctx, logger)
	reflector := cache.NewReflectorWithOptions(source.listWatch(), &corev1.Pod{}, store, cache.ReflectorOptions{
		Name: "falcos", Backoff: falcoBackoff(), Clock: clockUntil{ctx: ctx},
	})
	var running sync.WaitGroup
	running.Go(func() { reflector.RunWithContext(ctx) })
	defer running.Wait()
	var last []Falco
	for first := true; ; {
		select {
		case <-store.moved:
		case <-ctx.Done():
			return nil
		}
		set := store.all()
		if !first && slices.Equal(set, last) {
			continue
		}
		first, last = false, set
		m.falcos.Set(float64(len(set)))
		logger.LogAttrs(ctx, slog.LevelInfo, "Falcos found", slog.String("namespace", o.Namespace), slog.Int("falcos", len(set)))
		changed(slices.Clone(set))
	}
}

// falcoBackoff are the pauses between tries, shorter than client-go's: an API
// server that comes back is felt within seconds.
func falcoBackoff() *wait.Backoff {
	return &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 5, Cap: 5 * time.Second}
}

// falcoPods is where the reflector lists and watches.
type falcoPods struct {
	client *Client
	o      FalcoOptions
	outage outage
}

func (p *falcoPods) listWatch() *cache.ListWatch {
	pods := p.client.api.CoreV1().Pods(p.o.Namespace)
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = p.o.Selector
			bounded, cancel := context.WithTimeout(ctx, requestTimeout)
			defer cancel()
			list, err := pods.List(bounded, options)
			p.outage.note(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = p.o.Selector
			w, err := pods.Watch(ctx, options)
			p.outage.note(ctx, err)
			return w, err
		},
	}
}

// clockUntil is the real clock, whose waits end with a context: the reflector's
// wait between two tries would hold up the end of the program.
type clockUntil struct {
	utilclock.RealClock
	ctx context.Context
}

func (c clockUntil) After(d time.Duration) <-chan time.Time {
	ctx, cancel := context.WithTimeout(c.ctx, d)
	over := make(chan time.Time, 1)
	context.AfterFunc(ctx, func() {
		cancel()
		over <- time.Now()
	})
	return over
}
