package falcos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

const (
	places      = 50 // nodes with a Falco each
	generations = 5  // of pods on each node
)

// place is a node on which Falcos follow each other.
type place struct {
	number  int
	kubelet *controlplane.Kubelet
	random  *rand.Rand
	api     *sync.RWMutex // held to read by whoever needs the API server

	falcos []*falco // all that there were
	pods   int      // how many there were
}

func newPlace(number int, seed uint64, api *sync.RWMutex) *place {
	return &place{
		number: number, api: api, kubelet: shared.Kubelet(fmt.Sprintf("node-%d", number)), random: rand.New(rand.NewPCG(seed, uint64(number))),
	}
}

func (p *place) current() *falco { return p.falcos[len(p.falcos)-1] }

// address is that of the place's nth Falco. Each second one has that of the one
// before it.
func (p *place) address(n int) string { return fmt.Sprintf("10.203.%d.%d", p.number, 1+n/2) }

// start starts the next Falco. It raises alerts before anybody knows its pod.
func (p *place) start(ctx context.Context) error {
	f, err := startFalco(fmt.Sprintf("node-%d", p.number), p.address(len(p.falcos)))
	if err != nil {
		return err
	}
	p.falcos = append(p.falcos, f)
	return f.raise(ctx, p.random.IntN(5))
}

// appear makes a pod for the current Falco. It runs and is not ready.
func (p *place) appear(ctx context.Context) (*corev1.Pod, error) {
	p.api.RLock()
	defer p.api.RUnlock()
	p.pods++
	p.kubelet.PodIP = func(*corev1.Pod) string { return p.current().ip }
	pod, err := p.kubelet.CreateRunning(ctx, newPod(controlplane.UniqueName(fmt.Sprintf("falco-%d", p.number))))
	if err != nil {
		return nil, err
	}
	return p.kubelet.UpdateStatus(ctx, pod, func(pod *corev1.Pod) {
		for i := range pod.Status.Conditions {
			if pod.Status.Conditions[i].Type == corev1.PodReady {
				pod.Status.Conditions[i].Status = corev1.ConditionFalse
			}
		}
	})
}

// vanish removes a pod.
func (p *place) vanish(ctx context.Context, pod *corev1.Pod) error {
	p.api.RLock()
	defer p.api.RUnlock()
	return p.kubelet.Delete(ctx, pod)
}

// work raises some alerts, with pauses.
func (p *place) work(ctx context.Context) error {
	for range 5 {
		if err := p.current().raise(ctx, 1+p.random.IntN(10)); err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(p.random.IntN(100)) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// turn lets one pod end and another come, in one of the ways that this happens.
func (p *place) turn(ctx context.Context, pod *corev1.Pod, way int) (*corev1.Pod, error) {
	switch way {
	case 0: // Falco ends, then its pod goes, then another comes
		if err := errors.Join(p.current().end(ctx), p.vanish(ctx, pod), p.start(ctx)); err != nil {
			return nil, err
		}
		return p.appear(ctx)
	case 1: // Falco ends, its pod stays as one that has finished, and goes later
		if err := errors.Join(p.current().end(ctx), p.finish(ctx, pod), p.start(ctx)); err != nil {
			return nil, err
		}
		next, err := p.appear(ctx)
		return next, errors.Join(err, p.vanish(ctx, pod))
	case 2: // the pod is deleted by force, and Falco goes on; another pod finds it
		if err := errors.Join(p.vanish(ctx, pod), p.work(ctx)); err != nil {
			return nil, err
		}
		return p.appear(ctx)
	case 3: // the pod gets another sandbox, with another address
		if err := errors.Join(p.current().end(ctx), p.start(ctx)); err != nil {
			return nil, err
		}
		return p.move(ctx, pod)
	default: // the next pod is there before the last one is gone, as with a surge
		last := p.current()
		if err := p.start(ctx); err != nil {
			return nil, err
		}
		next, err := p.appear(ctx)
		return next, errors.Join(err, p.work(ctx), last.end(ctx), p.vanish(ctx, pod))
	}
}

func (p *place) finish(ctx context.Context, pod *corev1.Pod) error {
	p.api.RLock()
	defer p.api.RUnlock()
	_, err := p.kubelet.Finish(ctx, pod, p.random.IntN(2) == 0)
	return err
}

func (p *place) move(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	p.api.RLock()
	defer p.api.RUnlock()
	return p.kubelet.UpdateStatus(ctx, pod, func(pod *corev1.Pod) {
		pod.Status.PodIP = p.current().ip
		pod.Status.PodIPs = []corev1.PodIP{{IP: p.current().ip}}
	})
}

// live is one pod after the other. half is done when half of them were.
func (p *place) live(ctx context.Context, half *sync.WaitGroup) error {
	halfDone := sync.OnceFunc(half.Done)
	defer halfDone()
	if err := p.start(ctx); err != nil {
		return err
	}
	pod, err := p.appear(ctx)
	if err != nil {
		return err
	}
	for generation := range generations {
		if generation == generations/2 {
			halfDone()
		}
		if err := p.work(ctx); err != nil {
			return err
		}
		way := p.random.IntN(5)
		if way == 4 && len(p.falcos)%2 == 1 {
			way = 0 // the next one has the same address
		}
		if pod, err = p.turn(ctx, pod, way); err != nil {
			return fmt.Errorf("place %d, generation %d, way %d: %w", p.number, generation, way, err)
		}
	}
	return p.work(ctx)
}
