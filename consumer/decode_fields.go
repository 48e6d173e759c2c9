package consumer

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/falcogate/falcogate/correlate"
)

// listBytes is how long the text of a list can be: libsinsp keeps it in a buffer
// of 1024 bytes with a zero at the end, and cuts what is longer.
const listBytes = 1023

// text reads a string into into, and reports whether there was one. Anything
// else is noted as wrong and passed over.
func (d *decoder) text(field string, into *string) (bool, error) {
	if k := d.json.PeekKind(); k != '"' && k > 0 {
		d.fail(field, "want a string, have %s", kindName(k))
		return false, d.skip()
	}
	v, err := d.value()
	if err != nil {
		return false, err
	}
	*into = v
	return true, nil
}

// value reads a key or a value that is no object and no array: the text of a
// string, else what stands there.
func (d *decoder) value() (string, error) {
	v, err := d.json.ReadValue()
	if err != nil {
		return "", err
	}
	end := int(d.json.InputOffset())
	literal := d.line[end-len(v) : end]
	switch {
	case literal[0] != '"':
		return literal, nil
	case strings.IndexByte(literal, '\\') < 0:
		return literal[1 : len(literal)-1], nil
	}
	text, err := jsontext.AppendUnquote(make([]byte, 0, len(v)), v)
	return string(text), err
}

// readTags reads an array of strings. Null counts as absent.
func (d *decoder) readTags() error {
	switch k := d.json.PeekKind(); {
	case k == 'n':
		return d.skip()
	case k != '[' && k > 0:
		d.fail("tags", "want an array of strings, have %s", kindName(k))
		return d.skip()
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != ']' {
		var tag string
		if _, err := d.text("tags", &tag); err != nil {
			return err
		}
		d.tags = append(d.tags, tag)
	}
	_, err := d.json.ReadToken()
	return err
}

// readFields reads output_fields. Null counts as absent.
func (d *decoder) readFields() error {
	switch k := d.json.PeekKind(); {
	case k == 'n':
		return d.skip()
	case k != '{' && k > 0:
		d.fail("output_fields", "want an object, have %s", kindName(k))
		return d.skip()
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		key, err := d.value()
		if err != nil {
			return err
		}
		f := correlate.Field{Name: key}
		switch k := d.json.PeekKind(); k {
		case '[':
			f.Value, err = d.list(f.Name)
		case '{':
			d.fail("output_fields", "%s: want a string, a number, true, false, null or a list of them, have an object",
				quote(f.Name))
			err = d.skip()
		default:
			f.Value, err = d.scalar()
		}
		if err != nil {
			return err
		}
		d.fields = append(d.fields, f)
	}
	_, err := d.json.ReadToken()
	return err
}

// scalar reads a value as Falco's gRPC output would write it: strings as they
// are, numbers in their digits, true or false, "<NA>" for null.
func (d *decoder) scalar() (string, error) {
	null := d.json.PeekKind() == 'n'
	v, err := d.value()
	if null {
		v = correlate.NotAvailable
	}
	return v, err
}

// list reads an array into the text that libsinsp prints for a field that is a
// list: "(a,b)". The JSON outputs have such a field as an array, the gRPC output
// as this text, and the alert's identity must not depend on which it was.
func (d *decoder) list(name string) (string, error) {
	if _, err := d.json.ReadToken(); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteByte('(')
	for d.json.PeekKind() != ']' {
		var v string
		var err error
		switch k := d.json.PeekKind(); k {
		case '{', '[':
			d.fail("output_fields", "%s: want a list of strings or numbers, have %s in it", quote(name), kindName(k))
			err = d.skip()
		default:
			v, err = d.scalar()
		}
		if err != nil {
			return "", err
		}
		// libsinsp puts the comma by the text's length, so that none follows
		// empty values at the beginning.
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(v)
	}
	b.WriteByte(')')
	_, err := d.json.ReadToken()
	return cut(b.String(), listBytes), err
}

// skip passes over a value of any type, as long as it is not nested too deep.
func (d *decoder) skip() error {
	depth := d.json.StackDepth()
	for {
		if _, err := d.json.ReadToken(); err != nil {
			return err
		}
		switch now := d.json.StackDepth(); {
		case now > maxDepth:
			return Malformedf(ClassTooDeep, "", "want at most %d levels of nesting, have more at byte %d",
				maxDepth, d.json.InputOffset())
		case now == depth:
			return nil
		}
	}
}
