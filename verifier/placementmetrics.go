package verifier

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/correlate"
)

var (
	descAttributed = prometheus.NewDesc("falcogate_index_attributed_alerts_total",
		"Alerts without a namespace that got theirs from the placement of their container after they had come.", nil, nil)
	descPods = prometheus.NewDesc("falcogate_placement_pods",
		"Pods whose placement is known, by whether they run or have ended.", []string{"state"}, nil)
	descKnown = prometheus.NewDesc("falcogate_placement_known_timestamp_seconds",
		"Up to when it is known where pods run; not there while it never was.", nil, nil)
	descUntold = prometheus.NewDesc("falcogate_placement_refused_records_total",
		"Records about placements that found no room, so that nothing is known until all is told again.", nil, nil)
	descForgotten = prometheus.NewDesc("falcogate_placement_forgotten_pods_total",
		"Pods that had ended and were forgotten before the retention, for want of room.", nil, nil)
)

// placementCollector reads the numbers of a Tail's placements when they are asked for.
type placementCollector struct{ tail *Tail }

// Describe implements prometheus.Collector.
func (c *placementCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descAttributed, descPods, descKnown, descUntold, descForgotten} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *placementCollector) Collect(ch chan<- prometheus.Metric) {
	var attributed uint64
	var stats correlate.PlacementStats
	var known time.Time
	c.tail.View(func(state *correlate.State, _ uint64) {
		attributed, stats, known = state.Index().Stats().Attributed, state.PlacementStats(), state.Known()
	})
	metric := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	metric(descAttributed, prometheus.CounterValue, float64(attributed))
	metric(descPods, prometheus.GaugeValue, float64(stats.Running), "running")
	metric(descPods, prometheus.GaugeValue, float64(stats.Pods-stats.Running), "ended")
	if !known.IsZero() {
		metric(descKnown, prometheus.GaugeValue, float64(known.UnixMilli())/1000)
	}
	metric(descUntold, prometheus.CounterValue, float64(stats.Refused))
	metric(descForgotten, prometheus.CounterValue, float64(stats.Forgot))
}
