package kube

import (
	"context"
	"crypto/sha256"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/util/cache"
)

// maxAnswers bounds how many answers of one kind are kept: some MB at most.
const maxAnswers = 4096

// digest stands for a question. No token is kept, only its digest.
type digest = [sha256.Size]byte

// finding is what the API server answered, whether that is a yes, and how long it
// may be kept: not at all when ttl is not above zero.
type finding[T any] struct {
	answer T
	yes    bool
	ttl    time.Duration
}

// answers keeps the API server's answers to one kind of question. The yeses are
// kept apart: whoever sends made-up tokens can't push out those of others.
type answers[T any] struct {
	yes, no *cache.LRUExpireCache
	flights singleflight.Group
	metrics kindMetrics
}

// clock is the cache's view of a Reviewer's clock.
type clock func() time.Time

func (c clock) Now() time.Time { return c() }

func newAnswers[T any](now func() time.Time, m kindMetrics) *answers[T] {
	return &answers[T]{
		yes:     cache.NewLRUExpireCacheWithClock(maxAnswers, clock(now)),
		no:      cache.NewLRUExpireCacheWithClock(maxAnswers, clock(now)),
		metrics: m,
	}
}

// get returns the answer to a question: one that is kept, or else the one that ask
// comes back with, which is called once for all who wait for the same. The request
// does not end with one of those who wait, but after reviewTimeout.
func (a *answers[T]) get(ctx context.Context, question digest, ask func(context.Context) (finding[T], error)) (answer T, err error) {
	if answer, ok := a.kept(question); ok {
		a.metrics.hits.Inc()
		return answer, nil
	}
	result := a.flights.DoChan(string(question[:]), func() (any, error) {
		// The flight before this one may have landed since.
		if answer, ok := a.kept(question); ok {
			a.metrics.hits.Inc()
			return answer, nil
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
		defer cancel()
		begin := time.Now()
		f, err := ask(bounded)
		a.metrics.asked(time.Since(begin), f.yes, err)
		if err != nil {
			return nil, err
		}
		a.keep(question, f)
		return f.answer, nil
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return answer, r.Err
		}
		return r.Val.(T), nil
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}

func (a *answers[T]) kept(question digest) (answer T, ok bool) {
	v, ok := a.yes.Get(question)
	if !ok {
		if v, ok = a.no.Get(question); !ok {
			return answer, false
		}
	}
	return v.(T), true
}

func (a *answers[T]) keep(question digest, f finding[T]) {
	switch {
	case f.ttl <= 0:
	case f.yes:
		a.yes.Add(question, f.answer, f.ttl)
	default:
		a.no.Add(question, f.answer, f.ttl)
	}
}
