package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// eventReader reads server-sent events, as the HTML standard has them: lines that end in
// a line feed, with a carriage return before it or without.
type eventReader struct {
	lines *bufio.Scanner
	heard func() // called for each line
}

// errLongEvent says that an event is larger than any of falcogate's.
var errLongEvent = errors.New("an event is larger than any of falcogate's")

func newEventReader(r io.Reader, heard func()) *eventReader {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAnswer)
	return &eventReader{lines, heard}
}

// next returns the next event that has data. At the end of the stream the error is
// ErrStreamEnded: an event that is not whole does not count.
func (r *eventReader) next() (kind string, data []byte, err error) {
	kind = "message"
	has := false
	for r.lines.Scan() {
		r.heard()
		line := r.lines.Bytes()
		if len(line) == 0 {
			if has {
				return kind, data, nil
			}
			kind = "message"
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			kind = string(value)
		case "data":
			if has {
				data = append(data, '\n')
			}
			if len(data)+len(value) > maxAnswer {
				return "", nil, errLongEvent
			}
			has, data = true, append(data, value...)
		}
	}
	switch err := r.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return "", nil, errLongEvent
	case err != nil:
		return "", nil, err
	}
	return "", nil, ErrStreamEnded
}
