package kube

import (
	"strings"

	"github.com/falcogate/falcogate/correlate"
)

// labelSets are the sets of labels that pods have, each once: the replicas of a
// workload have the same, and labels are most of what is kept of a pod.
type labelSets map[string]*labelSet

type labelSet struct {
	labels correlate.Fields
	pods   int
}

// take makes the placement's labels those of the set, with one pod more.
func (s labelSets) take(p *correlate.Placement) {
	key := keyOf(p.Labels)
	set := s[key]
	if set == nil {
		set = &labelSet{labels: p.Labels}
		s[key] = set
	}
	set.pods++
	p.Labels = set.labels
}

// release takes the placement's pod away from its set.
func (s labelSets) release(p *correlate.Placement) {
	key := keyOf(p.Labels)
	if set := s[key]; set != nil {
		if set.pods--; set.pods == 0 {
			delete(s, key)
		}
	}
}

func keyOf(labels correlate.Fields) string {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(l.Name)
		b.WriteByte(0)
		b.WriteString(l.Value)
		b.WriteByte(0)
	}
	return b.String()
}
