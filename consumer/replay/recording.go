package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Recording is a recording that was opened. It can be played more than once, but
// not concurrently.
type Recording struct {
	name   string
	stream io.Reader // standard input while it was not read yet
	file   *os.File  // a file that can be read again
	remove bool      // file is a copy of ours
}

// Open opens a recording: the path of a file, plain or gzip, or Stdin.
//
// Standard input is read as it comes. Only Span, which has to see the end,
// copies it to a temporary file first. The caller must Close the recording.
func Open(path string) (*Recording, error) {
	if path == Stdin {
		return &Recording{name: "standard input", stream: os.Stdin}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return &Recording{name: path, file: f}, nil
}

// Messages are the messages of the recording, in its order. An error ends them.
// Each range begins at the beginning.
func (r *Recording) Messages() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		src, err := r.rewind()
		if err != nil {
			yield(Message{}, err)
			return
		}
		for reader := NewReader(src, r.name); ; {
			m, err := reader.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// rewind returns the recording from its beginning.
func (r *Recording) rewind() (io.Reader, error) {
	if r.file == nil {
		src := r.stream
		if src == nil {
			return nil, errors.New(r.name + " was read already and can't be read again: put it into a file")
		}
		r.stream = nil
		return src, nil
	}
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return r.file, nil
}

// Span reads the recording once and returns the earliest and the latest time of
// its messages, both zero when it has none.
func (r *Recording) Span(ctx context.Context) (earliest, latest time.Time, err error) {
	if r.stream != nil {
		if err := r.spool(); err != nil {
			return time.Time{}, time.Time{}, err
		}
	}
	for m, err := range r.Messages() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return time.Time{}, time.Time{}, err
		}
		earliest, latest = extend(earliest, latest, m.Time)
	}
	return earliest, latest, nil
}

// extend widens the span from earliest to latest so that it holds t.
func extend(earliest, latest, t time.Time) (time.Time, time.Time) {
	if earliest.IsZero() || t.Before(earliest) {
		earliest = t
	}
	if latest.IsZero() || t.After(latest) {
		latest = t
	}
	return earliest, latest
}

// spool copies the stream to a temporary file.
func (r *Recording) spool() error {
	f, err := os.CreateTemp("", "falcogate-replay-*")
	if err != nil {
		return fmt.Errorf("copy %s to read it twice: %w", r.name, err)
	}
	r.file, r.remove = f, true
	if _, err := io.Copy(f, r.stream); err != nil {
		return fmt.Errorf("copy %s to read it twice: %w", r.name, err)
	}
	r.stream = nil
	return nil
}

// Close closes the recording and removes a copy that was made of it.
func (r *Recording) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	if r.remove {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	return err
}
