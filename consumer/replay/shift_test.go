package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// testdata/shift.in.jsonl holds lines of the recordings with every field that
// counts from the epoch, and lines with what the recordings lack.
// testdata/shift.golden is what Shift makes of them; rewrite it with -update,
// then read the difference.
func TestShiftGolden(t *testing.T) {
	const d = -(400*24*time.Hour + 3*time.Hour + 30*time.Minute + 123456789)
	var got bytes.Buffer
	for _, m := range recorded(t, "testdata/shift.in.jsonl") {
		before := bytes.Clone(append(m.JSON, m.Text...))
		s, err := Shift(m, d)
		require.NoError(t, err)
		require.Equal(t, m.Time.Add(d), s.Time)
		require.Equal(t, m.Line, s.Line)
		require.Equal(t, before, append(m.JSON, m.Text...), "what came in is not written to")
		got.Write(append(s.JSON, s.Text...))
		got.WriteByte('\n')
	}
	if *update {
		require.NoError(t, os.WriteFile("testdata/shift.golden", got.Bytes(), 0o644))
	}
	want, err := os.ReadFile("testdata/shift.golden")
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

// Over a whole recording: exactly the fields that Falco documents as times have
// moved, by d to the nanosecond, and nothing else is different.
func TestShiftMovesAllTimesAndNothingElse(t *testing.T) {
	const d = 1234*time.Hour + 567*time.Nanosecond
	isTime := map[string]bool{
		"evt.time": true, "falco.start_ts": true, "falco.reload_ts": true, "falco.host_boot_ts": true,
		"container.start_ts": true, "proc.exe_ino.ctime": true,
	}
	moved := map[string]int{}
	for _, m := range append(recorded(t, "testdata/alert-truth.jsonl.gz"), recorded(t, "testdata/shift.in.jsonl")[:2]...) {
		s, err := Shift(m, d)
		require.NoError(t, err)
		before, after := object(t, m.JSON), object(t, s.JSON)
		require.Equal(t, m.Time.Add(d).Format(falcoTime), after["time"])
		after["time"] = before["time"]
		if out, ok := strings.CutPrefix(before["output"].(string), m.Time.Format("15:04:05.000000000")); ok {
			require.Equal(t, m.Time.Add(d).Format("15:04:05.000000000")+out, after["output"])
			after["output"] = before["output"]
		}
		was, is := before["output_fields"].(map[string]any), after["output_fields"].(map[string]any)
		for name := range maps.Keys(was) {
			if isTime[name] {
				a, err1 := was[name].(json.Number).Int64()
				b, err2 := is[name].(json.Number).Int64()
				require.NoError(t, err1)
				require.NoError(t, err2)
				require.Equal(t, a+int64(d), b, name)
				is[name] = was[name]
				moved[name]++
			}
		}
		require.Equal(t, before, after)
		// The keys' order and all spaces too: but for digits, the bytes are the
		// same.
		require.Equal(t, withoutDigits(m.JSON), withoutDigits(s.JSON))
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(isTime)), slices.Collect(maps.Keys(moved)), "the data must have every kind")
}

func withoutDigits(b []byte) string {
	return string(bytes.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, b))
}

func TestShiftFields(t *testing.T) {
	const d = 25*time.Hour + 400*time.Millisecond
	for _, tt := range []struct{ name, in, want string }{
		{"nanoseconds", `"x":1795415203042489678`, `"x":1795505203442489678`},
		{"as a string", `"x":"1795415203042489678"`, `"x":"1795505203442489678"`},
		{"ten years back", `"x":1480055203042489678`, `"x":1480145203442489678`},
		{"more than ten years back", `"x":1480055203042489677`, `"x":1480055203042489677`},
		{"ten years ahead", `"x":2110775203042489678`, `"x":2110865203442489678`},
		{"more than ten years ahead", `"x":2111775203042489679`, ""},
		{"the garbage of an overlay", `"proc.exe_ino.mtime":4833364936424381739`, `"proc.exe_ino.mtime":4833364936424381739`},
		{"over 63 bits", `"proc.exe_ino.ctime_duration_proc_start":18446744073690261146`, `"proc.exe_ino.ctime_duration_proc_start":18446744073690261146`},
		{"over 64 bits", `"x":99999999999999999999`, `"x":99999999999999999999`},
		{"small, negative, fraction, exponent", `"a":12,"b":-1795415203042489678,"c":1795415203042489678.0,"d":1.795415203042489678e18`, ""},
		{"leading zero", `"x":"01795415203042489678"`, ""},
		{"none, true, nested", `"a":null,"b":true,"c":[1795415203042489678],"d":{"x":1795415203042489678},"e":"none"`, ""},
		{"inside a text", `"x":"at 1795415203042489678 or 2026-11-23T06:26:43Z"`, ""},
		{"seconds and their rest", `"evt.rawtime.s":1795415203,"evt.rawtime.ns":42489678`, `"evt.rawtime.s":1795505203,"evt.rawtime.ns":442489678`},
		{"seconds of something else", `"x":1795415203,"evt.rawtime.ns":42489677`, ""},
		{"last event time", `"last_event_time":"1795415203042489678"`, `"last_event_time":"1795505203442489678"`},
		{"ISO 8601 as Falco writes it", `"evt.time.iso8601":"2026-11-23T06:26:43.042489678+0000"`, `"evt.time.iso8601":"2026-11-24T07:26:43.442489678+0000"`},
		{"other spellings", `"a":"2026-11-23T06:26:43.042489678Z","b":"2026-11-23 06:26:43.042489678","c":"2026-11-23 08:26:43+02:00","d":"2026-11-23T01:26:43.042-0500"`,
			`"a":"2026-11-24T07:26:43.442489678Z","b":"2026-11-24 07:26:43.442489678","c":"2026-11-24 09:26:43+02:00","d":"2026-11-24T02:26:43.442-0500"`},
		{"a certificate's end, 20 years off", `"x":"2046-11-23T06:26:43Z"`, ""},
		{"no dates", `"a":"2026-13-23T06:26:43Z","b":"2026-11-31T06:26:43Z","c":"2026-11-23T24:26:43Z","d":"2026-11-23T06:26:43+0","e":"2026-11-23T06:26:43.","f":"2026-11-23T06:26:43.0424896781","g":"2026-11-23","h":"2026-11-23T06:26:43+24:00"`, ""},
		{"own time of day", `"evt.time.s":"06:26:43"`, `"evt.time.s":"07:26:43"`},
		{"another time of day", `"x":"06:26:44"`, ""},
		{"spaces and escapes stay", `"\u0078" : 1795415203042489678 , "y":"\u0031"`, `"\u0078" : 1795505203442489678 , "y":"\u0031"`},
		{"a name twice", `"x":1795415203042489678,"x":1795415203042489678`, `"x":1795505203442489678,"x":1795505203442489678`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" {
				tt.want = tt.in
			}
			m := Message{Time: at(t, "2026-11-23T06:26:43.042489678Z"), JSON: []byte(`{"output_fields": {` + tt.in + `}}`)}
			s, err := Shift(m, d)
			require.NoError(t, err)
			require.Equal(t, `{"output_fields": {`+tt.want+`}}`, string(s.JSON))
			back, err := Shift(s, -d)
			require.NoError(t, err)
			require.Equal(t, m, back)
		})
	}
}

func TestShiftOutputAndText(t *testing.T) {
	const d = -time.Hour
	for _, tt := range []struct{ name, in, want string }{
		{"time of day", "06:26:43.042489678: Notice n", "05:26:43.042489678: Notice n"},
		{"with a date", "2026-11-23T06:26:43.042489678+0000: Notice n", "2026-11-23T05:26:43.042489678+0000: Notice n"},
		{"another time", "06:26:43.042489679: Notice n", "06:26:43.042489679: Notice n"},
		{"not at the beginning", "Notice 06:26:43.042489678: n", "Notice 06:26:43.042489678: n"},
		{"no colon after it", "06:26:43.042489678 Notice n", "06:26:43.042489678 Notice n"},
		{"nothing after it", "06:26:43.042489678", "06:26:43.042489678"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own := at(t, "2026-11-23T06:26:43.042489678Z")
			s, err := Shift(Message{Time: own, JSON: []byte(`{"output":"` + tt.in + `"}`)}, d)
			require.NoError(t, err)
			require.Equal(t, `{"output":"`+tt.want+`"}`, string(s.JSON))
			s, err = Shift(Message{Time: own, Text: []byte(tt.in)}, d)
			require.NoError(t, err)
			require.Equal(t, tt.want, string(s.Text))
		})
	}
	for _, m := range recorded(t, "testdata/text-http.jsonl.gz") {
		s, err := Shift(m, d)
		require.NoError(t, err)
		require.Equal(t, withoutDigits(m.Text), withoutDigits(s.Text))
		require.True(t, bytes.HasPrefix(s.Text, []byte(s.Time.Format("15:04:05.000000000: "))))
		if bytes.Contains(m.Text, []byte("metrics snapshot")) {
			require.Contains(t, string(s.Text), fmt.Sprintf(" evt.time=%d ", s.Time.UnixNano()))
			require.NotContains(t, string(s.Text), fmt.Sprint(m.Time.UnixNano()))
			boot := strconv.Itoa(1795408830000000000 + int(d))
			require.Contains(t, string(s.Text), " falco.host_boot_ts="+boot+" ")
		}
		back, err := Shift(s, -d)
		require.NoError(t, err)
		require.Equal(t, m, back)
	}
}

// A host whose clock was never set is near the epoch, where process ids would
// look like times.
func TestShiftFromTheEpoch(t *testing.T) {
	m := Message{Time: time.Unix(5, 7).UTC(), JSON: []byte(`{"output_fields":{"evt.time":5000000007,"proc.pid":4711,"x":17000000000}}`)}
	s, err := Shift(m, 50*365*24*time.Hour)
	require.NoError(t, err)
	//nolint:testifylint // it is the bytes that count
	require.Equal(t, `{"output_fields":{"evt.time":1576800005000000007,"proc.pid":4711,"x":17000000000}}`, string(s.JSON))
}

func TestShiftRefuses(t *testing.T) {
	now := at(t, "2026-11-23T06:26:43Z")
	for _, tt := range []struct {
		name, json, want string
		d                time.Duration
	}{
		{"too early", `{}`, "want a time between 1984 and 2251", -43 * 365 * 24 * time.Hour},
		{"too late", `{}`, "want a time between 1984 and 2251", 226 * 365 * 24 * time.Hour},
		{"far too late", `{}`, "want a time between 1984 and 2251", math.MaxInt64},
		{"no JSON", `{"output_fields":{"a":1795415203042489678`, "cut off", 1},
		{"no object", `[]`, "want a JSON object", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Shift(Message{Time: now, JSON: []byte(tt.json)}, tt.d)
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, s)
		})
	}
}

// Shift(d) and then Shift(-d) is the identity, and shifts add up.
func TestShiftIsReversible(t *testing.T) {
	lines := recorded(t, "testdata/alert-truth.jsonl.gz")
	lines = append(lines, recorded(t, "testdata/text-http.jsonl.gz")...)
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.OneOf(rapid.SampledFrom(lines), rapid.Custom(drawMessage)).Draw(t, "message")
		days := rapid.Int64Range(-5*365, 5*365)
		rest := rapid.Int64Range(-int64(24*time.Hour), int64(24*time.Hour))
		draw := func(name string) time.Duration {
			return time.Duration(days.Draw(t, name+" days"))*24*time.Hour + time.Duration(rest.Draw(t, name+" rest"))
		}
		d, e := draw("d"), draw("e")
		there, err := Shift(m, d)
		require.NoError(t, err)
		back, err := Shift(there, -d)
		require.NoError(t, err)
		require.Equal(t, string(m.JSON)+string(m.Text), string(back.JSON)+string(back.Text))
		require.Equal(t, m.Time, back.Time)

		further, err := Shift(there, e)
		require.NoError(t, err)
		atOnce, err := Shift(m, d+e)
		require.NoError(t, err)
		require.Equal(t, atOnce, further)
	})
}

// drawMessage makes a line with times in all spellings and with numbers that
// are no times. Those stay twenty years away from the message's time, so that no
// shift of up to ten years makes them look like one.
func drawMessage(t *rapid.T) Message {
	own := time.Unix(0, rapid.Int64Range(1_500_000_000e9, 2_000_000_000e9).Draw(t, "time")).UTC()
	near := rapid.Custom(func(t *rapid.T) time.Time {
		return own.Add(time.Duration(rapid.Int64Range(-int64(tenYears), int64(tenYears)).Draw(t, "distance")))
	})
	number := rapid.OneOf(
		rapid.Map(near, func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }),
		rapid.Map(rapid.Int64Range(0, 800_000_000e9), func(n int64) string { return strconv.FormatInt(n, 10) }),
		rapid.Map(rapid.Int64Range(2_700_000_000e9, math.MaxInt64), func(n int64) string { return strconv.FormatInt(n, 10) }),
	)
	iso := rapid.Custom(func(t *rapid.T) string {
		c := clock{date: true, sep: 'T', digits: rapid.IntRange(0, 9).Draw(t, "digits")}
		if rapid.Bool().Draw(t, "space") {
			c.sep = ' '
		}
		c.zone = rapid.SampledFrom([]string{"", "Z", "+0000", "-05:30", "+1400"}).Draw(t, "zone")
		var ok bool
		c.parseZone(c.zone, &ok)
		return string(c.append(nil, near.Draw(t, "iso")))
	})
	value := rapid.OneOf(
		number,
		rapid.Map(rapid.OneOf(number, iso, rapid.StringMatching(`[a-z=: ]{0,20}`)), strconv.Quote),
	)
	fields := rapid.MapOf(rapid.StringMatching(`[a-z]{1,5}\.(ts|time|rawtime\.s|x)`), value).Draw(t, "fields")
	fields["evt.rawtime.s"] = strconv.FormatInt(own.Unix(), 10)
	fields["evt.rawtime.ns"] = strconv.Itoa(own.Nanosecond())
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = fmt.Appendf(b, "%q: %s ,", name, fields[name])
	}
	return Message{Time: own, JSON: fmt.Appendf(nil, `{"output":%q, "output_fields":{%s}, "time":%q}`,
		own.Format("15:04:05.000000000")+": Notice n", strings.TrimSuffix(string(b), ","), own.Format(falcoTime))}
}
