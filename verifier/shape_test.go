package verifier

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

func shaped(fields ...string) *correlate.Alert {
	a := &correlate.Alert{Rule: "Write below etc", Source: "syscall"}
	var list []correlate.Field
	for i := 0; i < len(fields); i += 2 {
		list = append(list, correlate.Field{Name: fields[i], Value: fields[i+1]})
	}
	a.OutputFields = correlate.NewFields(list)
	return a
}

// What differs between two runs of the same thing does not tell alerts apart; all else
// does.
func TestAlertShape(t *testing.T) {
	const uid1, uid2 = "0f3c9a52-54a1-4b6d-9b0a-3a0e7b1d2c3f", "7b0c1d3e-0d1f-4a58-8f6e-2a3b4c5d6e7f"
	for name, tt := range map[string]struct {
		a, b []string
		same bool
	}{
		"equal":                       {[]string{"proc.name", "sh", "fd.name", "/etc/x"}, []string{"proc.name", "sh", "fd.name", "/etc/x"}, true},
		"another file":                {[]string{"proc.name", "sh", "fd.name", "/etc/x"}, []string{"proc.name", "sh", "fd.name", "/etc/y"}, false},
		"another process":             {[]string{"proc.name", "sh"}, []string{"proc.name", "bash"}, false},
		"another parent":              {[]string{"proc.name", "sh", "proc.pname", "app"}, []string{"proc.name", "sh", "proc.pname", "nginx"}, false},
		"a field less":                {[]string{"proc.name", "sh", "fd.name", "/x"}, []string{"proc.name", "sh"}, false},
		"the uid of a pod":            {[]string{"fd.name", "/pods/" + uid1 + "/x"}, []string{"fd.name", "/pods/" + uid2 + "/x"}, true},
		"the id of a container":       {[]string{"proc.cmdline", "runc 4d2f9b1c8a7e"}, []string{"proc.cmdline", "runc 9e8d7c6b5a4f"}, true},
		"the number of a process":     {[]string{"fd.name", "/proc/12/maps"}, []string{"fd.name", "/proc/7/maps"}, true},
		"another file below /proc":    {[]string{"fd.name", "/proc/12/maps"}, []string{"fd.name", "/proc/12/mem"}, false},
		"a port":                      {[]string{"proc.cmdline", "nc host 4444"}, []string{"proc.cmdline", "nc host 8080"}, false},
		"where a connection is from":  {[]string{"fd.name", "10.0.0.1:5124->10.9.9.9:443"}, []string{"fd.name", "10.0.0.2:4120->10.9.9.9:443"}, true},
		"where a connection goes to":  {[]string{"fd.name", "10.0.0.1:5124->10.9.9.9:443"}, []string{"fd.name", "10.0.0.1:5124->6.6.6.6:443"}, false},
		"the name of the pod":         {[]string{"proc.name", "sh", "k8s.pod.name", "web-7d9f-abcde", "proc.cmdline", "sh -c web-7d9f-abcde"}, []string{"proc.name", "sh", "k8s.pod.name", "web-55c8-fghij", "proc.cmdline", "sh -c web-55c8-fghij"}, true},
		"a pod whose name is a word":  {[]string{"k8s.pod.name", "sh", "proc.cmdline", "sh"}, []string{"k8s.pod.name", "cat", "proc.cmdline", "cat"}, false},
		"fields of neither":           {[]string{"user.name", "root"}, []string{"user.name", "www"}, true},
		"one field is not two":        {[]string{"proc.name", `a""b`}, []string{"proc.name", "a", "proc.exepath", "b"}, false},
		"user and message don't tell": {[]string{"proc.name", "sh", "user.name", "root"}, []string{"proc.name", "sh", "user.name", "www"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.same, alertShape(shaped(tt.a...)) == alertShape(shaped(tt.b...)))
		})
	}
	require.Empty(t, alertShape(shaped("user.name", "root")), "it is the same as none")
	require.Empty(t, alertShape(shaped("proc.name", "")))
	other := shaped("proc.name", "sh")
	other.Rule = "Read sensitive file untrusted"
	require.NotEqual(t, alertShape(shaped("proc.name", "sh")), alertShape(other))
	other = shaped("proc.name", "sh")
	other.Source = "k8s_audit"
	require.NotEqual(t, alertShape(shaped("proc.name", "sh")), alertShape(other))
}
