package correlate

import "hash/maphash"

// symbols gives each distinct key a number for as long as something refers to
// it: the index writes a rule, or a pod on its sensor, as three bytes. A number
// that nothing refers to is given out again, so that the table is as large as
// the most that was ever alive at once, however many pods come and go.
//
// It is a hash table with chains that run through the list of keys, because a
// Go map from string to number and a list for the way back take almost twice
// the memory, and a map doesn't shrink.
type symbols[K comparable] struct {
	seed  maphash.Seed
	heads []uint32 // by hash: 1 + the first symbol of the chain, 0 for none
	list  []symbol[K]
	free  uint32 // 1 + the first symbol that is free, 0 for none
	live  int    // how many are not free
	limit int    // the most that may be alive
}

type symbol[K comparable] struct {
	key  K
	refs uint32
	next uint32 // in the chain or among the free: 1 + a symbol, or 0
}

func newSymbols[K comparable](limit int) symbols[K] {
	return symbols[K]{seed: maphash.MakeSeed(), limit: limit}
}

// full reports whether no new key has room.
func (s *symbols[K]) full() bool { return s.live >= s.limit }

// find returns the symbol of key, and whether it is there.
func (s *symbols[K]) find(key K) (uint32, bool) {
	if len(s.heads) == 0 {
		return 0, false
	}
	for n := *s.head(key); n != 0; n = s.list[n-1].next {
		if s.list[n-1].key == key {
			return n - 1, true
		}
	}
	return 0, false
}

// key returns the key of a live symbol.
func (s *symbols[K]) key(n uint32) K { return s.list[n].key }

// refer counts one more reference to a live symbol.
func (s *symbols[K]) refer(n uint32) { s.list[n].refs++ }

// add makes a symbol with one reference for a key that is not there, in a table
// that is not full.
func (s *symbols[K]) add(key K) uint32 {
	if s.live >= len(s.heads) {
		s.rehash(max(16, 2*len(s.heads)))
	}
	n := s.free
	if n != 0 {
		s.free = s.list[n-1].next
	} else {
		if len(s.list) == cap(s.list) {
			s.list = resized(s.list, len(s.list)+len(s.list)/8+1)
		}
		s.list = append(s.list, symbol[K]{})
		n = uint32(len(s.list))
	}
	head := s.head(key)
	s.list[n-1] = symbol[K]{key: key, refs: 1, next: *head}
	*head = n
	s.live++
	return n - 1
}

// release takes back one reference. It reports whether that was the last: then
// the symbol is gone.
func (s *symbols[K]) release(n uint32) bool {
	sym := &s.list[n]
	if sym.refs--; sym.refs > 0 {
		return false
	}
	link := s.head(sym.key)
	for *link != n+1 {
		link = &s.list[*link-1].next
	}
	*link = sym.next
	*sym = symbol[K]{next: s.free}
	s.free = n + 1
	s.live--
	return true
}

// compact gives back memory when nothing is alive any more; numbers that are
// in use can't be moved.
func (s *symbols[K]) compact() {
	if s.live == 0 {
		s.heads, s.list, s.free = nil, nil, 0
	}
}

func (s *symbols[K]) head(key K) *uint32 {
	h := maphash.Comparable(s.seed, key)
	return &s.heads[h&uint64(len(s.heads)-1)]
}

// rehash makes size chains, a power of two, of all symbols. There are as many
// chains as there ever were symbols, so that none is free when more are needed.
func (s *symbols[K]) rehash(size int) {
	s.heads = make([]uint32, size)
	for n := range s.list {
		head := s.head(s.list[n].key)
		s.list[n].next = *head
		*head = uint32(n) + 1
	}
}
