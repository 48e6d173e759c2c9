package kube

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Options say how the API server is reached.
type Options struct {
	// Kubeconfig is a file; empty means the pod's own service account, and outside
	// a pod what kubectl would use.
	Kubeconfig string
	// UserAgent is what the API server's audit log has; empty means "falcogate".
	UserAgent string
}

// Client is a connection to one API server. All methods may be called
// concurrently.
type Client struct {
	api  kubernetes.Interface
	idle func()
}

// Close lets go of connections that nothing uses any more.
func (c *Client) Close() { c.idle() }

// requestTimeout bounds each request that is no watch.
const requestTimeout = 30 * time.Second

// Connect makes a client. It sends nothing: a server that is away shows with the
// first request.
func Connect(o Options) (*Client, error) {
	config, err := o.config()
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	config.UserAgent = o.UserAgent
	if config.UserAgent == "" {
		config.UserAgent = "falcogate"
	}
	// The server's own priority and fairness is what bounds us.
	config.QPS = -1
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	api, err := kubernetes.NewForConfigAndClient(config, http)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	return &Client{api: api, idle: http.CloseIdleConnections}, nil
}

func (o Options) config() (*rest.Config, error) {
	if o.Kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if !errors.Is(err, rest.ErrNotInCluster) {
			return config, err
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, errors.New("no way to an API server was found: neither a pod's service account nor a kubeconfig; give --kubeconfig, or set KUBECONFIG")
	case err != nil && o.Kubeconfig != "":
		return nil, fmt.Errorf("kubeconfig %s: %w", o.Kubeconfig, err)
	}
	return config, err
}
