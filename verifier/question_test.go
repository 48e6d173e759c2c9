package verifier_test

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

func text(s string) io.Reader { return strings.NewReader(s) }

func TestQuestionValidate(t *testing.T) {
	require.NoError(t, question("shadow-1").Validate(epoch))
	least := verifier.Question{Namespace: "a", Window: correlate.Window{Start: at(1), End: epoch}}
	require.NoError(t, least.Validate(epoch), "all else has a default")

	for _, tc := range []struct {
		name   string
		change func(*verifier.Question)
		field  string
		detail string
	}{
		{"no namespace", func(q *verifier.Question) { q.Namespace = "" }, "namespace", "required"},
		{"upper case", func(q *verifier.Question) { q.Namespace = "Shadow-1" }, "namespace", "can be no namespace"},
		{"pattern", func(q *verifier.Question) { q.Namespace = "shadow-*" }, "namespace", "can be no namespace"},
		{"space", func(q *verifier.Question) { q.Namespace = "shadow-1 " }, "namespace", "can be no namespace"},
		{"hyphen first", func(q *verifier.Question) { q.Namespace = "-a" }, "namespace", "can be no namespace"},
		{"hyphen last", func(q *verifier.Question) { q.Namespace = "a-" }, "namespace", "can be no namespace"},
		{"too long", func(q *verifier.Question) { q.Namespace = strings.Repeat("a", 64) }, "namespace", "63"},
		{"no start", func(q *verifier.Question) { q.Window.Start = time.Time{} }, "start", "required"},
		{"start before 1970", func(q *verifier.Question) { q.Window.Start = time.Unix(-1, 0) }, "start", "1970"},
		{"future start", func(q *verifier.Question) { q.Window.Start, q.Window.End = epoch.Add(1), epoch.Add(2) }, "start", "in the future"},
		{"no end", func(q *verifier.Question) { q.Window.End = time.Time{} }, "end", "required"},
		{"future end", func(q *verifier.Question) { q.Window.End = epoch.Add(1) }, "end", "in the future"},
		{"empty window", func(q *verifier.Question) { q.Window.Start = q.Window.End }, "start", "not before the end"},
		{"window turned round", func(q *verifier.Question) { q.Window.End = q.Window.Start.Add(-1) }, "start", "not before the end"},
		{"bad pattern", func(q *verifier.Question) { q.Pods.Name = "web-[" }, "pod", "web-["},
		{"pod not UTF-8", func(q *verifier.Question) { q.Pods.Name = "\xff" }, "pod", "UTF-8"},
		{"rule not UTF-8", func(q *verifier.Question) { q.Rule = "\xff" }, "rule", "UTF-8"},
		{"sensor not UTF-8", func(q *verifier.Question) { q.Sensor = "\xff" }, "sensor", "UTF-8"},
		{"no such severity", func(q *verifier.Question) { q.Severity = correlate.Debug + 1 }, "severity", "none of Falco's"},
		{"no such evidence", func(q *verifier.Question) { q.Change.Evidence = "some" }, "evidence", "some"},
		{"limit below", func(q *verifier.Question) { q.Limit = -1 }, "limit", "-1"},
		{"limit above", func(q *verifier.Question) { q.Limit = verifier.MaxAlerts + 1 }, "limit", "1001"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := question("shadow-1")
			tc.change(&q)
			var field *verifier.FieldError
			require.ErrorAs(t, q.Validate(epoch), &field)
			require.Equal(t, tc.field, field.Field)
			require.Contains(t, field.Detail, tc.detail)
			require.Contains(t, field.Error(), tc.field+": ")
		})
	}
}

func TestEvaluateRefusesAWrongQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New()
		r := start(t, log)
		var field *verifier.FieldError
		_, err := r.service.Evaluate(t.Context(), verifier.Question{})
		require.ErrorAs(t, err, &field)
		_, err = r.service.Publish(t.Context(), question("Shadow"))
		require.ErrorAs(t, err, &field)
		require.Empty(t, log.Verdicts())
	})
}

func TestAlertList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(
			inPod("shadow-1", "web", at(9*time.Minute), correlate.Warning),
			inPod("shadow-1", "db", at(8*time.Minute), correlate.Error),
			inPod("shadow-2", "web", at(7*time.Minute), correlate.Critical),
			alert(at(6*time.Minute), correlate.Warning, "container.id", "host"),
			alert(at(5*time.Minute), correlate.Warning),
			inPod("shadow-1", "web", at(4*time.Minute), correlate.Notice),
		)
		r := start(t, log)
		window := correlate.Window{Start: at(10 * time.Minute), End: epoch}
		positions := func(sel verifier.Selection) (out []uint64, list *verifier.AlertList) {
			sel.Window = window
			list, err := r.service.Alerts(t.Context(), sel)
			require.NoError(t, err)
			require.True(t, list.CaughtUp)
			require.Equal(t, uint64(6), list.AsOf)
			for _, a := range list.Alerts {
				out = append(out, a.Position)
			}
			return out, list
		}

		for _, tc := range []struct {
			name string
			sel  verifier.Selection
			want []uint64
		}{
			{"everything", verifier.Selection{}, []uint64{5, 4, 3, 2, 1}},
			{"all severities", verifier.Selection{Severity: correlate.Debug}, []uint64{6, 5, 4, 3, 2, 1}},
			{"namespace", verifier.Selection{Namespace: "shadow-1"}, []uint64{2, 1}},
			{"oldest first", verifier.Selection{Namespace: "shadow-1", Order: correlate.OldestFirst}, []uint64{1, 2}},
			{"pod", verifier.Selection{Namespace: "shadow-1", Pod: "w*"}, []uint64{1}},
			{"hosts", verifier.Selection{Scope: verifier.ScopeHost}, []uint64{4}},
			{"unattributed", verifier.Selection{Scope: verifier.ScopeUnattributed}, []uint64{5}},
			{"nothing", verifier.Selection{Namespace: "shadow-3"}, nil},
		} {
			got, list := positions(tc.sel)
			require.Equal(t, tc.want, got, tc.name)
			require.Equal(t, uint64(len(tc.want)), list.AlertCount, tc.name)
			require.False(t, list.Truncated, tc.name)
			require.NotNil(t, list.Alerts, tc.name)
		}

		got, list := positions(verifier.Selection{Limit: 2})
		require.Equal(t, []uint64{5, 4}, got)
		require.True(t, list.Truncated)
		require.Equal(t, uint64(5), list.AlertCount)
		after, err := correlate.ParseCursor(list.NextCursor)
		require.NoError(t, err)
		got, list = positions(verifier.Selection{Limit: 3, After: after})
		require.Equal(t, []uint64{3, 2, 1}, got)
		require.False(t, list.Truncated)
		require.Empty(t, list.NextCursor)

		for _, tc := range []struct {
			sel   verifier.Selection
			field string
		}{
			{verifier.Selection{Namespace: "shadow-1", Scope: verifier.ScopeAll, Window: window}, "scope"},
			{verifier.Selection{Scope: "hosts", Window: window}, "scope"},
			{verifier.Selection{Namespace: "Shadow", Window: window}, "namespace"},
			{verifier.Selection{Order: 7, Window: window}, "order"},
			{verifier.Selection{}, "start"},
			{verifier.Selection{Limit: 1001, Window: window}, "limit"},
		} {
			var field *verifier.FieldError
			_, err := r.service.Alerts(t.Context(), tc.sel)
			require.ErrorAs(t, err, &field)
			require.Equal(t, tc.field, field.Field)
		}
	})
}

func TestSensorList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := logOf(inPod("shadow-1", "web", at(9*time.Minute), correlate.Warning))
		log.Append(at(time.Minute), &correlate.Snapshot{
			Hostname: "node-b", Time: at(time.Minute - time.Second), EventSource: "syscall",
			Run:          correlate.Run{StartTS: at(time.Hour).UnixNano()},
			MatchesTotal: correlate.Counter{N: 7, Reported: true}, KernelDrops: correlate.Counter{Reported: true},
		})
		r := start(t, log)
		list := r.service.Sensors(t.Context())
		require.True(t, list.CaughtUp)
		require.Equal(t, uint64(2), list.AsOf)
		require.Len(t, list.Sensors, 2)
		a, b := list.Sensors[0], list.Sensors[1]
		require.Equal(t, "node-a", a.Hostname)
		require.Equal(t, uint64(1), a.Alerts)
		require.Nil(t, a.MatchesTotal)
		require.Nil(t, a.ClockOffsetSeconds)
		require.Zero(t, a.Started)
		require.Equal(t, "node-b", b.Hostname)
		require.Equal(t, at(time.Hour), b.Started)
		require.Equal(t, "snapshot", b.LastMessage)
		require.InDelta(t, 1.0, *b.ClockOffsetSeconds, 1e-9)
		require.Equal(t, uint64(7), *b.MatchesTotal)
		require.Equal(t, uint64(0), *b.KernelDrops, "reported as zero is not the same as not reported")
		require.Nil(t, b.QueueDrops)
	})
}
