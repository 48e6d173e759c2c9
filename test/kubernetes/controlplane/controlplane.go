package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ControlPlane is a running Kubernetes without machines. All methods may be called
// concurrently, until Stop.
type ControlPlane struct {
	dir         string
	temporary   bool // dir is ours to remove
	address     string
	url         string
	etcdURL     string
	credentials *credentials
	kubeconfig  string
	kubeconfigs atomic.Int64
	clientset   *kubernetes.Clientset
	controllers bool

	apiServer *server
	servers   []*server // in the order of their start
}

// Start starts a control plane and waits until it is ready: some seconds. ctx
// bounds the start, not the life. When it fails, nothing is left running, and the
// error has the end of the log of what failed.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	c := &ControlPlane{dir: o.Dir, address: o.Address, controllers: o.Controllers}
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("control plane: %w", err), c.Stop())
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context, o Options) error {
	programs, err := findPrograms(o.Programs)
	if err != nil {
		return err
	}
	if err := c.makeDir(); err != nil {
		return err
	}
	if c.address == "" {
		c.address = loopbackAddress()
	}
	ports, err := freePorts(ctx, c.address, 6)
	if err != nil {
		return err
	}
	c.url = "https://" + hostPort(c.address, ports[0])
	if err := c.makeAccess(); err != nil {
		return err
	}
	servers, err := c.plan(o, programs, ports)
	if err != nil {
		return err
	}
	for _, s := range servers {
		if err := s.start(ctx); err != nil {
			return err
		}
		c.servers = append(c.servers, s)
	}
	return c.prepareNamespaces(ctx)
}

// plan is the servers in the order of their start; each needs those before it.
func (c *ControlPlane) plan(o Options, p programs, ports []int) ([]*server, error) {
	etcd, err := c.newEtcd(p, ports[1], ports[2])
	if err != nil {
		return nil, err
	}
	if c.apiServer, err = c.newAPIServer(p, ports[0], o.APIServerArgs); err != nil {
		return nil, err
	}
	servers := []*server{etcd, c.apiServer}
	nodeGrace := o.NodeGrace
	if nodeGrace == 0 {
		nodeGrace = 50 * time.Second
	}
	if o.Controllers {
		manager, err := c.newControllerManager(p, ports[3], nodeGrace, o.ControllerManagerArgs)
		if err != nil {
			return nil, err
		}
		scheduler, err := c.newScheduler(p, ports[4])
		if err != nil {
			return nil, err
		}
		servers = append(servers, manager, scheduler)
	}
	if o.KWOK {
		kwok, err := c.newKWOK(p, ports[5], nodeGrace)
		if err != nil {
			return nil, err
		}
		servers = append(servers, kwok)
	}
	return servers, nil
}

// makeAccess makes the credentials, and an administrator's access by them.
func (c *ControlPlane) makeAccess() (err error) {
	if c.credentials, err = newCredentials(c.dir, c.address); err != nil {
		return err
	}
	if c.kubeconfig, err = c.kubeconfigOf("admin", c.credentials.admin); err != nil {
		return err
	}
	c.clientset, err = kubernetes.NewForConfig(c.RESTConfig())
	return err
}

// makeDir makes the folder of everything; its path is absolute, as the servers run
// in it.
func (c *ControlPlane) makeDir() (err error) {
	if c.dir == "" {
		c.temporary = true
		c.dir, err = os.MkdirTemp("", "falcogate-kubernetes-")
		return err
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	return os.MkdirAll(c.dir, 0o700)
}

// prepareNamespaces makes the namespaces that are there from the start take pods.
func (c *ControlPlane) prepareNamespaces(ctx context.Context) error {
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem} {
		if err := c.prepareNamespace(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Clientset is the access of an administrator.
func (c *ControlPlane) Clientset() *kubernetes.Clientset { return c.clientset }

// Dir is the folder with the data, the credentials and a log of each program.
func (c *ControlPlane) Dir() string { return c.dir }

// Stop ends all that runs and waits for it. An error says which program had ended
// by itself, or had to be killed, with the end of its log. A second Stop does
// nothing.
func (c *ControlPlane) Stop() error {
	var errs []error
	for _, s := range slices.Backward(c.servers) {
		errs = append(errs, s.stop())
	}
	if c.temporary {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}

// LogTails is the end of each program's log, for whoever looks at a failed test.
// It must be called before Stop.
func (c *ControlPlane) LogTails() string {
	tails := make([]string, len(c.servers))
	for i, s := range c.servers {
		tails[i] = s.logTail()
	}
	return strings.Join(tails, "\n")
}
