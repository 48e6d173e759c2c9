package placements

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/falcogate/falcogate/internal/kube"
)

// In a cluster whose data changes all the time, though no pod does, it takes the API
// server's own word on how far the watch has come.
func TestOthersWrite(t *testing.T) {
	place(t, "busy")
	maps := cluster.Clientset().CoreV1().ConfigMaps("busy")
	_, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "busy"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	written := make(chan error, 1)
	go func() {
		for n := 0; ; n++ {
			_, err := maps.Update(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "busy"}, Data: map[string]string{"n": time.Now().String()}}, metav1.UpdateOptions{})
			if err != nil {
				written <- err
				return
			}
		}
	}()
	log := newEventLog()
	log.watch(t, kube.PlacementOptions{})
	for range 3 {
		began := time.Now()
		log.known(t)
		t.Logf("known after %s", time.Since(began).Round(time.Millisecond))
		require.Less(t, time.Since(began), 30*time.Second)
	}
	cancel()
	require.ErrorIs(t, <-written, context.Canceled)
}
