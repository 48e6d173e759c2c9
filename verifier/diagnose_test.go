package verifier_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// Each thing that a sensor can lack is found, with the setting that gives it, and
// a sensor that lacks nothing has no finding.
func TestDiagnose(t *testing.T) {
	quiet := func(f *falco) { f.beats(at(2*time.Hour), epoch) }
	bare := func(change func(*correlate.Snapshot)) func(*falco) {
		return func(f *falco) {
			for i := range 1000 {
				when := at(2 * time.Hour).Add(time.Duration(i) * 5 * time.Second)
				s := &correlate.Snapshot{
					Hostname: f.name, Time: when, EventSource: "syscall", Run: f.run, Ruleset: f.ruleset, RuleMatches: []uint64{0},
					MatchesTotal: correlate.Counter{Reported: true}, KernelEvents: correlate.Counter{N: uint64(i), Reported: true}, KernelDrops: correlate.Counter{Reported: true},
				}
				change(s)
				f.log.Append(when.Add(5*time.Millisecond), s)
			}
		}
	}
	tests := []struct {
		name     string
		send     func(*falco)
		problem  string
		severity string
		setting  string
	}{
		{"nothing", quiet, "", "", ""},
		{"no metrics", func(f *falco) { f.alert(inPod("shadow-1", "web", at(time.Minute), correlate.Warning)) }, "no_metrics", "error", "metrics.interval: 5s"},
		{"a second reader", func(f *falco) {
			f.beats(at(2*time.Hour), at(10*time.Minute))
			f.raised++
			f.beats(at(10*time.Minute-5*time.Second), epoch)
		}, "alerts_missing", "error", "one client"},
		{"counters off", bare(func(s *correlate.Snapshot) { s.MatchesTotal = correlate.Counter{} }), "not_counted", "error", "rules_counters_enabled"},
		{"kernel counters off", bare(func(s *correlate.Snapshot) { s.KernelDrops, s.KernelEvents = correlate.Counter{}, correlate.Counter{} }), "kernel_not_counted", "error", "kernel_event_counters_enabled"},
		{"rules not counted", bare(func(s *correlate.Snapshot) { s.Ruleset = correlate.RulesetID{} }), "rules_not_counted", "warning", "include_empty_values"},
		{"old Falco", bare(func(s *correlate.Snapshot) { s.Run = correlate.Run{} }), "run_unknown", "error", "0.38"},
		{"slow", func(f *falco) {
			for t := at(20 * time.Hour); t.Before(epoch); t = t.Add(time.Hour) {
				f.snapshot(t)
			}
		}, "interval", "warning", "metrics.interval: 5s"},
		{"text", func(f *falco) { quiet(f); f.log.Append(epoch, &correlate.Malformed{}) }, "malformed", "error", "json_output: true"},
		{"unreadable", func(f *falco) { quiet(f); f.log.Append(epoch, &correlate.Malformed{Hostname: f.name}) }, "malformed", "error", "json_output"},
		{"no namespaces", func(f *falco) {
			quiet(f)
			f.alert(alert(epoch, correlate.Warning, "container.id", "4d2f9b1c8a7e"))
		}, "unattributed", "warning", "append_output"},
		{"a clock behind", func(f *falco) {
			late := memlog.New()
			slow := &falco{log: late, name: f.name, run: f.run, ruleset: f.ruleset}
			slow.beats(at(2*time.Hour), epoch)
			for _, rec := range late.Records() {
				f.log.Append(rec.Logged.Add(time.Minute), rec.Body)
			}
		}, "clock_skew", "error", ""},
		{"a restart", func(f *falco) {
			f.beats(at(2*time.Hour), at(10*time.Minute))
			f.run.StartTS, f.events = 2, 0
			f.beats(at(9*time.Minute), epoch)
		}, "restarted", "warning", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := memlog.New()
			tt.send(newFalco(log, "node-a"))
			d := startProving(t, log).service.Diagnose(t.Context())
			require.True(t, d.CaughtUp)
			if tt.problem == "" {
				require.Empty(t, d.Findings)
				return
			}
			var found *verifier.Finding
			for i := range d.Findings {
				if d.Findings[i].Problem == tt.problem {
					found = &d.Findings[i]
				}
			}
			require.NotNil(t, found, d.Findings)
			require.Equal(t, tt.severity, found.Severity)
			require.Contains(t, found.Setting, tt.setting)
			require.NotEmpty(t, found.Message)
			require.Equal(t, len(d.Findings), d.Errors+d.Warnings)
		})
	}

	d := startProving(t, memlog.New()).service.Diagnose(t.Context())
	require.Equal(t, 1, d.Errors)
	require.Equal(t, "no_sensor", d.Findings[0].Problem)
}
