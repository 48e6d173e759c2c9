package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
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
	etcd, err := clientv3.New(clientv3.Config{
		Endpoints: []string{c.etcdURL}, DialTimeout: 10 * time.Second, Logger: zap.NewNop(),
	})
	if err != nil {
		return fmt.Errorf("etcd at %s: %w", c.etcdURL, err)
	}
	defer etcd.Close() //nolint:errcheck // nothing of it is left to lose
	now, err := etcd.Get(ctx, "/", clientv3.WithLimit(1), clientv3.WithKeysOnly())
	if err != nil {
		return fmt.Errorf("etcd at %s: its revision: %w", c.etcdURL, err)
	}
	if _, err := etcd.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		return fmt.Errorf("etcd at %s: compact to revision %d: %w", c.etcdURL, now.Header.Revision, err)
	}
	return nil
}
