package controlplane

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
)

// Where pods have their addresses; each node gets a part of it.
const podNetwork = "10.244.0.0/16"

// newControllerManager is kube-controller-manager with all its controllers, each
// with the rights of its own service account.
func (c *ControlPlane) newControllerManager(p programs, port int, nodeGrace time.Duration, further []string) (*server, error) {
	s, err := c.newController(p, "kube-controller-manager", "system:kube-controller-manager", port)
	if err != nil {
		return nil, err
	}
	s.args = append(s.args,
		"--use-service-account-credentials",
		"--service-account-private-key-file="+c.credentials.tokenKeyFile,
		"--root-ca-file="+c.credentials.authorityFile,
		"--allocate-node-cidrs",
		"--cluster-cidr="+podNetwork,
		"--node-monitor-grace-period="+nodeGrace.String(),
		"--node-monitor-period="+min(nodeGrace/10, 5*time.Second).String(),
	)
	s.args = append(s.args, further...)
	return s, nil
}

func (c *ControlPlane) newScheduler(p programs, port int) (*server, error) {
	return c.newController(p, "kube-scheduler", "system:kube-scheduler", port)
}

// newController is what the two have in common: a user with RBAC's own role for it,
// no election of a leader, and a port to ask whether it works.
func (c *ControlPlane) newController(p programs, name, user string, port int) (*server, error) {
	path, err := p.path(name)
	if err != nil {
		return nil, err
	}
	id, err := c.credentials.authority.client(user)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := c.kubeconfigOf(name, id)
	if err != nil {
		return nil, err
	}
	health, err := rest.HTTPClientFor(c.RESTConfigFor(""))
	if err != nil {
		return nil, err
	}
	return &server{
		name: name, path: path, dir: c.dir,
		args: []string{
			"--kubeconfig=" + kubeconfig,
			"--authentication-kubeconfig=" + kubeconfig,
			"--authorization-kubeconfig=" + kubeconfig,
			"--leader-elect=false",
			"--bind-address=" + c.address,
			"--secure-port=" + strconv.Itoa(port),
			"--cert-dir=" + c.dir,
			"--tls-cert-file=" + c.credentials.servingFile,
			"--tls-private-key-file=" + c.credentials.servingKeyFile,
			"--kube-api-qps=200",
			"--kube-api-burst=400",
		},
		ready: func(ctx context.Context) error {
			return wantOK(ctx, health, "https://"+hostPort(c.address, port)+"/healthz")
		},
	}, nil
}

// newKWOK is the kubelet of all nodes with the label that JoinKWOKNode gives.
func (c *ControlPlane) newKWOK(p programs, port int, nodeGrace time.Duration) (*server, error) {
	path, err := p.path("kwok")
	if err != nil {
		return nil, err
	}
	stages, err := c.writeStages()
	if err != nil {
		return nil, err
	}
	address := hostPort(c.address, port)
	return &server{
		name: "kwok", path: path, dir: c.dir,
		args: []string{
			"--kubeconfig=" + c.kubeconfig,
			"--config=" + stages,
			"--manage-nodes-with-label-selector=" + kwokLabel + "=" + kwokLabelValue,
			// KWOK renews a Lease when a quarter of it has passed.
			"--node-lease-duration-seconds=" + strconv.Itoa(max(1, int(nodeGrace.Seconds()*4/5))),
			"--cidr=" + podNetwork,
			"--server-address=" + address,
		},
		ready: func(ctx context.Context) error {
			return wantOK(ctx, http.DefaultClient, "http://"+address+"/healthz")
		},
	}, nil
}
