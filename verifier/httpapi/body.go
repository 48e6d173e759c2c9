package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/falcogate/falcogate/verifier"
)

// maxBody bounds the body of a request, in bytes. Its parameters need much less.
const maxBody = 64 << 10

// errMediaType is returned for a body that is not sent as JSON.
var errMediaType = errors.New("want a JSON body: send it with Content-Type: application/json")

// bodyParams reads parameters from a request's body: a JSON object whose values
// are strings or numbers, but for those of structured names, which may be anything and
// are kept as JSON. The query string must be empty: a question is in one place.
func bodyParams(w http.ResponseWriter, r *http.Request, known []string, structured ...string) (params, error) {
	if r.URL.RawQuery != "" {
		p, err := queryParams(r.URL.RawQuery, known)
		if err != nil {
			return nil, err
		}
		for _, name := range known {
			if g, ok := p[name]; ok {
				return nil, &verifier.FieldError{Field: g.name, Detail: "belongs into the JSON body of a POST, not into the query string"}
			}
		}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, errMediaType
	}
	given, err := readObject(http.MaxBytesReader(w, r.Body, maxBody), structured)
	if err != nil {
		return nil, err
	}
	return newParams(given, known)
}

// readObject reads a JSON object of strings and numbers, and of JSON under structured
// names. Numbers keep their digits: nanoseconds don't fit into a float.
func readObject(body io.Reader, structured []string) ([]param, error) {
	// A name that comes twice is for newParams to name.
	dec := jsontext.NewDecoder(body, jsontext.AllowDuplicateNames(true))
	if tok, err := dec.ReadToken(); err != nil {
		return nil, bodyError(err)
	} else if tok.Kind() != jsontext.KindBeginObject {
		return nil, &verifier.FieldError{Detail: "the body is no JSON object: want {\"namespace\": …, \"since\": …}"}
	}
	var given []param
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, bodyError(err)
		}
		if tok.Kind() == jsontext.KindEndObject {
			break
		}
		name := tok.String()
		if slices.Contains(structured, name) {
			value, err := dec.ReadValue()
			if err != nil {
				return nil, bodyError(err)
			}
			given = append(given, param{name, string(value)})
			continue
		}
		if kind := dec.PeekKind(); kind != jsontext.KindString && kind != jsontext.KindNumber && kind != jsontext.KindInvalid {
			return nil, &verifier.FieldError{Field: name, Detail: "want a string or a number"}
		}
		value, err := dec.ReadToken()
		if err != nil {
			return nil, bodyError(err)
		}
		given = append(given, param{name, value.String()})
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &verifier.FieldError{Detail: "there is more in the body behind the JSON object"}
	}
	return given, nil
}

// bodyError keeps the error of a body that is too large, and names the place in
// one that is broken.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return tooLarge
	}
	return &verifier.FieldError{Detail: fmt.Sprintf("the body is no JSON object: %v", err)}
}
