package kube

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"k8s.io/klog/v2"
)

// An outage is said when it begins and when it ends, and each failure is counted.
func TestOutage(t *testing.T) {
	var log bytes.Buffer
	o := outage{
		logger: slog.New(slog.NewTextHandler(&log, nil)), what: "the pods", hint: "list pods",
		failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "failed"}),
	}
	ended, end := context.WithCancel(t.Context())
	end()
	o.note(ended, context.Canceled)
	o.note(t.Context(), nil)
	require.Empty(t, log.String())
	for range 3 {
		o.note(t.Context(), errors.New("refused"))
	}
	require.Equal(t, 1, strings.Count(log.String(), "\n"))
	require.Contains(t, log.String(), "level=WARN")
	require.Contains(t, log.String(), `needs="list pods" reason=refused`)
	o.note(ended, errors.New("refused")) // it was under way
	o.note(t.Context(), nil)
	o.note(t.Context(), nil)
	require.Equal(t, 2, strings.Count(log.String(), "\n"))
	require.Contains(t, log.String(), "answers again")
	require.InDelta(t, 4, testutil.ToFloat64(o.failed), 0)
}

// What client-go logs is for debugging alone, whatever level it thinks it has.
func TestClientLogsAreDemoted(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelInfo: 0, slog.LevelDebug: 2} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		ctx := withLogger(t.Context(), logger)
		klog.FromContext(ctx).WithName("reflector").WithValues("k", "v").Error(errors.New("x"), "failed")
		klog.FromContext(ctx).WithValues("group", "g").Info("trying")
		require.Equal(t, want, strings.Count(log.String(), "level=DEBUG"), log.String())
		require.Equal(t, want, strings.Count(log.String(), "\n"))
	}
}
