package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"
)

// newEtcd is the server that holds the cluster's state. It does not sync: the state
// outlives the servers, not the machine.
func (c *ControlPlane) newEtcd(p programs, port, peerPort int) (*server, error) {
	path, err := p.path("etcd")
	if err != nil {
		return nil, err
	}
	c.etcdURL = "http://" + hostPort(c.address, port)
	peer := "http://" + hostPort(c.address, peerPort)
	return &server{
		name: "etcd", path: path, dir: c.dir,
		args: []string{
			"--name=etcd",
			"--data-dir=" + filepath.Join(c.dir, "etcd"),
			"--listen-client-urls=" + c.etcdURL,
			"--advertise-client-urls=" + c.etcdURL,
			"--listen-peer-urls=" + peer,
			"--initial-advertise-peer-urls=" + peer,
			"--initial-cluster=etcd=" + peer,
			"--unsafe-no-fsync",
		},
		ready: func(ctx context.Context) error { return wantOK(ctx, http.DefaultClient, c.etcdURL+"/readyz") },
	}, nil
}

// Compact makes etcd forget all revisions before the present one, as the API
// server does every five minutes. What then asks for an older resource version is
// answered Expired (410), unless the API server still has it in memory: it keeps
// the recent past of every kind but events, and that ends with a restart. A watch
// that is open goes on.
func (c *ControlPlane) Compact(ctx context.Context) error {
	var now struct {
		Header struct{ Revision json.Number } // 64 bits, which JSON has as a string
	}
	if err := c.askEtcd(ctx, "/v3/kv/range", map[string]any{"key": []byte("/"), "limit": 1, "keys_only": true}, &now); err != nil {
		return fmt.Errorf("etcd: its revision: %w", err)
	}
	if err := c.askEtcd(ctx, "/v3/kv/compaction", map[string]any{"revision": now.Header.Revision, "physical": true}, nil); err != nil {
		return fmt.Errorf("etcd: compact to revision %s: %w", now.Header.Revision, err)
	}
	return nil
}

// askEtcd calls a method of etcd by JSON. Its client in Go is left out, since it
// registers a protobuf file by the same name as Falco's client does, and a program
// can't have both.
func (c *ControlPlane) askEtcd(ctx context.Context, method string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.etcdURL+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to its end
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("POST %s: %s: %s", method, resp.Status, text)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(text, answer)
}
