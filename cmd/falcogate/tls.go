package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsFiles are the PEM files of one side of a connection; each may be empty.
type tlsFiles struct {
	ca, cert, key string
}

// server is the configuration of a listener: nil without a certificate; clients
// must show a certificate when a CA is set.
func (f tlsFiles) server() (*tls.Config, error) {
	if f.cert == "" {
		return nil, nil
	}
	config, err := f.load()
	if err != nil {
		return nil, err
	}
	if config.RootCAs != nil {
		config.ClientCAs, config.RootCAs = config.RootCAs, nil
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

// client is the configuration of a client: nil when no file is given.
func (f tlsFiles) client() (*tls.Config, error) {
	if f == (tlsFiles{}) {
		return nil, nil
	}
	return f.load()
}

func (f tlsFiles) load() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA %s: %w", f.ca, errors.New("no certificate in PEM found"))
		}
	}
	return config, nil
}
