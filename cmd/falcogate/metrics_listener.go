package main

import (
	"context"
	"fmt"

	"github.com/falcogate/falcogate/verifier/access"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// startMetrics starts the listener of --metrics-listen and returns its address. What
// it has says nothing of a namespace.
func (p *parts) startMetrics(ctx context.Context) (string, error) {
	server := httpapi.NewServer(httpapi.Options{
		Listen: p.o.access.metrics, Guard: access.Open{}, Ready: p.ready, Gatherer: p.registry, Logger: p.logger,
	})
	if err := server.Start(ctx); err != nil {
		return "", fmt.Errorf("--metrics-listen: %w", err)
	}
	p.lifecycle.onStop("metrics", p.o.shutdownTimeout, server.Shutdown)
	go func() {
		if err := server.Wait(); err != nil {
			p.fail(err)
		}
	}()
	return server.Addr(), nil
}
