// Package correlate is the pure core of falcogate: what an alert is, how it is
// ordered and attributed, and the index that answers questions about it.
//
// It owns the words that the rest of the project shares (Alert, Priority,
// Window, Record), the Index of the alerts, the registry of the Sensors, and the
// State that holds both. It has no clock, no goroutine and no I/O, and
// imports nothing but the standard library: time and events come in as
// arguments. That makes its state a pure function of the event log, so that
// replaying the log gives the same index and the same answers.
//
// Nothing here may be called concurrently unless it says so. A caller applies
// the records of the event log in the order of their positions, from one
// goroutine, and keeps readers away while it does.
package correlate
