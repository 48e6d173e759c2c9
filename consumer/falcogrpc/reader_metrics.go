package falcogrpc

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// readerMetrics are one reader's collectors. Their label, the target, is one of
// those configured, or of those that are there: a Fleet unregisters them with the
// reader.
type readerMetrics struct {
	registerer prometheus.Registerer

	connected prometheus.Gauge
	ended     prometheus.Counter
	messages  prometheus.Counter
}

// newReaderMetrics registers them. Two readers of one target would register the
// same, which is how a target that is configured twice is found.
func newReaderMetrics(reg prometheus.Registerer, target string) (*readerMetrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	labels := prometheus.Labels{"target": target}
	m := &readerMetrics{
		registerer: reg,
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_falco_connected", ConstLabels: labels,
			Help: "Whether the reader is subscribed to this Falco's gRPC output.",
		}),
		ended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_falco_connections_ended_total", ConstLabels: labels,
			Help: "Connections to this Falco that ended or could not be made, each followed by another try.",
		}),
		messages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_falco_messages_total", ConstLabels: labels,
			Help: "Messages received from this Falco's gRPC output.",
		}),
	}
	for _, c := range m.collectors() {
		err := reg.Register(c)
		var twice prometheus.AlreadyRegisteredError
		if errors.As(err, &twice) {
			return nil, fmt.Errorf("gRPC target %s is configured twice: Falco gives each alert to one subscriber only, so one reader is enough", target)
		}
		if err != nil {
			return nil, fmt.Errorf("register the reader's metrics: %w", err)
		}
	}
	return m, nil
}

func (m *readerMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.connected, m.ended, m.messages}
}

// unregister makes room for another reader of the same target.
func (m *readerMetrics) unregister() {
	for _, c := range m.collectors() {
		m.registerer.Unregister(c)
	}
}
