package correlate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParsePriority(t *testing.T) {
	names := []string{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"}
	for i, name := range names {
		want := Priority(i + 1)
		for _, s := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			p, err := ParsePriority(s)
			require.NoError(t, err)
			require.Equal(t, want, p)
		}
		require.Equal(t, name, want.String())
		require.Equal(t, want, Priorities[i])
	}
	for _, s := range []string{"info", "INFO", "Info"} {
		p, err := ParsePriority(s)
		require.NoError(t, err)
		require.Equal(t, Informational, p)
	}
	for _, s := range []string{"WARN", "warnin", "warning ", " warning", "err", "crit", "emerg", "0", "4", "all", "Priority(0)", "informationa", "infos"} {
		_, err := ParsePriority(s)
		require.ErrorContains(t, err, "want one of Emergency, Alert", "%q must not be guessed", s)
		require.NotErrorIs(t, err, ErrPriorityUnset)
	}
	_, err := ParsePriority("")
	require.ErrorIs(t, err, ErrPriorityUnset)
	_, err = ParsePriority(strings.Repeat("x", 10_000))
	require.Less(t, len(err.Error()), 300, "the error doesn't repeat a huge input")
}

func TestPriorityAtLeast(t *testing.T) {
	for _, p := range Priorities {
		for _, threshold := range Priorities {
			require.Equal(t, p <= threshold, p.AtLeast(threshold), "%s at least %s", p, threshold)
		}
		for _, invalid := range []Priority{0, Debug + 1, 255} {
			require.False(t, p.AtLeast(invalid))
			require.False(t, invalid.AtLeast(p))
			require.False(t, invalid.AtLeast(invalid))
		}
	}
	require.True(t, Critical.AtLeast(Warning))
	require.False(t, Notice.AtLeast(Warning))
}

func TestPriorityText(t *testing.T) {
	type doc struct {
		P Priority `json:"p"`
	}
	for _, p := range Priorities {
		text, err := json.Marshal(doc{p})
		require.NoError(t, err)
		require.JSONEq(t, `{"p":"`+p.String()+`"}`, string(text))
		var back doc
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, p, back.P)
	}
	var zero Priority
	require.False(t, zero.Valid())
	require.Equal(t, "Priority(0)", zero.String())
	require.Equal(t, "Priority(9)", (Debug + 1).String())
	_, err := zero.MarshalText()
	require.ErrorIs(t, err, ErrPriorityUnset)

	p := Critical
	require.Error(t, p.UnmarshalText([]byte("WARN")))
	require.ErrorIs(t, p.UnmarshalText(nil), ErrPriorityUnset)
	require.Equal(t, Critical, p, "an error changes nothing")
}
