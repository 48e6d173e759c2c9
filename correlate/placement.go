package correlate

import "time"

// Placement says where a pod is or was, as a watcher of the Kubernetes API saw it.
// Each tells all that is known of the pod, one for each change; the latest of a
// watcher counts. Times are the API's own and whole seconds, rounded down; those
// that are not known are zero. Nothing may change a Placement once it is in a Record.
type Placement struct {
	Told Told

	UID       string // of the pod; never used again
	Namespace string
	Pod       string // name
	Node      string // name; empty while the pod has none
	Hostname  string // of the sensor that watches the node; empty means the node's name
	// Controller is what owns the pod, such as a ReplicaSet, and Workload what
	// that belongs to, such as a Deployment; the same where there is nothing above.
	Controller, Workload Owner
	Labels               Fields   // sorted by name, each once
	Containers           []string // ids without the runtime's prefix, of all kinds, past ones too

	Created   time.Time
	Scheduled time.Time // onto the node
	Started   time.Time // the first of its own containers, so not an init container
	Finished  time.Time // the last of all containers
	// Gone is true when the pod does not run any more: deleted, succeeded, failed
	// or evicted.
	Gone bool
	// Linger is for how long after this record containers may still run, when
	// nothing said that they have ended.
	Linger time.Duration
}

// Owner is a Kubernetes object that owns pods. Kind is as in an owner reference,
// such as "ReplicaSet".
type Owner struct {
	Kind, Name string
}

// Told says who told, and numbers what one watcher tells, so that a lost record
// shows.
type Told struct {
	Watcher string // the consumer that watches
	// Session is another one each time that the watcher starts anew, and after an
	// interruption of its watch, in which pods may have come and gone unseen.
	Session uint64
	Number  uint64 // 1, 2, 3, … within the session
}

// Watch is a watcher's word on what it knows. A placement that is not told is not
// known; with these it is known that nothing else was there to tell.
type Watch struct {
	Told  Told
	Phase WatchPhase
	// AsOf is the number of an earlier record of the session, or zero: what the
	// API server held when that record was logged is told before this one.
	AsOf uint64
}

// WatchPhase says what a Watch is about.
type WatchPhase uint8

// Phases of a watch. Listing and Listed enclose a Placement for each pod that there
// is, gone ones left out as the watcher likes. It is as it was when Listing was
// logged, or when the mark that Listing cites was, or between; what changes after
// that is told as well, change by change, among the pods of the list or behind it.
// So a pod that the watcher told of before that mark and not since is gone.
const (
	Watching WatchPhase = iota // nothing but AsOf
	Listing                    // the list begins
	Listed                     // the list is whole
)

// String is "watching", "listing" or "listed".
func (p WatchPhase) String() string {
	return [...]string{"watching", "listing", "listed"}[min(p, Listed)]
}

// Kinds of the bodies that tell of placements.
const (
	KindPlacement = "placement"
	KindWatch     = "watch"
)

// Kind is KindPlacement.
func (*Placement) Kind() string { return KindPlacement }

// Sensor is empty: a placement comes from no sensor.
func (*Placement) Sensor() string { return "" }

// Kind is KindWatch.
func (*Watch) Kind() string { return KindWatch }

// Sensor is empty: it is a watcher's.
func (*Watch) Sensor() string { return "" }
