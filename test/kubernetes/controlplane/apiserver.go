package controlplane

import (
	"context"
	"strconv"
)

// issuer is who issues the tokens of service accounts, and the audience of those
// that name none.
const issuer = "https://kubernetes.default.svc.cluster.local"

// newAPIServer is kube-apiserver with RBAC, and with the admission that it has by
// default: a namespace needs a service account before it takes pods.
func (c *ControlPlane) newAPIServer(p programs, port int, further []string) (*server, error) {
	path, err := p.path("kube-apiserver")
	if err != nil {
		return nil, err
	}
	return &server{
		name: "kube-apiserver", path: path, dir: c.dir,
		args: append([]string{
			"--etcd-servers=" + c.etcdURL,
			"--bind-address=" + c.address,
			"--secure-port=" + strconv.Itoa(port),
			"--advertise-address=" + c.address,
			// Endpoints may not be on loopback.
			"--endpoint-reconciler-type=none",
			"--service-cluster-ip-range=10.96.0.0/16",
			"--cert-dir=" + c.dir,
			"--tls-cert-file=" + c.credentials.servingFile,
			"--tls-private-key-file=" + c.credentials.servingKeyFile,
			"--client-ca-file=" + c.credentials.authorityFile,
			"--authorization-mode=RBAC",
			"--service-account-issuer=" + issuer,
			"--service-account-key-file=" + c.credentials.tokenPublicKeyFile,
			"--service-account-signing-key-file=" + c.credentials.tokenKeyFile,
			"--allow-privileged=true",
			// An open watch ends with the server, and does not keep it for a minute.
			"--shutdown-watch-termination-grace-period=1s",
		}, further...),
		// It is ready when what it makes at its start, such as RBAC's own roles, is
		// there.
		ready: func(ctx context.Context) error {
			return c.clientset.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		},
	}, nil
}

// StopAPIServer stops the API server and waits for its exit: connections to it are
// refused then. All other servers go on.
func (c *ControlPlane) StopAPIServer() error { return c.apiServer.stop() }

// StartAPIServer starts the stopped API server again, on the same address and the
// same data, and waits until it is ready. Every watch is gone, and so is the past
// that it had in memory.
func (c *ControlPlane) StartAPIServer(ctx context.Context) error { return c.apiServer.start(ctx) }

// PauseAPIServer freezes the API server: connections stay open, new ones are
// accepted by the kernel, and nothing is answered.
func (c *ControlPlane) PauseAPIServer(ctx context.Context) error { return c.apiServer.pause(ctx) }

// ResumeAPIServer lets the paused API server go on, and waits until it answers.
func (c *ControlPlane) ResumeAPIServer(ctx context.Context) error { return c.apiServer.resume(ctx) }
