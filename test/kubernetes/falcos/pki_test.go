package falcos

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// serverName is what Falco's certificate holds: the Service that its chart makes.
const serverName = "falco-grpc.falco.svc"

// pki is the authority of Falco's gRPC servers, with the files of a client.
type pki struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	server      *tls.Config

	caFile, certFile, keyFile string
}

func newPKI(dir string) (*pki, error) {
	p := &pki{caFile: filepath.Join(dir, "ca.crt"), certFile: filepath.Join(dir, "client.crt"), keyFile: filepath.Join(dir, "client.key")}
	ca, err := p.issue("authority")
	if err != nil {
		return nil, err
	}
	server, err := p.issue(serverName)
	if err != nil {
		return nil, err
	}
	client, err := p.issue("falcogate")
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AddCert(p.certificate)
	p.server = &tls.Config{
		Certificates: []tls.Certificate{server}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
	key, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	if err != nil {
		return nil, err
	}
	for path, block := range map[string]*pem.Block{
		p.caFile:   {Type: "CERTIFICATE", Bytes: ca.Certificate[0]},
		p.certFile: {Type: "CERTIFICATE", Bytes: client.Certificate[0]},
		p.keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// issue makes a certificate; the first one is the authority's own.
func (p *pki) issue(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, parentKey := p.certificate, p.key
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.ExtKeyUsage, template.DNSNames = true, true, nil, nil
		template.KeyUsage |= x509.KeyUsageCertSign
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	if p.certificate == nil {
		p.certificate, p.key = certificate, key
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
