package verifier

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/correlate"
)

// registry is r, or a private registry when r is nil.
func registry(r prometheus.Registerer) prometheus.Registerer {
	if r == nil {
		return prometheus.NewRegistry()
	}
	return r
}

// tailMetrics are the collectors of a Tail.
type tailMetrics struct {
	records prometheus.Counter
	skipped prometheus.Counter
	refused prometheus.Counter
	lag     prometheus.Gauge
}

func newTailMetrics(r prometheus.Registerer, t *Tail) tailMetrics {
	m := tailMetrics{
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_index_records_total",
			Help: "Records of the event log that were applied to the index.",
		}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_index_skipped_records_total",
			Help: "Records that were evicted from the event log before they were read.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_index_refused_records_total",
			Help: "Records of the event log that could not be applied and count as malformed.",
		}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_index_lag_seconds",
			Help: "How long before it was applied the newest record had been logged.",
		}),
	}
	registry(r).MustRegister(m.records, m.skipped, m.refused, m.lag, &indexCollector{tail: t})
	return m
}

// applied takes note of a batch whose last record was logged lag ago.
func (m tailMetrics) applied(n int, lag time.Duration) {
	m.records.Add(float64(n))
	m.lag.Set(max(lag, 0).Seconds())
}

var (
	descPosition = prometheus.NewDesc("falcogate_index_position",
		"Position of the event log up to which the index is applied.", nil, nil)
	descReady = prometheus.NewDesc("falcogate_index_ready",
		"1 once the index has reached where the event log ended at start, else 0.", nil, nil)
	descAlerts = prometheus.NewDesc("falcogate_index_alerts",
		"Alerts that the index holds, by how their namespace is known.", []string{"origin"}, nil)
	descNamespaces = prometheus.NewDesc("falcogate_index_namespaces",
		"Namespaces that have alerts in the index.", nil, nil)
	descBytes = prometheus.NewDesc("falcogate_index_bytes",
		"Memory that the index takes, estimated.", nil, nil)
	descFloorAge = prometheus.NewDesc("falcogate_index_floor_age_seconds",
		"How far back the index reaches; not there while nothing was ever evicted.", nil, nil)
	descDuplicates = prometheus.NewDesc("falcogate_index_duplicate_alerts_total",
		"Alerts in the event log that had been stored already.", nil, nil)
	descNotHeld = prometheus.NewDesc("falcogate_index_unheld_alerts_total",
		"Alerts that came and are not held, by why: dated before the floor, or too far ahead.", []string{"reason"}, nil)
	descEvicted = prometheus.NewDesc("falcogate_index_evicted_alerts_total",
		"Alerts that the index has evicted, by why.", []string{"reason"}, nil)
	descAttributed = prometheus.NewDesc("falcogate_index_attributed_alerts_total",
		"Alerts without a namespace that waited in the index until a placement told of their container.", nil, nil)
	descPods = prometheus.NewDesc("falcogate_placements_pods",
		"Pods that placements are kept of, by whether they are there still.", []string{"state"}, nil)
	descWatchers = prometheus.NewDesc("falcogate_placements_watchers",
		"Watchers of the Kubernetes API that were heard within the retention.", nil, nil)
	descPlacedAge = prometheus.NewDesc("falcogate_placements_known_age_seconds",
		"How long ago it was known last which pods there were; not there while it never was.", nil, nil)
	descPlaceless = prometheus.NewDesc("falcogate_placements_refused_records_total",
		"Records of pods or of watchers beyond the most that are kept track of.", nil, nil)
	descForgotten = prometheus.NewDesc("falcogate_placements_forgotten_pods_total",
		"Pods that had ended and were forgotten before their time, to make room for others.", nil, nil)
	descSensors = prometheus.NewDesc("falcogate_sensors",
		"Sensors heard within the retention.", nil, nil)
	descFlawed = prometheus.NewDesc("falcogate_proof_flawed_spans_total",
		"Spans between snapshots of a sensor that are no proof, by the gap that they make.", []string{"kind"}, nil)
	descMissing = prometheus.NewDesc("falcogate_proof_missing_alerts_total",
		"Alerts that sensors raised, by their own counters, and that never arrived.", nil, nil)
	descSurplus = prometheus.NewDesc("falcogate_proof_surplus_alerts_total",
		"Alerts that arrived beyond those that sensors raised by their own counters.", nil, nil)
	descQueueDrops = prometheus.NewDesc("falcogate_proof_queue_drops_total",
		"Alerts that sensors say they threw away because their output queue was full.", nil, nil)
	descKernelDrops = prometheus.NewDesc("falcogate_proof_kernel_drops_total",
		"Kernel events that sensors say they dropped.", nil, nil)
	descStale = prometheus.NewDesc("falcogate_proof_stale_snapshots_total",
		"Snapshots that came twice, or that a later one overtook.", nil, nil)
)

// indexCollector reads the numbers of a Tail's state when they are asked for.
type indexCollector struct{ tail *Tail }

// Describe implements prometheus.Collector.
func (c *indexCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descPosition, descReady, descAlerts, descNamespaces, descBytes,
		descFloorAge, descDuplicates, descNotHeld, descEvicted, descSensors,
		descFlawed, descMissing, descSurplus, descQueueDrops, descKernelDrops, descStale,
		descAttributed, descPods, descWatchers, descPlacedAge, descPlaceless, descForgotten,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *indexCollector) Collect(ch chan<- prometheus.Metric) {
	var (
		stats    correlate.Stats
		sensors  int
		proof    correlate.ProofStats
		position uint64
		pods     correlate.PlacementStats
		known    time.Time
	)
	c.tail.View(func(state *correlate.State, asOf uint64) {
		stats, sensors, position = state.Index().Stats(), state.Sensors().Len(), asOf
		proof = state.Sensors().ProofStats()
		pods, known = state.PlacementStats(), state.Known()
	})
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	ready := 0.0
	if c.tail.Ready() == nil {
		ready = 1
	}
	gauge(descPosition, float64(position))
	gauge(descReady, ready)
	gauge(descAlerts, float64(stats.Alerts-stats.Host-stats.Unattributed), correlate.Attributed.String())
	gauge(descAlerts, float64(stats.Host), correlate.OnHost.String())
	gauge(descAlerts, float64(stats.Unattributed), correlate.Unattributed.String())
	gauge(descNamespaces, float64(stats.Namespaces))
	gauge(descBytes, float64(stats.Bytes))
	if !stats.Floor.IsZero() {
		gauge(descFloorAge, c.tail.now().Sub(stats.Floor).Seconds())
	}
	counter(descDuplicates, stats.Duplicates)
	counter(descNotHeld, stats.LateBelowFloor, "before_floor")
	counter(descNotHeld, stats.Ahead, "ahead")
	counter(descEvicted, stats.EvictedByAge, "age")
	counter(descEvicted, stats.EvictedByBytes, "bytes")
	counter(descAttributed, stats.Attributed)
	gauge(descPods, float64(pods.Running), "running")
	gauge(descPods, float64(pods.Pods-pods.Running), "past")
	gauge(descWatchers, float64(pods.Watchers))
	if !known.IsZero() {
		gauge(descPlacedAge, c.tail.now().Sub(known).Seconds())
	}
	counter(descPlaceless, pods.Refused)
	counter(descForgotten, pods.Forgot)
	gauge(descSensors, float64(sensors))
	for kind, n := range proof.Flawed {
		counter(descFlawed, n, string(kind))
	}
	counter(descMissing, proof.Missing)
	counter(descSurplus, proof.Surplus)
	counter(descQueueDrops, proof.QueueDrops)
	counter(descKernelDrops, proof.KernelDrops)
	counter(descStale, proof.Stale)
}

// serviceMetrics are the collectors of a Service.
type serviceMetrics struct {
	verdicts  *prometheus.CounterVec
	duration  prometheus.Histogram
	published *prometheus.CounterVec
	unsigned  prometheus.Counter
	waiting   prometheus.Gauge
}

func newServiceMetrics(r prometheus.Registerer) serviceMetrics {
	m := serviceMetrics{
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_verdicts_total",
			Help: "Verdicts that were evaluated, by outcome and by the evidence that was reached.",
		}, []string{"outcome", "evidence"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "falcogate_verdict_duration_seconds",
			Help:    "Time to evaluate a verdict, waiting for the index included.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}),
		unsigned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_unsigned_verdicts_total",
			Help: "Verdicts that were published without a signature because signing failed.",
		}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "falcogate_verdict_publications_total",
			Help: "Verdicts to be published, by what came of it: published, duplicate or failed.",
		}, []string{"result"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_waiting_questions",
			Help: "Questions whose answers are held while they are pending.",
		}),
	}
	registry(r).MustRegister(m.verdicts, m.duration, m.published, m.unsigned, m.waiting)
	return m
}
