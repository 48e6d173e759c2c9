package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// listed is a package as `go list` tells of it.
type listed struct {
	ImportPath string
	Dir        string
	Export     string // the file with its types
	GoFiles    []string
	Module     *struct{ GoVersion string }
}

// program is the packages of the targets, and the types of all they import.
type program struct {
	fset     *token.FileSet
	byDir    map[string]listed
	imports  types.Importer
	packages map[string]*checked // by folder, as far as asked for
}

// checked is a package whose types are known.
type checked struct {
	listed
	texts map[string][]byte // by path, as all below
	files map[string]*ast.File
	info  *types.Info
}

// loadProgram lists the packages in the folders and what they import. It builds
// them, since the compiler's own record of a package's types is what is read.
func loadProgram(ctx context.Context, root string, folders []string) (*program, error) {
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Module"}
	text, err := goOutput(ctx, root, append(args, folders...)...)
	if err != nil {
		return nil, err
	}
	p := &program{fset: token.NewFileSet(), byDir: map[string]listed{}, packages: map[string]*checked{}}
	exports := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var l listed
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading what go list says: %w", err)
		}
		p.byDir[l.Dir], exports[l.ImportPath] = l, l.Export
	}
	p.imports = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("go list names no types of %q", path)
		}
		return os.Open(exports[path])
	})
	return p, nil
}

// packageOf returns the package of a source file, with its types.
func (p *program) packageOf(path string) (*checked, error) {
	dir := filepath.Dir(path)
	l, ok := p.byDir[dir]
	if !ok || !slices.Contains(l.GoFiles, filepath.Base(path)) {
		return nil, fmt.Errorf("%s is not built here: want a source file of a package, and no test", path)
	}
	if c := p.packages[dir]; c != nil {
		return c, nil
	}
	c := &checked{listed: l, texts: map[string][]byte{}, files: map[string]*ast.File{}}
	for _, name := range l.GoFiles {
		name = filepath.Join(dir, name)
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(p.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		c.texts[name], c.files[name] = text, file
	}
	info, err := p.typesOf(c, "", nil)
	if err != nil {
		return nil, fmt.Errorf("the types of %s: %w", l.ImportPath, err)
	}
	c.info = info
	p.packages[dir] = c
	return c, nil
}

// compiles returns what the compiler would say of the package with another text
// in one of its files; nil when it compiles. It takes milliseconds, and so spares
// the go command the mutants that can't be built.
func (p *program) compiles(c *checked, path string, text []byte) error {
	file, err := parser.ParseFile(p.fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	_, err = p.typesOf(c, path, file)
	return err
}

// typesOf checks the types of the package, with file in place of the one at path.
func (p *program) typesOf(c *checked, path string, file *ast.File) (*types.Info, error) {
	files := make([]*ast.File, 0, len(c.files))
	for name, f := range c.files {
		if name == path {
			f = file
		}
		files = append(files, f)
	}
	config := types.Config{Importer: p.imports}
	if c.Module != nil && c.Module.GoVersion != "" {
		config.GoVersion = "go" + c.Module.GoVersion
	}
	info := newInfo()
	_, err := config.Check(c.ImportPath, p.fset, files, info)
	return info, err
}

// newInfo holds what the mutators ask of the types.
func newInfo() *types.Info {
	return &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
}
