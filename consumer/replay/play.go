package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
)

// Source is what Play plays. A *Recording is one.
type Source interface {
	// Messages are the messages in the order in which they are sent.
	Messages() iter.Seq2[Message, error]
	// Span is the earliest and the latest time of Messages, which it leaves to
	// be read after it.
	Span(ctx context.Context) (earliest, latest time.Time, err error)
}

// Sink sends a replay on its way, as Falco would.
type Sink interface {
	// Send sends one message and returns once Falco would send the next one. An
	// error ends the replay: a sink that wants to try again does so by itself.
	Send(ctx context.Context, m Message) error
}

// Options say how to play.
type Options struct {
	// Sink gets the messages, one at a time; required.
	Sink Sink
	// SecondReader gets the alerts whose numbers, from 1 on, are in
	// SecondReaderTakes; Sink does not get those. It is the other client of the
	// same output: Falco's gRPC output gives each message to one client only.
	// Falco's messages about itself have no numbers.
	SecondReader      Sink
	SecondReaderTakes []int
	// Hostname, if not empty, is the name under which the messages' sensor
	// goes, instead of the recorded one. See Rename.
	Hostname string
	// Speed is how many times faster than in the recording; zero means 1.
	Speed float64
	// AsFastAsPossible sends without any wait; Speed is not used.
	AsFastAsPossible bool
	// Rebase shifts all times by one distance: with waits, so that the first
	// message's time is when the replay starts; without, so that the latest
	// message's time is. At a Speed above 1 the times run ahead of the clock.
	Rebase bool
	// Progress, if not nil, is called after each message that was sent or taken,
	// with their number so far and its time as sent. It must be quick.
	Progress func(sent int, t time.Time)
}

// Play sends the messages of src to the sink, in order. A message is sent as
// long after the start as its time is after the first one's, divided by Speed;
// one that is due already is sent at once, so that a slow sink or a time that
// goes backwards makes nothing later than it must be.
//
// It blocks until the last message is sent, ctx ends, or something fails: a line
// that can't be read, a time that can't be shifted, the sink. The summary
// counts what was sent until then. When all was sent, and the second reader was to
// take an alert beyond the last one, the error wraps ErrFewAlerts.
func Play(ctx context.Context, src Source, o Options) (Summary, error) {
	var s Summary
	if o.Speed == 0 {
		o.Speed = 1
	}
	if err := o.check(); err != nil {
		return s, fmt.Errorf("replay: %w", err)
	}
	second := division{takes: o.SecondReaderTakes}
	p := pace{start: time.Now(), speed: o.Speed}
	if o.Rebase && o.AsFastAsPossible {
		_, last, err := src.Span(ctx)
		if err != nil {
			return s, err
		}
		if !last.IsZero() {
			s.Shift = p.start.Sub(last)
		}
	}
	for m, err := range src.Messages() {
		if err != nil {
			return s, err
		}
		if !o.AsFastAsPossible {
			if p.first.IsZero() {
				p.begin(m.Time)
				if o.Rebase {
					s.Shift = p.start.Sub(m.Time)
				}
			}
			err = p.wait(ctx, m.Time)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return s, err
		}
		m, err := o.change(m, s.Shift)
		if err != nil {
			return s, fmt.Errorf("message of line %d: %w", m.Line, err)
		}
		sink, taken := o.Sink, second.takesNext(m)
		if taken {
			sink = o.SecondReader
		}
		if err := sink.Send(ctx, m); err != nil {
			return s, fmt.Errorf("message of line %d: send: %w", m.Line, err)
		}
		s.add(m.Time, taken)
		if o.Progress != nil {
			o.Progress(s.Sent+s.Taken, m.Time)
		}
	}
	return s, second.end()
}

// check refuses what Play can't do.
func (o *Options) check() error {
	switch {
	case o.Sink == nil:
		return errors.New("no sink to send to")
	case o.Speed < 0 || math.IsNaN(o.Speed) || math.IsInf(o.Speed, 0):
		return fmt.Errorf("want a speed above 0, have %v", o.Speed)
	case len(o.SecondReaderTakes) > 0 && o.SecondReader == nil:
		return errors.New("no second reader to take alerts")
	case len(o.SecondReaderTakes) > 0 && slices.Min(o.SecondReaderTakes) < 1:
		return fmt.Errorf("want the numbers of alerts, from 1 on, have %d", slices.Min(o.SecondReaderTakes))
	case o.Hostname == "":
		return nil
	}
	return CheckHostname(o.Hostname)
}

// change makes a recorded message the one that is sent.
func (o *Options) change(m Message, d time.Duration) (Message, error) {
	changed, err := Shift(m, d)
	if err == nil && o.Hostname != "" {
		changed, err = Rename(changed, o.Hostname)
	}
	if err != nil {
		return m, err
	}
	return changed, nil
}

// pace tells when a message is due.
type pace struct {
	start time.Time // of the replay
	first time.Time // time of the first message
	speed float64
}

// begin makes now the time at which the first message is due.
func (p *pace) begin(first time.Time) { p.start, p.first = time.Now(), first }

// wait blocks until a message of the given time is due, or ctx ends.
func (p *pace) wait(ctx context.Context, t time.Time) error {
	after := time.Duration(math.MaxInt64)
	if ns := float64(t.Sub(p.first)) / p.speed; ns < math.MaxInt64 {
		after = time.Duration(max(ns, 0))
	}
	left := after - time.Since(p.start)
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
