package correlate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Order is the order of a list, by event time and, where that is equal, by log
// position.
type Order uint8

// Orders of a list.
const (
	NewestFirst Order = iota
	OldestFirst
)

// Cursor is a place in a list: that of the entry with this time and position,
// whether it is still held or not. A list that continues from it brings what
// lies strictly behind it in the list's order, so that alerts that came in
// meanwhile shift nothing. The zero Cursor is the list's beginning.
type Cursor struct {
	Time     time.Time // event time
	Position uint64    // log position, from 1 on
}

// IsZero reports whether c is the zero Cursor.
func (c Cursor) IsZero() bool { return c.Position == 0 && c.Time.IsZero() }

// String writes the cursor as "nanoseconds-position"; the zero Cursor is empty.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d-%d", c.Time.UnixNano(), c.Position)
}

// ParseCursor reads what String writes; empty is the zero Cursor.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	head, tail, _ := strings.Cut(s, "-")
	ns, err := strconv.ParseInt(head, 10, 64)
	if err != nil || ns < 0 {
		return Cursor{}, fmt.Errorf("cursor %.40q: want nanoseconds-position, as an earlier answer gave it", s)
	}
	position, err := strconv.ParseUint(tail, 10, 64)
	if err != nil || position == 0 || position > maxPosition {
		return Cursor{}, fmt.Errorf("cursor %.40q: want nanoseconds-position, as an earlier answer gave it", s)
	}
	return Cursor{Time: instant(ns), Position: position}, nil
}
