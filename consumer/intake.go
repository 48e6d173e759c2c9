package consumer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/falcogate/falcogate/correlate"
)

// Transports, as they stand in records and in metrics.
const (
	TransportGRPC = "grpc"
	TransportHTTP = "http"
	TransportFile = "file"
)

// ErrLaneBroken means that a lane takes nothing any more. The message was not
// stored; the caller closes the lane, opens a new one, and hands the message to
// Accept, which tells whether the message itself was the cause.
var ErrLaneBroken = errors.New("the lane into the event log is broken")

// Message is what an edge knows of a message besides what it says.
type Message struct {
	Transport string    // TransportGRPC, TransportHTTP or TransportFile
	Peer      string    // the sender's address, or the Falco that is read
	Received  time.Time // by the consumer's clock
	// Raw is the message as it came, or its beginning. It is read during the
	// call only; of a malformed message the first correlate.MalformedRawBytes
	// are copied.
	Raw []byte
	// Size is the number of bytes that came; zero means len(Raw).
	Size int
}

// IntakeOptions configure an Intake.
type IntakeOptions struct {
	Log Log // required
	// Logger is told of malformed messages, at most one in ten seconds. Nil
	// means slog.Default().
	Logger *slog.Logger
	// Registerer gets the intake's collectors. Nil means a private registry.
	Registerer prometheus.Registerer
	// RulesetInterval is how long, in snapshot time, a sensor's ruleset is not
	// logged again while it stays the same. Zero means one hour. It must be
	// shorter than the log's retention, or snapshots outlive what they cite.
	RulesetInterval time.Duration
}

// Intake is the one way into the log for all edges. It turns Falco's messages
// about itself into typed records, keeps a record of what can't be read, and
// counts. All methods may be called concurrently; those that take a lane follow
// the lane's own rule of one goroutine at a time.
type Intake struct {
	log      Log
	logger   *slog.Logger
	metrics  *metrics
	rulesets *rulesets
	warn     rate.Sometimes
}

// NewIntake makes an Intake. It fails without a log, with a negative interval,
// or when the registerer refuses a collector.
func NewIntake(o IntakeOptions) (*Intake, error) {
	if o.Log == nil {
		return nil, errors.New("intake: want an event log, have none")
	}
	if o.RulesetInterval < 0 {
		return nil, errors.New("intake: want a ruleset interval above zero, have " + o.RulesetInterval.String())
	}
	if o.RulesetInterval == 0 {
		o.RulesetInterval = time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return &Intake{
		log:      o.Log,
		logger:   o.Logger,
		metrics:  m,
		rulesets: newRulesets(o.RulesetInterval, maxSensors),
		warn:     rate.Sometimes{First: 1, Interval: 10 * time.Second},
	}, nil
}

// Accept appends a decoded message and returns once the log has acknowledged
// it; it blocks for as long as the log is away, until ctx ends. It takes over
// the alert.
//
// The error is nil when the message is stored. It is a *MalformedError when the
// message can't be stored as what it claims to be (a snapshot whose counters are
// no numbers, a record that the log refuses for its size): a malformed record is
// then stored and acknowledged in its place. Any other error means that the
// message is not known to be stored.
func (in *Intake) Accept(ctx context.Context, m Message, a *correlate.Alert) error {
	return in.accept(ctx, nil, m, a)
}

// AcceptVia is Accept by way of a lane: it returns once the lane has taken the
// message, and blocks while the lane's window is full. ErrLaneBroken is one more
// error that it may wrap.
func (in *Intake) AcceptVia(ctx context.Context, lane Lane, m Message, a *correlate.Alert) error {
	return in.accept(ctx, lane, m, a)
}

// Malformed stores a message that could not be read and returns once the log has
// acknowledged it. Cause says why; a *MalformedError tells class and hostname
// too. The error is nil when it is stored, else it is the log's.
func (in *Intake) Malformed(ctx context.Context, m Message, cause error) error {
	in.metrics.received(m, correlate.KindMalformed)
	return in.storeMalformed(ctx, nil, m, cause)
}

// MalformedVia is Malformed by way of a lane, and like it but for ErrLaneBroken.
func (in *Intake) MalformedVia(ctx context.Context, lane Lane, m Message, cause error) error {
	in.metrics.received(m, correlate.KindMalformed)
	return in.storeMalformed(ctx, lane, m, cause)
}
