package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The three recordings of one run hold the same messages, byte for byte.
func TestRecordingsOfOneRunReadTheSame(t *testing.T) {
	truth := recorded(t, "testdata/alert-truth.jsonl.gz")
	raw := lines(t, "testdata/alert-truth.jsonl.gz")
	require.Len(t, truth, len(raw))
	require.Greater(t, len(truth), 40)
	for i, m := range truth {
		require.Equal(t, string(raw[i]), string(m.JSON))
		require.Nil(t, m.Text)
		require.Equal(t, i+1, m.Line)
		v := object(t, m.JSON)
		require.True(t, m.Time.Equal(at(t, v["time"].(string))))
		ns, err := v["output_fields"].(map[string]any)["evt.time"].(json.Number).Int64()
		require.NoError(t, err)
		require.Equal(t, ns, m.Time.UnixNano())
	}
	bytesOf := func(all []Message) (s []string) {
		for _, m := range all {
			s = append(s, string(m.JSON))
		}
		return s
	}
	for _, path := range []string{"testdata/alert-grpc.jsonl.gz", "testdata/alert-http.jsonl.gz"} {
		got := recorded(t, path)
		require.Subset(t, bytesOf(truth), bytesOf(got), path)
		// The last snapshot may have been under way when Falco stopped.
		require.GreaterOrEqual(t, len(got), len(truth)-1, path)
	}
}

func TestTextRecordings(t *testing.T) {
	fromFile, fromHTTP := recorded(t, "testdata/text-truth.jsonl.gz"), recorded(t, "testdata/text-http.jsonl.gz")
	require.Len(t, fromFile, 21)
	require.Len(t, fromHTTP, 21)
	for i := range fromFile {
		require.Nil(t, fromFile[i].JSON)
		require.Equal(t, string(fromHTTP[i].Text), string(fromFile[i].Text))
		// The file has dates in its snapshots only, and begins with one.
		require.Equal(t, fromHTTP[i].Time, fromFile[i].Time)
	}
	require.Equal(t, at(t, "2026-11-23T06:34:36.86780545Z"), fromFile[0].Time)
	require.Equal(t, at(t, "2026-11-23T06:34:36.946618053Z"), fromFile[1].Time)
}

func TestKindsOfLines(t *testing.T) {
	const falco = `{"hostname":"n","output":"o","output_fields":{"evt.time":1795415203042489678},"priority":"Warning","rule":"r","source":"syscall","tags":["a"],"time":"2026-11-23T06:26:43.042489678Z"}`
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for _, tt := range []struct {
		name, line string
		json, text string
		time       string
	}{
		{"Falco's line", falco, falco, "", "2026-11-23T06:26:43.042489678Z"},
		{"spaces around it", "  \t" + falco + " \r", falco, "", "2026-11-23T06:26:43.042489678Z"},
		{"no fields switched on", `{"rule":"r","priority":"Notice","time":"2026-11-23T06:26:43Z"}`,
			`{"rule":"r","priority":"Notice","time":"2026-11-23T06:26:43Z"}`, "", "2026-11-23T06:26:43Z"},
		{"a severity in capitals is not yet protojson",
			`{"priority":"WARNING","output_fields":{"n":1},"time":"2026-11-23T06:26:43Z"}`,
			`{"priority":"WARNING","output_fields":{"n":1},"time":"2026-11-23T06:26:43Z"}`, "", "2026-11-23T06:26:43Z"},
		{"bytes that are no UTF-8", "{\"rule\":\"a\xffb\",\"time\":\"2026-11-23T06:26:43Z\"}",
			"{\"rule\":\"a\xffb\",\"time\":\"2026-11-23T06:26:43Z\"}", "", "2026-11-23T06:26:43Z"},
		{"gRPC, output is JSON", `{"received_at":"2026-11-23T06:26:44Z","response":{"time":"2026-11-23T06:26:43.042489678Z","priority":"WARNING","output":` + quoted(falco) + `}}`,
			falco, "", "2026-11-23T06:26:43.042489678Z"},
		{"gRPC, output is text", `{"response":{"time":"2026-11-23T06:26:43.04Z","priority":"WARNING","rule":"r \"q\"","output":"06:26:43.040000000: Warning o","outputFields":{"a\"b":"<NA>","n":"1","x":"y"},"hostname":"n","tags":["a","b"],"source":"syscall"}}`,
			`{"hostname":"n","output":"06:26:43.040000000: Warning o","output_fields":{"a\"b":null,"n":"1","x":"y"},"priority":"Warning","rule":"r \"q\"","source":"syscall","tags":["a","b"],"time":"2026-11-23T06:26:43.040000000Z"}`,
			"", "2026-11-23T06:26:43.04Z"},
		{"bare response", `{"time":"2026-11-23T06:26:43Z","priority":"DEBUG","rule":"r","output":"o","outputFields":{},"hostname":"n"}`,
			`{"hostname":"n","output":"o","output_fields":{},"priority":"Debug","rule":"r","time":"2026-11-23T06:26:43.000000000Z"}`,
			"", "2026-11-23T06:26:43Z"},
		{"bare response, enum as a number", `{"time":"2026-11-23T06:26:43Z","priority":2,"rule":"r"}`,
			`{"priority":"Critical","rule":"r","time":"2026-11-23T06:26:43.000000000Z"}`, "", "2026-11-23T06:26:43Z"},
		{"bare response, priority left out is zero", `{"time":"2026-11-23T06:26:43Z","rule":"r","outputFields":{}}`,
			`{"output_fields":{},"priority":"Emergency","rule":"r","time":"2026-11-23T06:26:43.000000000Z"}`, "", "2026-11-23T06:26:43Z"},
		{"bare response, snake case and old source", `{"time":"2026-11-23T06:26:43Z","priority":"ALERT","source_deprecated":"K8S_AUDIT","output_fields":{"x":"<NA>"}}`,
			`{"output_fields":{"x":null},"priority":"Alert","source":"k8s_audit","time":"2026-11-23T06:26:43.000000000Z"}`, "", "2026-11-23T06:26:43Z"},
		{"output that only looks like JSON", `{"response":{"time":"2026-11-23T06:26:43Z","priority":"DEBUG","output":"{x}"}}`,
			`{"output":"{x}","priority":"Debug","time":"2026-11-23T06:26:43.000000000Z"}`, "", "2026-11-23T06:26:43Z"},
		{"HTTP", `{"received_at":"2026-11-23T06:26:44Z","headers":{"Content-Type":"application/json"},"body":` + quoted(falco) + `}`,
			falco, "", "2026-11-23T06:26:43.042489678Z"},
		{"HTTP, text", `{"received_at":"2026-11-23T00:00:01Z","headers":{"Content-Type":"text/plain"},"body":"23:59:59.500000000: Notice n"}`,
			"", "23:59:59.500000000: Notice n", "2026-11-22T23:59:59.5Z"},
		{"HTTP, text of the next day", `{"received_at":"2026-11-22T23:59:59Z","body":"00:00:01.500000000: Notice n"}`,
			"", "00:00:01.500000000: Notice n", "2026-11-23T00:00:01.5Z"},
		{"HTTP, text without a time", `{"received_at":"2026-11-23T00:00:01Z","body":"something happened"}`,
			"", "something happened", "2026-11-23T00:00:01Z"},
		{"text", "06:34:36.946618053: Notice n", "", "06:34:36.946618053: Notice n", "1970-01-01T06:34:36.946618053Z"},
		{"text with a date", "2026-11-23T06:34:36.946618053+0000: Notice n", "", "2026-11-23T06:34:36.946618053+0000: Notice n", "2026-11-23T06:34:36.946618053Z"},
		{"text with evt.time", "06:34:36.867805450: Informational Falco metrics snapshot (evt.hostname=\"n\" evt.time=1795415676867805450)", "",
			"06:34:36.867805450: Informational Falco metrics snapshot (evt.hostname=\"n\" evt.time=1795415676867805450)", "2026-11-23T06:34:36.86780545Z"},
		{"text with somebody else's evt.time", "06:34:36.867805450: Notice n evt.time=1795415676867805451", "",
			"06:34:36.867805450: Notice n evt.time=1795415676867805451", "1970-01-01T06:34:36.86780545Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := readAll(t, "\n"+tt.line+"\n\n")
			want := Message{Time: at(t, tt.time), Line: 2}
			if tt.json != "" {
				want.JSON = []byte(tt.json)
			} else {
				want.Text = []byte(tt.text)
			}
			require.Equal(t, []Message{want}, got)
		})
	}
}

// A time of day goes on from the line before it, over midnight in both
// directions.
func TestTextTakesTheDateFromTheLineBefore(t *testing.T) {
	got := readAll(t, "2026-12-31T23:59:59.000000000+0000: Notice a\n00:00:00.500000000: Notice b\n23:59:59.900000000: Notice c\n00:00:01.000000000: Notice d")
	var times []string
	for _, m := range got {
		times = append(times, m.Time.Format(time.RFC3339Nano))
	}
	require.Equal(t, []string{"2026-12-31T23:59:59Z", "2027-01-01T00:00:00.5Z", "2026-12-31T23:59:59.9Z", "2027-01-01T00:00:01Z"}, times)
}

func TestUnreadableLines(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"neither", "hello", "want a JSON object, or a text line that begins with a time"},
		{"array", `[1]`, "want a JSON object, or a text line"},
		{"cut off", `{"rule":"r","time":"2026-11-23T06:2`, "the JSON object is cut off"},
		{"broken", `{"rule":}`, "no well-formed JSON"},
		{"two objects", `{"rule":"r"} {}`, "have something after it"},
		{"unknown object", `{"a":1}`, "have a JSON object with none of their keys"},
		{"no time", `{"rule":"r"}`, `time: want a time, there is none`},
		{"time of the wrong type", `{"rule":"r","time":17}`, `time: want a time as a string, have "17"`},
		{"time of day only", `{"rule":"r","time":"06:26:43"}`, "time: want a time such as"},
		{"no such day", `{"rule":"r","time":"2026-02-30T06:26:43Z"}`, "time: want a time such as"},
		{"time too early", `{"rule":"r","time":"0001-01-01T00:00:00Z"}`, "time: want a time between 1970 and 2251"},
		{"time too late", `{"rule":"r","time":"2252-01-01T00:00:00Z"}`, "time: want a time between 1970 and 2251"},
		{"response without time", `{"response":{"rule":"r","outputFields":{}}}`, "response: time: want a time, there is none"},
		{"response, priority", `{"response":{"time":"2026-11-23T06:26:43Z","priority":"SEVERE"}}`, `response: priority: want one of Falco's priorities`},
		{"response, field", `{"response":{"time":"2026-11-23T06:26:43Z","outputFields":{"a":1}}}`, `response: outputFields: "a": want a string, have "1"`},
		{"response, rule", `{"response":{"time":"2026-11-23T06:26:43Z","rule":[]}}`, "response: rule: want string"},
		{"body cut off", `{"received_at":"2026-11-23T06:26:43Z","body":"{\"rule\":"}`, "body: the JSON object is cut off"},
		{"body empty", `{"received_at":"2026-11-23T06:26:43Z","body":" "}`, "want an alert in body, have nothing"},
		{"body without any time", `{"body":"hello"}`, "want a JSON object, or a text line"},
		{"received_at", `{"received_at":"yesterday","body":"hello"}`, "received_at: want a time such as"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(strings.NewReader("\n06:00:00.000000000: Notice fine\n"+tt.line), "some.jsonl")
			_, err := r.Next()
			require.NoError(t, err)
			m, err := r.Next()
			require.Zero(t, m)
			require.ErrorContains(t, err, "some.jsonl: line 3: ")
			require.ErrorContains(t, err, tt.want)
			_, again := r.Next()
			require.Equal(t, err, again, "nothing is read after an error")
		})
	}
}

func TestLongLines(t *testing.T) {
	line := func(n int) string {
		const head = "06:00:00.000000000: "
		return head + strings.Repeat("x", n-len(head))
	}
	got := readAll(t, line(70_000)+"\n"+line(100)+"\n"+line(65536)+"\n"+line(MaxLine-1)+"\n")
	require.Len(t, got, 4)
	for i, n := range []int{70_000, 100, 65536, MaxLine - 1} {
		require.Equal(t, line(n), string(got[i].Text))
	}
	r := NewReader(strings.NewReader(line(100)+"\n"+line(MaxLine+1)+"\n"), "test")
	_, err := r.Next()
	require.NoError(t, err)
	_, err = r.Next()
	require.EqualError(t, err, fmt.Sprintf("test: line 2: want at most %d bytes in a line, have more", MaxLine))
}

func TestContainers(t *testing.T) {
	const line = "06:00:00.000000000: Notice n"
	zip := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		_ = w.Close()
		return b.String()
	}
	require.Empty(t, readAll(t, ""))
	require.Empty(t, readAll(t, zip("")))
	require.Len(t, readAll(t, "\ufeff"+line+"\r\n"+line), 2)
	require.Len(t, readAll(t, zip(line+"\n")+zip(line+"\n")), 2, "gzip files put together")

	whole := zip(strings.Repeat(line+"\n", 1000))
	r := NewReader(strings.NewReader(whole[:len(whole)-9]), "torn.gz")
	var err error
	for err == nil {
		_, err = r.Next()
	}
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "torn.gz: line ")
	_, err = NewReader(strings.NewReader("\x1f\x8bxx"), "bad.gz").Next()
	require.ErrorContains(t, err, "bad.gz: line 1: gzip: ")
}
