package livefile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// maxBytes bounds a file.
const maxBytes = 1 << 20

// coarse is how exact the time of a file's last change may be: two changes that
// follow each other sooner can have the same one. A file that was changed so
// shortly before it was read is read again.
const coarse = 2 * time.Second

// File is a file and what it holds, as far as it could be understood. All methods
// may be called concurrently.
type File[T any] struct {
	path  string
	parse func([]byte) (T, error)
	tell  func(error)

	mu    sync.Mutex
	value T
	seen  sight
}

// sight is what was last seen of the file, good or bad.
type sight struct {
	info fs.FileInfo // nil when it could not be read
	at   time.Time   // before it was read
	sum  [sha256.Size]byte
	bad  string // what could not be read, or why; empty when it was good
}

// Open reads a regular file of at most 1 MiB. The error says why it can't be read
// or what parse says. Parse must hold nothing of the content in its error: errors
// are logged. Tell, unless nil, is called once for each later content: with nil
// when it was taken, with an error when it was not. It must not call the File.
func Open[T any](path string, parse func([]byte) (T, error), tell func(error)) (*File[T], error) {
	f := &File[T]{path: path, parse: parse, tell: tell}
	if f.tell == nil {
		f.tell = func(error) {}
	}
	at := time.Now()
	data, info, err := read(path)
	if err != nil {
		return nil, err
	}
	if f.value, err = parse(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.seen = sight{info: info, at: at, sum: sha256.Sum256(data)}
	return f, nil
}

// Current is the last good content. It looks whether the file has changed, which
// blocks as long as the file system does.
func (f *File[T]) Current() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err == nil && f.seen.same(info) {
		return f.value
	}
	at := time.Now()
	data, info, err := read(f.path)
	if err != nil {
		f.refuse(sight{bad: err.Error()}, err)
		return f.value
	}
	next := sight{info: info, at: at, sum: sha256.Sum256(data), bad: f.seen.bad}
	if f.seen.info != nil && next.sum == f.seen.sum {
		f.seen = next // written again as it was
		return f.value
	}
	value, err := f.parse(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", f.path, err)
		next.bad = err.Error()
		f.refuse(next, err)
		return f.value
	}
	next.bad = ""
	f.value, f.seen = value, next
	f.tell(nil)
	return f.value
}

// refuse remembers what could not be taken, and tells of it unless that is what was
// told last.
func (f *File[T]) refuse(next sight, err error) {
	known := f.seen.bad == next.bad && f.seen.sum == next.sum
	f.seen = next
	if !known {
		f.tell(err)
	}
}

// same reports whether a file that looks like info must hold what was seen.
func (s *sight) same(info fs.FileInfo) bool {
	return s.info != nil && os.SameFile(s.info, info) && s.info.Size() == info.Size() &&
		s.info.ModTime().Equal(info.ModTime()) && s.at.Sub(info.ModTime()) > coarse
}

// read reads a file. What it says of it is from before it was read.
func read(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err // names the path
	}
	if !info.Mode().IsRegular() {
		// A pipe would block for as long as nobody writes.
		return nil, nil, fmt.Errorf("%s: want a regular file, have %s", path, info.Mode().Type())
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(data) > maxBytes {
		return nil, nil, fmt.Errorf("%s: want at most %d bytes, have more", path, maxBytes)
	}
	return data, info, nil
}
