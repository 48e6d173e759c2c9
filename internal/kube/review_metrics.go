package kube

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of the label review.
const (
	reviewOfToken  = "token"
	reviewOfAccess = "access"
)

// Values of the label result.
const (
	resultYes   = "yes"
	resultNo    = "no"
	resultError = "error"
)

// reviewMetrics are those of all Reviewers of a registerer.
type reviewMetrics struct {
	reviews  *prometheus.CounterVec
	hits     *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newReviewMetrics(reg prometheus.Registerer) *reviewMetrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	return &reviewMetrics{
		reviews: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_kube_reviews_total",
			Help: "Questions to the API server about a token (whose is it?) or an access (may they?), by its answer.",
		}, []string{"review", "result"})),
		hits: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_kube_review_cache_hits_total",
			Help: "Questions that an earlier answer of the API server was still good for.",
		}, []string{"review"})),
		duration: register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "falcogate_kube_review_duration_seconds",
			Help:    "How long the API server took to answer, or not to.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"review"})),
	}
}

// register registers a collector, or returns the one of the same name and labels
// that is registered already. Any other refusal is a defect of the program.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	err := reg.Register(c)
	var twice prometheus.AlreadyRegisteredError
	if errors.As(err, &twice) {
		if existing, ok := twice.ExistingCollector.(C); ok {
			return existing
		}
	}
	if err != nil {
		panic(err)
	}
	return c
}

// kindMetrics are those of one kind of review.
type kindMetrics struct {
	yes, no, failed, hits prometheus.Counter
	duration              prometheus.Observer
}

func (m *reviewMetrics) of(review string) kindMetrics {
	return kindMetrics{
		yes:      m.reviews.WithLabelValues(review, resultYes),
		no:       m.reviews.WithLabelValues(review, resultNo),
		failed:   m.reviews.WithLabelValues(review, resultError),
		hits:     m.hits.WithLabelValues(review),
		duration: m.duration.WithLabelValues(review),
	}
}

// asked notes one question and what came of it.
func (k kindMetrics) asked(took time.Duration, yes bool, err error) {
	k.duration.Observe(took.Seconds())
	switch {
	case err != nil:
		k.failed.Inc()
	case yes:
		k.yes.Inc()
	default:
		k.no.Inc()
	}
}
