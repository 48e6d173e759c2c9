package correlate

import "time"

// Bounds are where the event log begins and ends, and which log it is.
type Bounds struct {
	// First and Last are the least and the greatest position that are kept. In
	// a log that holds nothing First is Last+1; in one that never held anything
	// First is 1 and Last is 0.
	First, Last uint64
	// FirstTime is when the record at First was logged, by the log's clock. Zero
	// in a log that holds nothing.
	FirstTime time.Time
	// Created is when the log itself was made. It stays for as long as the log
	// is there, over restarts too: another one means that the log was replaced,
	// and that what was read before says nothing about what it holds.
	Created time.Time
}
