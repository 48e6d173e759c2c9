package verifier

import (
	"fmt"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// ReasonCode names why a verdict is as it is. Programs may branch on it.
type ReasonCode string

// Reasons of a verdict, the worst first.
const (
	// ReasonAlerts: there are alerts in scope. The verdict is fail.
	ReasonAlerts ReasonCode = "alerts"
	// ReasonIndexBehind: the index did not get to the end of the event log in
	// time, so alerts that are in the log may not be counted.
	ReasonIndexBehind ReasonCode = "index_behind"
	// ReasonEvicted: the window starts before what is still kept.
	ReasonEvicted ReasonCode = "evicted"
	// ReasonMalformed: there are messages that could not be read and may tell of
	// the window.
	ReasonMalformed ReasonCode = "malformed"
	// ReasonUnattributed: there are alerts whose namespace is not known.
	ReasonUnattributed ReasonCode = "unattributed"
	// ReasonPodUnknown: the question is about certain pods, and there are
	// alerts of the namespace that do not say of which pod.
	ReasonPodUnknown ReasonCode = "pod_unknown"
	// ReasonNoProof: nothing was seen, and nothing proves that it would have
	// been.
	ReasonNoProof ReasonCode = "no_proof"
	// ReasonTrustInSilence: nothing was seen, and the question asks for no
	// proof. The verdict is pass.
	ReasonTrustInSilence ReasonCode = "trust_in_silence"
)

// Reason is one reason of a verdict: a code for programs, and a message for
// people that says what to do about it.
type Reason struct {
	Reason  ReasonCode `json:"reason"`
	Message string     `json:"message"`
}

// plural is "1 alert", "2 alerts".
func plural(n uint64) string {
	if n == 1 {
		return "1 alert"
	}
	return fmt.Sprintf("%d alerts", n)
}

func reasonAlerts(c correlate.Counts, q Question) Reason {
	worst := q.Severity
	for _, p := range correlate.Priorities {
		if c[p] > 0 {
			worst = p
			break
		}
	}
	return Reason{ReasonAlerts, fmt.Sprintf("%s at %s or above in namespace %s; the most severe is %s.",
		plural(c.Total()), q.Severity, q.Namespace, worst)}
}

func reasonIndexBehind(cause error) Reason {
	return Reason{ReasonIndexBehind, fmt.Sprintf(
		"The index did not reach the end of the event log in time (%v). Ask again; if it stays so, see /readyz and the log of falcogate.", cause)}
}

func reasonEvicted(start, floor time.Time) Reason {
	return Reason{ReasonEvicted, fmt.Sprintf(
		"The window starts at %s, and alerts before %s are not kept any more. Ask about a later start, or raise --retention.",
		start.UTC().Format(time.RFC3339Nano), floor.UTC().Format(time.RFC3339Nano))}
}

func reasonMalformed(n uint64) Reason {
	what := "A message"
	if n > 1 {
		what = fmt.Sprintf("Up to %d messages", n)
	}
	return Reason{ReasonMalformed, what + " that could not be read came during the window, or soon after, and may have been an alert. See falcogate's log and falcogate.log.malformed.> in the event log for what is wrong, mend it at the sender (Falco needs json_output: true for HTTP), and ask about a window after that."}
}

func reasonUnattributed(n uint64, q Question) Reason {
	return Reason{ReasonUnattributed, fmt.Sprintf(
		"%s at %s or above in the window with no namespace, which may belong to %s. See them with scope=unattributed, and have Falco report k8s.ns.name (container plugin, append_output).",
		plural(n), q.Severity, q.Namespace)}
}

func reasonPodUnknown(n uint64, q Question) Reason {
	return Reason{ReasonPodUnknown, fmt.Sprintf(
		"%s at %s or above in namespace %s with no pod name, which may come from a pod that matches %s. Ask without the pod filter, and have Falco report k8s.pod.name.",
		plural(n), q.Severity, q.Namespace, q.Pod)}
}

func reasonNoProof(q Question) Reason {
	return Reason{ReasonNoProof, fmt.Sprintf(
		"No alert was seen, but nothing proves that Falco was watching: this version cannot show evidence=%s yet. To accept silence as a pass, for trying things out, ask with evidence=none.", q.Evidence)}
}

func reasonTrustInSilence() Reason {
	return Reason{ReasonTrustInSilence,
		"NOT PROVEN: no alert was seen, and this pass rests on trust in silence alone, because evidence=none was asked for. Falco may have been down, dropping events or not connected."}
}
