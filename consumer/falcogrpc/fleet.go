package falcogrpc

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Member is one Falco of a Fleet.
type Member struct {
	// ID is the life of this Falco, such as its pod's uid. Another ID at the same
	// address is another Falco, with a reader of its own.
	ID string
	// Name is for logs.
	Name string
	// Address is a target as ReaderOptions has it.
	Address string
}

// FleetOptions configure a Fleet.
type FleetOptions struct {
	// Reader is what all readers have in common; its Target is not used.
	Reader ReaderOptions
}

// Fleet keeps one reader for each Falco of a set that changes.
type Fleet struct {
	o       ReaderOptions
	metrics *fleetMetrics
	running sync.Mutex // held by Run
	moved   chan struct{}

	mu      sync.Mutex
	members []Member
}

// NewFleet checks the options and makes a Fleet without members.
func NewFleet(o FleetOptions) (*Fleet, error) {
	if err := o.Reader.complete(); err != nil {
		return nil, err
	}
	m, err := newFleetMetrics(o.Reader.Registerer)
	if err != nil {
		return nil, err
	}
	return &Fleet{o: o.Reader, metrics: m, moved: make(chan struct{}, 1)}, nil
}

// Set says which Falcos are to be read from now on. It does not block, and may be
// called at any time, also concurrently and while Run does not run.
func (f *Fleet) Set(members []Member) {
	f.mu.Lock()
	f.members = slices.Clone(members)
	f.mu.Unlock()
	select {
	case f.moved <- struct{}{}:
	default:
	}
}

// wanted are the members by address, in one notation. One whose address is no
// target is kept as it is written, and refused when it is its turn.
func (f *Fleet) wanted() map[string][]Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := make(map[string][]Member, len(f.members))
	for _, m := range f.members {
		address := m.Address
		if t, err := parseTarget(address); err == nil {
			address = t.String()
		}
		wanted[address] = append(wanted[address], m)
	}
	return wanted
}

// Run reads all members until ctx ends. Then it stops all readers as Reader.Run
// does, within twice DrainTimeout, and returns nil, or an error when messages may
// have been lost in this. It returns before ctx ends only when one of its readers
// does, for the reasons that Reader.Run has.
//
// A Falco that leaves the set has its reader stopped in the same way, but for as
// long as the event log is away: then what was read waits, so that it is not lost.
// An address has one reader at a time. The next one begins when the one before it
// has stopped; of two members with one address, the one that is read stays.
//
// Run may be called again after it has returned, and refuses to run twice at once.
func (f *Fleet) Run(ctx context.Context) error {
	if !f.running.TryLock() {
		return errors.New("gRPC readers: Run is running already")
	}
	defer f.running.Unlock()
	held, stop := context.WithCancel(ctx)
	defer stop()
	c := crew{fleet: f, held: held, posts: map[string]*post{}, ended: make(chan *post)}
	var errs []error
	for held.Err() == nil {
		c.adjust(f.wanted())
		select {
		case <-f.moved:
		case p := <-c.ended:
			if err := c.leave(p); err != nil {
				errs = append(errs, err)
				stop()
			}
		case <-ctx.Done():
		}
	}
	return errors.Join(append(errs, c.wait()...)...)
}
