package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
	"github.com/falcogate/falcogate/verifier/httpapi"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// falcogate is a server with one alert of the namespace shop, and what ends it.
func falcogate() (url string, end func()) {
	log := memlog.New()
	log.Append(time.Now(), &correlate.Alert{
		Hostname: "node-a", Source: "syscall", Rule: "Terminal shell in container", Priority: correlate.Warning,
		Time:         time.Now().Add(-time.Minute),
		OutputFields: correlate.NewFields([]correlate.Field{{Name: "k8s.ns.name", Value: "shop"}, {Name: "k8s.pod.name", Value: "web"}}),
	})
	tail := verifier.NewTail(verifier.TailOptions{Log: log})
	service := verifier.NewService(verifier.ServiceOptions{
		Log: log, Tail: tail, Subject: func(namespace, verdict string) string { return "falcogate.verdict." + namespace + "." + verdict },
	})
	gates := verifier.NewGates(verifier.GatesOptions{Service: service, Store: memlog.NewGates(), MaxOpen: 10})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- tail.Run(ctx) }()
	go func() { done <- gates.Run(ctx) }()
	server := httptest.NewServer(httpapi.NewServer(httpapi.Options{Service: service, Gates: gates, Ready: service.Ready}).Handler())
	for service.Ready() != nil {
		_ = tail.WaitFor(ctx, 1)
	}
	return server.URL, func() {
		server.Close()
		cancel()
		_, _ = <-done, <-done
	}
}

func Example() {
	url, end := falcogate()
	defer end()
	c, err := client.New(url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	v, err := c.Verdict(context.Background(), client.Query{Namespace: "shop", Since: "10m"}, false)
	if err != nil {
		fmt.Println("not known, and so no pass:", err)
		return
	}
	fmt.Println(v.Verdict, v.Passed, v.Reason, v.AlertCount)
	// Output: fail false alerts 1
}

func ExampleProblemError() {
	url, end := falcogate()
	defer end()
	c, err := client.New(url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	_, err = c.Verdict(context.Background(), client.Query{Namespace: "shop", Since: "10m", Severity: "high"}, false)
	var refused *client.ProblemError
	switch {
	case errors.Is(err, client.ErrUnavailable):
		fmt.Println("ask again")
	case errors.As(err, &refused):
		fmt.Println(refused.Status, refused.Parameter, errors.Is(err, client.ErrWrongUsage))
	}
	// Output: 400 severity true
}

func ExampleClient_FollowGate() {
	url, end := falcogate()
	defer end()
	ctx := context.Background()
	c, err := client.New(url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	gate, _, err := c.OpenGate(ctx, client.GateQuery{ID: "run-7", Query: client.Query{Namespace: "shop", Since: "10m"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	// The tests are through. A gate that an alert has decided already is in conflict.
	if _, err := c.CloseGate(ctx, gate.ID, ""); err != nil && !errors.Is(err, client.ErrConflict) {
		fmt.Println(err)
		return
	}
	err = c.FollowGate(ctx, gate.ID, func(e verifier.GateEvent) error {
		if e.Kind == verifier.GateEventVerdict {
			fmt.Println(e.Gate.Verdict.Verdict, e.Gate.Verdict.Gate.ID)
		}
		return nil
	})
	if err != nil {
		fmt.Println("not known:", err) // after client.ErrStreamEnded: follow again
	}
	// Output: fail run-7
}
