// Package cluster installs falcogate's chart by a real helm into a real control plane, whose
// nodes are played by KWOK: what is taken, refused and allowed is the API server's own word,
// while no container runs.
package cluster
