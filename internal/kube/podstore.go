package kube

import (
	"fmt"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/falcogate/falcogate/correlate"
)

// podStore holds the placements of the pods that there are, and what changed since it
// was last taken. A reflector feeds it; it is the reflector's store, so that a pod is
// kept as a placement and no more.
type podStore struct {
	hostname func(node string) string

	mu      sync.Mutex
	pods    map[types.UID]*correlate.Placement
	labels  labelSets
	changed []*correlate.Placement
	version uint64 // of the API's data, up to which all changes are here
	lists   int    // how often all was listed anew: what came and went before is not known
	moved   chan struct{}
}

func newPodStore(hostname func(node string) string) *podStore {
	return &podStore{hostname: hostname, pods: map[types.UID]*correlate.Placement{}, labels: labelSets{}, moved: make(chan struct{})}
}

// podChanges are what a podStore has to tell.
type podChanges struct {
	version uint64
	lists   int
	moved   chan struct{} // closed when there is more
	pods    []*correlate.Placement
}

// take returns what changed since the last call, in order.
func (s *podStore) take() podChanges {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := podChanges{version: s.version, lists: s.lists, moved: s.moved, pods: s.changed}
	s.changed = nil
	return changes
}

// all returns the placements of all pods that run, and with ended also of those that
// have ended and are still there; and of those that went since the last call of take.
func (s *podStore) all(ended bool) podChanges {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes := podChanges{version: s.version, lists: s.lists, moved: s.moved}
	for _, p := range s.pods {
		if ended || !p.Gone {
			changes.pods = append(changes.pods, p)
		}
	}
	for _, p := range s.changed {
		if p.Gone {
			changes.pods = append(changes.pods, p)
		}
	}
	s.changed = nil
	return changes
}

// Len is how many pods there are.
func (s *podStore) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pods)
}

// remap gives the pods of a node another hostname.
func (s *podStore) remap(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hostname := s.hostname(node)
	for uid, p := range s.pods {
		if p.Node != node || p.Hostname == hostname {
			continue
		}
		changed := *p
		changed.Hostname = hostname
		s.pods[uid] = &changed
		s.changed = append(s.changed, &changed)
	}
	s.advance(s.version)
}

// advance notes that all changes up to a version are here. The caller holds mu.
func (s *podStore) advance(version uint64) {
	s.version = max(s.version, version)
	close(s.moved)
	s.moved = make(chan struct{})
}

// put takes over a pod. One without a node runs nowhere yet. The caller holds mu.
func (s *podStore) put(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" {
		return
	}
	before := s.pods[pod.UID]
	p := placementOf(pod, before)
	p.Hostname = s.hostname(p.Node)
	if before != nil && samePlacement(before, p) {
		return
	}
	s.labels.take(p)
	if before != nil {
		s.labels.release(before)
	}
	s.pods[pod.UID] = p
	s.changed = append(s.changed, p)
}

// Add implements cache.ReflectorStore.
func (s *podStore) Add(obj any) error { return s.Update(obj) }

// Update implements cache.ReflectorStore.
func (s *podStore) Update(obj any) error {
	pod, version, err := podOf(obj)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(pod)
	s.advance(version)
	return nil
}

// Delete implements cache.ReflectorStore.
func (s *podStore) Delete(obj any) error {
	pod, version, err := podOf(obj)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(pod)
	if p := s.pods[pod.UID]; p != nil {
		if !p.Gone {
			changed := *p
			gone(&changed, pod)
			s.changed = append(s.changed, &changed)
		}
		s.labels.release(p)
		delete(s.pods, pod.UID)
	}
	s.advance(version)
	return nil
}

// Replace implements cache.ReflectorStore. A pod that was there and is not on the list
// is gone; the list itself tells that.
func (s *podStore) Replace(list []any, version string) error {
	n, err := parseVersion(version)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := make(map[types.UID]bool, len(list))
	for _, obj := range list {
		pod, _, err := podOf(obj)
		if err != nil {
			return err
		}
		listed[pod.UID] = true
		s.put(pod)
	}
	for uid, p := range s.pods {
		if !listed[uid] {
			s.labels.release(p)
			delete(s.pods, uid)
		}
	}
	s.changed = nil
	s.lists++
	s.version = 0 // the API server may have been restored to an earlier time
	s.advance(n)
	return nil
}

// Resync implements cache.ReflectorStore; there is nothing to do.
func (s *podStore) Resync() error { return nil }

// Bookmark implements cache.ReflectorBookmarkStore.
func (s *podStore) Bookmark(version string) error {
	n, err := parseVersion(version)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(n)
	return nil
}

// slim is a pod with what placementOf reads.
func slim(pod *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID, ResourceVersion: pod.ResourceVersion, Labels: pod.Labels,
			CreationTimestamp: pod.CreationTimestamp, DeletionTimestamp: pod.DeletionTimestamp,
			DeletionGracePeriodSeconds: pod.DeletionGracePeriodSeconds, OwnerReferences: pod.OwnerReferences,
		},
		Spec: corev1.PodSpec{NodeName: pod.Spec.NodeName, TerminationGracePeriodSeconds: pod.Spec.TerminationGracePeriodSeconds},
		Status: corev1.PodStatus{
			Phase: pod.Status.Phase, Conditions: pod.Status.Conditions, StartTime: pod.Status.StartTime,
			InitContainerStatuses: pod.Status.InitContainerStatuses, ContainerStatuses: pod.Status.ContainerStatuses,
			EphemeralContainerStatuses: pod.Status.EphemeralContainerStatuses,
		},
	}
}

func podOf(obj any) (*corev1.Pod, uint64, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, 0, fmt.Errorf("the watch of pods gave a %T", obj)
	}
	version, err := parseVersion(pod.ResourceVersion)
	return pod, version, err
}

// parseVersion reads a resource version. Those of one kind of object can be compared as
// numbers (Kubernetes 1.35 says so, and it has always been so with etcd).
func parseVersion(version string) (uint64, error) {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("resource version %.40q is no number, so that it can't be compared with others", version)
	}
	return n, nil
}
