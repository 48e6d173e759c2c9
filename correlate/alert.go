package correlate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Alert is one rule match as Falco reports it, in the one normal form that all
// of Falco's outputs are brought into. The names are Falco's. Nothing may change
// an Alert once it is in a Record.
type Alert struct {
	Hostname     string    // the sensor
	Source       string    // event source: "syscall", "k8s_audit", …, "internal"
	Rule         string    //
	Priority     Priority  //
	Time         time.Time // event time, UTC, nanoseconds
	Output       string    // the message
	OutputFields Fields    // in normal form
	Tags         []string  // as Falco ordered them
}

// InternalSource is the source of Falco's messages about itself.
const InternalSource = "internal"

// ID names a message of a sensor: the same message over gRPC, HTTP or from a
// file, sent once or again, has the same ID.
type ID [16]byte

// String is the ID in 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return ID{}, fmt.Errorf("alert id %.40q: want 32 hexadecimal digits, have %d characters", s, len(s))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("alert id %q: %w", s, err)
	}
	return id, nil
}

// ID computes the alert's identity: SHA-256, cut to 128 bits, over sensor,
// source, rule, event time in nanoseconds and output fields, each with its
// length before it. The hash is a cryptographic one because whoever runs a
// process chooses part of the fields: a collision made on purpose would get an
// alert dropped as a duplicate. It costs one pass over the fields; keep it.
func (a *Alert) ID() ID {
	// Most alerts fit, and then nothing is allocated.
	buf := make([]byte, 0, 4096)
	str := func(s string) {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	str(a.Hostname)
	str(a.Source)
	str(a.Rule)
	buf = binary.BigEndian.AppendUint64(buf, uint64(a.Time.UnixNano()))
	buf = binary.AppendUvarint(buf, uint64(len(a.OutputFields)))
	for _, f := range a.OutputFields {
		str(f.Name)
		str(f.Value)
	}
	sum := sha256.Sum256(buf)
	return ID(sum[:16])
}

// Origin says how an alert's namespace is known.
type Origin uint8

// How a namespace is known. The zero value is the cautious one.
const (
	// Unattributed: which namespace the alert belongs to is not known (yet).
	Unattributed Origin = iota
	// Attributed: the alert itself names its namespace.
	Attributed
	// OnHost: the alert comes from the host itself and belongs to no namespace.
	OnHost
)

// String is "unattributed", "attributed" or "host".
func (o Origin) String() string {
	return [...]string{"unattributed", "attributed", "host"}[min(o, OnHost)]
}

// Namespace follows the chain of fields that name an alert's namespace:
// k8s.ns.name (syscalls), k8smeta.ns.name (the k8smeta plugin),
// ka.target.namespace (the audit plugin). An alert with none of them is OnHost
// when container.id is "host", else Unattributed.
func (a *Alert) Namespace() (string, Origin) {
	if ns := a.OutputFields.first("k8s.ns.name", "k8smeta.ns.name", "ka.target.namespace"); ns != "" {
		return ns, Attributed
	}
	if a.ContainerID() == "host" {
		return "", OnHost
	}
	return "", Unattributed
}

// Pod is the name of the alert's pod, or empty.
func (a *Alert) Pod() string {
	return a.OutputFields.first("k8s.pod.name", "k8smeta.pod.name", "ka.target.pod.name")
}

// ContainerID is the first 12 characters of the container's id, "host", or
// empty.
func (a *Alert) ContainerID() string { return a.OutputFields.first("container.id") }
