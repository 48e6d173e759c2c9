// Package correlate is the pure core of falcogate: what an alert is, how it is
// ordered and attributed, the index that answers questions about it, and the
// ledgers that tell silence from blindness.
//
// It owns the words that the rest of the project shares (Alert, Priority,
// Window, Record, Gap), the Index of the alerts, the Sensors with a ledger each,
// the Coverage that their ledgers give a window, and the State that holds all of
// it. docs/proof.md says how a ledger proves a silence: account.go compares what a
// sensor raised with what arrived, heartbeat.go judges whether it was watching,
// inspection.go looks for gaps. It has no clock, no goroutine and no I/O, and
// imports nothing but the standard library: time and events come in as
// arguments. That makes its state a pure function of the event log, so that
// replaying the log gives the same index and the same answers.
//
// Nothing here may be called concurrently unless it says so. A caller applies
// the records of the event log in the order of their positions, from one
// goroutine, and keeps readers away while it does.
package correlate
