package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

// prepare makes the mutants that the options ask for and finds the tests that
// judge them. It runs no test.
func prepare(ctx context.Context, o options) (*campaign, error) {
	// The go command must see each file under one name, whatever links lead to it.
	root, err := filepath.EvalSymlinks(o.dir)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	c := &campaign{root: root, workers: o.workers}
	if c.suites, err = loadSuites(ctx, root, strings.Split(o.tests, ",")); err != nil {
		return nil, err
	}
	names, folders, err := tidy(o.targets)
	if err != nil {
		return nil, err
	}
	p, err := loadProgram(ctx, root, folders)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := c.take(p, name); err != nil {
			return nil, err
		}
	}
	return c, c.choose(o)
}

// tidy returns the targets' names, each once, and their folders as the go command
// wants them.
func tidy(targets []string) (names, folders []string, err error) {
	for _, name := range targets {
		name = filepath.ToSlash(filepath.Clean(name))
		if !filepath.IsLocal(name) {
			return nil, nil, fmt.Errorf("%s: want a file below -dir, relative to it", name)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		if folder := "./" + filepath.ToSlash(filepath.Dir(name)); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return names, folders, nil
}

// take makes the mutants of a target.
func (c *campaign) take(p *program, name string) error {
	path := filepath.Join(c.root, filepath.FromSlash(name))
	in, err := p.packageOf(path)
	if err != nil {
		return err
	}
	if len(suitesFor(c.suites, in.ImportPath)) == 0 {
		return fmt.Errorf("%s: none of the -test packages depends on it", name)
	}
	s := &source{name: name, path: path, pkg: in.ImportPath, text: in.texts[path], fset: p.fset, syntax: in.files[path], info: in.info}
	if err := s.readMarks(); err != nil {
		return err
	}
	all := s.mutants()
	if err := s.unusedMark(all); err != nil {
		return err
	}
	for _, m := range all {
		if m.fate != notRun {
			continue
		}
		if err := p.compiles(in, path, m.text()); err != nil {
			m.fate, m.why = notCompiling, compilerError(err.Error())
		}
	}
	c.sources, c.mutants = append(c.sources, s), append(c.mutants, all...)
	return nil
}

// choose leaves those mutants that the options ask for.
func (c *campaign) choose(o options) error {
	c.made = len(c.mutants)
	c.mutants = slices.DeleteFunc(c.mutants, func(m *mutant) bool { return !o.only.MatchString(m.String()) })
	if len(c.mutants) == 0 {
		return errors.New("no mutant is left: no target has a condition, or -run matches none")
	}
	if o.sample == 0 || o.sample >= len(c.mutants) {
		return nil
	}
	drawn := rand.New(rand.NewPCG(o.seed, 0)).Perm(len(c.mutants))[:o.sample]
	slices.Sort(drawn) // as the files have them
	for i, k := range drawn {
		c.mutants[i] = c.mutants[k]
	}
	c.mutants = c.mutants[:o.sample]
	return nil
}
