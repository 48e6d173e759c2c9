package falcogrpc

import (
	"encoding/binary"
	"strings"

	"github.com/falcogate/falcogate/correlate"
)

// place is a part of the message, from one byte to before another. Messages are
// far smaller than its numbers could count.
type place struct{ from, to uint32 }

// entry is one entry of the map output_fields.
type entry struct{ name, value place }

func (m *message) addField(e entry) {
	if m.nFields < len(m.fields) {
		m.fields[m.nFields] = e
	} else {
		m.moreFields = append(m.moreFields, e)
	}
	m.nFields++
}

func (m *message) addTag(p place) {
	if m.nTags < len(m.tags) {
		m.tags[m.nTags] = p
	} else {
		m.moreTags = append(m.moreTags, p)
	}
	m.nTags++
}

// textAt is the text at a place.
func (m *message) textAt(p place) string { return m.text[p.from:p.to] }

// tagsInOrder are the tags as they came, nil when there are none.
func (m *message) tagsInOrder() []string {
	if m.nTags == 0 {
		return nil
	}
	tags := make([]string, 0, m.nTags)
	for i := range min(m.nTags, len(m.tags)) {
		tags = append(tags, m.textAt(m.tags[i]))
	}
	for _, p := range m.moreTags {
		tags = append(tags, m.textAt(p))
	}
	return tags
}

// sortedFields brings the fields into normal form, nil when there are none.
func (m *message) sortedFields() correlate.Fields {
	if m.nFields == 0 {
		return nil
	}
	normal := len(m.moreFields) == 0 && m.sortFields()
	fields := make([]correlate.Field, 0, m.nFields)
	for i := range min(m.nFields, len(m.fields)) {
		f := correlate.Field{Name: m.textAt(m.fields[i].name), Value: m.textAt(m.fields[i].value)}
		normal = normal && f.Value != correlate.NotAvailable && !strings.HasPrefix(f.Name, "evt.time")
		fields = append(fields, f)
	}
	if normal {
		return fields // NewFields would find nothing to do
	}
	for _, e := range m.moreFields {
		fields = append(fields, correlate.Field{Name: m.textAt(e.name), Value: m.textAt(e.value)})
	}
	if fields = correlate.NewFields(fields); len(fields) == 0 {
		return nil
	}
	return fields
}

// sortFields sorts the fields by name and reports whether all names differ. A
// protobuf map comes in no order, and sorting is most of what Decode does: so
// names are compared by their first eight bytes, as a number, and in full only
// where these are equal. Equal names keep their order, of which the last counts.
func (m *message) sortFields() (differ bool) {
	differ = true
	var keys [len(m.fields)]uint64
	for i := range m.nFields {
		e := m.fields[i]
		name := m.textAt(e.name)
		key := firstBytes(name)
		j := i
		for ; j > 0; j-- {
			if key > keys[j-1] {
				break
			}
			if key == keys[j-1] {
				other := m.textAt(m.fields[j-1].name)
				if name >= other {
					differ = differ && name != other
					break
				}
			}
			keys[j], m.fields[j] = keys[j-1], m.fields[j-1]
		}
		keys[j], m.fields[j] = key, e
	}
	return differ
}

// firstBytes is the text's first eight bytes, zeros where it is shorter, as a
// number that sorts as they do.
func firstBytes(s string) uint64 {
	var b [8]byte
	copy(b[:], s)
	return binary.BigEndian.Uint64(b[:])
}
