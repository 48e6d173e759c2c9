package falcoconfig

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// seeds are what the README recommends, configurations of both kinds and what
// YAML can do to confuse.
func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	http, grpc, metrics := recommended(tb)
	all := [][]byte{[]byte(http), []byte(grpc), []byte(metrics)}
	for _, s := range []string{
		goodFalco, goodChart, goodGRPC, goodGRPCChart,
		"falco:\n  falco: {append_output: null}\n  metrics: {enabled: maybe}\n",
		"a: &a [*a]\nmetrics: *a\n",
		"metrics: &m {<<: *m, enabled: true}\n",
		"metrics: {enabled: true, enabled: false}\n? [1, 2]\n: {}\n",
		"http_output: {enabled: yes, url: \"http://%zz@[::1/\"}\n",
		"priority: \"\\x01\\u202e\"\noutputs: {rate: 99999999999999999999}\n",
		"---\njson_output: !!binary aGk=\n---\nx: 1\n",
	} {
		all = append(all, []byte(s))
	}
	return all
}

func TestFuzzSeedsAreThere(t *testing.T) { require.Len(t, seeds(t), 14) }

// FuzzCheck holds Check to what it promises for any input: it returns findings
// that say all that they have to, errors first and each once, or an error.
func FuzzCheck(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		r, err := Check(data)
		require.Equal(t, before, data, "the input was changed")
		if err != nil {
			require.NotEmpty(t, err.Error())
			require.Nil(t, r)
			return
		}
		require.Contains(t, []Shape{FalcoYAML, ChartValues}, r.Shape)
		for _, finding := range r.Findings {
			requireWhole(t, finding)
		}
		require.True(t, slices.IsSortedFunc(r.Findings, func(a, b Finding) int { return Count([]Finding{b}, SeverityError) - Count([]Finding{a}, SeverityError) }))
		again, err := Check(data)
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
