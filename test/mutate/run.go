package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// progressEvery is how often a line says how far the run is.
const progressEvery = time.Minute

// ended is a mutant that a worker is done with.
type ended struct {
	mutant *mutant
	fate   fate
	why    string
	err    error
}

// runAll runs the mutants that have no fate yet and tells of each survivor at
// once. It returns how many it ran; an error says why that is not all. Fates are
// written by this goroutine only.
func (c *campaign) runAll(ctx context.Context, stderr io.Writer) (ran int, err error) {
	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var waiting []*mutant
	for _, m := range c.mutants {
		if m.fate == notRun {
			waiting = append(waiting, m)
		}
	}
	// The first that goes wrong ends the others.
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	results := c.work(running, work, waiting)
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case e, more := <-results:
			if !more {
				if err == nil && ctx.Err() != nil {
					err = fmt.Errorf("interrupted: %d of %d mutants run", ran, len(waiting))
				}
				return ran, err
			}
			if e.err != nil {
				if err == nil && ctx.Err() == nil {
					err = fmt.Errorf("%s: %w", e.mutant, e.err)
				}
				cancel()
				break
			}
			ran++
			e.mutant.fate, e.mutant.why = e.fate, e.why
			switch {
			case e.fate == survived:
				fmt.Fprintf(stderr, "SURVIVED %s\n", e.mutant)
			case e.fate == killed && e.why != "":
				fmt.Fprintf(stderr, "killed, but %s: %s\n", e.why, e.mutant)
			}
		case <-ticker.C:
			fmt.Fprintf(stderr, "%d of %d mutants run\n", ran, len(waiting))
		}
	}
}

// work runs the mutants, c.workers at a time, until all are done or the context
// is. It closes what it returns when no worker is left.
func (c *campaign) work(ctx context.Context, folder string, waiting []*mutant) <-chan ended {
	results := make(chan ended)
	next := make(chan int)
	var workers sync.WaitGroup
	for range c.workers {
		workers.Go(func() {
			for i := range next {
				f, why, err := c.run(ctx, filepath.Join(folder, fmt.Sprint(i)), waiting[i])
				results <- ended{waiting[i], f, why, err}
			}
		})
	}
	go func() {
		defer close(results)
		defer workers.Wait()
		defer close(next)
		for i := range waiting {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	return results
}

// run has the mutant judged by the suites that depend on it, until one fails. It
// writes the mutant to a folder that it makes and removes.
func (c *campaign) run(ctx context.Context, folder string, m *mutant) (f fate, why string, err error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return notRun, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	changed, overlay := filepath.Join(folder, "mutant.go"), filepath.Join(folder, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {m.source.path: changed}})
	if err != nil {
		return notRun, "", err
	}
	if err := errors.Join(os.WriteFile(changed, m.text(), 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return notRun, "", err
	}
	for _, s := range suitesFor(c.suites, m.source.pkg) {
		f, text, err := goTest(ctx, c.root, overlay, s.path, s.timeout, s.args...)
		switch {
		case err != nil:
			return notRun, "", err
		case f == notCompiling:
			return f, compilerError(text), nil
		case f == killed:
			return f, hung(text), nil
		}
	}
	return survived, "", nil
}
