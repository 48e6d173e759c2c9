package kube

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// placementMetrics are the collectors of a watch of pods.
type placementMetrics struct {
	sessions prometheus.Counter
	failures prometheus.Counter
	marked   prometheus.Gauge
}

func newPlacementMetrics(reg prometheus.Registerer, store *podStore) (placementMetrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	m := placementMetrics{
		sessions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_placement_watch_interruptions_total",
			Help: "How often the watch of pods was interrupted so that some may have come and gone unseen.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_placement_watch_failures_total",
			Help: "Requests for the version of the API server's pods that failed.",
		}),
		marked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_placement_watch_last_mark_timestamp_seconds",
			Help: "When the watch of pods last said that nothing is missing.",
		}),
	}
	pods := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "falcogate_placement_watch_pods",
		Help: "Pods that the watch knows of.",
	}, func() float64 { return float64(store.Len()) })
	for _, c := range []prometheus.Collector{m.sessions, m.failures, m.marked, pods} {
		if err := reg.Register(c); err != nil {
			return m, fmt.Errorf("register the metrics of the watch of pods: %w", err)
		}
	}
	return m, nil
}
