package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// serverMetrics are the collectors of a Server.
type serverMetrics struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refused  *prometheus.CounterVec
}

func newServerMetrics(r prometheus.Registerer) serverMetrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := serverMetrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "falcogate_api_request_duration_seconds",
			Help:    "Time to answer a request of the API, by route and status code.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"route", "code"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_api_requests_in_flight",
			Help: "Requests of the API that are being answered.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_api_refused_requests_total",
			Help: "Requests of the API that were refused for who sent them, by why: unauthenticated, forbidden, or unavailable when it could not be found out.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{"unauthenticated", "forbidden", "unavailable"} {
		m.refused.WithLabelValues(reason)
	}
	r.MustRegister(m.duration, m.inFlight, m.refused)
	return m
}

// measured observes how long h takes and what it answers.
func (m serverMetrics) measured(route string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		m.inFlight.Inc()
		rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.inFlight.Dec()
			m.duration.WithLabelValues(route, strconv.Itoa(rec.status)).Observe(time.Since(began).Seconds())
		}()
		h(rec, r)
	}
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
