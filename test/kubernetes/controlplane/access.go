package controlplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// URL is that of the API server.
func (c *ControlPlane) URL() string { return c.url }

// CAFile is a file with the certificate that signs the API server's, as a pod finds
// it in ca.crt.
func (c *ControlPlane) CAFile() string { return c.credentials.authorityFile }

// RESTConfig is the access of an administrator. It is the caller's own copy.
func (c *ControlPlane) RESTConfig() *rest.Config {
	return c.restConfig(c.credentials.admin)
}

// RESTConfigFor is the access of the holder of a token.
func (c *ControlPlane) RESTConfigFor(token string) *rest.Config {
	config := c.restConfig(identity{})
	config.BearerToken = token
	return config
}

func (c *ControlPlane) restConfig(id identity) *rest.Config {
	return &rest.Config{
		Host: c.url,
		// The bytes and not the files: client-go watches files for as long as the
		// process lives.
		TLSClientConfig: rest.TLSClientConfig{CAData: c.credentials.authority.pem, CertData: id.certificate, KeyData: id.key},
		// The server bounds its clients by priority and fairness.
		QPS: -1,
	}
}

// Kubeconfig is a file with the access of an administrator.
func (c *ControlPlane) Kubeconfig() string { return c.kubeconfig }

// KubeconfigFor writes a file with the access of the holder of a token.
func (c *ControlPlane) KubeconfigFor(token string) (string, error) {
	return c.writeKubeconfig(fmt.Sprintf("token-%d", c.kubeconfigs.Add(1)), &api.AuthInfo{Token: token})
}

// kubeconfigOf writes a file with the access of a user with a certificate.
func (c *ControlPlane) kubeconfigOf(name string, id identity) (string, error) {
	return c.writeKubeconfig(name, &api.AuthInfo{ClientCertificateData: id.certificate, ClientKeyData: id.key})
}

func (c *ControlPlane) writeKubeconfig(name string, user *api.AuthInfo) (string, error) {
	const entry = "test"
	path := filepath.Join(c.dir, name+".kubeconfig")
	err := clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{entry: {Server: c.url, CertificateAuthorityData: c.credentials.authority.pem}},
		AuthInfos:      map[string]*api.AuthInfo{entry: user},
		Contexts:       map[string]*api.Context{entry: {Cluster: entry, AuthInfo: entry}},
		CurrentContext: entry,
	}, path)
	if err != nil {
		return "", fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	return path, os.Chmod(path, 0o600)
}

// wantOK is nil when a GET is answered 200.
func wantOK(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to its end
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, resp.Status, body)
	}
	return err
}

func hostPort(address string, port int) string {
	return net.JoinHostPort(address, strconv.Itoa(port))
}
