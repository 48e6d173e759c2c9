package correlate

import "time"

// Stats describes an Index: what it holds now and what happened since NewIndex.
type Stats struct {
	Floor        time.Time // Index.Floor
	Alerts       uint64    // held; what became too old lately may still count
	Host         uint64    // of these: on a host
	Unattributed uint64    // of these: namespace not known
	Namespaces   int       // that have alerts
	Bytes        int64     // of memory that all this takes, estimated

	Attributed     uint64 // had no namespace until a placement told of their container
	Duplicates     uint64 // had been stored already
	LateBelowFloor uint64 // came with an event time below the floor
	Ahead          uint64 // dated later than the log's time plus the retention: not held
	EvictedByAge   uint64 // older than the retention, or than RaiseFloor said
	EvictedByBytes uint64 // made room
}

// Stats returns the index's numbers. It takes constant time.
func (x *Index) Stats() Stats {
	s := x.stats
	s.Floor, s.Namespaces = x.Floor(), len(x.spaces)
	return s
}

// held counts an alert that came into sp, or left it.
func (x *Index) held(sp *space, change int64) {
	x.stats.Alerts += uint64(change)
	x.stats.Bytes += change * entryBytes
	switch sp {
	case x.host:
		x.stats.Host += uint64(change)
	case x.unattributed:
		x.stats.Unattributed += uint64(change)
	}
}
