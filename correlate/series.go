package correlate

import (
	"slices"
	"sort"
)

// chunkEntries is the most that a chunk holds: 14 kB, which is what a late
// alert moves at worst.
const chunkEntries = 512

// series holds the alerts of one namespace and priority, sorted by time and
// position, in chunks that are never empty. A chunk grows by an eighth when it
// is full: most namespaces have few alerts, and doubling would waste a third of
// the index.
type series struct {
	chunks [][]entry
}

// spot is a place in a series: before entry i of chunk c. At the end, c is the
// number of chunks and i is 0; elsewhere i is within chunk c.
type spot struct{ c, i int }

// before reports whether p stands before q.
func (p spot) before(q spot) bool { return p.c < q.c || p.c == q.c && p.i < q.i }

// search returns the first spot whose entry doesn't stand before (ns,
// position).
func (s *series) search(ns int64, position uint64) spot {
	c := sort.Search(len(s.chunks), func(c int) bool {
		chunk := s.chunks[c]
		return !chunk[len(chunk)-1].before(ns, position)
	})
	if c == len(s.chunks) {
		return spot{c: c}
	}
	chunk := s.chunks[c]
	return spot{c, sort.Search(len(chunk), func(i int) bool { return !chunk[i].before(ns, position) })}
}

// between is how many entries stand from a on and before b.
func (s *series) between(a, b spot) int {
	n := b.i - a.i
	for c := a.c; c < b.c; c++ {
		n += len(s.chunks[c])
	}
	return n
}

// at returns the entry at a spot that is not the end.
func (s *series) at(p spot) *entry { return &s.chunks[p.c][p.i] }

// after is the spot behind p, which is not the end.
func (s *series) after(p spot) spot {
	if p.i+1 < len(s.chunks[p.c]) {
		return spot{p.c, p.i + 1}
	}
	return spot{c: p.c + 1}
}

// prior is the spot before p, which is not the first.
func (s *series) prior(p spot) spot {
	if p.i > 0 {
		return spot{p.c, p.i - 1}
	}
	return spot{p.c - 1, len(s.chunks[p.c-1]) - 1}
}

// insert puts e before p.
func (s *series) insert(p spot, e entry) {
	if p.i == 0 && p.c > 0 {
		// Between two chunks it goes to the end of the first, which is where
		// alerts that come in order belong.
		p = spot{p.c - 1, len(s.chunks[p.c-1])}
	}
	switch {
	case len(s.chunks) == 0:
		s.chunks = append(s.chunks, grow(nil))
	case len(s.chunks[p.c]) < chunkEntries:
	case p.c == len(s.chunks)-1 && p.i == chunkEntries:
		s.chunks = append(s.chunks, grow(nil))
		p = spot{c: p.c + 1}
	default:
		full, half := s.chunks[p.c], chunkEntries/2
		s.chunks[p.c] = grow(full[:half])
		s.chunks = slices.Insert(s.chunks, p.c+1, grow(full[half:]))
		if p.i > half {
			p = spot{p.c + 1, p.i - half}
		}
	}
	chunk := s.chunks[p.c]
	if len(chunk) == cap(chunk) {
		chunk = grow(chunk)
	}
	s.chunks[p.c] = slices.Insert(chunk, p.i, e)
}

// remove takes out the entry at p.
func (s *series) remove(p spot) {
	s.chunks[p.c] = slices.Delete(s.chunks[p.c], p.i, p.i+1)
	if len(s.chunks[p.c]) == 0 {
		s.chunks = slices.Delete(s.chunks, p.c, p.c+1)
	}
	if len(s.chunks) == 0 {
		s.chunks = nil
	}
}

// cut removes the entries before p and returns the memory that they took.
func (s *series) cut(p spot) {
	if p.c == len(s.chunks) {
		s.chunks = nil
		return
	}
	if p.c > 0 {
		s.chunks = slices.Clone(s.chunks[p.c:])
	}
	if p.i > 0 {
		s.chunks[0] = grow(s.chunks[0][p.i:])
	}
}

// grow copies a chunk to one with room for an eighth more, and at least one
// more.
func grow(chunk []entry) []entry {
	return resized(chunk, min(len(chunk)+len(chunk)/8+1, chunkEntries))
}

// resized copies s to a slice with room for size elements and what the allocator
// rounds that up to, and not, as append does, for a quarter more.
func resized[T any](s []T, size int) []T {
	return append(slices.Grow([]T(nil), size), s...)
}
