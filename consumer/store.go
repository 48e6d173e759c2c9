package consumer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/falcogate/falcogate/correlate"
)

const (
	// laneBytes is the largest alert that goes through a lane. A lane breaks on
	// a record that the log refuses for its size, and may take what is in flight
	// with it; Append refuses only the record. Falco's largest alerts have about
	// 10 kB.
	laneBytes = 128 << 10
	// maxReasonBytes bounds the reason that is stored with a malformed message.
	maxReasonBytes = 512
)

// accept classifies, stores, and falls back to a malformed record.
func (in *Intake) accept(ctx context.Context, lane Lane, m Message, a *correlate.Alert) error {
	body, ruleset, err := classify(a)
	if err != nil {
		in.metrics.received(m, correlate.KindMalformed)
		if err := in.storeMalformed(ctx, lane, m, err); err != nil {
			return err
		}
		return err
	}
	in.metrics.received(m, body.Kind())
	record := &correlate.Record{Received: m.Received, Transport: m.Transport, ID: a.ID(), Body: body}
	records := []*correlate.Record{record}
	key, due := sensorKey{}, false
	if s, ok := body.(*correlate.Snapshot); ok && ruleset != nil {
		key = sensorKey{s.Hostname, s.EventSource, m.Transport}
		if due = in.rulesets.due(key, ruleset); due {
			records = []*correlate.Record{in.rulesets.record(m, ruleset), record}
		}
	}
	err = in.append(ctx, lane, sizeOf(a), records)
	if err == nil && due {
		in.rulesets.logged(key, ruleset)
	}
	var refused *MalformedError
	if !errors.As(err, &refused) {
		return err
	}
	refused.Hostname = a.Hostname
	if err := in.storeMalformed(ctx, nil, m, refused); err != nil {
		return err
	}
	return refused
}

// append stores records through the lane, or without one. A record that the log
// refuses for good gives a *MalformedError.
func (in *Intake) append(ctx context.Context, lane Lane, size int, records []*correlate.Record) error {
	transport := records[0].Transport
	if lane != nil && size <= laneBytes {
		return in.laneError(ctx, transport, lane.Append(ctx, records...))
	}
	if lane != nil {
		// What is in the lane comes first.
		if err := in.laneError(ctx, transport, lane.Flush(ctx)); err != nil {
			return err
		}
	}
	var err error
	for _, r := range records {
		// One at a time: a ruleset must be stored before the snapshot that cites it,
		// also when it takes more than one try.
		if err = in.log.Append(ctx, r); err != nil {
			break
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		in.metrics.of(transport).unstored.Inc()
		return fmt.Errorf("append to the event log: %w", err)
	}
	return Malformedf(ClassRefused, "", "want a message that the event log takes, have %d bytes: %v", size, err)
}

// laneError words what a lane's method returned.
func (in *Intake) laneError(ctx context.Context, transport string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		in.metrics.of(transport).unstored.Inc()
		return fmt.Errorf("append to the event log: %w", err)
	}
	// A ruleset may have been on its way.
	in.rulesets.forget()
	return fmt.Errorf("%w: %w", ErrLaneBroken, err)
}

// storeMalformed stores the record of a message that could not be read.
func (in *Intake) storeMalformed(ctx context.Context, lane Lane, m Message, cause error) error {
	var me *MalformedError
	if !errors.As(cause, &me) {
		me = Malformedf(ClassOther, "", "%v", cause)
	}
	body := &correlate.Malformed{
		Hostname: me.Hostname,
		Peer:     cut(strings.ToValidUTF8(m.Peer, "\uFFFD"), maxNameBytes),
		Reason:   cut(strings.ToValidUTF8(me.describe(), "\uFFFD"), maxReasonBytes),
		Size:     m.size(),
		Raw:      append([]byte(nil), m.Raw[:min(len(m.Raw), correlate.MalformedRawBytes)]...),
	}
	if len(body.Hostname) > maxNameBytes {
		body.Hostname = ""
	}
	if body.Hostname == "" && m.Transport != TransportGRPC {
		body.Hostname = hostnameOf(m.Raw)
	}
	in.metrics.malformed.WithLabelValues(in.metrics.of(m.Transport).label, string(me.Class.bounded())).Inc()
	in.warn.Do(func() {
		in.logger.LogAttrs(ctx, slog.LevelWarn, "a message could not be read; its beginning is kept in the event log",
			slog.String("transport", m.Transport), slog.String("peer", body.Peer), slog.String("hostname", body.Hostname),
			slog.Int("bytes", body.Size), slog.String("reason", body.Reason))
	})
	record := &correlate.Record{Received: m.Received, Transport: m.Transport, ID: malformedID(m), Body: body}
	if lane != nil {
		return in.laneError(ctx, m.Transport, lane.Append(ctx, record))
	}
	if err := in.log.Append(ctx, record); err != nil {
		in.metrics.of(m.Transport).unstored.Inc()
		return fmt.Errorf("append to the event log: %w", err)
	}
	return nil
}

// hostnameOf reads the sensor's name from a message of which only the beginning
// was kept, or else returns "".
func hostnameOf(raw []byte) string {
	a, err := DecodeJSON(raw)
	if err == nil {
		return a.Hostname
	}
	var me *MalformedError
	if errors.As(err, &me) {
		return me.Hostname
	}
	return ""
}

// malformedID names this very arrival: what can't be read can't be told from a
// second delivery of the same, and is kept twice rather than lost.
func malformedID(m Message) correlate.ID {
	h := sha256.New()
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], uint64(m.Received.UnixNano()))
	binary.BigEndian.PutUint64(n[8:], uint64(len(m.Peer)))
	h.Write(n[:])
	h.Write([]byte(m.Peer))
	h.Write(m.Raw)
	return correlate.ID(h.Sum(nil)[:16])
}

func (m Message) size() int { return max(m.Size, len(m.Raw)) }

// sizeOf is about the number of bytes that an alert's record takes.
func sizeOf(a *correlate.Alert) int {
	n := len(a.Hostname) + len(a.Source) + len(a.Rule) + len(a.Output)
	for _, f := range a.OutputFields {
		n += len(f.Name) + len(f.Value) + 8
	}
	for _, t := range a.Tags {
		n += len(t) + 4
	}
	return n
}
