package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program that docs/events.md shows acts on a verdict that came before it ran, and
// when it comes back, on the next one and not on that again.
func TestDocumentedConsumer(t *testing.T) {
	doc, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(doc), "```go\n")
	source, _, ends := strings.Cut(after, "```\n")
	require.True(t, found && ends)
	dir := t.TempDir()
	file, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "deployer")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	out, err := exec.Command("go", "build", "-o", program, file).CombinedOutput() // with this module's requirements
	require.NoError(t, err, "%s", out)

	d, err := startDaemon(dir, os.Environ(), "--nats-listen", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() {
		if _, err := d.end(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, d.waitReady(context.Background()))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	publish := func(namespace string) {
		t.Helper()
		resp, err := client.Post("http://"+d.api+"/v1/verdicts", "application/json", strings.NewReader(`{"ns":"`+namespace+`","since":"1m","evidence":"none"}`))
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	for _, namespace := range []string{"shop", "cart"} {
		publish(namespace)
		consumer := exec.Command(program)
		consumer.Env = append(os.Environ(), "NATS_URL="+d.nats)
		consumer.Stderr = os.Stderr
		stdout, err := consumer.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, consumer.Start())
		line, err := bufio.NewReader(stdout).ReadString('\n')
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(line, namespace+": pass: "), line)
		require.NoError(t, consumer.Process.Signal(syscall.SIGTERM))
		require.NoError(t, consumer.Wait())
	}
}
