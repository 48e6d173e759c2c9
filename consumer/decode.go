package consumer

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/falcogate/falcogate/correlate"
)

// maxDepth is how deep a message may nest: the alert, its output_fields and a
// list among them make three.
const maxDepth = 4

// DecodeJSON reads one alert as Falco writes it with json_output: true: a line
// of its file output without the newline, the body of its HTTP output, or
// falcosidekick's payload. The error is always a *MalformedError.
//
// Keys that are not known are passed over, as a newer Falco may have more;
// known ones must have the type that Falco gives them. Output, tags and
// output_fields may be absent, since Falco can be told to leave them out; then
// message stands in for output. A missing source means "syscall", as in Falco's
// gRPC output. Numbers keep the digits that came, null means that Falco did not
// have the value, and a list becomes the text that Falco's gRPC output has for
// it. Safe for concurrent use; line is not kept.
func DecodeJSON(line []byte) (*correlate.Alert, error) {
	d := decoders.Get().(*decoder)
	defer func() {
		d.release()
		decoders.Put(d)
	}()
	d.line = string(line)
	d.in = *bytes.NewBuffer(line)
	d.json.Reset(&d.in)
	a, err := d.alert(line)
	if err == nil && d.wrong == nil {
		err = Check(a)
	}
	if err == nil && d.wrong == nil {
		return a, nil
	}
	// A wrong field that was met first says more than what came of it.
	m := d.wrong
	if m == nil && !errors.As(err, &m) {
		m = syntaxError(line, err)
	}
	if len(a.Hostname) <= maxNameBytes {
		m.Hostname = a.Hostname
	}
	return nil, m
}

// decoder is the state of one DecodeJSON, kept for the next.
type decoder struct {
	in   bytes.Buffer
	json *jsontext.Decoder
	// line is the one copy of the message that all strings of the alert are
	// parts of, as far as they have no escapes.
	line   string
	fields []correlate.Field
	tags   []string
	// wrong is the first field that was wrong. Reading goes on behind it: the
	// hostname may still come.
	wrong *MalformedError
}

var decoders = sync.Pool{New: func() any { return &decoder{json: jsontext.NewDecoder(new(bytes.Buffer))} }}

// release drops what a pooled decoder would keep alive.
func (d *decoder) release() {
	clear(d.fields)
	clear(d.tags)
	d.fields, d.tags, d.wrong, d.line = d.fields[:0], d.tags[:0], nil, ""
	if cap(d.fields) > 1024 {
		d.fields = nil
	}
	if cap(d.tags) > 1024 {
		d.tags = nil
	}
	d.in = bytes.Buffer{}
	d.json.Reset(&d.in)
}

// alert reads the whole message. The alert is never nil: its hostname may be
// known though the rest is wrong.
func (d *decoder) alert(line []byte) (*correlate.Alert, error) {
	a := &correlate.Alert{}
	if err := wantObject(line); err != nil {
		return a, err
	}
	if _, err := d.json.ReadToken(); err != nil {
		return a, err
	}
	var priority, stamp, message string
	var hasOutput bool
	for d.json.PeekKind() != '}' {
		key, err := d.value()
		if err != nil {
			return a, err
		}
		switch key {
		case "hostname":
			_, err = d.text("hostname", &a.Hostname)
		case "output":
			hasOutput, err = d.text("output", &a.Output)
		case "message":
			_, err = d.text("message", &message)
		case "priority":
			_, err = d.text("priority", &priority)
		case "rule":
			_, err = d.text("rule", &a.Rule)
		case "source":
			_, err = d.text("source", &a.Source)
		case "time":
			_, err = d.text("time", &stamp)
		case "tags":
			err = d.readTags()
		case "output_fields":
			err = d.readFields()
		default:
			err = d.skip()
		}
		if err != nil {
			return a, err
		}
	}
	if _, err := d.json.ReadToken(); err != nil { // the closing brace
		return a, err
	}
	if err := d.end(); err != nil {
		return a, err
	}
	if d.wrong != nil {
		return a, nil //nolint:nilerr // there is no error; the caller looks at d.wrong
	}
	if !hasOutput {
		a.Output = message
	}
	if a.Source == "" {
		a.Source = "syscall"
	}
	if fields := correlate.NewFields(slices.Clone(d.fields)); len(fields) > 0 {
		a.OutputFields = fields
	}
	if len(d.tags) > 0 {
		a.Tags = slices.Clone(d.tags)
	}
	var err error
	if a.Priority, err = parsePriority(priority); err != nil {
		return a, err
	}
	a.Time, err = parseTime(stamp)
	return a, err
}

// end wants nothing behind the object.
func (d *decoder) end() error {
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return Malformedf(ClassSyntax, "", "want one JSON object, have more behind it at byte %d", d.json.InputOffset())
	}
	return nil
}

// fail notes the first field that has the wrong type.
func (d *decoder) fail(field, format string, args ...any) {
	if d.wrong == nil {
		d.wrong = Malformedf(ClassType, field, format, args...)
	}
}
