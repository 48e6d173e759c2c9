package falcoconfig

import (
	"strings"
	"time"
)

// Falco's least interval between two snapshots, and the longest that a gate can
// be asked to wait for one.
const (
	leastInterval   = 100 * time.Millisecond
	longestInterval = time.Minute
	goodInterval    = "5s"
)

// checkMetrics wants the snapshots that proof rests on, with all that they are
// needed for.
func (k *checker) checkMetrics() {
	k.findMetrics()
	k.wantOn(metricsEnabled, SeverityError,
		"Falco's metrics snapshots are its heartbeat and its counters: without them nothing shows that it was watching, and no silence is proven.")
	k.wantOn(metricsOutputRule, SeverityError,
		"Only with this do the snapshots go where the alerts go, and reach falcogate.")
	k.checkInterval()
	k.wantOn(rulesCounters, SeverityError,
		"Without falco.rules.matches_total nobody can tell whether every alert that Falco raised has arrived.")
	k.wantOn(kernelCounters, SeverityError,
		"Without scap.n_drops nobody can tell whether the kernel's events reached Falco.")
	k.wantOn(includeEmpty, SeverityWarning,
		"Falco leaves out counters that are zero: a rule that has not fired yet can't be told from one that is not loaded, so a gate that requires rules is inconclusive.")
}

// findMetrics finds out which settings hold: the chart writes Falco's metrics
// from its own map metrics when that is on, and leaves falco.metrics alone when
// it is not.
func (k *checker) findMetrics() {
	if k.shape != ChartValues {
		return
	}
	own, r := k.boolean(metricsEnabled, true)
	if own || r.doubtful {
		return
	}
	underneath, set := k.boolean(metricsUnderneath, true)
	if !underneath || set.doubtful {
		return
	}
	k.underneath = true
	k.addSnippet(SeverityWarning, set, snippet(k.prefix+metricsEnabled.chart, "true"),
		"The chart manages this map: set metrics, with the chart's own names, and leave falco.metrics out.")
}

// wantOn wants a setting that is on.
func (k *checker) wantOn(s setting, severity Severity, why string) {
	if on, r := k.boolean(s, true); !on && !r.doubtful {
		k.add(severity, r, "true", why)
	}
}

func (k *checker) checkInterval() {
	text, r := k.text(metricsInterval, goodInterval)
	if r.doubtful {
		return
	}
	if strings.TrimSpace(text) == "" {
		k.add(SeverityError, r, goodInterval, "Falco has no interval of its own that it accepts: it refuses to start with metrics on and none set. The falco.yaml that it ships has 1h, too long for a gate.")
		return
	}
	interval, ok := parseInterval(text)
	switch {
	case !ok:
		k.add(SeverityError, r, goodInterval, "Falco can't read this as a duration with units, such as 5s, 250ms or 1h30m, and refuses to start.")
	case interval < leastInterval:
		k.add(SeverityError, r, goodInterval, "Falco refuses to start with less than 100ms.")
	case interval > longestInterval:
		k.add(SeverityWarning, r, goodInterval, "A verdict waits for the next snapshot: with this it is pending for that long.")
	}
}
