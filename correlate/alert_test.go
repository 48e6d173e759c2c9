package correlate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNamespace(t *testing.T) {
	tests := []struct {
		name   string
		fields []Field
		ns     string
		origin Origin
	}{
		{"syscall", []Field{{"k8s.ns.name", "shadow-1"}, {"container.id", "0123456789ab"}}, "shadow-1", Attributed},
		{"k8smeta", []Field{{"k8smeta.ns.name", "shadow-1"}}, "shadow-1", Attributed},
		{"audit", []Field{{"ka.target.namespace", "shadow-1"}}, "shadow-1", Attributed},
		{"the first of the chain wins", []Field{{"ka.target.namespace", "c"}, {"k8smeta.ns.name", "b"}, {"k8s.ns.name", "a"}}, "a", Attributed},
		{"an empty one is passed over", []Field{{"k8s.ns.name", ""}, {"k8smeta.ns.name", "b"}}, "b", Attributed},
		{"one that Falco did not have is passed over", []Field{{"k8s.ns.name", "<NA>"}, {"ka.target.namespace", "c"}}, "c", Attributed},
		{"host", []Field{{"container.id", "host"}, {"container.name", "host"}}, "", OnHost},
		{"host with metadata not available", []Field{{"container.id", "host"}, {"k8s.ns.name", "<NA>"}}, "", OnHost},
		{"a namespace is believed before host", []Field{{"container.id", "host"}, {"k8s.ns.name", "a"}}, "a", Attributed},
		{"metadata late", []Field{{"container.id", "0123456789ab"}, {"k8s.ns.name", "<NA>"}}, "", Unattributed},
		{"only the name is host", []Field{{"container.name", "host"}}, "", Unattributed},
		{"a namespace called host", []Field{{"k8s.ns.name", "host"}}, "host", Attributed},
		{"case counts", []Field{{"container.id", "Host"}}, "", Unattributed},
		{"a command line that names one", []Field{{"proc.cmdline", "kubectl -n shadow-1 k8s.ns.name=shadow-1"}}, "", Unattributed},
		{"nothing", nil, "", Unattributed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := Alert{OutputFields: NewFields(tt.fields)}
			ns, origin := a.Namespace()
			require.Equal(t, tt.ns, ns)
			require.Equal(t, tt.origin, origin)
		})
	}
	require.Equal(t, "unattributed", Origin(0).String(), "the zero value is the cautious one")
	require.Equal(t, "attributed", Attributed.String())
	require.Equal(t, "host", OnHost.String())
}

func TestPod(t *testing.T) {
	tests := []struct {
		name   string
		fields []Field
		pod    string
	}{
		{"syscall", []Field{{"k8s.pod.name", "web-1"}}, "web-1"},
		{"k8smeta", []Field{{"k8smeta.pod.name", "web-1"}}, "web-1"},
		{"audit", []Field{{"ka.target.pod.name", "web-1"}}, "web-1"},
		{"the first of the chain wins", []Field{{"ka.target.pod.name", "c"}, {"k8smeta.pod.name", "b"}, {"k8s.pod.name", "a"}}, "a"},
		{"none", []Field{{"container.name", "web-1"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := Alert{OutputFields: NewFields(tt.fields)}
			require.Equal(t, tt.pod, a.Pod())
		})
	}
}

func sample() Alert {
	return Alert{
		Hostname: "node-a", Source: "syscall", Rule: "Terminal shell in container", Priority: Notice,
		Time: epoch.Add(123456789), Output: "a shell", Tags: []string{"T1059"},
		OutputFields: NewFields([]Field{{"proc.name", "sh"}, {"k8s.ns.name", "shadow-1"}}),
	}
}

// The ID is stored in the log and compared across versions: it must not change.
// The digits were computed by another program from the comment on Alert.ID.
func TestIDIsStable(t *testing.T) {
	a := sample()
	require.Equal(t, "be730a2010f0c30bb3c0c59ee809fdef", a.ID().String())
}

func TestID(t *testing.T) {
	base := sample()
	same := map[string]func(*Alert){
		"priority":     func(a *Alert) { a.Priority = Debug },
		"output":       func(a *Alert) { a.Output = "the whole alert as JSON" },
		"tags":         func(a *Alert) { a.Tags = nil },
		"zone":         func(a *Alert) { a.Time = a.Time.In(time.FixedZone("", 3600)) },
		"field order":  func(a *Alert) { a.OutputFields = NewFields([]Field{{"k8s.ns.name", "shadow-1"}, {"proc.name", "sh"}}) },
		"evt.time":     func(a *Alert) { a.OutputFields = NewFields(append(a.OutputFields, Field{"evt.time", "1"})) },
		"no value yet": func(a *Alert) { a.OutputFields = NewFields(append(a.OutputFields, Field{"fd.name", "<NA>"})) },
	}
	for name, change := range same {
		t.Run("same/"+name, func(t *testing.T) {
			a := sample()
			change(&a)
			require.Equal(t, base.ID(), a.ID())
		})
	}
	other := map[string]func(*Alert){
		"hostname":      func(a *Alert) { a.Hostname = "node-b" },
		"source":        func(a *Alert) { a.Source = "k8s_audit" },
		"rule":          func(a *Alert) { a.Rule += "s" },
		"a nanosecond":  func(a *Alert) { a.Time = a.Time.Add(1) },
		"value":         func(a *Alert) { a.OutputFields[0].Value = "shadow-2" },
		"name":          func(a *Alert) { a.OutputFields[0].Name = "k8s.ns.nam" },
		"one less":      func(a *Alert) { a.OutputFields = a.OutputFields[:1] },
		"one more":      func(a *Alert) { a.OutputFields = append(a.OutputFields, Field{"z", ""}) },
		"border":        func(a *Alert) { a.Hostname, a.Source = "node-as", "yscall" },
		"field borders": func(a *Alert) { a.OutputFields = Fields{{"k8s.ns.names", "hadow-1"}, {"proc.name", "sh"}} },
		"joined fields": func(a *Alert) { a.OutputFields = Fields{{"k8s.ns.name", "shadow-1\x09proc.name\x02sh"}} },
	}
	for name, change := range other {
		t.Run("other/"+name, func(t *testing.T) {
			a := sample()
			change(&a)
			require.NotEqual(t, base.ID(), a.ID())
		})
	}
	long := sample()
	long.OutputFields[0].Value = strings.Repeat("x", 100_000)
	require.NotEqual(t, base.ID(), long.ID())
	require.Zero(t, testing.AllocsPerRun(100, func() { base.ID() }), "an alert of the usual size allocates nothing")
}

// Alerts that differ in what is hashed have different IDs, wherever the border
// between two strings is.
func TestIDProperty(t *testing.T) {
	text := rapid.StringMatching(`[ab\x00\x01\x02]{0,3}`)
	alert := rapid.Custom(func(t *rapid.T) Alert {
		a := Alert{Hostname: text.Draw(t, "hostname"), Source: text.Draw(t, "source"), Rule: text.Draw(t, "rule"), Time: epoch}
		for range rapid.IntRange(0, 3).Draw(t, "fields") {
			a.OutputFields = append(a.OutputFields, Field{text.Draw(t, "name"), text.Draw(t, "value")})
		}
		return a
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := alert.Draw(t, "a"), alert.Draw(t, "b")
		equal := a.Hostname == b.Hostname && a.Source == b.Source && a.Rule == b.Rule && len(a.OutputFields) == len(b.OutputFields)
		for i := 0; equal && i < len(a.OutputFields); i++ {
			equal = a.OutputFields[i] == b.OutputFields[i]
		}
		require.Equal(t, equal, a.ID() == b.ID())
	})
}

func TestParseID(t *testing.T) {
	a := sample()
	id, err := ParseID(a.ID().String())
	require.NoError(t, err)
	require.Equal(t, a.ID(), id)
	id, err = ParseID(strings.ToUpper(a.ID().String()))
	require.NoError(t, err)
	require.Equal(t, a.ID(), id)
	for _, s := range []string{"", "0", a.ID().String() + "0", a.ID().String()[1:], strings.Repeat("g", 32), strings.Repeat("é", 16)} {
		id, err := ParseID(s)
		require.ErrorContains(t, err, "alert id")
		require.Zero(t, id)
	}
}

// Every body says what it is and whose.
func TestBodies(t *testing.T) {
	tests := []struct {
		body Body
		kind string
	}{
		{&Alert{Hostname: "node-a"}, KindAlert},
		{&Snapshot{Hostname: "node-a"}, KindSnapshot},
		{&Ruleset{Hostname: "node-a"}, KindRuleset},
		{&Drop{Hostname: "node-a"}, KindDrop},
		{&Timeout{Hostname: "node-a"}, KindTimeout},
		{&Internal{Hostname: "node-a"}, KindInternal},
		{&Malformed{Hostname: "node-a"}, KindMalformed},
	}
	for _, tt := range tests {
		require.Equal(t, tt.kind, tt.body.Kind())
		require.Equal(t, "node-a", tt.body.Sensor())
	}
	require.Equal(t, "000102030405060708090a0b0c0d0e0f", RulesetID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}.String())
}
