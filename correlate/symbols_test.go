package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The table against a map, with keys that come, are referred to and go.
func TestSymbols(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSymbols[string](40)
		refs, numbers := map[string]uint32{}, map[string]uint32{}
		most := 0
		key := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "key")) })
		t.Repeat(map[string]func(*rapid.T){
			"refer": func(t *rapid.T) {
				k := key.Draw(t, "key")
				n, ok := s.find(k)
				require.Equal(t, refs[k] > 0, ok)
				switch {
				case ok:
					s.refer(n)
				case s.full():
					t.Skip("full")
				default:
					n = s.add(k)
					numbers[k] = n
				}
				refs[k]++
				require.Equal(t, numbers[k], n, "a number stays while something refers to it")
			},
			"release": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if refs[k] == 0 {
					t.Skip("not there")
				}
				refs[k]--
				require.Equal(t, refs[k] == 0, s.release(numbers[k]))
				if refs[k] == 0 {
					delete(refs, k)
				}
			},
			"compact": func(*rapid.T) { s.compact() },
			"": func(t *rapid.T) {
				requireSymbols(t, &s, refs)
				most = max(most, s.live)
				require.LessOrEqual(t, len(s.list), most, "numbers are given out again")
				require.Equal(t, s.live == 40, s.full())
			},
		})
	})
}

func TestEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64Range(0, maxNanos).Draw(t, "ns")
		id := rapid.Uint64().Draw(t, "id")
		position := rapid.Uint64Range(0, maxPosition).Draw(t, "position")
		place := rapid.Uint32Range(0, maxSymbols-1).Draw(t, "place")
		rule := rapid.Uint32Range(0, maxSymbols-1).Draw(t, "rule")
		e := newEntry(ns, id, position, place, rule)
		require.Equal(t, ns, e.time())
		require.Equal(t, id, e.id())
		require.Equal(t, position, e.position())
		require.Equal(t, place, e.place())
		require.Equal(t, rule, e.rule())
		require.False(t, e.before(ns, position))
		require.True(t, e.before(ns, position+1))
		require.True(t, e.before(ns+1, 0))
		require.False(t, e.before(ns-1, maxPosition))
	})
}
