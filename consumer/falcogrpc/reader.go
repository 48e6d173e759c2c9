package falcogrpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/falcogate/falcogate/consumer"
)

// Defaults of ReaderOptions.
const (
	DefaultRequestInterval = 50 * time.Millisecond
	DefaultDrainTimeout    = 2 * time.Second
)

const (
	// Pauses between connections grow from the one to about the other. A Falco
	// that reloads is away for a few seconds.
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
	// A stream that lived this long, or brought a message, was a good one, and
	// the pauses begin anew.
	longLife = 30 * time.Second
)

// ReaderOptions configure a Reader.
type ReaderOptions struct {
	// Target is the Falco: "unix:///run/falco/falco.sock", "host:port" or
	// "dns:///host:port". One process must not read one Falco twice: NewReader
	// refuses a second reader of a target with the same Registerer.
	Target string
	// TLS is needed for a target on TCP, with a client certificate, and not
	// used on a unix socket.
	TLS *tls.Config
	// RequestInterval is how often Falco is asked; it is the delivery latency.
	// Zero means DefaultRequestInterval.
	RequestInterval time.Duration
	// DrainTimeout bounds, at the end, first the taking of what is in flight and
	// then the wait for the log's acknowledgements. Zero means
	// DefaultDrainTimeout.
	DrainTimeout time.Duration
	Intake       *consumer.Intake // required
	Log          consumer.Log     // required: the log of the intake, for its lanes
	// Logger is told when the connection comes and goes. Nil means
	// slog.Default().
	Logger *slog.Logger
	// Registerer gets the reader's collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// Reader subscribes to one Falco's gRPC output.
type Reader struct {
	o       ReaderOptions
	target  target
	options []grpc.DialOption
	logger  *slog.Logger
	metrics *readerMetrics
}

// NewReader checks the options and makes a Reader, without connecting.
func NewReader(o ReaderOptions) (*Reader, error) {
	t, err := parseTarget(o.Target)
	if err != nil {
		return nil, err
	}
	if err := o.complete(); err != nil {
		return nil, err
	}
	creds, err := t.credentials(o.TLS)
	if err != nil {
		return nil, err
	}
	m, err := newReaderMetrics(o.Registerer, t.String())
	if err != nil {
		return nil, err
	}
	return &Reader{
		o: o, target: t, metrics: m,
		options: dialOptions(creds),
		logger:  o.Logger.With(slog.String("falco", t.String())),
	}, nil
}

// complete checks all but the target, and sets the defaults.
func (o *ReaderOptions) complete() error {
	switch {
	case o.Intake == nil || o.Log == nil:
		return errors.New("gRPC reader: want an intake and its log")
	case o.RequestInterval < 0 || o.DrainTimeout < 0:
		return fmt.Errorf("gRPC reader: want durations above zero, have a request interval of %s and a drain timeout of %s",
			o.RequestInterval, o.DrainTimeout)
	}
	if o.RequestInterval == 0 {
		o.RequestInterval = DefaultRequestInterval
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = DefaultDrainTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

// Run reads until ctx ends, and connects again whenever the connection ends:
// Falco not being there, its reload and its end are ordinary events. When ctx
// ends it stops asking, takes what is in flight, waits for the log's
// acknowledgements, each for DrainTimeout at most, and returns nil, or an error
// when messages may have been lost in this. It returns before ctx ends only when
// the log refuses even the record of a message that it refused: to go on would be
// to take alerts from Falco and drop them. Run it once.
func (r *Reader) Run(ctx context.Context) error { return r.run(ctx, ctx) }

// run is Run, but for a log that is away when ctx ends: then it waits until the
// log is back, and DrainTimeout counts only from when held ends too.
func (r *Reader) run(ctx, held context.Context) error {
	lane := &lane{reader: r, Lane: r.o.Log.NewLane()}
	defer func() { lane.Close() }() // whichever it is by then
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval, pause.Multiplier = minPause, maxPause, 2
	pause.Reset()
	var lost error
	for away := false; ctx.Err() == nil; {
		start := time.Now()
		s := stream{reader: r, lane: lane}
		err := s.run(ctx, held)
		if ctx.Err() != nil {
			// It may have ended as streams do, or not begun, just before ctx did.
			if s.left || lane.unstored {
				lost = err
			}
			break
		}
		if lane.unstored {
			return fmt.Errorf("stop reading from %s: a message was received and could not be stored: %w", r.target, err)
		}
		r.metrics.ended.Inc()
		if s.connected {
			away = false
		}
		if s.messages > 0 || time.Since(start) >= longLife {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		level := slog.LevelDebug
		if !away {
			level = slog.LevelWarn
		}
		away = true
		r.logger.LogAttrs(ctx, level, "the connection to Falco ended; connecting again",
			slog.Any("reason", err), slog.Int("messages", s.messages), slog.Duration("pause", wait))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	bounded, cancel := endsAfter(held, r.o.DrainTimeout)
	defer cancel()
	if lost != nil {
		lost = errors.Join(lost, lane.notice(bounded, lost))
	}
	if err := lane.Flush(bounded); err != nil {
		lost = errors.Join(lost, fmt.Errorf("the event log did not acknowledge all in time: %w", err))
	}
	if lost != nil {
		return fmt.Errorf("stop reading from %s: %w", r.target, lost)
	}
	return nil
}
