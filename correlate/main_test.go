package correlate

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The core is pure: nothing but the standard library, and of that neither I/O
// nor a way to wait for something.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		read++
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			require.NotContains(t, path, ".", "%s imports a module", name)
			require.NotContains(t, []string{"os", "io", "net", "net/http", "log", "log/slog", "sync", "context", "unsafe", "math/rand", "math/rand/v2"}, path, "in %s", name)
		}
	}
	require.Greater(t, read, 10, "the package's files were found")
	// No clock either: only what comes as an argument.
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, call := range []string{"time.Now(", "time.Since(", "time.Until(", "time.After(", "time.Sleep(", "time.NewTimer(", "\tgo "} {
			require.NotContains(t, string(text), call, "in %s", name)
		}
	}
}
