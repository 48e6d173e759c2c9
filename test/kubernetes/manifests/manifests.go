// Package manifests applies the Kubernetes manifests that stand in the project's
// documentation, so that tests run with the rights that it tells users to give.
//
// It owns nothing that runs, and imports client-go. Its caller makes the namespaces
// that the manifests name.
package manifests

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
)

// ApplyDocument creates all objects of the yaml blocks of a Markdown file whose
// first line is an apiVersion. A file without any is an error, and so is an object
// of a kind that this package does not know.
func ApplyDocument(ctx context.Context, api kubernetes.Interface, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("documented manifests: %w", err)
	}
	applied := 0
	for _, block := range yamlBlocks(string(text)) {
		n, err := applyAll(ctx, api, block)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		applied += n
	}
	if applied == 0 {
		return fmt.Errorf("%s: want manifests in its yaml blocks, found none", path)
	}
	return nil
}

// ApplyFile creates all objects of a YAML file. The error is as ApplyDocument's.
func ApplyFile(ctx context.Context, api kubernetes.Interface, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("documented manifests: %w", err)
	}
	applied, err := applyAll(ctx, api, string(text))
	if err == nil && applied == 0 {
		err = errors.New("want manifests, found none")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// applyAll creates the objects of YAML documents, and counts them.
func applyAll(ctx context.Context, api kubernetes.Interface, text string) (applied int, err error) {
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return applied, nil
		}
		if err != nil {
			return applied, err
		}
		if err := apply(ctx, api, document); err != nil {
			return applied, fmt.Errorf("%w\n%s", err, document)
		}
		applied++
	}
}

// yamlBlocks are the fenced blocks that hold manifests.
func yamlBlocks(markdown string) (blocks []string) {
	for block := range strings.SplitSeq(markdown, "```yaml\n") {
		if text, _, closed := strings.Cut(block, "\n```"); closed && strings.HasPrefix(text, "apiVersion:") {
			blocks = append(blocks, text)
		}
	}
	return blocks
}

// apply creates one object. A field that is unknown is an error.
func apply(ctx context.Context, api kubernetes.Interface, document []byte) error {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(bytes.TrimSpace(document), nil, nil)
	if err != nil {
		return err
	}
	strict := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}
	return create(ctx, api, object, strict)
}

func create(ctx context.Context, api kubernetes.Interface, object runtime.Object, o metav1.CreateOptions) (err error) {
	switch object := object.(type) {
	case *corev1.ServiceAccount:
		_, err = api.CoreV1().ServiceAccounts(object.Namespace).Create(ctx, object, o)
	case *corev1.ConfigMap:
		_, err = api.CoreV1().ConfigMaps(object.Namespace).Create(ctx, object, o)
	case *batchv1.Job:
		_, err = api.BatchV1().Jobs(object.Namespace).Create(ctx, object, o)
	case *rbacv1.Role:
		_, err = api.RbacV1().Roles(object.Namespace).Create(ctx, object, o)
	case *rbacv1.RoleBinding:
		_, err = api.RbacV1().RoleBindings(object.Namespace).Create(ctx, object, o)
	case *rbacv1.ClusterRole:
		_, err = api.RbacV1().ClusterRoles().Create(ctx, object, o)
	case *rbacv1.ClusterRoleBinding:
		_, err = api.RbacV1().ClusterRoleBindings().Create(ctx, object, o)
	default:
		err = fmt.Errorf("a %T is not known here", object)
	}
	return err
}
