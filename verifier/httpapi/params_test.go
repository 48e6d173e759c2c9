package httpapi

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// clock is when the tests' clocks stand.
var clock = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)

func TestQuestionFromParams(t *testing.T) {
	start := clock.Add(-time.Minute)
	want := verifier.Question{Namespace: "shadow-1", Window: correlate.Window{Start: start, End: clock}}
	change := func(fn func(*verifier.Question)) verifier.Question {
		q := want
		fn(&q)
		return q
	}
	for raw, want := range map[string]verifier.Question{
		"namespace=shadow-1&start=1m":                                 want,
		"ns=shadow-1&since=1m":                                        want,
		"ns=shadow-1&since=2026-11-23T06:29:00Z":                      want,
		"ns=shadow-1&since=2026-11-23T06:29:00+00:00":                 want, // not escaped
		"ns=shadow-1&since=2026-11-23T06:29:00%2B00:00":               want,
		"ns=shadow-1&since=1795415340":                                want,
		"ns=shadow-1&since=1m&until=2026-11-23T06:29:30Z":             change(func(q *verifier.Question) { q.Window.End = clock.Add(-30 * time.Second) }),
		"ns=shadow-1&since=1m&end=30s":                                change(func(q *verifier.Question) { q.Window.End = clock.Add(-30 * time.Second) }),
		"ns=shadow-1&since=1m&severity=CRITICAL":                      change(func(q *verifier.Question) { q.Severity = correlate.Critical }),
		"ns=shadow-1&since=1m&priority=info":                          change(func(q *verifier.Question) { q.Severity = correlate.Informational }),
		"ns=shadow-1&since=1m&priority=informational":                 change(func(q *verifier.Question) { q.Severity = correlate.Informational }),
		"ns=shadow-1&since=1m&evidence=none":                          change(func(q *verifier.Question) { q.Change.Evidence = verifier.None }),
		"ns=shadow-1&since=1m&limit=3":                                change(func(q *verifier.Question) { q.Limit = 3 }),
		"ns=shadow-1&since=1m&pod=web-5d8-*&rule=A+b&sensor=node.a-1": change(func(q *verifier.Question) { q.Pods.Name, q.Rule, q.Sensor = "web-5d8-*", "A b", "node.a-1" }),
	} {
		p, err := queryParams(raw, verdictParams)
		require.NoError(t, err, raw)
		got, err := p.question(clock)
		require.NoError(t, err, raw)
		require.True(t, want.Window.Start.Equal(got.Window.Start), raw)
		require.True(t, want.Window.End.Equal(got.Window.End), raw)
		got.Window = want.Window
		require.Equal(t, want, got, raw)
		require.NoError(t, got.Validate(clock), raw)
	}
}

func TestSelectionFromParams(t *testing.T) {
	cursor := correlate.Cursor{Time: clock, Position: 7}
	p, err := queryParams("scope=host&order=oldest&limit=5&priority=notice&sensor=a&rule=b&pod=c&cursor="+cursor.String(), alertsParams)
	require.NoError(t, err)
	got, err := p.selection(clock)
	require.NoError(t, err)
	require.Equal(t, verifier.Selection{
		Scope: verifier.ScopeHost, Window: correlate.Window{Start: time.Unix(0, 0), End: clock}, Severity: correlate.Notice,
		Sensor: "a", Rule: "b", Pod: "c", Order: correlate.OldestFirst, Limit: 5, After: cursor,
	}, got)

	p, err = queryParams("ns=shadow-1&since=1m&order=newest", alertsParams)
	require.NoError(t, err)
	got, err = p.selection(clock)
	require.NoError(t, err)
	require.Equal(t, verifier.Selection{
		Namespace: "shadow-1", Window: correlate.Window{Start: clock.Add(-time.Minute), End: clock},
	}, got)
}

// FuzzQueryParams: whatever a query string holds, it is a problem with a text or
// a question; and a question that passes its checks is the one that was asked:
// written out again, it is read as the same.
func FuzzQueryParams(f *testing.F) {
	for _, seed := range []string{
		"namespace=shadow-1&start=2026-11-23T06:26:40Z",
		"ns=shadow-1&since=10m&severity=warning&evidence=none&limit=3",
		"ns=shadow-1&since=2026-11-23T06:26:40+00:00&until=5m",
		"ns=shadow-1&since=1795415200.5&pod=web-*&rule=Terminal%20shell%20in%20container",
		"ns=shadow-1&since=1795415200123456789&priority=INFO",
		"ns=shadow-1&since=1w2d3h", "ns=shadow-1&ns=shadow-2", "namespace=a&ns=b", "namespace=", "sincee=10m",
		"ns=shadow-1&since=10m&pod=[", "a;b", "%zz", "since=-5m", "limit=0", "limit=99999999999999999999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := queryParams(raw, verdictParams)
		if err != nil {
			var field *verifier.FieldError
			require.ErrorAs(t, err, &field)
			require.NotEmpty(t, field.Detail)
			return
		}
		q, err := p.question(clock)
		if err == nil {
			err = q.Validate(clock)
		}
		if err != nil {
			var field *verifier.FieldError
			require.ErrorAs(t, err, &field)
			require.NotEmpty(t, field.Field)
			require.NotEmpty(t, field.Detail)
			return
		}
		require.NotEmpty(t, q.Namespace)
		require.True(t, q.Window.Start.Before(q.Window.End))
		require.False(t, q.Window.End.After(clock))

		query := client.Query{
			Namespace: q.Namespace, Pod: q.Pods.Name, Rule: q.Rule, Sensor: q.Sensor, Limit: q.Limit, Evidence: string(q.Change.Evidence),
			Since: q.Window.Start.Format(time.RFC3339Nano), Until: q.Window.End.Format(time.RFC3339Nano),
		}
		if q.Severity != 0 {
			query.Severity = q.Severity.String()
		}
		p, err = queryParams(query.Values().Encode(), verdictParams)
		require.NoError(t, err)
		again, err := p.question(clock)
		require.NoError(t, err)
		require.True(t, q.Window.Start.Equal(again.Window.Start))
		require.True(t, q.Window.End.Equal(again.Window.End))
		again.Window = q.Window
		require.Equal(t, q, again)
	})
}

// FuzzReadObject: a body is an object of strings and numbers, or a problem.
func FuzzReadObject(f *testing.F) {
	for _, seed := range []string{
		`{"namespace":"shadow-1","since":"10m","limit":3}`, `{"start":1795415200.5}`, `{}`, `[]`, `null`, ``, `{`, `{"a"`,
		`{"a":{"b":1}}`, `{"a":true}`, `{"a":null}`, `{"a":"b"}x`, `{"a":"\ud800"}`, `{"a":1e400}`, `{"a":"1","a":"2"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, structured := range [][]string{nil, {"a"}} {
			given, err := readObject(strings.NewReader(body), structured)
			if err != nil {
				var field *verifier.FieldError
				require.ErrorAs(t, err, &field)
				require.NotEmpty(t, field.Detail)
				continue
			}
			for _, p := range given {
				require.True(t, utf8.ValidString(p.name) && utf8.ValidString(p.value))
			}
			_, _ = newParams(given, verdictParams)
		}
	})
}
