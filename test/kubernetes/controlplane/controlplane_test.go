package controlplane

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestTheAPIServerAnswers(t *testing.T) {
	version, err := shared.Clientset().Discovery().ServerVersion()
	require.NoError(t, err)
	require.Equal(t, "v1.37.2", version.GitVersion)

	config, err := clientcmd.BuildConfigFromFlags("", shared.Kubeconfig())
	require.NoError(t, err)
	api, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	namespaces, err := api.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, namespaces.Items)
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	tests := map[string]struct {
		variable, programs, want string
	}{
		"no folder":         {want: ProgramsVariable + " is not set"},
		"a relative folder": {variable: "tools", want: `is "tools": it must be an absolute path`},
		"no programs":       {programs: t.TempDir(), want: "etcd is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv(ProgramsVariable, tt.variable)
			_, err := Start(t.Context(), Options{Programs: tt.programs})
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, "run `make test-kubernetes`")
		})
	}
}

func TestAStartThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := Start(t.Context(), Options{Dir: dir, APIServerArgs: []string{"--service-cluster-ip-range=nonsense"}})
	require.ErrorContains(t, err, "kube-apiserver ended (exit status 1)")
	require.ErrorContains(t, err, "is not a valid cidr", "the end of the log")
	require.NotContains(t, err.Error(), "etcd ended", "etcd was stopped in good order")
	etcd, err := os.ReadFile(filepath.Join(dir, "etcd.log"))
	require.NoError(t, err)
	require.Contains(t, string(etcd), "closed etcd server")
}

// asVictim makes the test binary a process that starts a control plane, writes its
// processes' ids to standard output, and waits to be killed.
const asVictim = "FALCOGATE_CONTROLPLANE_VICTIM"

func runVictim() error {
	c, err := Start(context.Background(), Options{Dir: os.Getenv(asVictim)})
	if err != nil {
		return err
	}
	for _, s := range c.servers {
		fmt.Println(s.process.cmd.Process.Pid)
	}
	fmt.Println("running")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestNothingOutlivesAKilledTestProcess(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	victim := exec.CommandContext(t.Context(), self)
	victim.Env = append(os.Environ(), asVictim+"="+t.TempDir())
	victim.Stderr = os.Stderr
	stdin, err := victim.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	stdout, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())

	var pids []string
	for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != "running"; {
		pids = append(pids, lines.Text())
	}
	require.Len(t, pids, len(shared.servers))
	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait(), "killed")
	for _, pid := range pids {
		require.Eventually(t, func() bool { return isGone(pid) }, patience, 20*time.Millisecond, "process %s", pid)
	}
}

// isGone tells whether a process has ended; whoever inherited it may not have waited
// for it yet.
func isGone(pid string) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
