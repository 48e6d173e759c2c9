package eventlog

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/correlate"
)

var kinds = []string{
	correlate.KindPlacement, correlate.KindWatch, correlate.KindAlert, correlate.KindSnapshot, correlate.KindRuleset, correlate.KindDrop,
	correlate.KindTimeout, correlate.KindInternal, correlate.KindMalformed,
}

// metrics of one Log.
type metrics struct {
	appended     map[string]prometheus.Counter // by kind
	duplicates   prometheus.Counter
	retries      prometheus.Counter
	refused      prometheus.Counter
	reordered    prometheus.Counter
	tailRestarts prometheus.Counter
	connected    prometheus.Gauge
	latency      prometheus.Histogram

	registered []prometheus.Collector
	registerer prometheus.Registerer
}

// newMetrics registers the metrics. A nil registerer keeps them private.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	const namespace, subsystem = "falcogate", "eventlog"
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
	}
	appended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "appended_total",
		Help: "Records that the event log has acknowledged, duplicates among them.",
	}, []string{"kind"})
	m := &metrics{
		registerer:   reg,
		appended:     map[string]prometheus.Counter{},
		duplicates:   counter("duplicates_total", "Messages that the event log had stored before."),
		retries:      counter("append_retries_total", "Messages that were sent again after a fault."),
		refused:      counter("append_refused_total", "Records that the event log refused for good."),
		reordered:    counter("reordered_total", "Records of a lane that were stored behind one that came after them."),
		tailRestarts: counter("tail_restarts_total", "Times that a tail had to take up reading again."),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "connected", Help: "1 while the connection to the event log stands, else 0.",
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "append_duration_seconds",
			Help:    "Time from the last sending of a message to its acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10), // 0.1 ms to 26 s
		}),
	}
	for _, k := range kinds {
		m.appended[k] = appended.WithLabelValues(k)
	}
	for _, c := range []prometheus.Collector{appended, m.duplicates, m.retries, m.refused, m.reordered, m.tailRestarts, m.connected, m.latency} {
		if err := reg.Register(c); err != nil {
			m.unregister()
			return nil, err
		}
		m.registered = append(m.registered, c)
	}
	return m, nil
}

// unregister lets another Log use the same registerer.
func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
}
