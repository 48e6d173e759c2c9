package verifier

import (
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// A history is all that happens in a small world, in order of time: what the
// kernels of its nodes see, what goes wrong, and what is asked. It holds every
// decision that chance makes, so that playing it is a pure function, and a
// history with some of its operations taken out is a history again.
type simHistory struct {
	seed    uint64
	sensors []simSetup
	spaces  int // namespaces
	prio    [simRules]correlate.Priority
	limits  correlate.Limits
	most    int // sensors that falcogate keeps track of; 0 is its default
	ops     []simOp
	asks    []simAsk
	settled int64 // from here on nothing goes wrong any more

	watchers int // of the Kubernetes API; 0: there is none, and nothing is told of pods
	pods     []simPod
	relist   int64
	nameless bool // some alerts have no namespace, and no pod
}

// simSetup is how a Falco is set up.
type simSetup struct {
	interval  int64 // between snapshots
	offset    int64 // of its clock, positive when ahead
	slew      int64 // of its clock, in parts per million, until it is set
	way       int64 // from its queue to the log
	rules     int
	http      bool
	audit     bool // it has a second event source
	noEmpty   bool // include_empty_values is off: zeros are left out
	noRules   bool // rules_counters_enabled is off
	noKernel  bool // kernel_event_counters_enabled is off
	noRun     bool // start_ts is not told
	stepped   bool // its clock is set at times
	neverSent bool // it never sends anything
}

const (
	simSensors = 3
	simRules   = 5
	simSecond  = int64(time.Second)
	simMilli   = int64(time.Millisecond)
)

// Where an event happens: in a namespace by its number, on the host, or in a
// container that nothing is known of.
const (
	simHost    = uint8(200)
	simNowhere = uint8(201)
)

// simWhat is the kind of an operation.
type simWhat uint8

const (
	simEvent     simWhat = iota // the kernel sees what a rule matches; at is when the engine counts it, lag earlier it happened
	simSnapshot                 // the engine reads its counters, and queues the snapshot lag later
	simReader                   // a second reader takes a share of the messages
	simDown                     // the receiver of the HTTP output is away
	simOverflow                 // Falco's output queue is full
	simKernel                   // the kernel drops a share of the events
	simRestart                  // Falco ends and is back after span
	simReload                   // Falco reloads and is blind for span
	simStall                    // the capture is stalled
	simClock                    // the clock is set to be off by lag
	simOutage                   // messages are held for span, then drain
	simGarble                   // a share of the messages can't be read
	simSwap                     // the sensor's next message is overtaken by n others
	simAgain                    // a record comes again
	simForge                    // an alert that the engine never raised
	simCrash                    // falcogate starts anew on what the log has kept
	simQuestion                 // somebody asks
	simWatch                    // a watcher tells what has changed
	simWatchAway                // it hears nothing of the API
	simWatchLag                 // it is behind
	simWatchLoss                // some of what it tells gets lost
	simKinds
)

var simNames = [simKinds]string{
	"event", "snapshot", "second reader", "receiver down", "queue overflow", "kernel drops", "restart", "reload", "stall",
	"clock", "outage", "garbled", "swap", "duplicate", "forged", "crash", "question",
	"watch", "watch away", "watch behind", "watch loses",
}

// simOp is one operation.
type simOp struct {
	at, lag, span int64 // nanoseconds; at counts from the history's beginning
	luck          uint64
	n, m, k       int32
	what          simWhat
	sensor        uint8
	rule, space   uint8
	share         uint8 // in percent
	calm          bool  // belongs to the time after the last fault
}

// chance draws from the operation's own luck whether a fault strikes it that
// strikes a share of all. Without luck every fault strikes.
func (o *simOp) chance(share uint8, which simWhat) bool {
	if o.luck == 0 {
		return true
	}
	return simMix(o.luck+uint64(which))%100 < uint64(share)
}

// simMix is a bijection that scatters its argument (splitmix64).
func simMix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// simAsk is a question.
type simAsk struct {
	start, end int64
	space      uint8
	severity   correlate.Priority
	evidence   Evidence
	skew       int64
	ratio      float64
	host       HostAlerts
	listed     bool // the needed sensors are a list of all
	absent     bool // and of one that does not exist
	sensor     int8 // the only one that is asked about, or -1
	rule       int8 // as sensor
	require    int8 // a rule that must be loaded, or -1
	must       bool // anything but a pass is wrong
	placed     bool // placements were used to answer it
	unplaced   bool // and it was not known where all pods ran
}

// off is how far a sensor's clock may be off the perfect one without a gap: steps
// that are smaller than the jitter of snapshots are not seen.
func (a *simAsk) off() int64 { return a.skew + simStep }

var (
	simHosts   = [simSensors + 1]string{"node-a", "node-b", "node-c", "node-absent"}
	simSpaces  = [...]string{"shadow-1", "shadow-10", "prod"}
	simEpoch   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixNano()
	simAlerts  = [simRules]string{"Terminal shell in container", "Write below etc", "Read sensitive file (shadow)", "Drop & execute", "K8S API"}
	simMetrics = [simRules]string{"Terminal_shell_in_container", "Write_below_etc", "Read_sensitive_file_shadow", "Drop_execute", "K8S_API"}
)

// simTime is an instant of the world as a time.
func simTime(at int64) time.Time { return time.Unix(0, simEpoch+at).UTC() }

// question words the ask as verifier's own.
func (a *simAsk) question() Question {
	settling, skew, ratio := DefaultSettling, time.Duration(a.skew), a.ratio
	q := Question{
		Namespace: simSpaces[a.space], Window: correlate.Window{Start: simTime(a.start), End: simTime(a.end)},
		Severity: a.severity, Limit: 3,
		Change: Change{Evidence: a.evidence, Settling: &settling, ClockSkew: &skew, MaxKernelDropRatio: &ratio, HostAlerts: a.host},
	}
	if a.sensor >= 0 {
		q.Sensor = simHosts[a.sensor]
	}
	if a.rule >= 0 {
		q.Rule = simAlerts[a.rule]
	}
	if a.require >= 0 {
		q.Change.RequireRules = []string{simAlerts[a.require]}
	}
	return q
}
