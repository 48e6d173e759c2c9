package falcohttp

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the listener's own; what the messages are is counted by the
// Intake.
type metrics struct {
	answers          *prometheus.CounterVec
	stored           prometheus.Counter // answers with code 200
	held             prometheus.Gauge
	inFlight         prometheus.Gauge
	duration         prometheus.Histogram
	connectionErrors prometheus.Counter
	givenUp          atomic.Int64
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_ingest_http_requests_total",
			Help: "Requests to the ingest listener, by the status they were answered with. Falco does not send again what was not answered 200.",
		}, []string{"code"}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_ingest_http_requests_held",
			Help: "Requests to the ingest listener that are not answered yet: they wait for the event log or for their turn.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_ingest_http_requests_in_flight",
			Help: "Requests held that have their turn. At the limit the others wait unread.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "falcogate_ingest_http_request_duration_seconds",
			Help:    "Time from a request's headers to its answer, the event log's acknowledgement included. Falco's outputs stand still for that long.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 120},
		}),
		connectionErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_ingest_http_connection_errors_total",
			Help: "Connections to the ingest listener that failed outside of a request, such as TLS handshakes without a client certificate.",
		}),
	}
	m.stored = m.answers.WithLabelValues("200")
	for _, c := range []prometheus.Collector{m.answers, m.held, m.duration, m.connectionErrors, m.inFlight} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the ingest listener's metrics: %w", err)
		}
	}
	return m, nil
}

// answered counts an answer other than 200.
func (m *metrics) answered(status int) { m.answers.WithLabelValues(strconv.Itoa(status)).Inc() }
