// Package kube is the one edge to Kubernetes, shared by both sides: it watches
// pods for placements and Falcos to read, holds the Lease that gives each Falco
// one reader, and reviews who may ask and feed.
//
// It may import correlate and client-go, and is the only package that imports the
// latter. It knows nothing of the event log, of HTTP or of verdicts: cmd hands
// what it finds to the consumer, and its reviews to the API.
package kube
