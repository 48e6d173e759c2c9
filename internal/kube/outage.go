package kube

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// outage turns the outcomes of requests into one line when they begin to fail and
// one when they work again, and counts the failures.
type outage struct {
	logger *slog.Logger
	failed prometheus.Counter
	what   string // what is asked for, and what holds meanwhile
	hint   string // what right it takes
	lasts  atomic.Bool
}

// note takes the outcome of a request. The end of ctx is none.
func (o *outage) note(ctx context.Context, err error) {
	switch {
	case err == nil:
		if o.lasts.Swap(false) {
			o.logger.LogAttrs(ctx, slog.LevelInfo, "the API server answers again", slog.String("for", o.what))
		}
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
	default:
		o.failed.Inc()
		level := slog.LevelDebug
		if !o.lasts.Swap(true) {
			level = slog.LevelWarn
		}
		o.logger.LogAttrs(ctx, level, "the API server could not be asked; trying again",
			slog.String("for", o.what), slog.String("needs", o.hint), slog.Any("reason", err))
	}
}
