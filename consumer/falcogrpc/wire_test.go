package falcogrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/schema"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// fromGenerated is the slow way that Decode is held to: client-go's generated
// type, then the normal form field by field.
func fromGenerated(b []byte) (*correlate.Alert, error) {
	r := &outputs.Response{}
	if err := proto.Unmarshal(b, r); err != nil {
		return nil, err
	}
	if r.Time == nil {
		return nil, errors.New("no time")
	}
	if err := r.Time.CheckValid(); err != nil {
		return nil, err
	}
	name, ok := schema.Priority_name[int32(r.Priority)]
	if !ok {
		return nil, errors.New("no such priority")
	}
	priority, err := correlate.ParsePriority(name)
	if err != nil {
		return nil, err
	}
	a := &correlate.Alert{
		Hostname: r.Hostname, Source: r.Source, Rule: r.Rule, Priority: priority,
		Time: r.Time.AsTime(), Output: r.Output, Tags: r.Tags,
	}
	if a.Source == "" {
		s, ok := schema.Source_name[int32(r.SourceDeprecated)] //nolint:staticcheck // Falco still sends it
		if !ok {
			return nil, errors.New("no such source")
		}
		a.Source = strings.ToLower(s)
	}
	if strings.HasPrefix(r.Output, "{") && json.Valid([]byte(r.Output)) {
		var doc struct{ Output, Message *string }
		if err := json.Unmarshal([]byte(r.Output), &doc); err != nil {
			return nil, err
		}
		switch {
		case doc.Output != nil:
			a.Output = *doc.Output
		case doc.Message != nil:
			a.Output = *doc.Message
		default:
			a.Output = ""
		}
	}
	var fields []correlate.Field
	for _, k := range slices.Sorted(maps.Keys(r.OutputFields)) {
		fields = append(fields, correlate.Field{Name: k, Value: r.OutputFields[k]})
	}
	if fields = correlate.NewFields(fields); len(fields) > 0 {
		a.OutputFields = fields
	}
	return a, consumer.Check(a)
}

// Every message of every recording comes out of Decode as it does out of
// client-go's generated code.
func TestConformance(t *testing.T) {
	for name, want := range grpcRecordings {
		t.Run(name, func(t *testing.T) {
			all := responses(t, name)
			require.Equal(t, want, len(all)) //nolint:testifylint // Len prints them all
			for _, r := range all {
				b := wireOf(t, r)
				want, err := fromGenerated(b)
				require.NoError(t, err)
				have, err := Decode(b)
				require.NoError(t, err)
				require.Equal(t, want, have)
			}
		})
	}
}

// The same alert over gRPC, over HTTP and from Falco's file is equal and has the
// same identity.
func TestOneAlertOverThreeTransports(t *testing.T) {
	type key struct {
		rule string
		at   time.Time
	}
	recordings, compared := 0, 0
	for name := range grpcRecordings {
		truth, posts := readLines(t, name, "truth"), bodies(t, name)
		if len(posts) == 0 {
			continue // one receiver only
		}
		recordings++
		index := func(lines [][]byte) map[key][]*correlate.Alert {
			m := make(map[key][]*correlate.Alert)
			for _, line := range lines {
				a, err := consumer.DecodeJSON(line)
				require.NoError(t, err)
				k := key{a.Rule, a.Time}
				m[k] = append(m[k], a)
			}
			return m
		}
		fromFile, overHTTP := index(truth), index(posts)
		for _, r := range responses(t, name) {
			overGRPC, err := Decode(wireOf(t, r))
			require.NoError(t, err)
			k := key{overGRPC.Rule, overGRPC.Time}
			for other, found := range map[string][]*correlate.Alert{"file": fromFile[k], "http": overHTTP[k]} {
				i := slices.IndexFunc(found, func(a *correlate.Alert) bool {
					return slices.Equal(a.OutputFields, overGRPC.OutputFields)
				})
				require.GreaterOrEqual(t, i, 0, "%s %s: not found over %s: %s %v", name, k.at, other, k.rule, overGRPC.OutputFields)
				require.Equal(t, found[i], overGRPC)
				require.Equal(t, found[i].ID(), overGRPC.ID())
				compared++
			}
		}
	}
	require.Equal(t, 11, recordings)
	require.Equal(t, 2*(43+2000+33+30+35+11+26+40+34+30+28), compared)
}

// response is a good message that tests change in one place.
func response() *outputs.Response {
	return &outputs.Response{
		Time: timestamppb.New(time.Unix(1795415200, 976567087)), Priority: schema.Priority_WARNING,
		Rule: "R", Output: "o", OutputFields: map[string]string{"b": "2", "a": "1", "c": "<NA>", "evt.time": "x"},
		Hostname: "node-a", Tags: []string{"t", "u"}, Source: "syscall",
	}
}

func alertOf(change func(*correlate.Alert)) *correlate.Alert {
	a := &correlate.Alert{
		Hostname: "node-a", Source: "syscall", Rule: "R", Priority: correlate.Warning,
		Time: time.Unix(1795415200, 976567087).UTC(), Output: "o",
		OutputFields: correlate.Fields{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}, Tags: []string{"t", "u"},
	}
	change(a)
	return a
}

func field(num protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), v)
}

func varint(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

func TestDecodeAccepts(t *testing.T) {
	same := func(*correlate.Alert) {}
	for name, tc := range map[string]struct {
		change func(*outputs.Response)
		behind []byte // appended to the message
		want   func(*correlate.Alert)
	}{
		"as it is":           {nil, nil, same},
		"unset priority":     {func(r *outputs.Response) { r.Priority = 0 }, nil, func(a *correlate.Alert) { a.Priority = correlate.Emergency }},
		"debug":              {func(r *outputs.Response) { r.Priority = 7 }, nil, func(a *correlate.Alert) { a.Priority = correlate.Debug }},
		"last scalar counts": {nil, slices.Concat(field(fieldRule, "Q"), varint(fieldPriority, 2)), func(a *correlate.Alert) { a.Rule, a.Priority = "Q", correlate.Critical }},
		"tags add up":        {nil, field(fieldTags, "v"), func(a *correlate.Alert) { a.Tags = append(a.Tags, "v") }},
		"no tags":            {func(r *outputs.Response) { r.Tags = nil }, nil, func(a *correlate.Alert) { a.Tags = nil }},
		"no fields":          {func(r *outputs.Response) { r.OutputFields = nil }, nil, func(a *correlate.Alert) { a.OutputFields = nil }},
		"nanoseconds merge": {nil, field(fieldTime, string(varint(2, 5))), func(a *correlate.Alert) {
			a.Time = time.Unix(1795415200, 5).UTC()
		}},
		"unknown fields": {nil, slices.Concat(field(77, "x"), varint(78, 1), field(fieldTime, string(varint(9, 9))),
			field(fieldOutputFields, string(slices.Concat(field(1, "a"), varint(5, 5), field(2, "1"))))), same},
		"known numbers of another type": {nil, slices.Concat(varint(fieldRule, 7), field(fieldPriority, "x"),
			field(fieldTime, string(field(1, "x")))), same},
		"last key counts": {nil, field(fieldOutputFields, string(slices.Concat(field(2, "9"), field(1, "a")))), func(a *correlate.Alert) {
			a.OutputFields[0].Value = "9"
		}},
		"empty entry": {nil, field(fieldOutputFields, ""), func(a *correlate.Alert) {
			a.OutputFields = append(correlate.Fields{{}}, a.OutputFields...)
		}},
		"deprecated source": {func(r *outputs.Response) { r.Source, r.SourceDeprecated = "", schema.Source_K8S_AUDIT }, nil, func(a *correlate.Alert) { a.Source = "k8s_audit" }}, //nolint:staticcheck // Falco still sends it
		"no source at all":  {func(r *outputs.Response) { r.Source = "" }, nil, same},
		"wide enum":         {nil, varint(fieldPriority, 1<<32|3), func(a *correlate.Alert) { a.Priority = correlate.Error }},
		"not ASCII": {nil, slices.Concat(field(fieldTags, "é"), field(fieldOutputFields, string(slices.Concat(field(1, "ü"), field(2, strings.Repeat("ö", 100)))))), func(a *correlate.Alert) {
			a.Tags = append(a.Tags, "é")
			a.OutputFields = append(a.OutputFields, correlate.Field{Name: "ü", Value: strings.Repeat("ö", 100)})
		}},
		"long texts": {nil, field(fieldOutput, strings.Repeat("o", 20_000)), func(a *correlate.Alert) { a.Output = strings.Repeat("o", 20_000) }},
		"many fields and tags": {func(r *outputs.Response) {
			r.Tags = nil
			for i := range 50 {
				r.OutputFields[fmt.Sprintf("n%02d", i)] = "x"
				r.Tags = append(r.Tags, fmt.Sprint(i))
			}
		}, nil, func(a *correlate.Alert) {
			a.Tags = nil
			for i := range 50 {
				a.OutputFields = append(a.OutputFields, correlate.Field{Name: fmt.Sprintf("n%02d", i), Value: "x"})
				a.Tags = append(a.Tags, fmt.Sprint(i))
			}
		}},
		"lengths in more bytes than needed": {nil, []byte{fieldRule<<3 | 2, 0x81, 0x80, 0x00, 'Q'}, func(a *correlate.Alert) { a.Rule = "Q" }},
		"JSON as output":                    {func(r *outputs.Response) { r.Output = `{"hostname":"h","output":"o","priority":"x"}` }, nil, same},
	} {
		t.Run(name, func(t *testing.T) {
			r := response()
			if tc.change != nil {
				tc.change(r)
			}
			b := append(wireOf(t, r), tc.behind...)
			have, err := Decode(b)
			require.NoError(t, err)
			require.Equal(t, alertOf(tc.want), have)
			slow, err := fromGenerated(b)
			require.NoError(t, err)
			require.Equal(t, slow, have)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	entry := func(k, v string) []byte {
		return field(fieldOutputFields, string(slices.Concat(field(1, k), field(2, v))))
	}
	for name, tc := range map[string]struct {
		change   func(*outputs.Response)
		behind   []byte
		class    consumer.Class
		field    string
		hostname string
		reason   string
	}{
		"rule not UTF-8":     {nil, field(fieldRule, "\xff"), consumer.ClassUTF8, "rule", "node-a", `"\xff"`},
		"key not UTF-8":      {nil, entry("\xff", ""), consumer.ClassUTF8, "output_fields", "node-a", "UTF-8"},
		"value not UTF-8":    {nil, entry("", "\xc3"), consumer.ClassUTF8, "output_fields", "node-a", "UTF-8"},
		"tag not UTF-8":      {nil, field(fieldTags, "\xff"), consumer.ClassUTF8, "tags", "node-a", "UTF-8"},
		"hostname behind it": {func(r *outputs.Response) { r.Hostname = "" }, slices.Concat(field(fieldRule, "\xff"), field(fieldHostname, "late")), consumer.ClassUTF8, "rule", "late", "UTF-8"},
		"hostname not UTF-8": {func(r *outputs.Response) { r.Hostname = "" }, slices.Concat(field(fieldHostname, "\xff"), []byte{0}), consumer.ClassUTF8, "hostname", "", "UTF-8"},
		"cut short":          {nil, field(fieldOutput, "abc")[:3], consumer.ClassSyntax, "", "node-a", "wire format"},
		"field number zero":  {nil, []byte{0x00, 0x00}, consumer.ClassSyntax, "", "node-a", "wire format"},
		"end of no group":    {nil, protowire.AppendTag(nil, 20, protowire.EndGroupType), consumer.ClassSyntax, "", "node-a", "wire format"},
		"broken time":        {nil, field(fieldTime, "\x08"), consumer.ClassSyntax, "", "node-a", "wire format"},
		"broken entry":       {nil, field(fieldOutputFields, "\x0a\x05x"), consumer.ClassSyntax, "", "node-a", "wire format"},
		"no time":            {func(r *outputs.Response) { r.Time = nil }, nil, consumer.ClassMissing, "time", "node-a", "have none"},
		"nanoseconds":        {func(r *outputs.Response) { r.Time.Nanos = 1e9 }, nil, consumer.ClassValue, "time", "node-a", "1000000000"},
		"negative time":      {func(r *outputs.Response) { r.Time.Seconds = -1 }, nil, consumer.ClassValue, "time", "node-a", "1970"},
		"endless time":       {func(r *outputs.Response) { r.Time.Seconds = 1 << 62 }, nil, consumer.ClassValue, "time", "node-a", "4611686018427387904"},
		"priority 8":         {func(r *outputs.Response) { r.Priority = 8 }, nil, consumer.ClassValue, "priority", "node-a", "have 8"},
		"priority -1":        {func(r *outputs.Response) { r.Priority = -1 }, nil, consumer.ClassValue, "priority", "node-a", "have -1"},
		"source 9":           {func(r *outputs.Response) { r.Source, r.SourceDeprecated = "", 9 }, nil, consumer.ClassValue, "source_deprecated", "node-a", "have 9"}, //nolint:staticcheck // Falco still sends it
		"no hostname":        {func(r *outputs.Response) { r.Hostname = "" }, nil, consumer.ClassMissing, "hostname", "", "sensor"},
		"no rule":            {func(r *outputs.Response) { r.Rule = "" }, nil, consumer.ClassMissing, "rule", "node-a", "rule"},
		"long hostname":      {func(r *outputs.Response) { r.Hostname = strings.Repeat("h", 254) }, nil, consumer.ClassTooLong, "hostname", "", "253"},
	} {
		t.Run(name, func(t *testing.T) {
			r := response()
			if tc.change != nil {
				tc.change(r)
			}
			b := append(wireOf(t, r), tc.behind...)
			a, err := Decode(b)
			require.Nil(t, a)
			var m *consumer.MalformedError
			require.ErrorAs(t, err, &m)
			require.Equal(t, tc.class, m.Class, m.Error())
			require.Equal(t, tc.field, m.Field, m.Error())
			require.Equal(t, tc.hostname, m.Hostname)
			require.Contains(t, m.Reason, tc.reason)
			_, err = fromGenerated(b)
			require.Error(t, err)
		})
	}
}

func TestDecodeKeepsNothingOfTheMessage(t *testing.T) {
	b := wireOf(t, response())
	a, err := Decode(b)
	require.NoError(t, err)
	clear(b)
	require.Equal(t, alertOf(func(*correlate.Alert) {}), a)
}

func TestOutputText(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"text":              {`06:26:43.042489678: Informational x {"a"}`, `06:26:43.042489678: Informational x {"a"}`},
		"empty":             {``, ``},
		"document":          {`{"hostname":"h","output":"o","output_fields":{},"priority":"p"}`, `o`},
		"escapes":           {`{"hostname":"h\"","output":"a \"b\" \\ \u00e9\\","output_fields":{}}`, `a "b" \ é\`},
		"message too":       {`{"hostname":"h","message":"m","output":"o","priority":"p"}`, `o`},
		"message alone":     {`{"hostname":"h","message":"m","output_fields":{}}`, `m`},
		"neither":           {`{"hostname":"h","output_fields":{}}`, ``},
		"another order":     {`{"output":"o","hostname":"h","priority":"Debug","rule":"R","time":"2026-11-23T06:26:40Z"}`, `o`},
		"no alert":          {`{"output":"o"}`, `{"output":"o"}`},
		"no document":       {`{x}`, `{x}`},
		"unfinished string": {`{"hostname":"h","output":"o\"}`, `{"hostname":"h","output":"o\"}`},
		"wrong escape":      {`{"hostname":"h","output":"\x","priority":"p"}`, `{"hostname":"h","output":"\x","priority":"p"}`},
		"no string":         {`{"hostname":"h","output":5,"priority":"p"}`, `{"hostname":"h","output":5,"priority":"p"}`},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, outputText(tc.in)) })
	}
}
