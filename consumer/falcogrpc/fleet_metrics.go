package falcogrpc

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// fleetMetrics are those of a Fleet, besides those of its readers.
type fleetMetrics struct {
	readers          prometheus.Gauge
	started, refused prometheus.Counter
}

func newFleetMetrics(reg prometheus.Registerer) (*fleetMetrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	m := &fleetMetrics{
		readers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_falco_readers",
			Help: "Readers of Falcos that were found, running or stopping.",
		}),
		started: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_falco_readers_started_total",
			Help: "Readers that were started for Falcos that were found.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_falco_readers_refused_total",
			Help: "Falcos that were found and are not read, such as those that --falco names as well.",
		}),
	}
	for _, c := range []prometheus.Collector{m.readers, m.started, m.refused} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of found Falcos: %w", err)
		}
	}
	return m, nil
}
