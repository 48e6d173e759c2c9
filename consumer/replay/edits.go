package replay

import "bytes"

// edits are changes to a text that leave all else in it byte for byte as it was.
// They are noted by their places in src, in order, and made all at once.
type edits struct {
	src  []byte
	out  []byte
	done int // bytes of src that are in out
}

// replace puts text in place of src[start:end].
func (e *edits) replace(start, end int, text []byte) {
	if e.out == nil {
		e.out = make([]byte, 0, len(e.src)+16)
	}
	e.out = append(append(e.out, e.src[e.done:start]...), text...)
	e.done = end
}

// dst is src with the edits made. It shares no bytes with src.
func (e *edits) dst() []byte {
	if e.out == nil {
		return bytes.Clone(e.src)
	}
	return append(e.out, e.src[e.done:]...)
}
