package correlate

import (
	"slices"
	"strings"
	"time"
)

// A message that could not be read has no event time to trust. What is known is
// when it was received, which is after the event: by the lag of the delivery, and
// by more when a backlog drains. So a window is touched by what was received from
// its start on, less what the two clocks may differ, until unreadAfter behind its
// end. The limit of that: a message that was on its way for longer is missed for
// the windows that ended unreadAfter before it came, and so is one received by a
// consumer whose clock is wrong by more than these.
const (
	unreadBefore = 10 * time.Second
	unreadAfter  = 5 * time.Minute
)

const (
	// unreadGap is how close two spans are one: a sensor that sends text sends
	// nothing else.
	unreadGap = int64(time.Second)
	// maxUnreadSpans bounds what is kept for a sensor. Beyond it the two spans
	// that are closest become one, which only widens what is touched.
	maxUnreadSpans = 64
)

// unread remembers when messages came that could not be read, for each sensor;
// the sensor "" has those that did not tell theirs, and those of sensors beyond
// DefaultMaxSensors.
type unread struct {
	spans map[string][]unreadSpan // sorted, apart by more than unreadGap
}

// unreadSpan is a span of time in nanoseconds, both ends included.
type unreadSpan struct {
	from, to int64
	count    uint64
}

func newUnread() unread { return unread{spans: map[string][]unreadSpan{}} }

// add takes note of a message received at ns.
func (u *unread) add(sensor string, ns int64) {
	known := u.spans[sensor] != nil
	if !known && len(u.spans) >= DefaultMaxSensors {
		sensor, known = "", u.spans[""] != nil
	}
	if !known {
		// The name may be part of a whole record, which would stay in memory
		// with it.
		sensor = strings.Clone(sensor)
	}
	list := u.spans[sensor]
	i, _ := slices.BinarySearchFunc(list, ns-unreadGap, func(s unreadSpan, t int64) int {
		if s.to < t {
			return -1
		}
		return 1
	})
	if i < len(list) && list[i].from <= ns+unreadGap {
		s := &list[i]
		s.from, s.to, s.count = min(s.from, ns), max(s.to, ns), s.count+1
		if i+1 < len(list) && list[i+1].from <= s.to+unreadGap {
			list = join(list, i)
		}
	} else {
		list = slices.Insert(list, i, unreadSpan{ns, ns, 1})
	}
	if len(list) > maxUnreadSpans {
		closest := 0
		for k := 1; k+1 < len(list); k++ {
			if list[k+1].from-list[k].to < list[closest+1].from-list[closest].to {
				closest = k
			}
		}
		list = join(list, closest)
	}
	u.spans[sensor] = list
}

// join makes one span of the i-th and the one behind it.
func join(list []unreadSpan, i int) []unreadSpan {
	next := list[i+1]
	list[i].to, list[i].count = max(list[i].to, next.to), list[i].count+next.count
	return slices.Delete(list, i+1, i+2)
}

// forget drops what ended before ns.
func (u *unread) forget(ns int64) {
	for sensor, list := range u.spans {
		list = slices.DeleteFunc(list, func(s unreadSpan) bool { return s.to < ns })
		if len(list) == 0 {
			delete(u.spans, sensor)
		} else {
			u.spans[sensor] = list
		}
	}
}

// count is how many messages were in spans that touch [from, to]: those of the
// needed sensors, or of all when need is nil, and those that name none.
func (u *unread) count(from, to int64, need []string) (n uint64) {
	for name, list := range u.spans {
		if need != nil && name != "" && !slices.Contains(need, name) {
			continue
		}
		for _, s := range list {
			if s.from <= to && s.to >= from {
				n += s.count
			}
		}
	}
	return n
}

// Malformed is how many messages that could not be read may tell of an event in
// the window: those of the needed sensors and those that name none, or all when
// need is nil. It counts too many rather than too few.
func (s *State) Malformed(w Window, need []string) uint64 {
	return s.unread.count(nanos(w.Start.Add(-unreadBefore)), nanos(w.End.Add(unreadAfter)), need)
}
