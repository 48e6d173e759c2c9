package correlate

import (
	"errors"
	"fmt"
	"time"
)

// ErrPosition is what Apply returns for a record whose position is zero, or not
// greater than the last.
var ErrPosition = errors.New("log position does not grow")

// State is all that correlate knows of the event log up to a position: a pure
// function of the records applied.
type State struct {
	index     *Index
	sensors   *Sensors
	unread    unread
	retention time.Duration

	placements placements

	position uint64
	logged   time.Time
	forgot   time.Time // log time at the last Forget
}

// NewState makes the state of an empty log. Sensors not heard within
// limits.Retention are forgotten, so that new nodes always find room; maxSensors
// is as in NewSensors.
func NewState(limits Limits, maxSensors int) *State {
	return &State{index: NewIndex(limits), sensors: NewSensors(maxSensors), unread: newUnread(), placements: newPlacements(), retention: limits.Retention}
}

// Apply takes in the log's next record. Positions must grow (they may skip);
// else the error wraps ErrPosition. A nil or unknown body, a record without log
// time and an alert without a valid priority are errors too. After an error
// nothing has changed: the caller must not go on as if the record had been
// applied, because what it may have told is missing then.
func (s *State) Apply(rec *Record) error {
	if rec.Position <= s.position || rec.Position > maxPosition {
		return fmt.Errorf("state: %w: want %d to %d, have %d", ErrPosition, s.position+1, uint64(maxPosition), rec.Position)
	}
	if rec.Logged.IsZero() {
		return fmt.Errorf("state: record %d has no log time", rec.Position)
	}
	became := held
	switch body := rec.Body.(type) {
	case *Alert:
		var err error
		if became, err = s.index.add(rec, body, s.homeOf(body)); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	case *Snapshot, *Ruleset, *Drop, *Timeout, *Internal:
		s.index.Advance(rec.Logged)
	case *Malformed:
		s.index.Advance(rec.Logged)
		at := rec.Received
		if at.IsZero() {
			at = rec.Logged
		}
		s.unread.add(body.Hostname, nanos(at))
	case *Placement:
		s.index.Advance(rec.Logged)
		if known := s.placements.placement(body, rec.Position, nanos(rec.Logged)); known != nil {
			s.attribute(known)
		}
		s.applied(rec)
		return nil
	case *Watch:
		s.index.Advance(rec.Logged)
		s.placements.watch(body, rec.Position, nanos(rec.Logged))
		s.sensors.changes.Progress = true
		s.applied(rec)
		return nil
	default:
		return fmt.Errorf("state: record %d has a body of unknown type %T", rec.Position, rec.Body)
	}
	s.sensors.apply(rec, became)
	s.applied(rec)
	return nil
}

// applied takes note of where the log was read up to.
func (s *State) applied(rec *Record) {
	s.position, s.logged = rec.Position, latest(s.logged, rec.Logged)
	s.forget()
}

// forget lets go of sensors not heard for the retention. It looks at all of
// them, so it does that seldom.
func (s *State) forget() {
	if s.retention <= 0 || s.logged.Sub(s.forgot) < s.retention/sweepsPerRetention {
		return
	}
	s.sensors.Forget(s.logged.Add(-s.retention))
	s.unread.forget(nanos(s.logged.Add(-s.retention - unreadBefore))) // a window may start at the floor
	s.placements.forget(nanos(s.logged.Add(-s.retention)))
	s.forgot = s.logged
}

// Position is that of the last record applied; zero before the first. An answer
// from the state is as of this position.
func (s *State) Position() uint64 { return s.position }

// Logged is the newest log time applied; zero before the first.
func (s *State) Logged() time.Time { return s.logged }

// Index is the state's index. Query it, and call its RaiseFloor when the log's
// first record is known; call no other method that changes it.
func (s *State) Index() *Index { return s.index }

// Sensors is the state's registry of sensors. Only query it.
func (s *State) Sensors() *Sensors { return s.sensors }
