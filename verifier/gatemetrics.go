package verifier

import "github.com/prometheus/client_golang/prometheus"

// gateMetrics are the collectors of Gates.
type gateMetrics struct {
	decided      *prometheus.CounterVec
	contradicted prometheus.Counter
	retries      prometheus.Counter
	unreadable   prometheus.Counter
	followers    prometheus.Gauge
}

func newGateMetrics(r prometheus.Registerer, g *Gates) gateMetrics {
	m := gateMetrics{
		decided: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_gates_decided_total",
			Help: "Gates that this replica has decided, by outcome.",
		}, []string{"outcome"}),
		contradicted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_gates_contradicted_total",
			Help: "Gates that had passed, and for which this replica has found alerts that came later.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_gate_retries_total",
			Help: "How often a verdict could not be found, stored or published at the first try.",
		}),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_gates_unreadable_total",
			Help: "Gates in the store that could not be read, and get no verdict from this falcogate.",
		}),
		followers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_gate_followers",
			Help: "Who follow a gate that is not over, and were told how it stands.",
		}),
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "falcogate_gates_open",
		Help: "Gates that are neither decided nor cancelled.",
	}, func() float64 {
		g.mu.Lock()
		defer g.mu.Unlock()
		return float64(g.open)
	})
	over := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "falcogate_gates_over",
		Help: "Gates that are decided or cancelled, and are kept.",
	}, func() float64 {
		g.mu.Lock()
		defer g.mu.Unlock()
		return float64(len(g.known) - g.open)
	})
	registry(r).MustRegister(m.decided, m.contradicted, over, m.retries, m.unreadable, m.followers, open)
	return m
}
