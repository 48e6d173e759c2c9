package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxLine is the longest line that a Reader takes, in bytes. Falco's alerts
// average 2.5 kB.
const MaxLine = 16 << 20

// Reader reads the messages of one recording. Not for concurrent use.
type Reader struct {
	name  string
	src   io.Reader
	lines *bufio.Reader
	line  int    // number of the line read last
	buf   []byte // a line longer than lines' buffer
	err   error  // what ended the reading
	// near is a time close to that of the next message: the one before it.
	near time.Time
}

// NewReader makes a Reader of a recording, plain or gzip. Name stands in its
// errors. Each line tells by itself of which kind it is; one recording may mix
// them.
//
//   - Falco's JSON lines, as its file output writes them.
//   - {"received_at", "response"}: what a gRPC client got, in protojson; or the
//     bare response.
//   - {"received_at", "headers", "body"}: what an HTTP receiver got.
//   - Text lines of a Falco with json_output: false.
func NewReader(r io.Reader, name string) *Reader { return &Reader{name: name, src: r} }

// Next returns the next message in the order of the recording, and io.EOF after
// the last one. Blank lines are skipped. A line that can't be read is an error
// that names the recording and the line; nothing can be read after it.
func (r *Reader) Next() (Message, error) {
	if r.err != nil {
		return Message{}, r.err
	}
	m, err := r.next()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("%s: line %d: %w", r.name, max(r.line, 1), err)
		}
		r.err = err
		return Message{}, err
	}
	r.near = m.Time
	return m, nil
}

func (r *Reader) next() (Message, error) {
	if r.lines == nil {
		if err := r.open(); err != nil {
			return Message{}, err
		}
	}
	for {
		line, err := r.readLine()
		if err != nil {
			return Message{}, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			m, err := r.parse(line)
			m.Line = r.line
			return m, err
		}
	}
}

// open looks at the first bytes: gzip begins with 1f 8b, text may begin with a
// byte order mark.
func (r *Reader) open() error {
	plain := bufio.NewReaderSize(r.src, 64<<10)
	r.lines = plain
	if magic, _ := plain.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(plain)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		r.lines = bufio.NewReaderSize(unzipped, 64<<10)
	}
	if mark, _ := r.lines.Peek(3); string(mark) == "\ufeff" {
		_, _ = r.lines.Discard(3)
	}
	return nil
}

// readLine returns the next line, valid until the next call. The last line need
// not end with a newline.
func (r *Reader) readLine() ([]byte, error) {
	r.line++
	r.buf = r.buf[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		if len(r.buf)+len(part) > MaxLine {
			return nil, fmt.Errorf("want at most %d bytes in a line, have more", MaxLine)
		}
		switch {
		case err == nil && len(r.buf) == 0:
			return part, nil
		case err == nil, errors.Is(err, io.EOF) && len(r.buf)+len(part) > 0:
			r.buf = append(r.buf, part...)
			return r.buf, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		r.buf = append(r.buf, part...)
	}
}
