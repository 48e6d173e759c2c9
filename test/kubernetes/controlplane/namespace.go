package controlplane

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// UniqueName is a name for a namespace or a node that no other test has, nor the
// same test in its next run: prefix and eight hexadecimal digits.
func UniqueName(prefix string) string { return prefix + "-" + randomHex(4) }

// Namespace makes a namespace that takes pods: it has the service account
// "default" when this returns.
func (c *ControlPlane) Namespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := c.clientset.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("namespace %q: %w", name, err)
	}
	return c.prepareNamespace(ctx, name)
}

// prepareNamespace makes the default service account, or waits for the controller
// that does.
func (c *ControlPlane) prepareNamespace(ctx context.Context, namespace string) error {
	if !c.controllers {
		return c.ServiceAccount(ctx, namespace, "default")
	}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		_, err := c.clientset.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("namespace %q: its service account \"default\": %w", namespace, err)
	}
	return nil
}

// ServiceAccount makes a service account. It has no rights but those of every
// service account.
func (c *ControlPlane) ServiceAccount(ctx context.Context, namespace, name string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := c.clientset.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("service account %s/%s: %w", namespace, name, err)
	}
	return nil
}
