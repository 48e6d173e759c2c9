package parameter

// Names of parameters, in a query string and in a JSON body alike.
const (
	Namespace = "namespace"
	Severity  = "severity"
	Start     = "start"
	End       = "end"
	Pod       = "pod"
	Selector  = "selector"
	Owner     = "owner"
	Hash      = "hash"
	VCluster  = "vcluster"
	Rule      = "rule"
	Sensor    = "sensor"
	Evidence  = "evidence"
	Limit     = "limit"
	Scope     = "scope"
	Order     = "order"
	Cursor    = "cursor"

	Verdict       = "verdict" // the id of one, in a path
	AsOf          = "as_of"
	Wait          = "wait"
	Settling      = "settling"
	ClockSkew     = "clock_skew"
	MaxKernelDrop = "max_kernel_drop_ratio"
	HostAlerts    = "host_alerts"
	RequireRules  = "require_rules"
	Format        = "format"
)

// Names of the parameters of excuses. The first and the last are JSON, in a query string
// as its text.
const (
	Ignore    = "ignore"
	MaxAlerts = "max_alerts"
	Baseline  = "baseline"
)

// Names of parameters of gates.
const (
	ID       = "id"
	Duration = "duration"
	Deadline = "deadline"
	FirstPod = "first_pod"
	Labels   = "labels"
	Label    = "label" // of a list: NAME=VALUE, several times
	Digest   = "digest"
	State    = "state"
)

// The forms of a verdict: falcogate's own, and that of AEGIS' shadow verification.
const (
	FormatFalcogate = "falcogate"
	FormatAegis     = "aegis"
)

// Predicate says what an attestation holds.
const Predicate = "predicate"

// Predicates of an attestation.
const (
	PredicateVerdict = "verdict" // the default
	PredicateVSA     = "vsa"
)

// Orders of a list.
const (
	OrderNewest = "newest"
	OrderOldest = "oldest"
)
