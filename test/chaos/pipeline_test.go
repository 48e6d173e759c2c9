package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// pipeline opens a gate over a namespace of its own, in which a Falco may raise alerts,
// and may close or cancel it.
type pipeline struct {
	id, namespace string
	falco         *falco
	sensor        string    // asked about alone; "" asks for proof from all
	start, end    time.Time // the window; the end is when it was closed, if it was
	deadline      time.Time
	closes        bool
	cancels       bool
	cancelled     bool
	alerts        []planned
}

// planned is an alert that will be raised.
type planned struct {
	after    time.Duration // the start
	priority string
	lost     bool
}

// newPipeline draws one.
func newPipeline(i int, falcos []*falco, rnd *rand.Rand) *pipeline {
	p := &pipeline{id: fmt.Sprint("gate-", i), namespace: fmt.Sprint("ns-", i), falco: falcos[rnd.IntN(len(falcos))]}
	window := time.Duration(2000+rnd.IntN(4000)) * time.Millisecond
	p.end = time.Time{}.Add(window) // from the start, until that is known
	switch rnd.IntN(8) {
	case 0, 1:
		p.closes = true
	case 2:
		p.cancels = true
	}
	// What one Falco loses leaves the others' gates a chance to pass.
	if rnd.IntN(4) > 0 {
		p.sensor = p.falco.name
	}
	// Some come before the window ends and some behind it.
	draw := func(priority string, lost bool) {
		p.alerts = append(p.alerts, planned{time.Duration(rnd.Int64N(int64(window * 5 / 4))), priority, lost})
	}
	switch rnd.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		for range 1 + rnd.IntN(3) {
			draw([]string{"Warning", "Error", "Critical"}[rnd.IntN(3)], false)
		}
	case 6:
		draw("Critical", true)
	case 7, 8:
		draw("Notice", false)
	}
	return p
}

// run plays the pipeline. Whatever fails is tried again, as pipelines do.
func (p *pipeline) run(ctx context.Context, apis []*client.Client, rnd *rand.Rand) error {
	window := p.end.Sub(time.Time{})
	p.start = time.Now().UTC().Truncate(time.Millisecond)
	p.end = p.start.Add(window)
	p.deadline = p.end.Add(patience)
	q := client.GateQuery{ID: p.id, Deadline: stamp(p.deadline), Labels: map[string]string{"suite": "chaos"}}
	q.Namespace, q.Sensor, q.Since = p.namespace, p.sensor, stamp(p.start)
	if !p.closes {
		q.Until = stamp(p.end)
	}
	var raising sync.WaitGroup
	defer raising.Wait()
	for _, a := range p.alerts {
		raising.Go(func() {
			after(ctx, time.Until(p.start.Add(a.after)))
			p.falco.raise(p.namespace, a.priority, a.lost)
		})
	}
	err := again(ctx, apis, rnd, func(ctx context.Context, api *client.Client) error {
		_, _, err := api.OpenGate(ctx, q)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s could not be opened: %w", p.id, err)
	case p.closes:
		after(ctx, time.Until(p.end))
		err = again(ctx, apis, rnd, func(ctx context.Context, api *client.Client) error {
			_, err := api.CloseGate(ctx, p.id, stamp(p.end))
			return over(err)
		})
	case p.cancels:
		after(ctx, window/2)
		err = again(ctx, apis, rnd, func(ctx context.Context, api *client.Client) error {
			_, err := api.CancelGate(ctx, p.id)
			p.cancelled = p.cancelled || err == nil
			return over(err)
		})
	}
	return err
}

// over takes for done what was done already: by a try that nobody heard of, or because an
// alert has decided the gate.
func over(err error) error {
	var problem *client.ProblemError
	if errors.As(err, &problem) && problem.Status == http.StatusConflict {
		return nil
	}
	return err
}

// again asks one replica after another until one does it.
func again(ctx context.Context, apis []*client.Client, rnd *rand.Rand, do func(context.Context, *client.Client) error) error {
	first := rnd.IntN(len(apis))
	for n := 0; ; n++ {
		bounded, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := do(bounded, apis[(first+n)%len(apis)])
		cancel()
		var problem *client.ProblemError
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &problem) && problem.Status < http.StatusInternalServerError && problem.Status != http.StatusTooManyRequests:
			return err // it is refused for good
		}
		after(ctx, 100*time.Millisecond)
	}
}

// settled waits until all gates are over and their verdicts published.
func settled(ctx context.Context, t *testing.T, api *client.Client, gates int) []verifier.ListedGate {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	var last error
	for ctx.Err() == nil {
		list, err := api.Gates(ctx, verifier.GateFilter{}, 1000)
		if last = err; err == nil {
			open := 0
			for _, g := range list.Gates {
				if g.State != verifier.GateCancelled && !g.Published {
					open++
				}
			}
			if open == 0 && list.GateCount == gates {
				return list.Gates
			}
			last = fmt.Errorf("%d of %d gates have no published verdict, and there should be %d", open, list.GateCount, gates)
		}
		after(ctx, 200*time.Millisecond)
	}
	t.Fatalf("gates were not decided: %v", last)
	return nil
}

// stamp writes a time as the API reads it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
