package jobs

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/test/clients/daemon"
	"github.com/falcogate/falcogate/test/kubernetes/controlplane"
)

const (
	jobExample  = "kubernetes/job.yaml"
	hookExample = "argocd/postsync.yaml"
)

// example is the text of one.
func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(daemon.Root(t), "docs", "examples", filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// apply sends a Job as it is written, so that the API server itself finds a field that it
// does not know.
func apply(ctx context.Context, c *controlplane.ControlPlane, namespace, text, dryRun string) (*batchv1.Job, error) {
	job := &batchv1.Job{}
	request := c.Clientset().BatchV1().RESTClient().Post().Namespace(namespace).Resource("jobs").
		SetHeader("Content-Type", "application/yaml").Param("fieldValidation", metav1.FieldValidationStrict).Body([]byte(text))
	if dryRun != "" {
		request = request.Param("dryRun", dryRun)
	}
	return job, request.Do(ctx).Into(job)
}

// restricted makes a namespace that takes only pods of the restricted profile, with the
// service account of the examples and its right to verdicts there.
func restricted(t *testing.T, c *controlplane.ControlPlane, name string) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, c.Namespace(ctx, name))
	namespace, err := c.Clientset().CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	require.NoError(t, err)
	namespace.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
	_, err = c.Clientset().CoreV1().Namespaces().Update(ctx, namespace, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.NoError(t, c.ServiceAccount(ctx, name, "gate"))
	_, err = c.Clientset().RbacV1().RoleBindings(name).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "gate-asks"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "falcogate-verdict-publisher"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "gate", Namespace: name}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// taken says that the API server takes an example as it is, and its pods under the
// restricted profile, and that it would have refused a typo and a pod that asks for more.
func taken(t *testing.T, c *controlplane.ControlPlane, name, namespace string) {
	t.Helper()
	ctx := t.Context()
	text := regexp.MustCompile("(?m)^  namespace: .*").ReplaceAllString(example(t, name), "  namespace: "+namespace)
	job, err := apply(ctx, c, namespace, text, metav1.DryRunAll)
	require.NoError(t, err)
	_, err = apply(ctx, c, namespace, strings.Replace(text, "backoffLimit:", "backOffLimit:", 1), metav1.DryRunAll)
	require.ErrorContains(t, err, "backOffLimit")
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "of-the-job", Labels: job.Spec.Template.Labels}, Spec: job.Spec.Template.Spec}
	_, err = c.Clientset().CoreV1().Pods(namespace).Create(ctx, pod, dry)
	require.NoError(t, err)
	pod.Spec.SecurityContext = nil
	_, err = c.Clientset().CoreV1().Pods(namespace).Create(ctx, pod, dry)
	require.ErrorContains(t, err, "restricted")
}
