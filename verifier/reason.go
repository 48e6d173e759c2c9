package verifier

import (
	"fmt"
	"strings"
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
	// ReasonNoWorkload: it is known that no container of the scope certainly ran in
	// the window, or no pod of it was placed at all, so that its silence means
	// nothing.
	ReasonNoWorkload ReasonCode = "no_workload"
	// ReasonEvicted: the window starts before what is still kept.
	ReasonEvicted ReasonCode = "evicted"
	// ReasonMalformed: there are messages that could not be read and may tell of
	// the window.
	ReasonMalformed ReasonCode = "malformed"
	// ReasonUnattributed: there are alerts whose namespace is not known.
	ReasonUnattributed ReasonCode = "unattributed"
	// ReasonPodUnknown: the question is about certain pods, and there are
	// alerts of the namespace that do not say of which pod, or of one that is not
	// known where more than the name has to be.
	ReasonPodUnknown ReasonCode = "pod_unknown"
	// ReasonBaseline: the question names a baseline, whose own silence in its window is
	// not proven.
	ReasonBaseline ReasonCode = "baseline_unproven"
	// ReasonHostAlerts: the hosts themselves raised alerts, and the policy does
	// not merely report them.
	ReasonHostAlerts ReasonCode = "host_alerts"
	// ReasonProven: nothing was seen, and every needed sensor accounts for all
	// that it raised. The verdict is pass.
	ReasonProven ReasonCode = "proven"
	// ReasonHeard: nothing was seen, and every needed sensor was heard without a
	// gap, which is what the question asks for; not all of them report counters.
	// The verdict is pass.
	ReasonHeard ReasonCode = "heard"
	// ReasonTrustInSilence: nothing was seen, and the question asks for no
	// proof. The verdict is pass.
	ReasonTrustInSilence ReasonCode = "trust_in_silence"
)

// Every kind of gap is a reason too, by its own name: "alerts_missing",
// "kernel_drops", "pending" and the rest of correlate.GapKinds.

// Reason is one reason of a verdict: a code for programs, and a message for
// people that says what to do about it.
type Reason struct {
	Reason  ReasonCode `json:"reason"`
	Message string     `json:"message"`
	// Count is the figure behind the reason: alerts, messages, dropped events,
	// else sensors. It is left out where there is none.
	Count uint64 `json:"count,omitzero"`

	open bool // it may go away by itself
}

// plural is "1 alert", "2 alerts".
func plural(n uint64) string {
	if n == 1 {
		return "1 alert"
	}
	return fmt.Sprintf("%d alerts", n)
}

func reasonAlerts(f findings, q asked) Reason {
	c := f.counts
	worst := q.Severity
	for _, p := range correlate.Priorities {
		if c[p] > 0 {
			worst = p
			break
		}
	}
	message := fmt.Sprintf("%s at %s or above in namespace %s; the most severe is %s.", plural(c.Total()), q.Severity, q.Namespace, worst)
	if q.Excuses.MaxAlerts > 0 {
		message += fmt.Sprintf(" At most %d may be there (max_alerts).", q.Excuses.MaxAlerts)
	}
	if excused := f.phrase(); excused != "" {
		message += " Not counted: " + excused + "."
	}
	return Reason{Reason: ReasonAlerts, Count: c.Total(), Message: message}
}

func reasonIndexBehind(cause error) Reason {
	return Reason{Reason: ReasonIndexBehind, open: true, Message: fmt.Sprintf(
		"The index did not reach the end of the event log in time (%v). Ask again; if it stays so, see /readyz and the log of falcogate.", cause)}
}

func reasonEvicted(start, floor time.Time) Reason {
	return Reason{Reason: ReasonEvicted, Message: fmt.Sprintf(
		"The window starts at %s, and alerts before %s are not kept any more. Ask about a later start, or raise --retention.",
		start.UTC().Format(time.RFC3339Nano), floor.UTC().Format(time.RFC3339Nano))}
}

func reasonNoWorkload(q asked) Reason {
	what := "namespace " + q.Namespace
	if pods := q.Pods.words(); pods != "" {
		what += " (pods " + pods + ")"
	}
	if q.Sensor != "" {
		what += " on the node of sensor " + q.Sensor
	}
	check := fmt.Sprintf("Check the name, and whether its pods have started: kubectl get pods -n %s.", q.Namespace)
	if q.nobody {
		return Reason{Reason: ReasonNoWorkload, open: q.where.Open, Message: fmt.Sprintf(
			"No pod of %s is known to have been placed on a node before the window's end, so that there is no start to ask from. %s", what, check)}
	}
	return Reason{Reason: ReasonNoWorkload, Message: fmt.Sprintf(
		"No container of %s certainly ran in the window (clock_skew=%s), so that its silence means nothing. %s", what, q.policy.ClockSkew, check)}
}

func reasonMalformed(n uint64) Reason {
	what := "A message"
	if n > 1 {
		what = fmt.Sprintf("Up to %d messages", n)
	}
	return Reason{Reason: ReasonMalformed, Count: n, Message: what + " that could not be read came during the window, or soon after, and may have been an alert. See falcogate's log and falcogate.log.malformed.> in the event log for what is wrong, mend it at the sender (Falco needs json_output: true for HTTP), and ask about a window after that."}
}

// explicableHint says what an alert waits for that a placement may still explain.
const explicableHint = " It may come from a container that the Kubernetes API does not report yet: wait (wait=30s)."

func reasonUnattributed(f findings, q asked) Reason {
	r := Reason{Reason: ReasonUnattributed, Count: f.unattributed, open: f.unattributedOpen, Message: fmt.Sprintf(
		"%s at %s or above in the window with no namespace, which may belong to %s. See them with scope=unattributed, and have Falco report k8s.ns.name (container plugin, append_output).",
		plural(f.unattributed), q.Severity, q.Namespace)}
	if r.open {
		r.Message += explicableHint
	}
	return r
}

func reasonPodUnknown(f findings, q asked) Reason {
	r := Reason{Reason: ReasonPodUnknown, Count: f.podless, open: f.podlessOpen, Message: fmt.Sprintf(
		"%s at %s or above in namespace %s with no pod name, or one that is not known, which may come from a pod that matches %s. Ask without the pod filter, and have Falco report k8s.pod.name.",
		plural(f.podless), q.Severity, q.Namespace, q.Pods.words())}
	if r.open {
		r.Message += explicableHint
	}
	return r
}

func reasonHostAlerts(n uint64, q asked) Reason {
	return Reason{Reason: ReasonHostAlerts, Count: n, Message: fmt.Sprintf(
		"%s at %s or above on the hosts themselves in the window, as after an escape from a container; the policy is host_alerts=%s. See them with scope=host.",
		plural(n), q.Severity, q.policy.HostAlerts)}
}

// reasonPass says what a pass rests on.
func reasonPass(q asked, f findings) Reason {
	sensors := "the one sensor"
	if n := len(f.coverage.Sensors); n != 1 {
		sensors = fmt.Sprintf("all %d sensors", n)
	}
	switch {
	case f.coverage.Assumed:
		sensors += " heard from"
	case q.placed:
		sensors += fmt.Sprintf(" of the nodes where its pods ran (%s)", listed3(f.coverage.Sensors))
	}
	seen := seenInPass(q, f)
	switch level := reached(f.coverage.Gaps); {
	case q.policy.Evidence == None && level == None:
		return Reason{Reason: ReasonTrustInSilence, Message: "NOT PROVEN: " + strings.ToLower(seen[:1]) + seen[1:] + ", and this pass rests on trust in silence alone, because evidence=none was asked for. Falco may have been down, dropping events or not connected."}
	case level == Accounted:
		return Reason{Reason: ReasonProven, Message: fmt.Sprintf(
			"%s, and the counters of %s prove that none was missed: evidence=accounted.%s", seen, sensors, lateStart(q))}
	default:
		return Reason{Reason: ReasonHeard, Message: fmt.Sprintf(
			"%s, and the heartbeat of %s has no gap, but whether every alert arrived could not be counted: evidence=heard.%s", seen, sensors, lateStart(q))}
	}
}

// lateStarts is up to how long before a window's start the last of its pods may have been
// placed for that to look like the deploy that is asked about.
const lateStarts = 5 * time.Minute

// lateStart says of a question that begins when all of its pods were there already that
// it may have missed how they started.
func lateStart(q asked) string {
	before := q.Window.Start.Sub(q.where.Last)
	if !q.placed || q.implied || q.where.Last.IsZero() || before <= 0 || before > lateStarts {
		return ""
	}
	return fmt.Sprintf(" All its pods were placed before the window, the last one %s before: if that is the deploy in question, ask since %s, so that what came with it counts.",
		before.Round(time.Millisecond), q.where.Last.UTC().Truncate(time.Second).Format(time.RFC3339))
}

// seenInPass says which alerts a pass was given with, as the beginning of a sentence.
func seenInPass(q asked, f findings) string {
	seen := "No alert was seen"
	if n := f.counts.Total(); n > 0 {
		seen = fmt.Sprintf("%s, of at most %d that are allowed (max_alerts), and no other was seen", plural(n), q.Excuses.MaxAlerts)
	}
	if excused := f.phrase(); excused != "" {
		seen += " but " + excused
	}
	return seen
}
