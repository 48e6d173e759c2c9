package verifier

import "time"

// RolloutMessage is one thing that was heard of the rollout of a canary: a question, or
// an event that tells how far it has come.
type RolloutMessage struct {
	// Namespace and Name are those of the canary, and Checksum tells its revisions apart.
	Namespace, Name, Checksum string
	// Over is true when no rollout is under way: it has not begun, or has been decided.
	Over bool
	// Event is true when nothing is asked.
	Event bool
	// Since is when alerts begin to count should this be the first that is heard of the
	// revision; zero means now.
	Since time.Time
}

// Rollout is since when alerts count for a revision of a canary.
type Rollout struct {
	// Start is zero when nothing was heard of the revision before it was over.
	Start time.Time
	// Begun is true when this was the first that was heard of the revision.
	Begun bool
}

// rollout is what is kept of a canary, as JSON.
type rollout struct {
	// Now is the revision that was heard of last.
	Now revision `json:"now"`
	// Over is true when its rollout is.
	Over bool `json:"over,omitzero"`
	// Announced is true while the next revision is being rolled out under the checksum of
	// the one before: Flagger scales the canary up before it takes over the new checksum.
	Announced bool `json:"announced,omitzero"`
	// Before are the other revisions of this rollout: it was restarted with a new one.
	Before []revision `json:"before,omitzero"`
	// Heard is when something was heard last, to the day: what is kept would be forgotten
	// for its age.
	Heard time.Time `json:"heard"`
}

type revision struct {
	Checksum string    `json:"checksum"`
	Start    time.Time `json:"start,omitzero"`
}

// maxRevisions bounds the revisions of a rollout that are kept. The oldest goes first:
// nothing goes back so far within one.
const maxRevisions = 32

// heardEvery is how much older what is kept of a canary gets before it is stored again.
const heardEvery = 24 * time.Hour

// hear is what becomes of a canary that nothing, or this, is known of, by a message. It
// is pure.
func (r *rollout) hear(m RolloutMessage, now time.Time) (next rollout, answer Rollout) {
	begin := now
	if !m.Since.IsZero() && m.Since.Before(now) {
		begin = m.Since
	}
	switch {
	case m.Over && r != nil && !r.Over && r.Now.Checksum != m.Checksum:
		return *r, Rollout{} // late word of a revision that has been replaced ends nothing
	case m.Over && (r == nil || r.Now.Checksum != m.Checksum):
		return rollout{Now: revision{Checksum: m.Checksum}, Over: true, Heard: now}, Rollout{}
	case m.Over:
		next = *r
		next.Over, next.Announced, next.Before = true, false, nil
		return next, Rollout{Start: r.Now.Start}
	case r == nil:
		// The canary may be older than what we know. Then an event may be the one that
		// announces a revision.
		return rollout{Now: revision{m.Checksum, begin}, Announced: m.Event, Heard: now}, Rollout{begin, true}
	case r.Over:
		// Under the checksum of the rollout that is over this announces the next revision.
		return rollout{Now: revision{m.Checksum, begin}, Announced: m.Checksum == r.Now.Checksum, Heard: now}, Rollout{begin, true}
	case r.Now.Checksum == m.Checksum:
		return *r, Rollout{Start: r.Now.Start}
	case r.Announced:
		next = *r
		next.Now.Checksum, next.Announced = m.Checksum, false
		return next, Rollout{Start: r.Now.Start}
	}
	next = *r
	next.Before = nil
	answer = Rollout{begin, true}
	for _, b := range r.Before {
		if b.Checksum == m.Checksum {
			answer = Rollout{Start: b.Start} // it went back
			continue
		}
		next.Before = append(next.Before, b)
	}
	next.Before = append(next.Before, r.Now)
	if n := len(next.Before); n > maxRevisions {
		next.Before = next.Before[n-maxRevisions:]
	}
	next.Now = revision{m.Checksum, answer.Start}
	return next, answer
}
