package verifier

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultCatchUp is how long an answer waits for the index to reach the end of
// the event log, unless another time is given.
const DefaultCatchUp = 5 * time.Second

// ServiceOptions configure a Service.
type ServiceOptions struct {
	Log  Log   // required
	Tail *Tail // required; of the same log
	// Subject makes the subject that a verdict ("pass", "fail" or
	// "inconclusive") over a namespace is published under. Required for
	// Publish.
	Subject func(namespace, verdict string) string
	// Instance names this falcogate in published verdicts, such as a pod's
	// name. Characters other than letters, digits, '.', '_' and '-' are
	// replaced. Empty means "falcogate".
	Instance string
	// Policy is what a pass needs unless a question says otherwise; it must be
	// valid. The zero value tolerates nothing and settles at once: start from
	// DefaultPolicy.
	Policy Policy
	// Sensors are the hostnames of the sensors that must prove silence. None
	// means all that were heard within the retention, which verdicts then say is
	// assumed.
	Sensors []string
	// Placements says what those of pods do; empty means PlacementsAuto.
	Placements Placements
	// CatchUp bounds the wait for the index; zero means DefaultCatchUp.
	CatchUp time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Signer signs what is published; nil signs nothing.
	Signer Signer
	// Logger is told of what an answer could not have. Nil discards.
	Logger *slog.Logger
	// Registerer gets the service's collectors. Nil means a private registry.
	Registerer prometheus.Registerer
}

// Service answers questions from the tail's state. All methods may be called
// concurrently, at any time.
type Service struct {
	log     Log
	tail    *Tail
	subject func(namespace, verdict string) string
	source  string // CloudEvents source
	policy  Policy
	sensors []string
	places  Placements
	catchUp time.Duration
	now     func() time.Time
	signer  Signer
	logger  *slog.Logger
	meters  serviceMetrics

	replaying chan struct{} // holds one token while a state is built anew
	finding   chan struct{} // holds one for each verdict that is looked for
}

// NewService makes a Service. It has nothing to close.
func NewService(opts ServiceOptions) *Service {
	s := &Service{
		log:     opts.Log,
		tail:    opts.Tail,
		subject: opts.Subject,
		source:  eventSource(opts.Instance),
		policy:  opts.Policy.withDefaults(),
		sensors: opts.Sensors,
		places:  opts.Placements,
		catchUp: opts.CatchUp,
		now:     opts.Now,
		signer:  opts.Signer,
		logger:  opts.Logger,
		meters:  newServiceMetrics(opts.Registerer),

		replaying: make(chan struct{}, 1),
		finding:   make(chan struct{}, maxFinding),
	}
	if len(s.sensors) == 0 {
		s.sensors = nil // an empty list is no list of nobody
	}
	if s.places == "" {
		s.places = PlacementsAuto
	}
	if s.catchUp <= 0 {
		s.catchUp = DefaultCatchUp
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Now is the service's clock: the one that questions are checked against.
func (s *Service) Now() time.Time { return s.now() }

// Ready is nil when answers can be had that are not inconclusive for the
// index's sake; else it says what is missing.
func (s *Service) Ready() error { return s.tail.Ready() }

// Release answers all who wait for a verdict, as it is now, and lets nobody wait
// from now on: the process is about to stop.
func (s *Service) Release() { s.tail.waiting.release() }

// reachEnd waits until the index has got to where the event log ends now. An
// error says why that can't be known: then alerts may be in the log that the
// index does not have.
func (s *Service) reachEnd(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	before := s.tail.Position()
	b, err := s.log.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("the event log did not say where it ends: %w", err)
	}
	if err := s.tail.replaced(b); err != nil {
		return err
	}
	if b.Last < before {
		return fmt.Errorf("the event log ends at position %d, before %d, which was read already: it was cut or replaced, restart falcogate", b.Last, before)
	}
	return s.tail.WaitFor(ctx, b.Last)
}
