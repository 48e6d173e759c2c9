package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRuleNames(t *testing.T) {
	for name, key := range map[string]string{
		"Container Drift Detected (chmod)":                    "Container_Drift_Detected_chmod",
		"Backdoored library loaded into SSHD (CVE-2024-3094)": "Backdoored_library_loaded_into_SSHD_CVE_2024_3094",
		"__a__b": "a_b", "": "", "äöü": "", "Zz09": "Zz09", "a:b": "a_b", "@[`{/": "",
	} {
		require.Equal(t, key, ruleKey(name))
	}
	names := newRuleNames()
	n := names.number("Terminal shell")
	require.Equal(t, n, names.number("Terminal_shell"))
	require.NotEqual(t, n, names.number("Terminal"))
	for i := len(names.keys); i < maxRules; i++ {
		require.NotEqual(t, uint32(otherRule), names.number(fmt.Sprintf("rule %d", i)))
	}
	require.EqualValues(t, otherRule, names.number("one too many"))
	require.Len(t, names.keys, maxRules)
	require.Equal(t, n, names.number("Terminal (shell)"), "known ones are still told")
	require.Len(t, names.byName, maxRules)
	rs := newRuleset(&Ruleset{Rules: []string{"one too many", "Terminal_shell"}}, names)
	require.False(t, rs.has(otherRule))
	require.True(t, rs.has(n))
	require.False(t, (*ruleset)(nil).has(n))
}

// A name that was met before is looked up and no more, since every alert has one.
func TestKnownRuleNamesCostNothing(t *testing.T) {
	names := newRuleNames()
	n := names.number("Terminal shell in container")
	require.Zero(t, testing.AllocsPerRun(10, func() {
		require.Equal(t, n, names.number("Terminal shell in container"))
	}))
	require.Len(t, names.byName, 1)
}

// A rule of another sensor is not one of this ruleset.
func TestRulesetHasItsOwnRules(t *testing.T) {
	names := newRuleNames()
	rs := newRuleset(&Ruleset{Rules: []string{"Terminal shell", "Write below etc"}}, names)
	other := names.number("Read sensitive file untrusted")
	require.True(t, rs.has(names.number("Write_below_etc")))
	require.False(t, rs.has(other))
}
