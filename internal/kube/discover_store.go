package kube

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// falcoOf is what is kept of a pod, when its Falco can be read.
func falcoOf(pod *corev1.Pod) (Falco, bool) {
	switch pod.Status.Phase {
	case corev1.PodRunning, corev1.PodUnknown: // unknown: it ran, and its node is not heard
	default:
		return Falco{}, false
	}
	f := Falco{UID: string(pod.UID), Name: pod.Name, Node: pod.Spec.NodeName, IP: pod.Status.PodIP}
	return f, f.IP != ""
}

// falcoStore is what a reflector writes to. It keeps Falcos and no pods, by uid: a
// pod's name may come again for another.
type falcoStore struct {
	mu     sync.Mutex
	falcos map[types.UID]Falco
	moved  chan struct{} // has one when something may have changed
}

func newFalcoStore() *falcoStore {
	return &falcoStore{falcos: map[types.UID]Falco{}, moved: make(chan struct{}, 1)}
}

// all is the set in the order of names.
func (s *falcoStore) all() []Falco {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := make([]Falco, 0, len(s.falcos))
	for _, f := range s.falcos {
		set = append(set, f)
	}
	slices.SortFunc(set, func(a, b Falco) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID)) })
	return set
}

// change runs f under the lock and says that something moved.
func (s *falcoStore) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

// put takes a pod as it is now.
func (s *falcoStore) put(obj any) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("want a pod, have %T", obj)
	}
	s.change(func() {
		if f, ok := falcoOf(pod); ok {
			s.falcos[pod.UID] = f
		} else {
			delete(s.falcos, pod.UID)
		}
	})
	return nil
}

// Add, Update, Delete, Replace and Resync are for the reflector.
func (s *falcoStore) Add(obj any) error    { return s.put(obj) }
func (s *falcoStore) Update(obj any) error { return s.put(obj) }
func (s *falcoStore) Resync() error        { return nil }

func (s *falcoStore) Delete(obj any) error {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("want a pod, have %T", obj)
	}
	s.change(func() { delete(s.falcos, pod.UID) })
	return nil
}

func (s *falcoStore) Replace(list []any, _ string) error {
	next := make(map[types.UID]Falco, len(list))
	for _, obj := range list {
		pod, ok := obj.(*corev1.Pod)
		if !ok {
			return fmt.Errorf("want a pod, have %T", obj)
		}
		if f, ok := falcoOf(pod); ok {
			next[pod.UID] = f
		}
	}
	s.change(func() { s.falcos = next })
	return nil
}

// falcoMetrics are those of the watch.
type falcoMetrics struct {
	falcos prometheus.Gauge
	failed prometheus.Counter
}

func newFalcoMetrics(reg prometheus.Registerer) falcoMetrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	return falcoMetrics{
		falcos: register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_kube_falcos",
			Help: "Falcos that run and have an address, as the API server last said.",
		})),
		failed: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_kube_falco_watch_errors_total",
			Help: "Requests to list or watch Falco's pods that failed.",
		})),
	}
}
