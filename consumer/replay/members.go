package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// decoders are reused: a new one has to grow its buffers first.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// lenient reads what Falco wrote, not what it should have written: a byte that
// is no UTF-8 in a command line is part of the recording.
var lenient = []jsontext.Options{jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)}

// eachMember calls visit for each member of the JSON object src, in order, with
// the value as it is written, which is part of src, and the place in src where
// it ends. It fails when src is not exactly one well-formed object.
func eachMember(src []byte, visit func(name string, value jsontext.Value, end int) error) error {
	dec := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(src), lenient...)
	defer dec.Reset(eof{})

	first, err := dec.ReadToken()
	if err != nil {
		return wellFormed(err)
	}
	if first.Kind() != '{' {
		return fmt.Errorf("want a JSON object, have %s", first.Kind())
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return wellFormed(err)
		}
		name := token.String()
		value, err := dec.ReadValue()
		if err != nil {
			return wellFormed(err)
		}
		if err := visit(name, value, int(dec.InputOffset())); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return wellFormed(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("want one JSON object, have something after it")
	}
	return nil
}

// wellFormed says in words what jsontext found.
func wellFormed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON object is cut off")
	}
	return fmt.Errorf("no well-formed JSON: %w", err)
}

// eof is an empty input, for decoders that wait in the pool.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// unquote is the string that a JSON value stands for; false when it is no string.
func unquote(v jsontext.Value) ([]byte, bool) {
	if v.Kind() != '"' {
		return nil, false
	}
	// The value was read as well-formed before. What is no UTF-8 in it is
	// repaired, and that is the only error left.
	s, _ := jsontext.AppendUnquote(nil, v)
	return s, true
}
