package livefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// word takes a file of one word; a word that begins with ! is none.
func word(data []byte) (string, error) {
	s := strings.TrimSpace(string(data))
	if s == "" || strings.HasPrefix(s, "!") {
		return "", errors.New("want a word")
	}
	return s, nil
}

// told collects what a File says.
type told struct{ all []error }

func (o *told) tell(err error) { o.all = append(o.all, err) }

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func open(t *testing.T, content string) (*File[string], *told, string) {
	t.Helper()
	path, o := filepath.Join(t.TempDir(), "file"), &told{}
	write(t, path, content)
	f, err := Open(path, word, o.tell)
	require.NoError(t, err)
	require.Equal(t, content, f.Current())
	return f, o, path
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	_, err := Open(path, word, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, path)
	_, err = Open(dir, word, nil)
	require.ErrorContains(t, err, "want a regular file")
	write(t, path, "!")
	_, err = Open(path, word, nil)
	require.EqualError(t, err, path+": want a word")
	write(t, path, strings.Repeat("a", maxBytes+1))
	_, err = Open(path, word, nil)
	require.ErrorContains(t, err, "at most 1048576 bytes")
	write(t, path, strings.Repeat("a", maxBytes))
	_, err = Open(path, word, nil)
	require.NoError(t, err)
	// Nobody writes into it, and nobody waits for that.
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, err = Open(pipe, word, nil)
	require.ErrorContains(t, err, "want a regular file")
}

// Each change holds at once, also when it has the size and the time of what was
// there before.
func TestChanges(t *testing.T) {
	f, o, path := open(t, "one")
	for _, next := range []string{"two", "six", "ten", "one"} {
		write(t, path, next)
		require.Equal(t, next, f.Current())
	}
	require.Equal(t, []error{nil, nil, nil, nil}, o.all)

	// Renamed into place, with a time that is long past.
	other := path + ".new"
	write(t, other, "old")
	past := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(other, past, past))
	require.NoError(t, os.Rename(other, path))
	require.Equal(t, "old", f.Current())
	require.Len(t, o.all, 5)
	require.True(t, f.seen.same(f.seen.info), "it is not read again")
	require.Equal(t, "old", f.Current())
	// Touched, it is what it was.
	require.NoError(t, os.Chtimes(path, past, past.Add(time.Minute)))
	require.Equal(t, "old", f.Current())
	require.Len(t, o.all, 5)
}

// The files of a Secret are links to links, of which one is replaced.
func TestMountedSecret(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"v1", "v2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "file"), name)
	}
	require.NoError(t, os.Symlink("v1", filepath.Join(dir, "data")))
	require.NoError(t, os.Symlink("data/file", filepath.Join(dir, "file")))
	f, err := Open(filepath.Join(dir, "file"), word, nil)
	require.NoError(t, err)
	require.Equal(t, "v1", f.Current())
	require.NoError(t, os.Symlink("v2", filepath.Join(dir, "data.new")))
	require.NoError(t, os.Rename(filepath.Join(dir, "data.new"), filepath.Join(dir, "data")))
	require.Equal(t, "v2", f.Current())
}

// What is broken changes nothing and is told of once.
func TestBrokenKeepsTheOld(t *testing.T) {
	f, o, path := open(t, "good")
	write(t, path, "!broken")
	for range 3 {
		require.Equal(t, "good", f.Current())
	}
	require.Len(t, o.all, 1)
	require.EqualError(t, o.all[0], path+": want a word")

	write(t, path, "!other")
	require.Equal(t, "good", f.Current())
	require.Len(t, o.all, 2)

	require.NoError(t, os.Remove(path))
	for range 3 {
		require.Equal(t, "good", f.Current())
	}
	require.Len(t, o.all, 3)
	require.ErrorIs(t, o.all[2], os.ErrNotExist)

	require.NoError(t, os.Mkdir(path, 0o700))
	require.Equal(t, "good", f.Current())
	require.Len(t, o.all, 4)
	require.NoError(t, os.Remove(path))

	// What it was before is told of too: it is mended.
	write(t, path, "good")
	require.Equal(t, "good", f.Current())
	require.Len(t, o.all, 5)
	require.NoError(t, o.all[4])
	write(t, path, "better")
	require.Equal(t, "better", f.Current())
	require.Len(t, o.all, 6)
}

// A file that is being written may be read in its middle, and is read again.
func TestHalfWritten(t *testing.T) {
	f, o, path := open(t, "first")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	require.Equal(t, "first", f.Current(), "empty is broken")
	_, err = file.WriteString("sec")
	require.NoError(t, err)
	require.Equal(t, "sec", f.Current())
	_, err = file.WriteString("ond")
	require.NoError(t, err)
	require.Equal(t, "second", f.Current())
	require.NoError(t, file.Close())
	require.Len(t, o.all, 3)
}

func TestConcurrently(t *testing.T) {
	f, _, path := open(t, "aa")
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				if got := f.Current(); got != "aa" && got != "bb" && got != "a" && got != "b" {
					t.Errorf("have %q", got)
				}
			}
		})
	}
	for i := range 100 {
		write(t, path, []string{"aa", "bb"}[i%2])
	}
	readers.Wait()
	write(t, path, "last")
	require.Equal(t, "last", f.Current())
}
