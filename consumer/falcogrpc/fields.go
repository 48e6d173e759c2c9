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

func (m *message) addEntry(e entry) {
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

// newAlert makes an alert, and fields and tags for it. Most alerts get all three
// in one piece of memory.
func (m *message) newAlert() (*correlate.Alert, []correlate.Field, []string) {
	switch {
	case m.nFields <= 12 && m.nTags <= 8:
		r := new(struct {
			alert  correlate.Alert
			fields [12]correlate.Field
			tags   [8]string
		})
		return &r.alert, r.fields[:m.nFields:m.nFields], r.tags[:m.nTags:m.nTags]
	case m.nFields <= 24 && m.nTags <= 8:
		r := new(struct {
			alert  correlate.Alert
			fields [24]correlate.Field
			tags   [8]string
		})
		return &r.alert, r.fields[:m.nFields:m.nFields], r.tags[:m.nTags:m.nTags]
	}
	return new(correlate.Alert), make([]correlate.Field, m.nFields), make([]string, m.nTags)
}

// tagsInOrder are the tags as they came, nil when there are none.
func (m *message) tagsInOrder(tags []string) []string {
	if len(tags) == 0 {
		return nil
	}
	for i := range tags {
		if i < len(m.tags) {
			tags[i] = m.textAt(m.tags[i])
		} else {
			tags[i] = m.textAt(m.moreTags[i-len(m.tags)])
		}
	}
	return tags
}

// sortedFields brings the fields into normal form, nil when there are none.
func (m *message) sortedFields(fields []correlate.Field) correlate.Fields {
	if len(fields) == 0 {
		return nil
	}
	normal := len(m.moreFields) == 0 && m.sortFields()
	for i := range fields {
		var e entry
		if i < len(m.fields) {
			e = m.fields[i]
		} else {
			e = m.moreFields[i-len(m.fields)]
		}
		name, value := m.textAt(e.name), m.textAt(e.value)
		normal = normal && value != correlate.NotAvailable && !strings.HasPrefix(name, "evt.time")
		fields[i] = correlate.Field{Name: name, Value: value}
	}
	if normal {
		return fields // NewFields would find nothing to do
	}
	if kept := correlate.NewFields(fields); len(kept) > 0 {
		return kept
	}
	return nil
}

// sortFields sorts the fields by name and reports whether all names differ. A
// protobuf map comes in no order. Names are compared by their first eight bytes,
// as a number, and in full only where these are equal. Equal names keep their
// order, of which the last counts.
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
