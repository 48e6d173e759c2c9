package verifier_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// ids are those of the gates that a replica knows, the last opened first.
func (r *replica) ids(t *testing.T) (ids []string) {
	t.Helper()
	list, err := r.gates.List(verifier.GateFilter{})
	require.NoError(t, err)
	for i := range list {
		ids = append(ids, list[i].ID)
	}
	return ids
}

// Gates that are over are kept for the retention, and those that are not for as long as
// they are not.
func TestGatesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		replicas := []*replica{startGates(t, w.log, w.store, w.clock, 0), startGates(t, w.log, w.store, w.clock, 0)}
		open := func(id string, end time.Time) {
			_, _, err := replicas[0].gates.Open(t.Context(), verifier.GateSpec{ID: id, Namespace: "shadow-1", Start: epoch, End: end, Deadline: epoch.Add(7*24*time.Hour - time.Minute)})
			require.NoError(t, err)
		}
		open("passes", epoch.Add(time.Minute))
		open("cancelled", time.Time{})
		open("stays", time.Time{})
		_, err := replicas[1].gates.Cancel(t.Context(), "cancelled")
		require.NoError(t, err)
		w.goOn(100 * time.Second)
		time.Sleep(6 * 24 * time.Hour)
		require.ElementsMatch(t, []string{"passes", "cancelled", "stays"}, replicas[1].ids(t))
		time.Sleep(2 * 24 * time.Hour) // by now the last one is inconclusive, and over for a day
		synctest.Wait()
		for _, r := range replicas {
			require.Equal(t, []string{"stays"}, r.ids(t))
			for _, id := range []string{"passes", "cancelled"} {
				_, err = r.gates.Get(t.Context(), id)
				require.ErrorIs(t, err, verifier.ErrNoGate)
			}
		}
		// The id is free again, and nobody forgets the new one.
		_, opened, err := replicas[0].gates.Open(t.Context(), verifier.GateSpec{ID: "passes", Namespace: "shadow-2"})
		require.NoError(t, err)
		require.True(t, opened)
		time.Sleep(time.Hour)
		require.ElementsMatch(t, []string{"passes", "stays"}, replicas[1].ids(t))
		// Alerts for one that is forgotten are nobody's.
		w.late("shadow-1", w.clock().Sub(epoch)-time.Second, correlate.Error)
		synctest.Wait()
		found, _ := w.contradictions(t)
		require.Empty(t, found)
	})
}

// No more that are over are kept than may be open: those that were so first go.
func TestGatesThatAreOverAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := startGates(t, w.log, w.store, w.clock, 3)
		for i := range 8 {
			id := fmt.Sprint("g", i)
			_, _, err := r.gates.Open(t.Context(), verifier.GateSpec{ID: id, Namespace: "shadow-1"})
			require.NoError(t, err)
			_, err = r.gates.Cancel(t.Context(), id)
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"g7", "g6", "g5"}, r.ids(t))
	})
}
