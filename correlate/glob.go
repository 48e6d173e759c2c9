package correlate

import (
	"fmt"
	"path"
)

// Glob is a pattern for pod names. The zero Glob matches every name, the empty
// one of an alert without a pod included. Make others with ParseGlob or NoPod.
type Glob struct {
	pattern string
	noPod   bool
}

// ParseGlob reads a pattern with the syntax of path.Match: * ? [a-z] [^a-z] and
// \ to take the next character as it is. The whole name must match; case
// counts. An empty or malformed pattern is an error, because either would
// otherwise match nothing and make a query look silent.
func ParseGlob(pattern string) (Glob, error) {
	if pattern == "" {
		return Glob{}, fmt.Errorf("pod pattern is empty: leave it out to select all pods")
	}
	// Match reads all of the pattern even when the name can't match.
	if _, err := path.Match(pattern, ""); err != nil {
		return Glob{}, fmt.Errorf("pod pattern %q: %w (special characters are * ? [a-z] and \\)", pattern, err)
	}
	return Glob{pattern: pattern}, nil
}

// NoPod matches only alerts that name no pod. A pod pattern other than * can't
// match those, so whoever decides by pod has to ask for them too.
func NoPod() Glob { return Glob{noPod: true} }

// Match reports whether the pattern matches the whole name.
func (g Glob) Match(name string) bool {
	switch {
	case g.noPod:
		return name == ""
	case g.pattern == "":
		return true
	}
	ok, _ := path.Match(g.pattern, name) // ParseGlob has seen that it is well-formed
	return ok
}

// String is the pattern; empty for the zero Glob and for NoPod.
func (g Glob) String() string { return g.pattern }
