package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
)

// ProgramsVariable is the environment variable that names the folder with etcd,
// kube-apiserver and the others.
const ProgramsVariable = "FALCOGATE_KUBERNETES_BIN"

// programs is a folder of programs.
type programs string

func findPrograms(dir string) (programs, error) {
	if dir == "" {
		dir = os.Getenv(ProgramsVariable)
	}
	if dir == "" {
		return "", fmt.Errorf("%s is not set: it must name the folder with etcd and kube-apiserver; run `make test-kubernetes`, which builds them and sets it", ProgramsVariable)
	}
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("the folder with etcd and kube-apiserver is %q: it must be an absolute path; run `make test-kubernetes`, which sets %s", dir, ProgramsVariable)
	}
	return programs(dir), nil
}

// path is where a program is.
func (p programs) path(name string) (string, error) {
	path := filepath.Join(string(p), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is missing (%w): run `make test-kubernetes`, which builds it", name, err)
	}
	return path, nil
}
