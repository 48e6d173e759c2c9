package main

import (
	"time"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// scenario is a recording and what is asked about it.
type scenario struct {
	name      string
	streams   []string
	file      string // when it is not the one among the recordings
	questions []question
}

var (
	overGRPC = []string{"grpc"}
	overHTTP = []string{"http"}
	overBoth = []string{"grpc", "http"}
)

// gaps are figures of gaps by kind.
type gaps = map[correlate.GapKind]uint64

// fails, passes and open are the questions that must get these answers.
func fails(namespace, severity string, alerts uint64, reached verifier.Evidence, g gaps) question {
	return question{
		namespace: namespace, severity: severity, verdict: verifier.Fail, reason: verifier.ReasonAlerts,
		alerts: alerts, evidence: reached, gaps: g,
	}
}

func passes(namespace, severity string) question {
	return question{
		namespace: namespace, severity: severity, verdict: verifier.Pass, reason: verifier.ReasonProven, evidence: verifier.Accounted,
	}
}

func open(namespace, severity string, reason correlate.GapKind, g gaps) question {
	return question{
		namespace: namespace, severity: severity, verdict: verifier.Inconclusive, reason: verifier.ReasonCode(reason),
		evidence: verifier.None, gaps: g,
	}
}

// with is the question with a change.
func (q question) with(change func(*client.Query)) question {
	q.change = change
	return q
}

// trusting is the question when it asks for no proof: silence passes.
func (q question) trusting() question {
	q.change, q.verdict, q.reason = by(verifier.None), verifier.Pass, verifier.ReasonTrustInSilence
	return q
}

// scenarios are all recordings. The counts of alerts are the truth's, less what
// was lost on the way.
var scenarios = []scenario{
	{name: "clean", streams: overBoth, questions: []question{
		passes("shadow-clean", "debug"),
		passes("shadow-clean", "debug").with(by(verifier.Heard)),
		passes("shop", "alert"),
		fails("shop", "critical", 2, verifier.Accounted, nil),
	}},
	{name: "alert", streams: overBoth, questions: []question{
		fails("shadow-bad", "warning", 6, verifier.Accounted, nil),
		fails("shadow-bad", "critical", 3, verifier.Accounted, nil),
		passes("shadow-clean", "debug"),
	}},
	{name: "node-b", streams: overBoth, questions: []question{
		fails("shadow-10", "critical", 2, verifier.Accounted, nil),
		passes("shadow-1", "debug"),
	}},
	{name: "two-readers", streams: overGRPC, questions: []question{
		// All three Criticals went to the other reader.
		open("shadow-bad", "critical", correlate.GapMissing, lostToAReader),
		open("shadow-bad", "critical", correlate.GapMissing, lostToAReader).with(by(verifier.Heard)),
		open("shadow-bad", "critical", correlate.GapMissing, lostToAReader).trusting(),
		open("shadow-clean", "debug", correlate.GapMissing, lostToAReader),
		// One of six came, and fails.
		fails("shadow-bad", "warning", 1, verifier.None, lostToAReader),
		fails("shop", "warning", 2, verifier.None, lostToAReader),
	}},
	{name: "burst-two-readers", streams: overGRPC, questions: []question{
		open("shadow-clean", "debug", correlate.GapMissing, gaps{correlate.GapMissing: 776}),
		open("shop", "error", correlate.GapMissing, gaps{correlate.GapMissing: 776}),
		fails("shop", "warning", 2835-389, verifier.None, gaps{correlate.GapMissing: 776}),
		fails("shadow-bad", "warning", 2835-387, verifier.None, gaps{correlate.GapMissing: 776}),
	}},
	{name: "http-down", streams: overHTTP, questions: []question{
		open("shadow-bad", "critical", correlate.GapMissing, lostToNobody),
		open("shadow-clean", "debug", correlate.GapMissing, lostToNobody),
		fails("shadow-bad", "warning", 1, verifier.None, lostToNobody),
	}},
	{name: "queue-drops", streams: overBoth, questions: []question{
		open("shadow-bad", "critical", correlate.GapMissing, lostInTheQueue),
		open("shadow-clean", "debug", correlate.GapMissing, lostInTheQueue),
		fails("shop", "warning", 7, verifier.None, lostInTheQueue),
	}},
	{name: "kernel-drops", streams: overBoth, questions: []question{
		open("shadow-bad", "critical", correlate.GapKernelDrops, dropped),
		open("shadow-bad", "critical", correlate.GapKernelDrops, dropped).with(by(verifier.Heard)),
		passes("shadow-bad", "critical").with(func(q *client.Query) { q.MaxKernelDropRatio = "1" }),
		fails("shop", "critical", 2, verifier.None, dropped),
	}},
	{name: "restart", streams: overBoth, questions: []question{
		open("shadow-bad", "critical", correlate.GapRestarted, gaps{correlate.GapRestarted: 0}),
		fails("shadow-bad", "notice", 2, verifier.None, gaps{correlate.GapRestarted: 0}),
	}},
	{name: "reload", streams: overBoth, questions: []question{
		open("shadow-bad", "critical", correlate.GapRestarted, gaps{correlate.GapRestarted: 0}),
		fails("shadow-bad", "notice", 2, verifier.None, gaps{correlate.GapRestarted: 0}),
	}},
	{name: "late-metadata", streams: overBoth, questions: []question{
		open("shadow-clean", "debug", correlate.GapRestarted, gaps{correlate.GapRestarted: 0, correlate.GapSilent: 0}),
		fails("shadow-bad", "critical", 2, verifier.None, gaps{correlate.GapRestarted: 0, correlate.GapSilent: 0}),
	}},
	{name: "no-metadata", streams: overGRPC, questions: []question{
		unattributed("shadow-clean", "critical"),
		passes("shadow-clean", "alert"),
		fails("shadow-bad", "critical", 3, verifier.Accounted, nil),
	}},
	{name: "no-runtime-metadata", streams: overBoth, questions: []question{
		unattributed("shadow-clean", "critical"),
		passes("shadow-clean", "alert"),
	}},
	{name: "no-metrics", streams: overBoth, questions: []question{
		open("shadow-clean", "debug", correlate.GapSilent, gaps{correlate.GapSilent: 0}),
		open("shadow-clean", "debug", correlate.GapSilent, gaps{correlate.GapSilent: 0}).with(by(verifier.Heard)),
		open("shadow-clean", "debug", correlate.GapSilent, gaps{correlate.GapSilent: 0}).trusting(),
		fails("shadow-bad", "critical", 2, verifier.None, gaps{correlate.GapSilent: 0}),
	}},
	{name: "text", streams: overHTTP, questions: []question{
		unread("shadow-clean", "debug"),
		unread("shadow-clean", "debug").with(by(verifier.None)),
	}},
	{name: "burst", streams: overGRPC, file: "testdata/burst.grpc.jsonl.gz", questions: []question{
		passes("shadow-clean", "debug"),
		passes("shop", "warning"),
		fails("shadow-bad", "warning", 18778, verifier.Accounted, nil),
	}},
	// Its first 2,000 messages. They end in the burst, at whose first snapshot the
	// account could not be closed yet, while the sensor was heard.
	{name: "burst", streams: overHTTP, questions: []question{
		{
			namespace: "shadow-clean", severity: "debug", change: cut(verifier.Accounted), verdict: verifier.Inconclusive,
			reason: verifier.ReasonCode(correlate.GapPending), evidence: verifier.Heard, gaps: gaps{correlate.GapPending: 0},
		},
		{
			namespace: "shadow-clean", severity: "debug", change: cut(verifier.Heard), verdict: verifier.Pass,
			reason: verifier.ReasonHeard, evidence: verifier.Heard, gaps: gaps{correlate.GapPending: 0},
		},
		open("shadow-clean", "debug", correlate.GapPending, gaps{correlate.GapPending: 0}),
	}},
}

var (
	lostToAReader  = gaps{correlate.GapMissing: 9, correlate.GapSilent: 0}
	lostToNobody   = gaps{correlate.GapMissing: 3, correlate.GapSilent: 0}
	lostInTheQueue = gaps{correlate.GapMissing: 32, correlate.GapQueueDrops: 32}
	dropped        = gaps{correlate.GapKernelDrops: 219_124}
)

// unattributed is a question that alerts without a namespace leave open, though
// all that was raised arrived.
func unattributed(namespace, severity string) question {
	return question{
		namespace: namespace, severity: severity, verdict: verifier.Inconclusive, reason: verifier.ReasonUnattributed,
		evidence: verifier.Accounted,
	}
}

// unread is a question that messages which could not be read leave open.
func unread(namespace, severity string) question {
	return question{
		namespace: namespace, severity: severity, verdict: verifier.Inconclusive, reason: verifier.ReasonMalformed,
		evidence: verifier.None, gaps: gaps{correlate.GapNoSensor: 0},
	}
}

// cut ends the question's window 3.2 s after its start.
func cut(e verifier.Evidence) func(*client.Query) {
	return func(q *client.Query) {
		q.Evidence = string(e)
		start, _ := time.Parse(time.RFC3339Nano, q.Since) // it was formatted so
		q.Until = start.Add(3200 * time.Millisecond).Format(time.RFC3339Nano)
	}
}
