package consumer

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/falcogate/falcogate/correlate"
)

// metrics are the intake's counters. Those that each message needs are looked up
// once, here.
type metrics struct {
	malformed   *prometheus.CounterVec
	byTransport map[string]*transportMetrics
}

// transportMetrics are the counters of one transport.
type transportMetrics struct {
	label    string
	bytes    prometheus.Counter
	unstored prometheus.Counter
	messages map[string]prometheus.Counter // by kind
}

// otherTransport labels a transport that is none of ours.
const otherTransport = "other"

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "falcogate_received_messages_total",
		Help: "Messages received from Falco, by transport and kind, second deliveries included.",
	}, []string{"transport", "kind"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "falcogate_received_bytes_total",
		Help: "Bytes of the messages received from Falco.",
	}, []string{"transport"})
	malformed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "falcogate_malformed_messages_total",
		Help: "Messages that could not be read, or not be stored as what they are, by what is wrong with them.",
	}, []string{"transport", "reason"})
	unstored := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "falcogate_unstored_messages_total",
		Help: "Messages given up before the event log had acknowledged them, because the sender or this process stopped waiting.",
	}, []string{"transport"})
	for _, c := range []prometheus.Collector{messages, bytes, malformed, unstored} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the intake's metrics: %w", err)
		}
	}

	m := &metrics{malformed: malformed, byTransport: make(map[string]*transportMetrics)}
	for _, transport := range []string{TransportGRPC, TransportHTTP, TransportFile, otherTransport} {
		t := &transportMetrics{
			label:    transport,
			bytes:    bytes.WithLabelValues(transport),
			unstored: unstored.WithLabelValues(transport),
			messages: make(map[string]prometheus.Counter),
		}
		for _, kind := range []string{
			correlate.KindAlert, correlate.KindSnapshot, correlate.KindDrop, correlate.KindTimeout,
			correlate.KindInternal, correlate.KindMalformed,
		} {
			t.messages[kind] = messages.WithLabelValues(transport, kind)
		}
		m.byTransport[transport] = t
	}
	return m, nil
}

// of returns the counters of a transport.
func (ms *metrics) of(transport string) *transportMetrics {
	if t, ok := ms.byTransport[transport]; ok {
		return t
	}
	return ms.byTransport[otherTransport]
}

// received counts a message that came. Kind is one of those that newMetrics
// lists.
func (ms *metrics) received(m Message, kind string) {
	t := ms.of(m.Transport)
	t.messages[kind].Inc()
	t.bytes.Add(float64(m.size()))
}
