package aegis

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// scraped is what a scrape says, as far as its callers read it.
type scraped struct {
	passed, skipped bool
	count           int
}

// cluster is what kubectl finds of Falco's pods.
type cluster struct {
	pods    []*falco
	refuses string // a pod whose node kubectl does not reach
	missing bool   // there is no kubectl, or it does not end in time
}

// logs is `kubectl logs -l app=falco --since=Nm`: with a selector it prints the last ten
// lines of each pod and no more. When a node can't be reached it ends with an error, having
// printed what it had. Without a pod it prints nothing, and that is no error.
func (c cluster) logs(since time.Duration, now time.Time) (lines []string, ok bool) {
	for _, pod := range c.pods {
		if pod.name == c.refuses {
			return lines, false
		}
		var recent []string
		for _, l := range pod.lines {
			if !l.written.Before(now.Add(-since)) && !l.written.After(now) {
				recent = append(recent, l.text)
			}
		}
		lines = append(lines, recent[max(0, len(recent)-10):]...)
	}
	return lines, true
}

// severities are those that the scrape knows, the worst first.
var severities = []string{"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"}

// scrape is what the shadow verification does with that output, defects and all: the window
// in whole minutes up to ten, lines that have the namespace's name anywhere, and a severity
// where it finds one.
func scrape(c cluster, namespace string, since time.Time, threshold string, now time.Time) scraped {
	minutes := min(10, max(1, int(math.Ceil(now.Sub(since).Minutes()))))
	lines, ok := c.logs(time.Duration(minutes)*time.Minute, now)
	if c.missing || !ok {
		return scraped{passed: true, skipped: true}
	}
	least := slices.Index(severities, strings.ToUpper(threshold)) // -1 for one that it does not know
	count := 0
	for _, line := range lines {
		if !strings.Contains(line, namespace) {
			continue
		}
		rank := slices.Index(severities, severity(line))
		if least < 0 || rank < 0 || rank <= least {
			count++
		}
	}
	return scraped{passed: count == 0, count: count}
}

// severity is the priority of a line of JSON, else the first word of a severity that stands
// anywhere in it, else empty.
func severity(line string) string {
	var alert struct{ Priority string }
	if json.Unmarshal([]byte(line), &alert) == nil {
		return strings.ToUpper(alert.Priority)
	}
	for _, s := range severities {
		if strings.Contains(strings.ToUpper(line), s) {
			return s
		}
	}
	return ""
}
