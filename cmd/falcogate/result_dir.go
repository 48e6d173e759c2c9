package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/falcogate/falcogate/verifier"
)

// resultMessageBytes is how much of the message a result has, as JSON. Tekton allows 4,096
// bytes for the results of all steps of a task, their names and its own JSON included.
const resultMessageBytes = 1024

// prepareResults says in the result directory that nothing is known yet, so that nobody
// takes what an earlier run has left for an answer, however this one ends.
func prepareResults(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no directory")
	}
	if err == nil {
		err = writeResultFile(dir, "verdict", verifier.Inconclusive.String())
	}
	if err == nil {
		err = writeResults(dir, result{reason: reasonUnanswered, message: "falcogate has not ended by itself"})
	}
	if err != nil {
		return usagef("--result-dir %s: want a directory that is there and can be written to: %w", dir, err)
	}
	return nil
}

// writeResults writes a file for each result, as Tekton reads them: without a line end.
// Each is there whole or not at all, and the verdict comes last.
func writeResults(dir string, r result) error {
	_, count := r.alerts()
	for _, file := range []struct{ name, value string }{
		{"alert-count", strconv.FormatUint(count, 10)},
		{"reason", r.reason},
		{"message", cutJSON(r.message, resultMessageBytes)},
		{"verdict", r.outcome.String()},
	} {
		if err := writeResultFile(dir, file.name, file.value); err != nil {
			return fmt.Errorf("result %s: %w", file.name, err)
		}
	}
	return nil
}

// writeResultFile replaces a file. Others may read it: in Tekton a sidecar does.
func writeResultFile(dir, name, value string) (err error) {
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// cutJSON is as much of s as has at most so many bytes in JSON, in which some characters
// have six.
func cutJSON(s string, most int) string {
	const mark = "…"
	size, cut := 0, 0
	for i, r := range s {
		quoted, err := json.Marshal(string(r))
		if err != nil {
			return s[:i] + mark // there is no such character
		}
		if size += len(quoted) - 2; size > most {
			return s[:cut] + mark
		}
		if size <= most-len(mark) {
			cut = i + len(string(r))
		}
	}
	return s
}
