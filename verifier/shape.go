package verifier

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/falcogate/falcogate/correlate"
)

// shapeFields are the fields of process and file that tell alerts of one rule apart.
// They are Falco's: proc.* and fd.* of the events of system calls.
var shapeFields = []string{"proc.name", "proc.exepath", "proc.pname", "proc.cmdline", "proc.pcmdline", "fd.name"}

// passing is what differs between two runs of the same thing: UUIDs, such as a pod's
// uid in the paths of its volumes; long hexadecimal digits, such as a container's id;
// and the number of a process below /proc. Shorter digits stay: they may be a port.
var passing = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{12,}|/proc/[0-9]+`)

// alertShape is what two alerts have in common that are of the same thing done by two
// workloads: rule, event source and the fields of process and file, without what differs
// from one run to the next. It is empty for an alert that has none of these fields:
// nothing tells what it is about, and so it is the same as no other.
func alertShape(a *correlate.Alert) string {
	own := make([]string, 0, 4)
	for _, f := range a.OutputFields {
		switch f.Name {
		case "k8s.pod.name", "container.name":
			if len(f.Value) >= 8 { // a shorter name may be part of anything
				own = append(own, f.Value, "<pod>")
			}
		}
	}
	names := strings.NewReplacer(own...)
	var b strings.Builder
	b.WriteString(a.Rule + "\x00" + a.Source)
	some := false
	for _, name := range shapeFields {
		b.WriteByte(0)
		value, ok := a.OutputFields.Get(name)
		if !ok || value == "" {
			continue
		}
		some = true
		// A connection is told by where it goes to.
		if _, to, found := strings.Cut(value, "->"); found && name == "fd.name" {
			value = "->" + to
		}
		value = passing.ReplaceAllStringFunc(names.Replace(value), func(s string) string {
			if strings.HasPrefix(s, "/proc/") {
				return "/proc/<pid>"
			}
			return "<id>"
		})
		b.WriteString(strconv.Quote(value)) // a value can't reach into the next field
	}
	if !some {
		return ""
	}
	return b.String()
}
