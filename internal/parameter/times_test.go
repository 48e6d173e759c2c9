package parameter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// clock is when the tests' clocks stand.
var clock = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)

func TestParseTime(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 26, 40, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"2026-11-23T06:26:40Z":                at,
		"2026-11-23T06:26:40+00:00":           at,
		"2026-11-23T06:26:40 00:00":           at, // a + that arrived as a space
		"2026-11-23T08:26:40 02:00":           at,
		"2026-11-23T08:26:40.000000000+02:00": at,
		"2026-11-23T01:26:40-05:00":           at,
		"2026-11-23T06:26:40.123456789Z":      at.Add(123456789),
		"2026-11-23T06:26:40.5 00:00":         at.Add(500 * time.Millisecond),

		"1795415200":             at,
		"1795415200.0":           at,
		"1795415200.":            at,
		"1795415200.5":           at.Add(500 * time.Millisecond),
		"1795415200.123456789":   at.Add(123456789),
		"1795415200123":          at.Add(123 * time.Millisecond),
		"1795415200123456":       at.Add(123456 * time.Microsecond),
		"1795415200123456789":    at.Add(123456789),
		"123456789":              time.Unix(123456789, 0), // 1973
		"9223372036854775807":    time.Unix(0, 1<<63-1),
		"10m":                    clock.Add(-10 * time.Minute),
		"1h30m":                  clock.Add(-90 * time.Minute),
		"1.5h":                   clock.Add(-90 * time.Minute),
		"2d":                     clock.Add(-48 * time.Hour),
		"1w":                     clock.Add(-7 * 24 * time.Hour),
		"1w2d3h4m5s6ms7us8µs9ns": clock.Add(-(9*24*time.Hour + 3*time.Hour + 4*time.Minute + 5*time.Second + 6*time.Millisecond + 15*time.Microsecond + 9)),
		"0s":                     clock,
		"0.5d":                   clock.Add(-12 * time.Hour),
	} {
		got, err := ParseTime(in, clock)
		require.NoError(t, err, in)
		require.True(t, want.Equal(got), "%s: want %s, have %s", in, want, got)
	}

	for in, want := range map[string]string{
		"2026-11-23T06:26:40":     "no zone",
		"2026-11-23T06:26:40.123": "no zone",
		"2026-11-23 06:26:40Z":    "no time",
		"2026-11-23":              "no time",
		"06:26":                   "no time",
		"yesterday":               "no time",
		"now":                     "no time",
		"-10m":                    "no time",
		"+10m":                    "no time",
		"10 m":                    "no time",
		"10M":                     "no time",
		"1y":                      "no time",
		"m":                       "no time",
		".5h":                     "no time",
		"1e9":                     "no time",
		"-1795415200":             "no time",
		"2026-11-23T25:26:40Z":    "no time",
		"2026-13-23T06:26:40Z":    "no time",
		"٣m":                      "no time", // digits that are not ASCII
		"5":                       "5s, 5m",
		"10":                      "10s, 10m",
		"12345678901":             "no Unix time",
		"179541520012":            "no Unix time",
		"17954152001234":          "no Unix time",
		"9999999999999999999":     "no Unix time", // above int64
		"1795415200.1234567890":   "no Unix time",
		"1795415200123.5":         "no Unix time",
		"99999999w":               "too long",
		"9999999999h":             "too long",
		"106751d106751d":          "too long",
	} {
		_, err := ParseTime(in, clock)
		require.ErrorContains(t, err, want, in)
	}
}

// What the server writes it can read again, to the nanosecond.
func TestParseTimeReadsRFC3339(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(0, rapid.Int64Min(0).Draw(t, "ns"))
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "offset"))
		got, err := ParseTime(want.In(zone).Format(time.RFC3339Nano), clock)
		require.NoError(t, err)
		require.True(t, want.Equal(got))
	})
}

// A duration means what Go makes of it.
func TestParseTimeReadsDurations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Min(0).Draw(t, "duration"))
		got, err := ParseTime(d.String(), clock)
		require.NoError(t, err)
		require.Equal(t, clock.Add(-d), got)
	})
}

func TestParseDuration(t *testing.T) {
	d, err := ParseDuration("1w2d3h")
	require.NoError(t, err)
	require.Equal(t, (9*24+3)*time.Hour, d)
	for _, bad := range []string{"", "5", "-5m", "5x", "2026-11-23T06:26:40Z", "15251w"} {
		_, err := ParseDuration(bad)
		require.Error(t, err, bad)
	}
}
