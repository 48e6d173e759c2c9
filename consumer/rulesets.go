package consumer

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// maxSensors bounds what is remembered of the sensors. A sensor beyond it costs
// one more ruleset record per snapshot, nothing else.
const maxSensors = 16384

// sensorKey tells apart what may report different rulesets, or may overtake
// each other on the way into the log: a ruleset must be logged before the
// snapshots that cite it come the same way.
type sensorKey struct{ hostname, eventSource, transport string }

// rulesets remembers which ruleset was logged last for each sensor.
type rulesets struct {
	interval time.Duration
	most     int

	mu   sync.Mutex
	last map[sensorKey]loggedRuleset
}

type loggedRuleset struct {
	id correlate.RulesetID
	at time.Time // of the snapshot
}

func newRulesets(interval time.Duration, most int) *rulesets {
	return &rulesets{interval: interval, most: most, last: make(map[sensorKey]loggedRuleset)}
}

// due reports whether the ruleset is to be logged before its snapshot: it is
// another one than the last, or that one was logged an interval ago (or lies as
// far ahead, when the sensor's clock was set back).
func (rs *rulesets) due(key sensorKey, r *correlate.Ruleset) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	l, ok := rs.last[key]
	return !ok || l.id != r.ID || r.Time.Sub(l.at).Abs() >= rs.interval
}

// logged notes that a ruleset was stored, or stands in a lane before its
// snapshot.
func (rs *rulesets) logged(key sensorKey, r *correlate.Ruleset) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if _, ok := rs.last[key]; !ok && len(rs.last) >= rs.most {
		for k := range rs.last { // any one: forgetting costs one record
			delete(rs.last, k)
			break
		}
	}
	rs.last[key] = loggedRuleset{r.ID, r.Time}
}

// forget forgets all: what was on its way may not have been stored.
func (rs *rulesets) forget() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	clear(rs.last)
}

// record makes the ruleset's record. Its ID is made of sensor, ruleset and the
// interval that the snapshot falls into, so that copies from several consumers
// are stored once.
func (rs *rulesets) record(m Message, r *correlate.Ruleset) *correlate.Record {
	buf := append([]byte("ruleset\x00"), r.ID[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(r.Time.UnixNano()/int64(rs.interval)))
	buf = append(buf, r.Hostname...)
	sum := sha256.Sum256(buf)
	return &correlate.Record{Received: m.Received, Transport: m.Transport, ID: correlate.ID(sum[:16]), Body: r}
}
