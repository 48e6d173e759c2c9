package falcogrpc

import (
	"context"
	"log/slog"
	"maps"
	"slices"
)

// crew are the readers of one Run, which alone uses it.
type crew struct {
	fleet *Fleet
	held  context.Context
	posts map[string]*post // by address
	ended chan *post
}

// post is one address and who reads there.
type post struct {
	address string
	member  Member
	reader  *Reader // nil when none could be made: that is not tried again
	stop    context.CancelFunc
	stopped bool  // it was asked to stop
	err     error // Run's, once it has ended
}

// adjust stops the readers of Falcos that are wanted no more, and starts those of
// addresses that nobody reads.
func (c *crew) adjust(wanted map[string][]Member) {
	for address, p := range c.posts {
		if slices.ContainsFunc(wanted[address], func(m Member) bool { return m.ID == p.member.ID }) || p.stopped {
			continue
		}
		if p.reader == nil {
			delete(c.posts, address)
			continue
		}
		p.stopped = true
		p.stop()
	}
	for address, members := range wanted {
		if c.posts[address] == nil {
			c.start(address, members[0])
		}
	}
}

// start begins to read a member, unless no reader can be made.
func (c *crew) start(address string, m Member) {
	p := &post{address: address, member: m}
	c.posts[address] = p
	o := c.fleet.o
	o.Target = m.Address
	o.Logger = o.Logger.With(slog.String("name", m.Name))
	reader, err := NewReader(o)
	if err != nil {
		c.fleet.metrics.refused.Inc()
		o.Logger.LogAttrs(c.held, slog.LevelError, "a Falco is not read", slog.Any("reason", err))
		return
	}
	ctx, stop := context.WithCancel(c.held)
	p.reader, p.stop = reader, stop
	c.fleet.metrics.readers.Inc()
	c.fleet.metrics.started.Inc()
	reader.logger.LogAttrs(c.held, slog.LevelInfo, "a Falco was found; reading it", slog.String("id", m.ID))
	go func() {
		p.err = reader.run(ctx, c.held)
		c.ended <- p
	}()
}

// leave takes note of a reader that has ended, and returns why none of them can go
// on: it ended without being asked.
func (c *crew) leave(p *post) error {
	c.remove(p)
	switch {
	case !p.stopped:
		return p.err
	case p.err != nil:
		p.reader.logger.LogAttrs(c.held, slog.LevelError, "a Falco is gone; messages of it may be lost", slog.Any("reason", p.err))
	default:
		p.reader.logger.LogAttrs(c.held, slog.LevelInfo, "a Falco is gone; all that was read of it is stored")
	}
	return nil
}

// wait returns once all readers have ended, with their errors.
func (c *crew) wait() (errs []error) {
	maps.DeleteFunc(c.posts, func(_ string, p *post) bool { return p.reader == nil })
	for len(c.posts) > 0 {
		p := <-c.ended
		c.remove(p)
		errs = append(errs, p.err)
	}
	return errs
}

func (c *crew) remove(p *post) {
	p.stop()
	p.reader.metrics.unregister()
	c.fleet.metrics.readers.Dec()
	delete(c.posts, p.address)
}
