package consumer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

// message is a good alert that tests change in one place.
const goodMessage = `{"hostname":"node-a","output":"o","output_fields":{"a":"1"},"priority":"Warning",` +
	`"rule":"R","source":"syscall","tags":["t"],"time":"2026-11-23T06:26:40.976567087Z"}`

func TestDecodeJSONAccepts(t *testing.T) {
	good := func() *correlate.Alert {
		return &correlate.Alert{
			Hostname: "node-a", Source: "syscall", Rule: "R", Priority: correlate.Warning,
			Time:   time.Date(2026, 11, 23, 6, 26, 40, 976567087, time.UTC),
			Output: "o", OutputFields: correlate.Fields{{Name: "a", Value: "1"}}, Tags: []string{"t"},
		}
	}
	for name, tc := range map[string]struct {
		old, new string
		change   func(*correlate.Alert)
	}{
		"as it is":               {"", "", func(*correlate.Alert) {}},
		"space around it":        {goodMessage, " \n" + goodMessage + "\r\n", func(*correlate.Alert) {}},
		"no output":              {`"output":"o",`, ``, func(a *correlate.Alert) { a.Output = "" }},
		"message for output":     {`"output":"o",`, `"message":"m",`, func(a *correlate.Alert) { a.Output = "m" }},
		"output before message":  {`"output":"o",`, `"message":"m","output":"o",`, func(*correlate.Alert) {}},
		"empty output":           {`"output":"o",`, `"message":"m","output":"",`, func(a *correlate.Alert) { a.Output = "" }},
		"no output_fields":       {`"output_fields":{"a":"1"},`, ``, func(a *correlate.Alert) { a.OutputFields = nil }},
		"output_fields null":     {`{"a":"1"}`, `null`, func(a *correlate.Alert) { a.OutputFields = nil }},
		"no tags":                {`"tags":["t"],`, ``, func(a *correlate.Alert) { a.Tags = nil }},
		"empty tags":             {`["t"]`, `[]`, func(a *correlate.Alert) { a.Tags = nil }},
		"tags null":              {`["t"]`, `null`, func(a *correlate.Alert) { a.Tags = nil }},
		"no source":              {`"source":"syscall",`, ``, func(*correlate.Alert) {}},
		"unknown keys":           {`{"hostname"`, `{"x":[{"y":1}],"uuid":"u","hostname"`, func(*correlate.Alert) {}},
		"priority in other case": {`"Warning"`, `"WARNING"`, func(*correlate.Alert) {}},
		"priority INFO":          {`"Warning"`, `"info"`, func(a *correlate.Alert) { a.Priority = correlate.Informational }},
		"zone":                   {`06:26:40.976567087Z`, `07:56:40.976567087+01:30`, func(*correlate.Alert) {}},
		"whole seconds":          {`40.976567087Z`, `40Z`, func(a *correlate.Alert) { a.Time = a.Time.Truncate(time.Second) }},
		"digits as they came": {`"1"`, `18446744073709551615`, func(a *correlate.Alert) {
			a.OutputFields[0].Value = "18446744073709551615"
		}},
		"a number with a zero behind": {`"1"`, `-0.50e+1`, func(a *correlate.Alert) { a.OutputFields[0].Value = "-0.50e+1" }},
		"true":                        {`"1"`, `true`, func(a *correlate.Alert) { a.OutputFields[0].Value = "true" }},
		"false":                       {`"1"`, `false`, func(a *correlate.Alert) { a.OutputFields[0].Value = "false" }},
		"null":                        {`"a":"1"`, `"a":null,"b":"<NA>"`, func(a *correlate.Alert) { a.OutputFields = nil }},
		"list":                        {`"1"`, `["x",2,true,null]`, func(a *correlate.Alert) { a.OutputFields[0].Value = "(x,2,true,<NA>)" }},
		"empty list":                  {`"1"`, `[]`, func(a *correlate.Alert) { a.OutputFields[0].Value = "()" }},
		"list of empty texts":         {`"1"`, `["","","x",""]`, func(a *correlate.Alert) { a.OutputFields[0].Value = "(x,)" }},
		"long list": {`"1"`, `["` + strings.Repeat("x", 2000) + `"]`, func(a *correlate.Alert) {
			a.OutputFields[0].Value = "(" + strings.Repeat("x", 1022)
		}},
		"times that repeat the alert's": {`"a":"1"`, `"evt.time":1,"a":"1","evt.time.iso8601":"x"`, func(*correlate.Alert) {}},
		"escapes":                       {`"1"`, `"\u00e9\n\"\ud83d\ude00"`, func(a *correlate.Alert) { a.OutputFields[0].Value = "é\n\"😀" }},
		"longest names": {`"R"`, `"` + strings.Repeat("r", 512) + `"`, func(a *correlate.Alert) {
			a.Rule = strings.Repeat("r", 512)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			in := goodMessage
			if tc.old != "" {
				require.Contains(t, in, tc.old)
				in = strings.Replace(in, tc.old, tc.new, 1)
			}
			want := good()
			tc.change(want)
			have, err := DecodeJSON([]byte(in))
			require.NoError(t, err)
			require.Equal(t, want, have)
		})
	}
}

func TestDecodeJSONRefuses(t *testing.T) {
	long := strings.Repeat("n", 254)
	for name, tc := range map[string]struct {
		old, new string
		class    Class
		field    string
		hostname string
		reason   string
	}{
		"nothing":                   {goodMessage, " ", ClassSyntax, "", "", "have nothing"},
		"text":                      {goodMessage, `06:34:36.867805450: Informational x`, ClassText, "", "", "set json_output: true"},
		"text not in UTF-8":         {goodMessage, "06:34:36 \xff", ClassUTF8, "", "", `"06:34:36 \xff"`},
		"array":                     {goodMessage, `[1]`, ClassText, "", "", "want a JSON object"},
		"cut short":                 {`"rule":"R","source":"syscall","tags":["t"],"time":"2026-11-23T06:26:40.976567087Z"}`, ``, ClassSyntax, "", "node-a", "unexpected EOF"},
		"more behind it":            {goodMessage, goodMessage + "{}", ClassSyntax, "", "node-a", "one JSON object"},
		"duplicate key":             {`"rule":"R"`, `"rule":"R","rule":"R"`, ClassSyntax, "", "node-a", "duplicate"},
		"duplicate field":           {`"a":"1"`, `"a":"1","a":"2"`, ClassSyntax, "", "node-a", "duplicate"},
		"invalid UTF-8":             {`"1"`, "\"\xc3\"", ClassUTF8, "", "node-a", "UTF-8"},
		"half a surrogate":          {`"1"`, `"\ud83d"`, ClassSyntax, "", "node-a", "surrogate"},
		"hostname a number":         {`"node-a"`, `5`, ClassType, "hostname", "", "want a string, have a number"},
		"no hostname":               {`"hostname":"node-a",`, ``, ClassMissing, "hostname", "", "name of the sensor"},
		"empty hostname":            {`"node-a"`, `""`, ClassMissing, "hostname", "", "name of the sensor"},
		"long hostname":             {`node-a`, long, ClassTooLong, "hostname", "", "at most 253 bytes, have 254"},
		"output an object":          {`"o"`, `{"a":1}`, ClassType, "output", "node-a", "have an object"},
		"fields an array":           {`{"a":"1"}`, `["a"]`, ClassType, "output_fields", "node-a", "have an array"},
		"field an object":           {`"1"`, `{"x":1}`, ClassType, "output_fields", "node-a", "have an object"},
		"list in a list":            {`"1"`, `[["x"]]`, ClassType, "output_fields", "node-a", "have an array in it"},
		"priority missing":          {`"priority":"Warning",`, ``, ClassMissing, "priority", "node-a", "Falco's priorities"},
		"priority empty":            {`"Warning"`, `""`, ClassMissing, "priority", "node-a", "Falco's priorities"},
		"priority unknown":          {`"Warning"`, `"warn"`, ClassValue, "priority", "node-a", `unknown priority "warn"`},
		"priority a number":         {`"Warning"`, `4`, ClassType, "priority", "node-a", "have a number"},
		"priority null":             {`"Warning"`, `null`, ClassType, "priority", "node-a", "have null"},
		"rule missing":              {`"rule":"R",`, ``, ClassMissing, "rule", "node-a", "name of a rule"},
		"rule long":                 {`"R"`, `"` + strings.Repeat("r", 513) + `"`, ClassTooLong, "rule", "node-a", "at most 512"},
		"source long":               {`"syscall"`, `"` + long + `"`, ClassTooLong, "source", "node-a", "at most 253"},
		"namespace long":            {`"a":"1"`, `"k8s.ns.name":"` + long + `"`, ClassTooLong, "output_fields", "node-a", "namespace"},
		"tags a string":             {`["t"]`, `"t"`, ClassType, "tags", "node-a", "array of strings"},
		"a tag a number":            {`["t"]`, `["t",1]`, ClassType, "tags", "node-a", "have a number"},
		"time missing":              {`,"time":"2026-11-23T06:26:40.976567087Z"`, ``, ClassMissing, "time", "node-a", "time of the event"},
		"time a number":             {`"2026-11-23T06:26:40.976567087Z"`, `1795415200976567087`, ClassType, "time", "node-a", "have a number"},
		"time without zone":         {`087Z`, `087`, ClassValue, "time", "node-a", "RFC 3339"},
		"time of a picosecond":      {`087Z`, `0871Z`, ClassValue, "time", "node-a", "RFC 3339"},
		"time with a comma":         {`40.976`, `40,976`, ClassValue, "time", "node-a", "RFC 3339"},
		"time before 1970":          {`2026-`, `1969-`, ClassValue, "time", "node-a", "1970 to 2262"},
		"time after 2262":           {`2026-`, `2263-`, ClassValue, "time", "node-a", "1970 to 2262"},
		"unknown key too deep":      {`{"hostname":"node-a"`, `{"hostname":"node-a","x":[[[[1]]]]`, ClassTooDeep, "", "node-a", "4 levels"},
		"field too deep":            {`"1"`, `[[[[1]]]]`, ClassType, "output_fields", "node-a", "have an array in it"},
		"hostname behind the fault": {goodMessage, `{"rule":5,"hostname":"late"}`, ClassType, "rule", "late", "have a number"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, goodMessage, tc.old)
			a, err := DecodeJSON([]byte(strings.Replace(goodMessage, tc.old, tc.new, 1)))
			require.Nil(t, a)
			var m *MalformedError
			require.ErrorAs(t, err, &m)
			require.Equal(t, tc.class, m.Class, m.Error())
			require.Equal(t, tc.field, m.Field, m.Error())
			require.Equal(t, tc.hostname, m.Hostname)
			require.Contains(t, m.Reason, tc.reason)
			require.Less(t, len(m.Error()), 400, "what came is cut")
		})
	}
}

// The line may be overwritten once DecodeJSON has returned.
func TestDecodeJSONKeepsNothingOfTheLine(t *testing.T) {
	line := []byte(goodMessage)
	a, err := DecodeJSON(line)
	require.NoError(t, err)
	want := fmt.Sprint(*a)
	for i := range line {
		line[i] = 'X'
	}
	require.Equal(t, want, fmt.Sprint(*a))
}

// The body of an HTTP request and the line in Falco's file are the same alert
// with the same identity.
func TestRecordingsOverHTTPAndFromFile(t *testing.T) {
	truth, posts := recordings(t, "truth"), recordings(t, "http")
	require.GreaterOrEqual(t, len(posts), 11)
	seen := 0
	for name, bodies := range posts {
		if name == "text" {
			for _, b := range bodies {
				_, err := DecodeJSON(b)
				var m *MalformedError
				require.ErrorAs(t, err, &m)
				require.Equal(t, ClassText, m.Class)
			}
			continue
		}
		ids := make(map[correlate.ID]*correlate.Alert)
		for _, line := range truth[name] {
			a, err := DecodeJSON(line)
			require.NoError(t, err, "%s: %s", name, line)
			require.NotContains(t, ids, a.ID(), "two alerts of one recording with one identity")
			ids[a.ID()] = a
		}
		for _, b := range bodies {
			a, err := DecodeJSON(b)
			require.NoError(t, err, "%s: %s", name, b)
			require.Equal(t, ids[a.ID()], a)
			seen++
		}
	}
	require.Greater(t, seen, 2000)
}

// What DecodeJSON makes of the fields agrees with another JSON decoder.
func TestFieldsAgainstAnotherDecoder(t *testing.T) {
	for name, lines := range recordings(t, "truth") {
		if name == "text" {
			continue
		}
		for _, line := range lines {
			a, err := DecodeJSON(line)
			require.NoError(t, err)
			var doc struct {
				Output       string         `json:"output"`
				OutputFields map[string]any `json:"output_fields"`
			}
			in := json.NewDecoder(strings.NewReader(string(line)))
			in.UseNumber()
			require.NoError(t, in.Decode(&doc))
			require.Equal(t, doc.Output, a.Output)
			n := 0
			for k, v := range doc.OutputFields {
				if k == "evt.time" || v == nil || v == "<NA>" {
					continue
				}
				have, ok := a.OutputFields.Get(k)
				require.True(t, ok, k)
				require.Equal(t, fmt.Sprint(v), have)
				n++
			}
			require.Len(t, a.OutputFields, n)
		}
	}
}
