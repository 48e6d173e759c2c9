// Package jobs runs the Jobs of docs/examples to their end: a real API server takes them, its
// controller makes their pods, and each pod's container is a falcogate process that asks a
// real falcogate with the pod's token. The test is the kubelet: it reports how the process
// has ended.
//
// It owns nothing that users run. go test -update rewrites the output in docs/clients.
package jobs
